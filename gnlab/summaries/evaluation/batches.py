"""The data of a summary: one batch (x, y), or a loader of such batches.

Legend: N samples of a batch.
"""

import copy
import dataclasses
from collections import UserDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Sampler

from gnlab.errors import InputError
from gnlab.summaries.evaluation.randomness import same_random_state

Batch = tuple[Any, Any]
"""The inputs and targets of one batch: tensors, or tuples, lists, dicts and dataclasses of such."""

Kind = TypeVar("Kind")

_UNCOPIED = AttributeError, LookupError, RuntimeError, TypeError, ValueError
"""What a class raises that does not let itself be copied, or filled with other values."""


def batches(data: object) -> Iterable[Batch]:
    """The batches of what a person gave as data, to be gone through more than once.

    A tuple is one batch. So is a list of two, as torch's DataLoader yields it, unless both are
    themselves pairs; any other iterable is a loader. A list of two lists of two is a
    loader if its tensors' lengths differ, and refused else. A one-shot iterator is kept in a list.

    Args:
        data: One batch (x, y), or an iterable of such.

    Returns:
        The batches; those of a loader are checked as they come.

    Raises:
        InputError: If it is neither, or could be both.
    """
    if isinstance(data, tuple) or _is_listed_batch(data):
        return (_checked(data),)
    if isinstance(data, (Tensor, str, Mapping)) or not isinstance(data, Iterable):
        raise InputError(
            "data must be one batch (inputs, targets) or an iterable of such; "
            f"got {type(data).__name__}."
        )
    if not isinstance(data, Iterator):
        return Loader(data)
    with same_random_state(torch.device("cpu")):  # of which a loader's iterator draws the order
        return [_checked(batch) for batch in data]


class Loader:
    """A re-iterable whose batches are checked as they come.

    Args:
        source: The loader a person gave.
    """

    def __init__(self, source: Iterable[object]) -> None:
        self._source = source
        self.generators = generators_of(source)

    def __iter__(self) -> Iterator[Batch]:
        return (_checked(batch) for batch in self._source)


def generators_of(source: object) -> tuple[torch.Generator, ...]:
    """The random generators of a loader's own, and of its samplers.

    Args:
        source: The loader.

    Returns:
        The generators; none if it has none.
    """
    found, seen, waiting = [], set(), [source]
    while waiting:
        holder = waiting.pop()
        for value in getattr(holder, "__dict__", {}).values():
            if isinstance(value, torch.Generator) and value not in found:
                found.append(value)
            if isinstance(value, Sampler) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)
    return tuple(found)


def _is_listed_batch(data: object) -> bool:
    """Whether data are a list that is one batch rather than a sequence of batches."""
    if not isinstance(data, list) or len(data) != 2:
        return False
    if not all(isinstance(item, (tuple, list)) and len(item) == 2 for item in data):
        return False
    # A batch has as many samples in all of its inputs and targets.
    if not all(isinstance(item, list) for item in data) or len(lengths(data)) > 1:
        return False
    raise InputError(
        "a list of two lists of two is two batches or one of two inputs and two targets; write "
        "[(x1, y1), (x2, y2)] for two batches, ((x1, x2), (y1, y2)) for one."
    )


def lengths(tree: object) -> set[int]:
    """The leading sizes of the tensors in a nested structure.

    Args:
        tree: Tensors in nested tuples, lists, dicts and dataclasses.

    Returns:
        The sizes; none of numbers.
    """
    return {t.shape[0] for t in tensors(tree) if t.dim()}


def _checked(batch: object) -> Batch:
    """The batch as a pair, or the error that says what it is instead."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        got = type(batch).__name__
        size = f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise InputError(f"a batch must be a pair (inputs, targets); got a {got}{size}.")
    if 0 in lengths(batch):
        raise InputError("the batch is empty (0 samples); give at least one sample.")
    return batch[0], batch[1]


def tensors(tree: object) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists, dicts and dataclasses, in order."""
    return found_in(tree, Tensor)


