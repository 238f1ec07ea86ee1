"""What the benchmark of memory measures, and how much more a summary takes than the plain one."""

import pytest

from benchmarks.summaries import memory
from benchmarks.summaries.cases import Case
from gnlab.summaries.replay.cache import SIGHTS


@pytest.mark.parametrize(("kind", "fewest"), [("gradient", 2), ("fast", SIGHTS + 1), ("plain", 1)])
def test_a_recording_and_a_repetition_count(kind, fewest, monkeypatch):
    done = []
    monkeypatch.setattr(
        Case, "seconds", lambda self, kind: done.append((len(self.inputs), kind)) or 0.1
    )
    memory._measured("lenet-cifar10", 100, "cpu", kind)
    assert done.count((100, kind)) >= fewest
    assert kind != "plain" or done.count((100, kind)) == 1


def test_a_summary_takes_at_most_half_as_much_more_than_the_plain_one():
    added = {"fast": [], "plain": []}
    for kind in ("fast", "plain") * 2:
        found = memory.peak("lenet-cifar10", 100, "cpu", kind, 600.0)
        added[kind].append(found["peak_mib"] - found["before_mib"])
    # What the C library keeps besides is none or 10 MiB, as it happens.
    added = {kind: min(peaks) for kind, peaks in added.items()}
    assert added["fast"] <= 1.5 * added["plain"]
