"""Several threads have one model: each computes as if it were the only one."""

import threading

import pytest
import torch
from torch import nn
from torch.nn import functional

import gnlab
from gnlab.errors import InputError
from gnlab.guards import alone
from gnlab.partitions import partition
from gnlab.summaries import summarise

DATA = torch.randn(9, 4), torch.randint(0, 3, (9,))


class Gated(nn.Module):
    """Says that it is being evaluated, and waits for a while to be told to go on."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
        self.inside, self.onward = threading.Event(), threading.Event()

    def forward(self, x):
        self.inside.set()
        self.onward.wait(0.2)
        return self.layers(x)


@pytest.mark.parametrize("part", [False, True])
def test_overlapping_summaries_leave_the_model_as_it_was(part):
    model = Gated()
    own = list(model.parameters())
    expected = summarise(model, functional.cross_entropy, DATA, partition(model, "tensor"))
    model.inside.clear()
    found = []

    def ask(of, p):
        found.append(summarise(of, functional.cross_entropy, DATA, p))

    asked = [(of, partition(of, "tensor")) for of in (model, model.layers if part else model)]
    threads = [threading.Thread(target=ask, args=each) for each in asked]
    threads[0].start()
    assert model.inside.wait(60)
    threads[1].start()
    threads[0].join()
    model.onward.set()
    threads[1].join()
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))
    assert len(found) == 2
    for summary in found:
        assert torch.equal(summary.H, expected.H)


@pytest.mark.parametrize("optimizer", ["grouped-newton", "adam"])
def test_a_run_steps_while_its_model_is_summarised(optimizer):
    run = gnlab.Run("digits-mlp", optimizer=optimizer)
    other = gnlab.Run("digits-mlp", optimizer=optimizer)
    model, p = run.model, partition(run.model, "tensor")
    own, failures = list(model.parameters()), []
    stepping, looked = threading.Event(), threading.Event()

    def train():
        try:
            for _ in range(20):
                stepping.set()
                run.step()
            looked.wait(60)
            run.step()
        except (RuntimeError, InputError) as error:
            failures.append(error)

    batch = torch.randn(30, 64), torch.randint(10, (30,))
    thread = threading.Thread(target=train)
    thread.start()
    assert stepping.wait(60)
    for _ in range(20):
        assert summarise(model, functional.cross_entropy, batch, p).loss.isfinite()
    looked.set()
    thread.join()
    assert not failures
    assert all(a is b for a, b in zip(own, model.parameters(), strict=True))
    for _ in range(21):
        other.step()
    for a, b in zip(own, other.model.parameters(), strict=True):
        assert a.equal(b)


def test_what_an_optimizer_moves_is_looked_up_when_no_summary_is_being_made():
    model = nn.Linear(4, 3)
    optimizer = gnlab.GroupedNewton(
        model, functional.cross_entropy, [DATA], partition="tensor", lr=0.1, period=1
    )
    functional.cross_entropy(model(DATA[0]), DATA[1]).backward()
    optimizer.propose()
    own, found = model._parameters["weight"], []
    other = threading.Thread(target=lambda: found.append(optimizer.measure()))
    with alone(model):
        model._parameters["weight"] = own.detach().clone()
        other.start()
        other.join(0.1)
        model._parameters["weight"] = own
    other.join()
    assert len(found) == 1
