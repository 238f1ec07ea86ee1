"""The check of the fast pass by the definition, at every summary."""

import dataclasses
import math

import pytest
import torch

from gnlab.errors import InputError
from gnlab.summaries.agreement import COMPARE, check_agreement, is_asked_for
from gnlab.summaries.summary import Part, Summary

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
    if not math.isnan(wrong) or name in ("loss", "g"):
        with pytest.raises(ArithmeticError, match=name):
            check_agreement(plain, fast)
    else:  # the definition by autograd does not know
        check_agreement(plain, fast)


@pytest.mark.parametrize("which", [0, 1])
def test_a_group_that_has_an_effect_by_one_way_alone_is_found(which):
    plain = summary()
    inert = torch.arange(2) == which
    fast = dataclasses.replace(plain, inert=inert)
    with pytest.raises(ArithmeticError, match=rf"group {which} has no effect by the fast pass"):
        check_agreement(fast, plain)
    with pytest.raises(ArithmeticError, match=rf"group {which} has no effect by the plain def"):
        check_agreement(plain, fast)


def with_parts(fast, plain):
    """The fast pass has a part for each operation, the plain definition two."""
    H = summary().H
    parts = [Part("1", "tanh", "activation", fast * H), Part("2", "linear", "product", fast * H)]
    one = dataclasses.replace(summary(), parts=(*parts, Part("loss", "sum", "loss", 2 * H)))
    two = [Part("loss", "", "loss", 2 * H), Part("", "", "model", plain * H)]
    return one, dataclasses.replace(summary(), parts=tuple(two))


@pytest.mark.parametrize("wrong", [0.505, math.nan])
def test_parts_are_compared(wrong):
    check_agreement(*with_parts(0.5, 1))
    with pytest.raises(ArithmeticError, match="the model's parts differs"):
        check_agreement(*with_parts(wrong, 1))
    one, two = with_parts(0.5, 1)
    two.parts[0].H[1, 1] *= 1.01
    with pytest.raises(ArithmeticError, match="the loss's parts differs"):
        check_agreement(one, two)


def test_rounding_is_no_difference():
    plain = summary()
    check_agreement(plain, plain)
    check_agreement(dataclasses.replace(plain, H=plain.H + 1e-15, g=plain.g * (1 + 1e-12)), plain)


def test_what_is_no_number_in_both_agrees():
    nothing = dataclasses.replace(
        summary(), loss=torch.tensor(math.nan), g=torch.full((2,), math.nan)
    )
    check_agreement(nothing, nothing)


def test_it_is_asked_for_by_one_and_not_by_nought(monkeypatch):
    monkeypatch.delenv(COMPARE, raising=False)
    assert not is_asked_for()
    for given, wanted in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv(COMPARE, given)
        assert is_asked_for() is wanted
    monkeypatch.setenv(COMPARE, "yes")
    with pytest.raises(InputError, match=f"{COMPARE} must be 1, .* or 0; got 'yes'"):
        is_asked_for()
