"""A summary is computed where the model is: nothing that it makes is left on the CPU."""

import contextlib
import copy

import pytest
import torch
from torch import nn

import gnlab
from gnlab.partitions import partition
from gnlab.summaries import compute, replay, summarise
from tests.summaries import elsewhere
from tests.summaries.test_sweep import NETWORKS

ASKED = {
    "H": {},
    "parts": {"parts": True},
    "ggn": {"ggn": True},
    "memory": {"memory": 1e5},
    "autodiff": {"method": "autodiff"},
    "double": {"dtype": torch.float64},
}
WAYS = [("tensor", asked) for asked in ASKED] + [("unit", "parts"), ("row:2", "H")]


@pytest.fixture
def sweeps(monkeypatch):
    """What each sweep sent from one device to the other."""
    sweep, sent = compute.sweep, []

    def watched(*args, **kwargs):
        before = len(elsewhere.sent)
        found = sweep(*args, **kwargs)
        sent.append(elsewhere.sent[before:])
        return found

    monkeypatch.setattr(compute, "sweep", watched)
    return sent


@pytest.mark.parametrize(("level", "asked"), WAYS)
@pytest.mark.parametrize("layers", NETWORKS)
def test_everything_is_made_where_the_model_is(layers, level, asked, sweeps):
    torch.manual_seed(0)
    model, shape = nn.Sequential(*layers()), NETWORKS[layers]
    x, y = torch.randn(shape), torch.randint(4, shape[:1])
    p, options = partition(model, level), ASKED[asked]
    u = {name: torch.randn_like(value) for name, value in model.named_parameters()}
    with replay.eager():
        here = summarise(model, nn.CrossEntropyLoss(), (x, y), p, u, **options)
        model, u = elsewhere.moved(copy.deepcopy(model)), {n: elsewhere.Elsewhere(u[n]) for n in u}
        batch = elsewhere.Elsewhere(x), elsewhere.Elsewhere(y)
        sweeps.clear()
        with elsewhere.elsewhere():
            for _ in range(2):
                there = summarise(model, nn.CrossEntropyLoss(), batch, p, u, **options)
    assert not any(sweeps[1:])  # at the first time row numbers are sent, and kept
    assert there.method == here.method
    for name in ("loss", "g", "H", "third"):
        found = getattr(there, name)
        assert found.device == elsewhere.DEVICE
        torch.testing.assert_close(found.held, getattr(here, name), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("away", [False, True])
def test_a_default_device_that_is_another_changes_nothing(away):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 3))
    batch = torch.randn(5, 3, 4, 4), torch.randint(3, (5,))
    levels = [rung.level for rung in gnlab.ladder(model)]
    wanted = [summarise(model, nn.CrossEntropyLoss(), batch, partition(model, n)) for n in levels]
    if away:
        model, batch = elsewhere.moved(model), tuple(map(elsewhere.Elsewhere, batch))
    with elsewhere.elsewhere(), elsewhere.DEVICE, replay.eager():
        assert [rung.level for rung in gnlab.ladder(model)] == levels
        finest = partition(model, levels[-1])
        for level, expected in zip(levels, wanted, strict=True):
            p = partition(model, level)
            assert finest.coarsening(p).device.type == "cpu"
            found = summarise(model, nn.CrossEntropyLoss(), batch, p)
            H = found.H.held if away else found.H
            torch.testing.assert_close(H, expected.H, rtol=1e-4, atol=1e-6)
            gnlab.solve_cubic(found.H, found.g, found.d, 1.0)
        optimizer = gnlab.GroupedNewton(model, nn.CrossEntropyLoss(), [batch], period=1)
        for _ in range(2):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
            optimizer.step()


@pytest.mark.parametrize("preset", ["quadratic", "rosenbrock", "moons", "spirals", "digits-mlp"])
def test_a_run_is_the_same_whatever_the_default_device(preset):
    losses = []
    for context in (contextlib.nullcontext(), elsewhere.DEVICE):
        with elsewhere.elsewhere(), context:
            run = gnlab.Run(preset, device="cpu")
            for _ in range(2):
                run.step()
            gnlab.what_if(run, most=4)
            run.rewind(1)
            losses.append(run.branch().step().loss)
    assert losses[0] == losses[1]


def test_tensors_of_two_devices_do_not_meet():
    with elsewhere.elsewhere():
        x = torch.ones(3, device=elsewhere.DEVICE)
        assert (x + torch.tensor(1.0)).sum().item() == 6
        with pytest.raises(
            elsewhere.MixedError, match=r"aten::add of meta and of the CPU: \[\[3\]"
        ):
            x + torch.ones(3)
        assert elsewhere.sent == []
        x[torch.tensor([0, 1])]
        assert x.to("cpu").device.type == "cpu"
        with pytest.raises(elsewhere.MixedError, match="generator of cpu"):
            torch.randn(2, device=elsewhere.DEVICE, generator=torch.Generator())
        assert elsewhere.sent == ["aten::index", "aten::_to_copy"]
