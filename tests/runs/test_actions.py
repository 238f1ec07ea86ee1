"""Whatever a person does, a run is where the straight way to there leads, bit for bit."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gnlab.runs import Run

CHOICES = {
    "partition": ["all", "role", "chunk:2", "tensor", "unit"],
    "optimizer": ["grouped-newton", "adam", "sgd"],
    "direction": ["gradient", "momentum", "adam"],
    "period": [1, 2, 3],
    "damping": [0.0, 1.0],
    "momentum": [0.0, 0.9],
    "step_momentum": [0.0, 0.5],
    "safeguard": [False, True],
    "batch_size": [20, 400],
    "summary_batch_size": [50, 400],
}
CHANGES = st.sampled_from([{name: value} for name, all_ in CHOICES.items() for value in all_])
SEEDS = st.integers(0, 5)


def values_of(run):
    return torch.cat([p.detach().reshape(-1) for p in run.model.parameters()])


def edit(run, seed):
    """What a person does to a parameter by hand."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        p = list(run.model.parameters())[seed % 3]
        p += 0.01 * torch.randn(p.shape, generator=source)


def assert_alike(one, two):
    assert (one.step_count, one.settings) == (two.step_count, two.settings)
    assert torch.equal(values_of(one), values_of(two))
    for field in dataclasses.fields(one.history):
        if field.name != "seconds":
            given = (getattr(run.history, field.name) for run in (one, two))
            np.testing.assert_array_equal(*given, err_msg=field.name)
    shown, wanted = one.summary, two.summary
    assert (shown is None) == (wanted is None)
    if shown is not None:
        assert shown.step == wanted.step
        np.testing.assert_array_equal(shown.H, wanted.H)


class Actions(RuleBasedStateMachine):
    """A run, and for each of its steps what was done to it after that step."""

    @initialize(seed=SEEDS, change=CHANGES)
    def begin(self, seed, change):
        self.run = Run("circles", seed=seed, **change)
        self.start, self.done, self.later = self.run.settings, [[]], []
        self.edited = None

    def do(self, *actions):
        self.done[-1] += actions
        self.later = []

    def go_on(self):
        """What was edited by hand is taken up by what comes next, within a step it is not."""
        if self.edited is not None:
            self.do(self.edited)
        self.edited = None

    def made(self):
        self.done.append([])
        self.later = []

    @rule(steps=st.integers(1, 3))
    def step(self, steps):
        self.go_on()
        for _ in range(steps):
            self.run.step()
            if not self.run.undone:
                self.made()

    @rule()
    def substep(self):
        self.go_on()
        if self.run.substep() == "update":
            self.made()

    @rule(change=CHANGES)
    def choose(self, change):
        self.change(change)

    def change(self, change):
        before = self.run.settings
        self.run.change(**change)
        if self.run.settings != before:
            self.go_on()
            self.do(change)

    @rule(level=st.sampled_from(CHOICES["partition"]))
    def drag(self, level):
        self.change({"partition": level})
        self.step(1)

    @rule(back=st.integers(0, 4))
    def rewind(self, back):
        kept = self.run.kept_steps
        step = kept[max(len(kept) - 1 - back, 0)]
        self.run.rewind(step)
        whole = self.done + self.later
        self.done, self.later, self.edited = whole[: step + 1], whole[step + 1 :], None
        assert_alike(self.run, self.straight())

    @rule()
    def branch(self):
        self.go_on()
        self.run = self.run.branch()

    @rule()
    def save_and_load(self):
        self.go_on()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run"
            self.run.save(path)
            self.run = Run.load(path)
        self.later = []

    @rule()
    def reset(self):
        self.run.reset()
        edits = [action for action in self.done[0] if isinstance(action, int)]
        self.start, self.done, self.later = self.run.settings, [edits], []
        self.edited = None

    @rule(seed=SEEDS)
    def edit(self, seed):
        if not self.run.phase and self.edited is None:
            edit(self.run, seed)
            self.edited = seed

    def straight(self):
        """A run that was led here by the straight way."""
        run = Run(self.start)
        for step, actions in enumerate(self.done):
            if step:
                run.step()
            for action in actions:
                if isinstance(action, int):
                    edit(run, action)
                    run.branch()  # it takes the edit up
                else:
                    run.change(**action)
        return run

    def teardown(self):
        if not hasattr(self, "run"):
            return
        self.step(1)  # whatever is begun is finished
        other = self.straight()
        assert_alike(self.run, other)
        for _ in range(2):
            assert self.run.step().loss == other.step().loss
        assert_alike(self.run, other)


TestActions = Actions.TestCase
TestActions.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
