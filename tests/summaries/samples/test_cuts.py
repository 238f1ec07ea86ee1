"""Where arguments are cut; the rules' own tests hold every operation's cut against the whole."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.summaries.formulas.decompose import decomposed
from gnlab.summaries.jets.axis import Axis
from gnlab.summaries.recording.tape import Tape
from gnlab.summaries.samples.cuts import needs

DOUBLE = torch.float64


def last_call(function, *shapes):
    """The last call of a function of parameters of these shapes."""
    torch.manual_seed(0)
    leaves = {str(i): nn.Parameter(torch.randn(s, dtype=DOUBLE)) for i, s in enumerate(shapes)}
    tape = Tape()
    tape.start(leaves)
    with decomposed(), tape:
        function(*leaves.values())
    return tape.calls[-1], [tape.operand(leaf) for leaf in leaves.values()]


def where(function, *shapes, dim=0, times=1):
    """Where each argument is cut if the result is; None if that cannot be done."""
    call, leaves = last_call(function, *shapes)
    found = needs(call, Axis(dim, times))
    if found is None:
        return None
    axes = {id(tensor): (axis.dim, axis.times) for tensor, axis in found}
    return [axes.get(id(leaf)) for leaf in leaves]


@pytest.mark.parametrize("function", [
    F.conv3d, F.conv_transpose3d,
])  # fmt: skip
def test_convolutions_of_volumes_keep_samples_apart(function):
    assert where(function, (2, 3, 4, 4, 4), (3, 3, 2, 2, 2)) == [(0, 1), None]
    assert where(function, (2, 3, 4, 4, 4), (3, 3, 2, 2, 2), dim=1) is None


@pytest.mark.parametrize("function", [
    lambda x: F.avg_pool3d(x, 2), lambda x: F.max_pool3d(x, 2),
    lambda x: F.adaptive_avg_pool3d(x, 2),
])  # fmt: skip
def test_poolings_of_volumes_keep_samples_apart(function):
    assert where(function, (2, 3, 4, 4, 4)) == [(0, 1)]
    assert where(function, (2, 3, 4, 4, 4), dim=1) is None


def test_an_image_without_samples_is_not_cut():
    assert where(lambda x: F.max_pool2d(x, 2), (3, 4, 4)) is None


@pytest.mark.parametrize("function", [
    lambda x: x.ravel(), lambda x: x.reshape(-1), lambda x: x.flatten(),
])  # fmt: skip
def test_several_entries_of_a_dimension_may_belong_to_a_sample(function):
    assert where(function, (4, 3), times=3) == [(0, 1)]


def test_a_shape_that_mixes_samples_is_not_cut():
    assert where(lambda x: x.reshape(2, 6), (4, 3), dim=0, times=1) == [(0, 2)]
    assert where(lambda x: x.reshape(6, 2), (4, 3), dim=1, times=1) is None
    assert where(lambda x: x.t().reshape(2, 6), (4, 3), dim=0, times=1) is None


@pytest.mark.parametrize("function", [lambda x: x.float(), lambda x: x.float().double()])
def test_another_dtype_is_cut_alike(function):
    call, _ = last_call(function, (4, 3))
    assert needs(call, Axis(1, 1))[0][1] == Axis(1, 1)


def test_what_is_broadcast_stays_whole():
    assert where(lambda x, y: x * y, (4, 3), (3,)) == [(0, 1), None]
    assert where(lambda x, y: x * y, (4, 3), (1, 3)) == [(0, 1), None]
    assert where(lambda x, y: x * y, (4, 3), (3,), dim=1) == [(1, 1), (0, 1)]


@pytest.mark.parametrize(("function", "shapes", "dims"), [
    (lambda x: x.sum(1), [(4, 3, 2)], [[(0, 1)], [(2, 1)]]),
    (lambda x: x.mean(0, keepdim=True), [(4, 3)], [None, [(1, 1)]]),
    (lambda x: x.amax((0, 2)), [(4, 3, 2)], [[(1, 1)]]),
    (lambda x: x.permute(2, 0, 1), [(4, 3, 2)], [[(2, 1)], [(0, 1)], [(1, 1)]]),
    (lambda x: x[:, None, 1], [(4, 3, 2)], [[(0, 1)], None, [(2, 1)]]),
    (lambda x: x[..., 1:], [(4, 3)], [[(0, 1)], None]),
    (lambda x: x.unbind(1), [(4, 3, 2)], [[(0, 1)], [(2, 1)]]),
    (lambda x: x.split(2, 0), [(4, 3)], [None, [(1, 1)]]),
    (lambda x: x.roll(1), [(4, 3)], [None, None]),
    (lambda x: F.pad(x, (1, 1)), [(4, 3)], [[(0, 1)], None]),
    (lambda x: x.log_softmax(-1), [(4, 3)], [[(0, 1)], None]),
    (lambda x: x.softmax(0), [(4, 3)], [None, [(1, 1)]]),
    (lambda x, y: torch.cat([x, y], 1), [(4, 3), (4, 2)], [[(0, 1), (0, 1)], None]),
    (lambda x, y: torch.stack([x, y], 1), [(4, 3), (4, 3)], [[(0, 1)] * 2, None, [(1, 1)] * 2]),
    (lambda x, y: x @ y, [(4, 3), (3, 2)], [[(0, 1), None], None]),
    (lambda x, y: x @ y, [(5, 4, 3), (5, 3, 2)], [[(0, 1)] * 2, [(1, 1), None], None]),
    (lambda x, y: x @ y, [(5, 4, 3), (3, 2)], [[(0, 1), None], [(1, 1), None], None]),
    (lambda x: F.layer_norm(x, (3,)), [(4, 3)], [[(0, 1)], None]),
    (lambda x: F.batch_norm(x, None, None, training=True), [(4, 3)], [None, [(1, 1)]]),
    (lambda x: torch.einsum("ij->i", x), [(4, 3)], [[(0, 1)]]),
    (lambda x: torch.einsum("ii->i", x), [(3, 3)], [None]),
    (lambda x: torch.einsum("i...->i", x), [(3, 3)], [None]),
    (lambda x, y: torch.einsum("bid, bjd -> ibj", x, y), [(4, 3, 2), (4, 5, 2)],
     [[(1, 1), None], [(0, 1)] * 2, [None, (1, 1)]]),
])  # fmt: skip
def test_each_dimension_is_cut_where_it_can_be(function, shapes, dims):
    assert [where(function, *shapes, dim=d) for d in range(len(dims))] == dims
