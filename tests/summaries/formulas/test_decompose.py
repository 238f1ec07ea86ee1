"""Every operation's derivatives up to the fourth are the differences of the ones before."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from gnlab.errors import InputError
from gnlab.summaries.formulas.decompose import decomposed

torch.manual_seed(0)
DOUBLE = torch.float64
FLAT, SEQUENCE = torch.randn(5, 8, dtype=DOUBLE), torch.randn(2, 4, 8, dtype=DOUBLE)
IMAGE, VOLUME = torch.randn(2, 4, 6, 6, dtype=DOUBLE), torch.randn(1, 2, 4, 4, 4, dtype=DOUBLE)
LABELS, SOFT = torch.randint(0, 8, (5,)), torch.randn(5, 8, dtype=DOUBLE).softmax(1)
OTHER = torch.randn(5, 8, dtype=DOUBLE)
FIRST, HALF = (torch.arange(5) > 2)[:, None], (torch.arange(4) > 1)[:, None]
KERNEL = torch.randn(4, 2, 3, 3, dtype=DOUBLE)
TOKENS = torch.tensor([0, 1, 1, 4, 2, 0])


def bend(z):
    """A sum that every derivative of z enters."""
    return ((z**3 + torch.tanh(z)) * torch.sin(torch.arange(z.numel())).view(z.shape)).sum()


def mean(x):
    return torch.tanh(x.mean())


def multihead(**options):
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    return lambda x: bend(layer(x, x.sin(), x, **options)[0])


def module(layer):
    layer = layer.double()
    return lambda x: bend(layer(x))


def first(layer):
    layer = layer.double()
    return lambda x: bend(layer(x)[0])


def attention(x, **options):
    q = x.unsqueeze(1)
    return bend(F.scaled_dot_product_attention(q, q.tanh(), q.sin(), **options))


INF = float("inf")
FLOOR = torch.randn(4, 4, dtype=DOUBLE)
FUSED = {
    "layer_norm": (lambda x: bend(F.layer_norm(x, (4, 8), x[0], x[1])), SEQUENCE),
    "LayerNorm": (module(nn.LayerNorm(8)), SEQUENCE),
    "LayerNorm without affine": (module(nn.LayerNorm(8, elementwise_affine=False)), SEQUENCE),
    "torch.layer_norm": (lambda x: bend(torch.layer_norm(x, (8,), x[0, 0])), SEQUENCE),
    "rms_norm": (module(nn.RMSNorm(8)), SEQUENCE),
    "group_norm": (lambda x: bend(F.group_norm(x, 2, x[0, :, 0, 0], x[0, :, 0, 1])), IMAGE),
    "GroupNorm": (module(nn.GroupNorm(2, 4)), IMAGE),
    "BatchNorm2d": (module(nn.BatchNorm2d(4)), IMAGE),
    "BatchNorm2d eval": (module(nn.BatchNorm2d(4).eval()), IMAGE),
    "BatchNorm1d": (module(nn.BatchNorm1d(8)), FLAT),
    "batch_norm": (
        lambda x: bend(F.batch_norm(x, None, None, x[0, :, 0, 0], x[1, :, 0, 0], training=True)),
        IMAGE,
    ),
    "InstanceNorm2d": (module(nn.InstanceNorm2d(4, affine=True)), IMAGE),
    "InstanceNorm2d eval": (
        module(nn.InstanceNorm2d(4, track_running_stats=True).eval()),
        IMAGE,
    ),
    "attention": (attention, SEQUENCE),
    "attention causal": (lambda x: attention(x, is_causal=True), SEQUENCE),
    "attention masked": (lambda x: attention(x, attn_mask=FLOOR > -1), SEQUENCE),
    "attention biased": (lambda x: attention(x, attn_mask=FLOOR, scale=0.3), SEQUENCE),
    "attention to nobody": (
        lambda x: attention(x, attn_mask=(FLOOR > -1) & (torch.arange(4) > 0)[:, None]),
        SEQUENCE,
    ),
    "attention to nobody, biased": (
        lambda x: attention(x, attn_mask=FLOOR.masked_fill(torch.eye(4)[0][:, None] > 0, -INF)),
        SEQUENCE,
    ),
    "norm": (lambda x: bend(x.norm(dim=1)) + torch.norm(x) + torch.linalg.vector_norm(x), FLAT),
    "normalize": (lambda x: bend(F.normalize(x)), FLAT),
    "normalize zero": (lambda x: bend(F.normalize(x * (torch.arange(5) > 1)[:, None])), FLAT),
    "linalg.norm": (lambda x: torch.linalg.norm(x).sin() + bend(torch.linalg.norm(x, 2, 1)), FLAT),
    "linalg.norm zero": (lambda x: bend(torch.linalg.norm(x * FIRST, dim=1)), FLAT),
    "linalg.norm others": (
        lambda x: torch.linalg.norm(x, "nuc") + bend(torch.linalg.norm(x, 3, 1)),
        FLAT,
    ),
    "matrix_norm": (lambda x: bend(torch.linalg.matrix_norm(x, keepdim=True)), SEQUENCE),
    "matrix_norm zero": (
        lambda x: bend(torch.linalg.matrix_norm(x * HALF, "fro", (0, 2))),
        SEQUENCE,
    ),
    "matrix_norm others": (lambda x: bend(torch.linalg.matrix_norm(x, 1)), SEQUENCE),
    "dist": (lambda x: torch.dist(x, OTHER).sin() + x.dist(x * 1, 3) + x.dist(OTHER, 3), FLAT),
    "pairwise_distance": (
        lambda x: (
            bend(F.pairwise_distance(x, x.sin())) + bend(F.pairwise_distance(x, x + FIRST, eps=0))
        ),
        FLAT,
    ),
    "cosine_similarity zero": (
        lambda x: (
            bend(F.cosine_similarity(x * FIRST, OTHER)) + bend(F.cosine_similarity(x, OTHER, 0))
        ),
        FLAT,
    ),
    "cdist": (lambda x: bend(torch.cdist(x, x.sin())) + bend(torch.cdist(x, x, 3.0)), SEQUENCE),
    "cdist zero": (lambda x: bend(torch.cdist(x, x)), FLAT),
    "pdist": (lambda x: bend(F.pdist(x)) + bend(F.pdist(x * FIRST)) + bend(F.pdist(x, 3)), FLAT),
    "logcumsumexp": (lambda x: bend(torch.logcumsumexp(x, 0)) + bend(x.logcumsumexp(-1)), FLAT),
    "logcumsumexp far": (lambda x: bend((800 * x[0]).logcumsumexp(0) / 800), FLAT),
    "attention grouped": (
        lambda x: bend(
            F.scaled_dot_product_attention(x, x[:1].tanh(), x[:1].sin(), enable_gqa=True)
        ),
        SEQUENCE,
    ),
    "MultiheadAttention": (multihead(need_weights=False), SEQUENCE),
    "MultiheadAttention with weights": (multihead(), SEQUENCE),
    "TransformerEncoderLayer": (
        module(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)),
        SEQUENCE,
    ),
    "TransformerEncoderLayer eval": (
        module(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True).eval()),
        SEQUENCE,
    ),
    "weight_norm": (
        lambda x: bend(torch._weight_norm(x, x.norm(dim=1, keepdim=True) * x[0, 0].sin(), 0)),
        FLAT,
    ),
    "weight_norm over all": (lambda x: bend(torch._weight_norm(x, x[0, 0], -1)), FLAT),
    "parametrized": (
        module(parametrizations.weight_norm(nn.Linear(8, 3))),
        FLAT,
    ),
    "hardsigmoid": (lambda x: bend(F.hardsigmoid(x)), FLAT),
    "embedding_bag": (lambda x: bend(F.embedding_bag(TOKENS.view(3, 2), x)), FLAT),
    "embedding_bag by offsets": (
        lambda x: bend(F.embedding_bag(TOKENS, x, torch.tensor([0, 2, 2]), mode="sum")),
        FLAT,
    ),
}
ELEMENTWISE = (
    *("gelu", "softplus", "elu", "celu", "selu", "silu", "mish", "logsigmoid", "tanh", "sigmoid"),
    *("softsign", "relu", "leaky_relu", "tanhshrink", "hardswish", "relu6", "softshrink", "glu"),
)
OTHERS = {
    **{name: (lambda x, name=name: bend(getattr(F, name)(x)), FLAT) for name in ELEMENTWISE},
    **{
        name: (lambda x, name=name: bend(getattr(F, name)(x, dim=1)), FLAT)
        for name in ("log_softmax", "softmax", "softmin")
    },
    "gelu tanh": (lambda x: bend(F.gelu(x, approximate="tanh")), FLAT),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS), FLAT),
    "cross_entropy smoothed": (
        lambda x: F.cross_entropy(x, LABELS, weight=SOFT[0], label_smoothing=0.1),
        FLAT,
    ),
    "cross_entropy soft": (lambda x: F.cross_entropy(x, SOFT, label_smoothing=0.2), FLAT),
    "binary_cross_entropy_with_logits": (
        lambda x: F.binary_cross_entropy_with_logits(x, SOFT, pos_weight=SOFT[0]),
        FLAT,
    ),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x.sigmoid(), SOFT), FLAT),
    "huber": (lambda x: F.huber_loss(x**3, OTHER), FLAT),
    "smooth_l1": (lambda x: F.smooth_l1_loss(x**3, OTHER), FLAT),
    "mse": (lambda x: F.mse_loss(x**3, OTHER), FLAT),
    "nll": (lambda x: F.nll_loss(x.log_softmax(1), LABELS), FLAT),
    "kl_div": (lambda x: F.kl_div(x.log_softmax(1), SOFT, reduction="batchmean"), FLAT),
    "norm: others": (lambda x: x.norm(3) + torch.linalg.vector_norm(x, 3), FLAT),
    "prod": (lambda x: x[0].prod() + bend(x.prod(1)), FLAT),
    "std": (lambda x: bend(x.std(1)) + bend(x.var(0)), FLAT),
    "logsumexp": (lambda x: bend(x.logsumexp(1)), FLAT),
    "bilinear": (module(nn.Linear(8, 3)), FLAT),
    "prelu": (module(nn.PReLU()), FLAT),
    "embedding": (lambda x: bend(F.embedding(TOKENS, x)), FLAT),
    "conv1d": (module(nn.Conv1d(4, 3, 3, padding=1)), SEQUENCE),
    "conv2d grouped": (
        lambda x: bend(F.conv2d(x, mean(x) * KERNEL, padding=1, groups=2)),
        IMAGE,
    ),
    "conv2d dilated": (
        lambda x: bend(F.conv2d(x, mean(x) * KERNEL.mT.repeat(1, 2, 1, 1), dilation=2)),
        IMAGE,
    ),
    "conv_transpose2d": (lambda x: bend(F.conv_transpose2d(x, mean(x) * KERNEL, stride=2)), IMAGE),
    "conv3d": (module(nn.Conv3d(2, 2, 2)), VOLUME),
    "max_pool2d": (lambda x: bend(F.max_pool2d(x, 2)), IMAGE),
    "max_pool2d overlapping": (lambda x: bend(F.max_pool2d(x, 3, 1, 1)), IMAGE),
    "avg_pool2d": (lambda x: bend(F.avg_pool2d(x, 2)), IMAGE),
    "adaptive_max_pool2d": (lambda x: bend(F.adaptive_max_pool2d(x, 3)), IMAGE),
    "adaptive_avg_pool2d": (lambda x: bend(F.adaptive_avg_pool2d(x, 4)), IMAGE),
    "interpolate": (lambda x: bend(F.interpolate(x, size=(9, 7), mode="bilinear")), IMAGE),
    "LSTM": (first(nn.LSTM(8, 3, batch_first=True)), SEQUENCE),
    "GRU": (first(nn.GRU(8, 3, 2, bidirectional=True)), SEQUENCE),
    "RNN": (first(nn.RNN(8, 3)), SEQUENCE),
}


def derivatives(function, x, u):
    """The value and four derivatives along u, [5]."""
    x = x.detach().requires_grad_()
    with decomposed():
        value = function(x)
    found = [value.detach()]
    for _ in range(4):
        (g,) = torch.autograd.grad(value, x, create_graph=True)
        value = (g * u).sum()
        found.append(value.detach())
        if not value.requires_grad:
            value = value + 0 * x.sum()
    return torch.stack(found)


@pytest.mark.parametrize("name", [*FUSED, *OTHERS])
def test_each_derivative_is_the_difference_of_the_one_before(name):
    function, x = {**FUSED, **OTHERS}[name]
    torch.manual_seed(1)
    u = torch.randn_like(x)
    found, step, difference = derivatives(function, x, u), 2e-4, 0.0
    for k, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
        ahead, behind = (derivatives(function, x + s * k * step * u, u) for s in (1, -1))
        difference += weight * (ahead - behind) / step
    error = (found[1:] - difference[:-1]).abs()
    # Rounding of a value of size v enters its difference as v ε / step.
    assert (error <= 1e-8 * (found[1:].abs() + found[:-1].abs() + 1)).all()


@pytest.mark.parametrize("name", FUSED)
def test_values_are_torchs(name):
    function, x = FUSED[name]
    with decomposed():
        found = function(x)
    torch.testing.assert_close(found, function(x), rtol=1e-11, atol=1e-11)


def test_dropout_in_attention_keeps_its_mean():
    q = torch.ones(1, 1, 400, 4)
    torch.manual_seed(0)
    with decomposed():
        out = F.scaled_dot_product_attention(q, q, q, dropout_p=0.5)
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert out.std() > 0.01


def test_running_statistics_stay():
    layer = nn.BatchNorm1d(3)
    with decomposed():
        F.batch_norm(torch.randn(5, 3), layer.running_mean, layer.running_var, training=True)
    assert not layer.running_mean.any()


def test_a_table_is_not_shortened_in_place():
    table = nn.Parameter(torch.full((3, 4), 5.0))
    before = table.detach().clone()
    with decomposed():
        rows = F.embedding(torch.tensor([0, 2]), table, max_norm=1.0)
    assert torch.equal(table, before)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2), rtol=1e-4, atol=0)


def test_what_has_no_derivative_is_refused():
    table, offsets = nn.Parameter(torch.randn(5, 2)), torch.tensor([0])
    with decomposed():
        with pytest.raises(InputError, match="scale_grad_by_freq"):
            F.embedding(TOKENS, table, scale_grad_by_freq=True)
        with pytest.raises(InputError, match="mode='max'"):
            F.embedding_bag(TOKENS, table, offsets, mode="max")
