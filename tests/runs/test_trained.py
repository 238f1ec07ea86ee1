"""Parameters that a person freezes, unfreezes or replaces between the steps of a run."""

import dataclasses
import threading
from functools import partial

import pytest
import torch
from torch import nn

from gnlab import what_if
from gnlab.errors import InputError
from gnlab.guards import alone
from gnlab.runs import Change, Run, Step, ThreadEngine
from gnlab.runs.flat import versions
from gnlab.runs.trained import training

TORCHS = ("adam", "sgd")
CHOICES = {"device": "cpu", "period": 2}


@pytest.fixture(autouse=True)
def new_layers():
    """What is put in the place of a layer is the same each time."""
    torch.manual_seed(0)


def moons(optimizer="grouped-newton", **choices):
    return Run("moons", optimizer=optimizer, **{**CHOICES, **choices})


def frozen(run, *, flag=False):
    p = run.model.layer1.weight.requires_grad_(flag)
    return p, p.detach().clone()


@pytest.mark.parametrize("steps", [1, 2])  # the next step makes a summary, or none
@pytest.mark.parametrize("level", ["tensor", "all"])
def test_a_frozen_parameter_is_named_and_a_partition_goes_on(level, steps):
    run = moons()
    for _ in range(steps):
        run.step()
    p, before = frozen(run)
    for _ in range(2):
        with pytest.raises(InputError, match=r"'layer1.weight' was frozen .*change\(partition="):
            run.step()
    assert (run.step_count, run.phase, p.requires_grad) == (steps, "", False)
    run.change(partition=level)
    run.step()
    assert torch.equal(p, before)
    assert len(run.record.group) == {"tensor": 5, "all": 1}[level]
    assert len(run.record.group) == run.level.S
    assert {rung.num_groups for rung in run.ladder.rungs} >= {1, 5}
    frozen(run, flag=True)
    with pytest.raises(InputError, match=r"'layer1.weight' was unfrozen or added after"):
        run.step()
    run.change(partition=level)
    run.step()
    assert not torch.equal(p, before)


@pytest.mark.parametrize("optimizer", TORCHS)
def test_torchs_optimizers_go_on(optimizer):
    run = moons(optimizer)
    run.step()
    p, before = frozen(run)
    run.step()
    assert torch.equal(p, before)
    assert run.level.S == 5
    frozen(run, flag=True)
    run.step()
    assert not torch.equal(p, before)
    frozen(run)
    run.change(optimizer="grouped-newton", lr=0.1)
    run.step()
    assert len(run.record.group) == 5


@pytest.mark.parametrize("optimizer", ["grouped-newton", *TORCHS])
def test_what_was_trained_is_part_of_the_state(optimizer, tmp_path, alike):
    run = moons(optimizer)
    run.step()
    p, _ = frozen(run)
    run.change(partition="role")
    records = [run.step() for _ in range(3)]
    run.rewind(2)
    branch = run.branch()
    run.save(tmp_path / "run")
    loaded = Run.load(tmp_path / "run")
    assert not loaded.model.layer1.weight.requires_grad
    for each in (run, branch, loaded):
        assert [alike(each.step(), record) for record in records[1:]] == [True, True]
    run.rewind(0)
    assert p.requires_grad
    assert alike(run.step(), moons(optimizer).step())


def test_amid_a_step_it_is_undone():
    run = moons(period=1)
    run.step()
    run.substep()
    p, before = frozen(run)
    with pytest.raises(InputError, match=r"'layer1.weight' was frozen"):
        run.substep()
    assert (run.step_count, run.phase) == (1, "")
    run.change(partition="tensor")
    run.step()
    assert torch.equal(p, before)


def test_a_reset_leaves_frozen_what_is():
    run = moons()
    start = run.model.layer1.weight.detach().clone()
    run.step()
    p, _ = frozen(run)
    run.reset()
    run.step()
    assert torch.equal(p, start)


def test_a_failed_step_leaves_frozen_what_is():
    run = moons(period=1, safeguard=False)
    run.step()
    run.step()
    p, _ = frozen(run)
    run.change(partition="tensor")
    with torch.no_grad():
        run.model.layer2.weight.fill_(torch.nan)
    run.step()
    assert (run.undone, run.step_count, p.requires_grad) == (True, 1, False)
    assert run.step().group == run.partition.names
    assert run.partition.num_groups == 5


@pytest.mark.parametrize("optimizer", ["grouped-newton", *TORCHS])
def test_a_layer_that_is_replaced_is_named_and_a_partition_goes_on(optimizer):
    run = moons(optimizer)
    run.step()
    last = run.model.layer3
    run.model.layer3 = nn.Linear(last.in_features, last.out_features)
    with pytest.raises(InputError, match=r"'layer3.weight' was replaced .*change\(partition="):
        run.step()
    new = run.model.layer3.weight.detach().clone()
    run.change(partition="tensor")
    run.step()
    assert not torch.equal(new, run.model.layer3.weight)


def amid_a_summary(model, act):
    """What something returns that another thread does while a summary has tensors of its own."""
    found, own = [], model.layer1._parameters["weight"]
    other = threading.Thread(target=lambda: found.append(act()))
    with alone(model):
        model.layer1._parameters["weight"] = own.detach().clone()
        other.start()
        other.join(0.1)
        model.layer1._parameters["weight"] = own
    other.join()
    return found[0]


