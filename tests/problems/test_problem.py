"""Data: a batch holds the chosen rows only, decoded in the dtype that was asked for."""

import dataclasses

import pytest
import torch

from gnlab import problems
from gnlab.errors import InputError
from gnlab.problems import Data, Normalisation

BYTES = torch.tensor([[[[0, 255]]], [[[51, 102]]], [[[255, 0]]]], dtype=torch.uint8)
TARGETS = torch.tensor([2, 0, 1])


def test_normalisation_by_hand():
    """MNIST's constants: black is −0.1307/0.3081, white (1 − 0.1307)/0.3081."""
    data = Data(BYTES, TARGETS, Normalisation((0.1307,), (0.3081,)))
    x, y = data.batch(torch.tensor([2, 1]), dtype=torch.float64)
    expected = torch.tensor(
        [[[[0.8693 / 0.3081, -0.1307 / 0.3081]]], [[[0.0693 / 0.3081, 0.2693 / 0.3081]]]],
        dtype=torch.float64,
    )
    torch.testing.assert_close(x, expected, rtol=1e-14, atol=1e-14)
    assert y.tolist() == [1, 0]
    assert len(data) == 3


def test_each_channel_has_its_own_normalisation():
    raw = torch.full((1, 3, 2, 2), 10, dtype=torch.uint8)
    data = Data(raw, TARGETS[:1], Normalisation((0.0, 1.0, 2.0), (1.0, 2.0, 4.0), scale=10.0))
    x, _ = data.batch(torch.tensor([0]))
    assert x.dtype is torch.float32
    assert x[0, :, 0, 0].tolist() == [1.0, 0.0, -0.25]


def test_inputs_without_normalisation_come_as_they_are():
    points = torch.tensor([[0.5, -1.0], [2.0, 3.0]])
    x, _ = Data(points, TARGETS[:2]).batch(torch.tensor([1]), dtype=torch.float64)
    assert x.tolist() == [[2.0, 3.0]]
    assert x.dtype is torch.float64


def test_a_batch_can_be_written_to():
    for norm in (None, Normalisation((0.0,), (1.0,))):
        data = Data(BYTES.float(), TARGETS, norm)
        before = data.inputs.clone()
        x, y = data.batch(torch.arange(3))
        x.zero_()
        y.zero_()
        assert torch.equal(data.inputs, before)
        assert data.targets.tolist() == [2, 0, 1]


def test_empty_batch():
    with pytest.raises(InputError, match="at least one sample"):
        Data(BYTES, TARGETS).batch(torch.empty(0, dtype=torch.int64))


def test_whole_numbers_that_count_stay_whole():
    tokens = torch.tensor([[3, 1], [0, 2], [1, 1]])
    x, _ = Data(tokens, TARGETS).batch(torch.tensor([0, 2]), dtype=torch.float64)
    assert x.dtype is torch.int64
    assert x.tolist() == [[3, 1], [1, 1]]
    assert Data(BYTES, TARGETS).batch(torch.tensor([0]))[0].dtype is torch.float32


def test_inputs_and_targets_are_equally_many():
    with pytest.raises(InputError, match=r"equally many, .* got 3 inputs and 2 targets"):
        Data(BYTES, TARGETS[:2])
    with pytest.raises(InputError, match=r"targets must be a tensor .*; got list"):
        Data(BYTES, [2, 0, 1])
    with pytest.raises(InputError, match=r"inputs must be a tensor .*; got a number"):
        Data(torch.tensor(1.0), TARGETS)


def test_samples_that_there_are_not():
    with pytest.raises(InputError, match="there are 3 samples, numbered from 0; got number 3"):
        Data(BYTES, TARGETS).batch(torch.tensor([0, 3]))


@pytest.mark.parametrize(
    ("indices", "got"),
    [
        ([0, 1], "list"),
        (None, "NoneType"),
        (torch.tensor([0.0, 1.0]), r"torch\.float32 of shape \[2\]"),
        (torch.tensor([True, False, True]), r"torch\.bool of shape \[3\]"),
        (torch.tensor(1), r"torch\.int64 of shape \[\]"),
        (torch.tensor([-1]), "number -1"),
    ],
)
def test_samples_are_chosen_by_their_numbers(indices, got):
    with pytest.raises(InputError, match=rf"numbered from 0.*; got {got}"):
        Data(BYTES, TARGETS).batch(indices)


def test_samples_must_be_data():
    known = problems.problem("moons")
    with pytest.raises(InputError, match=r"train must be gnlab.problems.Data.*; got tuple"):
        dataclasses.replace(known, train=(BYTES, TARGETS))
    with pytest.raises(InputError, match=r"train must be .*; got NoneType"):
        dataclasses.replace(known, train=None)
