"""Fused kernels replaced by their formulas while the loss is evaluated.

Automatic differentiation is only as right as each operation's derivative of a derivative. Some
kernels of torch have a wrong third derivative (layer_norm) or second one (weight_norm), none in
train mode (batch_norm, instance_norm) or none on a CPU (scaled_dot_product_attention,
embedding_bag, hardsigmoid), no third one (logcumsumexp), none at zero (norms), a sixth in single
precision on a GPU (hardswish), or one for a value that another has overwritten (scatter). Written
out in elementary operations they are right at every order, so the summaries evaluate the loss under
``decomposed()``.

Legend: N samples, C channels, G groups of channels, T positions, E features.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.nn import functional
from torch.overrides import (
    TorchFunctionMode,
    handle_torch_function,
    has_torch_function_unary,
)

from gnlab.summaries.formulas import activations, assignments, aten, embeddings, entropy, norms
from gnlab.summaries.formulas.kernels import uncompiled, unfused_attention
from gnlab.summaries.formulas.recurrent import RECURRENT
from gnlab.summaries.formulas.routes import operator, routes


class Decomposed(TorchFunctionMode):
    """While active, fused operations are computed by their formulas."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the formula of ``func`` if it has one, else ``func`` itself."""
        named, known = kwargs or {}, operator(func)
        formula = FORMULAS.get(known) or ROUTES.get(known) or RECURRENT.get(known)
        if formula is not None:
            return formula(*args, **named)
        if isinstance(func, OpOverload):
            result = aten.call(func, args, named, self)
            if result is not NotImplemented:
                return result
        return func(*args, **named)


@contextlib.contextmanager
def decomposed() -> Iterator[None]:
    """A context in which every operation is differentiable to any order."""
    with unfused_attention(), uncompiled(), Decomposed():
        yield


def _affine(normal: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Scale and shift; weight and bias broadcast."""
    scaled = normal if weight is None else normal * weight
    return scaled if bias is None else scaled + bias


def standardised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Centre x and divide it by its standard deviation, both over ``dims``.

    Args:
        x: Any values.
        dims: The dimensions that belong together.
        eps: What is added to the variance.

    Returns:
        The values, [*x.shape].
    """
    if has_torch_function_unary(x):  # somebody watches, who may know this as one operation
        result: Tensor = handle_torch_function(standardised, (x,), x, dims, eps)
        return result
    centred = x - x.mean(dims, keepdim=True)
    variance = centred.square().mean(dims, keepdim=True)
    return centred * torch.rsqrt(variance + eps)


def _affine_channels(normal: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Scale and shift each channel of x [N, C, ...]; weight and bias are [C]."""
    weight, bias = (None if t is None else _channels(t, normal) for t in (weight, bias))
    return _affine(normal, weight, bias)


def _channels(values: Tensor, x: Tensor) -> Tensor:
    """[C] as a tensor that broadcasts over x [N, C, ...]."""
    return values.reshape(-1, *[1] * (x.dim() - 2))


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Layer normalisation over the last dimensions; arguments as torch's."""
    dims = tuple(range(x.dim() - len(normalized_shape), x.dim()))
    return _affine(standardised(x, dims, eps), weight, bias)


def rms_norm(
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Root-mean-square normalisation over the last dimensions; arguments as torch's."""
    dims = tuple(range(x.dim() - len(normalized_shape), x.dim()))
    floor = torch.finfo(x.dtype).eps if eps is None else eps
    return _affine(x * (x.square().mean(dims, keepdim=True) + floor).rsqrt(), weight, None)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Normalisation of G groups of channels of x [N, C, ...]; arguments as torch's."""
    grouped = x.reshape(x.shape[0], num_groups, -1)
    normal = standardised(grouped, (2,), eps).reshape(x.shape)
    return _affine_channels(normal, weight, bias)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Batch normalisation of x [N, C, ...]; arguments as torch's.

    In train mode it uses the batch's own mean and variance and leaves the running ones alone: they
    do not enter the loss.
    """
    if training or running_mean is None or running_var is None:
        normal = standardised(x, (0, *range(2, x.dim())), eps)
    else:
        scale = _channels(torch.rsqrt(running_var + eps), x)
        normal = (x - _channels(running_mean, x)) * scale
    return _affine_channels(normal, weight, bias)


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    """Normalisation of each sample's channels, x [N, C, ...]; arguments as torch's."""
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    normal = standardised(x, tuple(range(2, x.dim())), eps)
    return _affine_channels(normal, weight, bias)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Softmax attention of query [..., T, E] over key and value [..., T', E]; as torch's."""
    if enable_gqa:
        copies = query.shape[-3] // key.shape[-3]
        key, value = (t.repeat_interleave(copies, -3) for t in (key, value))
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    if attn_mask is not None:
        # Who may attend to nobody gets zeros, as from torch's kernel; the constant keeps the
        # softmax of such a row, and its derivatives, finite.
        nobody = (scores.detach() == -math.inf).all(-1, keepdim=True)
        weights = scores.masked_fill(nobody, 0).softmax(-1).masked_fill(nobody, 0)
    else:
        weights = scores.softmax(-1)
    return torch.matmul(functional.dropout(weights, dropout_p), value)


def weight_norm(direction: Tensor, length: Tensor, dim: int = 0) -> Tensor:
    """A weight from its direction and its length along ``dim`` (-1: one length for all)."""
    dims = [i for i in range(direction.dim()) if i != dim]
    norm: Tensor = torch.linalg.vector_norm(direction, dim=dims, keepdim=True)
    return direction * (length / norm)


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Log Σ eˣ over what comes before, along a dimension; torch's has no third derivative."""
    rows = input.movedim(dim, -1).unsqueeze(-2) if input.dim() else input.reshape(1, 1)
    later = torch.ones(2 * rows.shape[-1:], dtype=torch.bool, device=input.device).triu(1)
    result = rows.masked_fill(later, -math.inf).logsumexp(-1)
    return result.movedim(-1, dim) if input.dim() else result.reshape(())


FORMULAS: dict[Callable[..., Any], Callable[..., Any]] = {
    functional.layer_norm: layer_norm,
    functional.rms_norm: rms_norm,
    functional.group_norm: group_norm,
    functional.batch_norm: batch_norm,
    functional.instance_norm: instance_norm,
    functional.scaled_dot_product_attention: attention,
    torch._weight_norm: weight_norm,
    torch.logcumsumexp: logcumsumexp,
    Tensor.logcumsumexp: logcumsumexp,
    **activations.FORMULAS,
    **assignments.FORMULAS,
    **embeddings.FORMULAS,
    **entropy.FORMULAS,
    **norms.FORMULAS,
}
"""By torch's function."""

ROUTES: dict[Callable[..., Any], Callable[..., Any]] = routes(FORMULAS)
"""By what else comes to the same kernels, of which some take their arguments in another order."""
