"""Softmax and the losses, with all their options, by differences and by the plain definition."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.summaries.rules import FORMULAS
from tests.summaries.rules.held import Formulated

torch.manual_seed(2)
S, Q = (4, 3), (2, 3, 1, 2)
LABELS, PIXELS = torch.tensor([2, 0, 1, 2]), torch.tensor([[[0, 2]], [[1, 1]]])
SOFT = torch.rand(4, 3, dtype=torch.float64).softmax(1)
SOFT_PIXELS = torch.rand(2, 3, 1, 2, dtype=torch.float64).softmax(1)
WEIGHT = torch.tensor([0.5, 2.0, 1.3], dtype=torch.float64)
TARGET = torch.randn(4, 3, dtype=torch.float64)
SIGN, COUNT = TARGET.sign(), (3 * TARGET).square().floor()
OPERATIONS = {
    "log_softmax": (lambda x: F.log_softmax(x, 1).sin(), S),
    "log_softmax: first": (lambda x: torch.log_softmax(x, dim=0).sin(), S),
    "log_softmax: method": (lambda x: x.log_softmax(-1).sin(), (2, 2, 3)),
    "log_softmax: module": (lambda x: nn.LogSoftmax(dim=1)(x).sin(), Q),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS), S),
    "cross_entropy: sum": (lambda x: F.cross_entropy(x, LABELS, reduction="sum").sin(), S),
    "cross_entropy: none": (lambda x: F.cross_entropy(x, LABELS, reduction="none").square(), S),
    "cross_entropy: weight": (lambda x: F.cross_entropy(x, LABELS, WEIGHT), S),
    "cross_entropy: ignore": (lambda x: F.cross_entropy(x, LABELS, WEIGHT, ignore_index=2), S),
    "cross_entropy: ignore out of range": (
        lambda x: F.cross_entropy(x, torch.tensor([0, -1, 1, 2]), ignore_index=-1), S,
    ),
    "cross_entropy: smoothing": (lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.2), S),
    "cross_entropy: smoothing, weight, ignore": (
        lambda x: F.cross_entropy(x, LABELS, WEIGHT, ignore_index=0, label_smoothing=0.3), S,
    ),
    "cross_entropy: smoothing, none, ignore": (
        lambda x: F.cross_entropy(
            x, LABELS, WEIGHT, ignore_index=0, label_smoothing=0.3, reduction="none"
        ).square(), S,
    ),
    "cross_entropy: soft": (lambda x: F.cross_entropy(x, SOFT), S),
    "cross_entropy: soft, weight, smoothing": (
        lambda x: F.cross_entropy(x, 3 * SOFT, WEIGHT, label_smoothing=0.2), S,
    ),
    "cross_entropy: soft, sum": (lambda x: F.cross_entropy(x, SOFT, reduction="sum"), S),
    "cross_entropy: soft images": (lambda x: F.cross_entropy(x, SOFT_PIXELS, WEIGHT), Q),
    "cross_entropy: images": (lambda x: F.cross_entropy(x, PIXELS, WEIGHT), Q),
    "cross_entropy: images, none": (
        lambda x: F.cross_entropy(x, PIXELS, reduction="none", label_smoothing=0.1).sin(), Q,
    ),
    "cross_entropy: one sample": (lambda x: F.cross_entropy(x, torch.tensor(1)).sin(), (3,)),
    "cross_entropy: one soft sample": (lambda x: F.cross_entropy(x, SOFT[0]).sin(), (3,)),
    "cross_entropy: bytes": (lambda x: F.cross_entropy(x, LABELS.byte()), S),
    "cross_entropy: varying": (lambda x, y: F.cross_entropy(x, y.softmax(1)).sin(), S, S),
    "cross_entropy: varying, weight, smoothing": (
        lambda x, y: F.cross_entropy(x, y.softmax(1), WEIGHT, label_smoothing=0.2), Q, Q,
    ),
    "cross_entropy: varying, none": (
        lambda x, y: F.cross_entropy(x, y, WEIGHT, reduction="none").sin(), S, S,
    ),
    "cross_entropy: varying, sum": (
        lambda y: F.cross_entropy(TARGET, target=y, reduction="sum").sin(), S,
    ),
    "cross_entropy: varying, one sample": (F.cross_entropy, (3,), (3,)),
    "cross_entropy: module": (
        lambda x: nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1)(input=x, target=LABELS), S,
    ),
    "nll_loss": (lambda x: F.nll_loss(x.sin(), LABELS), S),
    "nll_loss: weight": (lambda x: F.nll_loss(x.sin(), LABELS, WEIGHT, ignore_index=0), S),
    "nll_loss: sum": (lambda x: F.nll_loss(x.sin(), PIXELS, WEIGHT, reduction="sum"), Q),
    "nll_loss: none": (
        lambda x: F.nll_loss(x.sin(), PIXELS, ignore_index=1, reduction="none").exp(), Q,
    ),
    "nll_loss: bytes": (lambda x: F.nll_loss(x.sin(), LABELS.byte(), WEIGHT), S),
    "nll_loss: one": (lambda x: F.nll_loss(x.sin(), torch.tensor(2)), (3,)),
    "nll_loss: module": (lambda x: nn.NLLLoss()(x.log_softmax(1), LABELS), S),
    "mse_loss": (lambda x: F.mse_loss(x.exp(), TARGET), S),
    "mse_loss: sum": (lambda x: nn.MSELoss(reduction="sum")(x.sin(), TARGET), S),
    "mse_loss: none": (lambda x: F.mse_loss(x, TARGET, reduction="none").sin(), S),
    "mse_loss: both": (lambda x, y: F.mse_loss(x.sin(), y), S, S),
    "binary_cross_entropy_with_logits": (
        lambda x: F.binary_cross_entropy_with_logits(x, SOFT), S,
    ),
    "binary_cross_entropy_with_logits: weights": (
        lambda x: F.binary_cross_entropy_with_logits(
            x, SOFT, weight=WEIGHT, pos_weight=WEIGHT.flip(0), reduction="sum"
        ), S,
    ),
    "binary_cross_entropy_with_logits: module": (
        lambda x: nn.BCEWithLogitsLoss(WEIGHT, reduction="none", pos_weight=WEIGHT)(x, SOFT).sin(),
        S,
    ),
    "binary_cross_entropy_with_logits: steep": (
        lambda x: F.binary_cross_entropy_with_logits(9 * x, SOFT.round()) / 9, S,
    ),
    "binary_cross_entropy_with_logits: far": (
        lambda x: 1e9 * F.binary_cross_entropy_with_logits(x + 25, 1 + 0 * SOFT), S,
    ),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x.sigmoid(), SOFT), S),
    "binary_cross_entropy: weight": (
        lambda x: nn.BCELoss(WEIGHT, reduction="sum")(x.sigmoid(), SOFT.round()), S,
    ),
    "l1_loss": (lambda x: F.l1_loss(x.exp(), TARGET), S),
    "l1_loss: sum": (lambda x: nn.L1Loss(reduction="sum")(x.sin(), TARGET), S),
    "huber_loss": (lambda x: F.huber_loss(x.exp(), TARGET), S),
    "huber_loss: delta": (lambda x: nn.HuberLoss("sum", 0.7)(x.sin(), TARGET), S),
    "smooth_l1_loss": (lambda x: F.smooth_l1_loss(x.exp(), TARGET), S),
    "smooth_l1_loss: beta": (lambda x: F.smooth_l1_loss(x.sin(), TARGET, beta=0.6), S),
    "smooth_l1_loss: none": (
        lambda x: F.smooth_l1_loss(x, TARGET, reduction="none", beta=0).sin(), S,
    ),
    "kl_div": (lambda x: F.kl_div(x.sin(), SOFT, reduction="batchmean"), S),
    "kl_div: log": (
        lambda x: nn.KLDivLoss(reduction="sum", log_target=True)(x.exp(), SOFT.log()), S,
    ),
    "kl_div: both": (lambda x, y: F.kl_div(x.sin(), y, reduction="none", log_target=True), S, S),
    "kl_div: mean": (lambda x: F.kl_div(x.sin(), SOFT.round(), reduction="sum") / 2, S),
    "l1_loss: none": (lambda x: F.l1_loss(x, TARGET, reduction="none").sin(), S),
    "margin_ranking_loss": (lambda x, y: F.margin_ranking_loss(x, y, SIGN, 0.3), S, S),
    "margin_ranking_loss: sum": (
        lambda x: nn.MarginRankingLoss(0.2, reduction="sum")(x.sin(), TARGET, SIGN).sin(), S,
    ),
    "hinge_embedding_loss": (lambda x: F.hinge_embedding_loss(x.sin(), SIGN), S),
    "hinge_embedding_loss: none": (
        lambda x: nn.HingeEmbeddingLoss(1.5, reduction="none")(x.sin(), SIGN).exp(), S,
    ),
    "soft_margin_loss": (lambda x: F.soft_margin_loss(3 * x, SIGN), S),
    "soft_margin_loss: sum": (lambda x: nn.SoftMarginLoss(reduction="sum")(x, TARGET), S),
    "poisson_nll_loss": (lambda x: F.poisson_nll_loss(x, COUNT), S),
    "poisson_nll_loss: full": (lambda x: F.poisson_nll_loss(x, COUNT, full=True) / 9, S),
    "poisson_nll_loss: no log": (
        lambda x: nn.PoissonNLLLoss(False, eps=0.1, reduction="sum")(x.exp(), COUNT).sin(), S,
    ),
    "poisson_nll_loss: both": (
        lambda x, y: F.poisson_nll_loss(x, 2 + y * y, full=True, reduction="none").sin(), S, S,
    ),
    "gaussian_nll_loss": (lambda x, v: F.gaussian_nll_loss(x, TARGET, v.exp()), S, S),
    "gaussian_nll_loss: one": (
        lambda x, v: nn.GaussianNLLLoss(full=True, reduction="sum")(x, TARGET, v.exp()).sin(),
        S, (4, 1),
    ),
    "gaussian_nll_loss: rows": (
        lambda x, v: F.gaussian_nll_loss(x, TARGET, v.exp(), reduction="none").sin(), S, (4,),
    ),
    "gaussian_nll_loss: clamped": (
        lambda x, v: F.gaussian_nll_loss(x, TARGET, v.exp(), eps=1.0), S, S,
    ),
    "triplet_margin_loss": (F.triplet_margin_loss, S, S, S),
    "triplet_margin_loss: swap": (
        lambda x, y: nn.TripletMarginLoss(2.0, p=3.0, swap=True, reduction="none")(x, y, TARGET),
        S, S,
    ),
    "cosine_embedding_loss": (lambda x, y: F.cosine_embedding_loss(x, y, SIGN[:, 0]), S, S),
    "cosine_embedding_loss: margin": (
        lambda x: nn.CosineEmbeddingLoss(-0.6, reduction="none")(x, TARGET, -SIGN[:, 1]).exp(), S,
    ),
    "cosine_embedding_loss: one": (
        lambda x: F.cosine_embedding_loss(x, TARGET[0], torch.tensor(-1), -1, reduction="sum"),
        (3,),
    ),
}  # fmt: skip


def is_loss(name):
    return name.endswith("_loss") or "entropy" in name or name == "kl_div"


def test_every_formula_is_tried():
    known = {name for name in FORMULAS if is_loss(name)} | {"log_softmax", "cross_entropy"}
    assert {name.split(":")[0] for name in OPERATIONS} == known


class TestOperations(Formulated):
    def choices(self, name):
        # Where a probability is nearly one, torch's own derivatives have few digits.
        # A clamp that torch says nothing of has no slope by differences.
        return {"plain": "far" not in name, "differences": "clamped" not in name}


# Torch warns that it will not always choose; that the same is chosen is what is tried here.
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 3, 2), (2, 3, 1, 2)])
@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_without_a_dimension_it_is_the_one_that_torch_takes(function, shape, between, used):
    between("implicit", lambda x: function(x).sin(), shape).check()
    assert function.__name__ in used


@pytest.mark.parametrize(
    ("loss", "shapes", "message"),
    [
        (lambda x: torch.hinge_embedding_loss(x, SIGN, reduction=2), (S,), "unusual reduction"),
        (lambda x: torch.kl_div(x, SOFT, reduction=2), (S,), "unusual reduction"),
        (lambda x: torch._C._nn.soft_margin_loss(x, SIGN, 2), (S,), "size_average"),
        (lambda x: F.soft_margin_loss(x, SIGN[:1]), (S,), "of another shape"),
        (lambda x: F.gaussian_nll_loss(x, TARGET, 0.5), (S,), "gaussian_nll_loss with"),
    ],
)
def test_what_torch_may_mean_otherwise_falls_back(between, loss, shapes, message):
    problem = between("", loss, *shapes)
    with pytest.raises(ValueError, match=message):
        problem.summary(problem.partitions()[0], "jets")
    assert problem.summary(problem.partitions()[0], "autodiff").H.isfinite().all()


def test_a_negative_variance_is_torchs_to_refuse(between):
    less = []
    problem = between("", lambda x: F.gaussian_nll_loss(x, TARGET, x * x - sum(less)), S)
    less.append(9)
    with pytest.raises(ValueError, match="negative"):
        problem.summary(problem.partitions()[0], "auto")
