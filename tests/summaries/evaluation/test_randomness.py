"""Numbers drawn from Python or NumPy are the same at every evaluation, and leave no trace."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from gnlab.guards import generators
from gnlab.partitions import partition
from gnlab.summaries import Reading, derivative_tensor, summarise
from gnlab.summaries.evaluation.randomness import RandomState

DOUBLE = torch.float64
DRAWS = {
    "python": random.random,
    "numpy": np.random.random,
    # The second of a pair is drawn from what was kept of the first draw.
    "numpy normal": lambda: float(np.random.standard_normal() > 0.3),
    "torch": lambda: torch.rand(()).item(),
}


class Dropping(nn.Module):
    """Drops a layer by chance, as fairseq does."""

    def __init__(self, draw, recurrent):
        super().__init__()
        self.draw = draw
        self.body = nn.GRU(4, 4, batch_first=True) if recurrent else nn.Linear(4, 4)
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.body(x)[0][:, -1] if isinstance(self.body, nn.GRU) else self.body(x[:, -1])
        if self.draw() >= 0.3:
            x = x + 10 * self.layer(x).tanh()
        return self.out(x)


def problem(draw, recurrent=True):
    torch.manual_seed(0)
    model = Dropping(DRAWS[draw], recurrent).double()
    batch = torch.randn(12, 3, 4, dtype=DOUBLE), torch.randint(2, (12,))
    return model, batch, partition(model, "tensor")


def seed(number):
    """Every global generator from one number."""
    torch.manual_seed(number)
    generators.seed(number)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("draw", DRAWS)
def test_no_group_is_inert_by_chance_and_both_ways_agree(draw, recurrent):
    # The plain way evaluates the loss twice, to see which groups are nothing but rounding.
    model, batch, p = problem(draw, recurrent)
    dropped = set()
    for number in range(20):
        seed(number)
        found = summarise(model, nn.CrossEntropyLoss(), batch, p)
        seed(number)
        known = summarise(model, nn.CrossEntropyLoss(), batch, p, method="autodiff")
        assert not known.inert[p.names.index("out.weight")]
        assert torch.equal(found.inert, known.inert)
        assert (found.g >= 0).all()  # along the gradient, which is of the same draw
        torch.testing.assert_close(found.H, known.H, rtol=1e-9, atol=1e-12)
        dropped.add(bool(known.inert[p.names.index("layer.weight")]))
    assert dropped == {True, False}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("method", ["auto", "autodiff"])
def test_no_trace_is_left(draw, method):
    model, batch, p = problem(draw, recurrent=False)
    seed(5)
    before, torchs = generators.state(), torch.get_rng_state()
    for data in (batch, [batch, batch], [batch]):
        summarise(model, nn.CrossEntropyLoss(), data, p, method=method, ggn=True)
    derivative_tensor(model, nn.CrossEntropyLoss(), batch, p, 2)
    assert generators.is_state(before)
    assert torch.equal(torch.get_rng_state(), torchs)


@pytest.mark.parametrize("draw", DRAWS)
def test_the_numbers_are_those_of_a_plain_evaluation(draw):
    model, (x, y), p = problem(draw, recurrent=False)
    losses = set()
    for number in range(6):
        seed(number)
        loss = float(nn.functional.cross_entropy(model(x), y).detach())
        seed(number)
        assert float(summarise(model, nn.CrossEntropyLoss(), (x, y), p).loss) == pytest.approx(loss)
        losses.add(loss)
    assert len(losses) == 2


class Augmented(Dataset):
    """Turns a sample over by chance."""

    def __init__(self, draw):
        self.draw = DRAWS[draw]

    def __len__(self):
        return 32

    def __getitem__(self, i):
        rng = torch.Generator().manual_seed(i)
        x = torch.randn(4, generator=rng, dtype=DOUBLE)
        return (-x if self.draw() < 0.5 else x), x[:2].sum().view(1)


@pytest.mark.parametrize("draw", DRAWS)
def test_a_loaders_augmentation_is_the_same_in_every_pass(draw):
    torch.manual_seed(0)
    model = nn.Linear(4, 1).double()
    p, loader = partition(model, "tensor"), DataLoader(Augmented(draw), 8)
    losses = set()
    for number in range(20):
        seed(number)
        before, torchs = generators.state(), torch.get_rng_state()
        s = summarise(model, nn.MSELoss(), loader, p)
        assert (s.g >= 0).all()
        assert generators.is_state(before)
        assert torch.equal(torch.get_rng_state(), torchs)
        total = sum(nn.functional.mse_loss(model(x), y).item() for x, y in loader)
        assert s.loss.item() == pytest.approx(total / 4, rel=1e-12)
        losses.add(total)
    assert len(losses) == 20


@pytest.mark.parametrize("draw", DRAWS)
def test_a_reading_draws_the_same_every_time(draw):
    model, batch, _ = problem(draw)
    for number in range(5):
        seed(number)
        before = generators.state()
        reading = Reading(model, nn.CrossEntropyLoss(), batch)
        losses = set()
        for _ in range(10):
            DRAWS[draw]()
            losses.add(reading.loss())
        assert len(losses) == 1
        generators.set_state(before)


def test_what_is_not_held_is_left_alone():
    state = RandomState(torch.device("cpu"))
    seed(1)
    drawn = generators.state()
    random.random()
    state.restore()
    assert random.getstate() != drawn[0]
    state.hold()
    assert not state.is_past()
    random.random()
    assert state.is_past()
    state.restore()
    assert not state.is_past()
