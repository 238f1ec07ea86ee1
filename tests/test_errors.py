"""Messages say what was given and what would have been valid."""

import numpy as np
import pytest

import gnlab
from gnlab.errors import InputError, as_path, check_choice, check_number, unknown_choice

HUGE = pytest.param(10**400, id="huge")


def test_unknown_choice_lists_and_suggests():
    message = str(unknown_choice("preset", "digit-mlp", ["digits-mlp", "moons"]))
    assert message == (
        "unknown preset 'digit-mlp'. Did you mean 'digits-mlp'? Valid: digits-mlp, moons."
    )
    assert "Did you mean" not in str(unknown_choice("preset", "zzz", ["moons"]))


@pytest.mark.parametrize("given", [["adam"], {"adam": 1}, 3, None, np.array(["adam", "sgd"])])
def test_what_is_no_name_is_no_choice(given):
    with pytest.raises(InputError, match=r"unknown rule .*[.?] Valid: adam, sgd\."):
        check_choice("rule", given, ("adam", "sgd"))


def test_a_choice_is_passed():
    check_choice("rule", "sgd", ("adam", "sgd"))


def test_another_common_name_is_understood_where_it_has_a_meaning():
    valid = ["damping", "lr", "period"]
    for given, meant in (("learning_rate", "lr"), ("lambda_int", "damping"), ("tau", "period")):
        assert f"Did you mean {meant!r}?" in str(unknown_choice("setting", given, valid))
    message = str(unknown_choice("preset", "learning_rate", ["moons", "learning-rats"]))
    assert "Did you mean 'learning-rats'?" in message


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -1.0, "1", None, True, np.True_, np.float32("nan"), HUGE],
)
def test_check_number_refuses(value):
    with pytest.raises(InputError, match="lr must be a finite number in"):
        check_number("lr", value, low=0.0, high=10.0)


def test_check_number_passes_values_through():
    assert check_number("lr", 0.0, low=0.0) == 0.0
    assert check_number("period", 3, low=1, integer=True) == 3
    with pytest.raises(InputError, match="a whole number"):
        check_number("period", 2.5, low=1, integer=True)
    with pytest.raises(InputError, match=r"in \[0, 2147483647\]; got -1"):
        check_number("seed", -1, low=0, high=2**31 - 1, integer=True)
    with pytest.raises(InputError, match=r"in \[1, inf\); got 0"):
        check_number("period", 0, low=1, integer=True)
    with pytest.raises(InputError, match=r"\(0, 1\)"):
        check_number("x", 1.0, low=0.0, high=1.0, open_low=True, open_high=True)


@pytest.mark.parametrize(
    ("value", "integer"), [(np.float32(0.1), False), (np.float64(0.1), False), (np.int64(3), True)]
)
def test_check_number_takes_numpys_numbers(value, integer):
    assert check_number("lr", value, low=0.0, integer=integer) is value


def test_infinity_itself_is_written_as_excluded():
    with pytest.raises(InputError, match=r"number in \[0, inf\); got inf"):
        check_number("lr", float("inf"), low=0.0)
    with pytest.raises(InputError, match=r"number in \(-inf, inf\); got 'x'"):
        check_number("x", "x")


@pytest.mark.parametrize("value", [None, 3, b"runs", "a\0b"])
def test_what_is_no_path(value, tmp_path):
    run = gnlab.Run("moons")
    for ask in (run.save, gnlab.Run.load, run.record_to, gnlab.runs.open_record):
        with pytest.raises(InputError, match=r"must be a path, such as 'runs/first'; got "):
            ask(value)
    assert as_path("path", str(tmp_path)) == tmp_path == as_path("path", tmp_path)
