"""When each page's next frame is due."""

import itertools

import pytest

from gnlab.lab.cadence import SHARE, Cadence


class Loop:
    """A loop whose pages send a frame whenever it is due, each at some cost."""

    def __init__(self, pages, cost, alone=18.0):
        self.spent, self.now, self.cost = 0.0, 0.0, cost
        self.cadence = Cadence(alone, lambda: self.spent)
        self.due = dict.fromkeys(range(pages), 0.0)

    def send(self, frames):
        """Send so many frames; the times at which they were sent."""
        sent = []
        for _ in range(frames):
            page = min(self.due, key=self.due.__getitem__)
            self.now = max(self.now, self.due[page])
            self.due[page] = self.cadence.due(self.due[page], self.now, len(self.due))
            sent.append(self.now)
            self.now += self.cost
            self.spent += self.cost
        return sent

    def rate(self, frames=3000):
        sent = self.send(frames)
        return (frames - 1) / (sent[-1] - sent[0])


@pytest.mark.parametrize("cost", [0.001, 0.02, 0.05])
def test_a_page_that_is_alone_gets_what_it_is_served_with(cost):
    loop = Loop(1, cost)
    loop.send(200)
    assert loop.rate() == pytest.approx(18.0, rel=1e-2)


@pytest.mark.parametrize("pages", [10, 30, 100])
@pytest.mark.parametrize("cost", [0.012, 0.02])
def test_several_take_a_part_of_the_loops_time(pages, cost):
    loop = Loop(pages, cost)
    loop.send(1000)
    assert loop.rate() * cost == pytest.approx(SHARE, rel=1e-2)


def test_the_frames_of_several_come_one_after_the_other():
    loop = Loop(30, 0.01)
    loop.send(1000)
    sent = loop.send(300)
    gaps = [after - before for before, after in itertools.pairwise(sent)]
    assert min(gaps) == pytest.approx(0.01 / SHARE, rel=1e-6)


def test_every_page_gets_its_frames():
    loop = Loop(30, 0.01)
    loop.send(1000)
    begun = dict(loop.due)
    loop.send(300)
    waits = [loop.due[page] - begun[page] for page in begun]
    assert max(waits) == pytest.approx(min(waits), rel=0.1)


def test_cheap_frames_are_capped():
    loop = Loop(3, 0.001)
    loop.send(1000)
    assert loop.rate() == pytest.approx(30.0, rel=1e-2)
    assert loop.cadence.most(3) == 10.0
    assert Cadence(4.0).most(3) == 4.0


def test_the_cost_is_taken_anew():
    loop = Loop(30, 0.02)
    loop.send(1000)
    slow = loop.rate()
    loop.cost = 0.01
    loop.send(1000)
    assert loop.rate() == pytest.approx(2 * slow, rel=1e-2)


def test_other_work_of_the_loop_does_not_stop_the_pages():
    loop = Loop(2, 0.01)
    loop.send(50)
    loop.spent += 1000.0
    loop.send(10)
    assert loop.rate() == pytest.approx(20.0, rel=1e-2)
