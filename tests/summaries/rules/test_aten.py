"""Torch's operators, as exported models call them, by the plain definition."""

import pytest
import torch

from gnlab.summaries.formulas import aten
from gnlab.summaries.formulas.decompose import decomposed
from gnlab.summaries.recording.tape import Tape

A = torch.ops.aten
DOUBLE = torch.float64
S, C, IMAGE = (2, 3), (2, 3, 4), (1, 2, 4, 4)
FIXED = torch.tensor([[0.3, -0.7, 1.1], [0.2, 0.9, -0.4]], dtype=DOUBLE)
PLACES = torch.tensor([[0, 2, 1], [1, 1, 0]])
ORDER, FEW = torch.tensor([2, 0]), torch.tensor([3, 1])
TOKENS = torch.tensor([[0, 2], [1, 1]])
MASK = FIXED > 0
PLAIN = (
    *("abs", "ceil", "cos", "cosh", "elu", "erf", "exp", "exp2", "expm1", "floor", "gelu"),
    *("hardshrink", "hardtanh", "leaky_relu", "log_sigmoid", "mish", "neg", "relu", "relu6"),
    *("round", "selu", "sigmoid", "sign", "silu", "sin", "sinh", "softplus", "softshrink"),
    *("square", "tan", "tanh", "trunc", "hardsigmoid", "hardswish", "celu"),
)
POSITIVE = ("log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt")


def spread(x):
    """X with no two entries nearly equal."""
    return x + 3.0 * (7 * torch.arange(x.numel()) % x.numel()).reshape(x.shape)


def weighed(parts):
    return [part.exp() * k for k, part in enumerate(parts, 1)]


def of(name, before=torch.clone):
    operator = getattr(A, name).default
    return lambda x: operator(before(2 * x)).sin()


def windows(name, dims, *options):
    shape = (1, 2, 4) if dims == 1 else (1, 1, 2, 2, 4)[-dims - 2 :]
    return lambda x: getattr(A, f"{name}{dims}d").default(spread(x), *options).sin(), shape


def convolved(name, dims, overload="default"):
    x, weight = (1, 1, 2, 2, 3)[-dims - 2 :], (2, 1, 1, 2, 2)[:2] + (1, 2, 2)[-dims:]
    weight = weight if "transpose" not in name else (1, 2, *weight[2:])
    operator = getattr(getattr(A, f"{name}{dims}d"), overload)
    return lambda x, w, b: operator(x, w, b, [1] * dims).sin(), (1, 1, *x[2:]), weight, (2,)


def recurrent(name, gates, several=False):
    def run(x, h, w, v):
        states = [h, h.cos()] if several else h
        found = getattr(A, name).input(x, states, [w, v], False, 1, 0.0, True, False, True)
        return [part.sin() for part in found]

    return run, (2, 2, 2), (1, 2, 2), (gates * 2, 2), (gates * 2, 2)


def cell(name, gates, several=False):
    def run(x, h, w, v):
        found = getattr(A, name)(x, [h, h.cos()] if several else h, w, v)
        return [part.sin() for part in (found if several else [found])]

    return run, (2, 2), (2, 2), (gates * 2, 2), (gates * 2, 2)


def sequences(x):
    data, sizes = A._pack_padded_sequence.default(x.sin(), FEW, True)
    padded, _ = A._pad_packed_sequence.default(data.cos(), sizes, True, 0.5, 4)
    return padded.exp()


def written(write):
    """What is written into a part of a tensor by operators, as an export has it."""

    def function(x):
        z = x.sin()
        write(z)
        return z.exp() * x

    return function


