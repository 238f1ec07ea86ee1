"""What is linear: shapes, sums and selections, by differences and by the plain definition."""

import torch
from torch import nn
from torch.nn import functional as F

from gnlab.summaries.rules import shapes

S, M, C = (2, 3), (3, 4), (2, 3, 4)
ORDER = torch.tensor([2, 0, 1])
PLACES = torch.tensor([[0, 2, 1], [1, 1, 0]])
MASK = torch.tensor([[True, False, True], [False, True, False]])
FIXED = torch.tensor([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]], dtype=torch.float64)


def residual(x, y):
    """X + y by way of an overwritten sum, that is overwritten once more."""
    total = x.sin()
    total += y
    total *= 2
    return total.exp()


def written(write):
    """A copy of x that is overwritten, beside x, whose jet must be left as it was."""

    def run(x, *more):
        copy = x.clone()
        write(copy, *more)
        return copy.exp() * x

    return run


def spread(x):
    """X with no two entries nearly equal, so that no difference changes which is greater."""
    return x + 3.0 * (7 * torch.arange(x.numel()) % x.numel()).reshape(x.shape)


OPERATIONS = {
    "view": (lambda x: x.view(3, 2).square(), S),
    "reshape": (lambda x: torch.reshape(x, (-1,)).square(), S),
    "reshape: method": (lambda x: x.reshape(3, -1).square(), S),
    "flatten": (lambda x: torch.flatten(x, 1).square(), C),
    "flatten: module": (lambda x: nn.Flatten()(x).square(), C),
    "unflatten": (lambda x: x.unflatten(1, (3, 1)).square(), S),
    "unflatten: function": (lambda x: torch.unflatten(x, 1, (1, -1)).square(), S),
    "squeeze": (lambda x: x.squeeze(1).square() + x.squeeze(), (2, 1)),
    "unsqueeze": (lambda x: x.unsqueeze(-2).square(), S),
    "getitem: None": (lambda x: x[:, None, ..., None].square(), S),
    "view_as": (lambda x: x.view_as(FIXED.T).square(), S),
    "reshape_as": (lambda x: x.reshape_as(FIXED.T).square(), S),
    "ravel": (lambda x: torch.ravel(x.T).square(), S),
    "contiguous": (lambda x: x.T.contiguous().square(), S),
    "clone": (lambda x: x.clone().square() + x, S),
    "to": (lambda x: x.to(torch.float64, copy=True).square(), S),
    "float": (lambda x: x.float().double(), S),
    "double": (lambda x: x.float().double(), S),
    "type_as": (lambda x: x.type_as(FIXED.float()).double(), S),
    "transpose": (lambda x: torch.transpose(x, 0, -1).square() * FIXED.T, S),
    "transpose: by name": (lambda x: x.transpose(dim0=-1, dim1=0).square() * FIXED.T, S),
    "swapaxes": (lambda x: x.swapaxes(0, 1).square() * FIXED.T, S),
    "swapdims": (lambda x: torch.swapdims(x, 1, 0).square() * FIXED.T, S),
    "permute": (lambda x: x.permute(2, 0, 1).sin() * x.reshape(4, 2, 3), C),
    "permute: tuple": (lambda x: torch.permute(x, (-1, 0, 1)).sin() * x.reshape(4, 2, 3), C),
    "permute: dims": (lambda x: x.permute(dims=(1, 2, 0)).sin() * x.reshape(3, 4, 2), C),
    "t": (lambda x: x.t().square() * FIXED.T, S),
    "t: of a vector": (lambda x: x.t().square(), (3,)),
    "mT": (lambda x: x.mT.sin() * x.reshape(2, 4, 3), C),
    "mH": (lambda x: x.mH.sin() * x.adjoint(), C),
    "T": (lambda x: x.T.square() * FIXED.T, S),
    "H": (lambda x: x.H.square() * FIXED.T, S),
    "movedim": (lambda x: x.movedim(0, -1).sin() * x.reshape(3, 4, 2), C),
    "expand": (lambda x: x.expand(4, 2, 3).square(), S),
    "expand: minus one": (lambda x: x.unsqueeze(1).expand(-1, 2, -1).square(), S),
    "expand_as": (lambda x: x[:1].expand_as(FIXED).square() * FIXED, S),
    "broadcast_to": (lambda x: torch.broadcast_to(x, (2, 2, 3)).square(), S),
    "neg": (lambda x: (-x).exp(), S), "negative": (lambda x: torch.negative(x).exp(), S),
    "sum": (lambda x: x.sum().square(), S), "sum: dim": (lambda x: x.sum(-1).square(), S),
    "sum: dims": (lambda x: torch.sum(x, dim=(0, 2), keepdim=True).square(), C),
    "sum: no dims": (lambda x: x.sum(()).square(), S),
    "sum: by name": (lambda x: torch.sum(input=x, dim=0).square(), S),
    "sum: of a scalar": (lambda x: x.sum().exp(), ()),
    "sum: dtype": (lambda x: x.float().sum(1, dtype=torch.float64).double(), S),
    "mean": (lambda x: x.mean().square(), S),
    "mean: dims": (lambda x: x.mean([0, -1]).square(), C),
    "mean: keep": (lambda x: (x - x.mean(1, True)).square(), S),
    "gather": (lambda x: x.gather(1, PLACES).square(), S),
    "take_along_dim": (lambda x: x.take_along_dim(PLACES, 1).square(), S),
    "select": (lambda x: x.select(1, -1).square(), S),
    "narrow": (lambda x: torch.narrow(x, 1, 1, 2).square(), S),
    "index_select": (lambda x: x.index_select(1, ORDER).square() * x, S),
    "cumsum": (lambda x: x.cumsum(1).square(), S), "tril": (lambda x: torch.tril(x).square(), S),
    "triu": (lambda x: x.triu(1).square(), S),
    "split": (lambda x: [z.exp() * k for k, z in enumerate(x.split(2, 1))], S),
    "split: sizes": (lambda x: [z.exp() * k for k, z in enumerate(torch.split(x, [1, 2], -1))], S),
    "split: of split": (lambda x: [z.exp() for z in x.split(2)[0].split(1)], M),
    "chunk": (lambda x: [z.exp() * k for k, z in enumerate(x.chunk(2, dim=-1))], S),
    "tensor_split": (lambda x: [z.exp() * k for k, z in enumerate(x.tensor_split(2, 1))], S),
    "unbind": (lambda x: [z.exp() * k for k, z in enumerate(x.unbind(1))], S),
    "roll": (lambda x: x.roll(1, 1).square() * x, S), "flip": (lambda x: x.flip(1).exp() * x, S),
    "repeat": (lambda x: x.repeat(2, 1, 2).square(), S), "tile": (lambda x: x.tile(3).square(), S),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, 1).square(), S),
    "pad": (lambda x: F.pad(x, (1, 0, -1, 2), value=3.0).square(), S),
    "pad: reflect": (lambda x: F.pad(x, (1, 2), mode="reflect").square(), C),
    "pad: replicate": (lambda x: F.pad(x, (1, 1), mode="replicate").square(), C),
    "pad: circular": (lambda x: F.pad(x, (1, 1), mode="circular").square(), C),
    "constant_pad_nd": (lambda x: torch.constant_pad_nd(x, (1, 1), 2.0).square(), S),
    "diagonal": (lambda x: x.diagonal(1).square(), S),
    "diag_embed": (lambda x: x.diag_embed().sin() + x[..., None], S),
    "unfold": (lambda x: x.unfold(1, 2, 1).square(), S),
    "unfold: images": (lambda x: F.unfold(x, 2).square(), (1, 2, 3, 3)),
    "im2col": (
        lambda x: torch._C._nn.im2col(x, (2, 2), (1, 1), (0, 0), (1, 1)).sin(), (1, 1, 3, 3),
    ),
    "fold": (lambda x: F.fold(x, (3, 3), 2).square(), (1, 4, 4)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2).sin() * FIXED[0, 0], (1, 4, 2, 1)),
    "interpolate": (lambda x: F.interpolate(x, size=(3, 4), mode="bilinear").sin(), (1, 2, 2, 3)),
    "interpolate: nearest": (lambda x: F.interpolate(x, scale_factor=2).square(), (1, 2, 2)),
    "interpolate: module": (
        lambda x: nn.Upsample(scale_factor=2, mode="bicubic")(x).sin(), (1, 1, 2, 3),
    ),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2).sin(), (1, 1, 2, 4)),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2).sin() * x, (1, 4, 1, 2)),
    "fliplr": (lambda x: x.fliplr().exp() * x, S), "flipud": (lambda x: x.flipud().exp() * x, S),
    "rot90": (lambda x: x.rot90().exp() * FIXED.T, S),
    "movedim: axis": (lambda x: x.moveaxis(0, 1).exp() * FIXED.T, S),
    "hsplit": (lambda x: [z.exp() * k for k, z in enumerate(x.hsplit(3))], S),
    "vsplit": (lambda x: [z.exp() * k for k, z in enumerate(torch.vsplit(x, [1]))], S),
    "dsplit": (lambda x: [z.exp() * k for k, z in enumerate(x.dsplit(2))], C),
    "split_with_sizes": (
        lambda x: [z.exp() * k for k, z in enumerate(torch.split_with_sizes(x, [1, 2], -1))], S,
    ),
    "masked_select": (lambda x: x.masked_select(MASK).exp(), S),
    "index_add": (lambda x, y: x.index_add(1, ORDER[:2], y, alpha=0.5).exp(), S, (2, 2)),
    "index_add: constant": (lambda x: FIXED.index_add(1, ORDER, x).exp(), S),
    "index_fill": (lambda x: x.index_fill(1, ORDER[:2], 0.5).exp(), S),
    "index_fill: a value": (
        lambda x, y: x.index_fill(1, ORDER[:2], y.prod()).exp() * FIXED, S, (2,),
    ),
    "index_fill: into a constant": (
        lambda y: FIXED.index_fill(1, ORDER[:2], y.prod().sin()).exp(), (2,),
    ),
    "scatter_add": (lambda x, y: x.scatter_add(1, PLACES, y).exp(), S, S),
    "scatter_add: constant": (lambda x: torch.zeros_like(FIXED).scatter_add(1, PLACES, x).exp(), S),
    "slice_scatter": (lambda x, y: x.slice_scatter(y, 1, 1).exp(), S, (2, 2)),
    "select_scatter": (lambda x, y: x.select_scatter(y, 1, 1).exp(), S, (2,)),
    "diagonal_scatter": (lambda x, y: x.diagonal_scatter(y).exp(), S, (2,)),
    "cumsum: in place": (written(lambda x: x.cumsum_(1)), S),
    "tril: in place": (written(lambda x: x.tril_()), S),
    "triu: in place": (written(lambda x: x.triu_(1)), S),
    "index_add: in place": (
        written(lambda x, y: x.index_add_(1, ORDER[[0, 0]], y)), S, (2, 2),
    ),
    "index_fill: in place": (written(lambda x: x.index_fill_(1, ORDER[:2], 0.5)), S),
    "index_fill: a value in place": (
        written(lambda x, y: x.index_fill_(1, ORDER[[0, 0]], y.prod())), S, (2,),
    ),
    "scatter_add: in place": (written(lambda x, y: x.scatter_add_(1, PLACES, y)), S, S),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 2, 1, 1).sin(), C),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2, stride=1).sin(), (2, 1, 3, 3)),
    "avg_pool2d: ceil": (
        lambda x: F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False, padding=1).sin(),
        (1, 2, 3, 3),
    ),
    "avg_pool2d: module": (lambda x: nn.AvgPool2d(2, divisor_override=3)(x).sin(), (1, 2, 4, 3)),
    "avg_pool3d": (lambda x: F.avg_pool3d(x, 2, 1).sin(), (1, 1, 3, 2, 3)),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 3).sin(), C),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (2, None)).sin(), (1, 2, 3, 3)),
    "adaptive_avg_pool2d: module": (lambda x: nn.AdaptiveAvgPool2d(1)(x).sin(), (2, 2, 3, 2)),
    "adaptive_avg_pool3d": (lambda x: F.adaptive_avg_pool3d(x, 2).sin(), (1, 1, 3, 2, 3)),
    "max_pool1d": (lambda x: F.max_pool1d(spread(x), 2).sin(), C),
    "max_pool2d": (
        lambda x: F.max_pool2d(spread(x), 2, 1, padding=1, dilation=1).sin(), (1, 2, 3, 3),
    ),
    "max_pool2d: module": (
        lambda x: nn.MaxPool2d(2, ceil_mode=True)(spread(x)).sin(), (2, 1, 3, 3),
    ),
    "max_pool2d: torch": (lambda x: torch.max_pool2d(spread(x), 2).sin(), (1, 2, 2, 3)),
    "max_pool2d: no samples": (lambda x: F.max_pool2d(spread(x), 2, stride=1).sin(), (2, 3, 3)),
    "max_pool3d": (lambda x: F.max_pool3d(spread(x), 2, 1).sin(), (1, 1, 3, 2, 3)),
    "getitem": (lambda x: x[1].square(), S), "getitem: slice": (lambda x: x[..., ::2].exp(), S),
    "getitem: list": (lambda x: x[:, [2, 0, 0]].exp(), S),
    "getitem: tensors": (lambda x: x[torch.tensor([0, 1]), torch.tensor([2, 2])].exp(), S),
    "getitem: mask": (lambda x: x[MASK].exp(), S),
    "unbind: unpacked": (lambda x: [row.exp() * k for k, row in enumerate(x)], S),
    "add": (lambda x, y: (x + y).exp(), S, (3,)),
    "add: alpha": (lambda x, y: torch.add(x, y, alpha=0.3).exp(), (2, 1), (3,)),
    "add: constant": (lambda x: (x + FIXED).exp() + (1 + x).sin(), (3,)),
    "add: same": (lambda x: (x + x).exp(), S),
    "add: in place": (lambda x, y: (x * 1).add_(y, alpha=2).exp(), S, (3,)),
    "add: residual": (residual, S, S),
    "sub": (lambda x, y: (x - y).exp(), (3,), S), "sub: number": (lambda x: (x - 2).exp(), S),
    "sub: alpha": (lambda x, y: x.sub(y, alpha=0.5).exp(), S, (1,)),
    "rsub": (lambda x: (1 - x).exp(), S),
    "sub: from a constant": (lambda x: (FIXED - x).exp(), (3,)),
    "rsub: alpha": (lambda x, y: torch.rsub(x, y, alpha=0.4).exp(), S, (3,)),
    "where": (lambda x, y: torch.where(MASK, x, y).exp(), S, (3,)),
    "where: number": (lambda x: torch.where(MASK, x, 1.0).exp(), S),
    "where: method": (lambda x, y: x.where(x > 0.1, y).exp(), S, (2, 1)),
    "where: by name": (lambda x, y: torch.where(MASK, input=x, other=y).exp(), S, (2, 1)),
    "masked_fill": (lambda x: x.masked_fill(MASK, 0.4).exp(), S),
    "masked_fill: wider": (lambda x: x.masked_fill(MASK, -1).exp(), (3,)),
    "masked_fill: in place": (lambda x: (x * 2).masked_fill_(MASK, -1).exp(), S),
    "masked_fill: a value": (lambda x, y: x.masked_fill(MASK, y.prod()).exp(), (3,), (2,)),
    "masked_fill: into a constant": (
        lambda y: (1 * FIXED).masked_fill_(MASK, y.prod()).exp(), (2,),
    ),
    "as_strided": (lambda x: x.as_strided((2, 2, 2), (2, 1, 2)).exp(), S),
    "as_strided: of a transpose": (lambda x: x.T.as_strided((2, 2), (3, 1)).exp(), S),
    "as_strided: windows": (lambda x: torch.as_strided(x.exp(), size=(3, 2), stride=(2, 1)), C),
    "cat": (lambda x, y: torch.cat([x, y, FIXED], 1).exp(), S, (2, 1)),
    "cat: same": (lambda x: torch.cat((x, x), dim=-1).exp(), S),
    "cat: of nothing": (lambda x: torch.cat([torch.tensor([]).to(x), x], dim=-2).exp(), C),
    "cat: of an empty vector": (lambda x: torch.cat([x[:0], x]).exp(), (3,)),
    "stack": (lambda x, y: torch.stack([x, FIXED, y], -1).exp(), S, S),
    "stack: first": (lambda x, y: torch.stack((y, x)).exp(), S, S),
    "amax": (lambda x: spread(x).amax(1).sin(), S), "amax: all": (lambda x: spread(x).amax(), S),
    "amax: ties": (lambda x: torch.cat([x, x], 1).amax(1, keepdim=True).sin(), S),
    "amin": (lambda x: torch.amin(spread(x), dim=(0, 2)).sin(), C),
    "maximum": (torch.maximum, S, (3,)), "minimum": (lambda x: torch.minimum(x, FIXED), S),
    "amax: axis": (lambda x: spread(x).amax(axis=1, keepdims=True).sin(), S),
    "amax: three": (lambda x: torch.cat([x, x, x], 1).amax(1).sin(), S),
    "amax: of a scalar": (lambda x: x.amax().exp(), ()),
    "maximum: ties": (lambda x, y: torch.maximum(torch.cat([x, y]), torch.cat([x, x])).sin(), S, S),
    "sum: axis": (lambda x: x.sum(axis=1, keepdims=True).exp() * x, S),
    "mean: axis": (lambda x: torch.mean(x, axis=0, keepdim=True).exp() * x, S),
    "cat: axis": (lambda x: torch.cat([x, x * x], axis=1).exp(), S),
}  # fmt: skip
SINGLE = ("float", "double", "type_as")
"""These go through single precision, in which neither way has many digits."""


def test_every_rule_is_tried():
    assert {name.split(":")[0] for name in OPERATIONS} == set(shapes.RULES)


def test_derivatives(operation, used):
    name = operation.name.split(":")[0]
    if name in SINGLE or "dtype" in operation.name:
        single(operation)
    else:
        operation.check()
    assert name in used


def test_repetition(operation):
    # How much a mask chooses depends on numbers.
    operation.check_repetition(possible=operation.name not in ("masked_select", "getitem: mask"))


def single(operation):
    for p in operation.partitions():
        fast, plain = operation.summary(p, "jets"), operation.summary(p, "autodiff")
        for one, two in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-6 * float(two.abs().max()))
