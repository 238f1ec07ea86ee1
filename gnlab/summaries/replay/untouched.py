"""Whether torch's own code is what torch made of it.

A module of torch's does what its settings say as long as its methods, and the functions that they
call by a name, are torch's. A person can put something else behind any of these names, and what a
person has put there before it was seen can do something else at every call.
"""

import builtins
import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from gnlab.summaries.replay.key import UnknownError

_PACKAGES = ("torch.nn.modules.", "torchvision.models.", "torchvision.ops.")
"""Whose modules do what their settings say."""

_KNOWN = frozenset(
    {
        "torch", "torchvision", "builtins", "collections", "dataclasses", "enum", "functools",
        "inspect", "itertools", "types", "typing", "typing_extensions",
    }
)  # fmt: skip
"""Whose functions are called, or call what is looked at too."""

_ELSEWHERE = frozenset({"__init__", "__setstate__", "manual_seed"})
"""What torch itself replaces when its compiler is loaded, and no call of a module asks for."""

_INSIDE = ("__wrapped__", "__func__", "func", "fget")
"""Under which names what is called by another function is found."""

_BOUND = functools.partial, functools.partialmethod
"""What brings arguments of its own, which may be called too."""

_torch: Any = torch._C  # its functions have no types


class Names:
    """Names of a class or of a file, and what they stood for when it was first seen.

    Args:
        owner: The class or the file, a module of Python's.
        only: Which of its names matter; None for all that a call can ask for.
        then: What all of them stood for; None: what they stand for now.

    Raises:
        UnknownError: If something behind them is neither torch's nor Python's.
    """

    def __init__(
        self,
        owner: Any,
        only: frozenset[str] | None = None,
        then: Mapping[str, Any] | None = None,
    ) -> None:
        self._now: Mapping[str, Any] = vars(owner)
        then = dict(self._now) if then is None else then
        names = [n for n in then if n not in _ELSEWHERE and (only is None or n in only)]
        for name in names:
            if not is_torchs(then[name]):
                raise UnknownError(f"{owner.__name__}.{name}")
        self._get, self._count = itemgetter(*names), len(self._now)
        self._then = self._get(then)
        # A name that is new is called by nobody, unless it hides one that was called before.
        inherited = dir(builtins) if isinstance(owner, ModuleType) else dir(owner)
        self._hidden = frozenset(inherited).difference(self._now)

    def check(self) -> None:
        """Raise if they stand for something else.

        Raises:
            UnknownError: If they do.
        """
        now = self._now
        try:
            same = self._get(now) == self._then  # in one go: it is done at every summary
        except KeyError:
            same = False
        if not same or (len(now) != self._count and not now.keys().isdisjoint(self._hidden)):
            raise UnknownError("something in the place of torch's own")


def is_torchs(thing: Any) -> bool:
    """Whether nothing but torch's own code, and Python's, is called by something of torch's.

    Args:
        thing: What a name stands for, such as a function, a class or a number.

    Returns:
        Whether it is so.
    """
    # A module of torch's does what its settings say, and these may change.
    return all(
        _home(part).partition(".")[0] in _KNOWN and not isinstance(part, nn.Module)
        for part in _parts(thing)
    )


def _parts(thing: Any) -> Iterator[Any]:
    """What is called: a function or a class, what it is bound to and what it is wrapped around."""
    if isinstance(thing, ModuleType):
        return
    if callable(thing):
        yield thing
    if isinstance(thing, type):
        return
    if isinstance(thing, MethodType):
        yield thing.__self__  # its class says what else the method calls
    within = [getattr(thing, name, None) for name in _INSIDE]
    if isinstance(thing, _BOUND):
        within += [*thing.args, *thing.keywords.values()]
    for inner in within:
        if callable(inner):
            yield from _parts(inner)


def _home(part: Any) -> str:
    """Where something that is called is written."""
    if isinstance(part, FunctionType):
        return str(part.__globals__.get("__name__"))
    kind = part if isinstance(part, type) else type(part)
    return str(kind.__module__)


def _asked(file: ModuleType) -> frozenset[str]:
    """The names that a file's code asks for, of the file itself or of anything else."""
    things = list(vars(file).values())
    things += [
        inner for thing in things if isinstance(thing, type) for inner in vars(thing).values()
    ]
    return frozenset(
        name
        for thing in things
        for part in _parts(thing)
        if isinstance(part, FunctionType) and part.__module__ == file.__name__
        for name in _asked_by(part.__code__)
    )


def _asked_by(code: CodeType) -> Iterator[str]:
    """The names that a function's code asks for, and that of the functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _asked_by(constant)


_ALL = {name: t for name, t in vars(torch).items() if callable(t) and not isinstance(t, type)}
"""Torch's functions, more than a thousand, most of which no module calls."""


def _functions(files: Iterable[ModuleType]) -> frozenset[str]:
    """The names of torch's functions that the code of some files asks for."""
    return frozenset().union(*map(_asked, files)).intersection(_ALL)


_CALLED = _functions(
    file
    for name, file in list(sys.modules.items())
    if name.startswith(("torch.nn.", "torch.functional", "torch._tensor"))
)
"""Those of them that torch's own modules may call."""


@functools.cache
def names_of(owner: Any) -> Names:
    """The names of a class or of a file; what they stand for is what they first stood for.

    Args:
        owner: The class or the file.

    Returns:
        The names.

    Raises:
        UnknownError: If something behind them is neither torch's nor Python's.
    """
    return Names(owner)


@functools.cache
def names_behind(kind: type[nn.Module]) -> tuple[Names, ...]:
    """All names by which the modules of a kind find what they call.

    Args:
        kind: The modules' class.

    Returns:
        The names of the class, of those that it is derived from, and of the files of all these.

    Raises:
        UnknownError: If the class is not torch's, or something in it is not.
    """
    if not f"{kind.__module__}.".startswith(_PACKAGES):
        raise UnknownError(f"a module of type {kind.__name__}")
    classes = kind.__mro__[:-1]  # the last is Python's
    files = dict.fromkeys(sys.modules[each.__module__] for each in classes)
    further = _functions(files) - _CALLED  # of torchvision's modules
    own = (Names(torch, further, _ALL),) if further else ()
    return *map(names_of, (*classes, *files)), *own


def _everywhere() -> tuple[Names, ...] | None:
    """The names by which all modules find torch's functions; None if some are not torch's."""
    try:
        others = functional, torch.functional, torch.Tensor, _torch._nn, nn._reduction
        return Names(torch, _CALLED, _ALL), *map(names_of, others)
    except UnknownError:
        return None


_EVERYWHERE = _everywhere()


def check_functions() -> None:
    """Raise if torch's functions are no more torch's, or were not when gnlab was imported.

    Raises:
        UnknownError: If one is not.
    """
    if _EVERYWHERE is None:
        raise UnknownError("something in the place of torch's own from the beginning")
    for names in _EVERYWHERE:
        names.check()
