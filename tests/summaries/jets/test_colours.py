"""Which group owns which unit, in which colour."""

import torch

from gnlab.summaries.jets.colours import NOBODY, by_pieces, by_units, together

CPU = torch.device("cpu")


def test_units_have_one_colour():
    colouring = by_units(torch.tensor([4, 4, 2, 7]))
    assert colouring.owner == ((4, 4, 2, 7),)
    assert colouring.ranks == (2, 4, 7)
    assert (colouring.units, colouring.longest, colouring.complete) == (4, 2, True)
    assert [owned.units for owned in colouring.owned.values()] == [(2,), (0, 1), (3,)]
    assert colouring.owns(CPU).tolist() == [
        [False, False, True, False], [True, True, False, False], [False, False, False, True],
    ]  # fmt: skip


def test_pieces_have_as_many_colours_as_a_unit_has_pieces():
    colouring = by_pieces(torch.tensor([[1, 1, 2], [3, 3, 3], [6, 5, 4]]))
    assert colouring.owner == ((1, 3, 4), (2, NOBODY, 5), (NOBODY, NOBODY, 6))
    assert colouring.ranks == (1, 2, 3, 4, 5, 6)
    assert colouring.longest == 1
    assert not colouring.complete
    assert colouring.has_owner(CPU).sum() == 6


def test_sums_are_taken_over_each_groups_units():
    sums = torch.arange(8.0).reshape(1, 2, 4)
    one = together(by_units(torch.tensor([0, 0, 1, 2])), by_units(torch.tensor([3, 4, 5, 6])))
    assert one.by_group(sums).tolist() == [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]
    assert one.of((1, 5)).by_group(sums).tolist() == [[2.0, 6.0]]


def test_some_of_the_groups():
    colouring = by_units(torch.tensor([0, 1, 1, 2]))
    some = colouring.of((1, 9))
    assert some.owner == ((NOBODY, 1, 1, NOBODY),)
    assert some.ranks == (1,)
    assert colouring.of((0, 1, 2)) is colouring


def test_the_same_colours_are_equal_and_have_the_same_hash():
    one, two = by_units(torch.tensor([0, 1])), by_units(torch.tensor([0, 1]))
    assert one == two
    assert hash(one) == hash(two)
    assert one != by_units(torch.tensor([1, 0]))
