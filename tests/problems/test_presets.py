"""Presets by name, without the ones that need image files (those are in test_images)."""

import math
import subprocess
import sys

import pytest
import torch

from gnlab.errors import InputError
from gnlab.problems import NAMES, Batches, describe, problem, recommended

EMBEDDED = ("digits-mlp", "digits-deep", "moons", "spirals", "circles", "quadratic", "rosenbrock")


def test_names_in_their_order():
    assert NAMES == (
        "digits-mlp", "digits-deep", "moons", "spirals", "circles",
        "mlp-mnist", "lenet-cifar10", "vgg11-cifar10", "bigmlp-cifar10", "vbigmlp-cifar10",
        "quadratic", "rosenbrock",
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_titles_are_one_line(name):
    title = describe(name)
    assert title
    assert "\n" not in title
    assert len(title) < 90


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_gradient(name, dtype):
    p = problem(name, seed=1, dtype=dtype)
    assert (p.name, p.title, p.dtype) == (name, describe(name), dtype)
    assert p.hyperparameters == recommended(name)
    order = Batches(len(p.train), p.hyperparameters.batch_size, 0)
    x, y = p.train.batch(order.indices(0), dtype=dtype)
    loss = p.loss_fn(p.model(x), y)
    loss.backward()
    assert loss.dtype is dtype
    assert bool(torch.isfinite(loss))
    assert all(bool(q.grad.any()) for q in p.model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_published_and_possible_settings(name):
    h = recommended(name)
    if name in EMBEDDED:
        size = len(problem(name).train)
        Batches(size, h.batch_size, 0)
        Batches(size, h.summary_batch_size, 0)
    else:
        lr = 0.3 if name in ("lenet-cifar10", "vgg11-cifar10") else 0.1
        assert (h.lr, h.damping, h.period) == (lr, 1.0, 10)
        assert (h.batch_size, h.summary_batch_size) == (100, 1000)
        assert (h.momentum, h.step_momentum, h.direction) == (0.9, 0.5, "momentum")
        assert h.partition == ("chunk:5" if name == "vbigmlp-cifar10" else "tensor")


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("moons", 0.117), ("spirals", 0.117), ("circles", 0.117),
        ("digits-mlp", 0.282), ("digits-deep", 0.282),
    ],
)  # fmt: skip
def test_the_loss_of_classes_that_can_be_told_apart_has_a_minimum(name, lowest):
    """At outputs whose softmax is the smoothed target, and nowhere lower."""
    p = problem(name)
    others = 0.05 / p.classes
    target = torch.full((p.classes,), others, dtype=torch.float64)
    target[0] = 1 - 0.05 + others
    margins = torch.linspace(0, 40, 4001, dtype=torch.float64)
    outputs = torch.zeros(len(margins), p.classes, dtype=torch.float64)
    outputs[:, 0] = margins
    losses = [p.loss_fn(row.unsqueeze(0), torch.tensor([0])).item() for row in outputs]
    best = -(target * target.log()).sum().item()
    assert min(losses) == pytest.approx(best, rel=1e-5)
    assert best == pytest.approx(lowest, abs=5e-4)
    steepest = math.log(target[0].item() / others)
    assert margins[losses.index(min(losses))].item() == pytest.approx(steepest, abs=0.01)


def test_digits_network():
    p = problem("digits-mlp")
    shapes = [tuple(q.shape) for q in p.model.parameters() if q.dim() == 2]
    assert shapes == [(32, 64), (32, 32), (32, 32), (10, 32)]
    assert sum(q.numel() for q in p.model.parameters()) == 4522
    assert (p.kind, p.classes) == ("classification", 10)


@pytest.mark.parametrize("name", ["digits-mlp", "spirals", "rosenbrock"])
def test_same_seed_same_start_and_no_trace(name):
    state = torch.get_rng_state()
    first, again, other = (list(problem(name, seed=s).model.parameters()) for s in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert first[0].data_ptr() != again[0].data_ptr()


def test_unknown_preset():
    for ask in (problem, describe, recommended):
        with pytest.raises(
            InputError, match=r"unknown preset 'lenet'.*'lenet-cifar10'.*Valid: dig"
        ):
            ask("lenet")


def test_bad_dtype_device_and_seed():
    with pytest.raises(InputError, match=r"float32 or torch\.float64; got torch\.float16"):
        problem("moons", dtype=torch.float16)
    with pytest.raises(InputError, match=r"device 'gpu' cannot be used here \(.*\); try 'cpu'"):
        problem("moons", device="gpu")
    with pytest.raises(InputError, match=r"device must be .* such as 'cpu'; got None\."):
        problem("moons", device=None)
    with pytest.raises(InputError, match="seed must be a whole number"):
        problem("moons", seed=-1)


def test_the_default_problem_waits_for_no_large_import():
    code = (
        "import sys; from gnlab.problems import problem; problem('digits-mlp');"
        "assert not {'sklearn', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize("name", [["moons"], {"moons": 1}, None])
def test_what_is_no_name_is_no_preset(name):
    with pytest.raises(InputError, match="unknown preset"):
        problem(name)
