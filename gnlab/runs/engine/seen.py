"""Seen: what a snapshot shows of a run itself."""

import dataclasses

from gnlab.runs.course import Course
from gnlab.runs.engine.looked import Looked
from gnlab.runs.engine.snapshot import Snapshot


def seen(run: Course, looked: Looked, snapshot: Snapshot) -> Snapshot:
    """A snapshot with everything that is the run's own.

    Args:
        run: The run.
        looked: What part of H̄ is looked at.
        snapshot: What else there is to see.

    Returns:
        Both together.
    """
    summary = run.summary
    return dataclasses.replace(
        snapshot,
        settings=run.settings,
        step=run.step_count,
        epoch=run.epoch,
        kept_steps=run.kept_steps,
        record=run.record,
        summary=summary,
        detail=looked.of(run, summary, still=snapshot.state == "paused"),
        history=run.history,
        levels=run.levels,
        level=run.level,
        phase=run.phase,
        device=str(run.device),
    )
