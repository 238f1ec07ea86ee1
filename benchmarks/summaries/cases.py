"""What is measured: a network, a partition and one random batch.

Inputs are random numbers of the right shape: no data is needed. The direction is the gradient,
computed beforehand, so that a summary is timed without it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torchvision.models import resnet18

import gnlab
from benchmarks.summaries.encoder import Encoder
from gnlab import Partition
from gnlab.guards.precision import full_precision
from gnlab.problems import networks

KINDS = ("gradient", "fast", "plain")


@dataclass(frozen=True, slots=True)
class Network:
    """A network that can be built on any device, with the partition it is measured at.

    Attributes:
        build: build(device) -> the network.
        inputs: The shape of one sample.
        split: split(model) -> the partition.
        level: The partition's name.
    """

    build: Callable[[str], nn.Module]
    inputs: tuple[int, ...]
    split: Callable[[nn.Module], Partition]
    level: str


def at_level(
    build: Callable[[str], nn.Module], inputs: tuple[int, ...], level: str = "tensor"
) -> Network:
    """A network at a partition with a name."""
    return Network(build, inputs, lambda model: gnlab.partition(model, level), level)


def _seeded(build: Callable[[], nn.Module]) -> Callable[[str], nn.Module]:
    """Builds a network, initialised as it initialises itself, on the CPU whatever the device."""

    def on(device: str) -> nn.Module:
        with torch.random.fork_rng(devices=[]), torch.device("meta" if device == "meta" else "cpu"):
            torch.manual_seed(0)
            return build().to(device)

    return on


_CIFAR = (3, 32, 32)
NETWORKS = {
    "mlp-mnist": at_level(lambda d: networks.mlp(seed=0, device=d), (1, 28, 28)),
    "lenet-cifar10": at_level(lambda d: networks.lenet(seed=0, device=d), _CIFAR),
    "lenet-cifar10-units": at_level(lambda d: networks.lenet(seed=0, device=d), _CIFAR, "unit"),
    "vgg11-cifar10": at_level(lambda d: networks.vgg11(seed=0, device=d), _CIFAR),
    "bigmlp-cifar10": at_level(lambda d: networks.big_mlp(seed=0, device=d), _CIFAR),
    "vbigmlp-cifar10": at_level(
        lambda d: networks.very_big_mlp(seed=0, device=d), _CIFAR, "chunk:5"
    ),
    "resnet18": at_level(_seeded(lambda: resnet18(num_classes=10)), _CIFAR, "layer"),
    "encoder": at_level(_seeded(Encoder), _CIFAR, "layer"),
}


class Case:
    """A network with its batch and direction, ready to be measured.

    Args:
        network: The network.
        batch: The number of samples.
        device: Where to compute.
    """

    def __init__(self, network: Network, batch: int, device: str) -> None:
        source = torch.Generator().manual_seed(0)
        self.device = torch.device(device)
        self.model = network.build(device)
        self.partition = network.split(self.model)
        self.inputs = torch.randn((batch, *network.inputs), generator=source).to(device)
        self.targets = torch.randint(10, (batch,), generator=source).to(device)
        self.loss = nn.functional.cross_entropy
        self.direction = self.gradient()

    def gradient(self) -> dict[str, torch.Tensor]:
        """One gradient of the loss, forwards and backwards, by parameter name.

        In full float32 on a GPU too, as the summaries are.
        """
        named = dict(self.model.named_parameters())
        with full_precision(self.device):
            loss = self.loss(self.model(self.inputs), self.targets)
            found = torch.autograd.grad(loss, list(named.values()))
        return dict(zip(named, found, strict=True))

    def summary(self, method: str) -> gnlab.Summary:
        """One summary along the direction, by "jets" or by "autodiff"."""
        batch = (self.inputs, self.targets)
        return gnlab.summarise(
            self.model, self.loss, batch, self.partition, self.direction, method=method
        )

    def seconds(self, kind: str) -> float:
        """The time that one gradient, fast or plain summary takes, the device waited for."""
        self._wait()
        start = time.perf_counter()
        if kind == "gradient":
            self.gradient()
        else:
            self.summary({"fast": "jets", "plain": "autodiff"}[kind])
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
