"""Whichever way a fused kernel is reached, its formula is what is differentiated."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.partitions import partition
from gnlab.summaries import summarise
from gnlab.summaries.formulas.decompose import ROUTES, decomposed

DOUBLE = torch.float64
aten = torch.ops.aten
RNG = torch.Generator().manual_seed(5)
SCALE, SHIFT, MEAN, VARIANCE = (torch.rand(4, generator=RNG, dtype=DOUBLE) + k for k in range(4))
AFFINE, RUNNING = (SCALE, SHIFT), (MEAN, VARIANCE)
END = (0.1, 1e-5, False)


def spread(z):
    """Three positions for each channel."""
    return z[:, :, None] * torch.arange(1.0, 4.0, dtype=DOUBLE) + torch.arange(3) ** 2


def mixed(z):
    """[..., heads, positions, features]."""
    return z.reshape(1, 2, 3, 4)


# The function that everybody calls, and what comes to the same.
SAME = {
    "layer norm": (
        lambda z: F.layer_norm(z, (4,), SCALE, SHIFT),
        {
            "torch": lambda z: torch.layer_norm(z, [4], SCALE, SHIFT, 1e-5, False),
            "torch by name": lambda z: torch.layer_norm(
                input=z, normalized_shape=[4], weight=SCALE, bias=SHIFT
            ),
            "native": lambda z: torch.native_layer_norm(z, [4], SCALE, SHIFT, 1e-5)[0],
            "operator": lambda z: aten.layer_norm(z, [4], SCALE, SHIFT),
            "overload": lambda z: aten.layer_norm.default(z, [4], SCALE, SHIFT),
            "native operator": lambda z: aten.native_layer_norm(z, [4], SCALE, SHIFT, 1e-5)[0],
            "native overload": lambda z: aten.native_layer_norm.default(z, [4], SCALE, SHIFT, 1e-5)[
                0
            ],
        },
    ),
    "rms norm": (
        lambda z: F.rms_norm(z, (4,), SCALE),
        {
            "torch": lambda z: torch.rms_norm(input=z, normalized_shape=[4], weight=SCALE),
            "operator": lambda z: aten.rms_norm(z, [4], SCALE),
        },
    ),
    "group norm": (
        lambda z: F.group_norm(z, 2, SCALE, SHIFT),
        {
            "torch": lambda z: torch.group_norm(input=z, num_groups=2, weight=SCALE, bias=SHIFT),
            "operator": lambda z: aten.group_norm(z, 2, SCALE, SHIFT),
        },
    ),
    "batch norm": (
        lambda z: F.batch_norm(z, *RUNNING, *AFFINE),
        {
            "torch": lambda z: torch.batch_norm(z, *AFFINE, *RUNNING, False, *END),
            "operator": lambda z: aten.batch_norm(z, *AFFINE, *RUNNING, False, *END),
        },
    ),
    "batch norm in train mode": (
        lambda z: F.batch_norm(z, None, None, *AFFINE, training=True),
        {
            "torch": lambda z: torch.batch_norm(z, *AFFINE, None, None, True, *END),
            "operator": lambda z: aten.batch_norm.default(z, *AFFINE, None, None, True, *END),
        },
    ),
    "instance norm": (
        lambda z: F.instance_norm(spread(z), None, None, *AFFINE).sum(2).tanh(),
        {
            "torch": lambda z: (
                torch.instance_norm(spread(z), *AFFINE, None, None, True, *END).sum(2).tanh()
            ),
            "operator": lambda z: (
                aten.instance_norm(spread(z), *AFFINE, None, None, True, *END).sum(2).tanh()
            ),
        },
    ),
    "weight norm": (
        lambda z: z * torch._weight_norm(z, z[:, :1].sin(), 0),
        {"operator": lambda z: z * aten._weight_norm(z, z[:, :1].sin(), 0)},
    ),
    "attention": (
        lambda z: F.scaled_dot_product_attention(mixed(z), mixed(z).sin(), mixed(z)).view(6, 4),
        {
            "operator": lambda z: aten.scaled_dot_product_attention(
                mixed(z), mixed(z).sin(), mixed(z)
            ).view(6, 4)
        },
    ),
    "logcumsumexp": (
        lambda z: torch.logcumsumexp(z, 1),
        {"operator": lambda z: aten.logcumsumexp(z, 1)},
    ),
    "hardsigmoid": (
        lambda z: F.hardsigmoid(z) * z,
        {"operator": lambda z: aten.hardsigmoid(z) * z},
    ),
    "hardswish": (F.hardswish, {"operator": aten.hardswish}),
    "celu": (lambda z: F.celu(z, 0.3), {"operator": lambda z: aten.celu(z, 0.3)}),
    "prelu": (
        lambda z: F.prelu(z - 0.5, SCALE),
        {
            "method": lambda z: (z - 0.5).prelu(SCALE),
            "operator": lambda z: aten.prelu(z - 0.5, SCALE),
        },
    ),
    "norm": (
        lambda z: torch.linalg.vector_norm(z, dim=1, keepdim=True) * z,
        {"operator": lambda z: aten.linalg_vector_norm(z, 2, [1], True) * z},
    ),
    "dist": (
        lambda z: torch.dist(z, z.sin()) * z,
        {"operator": lambda z: aten.dist(z, z.sin()) * z},
    ),
    "cdist": (
        lambda z: torch.cdist(z, z.sin()) @ z,
        {"operator": lambda z: aten.cdist(z, z.sin()) @ z},
    ),
    "pdist": (lambda z: F.pdist(z).sum() * z, {"operator": lambda z: aten.pdist(z).sum() * z}),
    "pairwise distance": (
        lambda z: F.pairwise_distance(z, z.sin())[:, None] * z,
        {"operator": lambda z: aten.pairwise_distance(z, z.sin())[:, None] * z},
    ),
    "cosine similarity": (
        lambda z: F.cosine_similarity(z, z.sin())[:, None] * z,
        {"operator": lambda z: aten.cosine_similarity(z, z.sin())[:, None] * z},
    ),
}
CASES = [(name, way) for name, (_, ways) in SAME.items() for way in ways]


class Network(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.first, self.last, self.between = nn.Linear(5, 4), nn.Linear(4, 3), between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def summary(between, method):
    torch.manual_seed(0)
    model = Network(between).double()
    batch = torch.randn(6, 5, dtype=DOUBLE), torch.randint(0, 3, (6,))
    u = {n: torch.randn_like(p) for n, p in model.named_parameters()}
    p = partition(model, "tensor")
    return summarise(model, nn.CrossEntropyLoss(), batch, p, u, method=method)


@pytest.mark.parametrize("method", ["auto", "autodiff"])
@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_way_has_the_derivatives_of_the_usual_one(name, way, method):
    usual, ways = SAME[name]
    known, found = summary(usual, "autodiff"), summary(ways[way], method)
    assert abs(found.loss - known.loss) <= 1e-13 * known.loss
    for one, two in ((found.g, known.g), (found.H, known.H), (found.third, known.third)):
        assert (one - two).abs().max() <= 1e-10 * two.abs().max()


@pytest.mark.parametrize(("name", "way"), CASES)
def test_values_are_torchs(name, way):
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    function = SAME[name][1][way]
    with decomposed():
        found = function(z)
    torch.testing.assert_close(found, function(z), rtol=1e-11, atol=1e-11)


def test_the_native_kernels_statistics_are_torchs():
    z = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    with decomposed():
        found = torch.native_layer_norm(z, [3, 4], None, None, 1e-5)
    for one, two in zip(found, torch.native_layer_norm(z, [3, 4], None, None, 1e-5), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_in_place():
    z = torch.linspace(-2, 2, 9, dtype=DOUBLE)
    with decomposed():
        x = z.clone()
        assert aten.celu_(x, 0.3) is x
    torch.testing.assert_close(x, torch.celu(z, 0.3), rtol=1e-12, atol=1e-12)


def test_no_route_goes_without_a_test():
    called = set()

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            called.add(getattr(func, "overloadpacket", func))
            return func(*args, **(kwargs or {}))

    z = torch.rand(6, 4, dtype=DOUBLE)
    with Watch():
        for name, way in CASES:
            SAME[name][1][way](z)
        aten.celu_(z)
    assert set(ROUTES) <= called
