"""Steps that cannot be made: where the run is then, and what it says."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from gnlab import InputError, problems, solve_cubic
from gnlab.cubic import Status
from gnlab.optimizers import StepInfo
from gnlab.runs import Run
from gnlab.runs.failure import Failure, advice


def test_a_diverging_run_is_on_its_last_good_step_and_says_why(parameters):
    run = Run("quadratic", optimizer="sgd", lr=1e6)
    record = run.step()
    while not run.stopped:
        record = run.step()
    assert record.status == "nonfinite"
    assert run.undone
    assert bool(parameters(run).isfinite().all())
    assert 1 <= record.step - run.step_count <= 2
    assert "not finite" in run.stopped
    assert "Rewind and take a smaller learning rate" in run.stopped
    assert run.history.step[-1] == run.step_count
    assert run.settings.lr == 1e6
    run.change(lr=0.01)
    assert run.step().status == ""
    assert run.stopped == ""


def test_a_loss_that_overflows_takes_back_the_step_before():
    run = Run("quadratic", optimizer="sgd", lr=1e6, momentum=0.0)
    while not run.stopped:
        run.step()
    with torch.no_grad():
        assert math.isfinite(run.problem.loss_fn(run.model(None), None).item())


def test_data_that_are_not_finite_stop_the_run_where_it_is(parameters, noisy_problem):
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    inputs[7] = math.nan
    run = Run(problem=noisy_problem(inputs))
    for _ in range(5):
        record = run.step()
        if run.stopped:
            break
    assert record.status == "nonfinite"
    assert math.isnan(record.loss)
    assert record.step == run.step_count + 1
    assert "the batch holds values that are not finite" in run.stopped
    assert bool(parameters(run).isfinite().all())


def test_a_summary_that_is_not_finite_stops_the_run_though_its_loss_is_finite(
    own_problem, parameters
):
    """The squares of the gradient are beyond the range of float32, the loss is not."""
    torch.manual_seed(0)
    run = Run(problem=own_problem(nn.Linear(3, 1), 1e9 * torch.randn(40, 3)), safeguard=False)
    before = parameters(run)
    record = run.step()
    assert record.status == "nonfinite"
    assert math.isfinite(record.loss)
    assert not run.undone
    assert run.step_count == record.step
    assert f"Step {record.step}: nonfinite" in run.stopped
    assert torch.equal(parameters(run), before)


def test_a_warning_that_lasts_does_not_change_from_step_to_step():
    solution = solve_cubic([[-1.0]], [1.0], [0.0], 0.0)
    assert solution.status is Status.unbounded
    steps = [StepInfo(n, None, solution, None, None, updated=True) for n in (3, 4)]
    said = {advice(info) for info in steps}
    assert said == {("", f"{solution.status} The step sizes stay as they were.")}


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_undoes_the_step_and_says_so(error, monkeypatch, parameters):
    run = Run("moons")
    run.step()
    held = parameters(run)
    monkeypatch.setattr(run._trainer.grouped, "measure", lambda: (_ for _ in ()).throw(error))
    record = run.step()
    assert record.status == "nonfinite"
    assert "out of memory" in run.stopped
    assert "smaller" in run.stopped
    assert run.step_count == 1
    assert torch.equal(parameters(run), held)
    assert run.step().status == "solved"


def test_a_gradient_that_was_not_computed_has_no_loss(monkeypatch):
    run = Run("moons")
    run.step()

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(run._trainer, "gradient", full)
    record = run.step()
    assert (record.step, record.status) == (2, "nonfinite")
    assert math.isnan(record.loss)


def test_an_error_inside_a_phase_leaves_the_run_at_its_last_step(monkeypatch, alike):
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()

    def broken():
        raise InputError("cannot be summarised")

    monkeypatch.setattr(run._trainer.grouped, "measure", broken)
    with pytest.raises(InputError, match="cannot be summarised"):
        run.step()
    assert (run.step_count, run.phase) == (1, "")
    assert alike(run.step(), other.step())


def test_a_model_that_falls_without_limit_stops_with_advice():
    surface = problems.problem("rosenbrock")

    class Saddle(nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = nn.Parameter(torch.tensor([0.1, 0.2]))

        def forward(self, x):
            return self.theta[0] ** 2 - self.theta[1] ** 2

    run = Run(problem=dataclasses.replace(surface, model=Saddle(), name="saddle"), damping=0.0)
    record = run.step()
    assert record.status == "unbounded"
    assert "nothing moved" in run.stopped
    assert "damping" in run.stopped
    assert not run.undone


def test_a_run_whose_level_was_changed_goes_on():
    class Bent(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = nn.Parameter(torch.tensor([1.0]))
            self.falling = nn.Parameter(torch.tensor([0.1]))

        def forward(self, x):
            return (self.wide**4 - self.falling**2).sum()

    surface = problems.problem("rosenbrock")
    bent = dataclasses.replace(surface, model=Bent(), name="bent")
    run = Run(problem=bent, partition="all", direction="gradient")
    assert run.step().status == "solved"
    run.change(partition="tensor")
    record = run.step()
    assert record.status == "unbounded"
    assert not run.stopped
    assert "step sizes stay as they were" in run.warning


BAD_LOSSES = {
    "no scalar": (lambda out, y: out[:, 0] - y, r"scalar, shape \[\]; got shape \[10\]"),
    "no graph": (lambda out, y: out.detach().mean(), "no graph"),
    "no tensor": (lambda out, y: 1.0, "scalar tensor; got float"),
    "no real number": (lambda out, y: out.mean() * 1j, "real scalar"),
}


@pytest.mark.parametrize("optimizer", ["grouped-newton", "adam", "sgd"])
@pytest.mark.parametrize("kind", BAD_LOSSES)
def test_a_loss_that_is_none_is_told_in_one_line(kind, optimizer, noisy_problem):
    loss_fn, said = BAD_LOSSES[kind]
    problem = dataclasses.replace(noisy_problem(), loss_fn=loss_fn)
    run = Run(problem=problem, optimizer=optimizer)
    with pytest.raises(InputError, match=said):
        run.step()
    assert (run.step_count, run.phase) == (0, "")


def test_a_sample_that_is_not_finite_is_told_where_only_the_summary_has_it(noisy_problem):
    inputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    run = Run(problem=noisy_problem(inputs), batch_size=1, summary_batch_size=40, period=2)
    run.step()
    first = run._trainer.batches.indices(run._trainer.drawn)
    away = next(n for n in range(40) if n not in first)
    inputs[away] = math.inf
    run.step()
    record = run.step()
    assert record.status == "nonfinite"
    assert run.undone
    assert "the batch holds values that are not finite" in run.stopped


@pytest.mark.parametrize("optimizer", ["grouped-newton", "sgd"])
def test_the_remedies_are_what_the_optimizer_has(optimizer):
    said = " ".join(failure.message(2, 1, optimizer) for failure in Failure)
    assert ("damping" in said) is (optimizer == "grouped-newton")
    assert ("partition" in said) is (optimizer == "grouped-newton")
    assert "smaller batch" in said


def test_no_training_data_are_told(noisy_problem):
    with pytest.raises(InputError, match="training data hold no sample"):
        Run(problem=noisy_problem(torch.zeros(0, 3)))


def test_no_validation_data_are_as_none(noisy_problem):
    problem = noisy_problem()
    empty = dataclasses.replace(problem.train, inputs=torch.zeros(0, 3), targets=torch.zeros(0))
    run = Run(problem=dataclasses.replace(problem, validation=empty))
    assert math.isnan(run.step().val_loss)
