"""The fast pass: jets carried along while the model computes its loss.

Every operation of torch that the model and the loss call is seen here with its arguments. Its
rule makes the jets of its results; its curvature is added in the backward pass, when the adjoint
of its result is known.

Legend: S groups.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gnlab.summaries.autodiff import Derivatives, Groups
from gnlab.summaries.formulas import FORMULAS
from gnlab.summaries.jets import Curvature, Jet, Operand, Part
from gnlab.summaries.rules import RULES, Call, NoRuleError

_PLAIN = {
    "radd": "add", "iadd": "add", "isub": "sub", "rmul": "mul", "imul": "mul", "multiply": "mul",
    "truediv": "div", "itruediv": "div", "true_divide": "div", "divide": "div", "rmatmul": "matmul",
    "mm": "matmul", "bmm": "matmul", "subtract": "sub", "concat": "cat", "concatenate": "cat",
    "clip": "clamp", "absolute": "abs", "special_erf": "erf",
}  # fmt: skip
"""Other names of the same operations."""


class JetPass(TorchFunctionMode):
    """A context that gives every value its jet.

    Args:
        groups: The groups by rank.
        u: The direction, by parameter name.
    """

    def __init__(self, groups: Groups, u: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._groups, self._u = groups, u
        self._jets: dict[int, tuple[Tensor, int, Jet]] = {}
        self._curvature = Curvature(groups.size, next(iter(u.values())).device)

    def start(self, leaves: Mapping[str, Tensor]) -> None:
        """Give the parameters their jets: u on a group's own elements, nothing else.

        Args:
            leaves: The parameters by name.
        """
        members: dict[str, list[int]] = {name: [] for name in leaves}
        for rank, names in enumerate(self._groups.members):
            for name in names:
                members[name].append(rank)
        for name, leaf in leaves.items():
            owner, u = self._groups.owners[name], self._u[name]
            own = [u if owner.dim() == 0 else torch.where(owner == r, u, 0) for r in members[name]]
            self._keep(leaf, Jet(Part(tuple(members[name]), torch.stack(own))))

    def finish(self, loss: Tensor, leaves: Mapping[str, Tensor]) -> Derivatives:
        """Run the backward pass and gather the curvature.

        Args:
            loss: The loss, computed within this context.
            leaves: The parameters.

        Returns:
            ḡ, H̄ and D^(3)_sss by rank, in the loss's dtype.

        Raises:
            NoRuleError: If the loss has no jet.
        """
        jet = self._known(loss)
        torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        like, curvature = loss.detach(), self._curvature
        g = torch.zeros_like(curvature.third).index_add(
            0,
            torch.tensor(jet.first.ranks, device=like.device),
            jet.first.values.double(),
        )
        self._jets.clear()
        H = (curvature.H + curvature.H.T) / 2
        return Derivatives(g.to(like), H.to(like), curvature.third.to(like))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, or the formula it is made of, and give its results their jets."""
        options = dict(kwargs or {})
        name, in_place = _name(func, options)
        # A name's own meaning first: without variables there is nothing to follow.
        if name not in RULES and name in FORMULAS:
            if in_place:
                raise NoRuleError(f"{name}, in place")
            with self:
                return FORMULAS[name](*args, **options)
        if name in ("rtruediv", "rdiv", "reciprocal_") and isinstance(args[0], Tensor):
            with self:
                return torch.reciprocal(args[0]) * args[1]
        operands = [self._operand(argument, in_place) for argument in args]
        named = {key: self._operand(value, False) for key, value in options.items()}
        result = func(*args, **options)
        results = result if isinstance(result, (tuple, list)) else (result,)
        variable = [r for r in results if isinstance(r, Tensor) and r.requires_grad]
        same = any(result is argument for argument in args) and not in_place
        if not variable or same:
            return result
        with torch.no_grad(), torch._C.DisableTorchFunction():
            self._follow(name, func, tuple(operands), named, result)
        return result

    def _follow(
        self,
        name: str,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
    ) -> None:
        """Apply the rule of a call."""
        if name not in RULES:
            raise NoRuleError(name)
        several = isinstance(result, (tuple, list))
        out = [r.detach() for r in result] if several else result.detach()
        call = Call(_out_of_place(func, name), args, kwargs, out)
        try:
            jets = RULES[name](call)
        except NoRuleError as error:
            raise NoRuleError(f"{name} {error}") from error
        for tensor, jet in zip(
            result if several else [result], jets if isinstance(jets, list) else [jets], strict=True
        ):
            self._keep(tensor, jet)
        if call.terms:
            result.register_hook(lambda delta: self._add(call.terms, delta))

    def _add(self, terms: list[Callable[[Curvature, Tensor], None]], delta: Tensor) -> None:
        """Add a call's curvature: its result's adjoint is known."""
        with torch.no_grad(), torch._C.DisableTorchFunction():
            for term in terms:
                term(self._curvature, delta)

    def _operand(self, argument: Any, copied: bool) -> Any:
        """An argument as a rule wants it; a copy of its value if the call is to overwrite it."""
        if isinstance(argument, (tuple, list)):
            return type(argument)(self._operand(a, copied) for a in argument)
        if not isinstance(argument, Tensor):
            return argument
        with torch._C.DisableTorchFunction():
            value = argument.detach().clone() if copied else argument.detach()
            if not argument.requires_grad:
                return value
            return Operand(value, self._known(argument))

    def _known(self, tensor: Tensor) -> Jet:
        """A value's jet."""
        kept = self._jets.get(id(tensor))
        if kept is None:
            raise NoRuleError("a value whose origin was not seen")
        if kept[1] != tensor._version:
            raise NoRuleError("a change in place through a view")
        return kept[2]

    def _keep(self, tensor: Tensor, jet: Jet) -> None:
        """Remember a value's jet, and the value: its place in memory must stay its own."""
        self._jets[id(tensor)] = (tensor, tensor._version, jet)


def _name(func: Callable[..., Any], options: Mapping[str, Any]) -> tuple[str, bool]:
    """An operation's plain name, and whether it overwrites its first argument."""
    name: str = getattr(func, "__name__", str(func))
    if name == "__get__":
        name = func.__self__.__name__  # type: ignore[attr-defined]
    in_place = bool(options.get("inplace", False))
    if name.startswith("__"):
        name = name.strip("_")
        in_place |= name in ("iadd", "isub", "imul", "itruediv")
    elif name.endswith("_"):
        name, in_place = name[:-1], True
    return _PLAIN.get(name, name), in_place


def _out_of_place(func: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The operation as one that overwrites nothing."""
    plain = {"mul": torch.mul, "matmul": torch.matmul}
    return plain.get(name, func)