def found_in(tree: object, kind: type[Kind]) -> Iterator[Kind]:
    """What is of a kind in nested tuples, lists, dicts and dataclasses, in order.

    Args:
        tree: What to look in.
        kind: The class.

    Yields:
        Kind: Each that is of this class.
    """
    if isinstance(tree, kind):
        yield tree
        return
    if isinstance(tree, Mapping):
        items: Iterable[object] = tree.values()
    else:
        items = tree if isinstance(tree, (tuple, list)) else _fields(tree).values()
    for item in items:
        yield from found_in(item, kind)


def map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same nested structure with ``function`` applied to each tensor.

    What has a class of its own is made anew in that class, as a model or a loss may read its
    attributes; a mapping that cannot be copied becomes a dict.

    Args:
        function: The function.
        tree: Tensors in nested tuples, lists, dicts and dataclasses; anything else is kept.

    Returns:
        The structure; nothing is written into the given one.
    """
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, Mapping):
        return _refilled(tree, {key: map_tensors(function, item) for key, item in tree.items()})
    if isinstance(tree, (tuple, list)):
        items = [map_tensors(function, item) for item in tree]
        # A named tuple is rebuilt from its fields, as the model may read them by name.
        return type(tree)(*items) if isinstance(tree, tuple) and _named(tree) else type(tree)(items)
    if next(tensors(tree), None) is None:
        return tree
    fields = {name: map_tensors(function, item) for name, item in _fields(tree).items()}
    try:
        return dataclasses.replace(tree, **fields)
    except _UNCOPIED:
        return tree


def _refilled(tree: Mapping[Any, Any], items: dict[Any, Any]) -> Mapping[Any, Any]:
    """A mapping with other values of its keys."""
    # A copy of any other kind may share with it what it holds, and would write into it.
    if type(tree) is dict or not isinstance(tree, (dict, UserDict)):
        return items
    try:
        made = copy.copy(tree)
        for key, item in items.items():
            made[key] = item
        attributes = getattr(made, "__dict__", {})
        for key in items.keys() & attributes.keys():  # one whose keys are its attributes too
            if attributes[key] is tree[key]:
                attributes[key] = items[key]
    except _UNCOPIED:
        return items
    return made


def _fields(tree: object) -> dict[str, Any]:
    """What a dataclass is made of, by name; nothing for anything else."""
    if not dataclasses.is_dataclass(tree) or isinstance(tree, type):
        return {}
    return {f.name: getattr(tree, f.name) for f in dataclasses.fields(tree) if f.init}


def _named(tree: tuple[Any, ...]) -> bool:
    """Whether a tuple is a named one."""
    return getattr(type(tree), "_fields", None) is not None


def num_samples(batch: Batch) -> int:
    """N, the leading size of the first target, or of the first input if no target has one."""
    for part in (batch[1], batch[0]):
        for tensor in tensors(part):
            if tensor.dim():
                return tensor.shape[0]
    return 1


def select(tree: Any, size: int, chosen: Tensor) -> Any:
    """The chosen samples: of every tensor whose leading size is ``size``, those rows."""
    return map_tensors(lambda t: t[chosen] if t.dim() and t.shape[0] == size else t, tree)


@torch.inference_mode(False)
def _usual(made_in_inference_mode: Tensor) -> Tensor:
    """A copy that autograd takes."""
    return made_in_inference_mode.clone()


def cast(tree: Any, dtype: torch.dtype | None, *, asking: bool = False) -> Any:
    """Detached; floating-point tensors in ``dtype``, unless it is None.

    Args:
        tree: Tensors, however nested.
        dtype: See above.
        asking: Whether those that ask for a gradient still do: a model may differentiate by them.

    Returns:
        The same with other tensors.
    """
    if isinstance(tree, Tensor):
        return _converted(tree, dtype, asking)
    return map_tensors(lambda t: _converted(t, dtype, asking), tree)


def _converted(t: Tensor, dtype: torch.dtype | None, asking: bool) -> Tensor:
    """One tensor, detached, in ``dtype``."""
    asks = asking and t.requires_grad
    t = _usual(t) if t.is_inference() else t.detach()
    t = t.to(dtype) if dtype is not None and t.is_floating_point() else t
    return t.requires_grad_() if asks else t
