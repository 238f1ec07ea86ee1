"""Tensors that torch takes to be on another device, with numbers that the CPU computes.

A GPU refuses to compute with tensors of the CPU, a CPU does not tell them apart: what is made on
the wrong device shows only on a machine that has two. Torch's "meta" device is one everywhere; here
its tensors hold numbers, and every operation that meets them and others is refused.
"""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")
CPU = torch.device("cpu")
_BETWEEN = frozenset({"aten::copy_", "aten::_to_copy", "aten::index", "aten::index_put_"})
"""What takes numbers from one device to the other by itself, and is waited for."""
sent: list[str] = []
"""The operations that did, since ``elsewhere`` was entered."""
_numbers = torch.tensor


class MixedError(AssertionError):
    """Tensors of two devices meet in one operation."""


class Elsewhere(Tensor):
    """A tensor on ``DEVICE``; ``held`` has its numbers."""

    held: Tensor
    is_meta = False

    # Nothing between this and the dispatch, as for tensors of a device.
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        return self.held.tolist()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.held.untyped_storage()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


class _Device(TorchDispatchMode):
    """Has tensors made without others on the device that they were asked for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _done(func, args, kwargs or {})


def _done(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An operation's result, on the device of its tensors or the one that is asked for."""
    name = func._schema.name
    given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    away = any(isinstance(t, Elsewhere) for t in given)
    # A scalar of the CPU is a number to every device.
    strays = [t for t in given if t.dim() and not isinstance(t, Elsewhere)]
    if away and strays and name not in _BETWEEN:
        raise MixedError(f"{name} of {DEVICE} and of the CPU: {[list(t.shape) for t in strays]}")
    mixed = away and bool(strays)
    if kwargs.get("device") is not None:
        asked, source = torch.device(kwargs["device"]), kwargs.get("generator")
        if source is not None and asked != source.device:
            raise MixedError(f"{name} on {asked} by a generator of {source.device}")
        mixed |= bool(given) and away != (asked == DEVICE)
        away, kwargs = asked == DEVICE, kwargs | {"device": CPU}
    if mixed:
        sent.append(name)
    made = func(*tree_map_only(Elsewhere, _held, args), **tree_map_only(Elsewhere, _held, kwargs))
    own = {id(_held(t)): t for t in given}  # what an operation in place gives back
    return tree_map_only(
        Tensor, lambda t: own.get(id(t)) if id(t) in own else Elsewhere(t) if away else t, made
    )


def _held(tensor: Tensor) -> Tensor:
    return tensor.held if isinstance(tensor, Elsewhere) else tensor


def _tensor(data: Any, *, device: Any = None, **options: Any) -> Tensor:
    """``torch.tensor``, which makes nothing but a shape for the "meta" device."""
    asked = torch.device(torch.get_default_device() if device is None else device)
    made = _numbers(data, device=CPU, **options)
    return Elsewhere(made) if asked == DEVICE else made


class _NoRandomness:
    """Random numbers of ``DEVICE``: it has none of its own."""

    @staticmethod
    def get_rng_state(device: torch.device) -> Tensor:
        return torch.zeros(1, dtype=torch.uint8)

    @staticmethod
    def set_rng_state(state: Tensor, device: torch.device) -> None:
        pass


@contextlib.contextmanager
def elsewhere() -> Iterator[None]:
    """A context in which ``DEVICE`` computes."""
    sent.clear()
    with (
        mock.patch.object(torch, "tensor", _tensor),
        mock.patch.object(torch, "get_device_module", return_value=_NoRandomness),
        _Device(),
    ):
        yield


def moved(model: nn.Module) -> nn.Module:
    """A model whose parameters and buffers are taken to ``DEVICE``; shared ones stay shared."""
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                there = nn.Parameter(Elsewhere(p.detach()), requires_grad=p.requires_grad)
                module._parameters[name] = made.setdefault(id(p), there)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else Elsewhere(buffer)
    return model
