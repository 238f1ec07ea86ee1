"""Hand-made records and snapshots, whose every number is known."""

import dataclasses

import numpy as np
import pytest

from gnlab.runs import History, Level, Record, Settings, Snapshot

ROLES = ("weights", "biases", "weights", "biases")
GROUPS = ("a.weight", "a.bias", "b.weight", "b.bias")
CURVATURE = np.array(
    [
        [4.0, 1.0, -0.5, 0.0],
        [1.0, 0.01, 0.0, 0.002],
        [-0.5, 0.0, 9.0, 0.3],
        [0.0, 0.002, 0.3, -0.04],
    ]
)


def make_record(**changes) -> Record:
    made = Record(
        step=3, epoch=0.5, loss=1.25, val_loss=1.5, accuracy=0.75, partition="tensor",
        group=GROUPS, role=ROLES, g=np.ones(4), H=CURVATURE, third=np.array([8.0, 1.0, 0.0, -27.0]),
        d=np.array([2.0, 1.0, 0.0, 3.0]), step_size=np.array([0.5, 0.0, 2.0, 0.03]),
        step_size_solved=np.array([0.6, -4.0, 2.0, 0.03]), radius=1.5, radius_min=0.2,
        eigenvalue_min=-0.4, regulariser=np.array([3.0, 0.75, 0.0, 6.75]), damping=1.0, lr=0.1,
        decrease_predicted=0.02, decrease_measured=0.015, status="solved", seconds=0.01,
        direction="momentum",
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def make_history(rows: int = 5, groups: tuple[str, ...] = GROUPS) -> History:
    steps = np.arange(1.0, rows + 1)
    nan = np.full(rows, np.nan)
    measured = np.where(steps % 2 == 1, 1.0 / steps, np.nan)
    return History(
        step=steps, epoch=steps / 10, loss=2 / steps, val_loss=measured, accuracy=1 - measured,
        damping=np.ones(rows), lr=np.full(rows, 0.1), radius=measured, radius_min=0 * steps,
        eigenvalue_min=-measured, decrease_predicted=measured, decrease_measured=-measured,
        seconds=nan, step_size=np.outer(steps, np.arange(len(groups))), step_size_step=steps,
        groups=groups, since_step=1, stride=1,
    )  # fmt: skip


LEVELS = (
    Level("all", 1, "S = 1, all parameters in one group"),
    Level("role", 2, "S = 2, weights, biases"),
    Level("tensor", 4, "S = 4, one group per tensor"),
)


def make_snapshot(**changes) -> Snapshot:
    latest = make_record()
    made = Snapshot(
        version=7, settings=Settings(), state="paused", message="", severity="info", step=3,
        epoch=0.5, steps_per_second=0.0, kept_steps=(0, 1, 2, 3), record=latest, summary=latest,
        history=make_history(), levels=LEVELS, applied=2, phase="", device="cpu", time=100.0,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture
def record():
    return make_record


@pytest.fixture
def history():
    return make_history


@pytest.fixture
def snapshot():
    return make_snapshot


@pytest.fixture
def H():
    return CURVATURE


@pytest.fixture
def groups():
    return GROUPS


@pytest.fixture
def roles():
    return ROLES
