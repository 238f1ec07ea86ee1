"""What is written out in other operations, by differences and by the plain definition."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from gnlab.summaries.formulas.assignments import BY_NAME as ASSIGNMENTS
from gnlab.summaries.rules import FORMULAS
from gnlab.summaries.rules.arrangements import FORMULAS as ARRANGEMENTS
from gnlab.summaries.rules.bounds import FORMULAS as BOUNDS
from gnlab.summaries.rules.ordering import FORMULAS as ORDERING
from gnlab.summaries.rules.packed import FORMULAS as PACKED
from gnlab.summaries.rules.recurrent import FORMULAS as RECURRENT
from gnlab.summaries.rules.special import FORMULAS as SPECIAL
from gnlab.summaries.rules.unbatched import FORMULAS as UNBATCHED
from tests.summaries.rules.held import Formulated

torch.manual_seed(3)
S, C, MAPS = (2, 3), (2, 3, 4), (2, 4, 2, 2)
FIXED = torch.randn(2, 3, dtype=torch.float64)
BIAS = torch.randn(4, 4, dtype=torch.float64)
NOBODY = (BIAS > -1) & (torch.arange(4) != 1)[:, None]
QUERY = ((2, 2, 4, 3), (2, 2, 4, 3), (2, 2, 4, 2))
MEAN, VARIANCE = torch.randn(4, dtype=torch.float64), torch.rand(4, dtype=torch.float64) + 0.5


def spread(x):
    """X with no two entries nearly equal, so that no difference changes which is greater."""
    return x + 3.0 * (7 * torch.arange(x.numel()) % x.numel()).reshape(x.shape)


def both(pair):
    """A pair's entries, the second one bent."""
    return torch.cat([pair[0].reshape(-1), pair[1].reshape(-1).sin()])


def attention(**options):
    return lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options).sin()


def heads(**options):
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dropout=0.3).double().eval()
    layer.requires_grad_(False)

    def run(x):
        out, weights = layer(x, x.sin(), x, **options)
        return out.sin() if weights is None else both((out, weights))

    return run


def encoder(**options):
    layer = nn.TransformerEncoderLayer(4, 2, 5, batch_first=True, **options).double()
    return nn.Sequential(layer.requires_grad_(False), nn.Tanh())


def with_windows(dims):
    """Maxima over windows that overlap, and where they are."""
    pool = getattr(F, f"max_pool{dims}d")

    def call(x):
        values, places = pool(spread(x), 2, 1, return_indices=True)
        return (values * torch.cos(places)).sin()

    return call


def with_places(dims):
    """A pooling that says where it found its values, which are taken a second time from there."""
    pool = getattr(nn, f"AdaptiveMaxPool{dims}d")(2, return_indices=True)

    def function(x):
        x = spread(x)
        values, places = pool(x)
        flat = x.flatten(-dims)
        return values.sin() + flat.gather(-1, places.flatten(-dims)).reshape(values.shape) ** 2

    return function