def test_a_summary_of_another_thread_is_waited_for():
    run = moons()
    known = run.ladder
    assert amid_a_summary(run.model, lambda: run.ladder) is known
    before = versions(run.model)
    with torch.no_grad():
        run.model.layer1.weight.mul_(2)
    assert amid_a_summary(run.model, lambda: versions(run.model)) == (before[0] + 1, *before[1:])

    def freeze():
        with training(run.model, ["layer3.bias"]):
            return [n for n, p in run.model.named_parameters() if p.requires_grad]

    assert amid_a_summary(run.model, freeze) == ["layer3.bias"]
    assert all(p.requires_grad for p in run.model.parameters())


def add_layer(model):
    model.layer4 = nn.Linear(1, 1)


def resize(model):
    model.layer3 = nn.Linear(model.layer3.in_features, 7)


@pytest.mark.parametrize("optimizer", ["grouped-newton", *TORCHS])
@pytest.mark.parametrize(
    ("act", "message"),
    [
        (resize, r"'layer3.weight' is float32 \[7, .* now, and was float32 \[\d, .*new run"),
        (add_layer, r"'layer4.weight' is float32 \[1, 1\] on cpu now, and was absent.*new run"),
        (
            nn.Module.half,
            r"is float16 .* now, and was float32.*: put it back, run.model.to\(torch.float32\)\.",
        ),
        (
            partial(nn.Module.to, device="meta"),
            r"'layer1.weight' is float32 .* on meta now, and .*load a saved run",
        ),
        (lambda model: delattr(model, "layer3"), "'layer3.weight' is absent now, and was float32"),
    ],
    ids=["resized", "added", "half", "meta", "removed"],
)
def test_a_run_is_of_one_model(optimizer, act, message, tmp_path):
    run = moons(optimizer)
    run.step()
    act(run.model)
    for refused in (
        run.step,
        lambda: run.change(partition="all"),
        lambda: run.rewind(0),
        run.branch,
        lambda: run.save(tmp_path / "run"),
        run.reset,
        lambda: run.levels,
        lambda: what_if(run),
    ):
        with pytest.raises(InputError, match=message) as error:
            refused()
        assert "\n" not in str(error.value)


def test_a_model_that_makes_a_parameter_when_it_is_called(own_problem):
    class Making(nn.Linear):
        def forward(self, x):
            if not hasattr(self, "scale"):
                self.scale = nn.Parameter(torch.ones(1))
            return super().forward(x) * self.scale

    problem = own_problem(Making(3, 1))
    run = Run(problem=problem)
    with pytest.raises(InputError, match=r"'scale' is float32 \[1\] on cpu now, and was absent"):
        run.step()
    assert "scale" in Run(problem=problem).step().group


def test_a_page_tells_it_and_goes_on_by_its_slider(until):
    engine = ThreadEngine()
    try:
        run = moons()
        run_id = engine.adopt(run)
        look = partial(engine.snapshot, run_id)
        number = engine.send(run_id, Step(1))
        until(look, lambda s: s.applied >= number and s.step == 1)
        frozen(run)
        engine.send(run_id, Step(1))
        told = until(look, lambda s: s.severity == "error")
        assert "'layer1.weight' was frozen" in told.message
        engine.send(run_id, Change({"partition": "tensor"}))
        engine.send(run_id, Step(1))
        assert len(until(look, lambda s: s.step == 2).record.group) == 5
    finally:
        engine.close()


def edited(run):
    with torch.no_grad():
        run.model.layer1.bias.add_(0.25)
    return run.model.layer1.bias.detach().clone()


def test_values_that_were_set_by_hand_are_saved_and_copied(tmp_path):
    run = moons()
    run.step()
    values = edited(run)
    run.save(tmp_path / "run")
    for other in (run.branch(), Run.load(tmp_path / "run")):
        assert torch.equal(other.model.layer1.bias, values)
    assert torch.equal(run.model.layer1.bias, values)


@pytest.mark.parametrize("optimizer", ["grouped-newton", *TORCHS])
def test_a_step_that_fails_goes_back_to_the_values_that_were_set_by_hand(optimizer):
    run = moons(optimizer)
    run.step()
    values = edited(run)
    loss = run.problem.loss_fn
    run._trainer.problem = dataclasses.replace(run.problem, loss_fn=lambda out, y: None)
    with pytest.raises(InputError, match="got None"):
        run.step()
    assert torch.equal(run.model.layer1.bias, values)
    run._trainer.problem = dataclasses.replace(run.problem, loss_fn=loss)
    run.step()
    run.rewind(1)
    assert torch.equal(run.model.layer1.bias, values)


def test_a_model_that_cannot_be_measured_any_more_keeps_its_levels():
    run = moons()
    levels = run.levels
    run.model.requires_grad_(False)
    assert run.levels == levels  # as a page asks for them all the time
    with pytest.raises(InputError, match="no trainable parameters"):
        run.change(partition="all")
    frozen(run, flag=True)
    run.change(partition="all")
    assert len(run.levels) < len(levels)
