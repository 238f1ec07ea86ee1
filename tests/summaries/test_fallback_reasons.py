"""Why a rule or a formula does not know a call is told after the operation's name."""

import logging
import re
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gnlab.errors import InputError
from gnlab.partitions import partition
from gnlab.summaries import measure, rules, summarise
from gnlab.summaries.recording import tape as taping
from gnlab.summaries.rules import FORMULAS, CaseError, NoRuleError

pytestmark = pytest.mark.usefixtures("untold")

DOUBLE = torch.float64
LABELS = torch.tensor([0, 2, 1])
OTHER = torch.linspace(-1, 1, 9, dtype=DOUBLE).reshape(3, 3)


@pytest.fixture
def untold(monkeypatch):
    monkeypatch.setattr(measure, "_told", set())


class Network(nn.Module):
    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.function = nn.Linear(2, 3), function

    def forward(self, x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch deprecates size_average
            return self.function(self.layer(x))


def summary(function, method="auto"):
    model = Network(function).double()
    x = torch.linspace(-2, 2, 6, dtype=DOUBLE).reshape(3, 2)

    def loss(output, _):
        return sum(o.square().mean() for o in (output if isinstance(output, tuple) else (output,)))

    return summarise(model, loss, (x, x), partition(model, "tensor"), method=method)


def old(loss, *targets):
    """A loss with a reduction of years ago."""
    return lambda h: getattr(F, loss)(h, *targets, size_average=True)


WEIGHED = {"reduction": "mean", "weight": OTHER.exp()}
REASONS = {
    "mse_loss with weights": lambda h: F.mse_loss(h, OTHER, **WEIGHED),
    "huber_loss with weights": lambda h: F.huber_loss(h, OTHER, **WEIGHED),
    **{
        f"{loss} with size_average or reduce": old(loss, OTHER)
        for loss in ("mse_loss", "l1_loss", "smooth_l1_loss", "hinge_embedding_loss",
                     "soft_margin_loss", "poisson_nll_loss", "kl_div",
                     "binary_cross_entropy_with_logits")
    },
    **{
        f"{loss} with size_average or reduce": old(loss, LABELS)
        for loss in ("nll_loss", "cross_entropy")
    },
    "binary_cross_entropy with size_average or reduce": lambda h: F.binary_cross_entropy(
        h.sigmoid(), OTHER.sigmoid(), reduce=True
    ),
    "margin_ranking_loss with size_average or reduce": old("margin_ranking_loss", OTHER, OTHER),
    "triplet_margin_loss with size_average or reduce": old("triplet_margin_loss", OTHER, -OTHER),
    "cosine_embedding_loss with size_average or reduce": old(
        "cosine_embedding_loss", OTHER, OTHER[0].sign()
    ),
    "soft_margin_loss of targets of another shape": lambda h: F.soft_margin_loss(h, OTHER[:1]),
    "kl_div with an unusual reduction": lambda h: torch.kl_div(h, OTHER.exp(), reduction=2),
    "gaussian_nll_loss with unusual arguments": lambda h: F.gaussian_nll_loss(h, OTHER, 0.5),
    "linear with a vector for a weight": lambda h: F.linear(OTHER, h[0]),
    "embedding with max_norm": lambda h: F.embedding(LABELS, h.clone(), max_norm=0.5),
    "div with a rounding mode": lambda h: h * torch.div(h, 0.3, rounding_mode="floor"),
    "add with unusual arguments": lambda h: torch.add(h, 2, h),
    "linalg_matrix_norm of an unusual order": lambda h: torch.linalg.matrix_norm(h, 1),
    "linalg_vector_norm of an unusual order": lambda h: h.norm(0) * h,
    "linalg_vector_norm with a dtype": lambda h: torch.linalg.vector_norm(h, dtype=DOUBLE),
    "linalg_norm of a matrix": lambda h: torch.linalg.norm(h, "nuc"),
    "var with unusual arguments": lambda h: torch.var(h, 0, correction=1, out=None),
    "meshgrid with unusual arguments": lambda h: torch.meshgrid(h[0], h[1]),
    "logaddexp of different precision": lambda h: torch.logaddexp(h, OTHER.sum().float()),
    "pow with a variable for its exponent, of what is not positive": lambda h: OTHER**h.detach() + (
        (h - h.detach().amax()) ** h
    ).nan_to_num(),
    "fmod by a larger tensor": lambda h: torch.fmod(h[0], OTHER),
    "xlogy of two variables": lambda h: torch.xlogy(h, h.exp()),
    "remainder with a variable in an unusual place": lambda h: torch.remainder(h, h.exp()),
    "cross along an unusual dimension": lambda h: torch.cross(h, OTHER),
    "as_strided of memory in an unusual place": lambda h: h[:, :2].as_strided((2, 2), (2, 1)),
    "log_softmax with a dtype": lambda h: h.float().log_softmax(1, dtype=DOUBLE),
}  # fmt: skip


@pytest.mark.parametrize("told", REASONS)
def test_each_reason_is_told_with_the_operation(told, caplog):
    with caplog.at_level(logging.WARNING, "gnlab"):
        assert summary(REASONS[told]).method == "autodiff"
    assert caplog.messages == [f"no fast summary of {told}: summaries take the plain way, slowly."]


@pytest.mark.parametrize("name", FORMULAS)
def test_what_any_formula_does_not_know_is_told_with_its_name(name, monkeypatch):
    def refuse(*_):
        raise CaseError("for a reason")

    def operation(*_):
        return None

    operation.__name__ = name
    monkeypatch.setattr(taping, "FORMULAS", {name: refuse})
    monkeypatch.setattr(taping, "RULES", {})
    tape, weight = taping.Tape(), torch.ones(2, requires_grad=True)
    tape.start({"weight": weight})
    with pytest.raises(NoRuleError, match=f"^{name} for a reason$"):
        tape.__torch_function__(operation, (), (weight,))


ELSEWHERE = {
    "of a vector", "by its weights", "with a tensor for its exponent", "of another scale",
    # What torch refuses itself, an older torch does otherwise, or nothing in torch asks for.
    "with an unusual shape", "of more than matrices", "of tensors of different dimensions",
    "with such a variance", "within bounds that vary or are larger", "without its indices",
}  # fmt: skip
"""Reasons of a gradient that the model takes itself (``rules/test_backwards.py``), and of none."""


def test_every_reason_is_tried():
    sources = [path.read_text() for path in Path(rules.__file__).parent.glob("*.py")]
    found = {text for source in sources for text in re.findall(r'raise CaseError\("(.+?)"', source)}
    assert found == {r for r in found if any(t.endswith(f" {r}") for t in REASONS)} | ELSEWHERE
    assert not any("raise NoRuleError" in source for source in sources)


def test_two_operations_with_the_same_reason_are_both_told(caplog):
    with caplog.at_level(logging.WARNING, "gnlab"):
        for told in ("mse_loss with weights", "huber_loss with weights"):
            summary(REASONS[told])
    assert len(caplog.messages) == 2


TRANSFORMS = {
    "sin within torch.func.vmap": torch.func.vmap(torch.sin),
    "mul within torch.func.vmap": lambda h: torch.func.vmap(lambda k: k * h)(OTHER),
    "torch.func.jvp": lambda h: torch.func.jvp(torch.sin, (h,), (h,))[1],
    "torch.func.grad or vjp": torch.func.grad(lambda h: h.sin().sum()),
    "torch.func.grad": torch.func.jacrev(torch.sin),
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own jvp asks it
@pytest.mark.parametrize("told", TRANSFORMS)
def test_a_transform_of_a_function_is_told_by_its_name(told):
    with pytest.raises(InputError, match=f"has no rule for .*{told}"):
        summary(TRANSFORMS[told], "jets")
    assert summary(TRANSFORMS[told]).method == "autodiff"


def test_a_transform_of_constants_is_none_of_the_derivatives():
    assert summary(lambda h: h * torch.func.vmap(torch.sin)(OTHER)).method == "jets"
