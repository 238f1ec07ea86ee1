"""What a model and its loss do, told from what they are made of, without calling them.

A person's own module can do something else at every call. Torch's own do what their settings say;
so a model that is made of nothing else need not be called to know its operations.

Legend: S groups.
"""

import functools
import inspect
import sys
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules

from gnlab.guards.convolutions import chosen
from gnlab.summaries.autodiff import Groups
from gnlab.summaries.evaluation.evaluation import Evaluation
from gnlab.summaries.replay.key import PLAIN, Collected, UnknownError
from gnlab.summaries.replay.untouched import (
    Names,
    check_functions,
    is_torchs,
    names_behind,
    names_of,
)

_HOOKS = frozenset(
    {f"_{way}_{hooks}" for way in ("forward", "backward") for hooks in ("hooks", "pre_hooks")}
)
_get_hooks = itemgetter(*sorted(_HOOKS))
_NO_SETTINGS = frozenset(vars(nn.Module())) - {"training"}
_torch: Any = torch._C  # its functions have no types
_GLOBAL_HOOKS: tuple[dict[int, Any], ...] = tuple(
    getattr(modules, name)
    for name in sorted(vars(modules))
    if name.startswith("_global_") and name.endswith("_hooks")
)
"""The hooks of all modules, of each kind."""


class Structure(Collected):
    """The key of a summary of one batch, and its inputs.

    Args:
        evaluation: The batch's loss.
        groups: The groups by rank.
        u: The direction by parameter name.
        factor: What the adjoints are multiplied by, a scalar.
        wanted: What else the summary depends on: whether parts are wanted, and so on.

    Raises:
        UnknownError: If the model or the loss is not made of torch's own modules and functions
            alone, or if somebody watches them.
    """

    kinds = frozenset({Tensor, nn.Parameter})

    def __init__(
        self,
        evaluation: Evaluation,
        groups: Groups,
        u: Mapping[str, Tensor],
        factor: Tensor,
        wanted: tuple[bool, ...],
    ) -> None:
        super().__init__(factor.device)
        self._modules: dict[int, int] = {}
        self._kinds: set[type] = set()
        self._checked: set[Names] = set()
        check_functions()
        _check_unwatched(factor.device)
        self._key += ("whole", str(factor.device), *chosen(factor.device), *wanted)
        self._key += (evaluation.dtype, torch.get_default_dtype(), groups.size, len(u))
        for name, value in u.items():
            owner = groups.owners[name]
            self._key += (
                name,
                groups.ranks[name],
                groups.colourings.get(name),
                name in groups.pieces,
            )
            self._tensor(value)
            self._key.append(owner.dim())
            if owner.dim() > 0:  # else it is the one rank, and kept
                self._tensor(owner)
        self._tensor(factor)
        self._any(evaluation.inputs)
        self._any(evaluation.targets)
        self._module(evaluation.model)
        self._loss(evaluation)

    def _any(self, given: Any) -> None:
        """An argument or a setting; it may be one of torch's functions."""
        kind: Any = type(given)
        if isinstance(given, nn.Module):
            self._module(given)
        elif kind in PLAIN:
            self._key += (kind, given)
        elif callable(given) and inspect.isroutine(given):  # the latter takes long
            self._function(given)
        else:
            super()._any(given)

    def _function(self, function: Any) -> None:
        """A function of torch, which is found where it says it is."""
        name, home = getattr(function, "__name__", ""), str(getattr(function, "__module__", ""))
        there = getattr(sys.modules.get(home), name, None)
        if not home.startswith("torch.") or there is not function or not is_torchs(function):
            raise UnknownError(f"the function {getattr(function, '__qualname__', function)}")
        self._untouched(names_of(sys.modules[home]))
        self._key += ("function", function)

    def _loss(self, evaluation: Evaluation) -> None:
        """The loss: a function of torch, a ``functools.partial`` of one, or a module."""
        given = evaluation.given_loss
        loss_fn: Any = given if isinstance(given, nn.Module) else evaluation.loss_fn
        if type(loss_fn) is functools.partial:  # another class may do more than call
            self._key.append("partial")
            self._function(loss_fn.func)
            self._any(loss_fn.args)
            self._any(loss_fn.keywords)
        else:
            self._any(loss_fn)

    def _untouched(self, *several: Names) -> None:
        """What torch's code calls by some names, once for each."""
        for names in several:
            if names not in self._checked:
                self._checked.add(names)
                names.check()

    def _module(self, module: nn.Module) -> None:
        """A module: its kind, its settings, its tensors and the modules in it."""
        known = self._modules.get(id(module))
        if known is not None:
            self._key += ("again", known)
            return
        self._modules[id(module)] = len(self._modules)
        kind: Any = type(module)
        own = vars(module)
        if kind not in self._kinds:
            self._kinds.add(kind)
            self._untouched(*names_behind(kind))
        # Hooks with numbers below zero are the summaries' own, which only look.
        hooks = _get_hooks(own)
        if any(hooks) and any(number >= 0 for each in hooks for number in each):
            raise UnknownError("a module with hooks")
        self._key += ("module", kind, len(own))
        for name, setting in own.items():
            if name in _NO_SETTINGS:
                continue
            sort: Any = type(setting)
            if sort in PLAIN:
                self._key += (name, sort, setting)
            else:
                self._key.append(name)
                self._any(setting)
        for held in (module._parameters, module._buffers):
            self._key.append(len(held))
            for name, tensor in held.items():
                self._key.append(name)
                if tensor is not None:
                    self._tensor(tensor)
        self._key.append(len(module._modules))
        for name, inner in module._modules.items():
            self._key.append(name)
            if inner is not None:
                self._module(inner)


def _check_unwatched(device: torch.device) -> None:
    """Raise if what is called now may be more than what is called."""
    if (
        any(_GLOBAL_HOOKS)
        or _torch._functorch.peek_interpreter_stack() is not None
        or _torch._len_torch_function_stack()
        or _torch._len_torch_dispatch_stack()
        or torch.is_autocast_enabled(device.type)
        or torch.is_anomaly_enabled()
    ):
        raise UnknownError("somebody who watches")
