"""What a click can do about a run that has stopped: go back, and go on more carefully."""

from gnlab import runs

LABELS = ("Rewind, damping × 10", "Rewind, coarser partition", "Rewind, λ₁ ÷ 2")


def commands(label: str, snapshot: runs.Snapshot) -> tuple[runs.Command, ...]:
    """The commands of a remedy.

    Args:
        label: One of ``LABELS``.
        snapshot: The run now.

    Returns:
        Back to the last kept step before the present one, then the change.
    """
    before = [step for step in snapshot.kept_steps if step < snapshot.step]
    back = runs.Rewind(before[-1] if before else 0)
    settings = snapshot.settings
    if label == LABELS[0]:
        return back, runs.Change({"damping": max(10 * settings.damping, 0.1)})
    if label == LABELS[2]:
        return back, runs.Change({"lr": settings.lr / 2})
    below = _coarser(snapshot)
    return back, *(() if below is None else (runs.Change({"partition": below.name}),))


def offered(snapshot: runs.Snapshot) -> tuple[str, ...]:
    """The remedies that change something.

    Args:
        snapshot: The run now.

    Returns:
        Some of ``LABELS``: below one group for all there is no coarser partition, and a run that
        can go no further has no step to go back to.
    """
    if snapshot.state == "stopped":
        return ()
    return tuple(name for name in LABELS if name != LABELS[1] or _coarser(snapshot) is not None)


def _coarser(snapshot: runs.Snapshot) -> runs.Level | None:
    """The finest level that has fewer groups than the run, if any."""
    # Not the rung below by its name: the run's own level need be no rung.
    groups = 0 if snapshot.level is None else snapshot.level.S
    coarser = [level for level in snapshot.levels if groups > level.S and not level.refusal]
    return coarser[-1] if coarser else None
