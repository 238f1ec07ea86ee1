"""What a loss is made of: every operation that the model and the loss call, recorded.

The operations are seen where torch's functions are called, not by tracing: control flow in Python
is simply followed. What is in a person's own function of torch's, or in torch's own Python, is
seen through down to the operations that have a rule.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode

from gnlab.summaries.formulas import aten
from gnlab.summaries.formulas.assignments import Place, written_beneath
from gnlab.summaries.formulas.decompose import FORMULAS as WRONG
from gnlab.summaries.formulas.decompose import ROUTES
from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.recording.inner import gradients
from gnlab.summaries.recording.known import Known
from gnlab.summaries.recording.modules import Modules
from gnlab.summaries.recording.names import (
    HOOKED,
    LEAVING,
    copying,
    in_order,
    is_told_to_write,
    plain_name,
)
from gnlab.summaries.recording.seeing import edge_of, is_pure_python, undispatched
from gnlab.summaries.recording.transforms import check_untransformed
from gnlab.summaries.recording.writing import check_writing, is_asking, of_its_own
from gnlab.summaries.rules import CURVED, FORMULAS, LAYERS, RULES, Call, NoRuleError, called
from gnlab.summaries.rules.beyond import is_beyond_its_rule
from gnlab.summaries.rules.calls import UNUSUAL, unknown_case


class Tape(TorchFunctionMode):
    """A context that records the operations on what depends on the parameters.

    Attributes:
        calls: The calls, in order.
        leaves: The parameters by name.
        place: What is being evaluated; the calls are marked with it.

    Args:
        modules: Knows the module that computes, if the calls shall be marked with it.
    """

    def __init__(self, modules: Modules | None = None) -> None:
        super().__init__()
        self._modules = modules
        self.calls: list[Call] = []
        self.leaves: dict[str, Operand] = {}
        self.place = ""
        self._own: set[int] = set()
        self._known = Known(self._own)
        self._seen_through: list[Callable[..., Any]] = []

    def start(self, leaves: Mapping[str, Tensor]) -> None:
        """Take notice of the parameters.

        Args:
            leaves: The parameters by name.
        """
        for name, leaf in leaves.items():
            self.leaves[name] = Operand(leaf.detach(), name)
            self._known.keep(leaf, self.leaves[name])
            self._own.add(leaf.untyped_storage().data_ptr())

    @property
    def constants(self) -> list[tuple[Tensor, int]]:
        """The other tensors that the calls take, and how often each had been overwritten."""
        return self._known.constants

    def operand(self, tensor: Tensor) -> Operand:
        """What is known of a value.

        Args:
            tensor: A value that depends on the parameters.

        Returns:
            Its operand.

        Raises:
            NoRuleError: If it comes from an operation that was not seen.
        """
        with torch._C.DisableTorchFunction():
            found = self._known.found(tensor)
        if found is None:
            raise NoRuleError("a value without a gradient")
        return found

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func``, or what it is made of, and record the call."""
        options = dict(kwargs) if kwargs else {}
        result = self._otherwise(func, args, options)
        if result is not NotImplemented:
            return result
        if options:
            args, options = in_order(func, args, options)
        name, in_place = plain_name(func)
        in_place = in_place or bool(options and is_told_to_write(options))
        check_untransformed(name, (args, options))
        if in_place:
            check_writing(name, args, options, self._own)
        if name in LEAVING:
            raise NoRuleError(name)
        with torch._C.DisableTorchFunction():
            depends = torch.is_grad_enabled() and self._known.depends((args, options))
        if not depends and (name in RULES or name in FORMULAS):
            # A constant is torch's own, to the last digit and in torch's dtype.
            result = func(*args, **options)
            with torch._C.DisableTorchFunction():
                return self._known.constant(result, (*args, *options.values()))
        if depends and name in HOOKED:
            raise NoRuleError(name)
        if name not in RULES or is_beyond_its_rule(name, args, options):
            if name in FORMULAS:
                formula = ROUTES.get(func, FORMULAS[name])
                return self._by_formula(name, func, formula, in_place, args, options)
            if is_pure_python(func) and func not in self._seen_through:
                return self._see_through(func, args, options)
        if in_place and depends and name in RULES and args and args[0]._is_view():
            # What it is a view of changes too; and if it is overwritten once more it gets another
            # origin, and its adjoint is lost.
            return self._by_formula(name, func, func, in_place, args, options)
        return self._by_rule(name, func, in_place, args, options)

    def _otherwise(
        self, func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """The result of what is no function on tensors, or goes by another name."""
        if isinstance(func, OpOverload):
            return aten.call(func, args, options, self)
        if func is torch.autograd.grad and options.get("create_graph"):
            with self:
                return gradients(self, *args, **options)
        if is_asking(func, args, self._own):
            return func(*args, **options)
        return NotImplemented

    def alive(self, operand: Operand) -> Tensor:
        """The tensor that the model holds of a value, with its graph."""
        with torch._C.DisableTorchFunction():
            return self._known.tensor_of(operand)

    def record_linear(
        self, name: str, made: Tensor, func: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        """Take notice of what a linear operation has made of its first argument, unseen.

        Args:
            name: What its rule goes by.
            made: Its result.
            func: What is kept as the operation.
            args: Its arguments.
        """
        v, *rest = args
        with torch._C.DisableTorchFunction():
            operand = self._known.found(v) if v.requires_grad else None
            if operand is not None and made is not v:
                self._record(name, func, ((operand, *rest), {}), [operand], (made,))

    def _by_rule(
        self,
        name: str,
        func: Callable[..., Any],
        in_place: bool,
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Call an operation and record it, if its result depends on the parameters."""
        # What is known here needs nobody else's attention, unless torch's own kernel is not right.
        unseen = name in RULES and func not in WRONG and func not in ROUTES
        seen, given = len(self._known.constants), list[Operand]()
        with torch._C.DisableTorchFunction():
            positional = self._known.operands(args, in_place, given)
            named = self._known.operands(options, in_place, given) if options else {}
            found = called(name, func, args, options) if unseen else None
        result, kept = found or called(name, func, args, options)
        results = result if isinstance(result, (tuple, list)) else (result,)
        with torch._C.DisableTorchFunction():
            # What is handed on as it was (a tensor that is contiguous already) is known already.
            if (in_place or not any(result is argument for argument in args)) and any(
                isinstance(r, Tensor) and r.requires_grad and not r.is_leaf for r in results
            ):
                func = copying(name, func, in_place)
                if name in CURVED and not in_place:
                    result = of_its_own(result, (args, options))
                    results = (result,)
                call = self._record(name, func, (positional, named), given, results)
                call.several, call.kept = results is result, kept
            else:
                del self._known.constants[seen:]
        return result

    def _record(
        self,
        name: str,
        func: Callable[..., Any],
        arguments: tuple[Any, Any],
        given: list[Operand],
        results: Sequence[Any],
    ) -> Call:
        """Keep a call."""
        if name not in RULES:
            raise NoRuleError(name)
        if torch._C._is_any_autocast_enabled():
            raise NoRuleError(f"{name} under autocast")
        call = Call(name, func, *arguments, [], given)
        call.place = self.place or (self._modules.now if self._modules is not None else "")
        for tensor in results:
            call.results.append(Operand(tensor.detach()))
            self._known.keep(tensor, call.results[-1])
            self._known.share(tensor)
        if name in CURVED:
            call.edge = edge_of(results[0])
        if name not in LAYERS:
            for operand in given:
                operand.apart = True
        self.calls.append(call)
        return call

    def _by_formula(
        self,
        name: str,
        func: Callable[..., Any],
        formula: Callable[..., Any],
        in_place: bool,
        args: tuple[Any, ...],
        options: dict[str, Any],
    ) -> Any:
        """Call the formula of an operation."""
        target: Tensor | None = args[0] if in_place else None
        if target is not None:  # what the formula keeps of it is not to be overwritten
            with self:
                args = (target.clone(), *args[1:])
        try:
            with self:
                result = formula(*args, **options)
        except torch.OutOfMemoryError:
            raise
        except UNUSUAL as error:
            func(*args, **options)  # an error of the model's own is the model's
            raise unknown_case(name, error) from error
        if target is None:
            return result
        if result is args[0] and not result._version:  # dropout in eval mode writes nothing
            return target
        with torch._C.DisableTorchFunction():
            before = self._known.beneath(target)
            self._known.operands(target, True, [])
        target.copy_(result)
        with torch._C.DisableTorchFunction():
            if target.requires_grad:
                self._known.keep(target, self.operand(result) if result.requires_grad else None)
            base = target._base
            if before is not None and base is not None and base.requires_grad:
                place = Place.of(target, base)
                self._known.keep(base, lambda: self._written_beneath(before, place, result))
        return target

    def _written_beneath(
        self, before: Tensor | Operand, place: Place, values: Tensor
    ) -> Operand | None:
        """What is known of a tensor after values were written into a view of it."""
        if isinstance(before, Operand):
            operand, before = before, before.value.detach().requires_grad_()
            self._known.keep(before, operand)
        with torch._C._EnableTorchFunction(), torch.enable_grad(), self:
            after = written_beneath(before, place, values)
        return self.operand(after) if after.requires_grad else None

    def _see_through(
        self, func: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """Call one of torch's Python functions such that what it calls is seen."""
        self._seen_through.append(func)
        try:
            with self:
                return undispatched(func)(*args, **options)
        finally:
            self._seen_through.pop()
