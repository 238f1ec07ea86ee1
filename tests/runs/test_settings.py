import json
import math
import pickle
from types import MappingProxyType

import numpy as np
import pytest
from torch import nn

from gnlab import problems
from gnlab.errors import InputError
from gnlab.runs import BOUNDS, Run, Settings, choices, live


@pytest.mark.parametrize("name", problems.NAMES)
def test_left_out_choices_are_the_presets_recommendation(name):
    recommended, settings = problems.recommended(name), Settings(name)
    for field in ("partition", "direction", "lr", "damping", "period", "batch_size"):
        assert getattr(settings, field) == getattr(recommended, field)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"preset": "digit-mlp"}, "Did you mean 'digits-mlp'"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"partition": "tensors"}, "Did you mean 'tensor'"),
        ({"partition": "chunk:"}, "chunk:k"),
        ({"direction": "momentun"}, "Did you mean 'momentum'"),
        ({"device": "gpu"}, "cuda"),
        ({"dtype": "float16"}, "float32"),
        ({"lr": -0.1}, "lr must be"),
        ({"lr": math.nan}, "lr must be"),
        ({"damping": math.inf}, "damping must be"),
        ({"period": 0}, "period must be"),
        ({"period": 1.5}, "whole"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": "one"}, "seed must be"),
        ({"preset": ["moons"]}, "preset must be"),
        ({"partition": ["all"]}, "unknown level"),
        ({"partition": {"a": 5}}, "needs a list of parameter names"),
        ({"partition": {"a": [5]}}, "needs a list of parameter names"),
        ({"direction": {}}, "unknown direction"),
        ({"optimizer": None}, "unknown optimizer"),
        ({"optimizer": ["adam"]}, "unknown optimizer"),
        ({"lr": None, "preset": "own:x"}, "no lr was given"),
    ],
)
def test_an_invalid_choice_is_named_with_what_is_valid(values, said):
    with pytest.raises(InputError, match=r".+") as caught:
        Settings(**values)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_optimizer_that_is_no_name_is_refused_in_a_change_too():
    with pytest.raises(InputError, match="unknown optimizer"):
        Settings().changed(optimizer=["adam"])


def test_own_groups_are_the_settings_own():
    groups = {"a": ["layer1.weight"], "b": ("layer1.bias",)}
    settings = Settings("moons", partition=MappingProxyType(groups))
    groups["a"].append("layer2.weight")
    assert settings.partition == {"a": ["layer1.weight"], "b": ["layer1.bias"]}
    assert json.loads(json.dumps(settings.to_json()))["partition"] == settings.partition


def test_the_name_of_a_problem_of_ones_own_is_no_preset():
    for make in (Settings, Run, lambda name: Settings().changed(preset=name)):
        with pytest.raises(InputError, match=r"'own:x' is .* one's own.*Run\(problem=.*moons"):
            make("own:x")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'damping'"):
        Settings().changed(dampng=1.0)


def test_plain_values_restore_the_settings():
    settings = Settings("moons", partition={"a": ["layer1.weight"]}, period=3.0, seed=4)
    assert settings.period == 3
    assert isinstance(settings.period, int)
    assert Settings(**settings.to_json()) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_new_preset_brings_its_own_numbers_and_keeps_what_is_not_its():
    settings = Settings("digits-mlp", seed=5, dtype="float64", lr=7.0)
    moved = settings.changed(preset="quadratic", damping=2.0)
    assert moved == Settings("quadratic", seed=5, dtype="float64", damping=2.0)


def test_a_new_optimizer_brings_its_own_rate():
    settings = Settings("digits-mlp", lr=0.3)
    assert settings.changed(optimizer="adam").lr == 1e-3
    assert settings.changed(optimizer="adam", lr=0.2).lr == 0.2
    back = settings.changed(optimizer="adam").changed(optimizer="grouped-newton")
    assert back.lr == problems.recommended("digits-mlp").lr


def test_choices_and_bounds_are_told_without_building_anything():
    assert [name for name, _ in choices().presets] == list(problems.NAMES)
    assert "adam" in choices().optimizers
    for name, bound in BOUNDS.items():
        assert bound.low <= getattr(Settings(), name) <= bound.high


@pytest.mark.parametrize("preset", problems.NAMES)
def test_the_lab_shows_every_step_where_that_takes_little(preset):
    settings = Settings(**live(preset))
    costly = {"vgg11-cifar10", "bigmlp-cifar10", "vbigmlp-cifar10"}
    assert settings.period == (Settings(preset).period if preset in costly else 1)
    assert Settings().changed(**live(preset)) == settings


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ({"dtype": "float64"}, "dtype is the model's own .*: float32; got 'float64'"),
        ({"device": "cuda"}, "device is the model's own .*: cpu; got 'cuda'"),
    ],
)
def test_a_problem_of_ones_own_is_where_and_what_its_model_is(choices, text, own_problem):
    with pytest.raises(InputError, match=text):
        Run(problem=own_problem(nn.Linear(3, 1)), **choices)
    fine = Run(problem=own_problem(nn.Linear(3, 1)), dtype="float32", device="auto")
    assert (fine.settings.dtype, fine.settings.device) == ("float32", "cpu")


def test_a_problem_whose_model_is_of_another_dtype(own_problem):
    with pytest.raises(InputError, match=r"problem.dtype is float32, but .* are float64"):
        Run(problem=own_problem(nn.Linear(3, 1).double()))


def test_a_preset_beside_a_problem(own_problem):
    with pytest.raises(InputError, match="a preset or a problem of your own, not both"):
        Run("moons", problem=own_problem(nn.Linear(3, 1)))


@pytest.mark.parametrize("given", [["moons"], {"moons": 1}, 3, np.array(["moons", "xor"])])
@pytest.mark.parametrize(
    "name", ["preset", "optimizer", "direction", "device", "dtype", "partition"]
)
def test_what_is_no_name_is_no_choice(name, given):
    expected = f"{'level' if name == 'partition' else name}|list of parameter names"
    for choose in (Settings, Settings().changed):
        with pytest.raises(InputError, match=expected):
            choose(**{name: given})
    assert live(["moons"]) == {"preset": ["moons"]}  # Settings refuses it
