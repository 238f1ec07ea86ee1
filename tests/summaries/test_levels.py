"""The paper's networks and two more at every kind of level: the fast pass gives the definition.

The plain definition of thousands of groups takes hours, so some of H̄'s rows are found by it: ḡ of
all groups by one reverse pass, and of some groups s the whole row H̄_s· and D^(3)_sss by two more.
What is too wide for a group per unit is cut in some of its tensors, among them its last.
"""

import pytest
import torch
from torch import nn

from benchmarks.summaries.cases import NETWORKS
from benchmarks.summaries.encoder import Encoder
from gnlab.partitions import Partition, partition
from gnlab.problems.networks import perceptron
from gnlab.summaries import summarise
from gnlab.summaries.autodiff import Along, groups_of, pure_third
from gnlab.summaries.loaders.passes import Task

DOUBLE = torch.float64
LOSS = nn.functional.cross_entropy
ROWS = 3
"""Of H̄, that the definition is asked for."""


def rows_by_definition(problem, chosen):
    """ḡ, and of the chosen groups H̄'s rows and D^(3)_sss, by reverse passes."""
    model, loss_fn, batch, p, u = problem
    groups = groups_of(p, torch.device("cpu"))
    rank = groups.order.argsort()

    def work(seen):
        along = Along(groups, seen.leaves, u)
        f = along.gradient(seen.loss)
        H, third = [], []
        for r in rank[chosen].tolist():
            row = along.derivative(f, r, tuple(u), graph=True)
            H.append(along.entries(row)[rank])
            third.append(pure_third(row, r, along))
        return along.entries(f)[rank].detach(), torch.stack(H), torch.stack(third)

    return Task(model, loss_fn, [batch], p, None, None).combined(work)[0]


def check(model, batch, split):
    """The fast pass at a partition, along a random direction."""
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    problem = model, LOSS, batch, split, u
    fast = summarise(*problem, method="jets")
    chosen = torch.randperm(split.num_groups)[:ROWS]
    g, H, third = rows_by_definition(problem, chosen)
    near(fast.g, g)
    for found, known in zip(fast.H[chosen], H, strict=True):
        near(found, known)  # by what is large in this very row
    assert (fast.third[chosen] - third).abs().max() <= 1e-10 * fast.third.abs().max()
    return fast, u


def near(found, known):
    assert (found - known).abs().max() <= 1e-10 * known.abs().max()


def cut(model, levels):
    """Some tensors cut, each as at a level of its own; each of the others is one group."""
    shapes = partition(model, "all").shapes
    groups, count = {}, 0
    for name, shape in shapes.items():
        level, own = levels.get(name), torch.zeros((), dtype=torch.int64)
        if level == "element":  # of the whole network there would be too many
            own = torch.arange(shape.numel()).reshape(shape)
        elif level is not None:
            own = torch.unique(partition(model, level).groups[name], return_inverse=True)[1]
        groups[name] = own + count
        count += int(own.max()) + 1
    return Partition("cut", tuple(map(str, range(count))), shapes, groups, ("mixed",) * count)


def problem(name):
    """A network in float64, no bias of it zero, and two samples; the encoder's are 16×16."""
    torch.manual_seed(0)
    model, shape = Encoder(size=16), (3, 16, 16)
    if name != "encoder":
        model, shape = NETWORKS[name].build("cpu"), NETWORKS[name].inputs
    model = model.double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01 * torch.randn_like(p))
    return model, (torch.randn(2, *shape, dtype=DOUBLE), torch.tensor([3, 7]))


LEVELS = {
    "lenet-cifar10": ("role", "tensor", "block:2", "neuron", "unit", "row:2"),
    "mlp-mnist": ("role", "tensor", "block:2", "unit"),
    "vgg11-cifar10": ("role", "block:2"),
    "bigmlp-cifar10": ("role", "block:2"),
    "resnet18": ("role", "block:2"),
    "encoder": ("role", "tensor", "block:2"),
}


@pytest.mark.parametrize(("name", "level"), [(n, lv) for n, all in LEVELS.items() for lv in all])
def test_at_a_level(name, level):
    model, batch = problem(name)
    check(model, batch, partition(model, level))


# The others are one group each, as at "tensor".
CUT = {
    "lenet-cifar10": {"conv1.weight": "element", "conv2.weight": "row:3", "fc3.weight": "element"},
    "mlp-mnist": {"layer1.bias": "element", "layer3.weight": "row:2", "layer4.weight": "element"},
    "vgg11-cifar10": {
        "conv8.weight": "unit", "conv8.bias": "element", "fc.weight": "row:3", "fc.bias": "element",
    },
    "bigmlp-cifar10": {
        "layer20.weight": "block:100", "layer20.bias": "element", "layer21.weight": "row:3",
    },
    "resnet18": {
        "conv1.weight": "unit", "layer4.1.conv2.weight": "block:50",
        "layer4.1.bn2.weight": "element", "fc.weight": "row:3",
    },
    "encoder": {
        "patches.weight": "unit", "blocks.0.norm1.weight": "block:20",
        "blocks.3.mix.weight": "unit", "blocks.3.norm2.bias": "element", "head.weight": "row:3",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_with_some_tensors_cut(name):
    model, batch = problem(name)
    check(model, batch, cut(model, CUT[name]))


# As deep as the networks they stand for, and so narrow that every element can be a group.
NARROW = {
    "encoder": (lambda: Encoder(width=4, heads=2, size=8), (3, 8, 8)),
    "20 layers": (lambda: perceptron((12, *[6] * 20, 10), "elu", seed=0), (12,)),
    "100 layers": (lambda: perceptron((6, *[4] * 100, 10), "elu", seed=0), (6,)),
}


@pytest.mark.parametrize("level", ["tensor", "block:2", "neuron", "unit", "row:2", "element"])
@pytest.mark.parametrize("name", NARROW)
def test_a_deep_and_narrow_network(name, level):
    torch.manual_seed(0)
    build, shape = NARROW[name]
    model, batch = build().double(), (torch.randn(3, *shape, dtype=DOUBLE), torch.tensor([3, 7, 1]))
    split = partition(model, level)
    fast, u = check(model, batch, split)
    # What is coarser is the definition's too, and so all of H̄ is.
    for coarse in (partition(model, name) for name in ("all", "role", "chunk:2")):
        if coarse.num_groups < split.num_groups and split.refines(coarse):
            plain = summarise(model, LOSS, batch, coarse, u, method="autodiff")
            g, H = fast.coarsened(split, coarse)
            near(g, plain.g)
            near(H, plain.H)
