"""One step at every level: known answers, nothing moved, and never less promised by a finer one."""

import copy
import itertools
import threading

import numpy as np
import pytest
import torch
from torch import nn

import gnlab
from gnlab.errors import InputError
from gnlab.problems import Data, Hyperparameters, Problem
from gnlab.runs import trials
from gnlab.runs.proposal import proposal


def a_run(model, train, classes):
    """A run of a problem of one's own that makes a summary at every step."""
    own = Problem(
        name="own", title="own", model=model, loss_fn=nn.functional.cross_entropy,
        train=train, validation=None, test=None,
        hyperparameters=Hyperparameters(
            lr=0.1, damping=1.0, period=1, batch_size=20, summary_batch_size=30
        ),
        kind="classification", classes=classes, dtype=torch.float32,
    )  # fmt: skip
    return gnlab.Run(problem=own)


def test_what_is_no_run_is_refused():
    with pytest.raises(InputError, match=r"run must be a gnlab.Run; got None"):
        gnlab.what_if(None)


def test_on_a_quadratic_the_ends_are_cauchys_and_newtons():
    run = gnlab.Run("quadratic", dtype="float64", device="cpu", damping=0.0)
    found = gnlab.what_if(run)
    model = run.model
    start = model.height(model.theta).item()
    without = found.sel(cubic="without")
    assert found.level.values.tolist() == ["all", "element"]
    assert str(found.known_as.values[-1]) == "Newton's method"
    one, newton = without.isel(level=0), without.isel(level=-1)
    # The worst start: exact line search leaves ((κ − 1)/(κ + 1))² of the height.
    assert float(one.measured) == pytest.approx(start * (1 - (29 / 31) ** 2), rel=1e-9)
    assert float(newton.measured) == pytest.approx(start, rel=1e-9)
    np.testing.assert_allclose(without.predicted, without.measured, rtol=1e-9)


def test_a_finer_level_never_promises_less():
    """Without the cubic term, where H̄ is positive definite at the finer level."""
    run = gnlab.Run("digits-mlp", dtype="float64", seed=3)
    for _ in range(3):
        run.step()
    found = gnlab.what_if(run, most=64).sel(cubic="without")
    promised = found.predicted.values[found.status.values == "solved"]
    assert len(promised) >= 2
    for coarse, fine in itertools.pairwise(promised):
        assert fine >= coarse * (1 - 1e-9)


def test_levels_beyond_what_can_be_summarised_are_told_and_the_others_kept(monkeypatch):
    monkeypatch.setattr(trials, "most_groups", lambda device: 300)
    found = gnlab.what_if(gnlab.Run("moons"), most=400).sel(cubic="with")
    why = dict(zip(found.groups.values.tolist(), found.status.values.tolist(), strict=True))
    assert {s for count, s in why.items() if count <= 300}.isdisjoint(
        {trials.BEYOND, trials.TOO_LARGE}
    )
    assert {s for count, s in why.items() if 300 < count <= 400} == {trials.BEYOND}
    assert {s for count, s in why.items() if count > 400} <= {trials.TOO_LARGE}
    assert np.isfinite(found.predicted.values[found.groups.values <= 300]).all()


def test_the_run_goes_on_as_if_nothing_had_been_asked():
    asked, other = gnlab.Run("digits-mlp"), gnlab.Run("digits-mlp")
    for run in (asked, other):
        run.step()
    gnlab.what_if(asked, most=40)
    for run in (asked, other):
        run.step()
    assert asked.record.loss == other.record.loss
    for a, b in zip(asked.model.parameters(), other.model.parameters(), strict=True):
        assert a.equal(b)


def promised(run):
    return gnlab.what_if(run, most=8).predicted.values


@pytest.mark.parametrize("optimizer", ["grouped-newton", "adam"])
def test_a_question_has_the_same_answer_in_a_copy_after_a_rewind_and_when_loaded(
    optimizer, tmp_path
):
    run = gnlab.Run("moons", optimizer=optimizer, period=2)
    for _ in range(7):
        run.step()
    expected = promised(run)
    np.testing.assert_array_equal(promised(run.branch()), expected)
    run.save(tmp_path / "run.pt")
    np.testing.assert_array_equal(promised(gnlab.Run.load(tmp_path / "run.pt")), expected)
    for _ in range(3):
        run.step()
    assert (promised(run) != expected).any()
    run.rewind(7)
    np.testing.assert_array_equal(promised(run), expected)


@pytest.mark.parametrize("rule", ["gradient", "momentum", "adam"])
def test_it_is_asked_along_the_direction_and_on_the_batch_of_the_coming_step(rule):
    run = gnlab.Run("moons", period=1, direction=rule)
    for phases in (0, 0, 1, 2, 3):
        for _ in range(phases):
            run.substep()
        memory = copy.deepcopy(run._trainer.optimizer.state_dict()["state"])
        u, batch = proposal(run._trainer, run.phase)
        after = run._trainer.optimizer.state_dict()["state"]
        torch.testing.assert_close(after, memory, rtol=0, atol=0)
        run.step()
        grouped = run._trainer.grouped
        for name, v in grouped.direction.items():
            torch.testing.assert_close(u[name], v, rtol=0, atol=0)
        torch.testing.assert_close(batch, grouped.summary_batch, rtol=0, atol=0)


