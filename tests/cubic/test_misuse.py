"""What is no cubic model, told in one line: what was given and what is expected."""

import math

import numpy as np
import pytest
import torch

from gnlab.cubic import Status, solve_cubic
from gnlab.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(3), np.ones(2), np.ones(2)), r"\[S, S\].*got H \[3, 3\], g \[2\], d \[2\]"),
        ((np.eye(2), np.ones(2), np.ones(3)), r"got H \[2, 2\], g \[2\], d \[3\]"),
        ((np.ones(2), np.ones(2), np.ones(2)), r"got H \[2\]"),
        ((np.zeros((0, 0)), np.zeros(0), np.zeros(0)), "at least one group"),
        ((np.eye(2), np.ones(2), np.ones(2), -1.0), r"damping .*≥ 0; got -1\.0"),
        ((np.eye(2), np.ones(2), np.ones(2), math.nan), "damping .*finite.*got nan"),
        ((np.eye(2), np.ones(2), [1.0, -2.0]), r"d must be ≥ 0.*d\[1\] = -2"),
        (([[1.0, 2.0], [0.5, 1.0]], np.ones(2), np.ones(2)), r"symmetric.*H\[0, 1\] = 2"),
        (([[1.0, 2.0], [0.5]], np.ones(2), np.ones(2)), "rectangular"),
        ((np.eye(2) * 1j, np.ones(2), np.ones(2)), "real numbers"),
        ((torch.eye(2) * 1j, np.ones(2), np.ones(2)), "real numbers"),
        ((torch.eye(2).to_sparse(), np.ones(2), np.ones(2)), r"layout torch.sparse_coo; .*dense"),
        ((np.eye(2), np.ones(2), np.ones(2), "strong"), "damping .*got 'strong'"),
    ],
)
def test_misuse_names_what_was_given_and_what_is_expected(arguments, message):
    with pytest.raises(InputError, match=message):
        solve_cubic(*arguments)


def test_rounding_in_H_is_no_misuse():
    H = np.array([[1.0, 0.5], [0.5 + 1e-7, 1.0]])
    assert solve_cubic(H, [1.0, 1.0], [1.0, 1.0]).status is Status.solved


@pytest.mark.parametrize("damping", ["1", True, 10**400, -1.0, math.nan, None, [1.0, 2.0]])
def test_a_damping_that_is_no_number_is_one_line(damping):
    with pytest.raises(InputError, match=r"^damping must be a finite number ≥ 0; got .+$"):
        solve_cubic([[1.0]], [1.0], [1.0], damping)


def test_what_is_no_real_matrix_is_one_line():
    with pytest.raises(InputError, match=r"^solve_cubic needs real numbers.+$") as caught:
        solve_cubic(np.eye(40) * 1j, np.ones(40), np.ones(40))
    assert len(str(caught.value)) < 160
