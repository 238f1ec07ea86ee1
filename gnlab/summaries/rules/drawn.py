"""The way back through y = A x, which is linear too: g_x = Aᵀg; and through that, v -> A v.

Legend: g the gradient by the result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gnlab.summaries.jets.curvature import Curvature
from gnlab.summaries.jets.jet import Jet, Operand
from gnlab.summaries.rules.calls import Call, replaced, with_values


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """What an operation is that is linear in one of its arguments, as it was called.

    Attributes:
        func: The operation.
        at: The argument, as it was.
        place: Which of its results, of several.
        args: All of its arguments.
        kwargs: All of its keyword arguments.
    """

    func: Callable[..., Any]
    at: Tensor
    place: int | None
    args: Any
    kwargs: Any

    @classmethod
    def of(cls, call: Call, operand: Operand, place: int | None) -> "Linear":
        """A call as one of one of its arguments."""
        args, kwargs = with_values((call.args, call.kwargs))
        return cls(call.func, operand.value, place, args, kwargs)

    @property
    def given(self) -> tuple[Any, ...]:
        """What a call has besides what goes through."""
        return self.at, self.place, self.args, self.kwargs

    def __call__(self, x: Tensor) -> Tensor:
        """The result for another argument, A x + c."""
        given = self.args, self.kwargs
        args, kwargs = replaced(given, lambda leaf: x if leaf is self.at else leaf)
        result = self.func(*args, **kwargs)
        y: Tensor = result if self.place is None else result[self.place]
        return y

    def back(self, g: Tensor) -> Tensor:
        """Aᵀg, with a graph to g."""
        with torch._C.DisableTorchFunction(), torch.enable_grad():
            x = self.at.detach().requires_grad_()
            [made] = torch.autograd.grad(self(x), x, g, create_graph=True)
        return made

    def on(self, v: Tensor) -> Tensor:
        """A v, with a graph to v: what is linear in g on the way back, turned around."""
        with torch._C.DisableTorchFunction(), torch.enable_grad():
            x = self.at.detach().requires_grad_()
            y = self(x)
            g = torch.zeros_like(y).requires_grad_()
            [back] = torch.autograd.grad(y, x, g, create_graph=True)
            [made] = torch.autograd.grad(back, g, v, create_graph=True)
        return made


def back(call: Call, curvature: Curvature) -> Jet:
    """Y = Aᵀg."""
    A = Linear(call.func, *call.args[1:])
    pull = torch.func.vjp(A, A.at)[1]
    return call.only().jet.linear(torch.vmap(lambda g: pull(g)[0]))


def on(call: Call, curvature: Curvature) -> Jet:
    """Y = A v."""
    A = Linear(call.func, *call.args[1:])
    made = torch.func.vjp(A, A.at)
    push = torch.func.vjp(lambda g: made[1](g)[0], torch.zeros_like(made[0]))[1]
    return call.only().jet.linear(torch.vmap(lambda v: push(v)[0]))
