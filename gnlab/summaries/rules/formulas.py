"""Operations that are made of others, written out in those that have a rule.

Legend: N samples, C classes, y targets.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gnlab.summaries.formulas.assignments import BY_NAME as ASSIGNMENTS
from gnlab.summaries.formulas.decompose import FORMULAS as DECOMPOSED
from gnlab.summaries.formulas.decompose import ROUTES
from gnlab.summaries.formulas.norms import root
from gnlab.summaries.rules import (
    arrangements,
    bounds,
    criteria,
    ordering,
    packed,
    recurrent,
    reductions,
    special,
    unbatched,
)


def softmax(x: Tensor, dim: int, *rest: Any, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    """The softmax in a dtype, without which there is a rule."""
    own = next(d for d in (*rest, dtype) if isinstance(d, torch.dtype))
    return torch.softmax(x.to(own), dim)


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout by a mask that is drawn as torch draws it."""
    if not training or p == 0:
        return x
    with torch._C.DisableTorchFunction():
        # On a GPU torch draws other numbers where it writes in place.
        mask = functional.dropout(torch.ones_like(x.detach()), p, inplace=inplace)
    return x * mask


def addmm(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b c."""
    return _plus(beta, a, alpha * (b @ c))


def _plus(beta: float, a: Tensor, product: Tensor) -> Tensor:
    """β a + a product; nothing of a where β is zero, not even what is not finite."""
    return product if beta == 0 else beta * a + product


def relu6(x: Tensor, inplace: bool = False) -> Tensor:
    """X between 0 and 6."""
    return functional.hardtanh(x, 0.0, 6.0)


def mish(x: Tensor, inplace: bool = False) -> Tensor:
    """X tanh(softplus x)."""
    return x * torch.tanh(functional.softplus(x))


def raised(x: Tensor, base: float) -> Tensor:
    """baseˣ for a number."""
    return torch.exp(x * math.log(base))


def baddbmm(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b c, for stacks of matrices."""
    return addmm(a, b, c, beta=beta, alpha=alpha)


def addcmul(a: Tensor, b: Tensor, c: Tensor, *, value: float = 1) -> Tensor:
    """A + v b c."""
    return a + b * c * value


def addcdiv(a: Tensor, b: Tensor, c: Tensor, *, value: float = 1) -> Tensor:
    """A + v b / c."""
    return a + b / c * value


def addmv(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b c for a vector c."""
    return addmm(a, b, c, beta=beta, alpha=alpha)


def addbmm(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α Σ b c, summed over a stack of matrices."""
    return _plus(beta, a, alpha * torch.bmm(b, c).sum(0))


def addr(a: Tensor, b: Tensor, c: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β a + α b cᵀ for vectors b and c."""
    return _plus(beta, a, alpha * torch.outer(b, c))


def bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Σ_ij x_i W_oij y_j + b_o."""
    half = torch.einsum("...i,oij->...oj", x, weight)
    result = (half * y.unsqueeze(-2)).sum(-1)
    return result if bias is None else result + bias


def lerp(a: Tensor, b: Tensor, weight: Any) -> Tensor:
    """A + w (b − a); from the nearer end, as torch has it."""
    rise = b - a
    near: Tensor = a + weight * rise
    far: Tensor = b - (1 - weight) * rise
    if isinstance(weight, Tensor):
        return torch.where(weight.abs() < 0.5, near, far)
    return near if abs(weight) < 0.5 else far


def logarithm(base: float) -> Callable[[Tensor], Tensor]:
    """The logarithm to a base."""
    return lambda x: torch.log(x) * (1 / math.log(base))


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """One half of x times the sigmoid of the other."""
    a, b = x.chunk(2, dim)
    return a * torch.sigmoid(b)


def feature_dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Dropout of whole channels, by a mask that is drawn as torch draws it."""
    if not training or p == 0:
        return x
    with torch._C.DisableTorchFunction():
        mask = torch.feature_dropout(torch.ones_like(x.detach()), p, True)
    return x * mask


def trace(x: Tensor) -> Tensor:
    """The sum of the diagonal."""
    return x.diagonal().sum()


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The products of vectors with vectors."""
    return (x * y).sum(dim)


def hypot(x: Tensor, y: Tensor) -> Tensor:
    """√(x² + y²)."""
    return root(torch.square(x) + torch.square(y))


def finite(
    x: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """X with numbers in place of what is none."""
    with torch._C.DisableTorchFunction():
        there = x.detach()
        instead = torch.nan_to_num(there, nan, posinf, neginf)
    return torch.where(torch.isfinite(there), x, instead)


def broadcast(*tensors: Any) -> tuple[Tensor, ...]:
    """Tensors in one shape."""
    given = tensors[0] if isinstance(tensors[0], (tuple, list)) else tensors
    # Torch declares no types for it.
    shape = torch.broadcast_shapes(*[t.shape for t in given])  # type: ignore[no-untyped-call]
    return tuple(t.expand(shape) for t in given)


def einsum(equation: str, *tensors: Any) -> Tensor:
    """A sum of products of three tensors or more, one after the other from the left."""
    given = list(tensors[0] if isinstance(tensors[0], (tuple, list)) else tensors)
    terms, after = _letters(equation)
    while len(given) > 2:
        later = set("".join([*terms[2:], after]))
        joint = "".join(c for c in dict.fromkeys(terms[0] + terms[1]) if c in later)
        given[:2] = [torch.einsum(_equation(terms[:2], joint), *given[:2])]
        terms[:2] = [joint]
    return torch.einsum(_equation(terms, after), *given)


def _letters(equation: str) -> tuple[list[str], str]:
    """The indices of each factor and of the result, one character each; an ellipsis is a dot."""
    before, arrow, after = equation.replace(" ", "").replace("...", ".").partition("->")
    if not arrow:  # those that occur once, in the order of the alphabet
        plain = before.replace(",", "").replace(".", "")
        after = "." * ("." in before) + "".join(c for c in sorted(plain) if plain.count(c) == 1)
    return before.split(","), after


def _equation(terms: list[str], after: str) -> str:
    """An equation as torch wants it."""
    return f"{','.join(terms)}->{after}".replace(".", "...")


FORMULAS: Mapping[str, Callable[..., Any]] = {
    **{
        func.__name__: formula
        for func, formula in (ROUTES | DECOMPOSED).items()
        if func.__name__ not in ("embedding", "norm", "normalize", "celu")
        and not func.__name__.endswith("_")
    },
    **criteria.FORMULAS, **reductions.FORMULAS, **recurrent.FORMULAS,
    **packed.FORMULAS, **ordering.FORMULAS, **ASSIGNMENTS, **arrangements.FORMULAS,
    **bounds.FORMULAS, **special.FORMULAS, **unbatched.FORMULAS,
    "softmax": softmax, "dropout": dropout, "feature_dropout": feature_dropout,
    "addmm": addmm, "baddbmm": baddbmm, "addmv": addmv, "addbmm": addbmm, "addr": addr,
    "addcmul": addcmul, "addcdiv": addcdiv, "lerp": lerp, "bilinear": bilinear,
    "relu6": relu6, "mish": mish, "glu": glu,
    "rpow": raised, "exp2": lambda x: raised(x, 2.0), "log2": logarithm(2), "log10": logarithm(10),
    "trace": trace, "linalg_vecdot": vecdot, "hypot": hypot, "einsum": einsum,
    "nan_to_num": finite, "broadcast_tensors": broadcast,
}  # fmt: skip
"""The formulas by the operation's plain name."""