OPERATIONS = {
    **{name: (of(name), S) for name in PLAIN},
    **{name: (of(name, torch.exp), S) for name in POSITIVE},
    "add": (lambda x, y: A.add.Tensor(A.add.Scalar(x, 2), y, alpha=0.5).exp(), S, (3,)),
    "add: in place": (lambda x, y: A.add_.Tensor(x * 1, y).exp() * x, S, (3,)),
    "relu: in place": (lambda x: A.relu_.default(x * 1).exp() * x, S),
    "sub": (lambda x, y: A.sub.Tensor(x, y).exp(), S, (3,)),
    "rsub": (lambda x: A.rsub.Scalar(x, 1.5).exp(), S),
    "mul": (lambda x, y: A.mul.Tensor(A.mul.Scalar(x, 2), y), S, (3,)),
    "mul: in place": (lambda x, y: A.mul_.Tensor(x.sin(), y.cos()) * x, S, S),
    "div": (lambda x, y: A.div.Tensor(A.div.Scalar(x, 2), y.exp()), S, (3,)),
    "pow": (lambda x: A.pow.Tensor_Scalar(x, 3), S),
    "addcmul": (lambda x, y: A.addcmul.default(x, x, y, value=0.5).exp(), S, S),
    "addcdiv": (lambda x, y: A.addcdiv.default(x, x, y.exp(), value=0.5).exp(), S, S),
    "lerp": (lambda x, y: (A.lerp.Scalar(x, y, 0.3) + A.lerp.Tensor(x, y, FIXED)).sin(), S, S),
    "maximum": (lambda x: A.maximum.default(x, FIXED).exp(), S),
    "minimum": (lambda x: A.minimum.default(x, FIXED).exp(), S),
    "where": (lambda x, y: A.where.self(MASK, x, y).exp() * A.where.ScalarOther(MASK, x, 2), S, S),
    "masked_fill": (lambda x: A.masked_fill.Scalar(x, MASK, 0.5).exp(), S),
    "clamp": (lambda x: A.clamp.default(3 * x, -1, 1).exp() + A.clamp.Tensor(3 * x, FIXED), S),
    "clamp_min": (lambda x: A.clamp_min.default(3 * x, -0.5).exp(), S),
    "clamp_max": (lambda x: A.clamp_max.default(3 * x, 0.5).exp(), S),
    "threshold": (lambda x: A.threshold.default(x, 0.1, 2.0).exp(), S),
    "prelu": (lambda x, w: A.prelu.default(3 * x, w).exp(), S, (3,)),
    "glu": (lambda x: A.glu.default(x, 1), (2, 4)),
    "broadcast_to": (lambda x: A.broadcast_to.default(x, [2, 2, 3]).square(), S),
    "cat": (lambda x, y: A.cat.default([x, y], 1).exp(), S, S),
    "stack": (lambda x, y: A.stack.default([x, y], -1).exp(), S, S),
    "chunk": (lambda x: weighed(A.chunk.default(x, 2, 1)), S),
    "split": (lambda x: weighed(A.split.Tensor(x, 2, 1)), S),
    "split_with_sizes.default": (lambda x: weighed(A.split_with_sizes.default(x, [1, 2], 1)), S),
    "unbind": (lambda x: weighed(A.unbind.int(x, 1)), S),
    "clone": (lambda x: A.clone.default(x).exp() * x, S),
    "contiguous": (lambda x: A.contiguous.default(x.T).exp(), S),
    "cumsum": (lambda x: A.cumsum.default(x, 1).exp(), S),
    "diagonal": (lambda x: A.diagonal.default(x, 1).exp(), S),
    "expand": (lambda x: A.expand.default(x, [4, -1, -1]).square(), S),
    "expand_as": (lambda x: A.expand_as.default(x, FIXED).exp() * FIXED, (3,)),
    "flatten": (lambda x: A.flatten.using_ints(x, 1).square(), C),
    "flip": (lambda x: A.flip.default(x, [1]).exp() * x, S),
    "gather": (lambda x: A.gather.default(x, 1, PLACES).square(), S),
    "index_select": (lambda x: A.index_select.default(x, 1, ORDER).square(), S),
    "movedim": (lambda x: A.movedim.int(x, 0, -1).exp() * x.reshape(3, 4, 2), C),
    "narrow": (lambda x: A.narrow.default(x, 1, 1, 2).square(), S),
    "pad": (lambda x: A.pad.default(x, [1, 2], "reflect").square(), C),
    "constant_pad_nd": (lambda x: A.constant_pad_nd.default(x, [1, 1], 2.0).square(), S),
    "permute": (lambda x: A.permute.default(x, [2, 0, 1]).sin() * x.reshape(4, 2, 3), C),
    "pixel_shuffle": (lambda x: A.pixel_shuffle.default(x, 2).sin(), (1, 4, 2, 1)),
    "repeat": (lambda x: A.repeat.default(x, [2, 1]).square(), S),
    "repeat_interleave": (lambda x: A.repeat_interleave.self_int(x, 2, 1).square(), S),
    "reshape": (lambda x: A.reshape.default(x, [3, -1]).square(), S),
    "roll": (lambda x: A.roll.default(x, [1], [1]).square() * x, S),
    "select": (lambda x: A.select.int(x, 1, -1).square(), S),
    "squeeze": (lambda x: [A.squeeze.dim(x, 1).exp(), A.squeeze.default(x).sin()], (2, 1)),
    "unsqueeze": (lambda x: A.unsqueeze.default(x, 1).exp() * x, S),
    "t": (lambda x: A.t.default(x).exp() * FIXED.T, S),
    "tile": (lambda x: A.tile.default(x, [3]).square(), S),
    "to": (lambda x: A.to.dtype(x, DOUBLE, False, True).exp(), S),
    "transpose": (lambda x: A.transpose.int(x, 0, 1).exp() * FIXED.T, S),
    "tril": (lambda x: A.tril.default(x).exp(), S),
    "triu": (lambda x: A.triu.default(x, 1).exp(), S),
    "type_as": (lambda x: A.type_as.default(x, FIXED).exp(), S),
    "unflatten": (lambda x: A.unflatten.int(x, 1, [3, 1]).exp(), S),
    "unfold": (lambda x: A.unfold.default(x, 1, 2, 1).square(), S),
    "view": (lambda x: A.view.default(x, [3, 2]).square(), S),
    "view_as": (lambda x: A.view_as.default(x, FIXED.T).square(), S),
    "sum": (lambda x: A.sum.dim_IntList(x, [1], True).exp() + A.sum.default(x), S),
    "mean": (lambda x: A.mean.dim(x, [0]).exp() * A.mean.default(x), S),
    "std": (lambda x: A.std.dim(x, [1], False).exp(), S),
    "std: correction": (lambda x: A.std.correction(x, [0], correction=0).exp(), S),
    "var": (lambda x: A.var.dim(x, [1]).exp() * A.var.default(x, False), S),
    "amax": (lambda x: A.amax.default(spread(x), [1]).sin(), S),
    "amin": (lambda x: A.amin.default(spread(x), [0, 1]).sin(), S),
    "max": (lambda x: A.max.dim(spread(x), 1)[0].sin() * A.max.default(spread(x)).sin(), S),
    "min": (lambda x: A.min.dim(spread(x), 1)[0].sin(), S),
    "prod": (lambda x: A.prod.dim_int(x, 1, True) * A.prod.default(x), S),
    "logsumexp": (lambda x: A.logsumexp.default(x, [1]).exp(), S),
    "softmax": (lambda x: A.softmax.int(x, 1).exp(), S),
    "log_softmax": (lambda x: A.log_softmax.int(x, -1).sin(), S),
    "addmm": (lambda a, b, c: A.addmm.default(a, b, c, beta=2).sin(), (2,), S, (3, 2)),
    "baddbmm": (lambda a, b: A.baddbmm.default(a, a, b).sin(), (1, 2, 2), (1, 2, 2)),
    "bilinear": (lambda x, w: A.bilinear.default(x, FIXED, w, None).sin(), S, (2, 3, 3)),
    "bmm": (lambda a, b: A.bmm.default(a, b).sin(), (2, 2, 1), (2, 1, 2)),
    "mm": (lambda a, b: A.mm.default(a, b).sin(), S, (3, 2)),
    "matmul": (lambda a, b: A.matmul.default(a, b).sin(), (2, 1, 3), (3, 2)),
    "mv": (lambda a, b: A.mv.default(a, b).sin(), S, (3,)),
    "dot": (lambda a, b: A.dot.default(a, b).sin(), (3,), (3,)),
    "outer": (lambda a, b: A.outer.default(a, b).sin(), (2,), (3,)),
    "einsum": (lambda a, b: A.einsum.default("ij,kj->ik", [a, b]).sin(), S, S),
    "linear": (lambda x, w, b: A.linear.default(x, w, b).sin(), S, (2, 3), (2,)),
    **{f"conv{d}d": convolved("conv", d) for d in (1, 2, 3)},
    "conv2d: same": (
        lambda x, w: A.conv2d.padding(x, w, None, [1, 1], "same").sin(), IMAGE, (1, 2, 3, 3),
    ),
    "conv_transpose1d": convolved("conv_transpose", 1),
    **{f"conv_transpose{d}d": convolved("conv_transpose", d, "input") for d in (2, 3)},
    **{f"avg_pool{d}d": windows("avg_pool", d, [2] * d, [1] * d) for d in (1, 2, 3)},
    **{f"adaptive_avg_pool{d}d": windows("adaptive_avg_pool", d, [1] * d) for d in (1, 2, 3)},
    **{f"max_pool{d}d": windows("max_pool", d, [2] * d, [1] * d) for d in (1, 2, 3)},
    "lstm": recurrent("lstm", 4, several=True), "gru": recurrent("gru", 3),
    "rnn_tanh": recurrent("rnn_tanh", 1), "rnn_relu": recurrent("rnn_relu", 1),
    "lstm_cell": cell("lstm_cell", 4, several=True), "gru_cell": cell("gru_cell", 3),
    "rnn_tanh_cell": cell("rnn_tanh_cell", 1), "rnn_relu_cell": cell("rnn_relu_cell", 1),
    "_pack_padded_sequence": (sequences, (2, 3, 1)), "_pad_packed_sequence": (sequences, (2, 3, 1)),
    "pad_sequence": (lambda x, y: A.pad_sequence.default([x, y], True, 0.5).sin(), (3, 1), (2, 1)),
    "index_put": (
        lambda x, v: A.index_put.default(x, [None, ORDER], v, True).exp() * x, S, (2, 2),
    ),
    "index_put_": (lambda x, v: A.index_put_.default(x * 1, [None, ORDER], v).exp(), S, (2, 1)),
    "index_add": (lambda x, y: A.index_add.default(x, 1, ORDER, y).exp(), S, (2, 2)),
    "index_copy": (lambda x, y: A.index_copy.default(x, 1, ORDER, y).exp(), S, (2, 2)),
    "index_fill": (lambda x: A.index_fill.int_Scalar(x, 1, ORDER, 0.5).exp(), S),
    "scatter": (
        lambda x, y: A.scatter.src(x, 1, PLACES, y).exp() * A.scatter.value(x, 1, PLACES, 2), S, S,
    ),
    "scatter_add": (lambda x, y: A.scatter_add.default(x, 1, PLACES, y).exp(), S, S),
    "masked_scatter": (lambda x, y: A.masked_scatter.default(x, MASK, y).exp(), S, S),
    "put": (lambda x, v: A.put.default(x, ORDER, v).exp(), S, (2,)),
    "take": (lambda x: A.take.default(x, PLACES).exp(), S),
    "fill_diagonal": (lambda x: A.fill_diagonal_.default(x * 1, 0.5).exp(), S),
    "dropout": (lambda x: A.dropout.default(x, 0.4, True).exp(), S),
    "feature_dropout": (lambda x: A.feature_dropout.default(x, 0.4, True).exp(), IMAGE),
    "embedding.default": (
        lambda w: A.embedding.default(w, TOKENS, 1).exp() + A.embedding.default(w, TOKENS), (3, 2),
    ),
    "slice.Tensor": (
        lambda x: [A.slice.Tensor(x, -1, 1, 2**63 - 1).exp(), A.slice.Tensor(x, 0, -1).sin()], S,
    ),
    "index.Tensor": (lambda x: A.index.Tensor(x, [None, ORDER]).exp(), S),
    "numpy_T.default": (lambda x: A.numpy_T.default(x).exp() * FIXED.T, S),
    "mT.default": (lambda x: A.mT.default(x).sin() * x.reshape(2, 4, 3), C),
    "layer_norm": (lambda x, w: A.layer_norm.default(x, [3], w).sin(), S, (3,)),
    "native_layer_norm": (
        lambda x, w: A.native_layer_norm.default(x, [3], w, None, 1e-5)[0].sin(), S, (3,),
    ),
    "rms_norm": (lambda x, w: A.rms_norm.default(x, [3], w, 1e-3).sin(), S, (3,)),
    "group_norm": (lambda x, w: A.group_norm.default(x, 1, w).sin(), (1, 2, 3), (2,)),
    "batch_norm": (
        lambda x, w: A.batch_norm.default(x, w, w, None, None, True, 0.1, 1e-3, False).sin(),
        S, (3,),
    ),
    "instance_norm": (
        lambda x, w: A.instance_norm.default(x, w, w, None, None, True, 0.1, 1e-3, False).sin(),
        (2, 2, 3), (2,),
    ),
    "_weight_norm": (lambda v, g: A._weight_norm.default(v, g, 0).sin(), S, (2, 1)),
    "scaled_dot_product_attention": (
        lambda q, k: A.scaled_dot_product_attention.default(q, k, k, None, 0.0, True).sin(),
        (1, 2, 2), (1, 2, 2),
    ),
    "copy": (written(lambda z: A.copy_.default(A.select.int(z, 1, 0), z[:, 2].exp())), S),
    "fill": (written(lambda z: A.fill_.Scalar(A.slice.Tensor(z, 1, 1, 2), 0.7)), S),
    "fill: a value": (written(lambda z: A.fill_.Tensor(A.select.int(z, 0, 1), z.sum())), S),
    "zero": (written(lambda z: A.zero_.default(A.select.int(z, 1, 2))), S),
    "linalg_vector_norm": (lambda x: A.linalg_vector_norm.default(x, 2, [1]).exp(), S),
    "cosine_similarity": (lambda x: A.cosine_similarity.default(x, FIXED, 1).exp(), S),
    "logcumsumexp": (lambda x: A.logcumsumexp.default(x, 1).exp(), S),
}  # fmt: skip


def test_every_operator_is_tried():
    assert {n.split(":")[0] for n in OPERATIONS} == {*aten.SAME, *aten.ROUTED, *aten.OTHERWISE}


def test_derivatives(operation):
    operation.check(differences=False)


def test_values_are_the_operators_own(operation):
    """Asked of it without anybody who watches, and with the same random numbers."""
    torch.manual_seed(1)
    known = operation.model(operation.x)
    torch.manual_seed(1)
    tape = Tape()
    tape.start(dict(operation.model.named_parameters()))
    with decomposed(), tape:
        found = operation.model(operation.x)
    assert (found - known).abs() <= 1e-13 * max(known.abs().item(), 0.1)


@pytest.mark.parametrize(
    "operator",
    [A.add.out, A.dropout_.default, A.scatter.src_out, A.mse_loss.default, A.copy.default],
    ids=str,
)
def test_others_have_no_function(operator):
    assert aten.function_of(operator) is None
