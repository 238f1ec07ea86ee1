import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from gnlab import InputError, problems
from gnlab.optimizers import GroupedNewton
from gnlab.problems import Batches, Data, Hyperparameters, Problem, Stream
from gnlab.runs import Run, Settings

WAYS = [
    {"optimizer": "adam"},
    {"optimizer": "sgd"},
    {"partition": "role", "period": 3},
    {"direction": "adam", "lr": 0.02},
    {"direction": "orthogonal", "damping": 3.0},
]


def parameters(run):
    return torch.cat([p.detach().reshape(-1) for p in run.model.parameters()])


def same(a, b):
    return all(_same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))


def _same(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


def alike(a, b):
    """The same step, but for the time that it took."""
    return same(dataclasses.replace(a, seconds=0), dataclasses.replace(b, seconds=0))


def noisy_problem(inputs=None, count=40):
    """A regression with dropout, whose steps draw random numbers."""
    source = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 3, generator=source) if inputs is None else inputs
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1))
    data = Data(inputs, torch.zeros(len(inputs), dtype=torch.int64))
    numbers = Hyperparameters(0.1, 1.0, 2, 10, 10)
    return Problem(
        "noisy", "", model, lambda out, y: (out[:, 0] - y).square().mean(), data, None, None,
        numbers, "classification", None, torch.float32,
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_rewound_branched_or_loaded_run_repeats_bit_for_bit(way, tmp_path):
    run = Run("moons", seed=3, **way)
    records = [run.step() for _ in range(8)]
    end = parameters(run)
    run.rewind(3)
    assert run.step_count == 3
    assert same(run.record, records[2])
    assert run.history.step.tolist() == [1, 2, 3]
    branch = run.branch()
    run.save(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt")
    assert loaded.settings == run.settings
    for other in (run, branch, loaded):
        again = [other.step() for _ in range(5)]
        assert all(alike(a, b) for a, b in zip(again, records[3:], strict=True))
        assert torch.equal(parameters(other), end)
        assert other.history.step.tolist() == list(range(1, 9))
    assert loaded.kept_steps[:2] == (0, 3)


def test_random_choices_inside_a_model_repeat_and_leave_no_trace():
    run = Run(problem=noisy_problem())
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = [run.step().loss for _ in range(6)]
    assert torch.equal(torch.rand(3), expected)
    run.rewind(2)
    assert [run.step().loss for _ in range(4)] == first[2:]
    # Dropout is really at work: the same batch gives another loss in another step.
    run.change(lr=0.0)
    losses = {run.step().loss for _ in range(40)}
    assert len(losses) > 30


def test_a_run_is_the_bare_optimizer_on_the_same_batches():
    run = Run("moons", period=2, seed=1)
    problem = problems.problem("moons", seed=1)
    settings = run.settings
    order = Batches(len(problem.train), settings.batch_size, 1, Stream.train_batches)
    summary = Batches(len(problem.train), settings.summary_batch_size, 1, Stream.summary_batches)
    optimizer = GroupedNewton(
        problem.model, problem.loss_fn, lambda k: problem.train.batch(summary.indices(k)),
        lr=settings.lr, damping=settings.damping, period=2, momentum=settings.momentum,
        step_momentum=settings.step_momentum,
    )  # fmt: skip
    for step in range(5):
        x, y = problem.train.batch(order.indices(step))
        optimizer.zero_grad()
        loss = problem.loss_fn(problem.model(x), y)
        loss.backward()
        optimizer.step()
        record = run.step()
        assert record.loss == loss.item()
        np.testing.assert_array_equal(record.step_size, optimizer.info.step_sizes.numpy())
    for ours, bare in zip(run.model.parameters(), problem.model.parameters(), strict=True):
        assert torch.equal(ours, bare)


def test_a_record_holds_what_its_step_measured():
    run = Run("quadratic", dtype="float64", partition="all", damping=0.0)
    before = parameters(run).numpy()
    record = run.step()
    A = run.model.matrix.numpy()
    u = A @ before
    assert record.step == 1
    assert record.loss == pytest.approx(0.5 * before @ A @ before)
    np.testing.assert_allclose(record.g, [u @ u])
    np.testing.assert_allclose(record.H, [[u @ A @ u]])
    np.testing.assert_allclose(record.step_size_solved, [u @ u / (u @ A @ u)])
    after = parameters(run).numpy()
    measured = record.loss - 0.5 * after @ A @ after
    assert record.decrease_measured == pytest.approx(measured, rel=1e-12)
    # On a quadratic the order-2 model is the loss itself.
    assert record.decrease_predicted == pytest.approx(measured, rel=1e-12)
    assert record.status == "solved"
    assert record.group == ("all",)
    assert math.isnan(record.val_loss)
    assert record.H.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        record.H[0, 0] = 1.0


def test_steps_between_summaries_have_none():
    run = Run("moons", period=3)
    records = [run.step() for _ in range(7)]
    assert [r.step for r in records if r.H is not None] == [1, 4, 7]
    assert [r.status for r in records] == ["solved", "", "", "solved", "", "", "solved"]
    assert all(r.step_size is not None for r in records)
    assert all(math.isnan(r.decrease_measured) == (r.H is None) for r in records)
    run.rewind(6)
    assert run.summary.step == 4


def test_substeps_make_the_step_one_phase_at_a_time():
    run, whole = Run("moons", period=2), Run("moons", period=2)
    assert [run.substep() for _ in range(4)] == ["gradient", "summary", "solve", "update"]
    assert alike(run.record, whole.step())
    assert [run.substep() for _ in range(2)] == ["gradient", "update"]
    assert alike(run.record, whole.step())
    assert run.substep() == "gradient"
    assert run.phase == "gradient"
    assert run.substep() == "summary"
    assert run.summary.step == 3
    assert run.summary.H is not None
    assert run.summary.step_size_solved is None
    assert run.substep() == "solve"
    assert run.summary.step_size_solved is not None
    assert run.step_count == 2
    assert alike(run.step(), whole.step())
    assert run.step_count == 3


def test_a_change_in_the_middle_of_a_substep_begins_the_step_again():
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()
    run.substep()
    run.substep()
    for each in (run, other):
        each.change(partition="role")
    assert run.phase == ""
    assert alike(run.step(), other.step())


def test_a_change_keeps_the_momentum_and_takes_effect_at_once():
    run = Run("moons", momentum=0.9)
    for _ in range(3):
        run.step()
    held = [s["momentum"].clone() for s in run._trainer.optimizer.state.values()]
    run.change(partition="role", lr=0.05, damping=2.0, period=4, batch_size=50, step_momentum=0.0)
    assert all(
        torch.equal(s["momentum"], m)
        for s, m in zip(run._trainer.optimizer.state.values(), held, strict=True)
    )
    record = run.step()
    assert record.H.shape == (2, 2)
    assert (record.lr, record.damping, record.partition) == (0.05, 2.0, "role")
    assert run.step_count == 4
    run.change(partition="tensor", direction="orthogonal")
    assert run.step().H.shape == (6, 6)
    for optimizer in ("adam", "sgd", "grouped-newton"):
        run.change(optimizer=optimizer)
        run.step()
    assert run.step_count == 8


def test_a_change_of_the_batch_size_goes_on_in_the_epoch():
    run = Run("moons", batch_size=100)
    run.step()
    assert run.epoch == 0.25
    run.change(batch_size=50)
    assert run.epoch == 0.25
    run.step()
    assert run.epoch == 0.375


def test_a_rewind_restores_the_settings_of_that_step():
    run = Run("moons", damping=1.0)
    for _ in range(2):
        run.step()
    run.change(partition="role", damping=5.0)
    for _ in range(2):
        run.step()
    run.rewind(1)
    assert (run.settings.partition, run.settings.damping) == ("tensor", 1.0)
    run.rewind(4)
    assert (run.settings.partition, run.settings.damping) == ("role", 5.0)
    run.rewind(2)  # as it was left, the change included
    assert run.settings.partition == "role"
    run.step()
    assert run.kept_steps == (0, 1, 2, 3)


def test_a_reset_begins_again_with_the_present_settings():
    run = Run("moons", seed=2)
    start = parameters(run)
    run.step()
    run.change(damping=4.0)
    run.step()
    run.reset()
    assert torch.equal(parameters(run), start)
    assert (run.step_count, run.epoch, run.record, run.summary) == (0, 0.0, None, None)
    assert run.kept_steps == (0,)
    assert run.history.step.size == 0
    assert alike(run.step(), Run("moons", seed=2, damping=4.0).step())


def test_a_change_of_preset_or_seed_is_a_new_start():
    run = Run("moons")
    run.step()
    run.change(seed=4)
    assert run.step_count == 0
    assert torch.equal(parameters(run), parameters(Run("moons", seed=4)))
    run.change(preset="quadratic")
    assert run.settings == Settings("quadratic", seed=4)
    assert run.levels[0].S == 1


def test_the_branch_and_the_run_do_not_touch_each_other():
    run = Run("moons")
    run.step()
    branch = run.branch()
    branch.change(damping=10.0)
    held = parameters(run)
    for _ in range(3):
        branch.step()
    assert torch.equal(parameters(run), held)
    assert run.kept_steps == (0, 1)
    assert branch.kept_steps == (0, 1, 2, 3, 4)
    assert run.history.step.tolist() == [1]


def test_levels_are_told_coarse_to_fine():
    levels = Run("digits-mlp").levels
    assert [(level.name, level.S) for level in levels] == [
        ("all", 1),
        ("role", 2),
        ("chunk:2", 4),
        ("tensor", 8),
    ]
    assert levels[-1].label == "S = 8, one group per tensor"


def test_a_diverging_run_is_on_its_last_good_step_and_says_why():
    run = Run("quadratic", optimizer="sgd", lr=1e6)
    record = run.step()
    while not run.stopped:
        record = run.step()
    assert record.status == "nonfinite"
    assert run.undone
    assert bool(parameters(run).isfinite().all())
    assert 1 <= record.step - run.step_count <= 2
    assert "not finite" in run.stopped
    assert "smaller λ₁" in run.stopped
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


def test_data_that_are_not_finite_stop_the_run_where_it_is():
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


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_out_of_memory_undoes_the_step_and_says_so(error, monkeypatch):
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


def test_an_error_inside_a_phase_leaves_the_run_at_its_last_step(monkeypatch):
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


def test_validation_costs_at_most_a_tenth_and_comes_at_each_epochs_end():
    run = Run("digits-mlp", optimizer="adam", batch_size=100)
    records = [run.step() for _ in range(31)]
    measured = [r.step for r in records if not math.isnan(r.val_loss)]
    # 297 samples forward against three forwards of 100: every tenth step, and epochs of 15.
    assert measured == [1, 10, 15, 20, 30]
    assert all(0 <= r.accuracy <= 1 for r in records if r.step in measured)
    assert records[29].val_loss < records[0].val_loss


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"batch_size": 401}, "batch_size must be at most 400"),
        ({"summary_batch_size": 401}, "summary_batch_size must be at most 400"),
        ({"partition": "chunk:9"}, "k from 1 to the 3 layers"),
        ({"partition": {"a": ["layer1.weight"]}}, "no group has parameter"),
        ({"dampig": 1.0}, "Did you mean 'damping'"),
    ],
)
def test_a_change_that_does_not_fit_changes_nothing(choices, said):
    run, other = Run("moons"), Run("moons")
    for each in (run, other):
        each.step()
    with pytest.raises(InputError, match=r".+") as caught:
        run.change(damping=3.0, **choices)
    assert said in str(caught.value)
    assert run.settings == other.settings
    assert alike(run.step(), other.step())
    with pytest.raises(InputError, match=r".+"):
        Run("moons", **choices)