def test_what_is_too_large_is_listed_and_not_tried():
    found = gnlab.what_if(gnlab.Run("digits-mlp"), most=8)
    tried = found.groups <= 8
    assert bool(tried.any())
    assert found.predicted.sel(cubic="with").notnull().values.tolist() == tried.values.tolist()
    assert "more groups" in str(found.status.values[-1, 0])
    assert found.groups.values[-1] == 64 * 32 + 32 + 2 * (32 * 32 + 32) + 32 * 10 + 10
    assert found.label.values[0] == "S = 1, one group for all"


def test_a_model_that_keeps_statistics_and_draws():
    """A batch norm and a dropout: the statistics stay, and the same numbers are drawn."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 3)
    )
    x, y = torch.randn(60, 4), torch.randint(3, (60,))
    run = a_run(model, Data(x, y), 3)
    run.step()
    before = model[1].running_mean.clone()
    one, two = gnlab.what_if(run, most=16), gnlab.what_if(run, most=16)
    assert model[1].running_mean.equal(before)
    np.testing.assert_array_equal(one.measured, two.measured)


@pytest.mark.parametrize(
    ("durations", "least", "times"),
    [
        ([0.4, 0.004, 0.9], 0.004, 2),
        ([0.003, 0.001, 0.002, 0.002, 0.002, 0.0005], 0.001, 5),
        ([0.02, 0.03, 0.004, 0.01, 0.001], 0.004, 4),
        ([0.1, 0.2], 0.1, 2),
        ([0.7, 0.1], 0.7, 1),
    ],
    ids=["the first time", "short", "not so short", "middle", "long"],
)
def test_what_takes_no_time_is_timed_again_and_the_least_counts(
    durations, least, times, monkeypatch
):
    clock, given, done = [0.0], iter(durations), []
    monkeypatch.setattr(trials.time, "perf_counter", lambda: clock[0])

    def work():
        clock[0] += next(given)
        done.append(clock[0])
        return len(done)

    made, seconds = trials._timed(work)
    assert (made, len(done)) == (times, times)
    assert seconds == pytest.approx(least)


def test_the_solve_is_told_apart_from_the_summary():
    run = gnlab.Run("moons")
    found = gnlab.what_if(run, most=8)
    assert found.solve_cost.values == pytest.approx(
        found.groups.values**3 / (run.ladder.gradient * run.settings.summary_batch_size)
    )
    tried = found.groups.values <= 8
    assert np.isfinite(found.solve_gradients.values).tolist() == tried.tolist()


class Averaging(nn.Module):
    """Keeps an average by putting a new tensor in the place of a buffer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("ema", torch.ones(2))

    def forward(self, x):
        self.ema = 0.9 * self.ema + x.mean(0)
        return self.layer(x - self.ema)


def test_a_model_that_assigns_a_buffer_anew():
    run = a_run(Averaging(), Data(torch.randn(40, 2), torch.randint(2, (40,))), 2)
    run.step()
    ema, before = run.model.ema, run.model.ema.clone()
    one, two = gnlab.what_if(run, most=8), gnlab.what_if(run, most=8)
    assert run.model.ema is ema
    assert torch.equal(ema, before)
    np.testing.assert_array_equal(one.measured, two.measured)


def test_a_decay_in_the_loss_moves_with_the_step():
    torch.manual_seed(0)
    model = nn.Linear(4, 1).double()
    kept = list(model.parameters())

    def loss_fn(output, y):
        return nn.functional.mse_loss(output, y) + 0.5 * sum(p.square().sum() for p in kept)

    own = Problem(
        name="own", title="own", model=model, loss_fn=loss_fn,
        train=Data(torch.randn(30, 4), torch.randn(30, 1).double()), validation=None, test=None,
        hyperparameters=Hyperparameters(
            lr=0.1, damping=1.0, period=1, batch_size=30, summary_batch_size=30
        ),
        kind="surface", classes=None, dtype=torch.float64,
    )  # fmt: skip
    found = gnlab.what_if(gnlab.Run(problem=own), most=8).sel(cubic="without")
    # A quadratic: what is promised is what comes.
    np.testing.assert_allclose(found.predicted, found.measured, rtol=1e-6)


@pytest.mark.parametrize(("name", "value"), [("most", 0), ("rate", -1.0), ("rate", float("nan"))])
def test_what_cannot_be_asked(name, value):
    with pytest.raises(InputError, match=name):
        gnlab.what_if(gnlab.Run("quadratic"), **{name: value})


def test_a_run_that_another_thread_steps_waits_until_all_levels_are_tried(monkeypatch):
    run, still, tried = gnlab.Run("moons"), gnlab.Run("moons"), trials._tried
    other = threading.Thread(target=run.step)

    def tried_later(*args):
        if other.ident is None:
            other.start()
        other.join(0.1)
        return tried(*args)

    expected = gnlab.what_if(still, most=6)
    monkeypatch.setattr(trials, "_tried", tried_later)
    found = gnlab.what_if(run, most=6)
    other.join()
    assert run.step_count == 1
    np.testing.assert_array_equal(found.measured, expected.measured)
