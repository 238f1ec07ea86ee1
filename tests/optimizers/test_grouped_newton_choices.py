"""GroupedNewton's hyperparameters: bad ones are named, good ones change in the middle."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from gnlab.errors import InputError
from gnlab.optimizers import GroupedNewton
from gnlab.problems.surfaces import loss_is_output as value

NOTHING = (torch.zeros(1), torch.zeros(1))


def test_partition_and_direction_change_in_the_middle(one_step, classifier, data):
    batches = data(4)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, "all", period=10)
    losses = [one_step(model, optimizer, b, cross_entropy) for b in batches]
    for level, count in [("tensor", 4), ("role", 2)]:
        optimizer.change(partition=level)
        losses += [one_step(model, optimizer, b, cross_entropy) for b in batches]
        assert optimizer.step_sizes.shape == (count,)
    optimizer.change(direction="adam", lr=0.05, damping=3.0)
    losses += [one_step(model, optimizer, b, cross_entropy) for b in batches]
    assert all(torch.tensor(losses).isfinite())
    assert set(optimizer.state[next(model.parameters())]) == {"mean", "square", "step"}


def test_an_average_taken_up_again_after_another_direction_starts_anew(one_step, classifier, data):
    batches = data(3)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, batches, "all", direction="momentum")
    weight = next(model.parameters())
    for batch in batches:
        one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(direction="gradient")
    one_step(model, optimizer, batches[0], cross_entropy)
    assert not optimizer.state[weight]
    optimizer.change(direction="momentum")
    one_step(model, optimizer, batches[1], cross_entropy)
    assert torch.equal(optimizer.direction["0.weight"], weight.grad)


def test_a_refused_change_changes_nothing(quadratic):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], lr=0.1)
    with pytest.raises(InputError, match="damping must be"):
        optimizer.change(lr=0.7, damping=-1.0)
    with pytest.raises(InputError, match="unknown level"):
        optimizer.change(lr=0.7, partition="tensr")
    assert optimizer.settings["lr"] == 0.1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"lr": -0.1}, "lr must be"),
        ({"damping": float("nan")}, "damping must be"),
        ({"period": 0}, "period must be"),
        ({"period": 1.5}, "a whole number"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"step_momentum": 2.0}, "step_momentum must be"),
        ({"safeguard": "no"}, "safeguard must be True or False; got 'no'"),
        ({"parts": "all"}, "parts must be True or False; got 'all'"),
        ({"direction": "adm"}, "Did you mean 'adam'"),
        ({"direction": ["adam"]}, "unknown direction"),
        ({"partition": "tenor"}, "Did you mean 'tensor'"),
        ({"summary_batches": 3}, "summary_batches must be"),
    ],
)
def test_bad_choices_are_named(choice, message, quadratic):
    model, _, _ = quadratic()
    with pytest.raises(InputError, match=message):
        GroupedNewton(model, value, **({"summary_batches": [NOTHING]} | choice))


OUT_OF_BOUNDS = [
    ("lr", float("nan")), ("lr", -1.0), ("lr", torch.tensor(-1.0)), ("lr", torch.ones(1)),
    ("damping", -1.0), ("period", 0), ("period", 1.5), ("momentum", 1.0), ("step_momentum", 1.5),
    ("direction", "up"), ("direction", ["up"]), ("safeguard", 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given"), OUT_OF_BOUNDS)
def test_what_torchs_own_route_puts_out_of_bounds_moves_nothing(name, given, quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], lr=0.1, period=1)
    one_step(model, optimizer, NOTHING, value)
    saved = optimizer.state_dict()
    before = [p.detach().clone() for p in model.parameters()]
    optimizer.param_groups[0][name] = saved["param_groups"][0][name] = given
    with pytest.raises(InputError, match=f"{name}.*got|unknown direction"):
        one_step(model, optimizer, NOTHING, value)
    assert all(map(torch.equal, before, model.parameters()))
    fresh = GroupedNewton(model, value, [NOTHING], lr=0.1, period=1)
    with pytest.raises(InputError, match=f"{name}.*got|unknown direction"):
        fresh.load_state_dict(saved)
    assert fresh.settings["lr"] == 0.1
    assert fresh.steps == 0


@pytest.mark.parametrize("name", ["lr", "damping", "direction", "safeguard"])
def test_what_torchs_own_route_took_away_is_named(name, quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], period=1)
    del optimizer.param_groups[0][name]
    with pytest.raises(InputError, match=f"param_groups has no '{name}' any more"):
        one_step(model, optimizer, NOTHING, value)
    optimizer.change(**{name: {"direction": "adam", "safeguard": True}.get(name, 0.5)})
    one_step(model, optimizer, NOTHING, value)
    assert optimizer.steps == 1


@pytest.mark.parametrize("kind", [torch.tensor, np.float32, float])
def test_a_rate_may_be_given_as_a_tensor(kind, quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], lr=kind(0.25), damping=kind(2.0))
    assert (optimizer.settings["lr"], optimizer.settings["damping"]) == (0.25, 2.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    one_step(model, optimizer, NOTHING, value)
    scheduler.step()
    assert optimizer.settings["lr"] == 0.125
    optimizer.change(lr=kind(0.5))
    assert optimizer.settings["lr"] == 0.5
    with pytest.raises(InputError, match=r"lr must be .*got"):
        GroupedNewton(model, value, [NOTHING], lr=kind(-0.25))


def test_a_rate_may_be_a_tensor(quadratic, one_step):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING], period=1)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    losses = []
    for _ in range(3):
        losses.append(one_step(model, optimizer, NOTHING, value))
        scheduler.step()
    assert losses[2] < losses[1] < losses[0]
    assert optimizer.settings["lr"].item() == pytest.approx(0.0625)


def test_an_unknown_hyperparameter_is_answered_with_all_there_are(quadratic):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING])
    with pytest.raises(InputError, match=r"Did you mean 'direction'.*lr, damping, .*, direction"):
        optimizer.change(directions="adam")


def test_no_parameters_are_added_that_the_model_does_not_have(quadratic):
    model, _, _ = quadratic()
    optimizer = GroupedNewton(model, value, [NOTHING])
    more = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(InputError, match="parameters come from the model; build a new optimizer"):
        optimizer.add_param_group({"params": [more], "lr": 0.5})
    assert len(optimizer.param_groups) == 1


def test_a_parameter_frozen_later_stays(one_step, classifier, data):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], "all", period=100)
    for _ in range(3):
        one_step(model, optimizer, batch, cross_entropy)
    model[0].requires_grad_(False)
    before, other = model[0].weight.clone(), model[2].weight.clone()
    one_step(model, optimizer, batch, cross_entropy)
    assert torch.equal(model[0].weight, before)
    assert not torch.equal(model[2].weight, other)


@pytest.mark.parametrize("frozen", [False, True])
def test_what_was_frozen_or_unfrozen_later_is_named_and_a_new_partition_takes_it(
    frozen, one_step, classifier, data
):
    [batch] = data(1)
    model = classifier()
    model[0].requires_grad_(frozen)
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    model[0].requires_grad_(not frozen)
    word = "frozen" if frozen else "unfrozen"
    with pytest.raises(InputError, match=rf"'0.weight' was {word} .*change\(partition="):
        one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(partition="tensor")
    before = model[0].weight.clone()
    one_step(model, optimizer, batch, cross_entropy)
    assert optimizer.step_sizes.shape == (2 if frozen else 4,)
    assert torch.equal(model[0].weight, before) == frozen
    # A new optimizer of what is trainable now takes the state.
    again = GroupedNewton(model, cross_entropy, [batch], period=1)
    again.load_state_dict(optimizer.state_dict())
    assert torch.equal(again.step_sizes, optimizer.step_sizes)


def test_what_was_replaced_later_is_named_and_not_left_behind(one_step, classifier, data):
    [batch] = data(1)
    model = classifier()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    one_step(model, optimizer, batch, cross_entropy)
    model[0].weight = torch.nn.Parameter(model[0].weight.detach().clone())
    with pytest.raises(InputError, match=r"'0.weight' was replaced .*change\(partition="):
        one_step(model, optimizer, batch, cross_entropy)
    # Where all are, no gradient is left to the optimizer.
    values = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict({name: v.clone() for name, v in values.items()}, assign=True)
    with pytest.raises(InputError, match=r"'0.weight' was replaced .*change\(partition="):
        one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(partition="tensor")
    one_step(model, optimizer, batch, cross_entropy)
    assert all(not torch.equal(model.state_dict()[name], value) for name, value in values.items())


def test_what_was_added_or_tied_later_is_told_as_that(one_step, classifier, data):
    [batch] = data(1)
    model = torch.nn.Sequential(classifier(), torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)).double()
    optimizer = GroupedNewton(model, cross_entropy, [batch], period=1)
    model[2].weight = model[1].weight
    with pytest.raises(InputError, match=r"'2.weight' was taken out or tied to another after"):
        one_step(model, optimizer, batch, cross_entropy)
    optimizer.change(partition="tensor")
    model.append(torch.nn.Linear(3, 3).double())
    with pytest.raises(InputError, match=r"'3.weight' was unfrozen or added after"):
        one_step(model, optimizer, batch, cross_entropy)
