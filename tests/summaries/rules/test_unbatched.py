"""Layers of one sample without a dimension of samples, by differences and by the definition."""

from torch import nn
from torch.nn import functional as F

from gnlab.summaries.rules.unbatched import FORMULAS
from tests.summaries.rules.held import Formulated


def conv(name, **options):
    """A convolution whose input, weight and bias all depend on parameters."""
    return lambda x, w, b: getattr(F, name)(x, w, b, **options).sin()


def pool(name, size):
    """A pooling of one sample."""
    return lambda x: getattr(F, name)(x, size).sin()


OPERATIONS = {
    "conv1d": (conv("conv1d", stride=2, padding=1), (1, 4), (2, 1, 2), (2,)),
    "conv1d: same": (conv("conv1d", padding="same"), (1, 4), (1, 1, 3), (1,)),
    "conv2d": (conv("conv2d", dilation=2, groups=2), (2, 3, 3), (2, 1, 2, 2), (2,)),
    "conv2d: module": (nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh()).double(), (1, 3, 2)),
    "conv3d": (conv("conv3d"), (1, 2, 2, 3), (1, 1, 1, 2, 2), (1,)),
    "conv_transpose1d": (conv("conv_transpose1d", stride=2), (1, 3), (1, 2, 2), (2,)),
    "conv_transpose2d": (conv("conv_transpose2d", padding=1), (1, 3, 2), (1, 2, 2, 3), (2,)),
    "conv_transpose3d": (conv("conv_transpose3d"), (1, 2, 2, 1), (1, 1, 1, 2, 2), (1,)),
    "avg_pool1d": (pool("avg_pool1d", 2), (2, 4)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2, 1, 1, count_include_pad=False).sin(), (2, 3, 3)),
    "avg_pool3d": (pool("avg_pool3d", 2), (1, 2, 2, 4)),
    "adaptive_avg_pool1d": (pool("adaptive_avg_pool1d", 2), (2, 3)),
    "adaptive_avg_pool2d": (pool("adaptive_avg_pool2d", (None, 2)), (1, 2, 3)),
    "adaptive_avg_pool3d": (pool("adaptive_avg_pool3d", 1), (1, 2, 2, 2)),
}


def test_every_formula_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS)


class TestOperations(Formulated):
    """Held to what all are."""
