"""The check of the fast pass by the definition, at every summary."""

import dataclasses
import math

import pytest
import torch

from gnlab.summaries.agreement import check_agreement
from gnlab.summaries.summary import Summary

DOUBLE = torch.float64


def summary():
    """Of a group of size one, and of one a thousand times smaller."""
    a = torch.tensor([1.0, 1e-3], dtype=DOUBLE)
    H = torch.outer(a, a)
    return Summary(
        torch.tensor(1.0, dtype=DOUBLE), a, H, a**3, torch.zeros(2).bool(), "jets", 1.0, H, ()
    )


@pytest.mark.parametrize("name", ["loss", "g", "H", "third", "ggn"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1.01])
def test_a_wrong_small_group_is_found(name, wrong):
    plain = summary()
    value = getattr(plain, name).clone()
    value.view(-1)[-1] *= wrong
    fast = dataclasses.replace(plain, **{name: value})
    with pytest.raises(ArithmeticError, match=name):
        check_agreement(fast, plain)
    with pytest.raises(ArithmeticError, match=name):
        check_agreement(plain, fast)


def test_rounding_is_no_difference():
    plain = summary()
    check_agreement(plain, plain)
    check_agreement(dataclasses.replace(plain, H=plain.H + 1e-15, g=plain.g * (1 + 1e-12)), plain)


def test_what_is_no_number_in_both_agrees():
    nothing = dataclasses.replace(
        summary(), loss=torch.tensor(math.nan), g=torch.full((2,), math.nan)
    )
    check_agreement(nothing, nothing)