OPERATIONS = {
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4,), w, b).sin(), C, (4,), (4,)),
    "native_layer_norm": (
        lambda x, w: torch.native_layer_norm(x, [4], w, None, 1e-5)[0].sin(), C, (4,),
    ),
    "layer_norm: dims": (lambda x: F.layer_norm(x, (3, 4), eps=0.1).sin(), C),
    "layer_norm: module": (nn.Sequential(nn.LayerNorm(4), nn.Tanh()).double(), C),
    "rms_norm": (lambda x, w: F.rms_norm(x, (4,), w, 1e-3).sin(), C, (4,)),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b).sin(), MAPS, (4,), (4,)),
    "group_norm: module": (nn.Sequential(nn.GroupNorm(1, 4), nn.Tanh()).double(), MAPS),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True).sin(), MAPS, (4,), (4,),
    ),
    "batch_norm: eval": (
        lambda x, w, b: F.batch_norm(x, MEAN, VARIANCE, w, b).sin(), MAPS, (4,), (4,),
    ),
    "batch_norm: torch's": (
        lambda x, w, b: torch.batch_norm(x, w, b, None, None, True, 0.1, 1e-5, True).sin(),
        MAPS, (4,), (4,),
    ),
    "batch_norm: torch's, eval": (
        lambda x, w, b: torch.batch_norm(
            x, w, b, MEAN, VARIANCE, training=False, momentum=0.1, eps=1e-5, cudnn_enabled=True
        ).sin(),
        MAPS, (4,), (4,),
    ),
    "instance_norm: torch's": (
        lambda x, w, b: torch.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, True).sin(),
        MAPS, (4,), (4,),
    ),
    "instance_norm: torch's, eval": (
        lambda x, w, b: torch.instance_norm(x, w, b, MEAN, VARIANCE, False, 0.1, 1e-5, True).sin(),
        MAPS, (4,), (4,),
    ),
    "batch_norm: module": (nn.Sequential(nn.BatchNorm1d(3), nn.Tanh()).double(), (4, 3)),
    "batch_norm: module, eval": (nn.Sequential(nn.BatchNorm2d(4), nn.Tanh()).double().eval(), MAPS),
    "instance_norm": (lambda x, w, b: F.instance_norm(x, None, None, w, b).sin(), MAPS, (4,), (4,)),
    "instance_norm: eval": (
        lambda x: F.instance_norm(x, MEAN, VARIANCE, use_input_stats=False).sin(), MAPS,
    ),
    "scaled_dot_product_attention": (attention(), *QUERY),
    "scaled_dot_product_attention: causal": (attention(is_causal=True, scale=0.7), *QUERY),
    "scaled_dot_product_attention: mask": (attention(attn_mask=BIAS > -1), *QUERY),
    "scaled_dot_product_attention: bias": (attention(attn_mask=BIAS), *QUERY),
    "scaled_dot_product_attention: variable bias": (
        lambda q, b: F.scaled_dot_product_attention(q, q, q, attn_mask=b).sin(), (2, 3, 2), (3, 3),
    ),
    "scaled_dot_product_attention: nobody": (attention(attn_mask=NOBODY), *QUERY),
    "scaled_dot_product_attention: heads": (heads(need_weights=False), (2, 3, 4)),
    "softmax: heads with weights": (heads(), (2, 3, 4)),
    "softmax: heads, each weight": (heads(average_attn_weights=False), (2, 3, 4)),
    "scaled_dot_product_attention: encoder": (
        encoder(dropout=0.0, activation=torch.tanh), (2, 3, 4),
    ),
    "layer_norm: encoder": (encoder(norm_first=True, activation="gelu").eval(), (2, 3, 4)),
    "_weight_norm": (lambda v, g: torch._weight_norm(v, g, 0).sin(), S, (2, 1)),
    "_weight_norm: module": (
        nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2)), nn.Tanh()).double(), S,
    ),
    "hardsigmoid": (lambda x: F.hardsigmoid(3 * x).exp(), S),
    "embedding_bag": (
        lambda w: F.embedding_bag(torch.tensor([[0, 2], [1, 1]]), w).sin(), (3, 2),
    ),
    "embedding_bag: offsets": (
        lambda w, p: F.embedding_bag(
            torch.tensor([0, 2, 1, 1]), w, torch.tensor([0, 3]), mode="sum", per_sample_weights=p
        ).sin(), (3, 2), (4,),
    ),
    "einsum": (lambda x, y, z: torch.einsum("ij,jk,kl->il", x, y, z).sin(), S, (3, 2), (2, 3)),
    "einsum: implicit": (
        lambda x, y, z: torch.einsum("bi, ij, bj", [x, y, z]).sin(), S, (3, 2), (2, 2),
    ),
    "einsum: ellipsis": (
        lambda x, y, z, w: torch.einsum("...ij,jk,...k,lk->l...i", x, y, z, w).sin(),
        C, (4, 2), (2, 2), (3, 2),
    ),
    "einsum: diagonal": (
        lambda x, y: torch.einsum("iij,j,i->j", x, y, FIXED[:, 0]).sin(), (2, 2, 3), (3,),
    ),
    "einsum: outer": (lambda x, y: torch.einsum(x, [0], y, [1], x, [2]).sin(), (2,), (3,)),
    "nan_to_num": (lambda x: torch.nan_to_num(torch.where(FIXED > 0, x, math.inf), 1, 2).sin(), S),
    "broadcast_tensors": (lambda x, y: both(torch.broadcast_tensors(x, y, FIXED)), (2, 1), (3,)),
    "softmax": (lambda x: F.softmax(x, 1).sin(), S),
    "softmax: method": (lambda x: x.softmax(-1).sin() + torch.softmax(x, dim=0), S),
    "softmax: dtype": (lambda x: x.softmax(1, dtype=torch.float64).sin(), S),
    "softmax: softmin": (lambda x: F.softmin(x, dim=1).sin(), S),
    "dropout": (lambda x: F.dropout(x, 0.4).exp(), S),
    "dropout: module": (nn.Sequential(nn.Dropout(0.3), nn.Tanh()), C),
    "dropout: in place": (lambda x: F.dropout(x + 1, 0.3, inplace=True).sin(), C),
    "dropout: eval": (lambda x: F.dropout(x, 0.4, training=False).exp(), S),
    "feature_dropout": (lambda x: F.dropout2d(x, 0.4).exp(), MAPS),
    "addmm": (lambda a, b, c: torch.addmm(a, b, c, beta=0.5, alpha=2).sin(), (2,), S, (3, 2)),
    "baddbmm": (lambda b, c: torch.baddbmm(FIXED[:, :2], b, c).sin(), (2, 2, 3), (2, 3, 2)),
    "addmv": (lambda a, b, c: torch.addmv(a, b, c, alpha=2).sin(), (2,), S, (3,)),
    "addbmm": (lambda b, c: torch.addbmm(FIXED[:, :2], b, c).sin(), (2, 2, 3), (2, 3, 2)),
    "addr": (lambda a, b, c: a.addr(b, c, beta=0.3).sin(), S, (2,), (3,)),
    "baddbmm: by name": (
        lambda a, b: a.baddbmm(batch1=b, batch2=b.mT, beta=0.5, alpha=2).sin(),
        (2, 2, 2), (2, 2, 2),
    ),
    "addcmul": (lambda a, b, c: torch.addcmul(a, b, c, value=0.3).sin(), S, S, (3,)),
    "addcdiv": (lambda a, b, c: torch.addcdiv(a, b, c.exp(), value=0.3).sin(), S, S, (3,)),
    "lerp": (lambda a, b, w: torch.lerp(a, b, w).sin(), S, S, (3,)),
    "lerp: number": (lambda a, b: a.lerp(b, 0.3).sin(), S, S),
    "bilinear": (lambda x, y, w, b: F.bilinear(x, y, w, b).sin(), S, S, (2, 3, 3), (2,)),
    "bilinear: constant": (lambda x, w: F.bilinear(x, FIXED, w).sin(), S, (2, 3, 3)),
    "relu6": (lambda x: F.relu6(4 * x).exp(), S),
    "hardswish": (F.hardswish, S), "hardswish: module": (lambda x: nn.Hardswish(True)(3 + x), S),
    "mish": (F.mish, S), "mish: module": (nn.Mish(), S),
    "prelu": (F.prelu, (2, 3, 2), (3,)), "prelu: one": (F.prelu, S, (1,)),
    "prelu: module": (nn.PReLU(3).double(), S), "glu": (lambda x: F.glu(x, 1), (2, 4)),
    "rpow": (lambda x: 1.7**x, S), "exp2": (torch.exp2, S),
    "log2": (lambda x: torch.log2(x.exp() + 1), S), "log10": (lambda x: (x.exp() + 1).log10(), S),
    "trace": (lambda x: x.trace().exp(), (3, 3)), "hypot": (torch.hypot, S, S),
    "linalg_vecdot": (lambda x, y: torch.linalg.vecdot(x, y).sin(), S, S),
    "var": (lambda x: x.var(1).sin(), S), "var: all": (lambda x: torch.var(x).sin(), S),
    "var: biased": (lambda x: x.var(1, unbiased=False, keepdim=True).sin() * x, S),
    "var: positions": (lambda x: x.var(0, False).sin(), S),
    "var: bool": (lambda x: x.var(False), S),
    "var: correction": (lambda x: torch.var(x, (0, 2), correction=0.5, keepdim=True).sin(), C),
    "std": (lambda x: x.std(), S), "std: biased": (lambda x: torch.std(x, -1, False, True), S),
    "var_mean": (lambda x: both(torch.var_mean(x, 1)), S),
    "std_mean": (lambda x: both(torch.std_mean(x, dim=0, correction=0, keepdim=True)), S),
    "linalg_vector_norm": (lambda x: torch.linalg.vector_norm(x, dim=1), S),
    "linalg_vector_norm: one": (lambda x: torch.linalg.vector_norm(x, 1).sin(), S),
    "linalg_vector_norm: three": (lambda x: torch.linalg.vector_norm(x, 3.0, (0, 1), True), S),
    "linalg_vector_norm: greatest": (lambda x: spread(x).norm(float("inf"), dim=1).sin(), S),
    "linalg_vector_norm: least": (lambda x: spread(x).norm(-float("inf"), 1).sin(), S),
    "linalg_vector_norm: norm": (lambda x: x.norm() + torch.norm(x, dim=0).sum(), S),
    "linalg_vector_norm: normalize": (lambda x: F.normalize(x, dim=1).exp(), S),
    "linalg_vector_norm: zero": (lambda x: F.normalize(torch.cat([x, 0 * x]), dim=1).exp(), S),
    "linalg_norm": (torch.linalg.norm, S),
    "linalg_norm: vectors": (lambda x: torch.linalg.norm(x, 1, dim=1).sin(), S),
    "linalg_matrix_norm": (lambda x: torch.linalg.matrix_norm(x, keepdim=True).sin(), C),
    "cosine_similarity": (F.cosine_similarity, S, (3,)),
    "cosine_similarity: module": (lambda x: nn.CosineSimilarity(0)(x, FIXED), S),
    "dist": (torch.dist, S, (3,)), "dist: one": (lambda x: x.dist(FIXED, 1).sin(), S),
    "pairwise_distance": (lambda x, y: F.pairwise_distance(x, y, keepdim=True).sin(), S, S),
    "cdist": (lambda x, y: torch.cdist(x, y).sin(), S, (4, 3)),
    "cdist: itself": (lambda x: torch.cdist(x, x).sin() @ x, S),
    "pdist": (lambda x: F.pdist(x).sin(), (4, 3)),
    "logcumsumexp": (lambda x: x.logcumsumexp(1).sin(), S),
    "logsumexp": (lambda x: torch.logsumexp(x, 1).sin(), S),
    "logsumexp: dims": (lambda x: x.logsumexp((0, -1), keepdim=True).sin(), C),
    "max": (lambda x: spread(x).max().sin(), S),
    "max: dim": (lambda x: spread(x).max(1)[0].sin(), S),
    "max: keep": (lambda x: torch.max(spread(x), dim=0, keepdim=True).values.sin(), S),
    "max: two": (lambda x, y: torch.max(x, y).sin(), S, (3,)),
    "min": (lambda x: spread(x).min().sin(), S),
    "min: dim": (lambda x: spread(x).min(-1, True).values.sin() * x, S),
    "prod": (lambda x: x.prod(), S), "prod: dim": (lambda x: x.prod(1, keepdim=True) * x, S),
    **{
        f"max_pool{d}d_with_indices": (with_windows(d), (2, 2, *[4] * d)) for d in (1, 2, 3)
    },
    "max_pool2d_with_indices: module": (
        lambda x: nn.MaxPool2d((1, 2), return_indices=True)(spread(x))[0].sin(), (2, 3, 4),
    ),
    "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(spread(x), 2).sin(), C),
    "adaptive_max_pool2d": (lambda x: nn.AdaptiveMaxPool2d((1, 2))(spread(x)).sin(), (1, 2, 2, 3)),
    **{
        f"adaptive_max_pool{d}d_with_indices": (with_places(d), (2, 2, *[3] * d)) for d in (1, 2, 3)
    },
    "adaptive_max_pool1d_with_indices: torch's": (
        lambda x: torch.adaptive_max_pool1d(spread(x), 2)[0].sin(), C,
    ),
    "adaptive_max_pool3d": (lambda x: F.adaptive_max_pool3d(spread(x), 1).sin(), (1, 1, 2, 2, 2)),
}  # fmt: skip


def test_every_formula_is_tried():
    losses = {n for n in FORMULAS if n.endswith("_loss") or "entropy" in n or n == "kl_div"}
    elsewhere = losses.union(
        RECURRENT, ASSIGNMENTS, PACKED, ORDERING, ARRANGEMENTS, BOUNDS, SPECIAL, UNBATCHED
    )
    assert {name.split(":")[0] for name in OPERATIONS} == set(FORMULAS) - elsewhere


class TestOperations(Formulated):
    def choices(self, name):
        # A difference takes other random numbers than the summary.
        return {"differences": "dropout" not in name or "eval" in name}
