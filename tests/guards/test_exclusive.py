"""Who looks at a model waits for a thread that has other tensors in the places of its own."""

import threading

import pytest
import torch
from torch import nn

from gnlab.guards.exclusive import alone
from gnlab.partitions import gradient_work, ladder, levels, number, partition

X = torch.zeros(2, 3)
LOOKS = {
    "partition": lambda model: partition(model, "unit").names,
    "levels": levels,
    "number": lambda model: number(model, "unit"),
    "ladder": ladder,
    "ladder with inputs": lambda model: ladder(model, X),
    "work": lambda model: gradient_work(model, X),
}


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_look_waits_until_the_model_has_its_own_tensors(look):
    model, found = network(), []
    expected = look(network())
    own = model[0]._parameters["weight"]
    other = threading.Thread(target=lambda: found.append(look(model)))
    with alone(model):
        model[0]._parameters["weight"] = torch.zeros(9, 9)
        other.start()
        other.join(0.1)
        assert not found
        model[0]._parameters["weight"] = own
    other.join()
    assert found == [expected]


def test_a_forward_pass_of_another_thread_is_not_counted():
    """It waits, if it has the model to itself as all do that compute with it."""
    inside, onward, counted = threading.Event(), threading.Event(), []

    class Gated(nn.Linear):
        def forward(self, x):
            inside.set()
            onward.wait(0.2)
            return super().forward(x)

    model = Gated(3, 4)
    expected = gradient_work(nn.Linear(3, 4), X)
    first = threading.Thread(target=lambda: counted.append(gradient_work(model, X)))

    def pass_forward():
        with alone(model):
            model(X)

    second = threading.Thread(target=pass_forward)
    first.start()
    assert inside.wait(60)
    second.start()
    first.join()
    onward.set()
    second.join()
    assert counted == [expected]


def test_the_same_thread_goes_in_again_and_another_waits():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    both = nn.Sequential(two, one)
    order, apart = [], threading.Event()

    def wait(model, name):
        with alone(model):
            order.append(name)
            apart.set()

    shared = threading.Thread(target=wait, args=(both, "shared"))
    with alone(one):
        with alone(one):
            shared.start()
            other = threading.Thread(target=wait, args=(two, "other"))
            other.start()
            assert apart.wait(60)
        order.append("out")
    shared.join()
    other.join()
    assert order == ["other", "out", "shared"]
