"""What is known of the values that a tape has seen, and whether it is still true of them."""

from collections.abc import Callable, Container, Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import Node

from gnlab.summaries.evaluation.places import is_of_its_own
from gnlab.summaries.jets.jet import Operand
from gnlab.summaries.recording.seeing import origin_of
from gnlab.summaries.rules import NoRuleError
from gnlab.summaries.rules.calls import replaced

Value = Operand | None | Callable[[], Operand | None]
"""An operand; None for a constant; or what makes one of them when it is asked for."""


class Known:
    """The values by the tensors that a model holds of them.

    Args:
        parameters: Where the parameters' memory begins.

    Attributes:
        constants: The other tensors that calls were given, and how often each had been overwritten.
    """

    def __init__(self, parameters: Container[int]) -> None:
        self._parameters = parameters
        self.constants: list[tuple[Tensor, int]] = []
        self._entries: dict[int, tuple[Tensor, int, Node | None, Value]] = {}
        self._held: dict[int, int] = {}
        self._viewed: set[int] = set()

    def keep(self, tensor: Tensor, value: Value) -> None:
        """Remember a value, and the tensor: its place in memory must stay its own.

        Args:
            tensor: The tensor.
            value: What is known of it.
        """
        self._entries[id(tensor)] = (tensor, tensor._version, tensor.grad_fn, value)
        if isinstance(value, Operand):
            self._held[id(value)] = id(tensor)

    def share(self, tensor: Tensor) -> None:
        """Take notice of a view, whose memory others have too."""
        if tensor._is_view():
            self._viewed.add(tensor.untyped_storage().data_ptr())

    def found(self, tensor: Tensor) -> Operand | None:
        """The operand of a value that asks for a gradient; None if it is a constant all the same.

        Torch says of a view that it asks for one even if it was taken without a gradient.

        Args:
            tensor: The value.

        Returns:
            The operand, or None.

        Raises:
            NoRuleError: If it was not seen, or has been overwritten since.
        """
        known = self._entries.get(id(tensor))
        if known is None and is_of_its_own(tensor, self._parameters):
            # A constant that the model, or a person, may differentiate by.
            self.keep(tensor, Operand(tensor.detach()))
            known = self._entries[id(tensor)]
        # What a person's own function returns gets another origin than it was made with.
        if known is None or known[2] is not tensor.grad_fn:
            raise NoRuleError(origin_of(tensor))
        if known[1] != tensor._version:
            made = "a parameter" if known[2] is None else f"a result of {known[2].name()}"
            raise NoRuleError(f"a change in place of {made}")
        if callable(known[3]):
            self.keep(tensor, known[3]())
        found = self._entries[id(tensor)][3]
        assert not callable(found)
        return found

    def tensor_of(self, operand: Operand) -> Tensor:
        """The tensor that a model holds of a value, with its graph.

        Args:
            operand: The value.

        Returns:
            The tensor.

        Raises:
            NoRuleError: If it has been overwritten since.
        """
        tensor, version, node, value = self._entries[self._held[id(operand)]]
        if value is not operand or tensor._version != version or tensor.grad_fn is not node:
            raise NoRuleError("an overwritten value under a gradient that the model takes itself")
        return tensor

    def constant(self, result: Any, given: Sequence[Any]) -> Any:
        """A result that does not depend on the parameters, whatever torch says of it.

        Args:
            result: The result, or several.
            given: What it was made of; what is handed on as it was is known already.

        Returns:
            The same.
        """
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            asks = isinstance(tensor, Tensor) and tensor.requires_grad
            if asks and not any(tensor is argument for argument in given):
                self.keep(tensor, None)
        return result

    def depends(self, given: Any) -> bool:
        """Whether any tensor among arguments depends on the parameters."""
        if isinstance(given, Tensor):
            return given.requires_grad and self.found(given) is not None
        if isinstance(given, dict):
            return any(self.depends(value) for value in given.values())
        return isinstance(given, (tuple, list)) and any(map(self.depends, given))

    def copy(self, operand: Operand, overwritten: Tensor) -> None:
        """Keep copies of a value about to be overwritten, and of what shares its memory.

        Args:
            operand: The value.
            overwritten: The tensor that is written to.
        """
        place = overwritten.untyped_storage().data_ptr()
        entries = self._entries.values() if place in self._viewed else ()
        known = [entry[3] for entry in entries if isinstance(entry[3], Operand)]
        for other in {id(o): o for o in (operand, *known)}.values():
            value, beneath = other.value, other.value.untyped_storage().data_ptr() == place
            # What has changed already is left to be found out.
            if other is operand or (beneath and value._version == other.version):
                other.value = value.clone()
                other.version = other.value._version

    def beneath(self, view: Tensor) -> Tensor | Operand | None:
        """What is known of that which a tensor is a view of.

        Args:
            view: The tensor.

        Returns:
            Its operand, or a copy of a constant; None if it is unusual or unknown.
        """
        base = view._base
        if base is None or not base.is_contiguous() or base.dtype != view.dtype:
            return None
        try:
            operand = self.found(base) if base.requires_grad else None
        except NoRuleError:  # nobody has it but the operation that made the view
            return None
        return base.detach().clone() if operand is None else operand

    def operands(self, given: Any, copied: bool, met: list[Operand]) -> Any:
        """Arguments as a rule wants them; copies of their values if the call overwrites them.

        Args:
            given: The arguments.
            copied: Whether the call overwrites them.
            met: Takes the operands among them, in order.

        Returns:
            The arguments, with operands and constants in place of tensors.
        """

        def known(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            operand = self.found(leaf) if leaf.requires_grad else None
            if operand is None:
                constant = leaf.detach().clone() if copied else leaf.detach()
                self.constants.append((constant, constant._version))
                return constant
            if copied:
                self.copy(operand, leaf)
            met.append(operand)
            return operand

        return replaced(given, known)
