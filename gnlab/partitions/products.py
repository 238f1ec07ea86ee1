"""The products that torch carries out: matrix products, convolutions, attention, one by one.

Whatever they are asked for by, a layer or a function, their multiply-accumulates are counted from
the shapes of what goes in and comes out. Told of are also the functions that are bent.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gnlab.guards.switches import Switches

_backends: Any = torch.backends  # its switches have no types
_fused_off = Switches(
    (
        lambda: _backends.cudnn.enabled,
        lambda enabled: setattr(_backends.cudnn, "enabled", enabled),
        False,
    ),
    (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled, False),
    (_backends.mha.get_fastpath_enabled, _backends.mha.set_fastpath_enabled, False),
)

# Of a bias plus a product the first argument is the bias.
_AFTER_BIAS = {"addmm", "baddbmm", "addbmm", "addmv"}
# What has a second derivative; of a normalisation's results the first is meant.
_BENT = {
    "tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "elu", "hardswish",
    "log_sigmoid_forward",
    "exp", "expm1", "log", "log1p", "pow", "sqrt", "rsqrt", "reciprocal", "sin", "cos", "tan",
    "atan", "sinh", "cosh", "erf", "logsumexp", "_softmax", "_log_softmax", "_fused_rms_norm",
    "native_layer_norm", "native_group_norm", "native_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training", "cudnn_batch_norm", "_batch_norm_with_update",
    "_batch_norm_no_update",
}  # fmt: skip
_OF_VALUES = {"bmm", "baddbmm", "dot", "vdot"}  # stacks of them: a layer has one matrix for all
_MATRICES = {"mm", "bmm", "mv", "dot", "vdot", "linear", "_int_mm"}


# Torch declares no types for its base class; strict checking forbids to call what has none, and
# that is what deriving from it and its __init__ do.
class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that tells of every product, and of every function that is bent.

    Args:
        tell: Called with the multiply-accumulates of each product, the values that it returns, and
            those of its factors where neither need be a parameter; 0 for a layer's.
        bent: Called with the values that each bent function returns.
    """

    def __init__(self, tell: Callable[[int, int, int], None], bent: Callable[[int], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tell, self._bent = tell, bent
        self._drawn: set[int] = set()

    def dispatched(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Carry an operation out, and tell what it is if it is a product."""
        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        if name != "linear" and torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        ):
            # In inference mode torch asks for these whole: what they are made of is wanted.
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        result = func(*args, **kwargs)
        work = _work(name, args, result)
        if work:
            self._tell(work, numbers(result), _factors(name.rstrip("_"), args))
            self._bent(_scores(name, args))
        elif name.rstrip("_") in _BENT:
            self._bent(numbers(result[0] if isinstance(result, tuple) else result))
        elif name.rstrip("_") == "bernoulli":
            self._drawn.add(result.data_ptr())
        elif name.rstrip("_") == "mul" and self._is_of_values(args):
            # Every group of one factor meets every one of the other: twice a bent function's work.
            self._bent(2 * numbers(result))
        return result

    def _is_of_values(self, args: Sequence[Any]) -> bool:
        """Whether a product number by number is of two values, neither of them a dropout's mask."""
        one, two = args[:2]
        if not isinstance(one, Tensor) or not isinstance(two, Tensor):
            return False
        return one.shape == two.shape and self._drawn.isdisjoint((one.data_ptr(), two.data_ptr()))


# Torch wraps the method of a class that defines it, and what it wraps imports its compiler when it
# is first called: seconds, in the middle of a run. Set afterwards it is not wrapped; a type checker
# minds that a method is set, and that it asks for more than torch's, which takes Any.
Products.__torch_dispatch__ = Products.dispatched  # type: ignore[assignment]


def numbers(result: Any) -> int:
    """How many numbers there are in a result: a tensor, or several in whatever holds them."""
    if isinstance(result, Tensor):
        return result.numel()
    if isinstance(result, Mapping):
        result = result.values()
    elif not isinstance(result, (tuple, list)):
        return 0
    return sum(numbers(one) for one in result)


def taken_apart() -> AbstractContextManager[None]:
    """A context in which torch takes recurrent layers and attention apart into products."""
    return _fused_off()


def _work(name: str, args: Sequence[Any], result: Any) -> int:
    """The multiply-accumulates of an operation, 0 if it is no product."""
    name = name.rstrip("_")
    sizes = [tuple(map(int, one.shape)) if isinstance(one, Tensor) else () for one in args]
    if name in _MATRICES:
        return numbers(result) * sizes[0][-1]
    if name in _AFTER_BIAS:
        return numbers(result) * sizes[1][-1] * (sizes[1][0] if name == "addbmm" else 1)
    if "convolution" in name:
        transposed = len(args) > 6 and args[6] is True
        return numbers(args[0] if transposed else result) * prod(sizes[1][1:])
    if _is_attention(name):
        q, k, v = sizes[:3]
        return prod(q[:-1]) * k[-2] * (q[-1] + v[-1])
    if name == "_trilinear":  # nn.Bilinear: each weight once for every sample
        return numbers(result) * prod(sizes[1][1:])
    return 0


def _factors(name: str, args: Sequence[Any]) -> int:
    """The numbers in the first factor of a product of two values, in those of attention's two."""
    if name in _OF_VALUES:
        return numbers(args[1 if name in _AFTER_BIAS else 0])
    return numbers(args[0]) + _scores(name, args) if _is_attention(name) else 0


def _scores(name: str, args: Sequence[Any]) -> int:
    """The scores of attention, of which it takes a softmax; 0 for other products."""
    if not _is_attention(name):
        return 0
    return numbers(args[0]) // int(args[0].shape[-1]) * int(args[1].shape[-2])


def _is_attention(name: str) -> bool:
    return "dot_product" in name and "attention" in name
