"""Other tensors in place of a model's own while its loss is evaluated, and its own back afterwards.

A model's tensors are met in its modules and elsewhere: a loss that decays the weights has them in
a list, a closure or a ``functools.partial``. What is differentiated stands in for them everywhere.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gnlab.errors import InputError

Place = tuple[dict[str, Any], str, Tensor, Tensor]
"""Where a module holds a tensor: the dictionary and the name, the tensor, and another for it."""

_NAME = "_gnlab_stands_in_for"
_LEAF = "torch::autograd::AccumulateGrad"
_CHECKPOINT = "CheckpointFunctionBackward"
NO_CHECKPOINT = (
    "checkpointed layers are computed anew in the backward pass, where torch's fused kernels "
    "cannot be replaced by differentiable ones; turn checkpointing off."
)


class Replaced:
    """A context in which modules hold other tensors in place of their own.

    ``torch.func.functional_call`` does the same, but finds every module anew by its path.

    Args:
        places: Which, and where.
    """

    def __init__(self, places: list[Place]) -> None:
        self._places = places

    def __enter__(self) -> None:
        for held, name, _, instead in self._places:
            held[name] = instead

    def __exit__(self, *exception: object) -> None:
        for held, name, own, _ in self._places:
            held[name] = own


class Elsewhere(TorchFunctionMode):
    """A context in which torch's functions take other tensors for a model's own.

    Args:
        instead: What for each, by its id.
    """

    def __init__(self, instead: Mapping[int, Tensor]) -> None:
        super().__init__()
        self._instead = instead

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` with what stands in for its arguments."""
        named = {name: self._of(value) for name, value in kwargs.items()} if kwargs else {}
        return func(*[self._of(value) for value in args], **named)

    def _of(self, value: Any) -> Any:
        """What stands in for an argument, or for the tensors in it."""
        if isinstance(value, (tuple, list)):
            found = [self._of(item) for item in value]
            # Most are shapes, and named tuples: what nothing stands in for is handed on as it is.
            same = all(a is b for a, b in zip(found, value, strict=True))
            return value if same else type(value)(found)
        return self._instead.get(id(value), value)


def elsewhere(own: Mapping[str, Tensor], moved: Mapping[str, Tensor]) -> Elsewhere:
    """A context in which torch's functions take other values for a model's parameters.

    Args:
        own: The parameters by name.
        moved: What to take for some of them, by name.

    Returns:
        The context.
    """
    return Elsewhere({id(own[name]): value for name, value in moved.items()})


def stand_in(leaf: Tensor, name: str) -> Tensor:
    """Mark a leaf as what stands in for a parameter; a model may keep what it makes of it."""
    setattr(leaf, _NAME, name)
    return leaf


def is_of_its_own(tensor: Tensor, parameters: Container[int]) -> bool:
    """Whether a tensor that asks for a gradient is nothing of the model's, but a constant to it.

    Args:
        tensor: The tensor.
        parameters: Where the parameters' memory begins.

    Returns:
        Whether it was made by hand; not of what was computed, of any parameter, and of what has
        stood in for one in another call.
    """
    made = not isinstance(tensor, nn.Parameter) and getattr(tensor, _NAME, None) is None
    return (
        made
        and tensor.is_leaf
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and tensor.untyped_storage().data_ptr() not in parameters
    )


def check_reached(loss: Tensor, own: Mapping[int, str], leaves: Container[int]) -> None:
    """Raise if a loss depends on a model's parameters in a way that cannot be followed.

    A person's own ``autograd.Function`` takes its arguments from no function of torch's, and a
    graph made beforehand cannot be made anew. A model that keeps what it has computed of its
    parameters (some do in eval mode) has it of what stood in for them in the call before. A
    checkpoint of torch's older kind hands the slopes of the parameters in it to their ``.grad``
    alone, where nobody asked for them.

    Args:
        loss: The loss, with its graph.
        own: The parameters' names, by their ids.
        leaves: The ids of what stands in for them now.

    Raises:
        InputError: If it does; the message names the parameter, or says that it is a checkpoint.
    """
    nodes: list[Any] = [loss.grad_fn]
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if node is None:
            continue
        if node.name() == _CHECKPOINT:
            raise InputError(NO_CHECKPOINT)
        if node.name() == _LEAF and id(node.variable) in own:
            raise InputError(
                f"the loss depends on parameter {own[id(node.variable)]!r} in a way that cannot be "
                "followed: by a graph made before the loss was called, or by an autograd.Function "
                "that is given it from elsewhere than its module; compute it within the loss."
            )
        if node.name() == _LEAF and id(node.variable) not in leaves:
            kept = getattr(node.variable, _NAME, None)
            if kept is not None:
                raise InputError(
                    f"the model keeps what it computed of parameter {kept!r} from one call to the "
                    "next, so that the loss does not depend on the parameter itself; have it "
                    "computed in each call (many models do so in train mode: model.train())."
                )
        fresh = {parent for parent, _ in node.next_functions} - seen
        seen |= fresh
        nodes.extend(fresh)


def check_kept(model: nn.Module, known: Mapping[str, Tensor], leaves: Mapping[str, Tensor]) -> None:
    """Raise if the call of a model has made a parameter or frozen one of its own.

    Args:
        model: The model, which was just called.
        known: Its parameters by name, before any call.
        leaves: What stood in for the trainable ones.

    Raises:
        InputError: Naming the first that it has.
    """
    for name, p in model.named_parameters():
        if p.requires_grad and name not in known:
            raise InputError(
                f"parameter {name!r} was made by the model's own call; now that it is there, build "
                "the partition again with gnlab.partition(model, ...)."
            )
    for name, leaf in leaves.items():
        if not leaf.requires_grad:
            raise InputError(
                f"parameter {name!r} is frozen by the model's own call (requires_grad_(False)); "
                "freeze it outside of the model's forward, then build the partition again with "
                "gnlab.partition(model, ...)."
            )
