"""The paper's networks and their initialisation.

W ~ N(0, σ²/fan-in) and b = 0, with σ = 1 for tanh and σ = √2 for ELU, so that a signal
survives many layers: under tanh it shrinks slowly, under ELU it grows slowly.

Legend: S tensors of parameters, the number of groups at level "tensor".

References:
    Wolinski, arXiv:2312.03885v2, Sec. 5 and App. G (the networks).
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import nn

from gnlab.errors import InputError
from gnlab.problems.streams import Stream, generator

Activation = Literal["tanh", "elu"]
GAIN = {"tanh": 1.0, "elu": math.sqrt(2.0)}
_VGG11_CHANNELS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool")


def perceptron(
    widths: Sequence[int],
    activation: Activation,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """A multi-layer perceptron; images are flattened first.

    Args:
        widths: The number of units of each layer, inputs first, outputs last.
        activation: Between the layers, "tanh" or "elu".
        seed: The seed of the initialisation.
        device: Where the parameters shall be.
        dtype: The parameters' dtype.

    Returns:
        The network, initialised; its layers are named layer1, layer2, ...
    """
    with torch.device("meta"):
        modules: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
        for i in range(1, len(widths)):
            if i > 1:
                modules.append((f"activation{i - 1}", _activation(activation)))
            modules.append((f"layer{i}", nn.Linear(widths[i - 1], widths[i])))
    return _initialised(modules, GAIN[activation], seed, device, dtype)


def mlp(
    *, seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """MLP: 784–1024–200–100–10, tanh (S = 8); seed, device and dtype as in ``perceptron``."""
    return perceptron((784, 1024, 200, 100, 10), "tanh", seed=seed, device=device, dtype=dtype)


def big_mlp(
    *, seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """BigMLP: 3072–20×1024–10, ELU (S = 42); seed, device and dtype as in ``perceptron``."""
    widths = (3072, *[1024] * 20, 10)
    return perceptron(widths, "elu", seed=seed, device=device, dtype=dtype)


def very_big_mlp(
    *, seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """VBigMLP: 3072–100×1024–10, ELU (202 tensors); arguments as in ``perceptron``."""
    widths = (3072, *[1024] * 100, 10)
    return perceptron(widths, "elu", seed=seed, device=device, dtype=dtype)


def lenet(
    *, seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """LeNet-5 for 3×32×32 images, tanh, max-pooling (S = 10).

    Args:
        seed: The seed of the initialisation.
        device: Where the parameters shall be.
        dtype: The parameters' dtype.

    Returns:
        The network, initialised.
    """
    with torch.device("meta"):
        modules: list[tuple[str, nn.Module]] = [
            ("conv1", nn.Conv2d(3, 6, 5)),
            ("activation1", nn.Tanh()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(6, 16, 5)),
            ("activation2", nn.Tanh()),
            ("pool2", nn.MaxPool2d(2)),
            ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(400, 120)),
            ("activation3", nn.Tanh()),
            ("fc2", nn.Linear(120, 84)),
            ("activation4", nn.Tanh()),
            ("fc3", nn.Linear(84, 10)),
        ]
    return _initialised(modules, GAIN["tanh"], seed, device, dtype)


def vgg11(
    *, seed: int, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """VGG-11′: VGG-11 without batch norm, one fully connected layer, ELU (S = 18).

    Args:
        seed: The seed of the initialisation.
        device: Where the parameters shall be.
        dtype: The parameters' dtype.

    Returns:
        The network for 3×32×32 images, initialised.
    """
    modules: list[tuple[str, nn.Module]] = []
    inputs, convs, pools = 3, 0, 0
    with torch.device("meta"):
        for entry in _VGG11_CHANNELS:
            if isinstance(entry, str):
                pools += 1
                modules.append((f"pool{pools}", nn.MaxPool2d(2)))
                continue
            convs += 1
            modules.append((f"conv{convs}", nn.Conv2d(inputs, entry, 3, padding=1)))
            modules.append((f"activation{convs}", nn.ELU()))
            inputs = entry
        modules += [("flatten", nn.Flatten()), ("fc", nn.Linear(inputs, 10))]
    return _initialised(modules, GAIN["elu"], seed, device, dtype)


def initialise(model: nn.Module, gain: float, seed: int) -> None:
    """Fill a network's parameters in place: W ~ N(0, gain²/fan-in), b = 0.

    The numbers are drawn in float32 on the CPU whatever the network's dtype and device, so that
    a run in another precision or on another device starts from the very same point.

    Args:
        model: A network of linear and convolutional layers.
        gain: σ, 1 for tanh and √2 for ELU.
        seed: The seed of the initialisation.

    Raises:
        InputError: If a parameter belongs to another kind of layer.
    """
    source = generator(seed, Stream.initialisation)
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                fan_in = module.weight[0].numel()
                drawn = torch.randn(
                    module.weight.shape, generator=source, dtype=torch.float32, device="cpu"
                )
                module.weight.copy_(drawn.mul_(gain / math.sqrt(fan_in)))
                if module.bias is not None:
                    module.bias.zero_()
            elif any(True for _ in module.parameters(recurse=False)):
                kind = type(module).__name__
                raise InputError(
                    f"initialise knows linear and convolutional layers; {name} is {kind}."
                )


def _activation(name: Activation) -> nn.Module:
    """A fresh activation."""
    return nn.Tanh() if name == "tanh" else nn.ELU()


def _initialised(
    modules: Iterable[tuple[str, nn.Module]],
    gain: float,
    seed: int,
    device: torch.device | str,
    dtype: torch.dtype,
) -> nn.Sequential:
    """A network of modules that were built without memory, and so without a random draw."""
    model = nn.Sequential(OrderedDict(modules)).to(dtype)
    if torch.device(device).type == "meta":
        return model
    model = model.to_empty(device=device)
    initialise(model, gain, seed)
    return model