def test_rewinding_where_nothing_is_kept_says_what_is():
    run = Run("moons")
    run.step()
    with pytest.raises(InputError, match="step 5 is not kept; 2 steps from 0 to 1 are"):
        run.rewind(5)
    assert run.step_count == 1


def test_own_groups_and_own_problems():
    own = {"first": ["0.weight", "0.bias"], "last": ["3.weight", "3.bias"]}
    run = Run(problem=noisy_problem(), partition=own)
    assert run.step().group == ("first", "last")
    assert run.settings.preset == "own:noisy"
    with pytest.raises(InputError, match="problem of one's own"):
        run.change(seed=3)


def test_an_own_problem_is_loaded_with_its_problem(tmp_path):
    run = Run(problem=noisy_problem())
    run.step()
    run.save(tmp_path / "run.pt")
    with pytest.raises(InputError, match="give its problem"):
        Run.load(tmp_path / "run.pt")
    loaded = Run.load(tmp_path / "run.pt", problem=noisy_problem())
    assert alike(loaded.step(), run.step())


def test_files_that_are_no_runs(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(InputError, match="cannot be read"):
        Run.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="damaged or not a saved run"):
        Run.load(path)
    torch.save({"a": 1}, path)
    with pytest.raises(InputError, match="not a run saved by this version"):
        Run.load(path)
    Run("moons").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        Run.load(path)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Run("moons").save(tmp_path / "taken" / "run.pt")
