"""The catalogue of named problems: network, data and settings of each.

References:
    Wolinski, arXiv:2312.03885v2, Sec. 5 (networks, data, settings of the five image problems).
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gnlab.problems import networks, surfaces
from gnlab.problems.digits import digit_sets
from gnlab.problems.images import ImageSet, image_sets
from gnlab.problems.points import Shape, point_sets
from gnlab.problems.problem import Data, Hyperparameters


@dataclass(frozen=True, slots=True)
class Options:
    """How a problem is asked for.

    Attributes:
        seed: The seed of the initialisation.
        device: Where the model shall be.
        dtype: The dtype of the model.
        root: The folder of the image data, or None for the usual one.
        progress: Whether a download shows a progress bar.
    """

    seed: int
    device: torch.device
    dtype: torch.dtype
    root: str | Path | None
    progress: bool


@dataclass(frozen=True, slots=True)
class Preset:
    """A named problem.

    Attributes:
        title: One line for a person.
        hyperparameters: Settings that are known to work.
        build: Makes the model and the data (train, validation, test).
        classes: The number of classes; None for a surface.
        loss_fn: (model output, targets) ↦ the loss.
        live: Whether a summary takes so little that the lab makes one at every step.
    """

    title: str
    hyperparameters: Hyperparameters
    build: Callable[[Options], tuple[nn.Module, tuple[Data, Data | None, Data | None]]]
    classes: int | None
    loss_fn: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    live: bool = True


def _digits(
    options: Options, *, hidden: int
) -> tuple[nn.Module, tuple[Data, Data | None, Data | None]]:
    """The embedded digits and a narrow perceptron."""
    return _perceptron(options, (64, *[32] * hidden, 10)), (*digit_sets(), None)


def _points(
    options: Options, *, shape: Shape, widths: tuple[int, ...]
) -> tuple[nn.Module, tuple[Data, Data | None, Data | None]]:
    """Points in the plane and a narrow perceptron."""
    return _perceptron(options, widths), (*point_sets(shape), None)


def _images(
    options: Options, *, images: ImageSet, network: Callable[..., nn.Module]
) -> tuple[nn.Module, tuple[Data, Data | None, Data | None]]:
    """Real images and one of the paper's networks."""
    # The data first: if they are not to be had, no time went into a large network.
    data = image_sets(images, options.root, options.progress)
    return network(seed=options.seed, device=options.device, dtype=options.dtype), data


def _perceptron(options: Options, widths: tuple[int, ...]) -> nn.Module:
    """A tanh perceptron of the given widths."""
    return networks.perceptron(
        widths, "tanh", seed=options.seed, device=options.device, dtype=options.dtype
    )


def _quadratic(options: Options) -> tuple[nn.Module, tuple[Data, Data | None, Data | None]]:
    """A long elliptic bowl, oblique to the axes."""
    model = surfaces.quadratic(
        (1.0, 30.0), seed=options.seed, device=options.device, dtype=options.dtype
    )
    return model, (surfaces.no_data(), None, None)


def _rosenbrock(options: Options) -> tuple[nn.Module, tuple[Data, Data | None, Data | None]]:
    """Rosenbrock's valley."""
    model = surfaces.rosenbrock(seed=options.seed, device=options.device, dtype=options.dtype)
    return model, (surfaces.no_data(), None, None)


# A surface has no noise to average out: the gradient itself, solved afresh at every step. On a
# quadratic λ₁ = 1 is the exact line search; in Rosenbrock's bent valley half of it goes faster.
_QUADRATIC = Hyperparameters(
    lr=1.0,
    damping=1.0,
    period=1,
    batch_size=1,
    summary_batch_size=1,
    momentum=0.0,
    step_momentum=0.0,
    direction="gradient",
)
_ROSENBROCK = replace(_QUADRATIC, lr=0.5, damping=0.1)
# One choice of λ₁ and λ_int serves all small networks, since the safeguard holds what is too long:
# without it most runs come apart at λ₁ = 0.5, and with λ₁ = 0.1 they take twice the steps or more.
_SMALL = Hyperparameters(lr=0.5, damping=1.0, period=1, batch_size=100, summary_batch_size=300)
_POINTS = replace(_SMALL, batch_size=400, summary_batch_size=400)  # so few are taken all at once
# Classes that a network can tell apart have no best network, only ever larger weights, until the
# loss is all rounding. Smoothed targets give it a minimum: at a loss of 0.117 where there are two
# classes (targets of 0.975 and 0.025), at 0.282 where there are ten (0.955 and 0.005).
_SMOOTHED = functools.partial(nn.functional.cross_entropy, label_smoothing=0.05)


def _published(lr: float) -> Hyperparameters:
    """The paper's settings, which differ between its problems in λ₁ alone."""
    return Hyperparameters(lr=lr, damping=1.0, period=10, batch_size=100, summary_batch_size=1000)


PRESETS: Mapping[str, Preset] = {
    "digits-mlp": Preset(
        "Handwritten digits, 8×8 (embedded); perceptron 64–32–32–32–10, tanh; labels smoothed",
        _SMALL,
        functools.partial(_digits, hidden=3),
        classes=10,
        loss_fn=_SMOOTHED,
    ),
    "digits-deep": Preset(
        "Handwritten digits, labels smoothed; perceptron 64–20×32–10, tanh: 21 layers' interplay",
        replace(_SMALL, summary_batch_size=100),
        functools.partial(_digits, hidden=20),
        classes=10,
        loss_fn=_SMOOTHED,
    ),
    "moons": Preset(
        "Two half moons in the plane; perceptron 2–16–16–2, tanh; labels smoothed",
        _POINTS,
        functools.partial(_points, shape="moons", widths=(2, 16, 16, 2)),
        classes=2,
        loss_fn=_SMOOTHED,
    ),
    "spirals": Preset(
        "Two spirals in the plane; perceptron 2–24–24–24–2, tanh; labels smoothed",
        _POINTS,
        functools.partial(_points, shape="spirals", widths=(2, 24, 24, 24, 2)),
        classes=2,
        loss_fn=_SMOOTHED,
    ),
    "circles": Preset(
        "A circle within a circle; perceptron 2–16–16–2, tanh; labels smoothed",
        _POINTS,
        functools.partial(_points, shape="circles", widths=(2, 16, 16, 2)),
        classes=2,
        loss_fn=_SMOOTHED,
    ),
    "mlp-mnist": Preset(
        "MNIST; perceptron 784–1024–200–100–10, tanh (the paper's MLP)",
        _published(0.1),
        functools.partial(_images, images="mnist", network=networks.mlp),
        classes=10,
    ),
    "lenet-cifar10": Preset(
        "CIFAR-10; LeNet-5, tanh (the paper's LeNet)",
        _published(0.3),
        functools.partial(_images, images="cifar10", network=networks.lenet),
        classes=10,
    ),
    "vgg11-cifar10": Preset(
        "CIFAR-10; VGG-11 with one fully connected layer, ELU (the paper's VGG-11′)",
        _published(0.3),
        functools.partial(_images, images="cifar10", network=networks.vgg11),
        classes=10,
        live=False,
    ),
    "bigmlp-cifar10": Preset(
        "CIFAR-10; perceptron 3072–20×1024–10, ELU (the paper's BigMLP)",
        _published(0.1),
        functools.partial(_images, images="cifar10", network=networks.big_mlp),
        classes=10,
        live=False,
    ),
    "vbigmlp-cifar10": Preset(
        "CIFAR-10; perceptron 3072–100×1024–10, ELU (the paper's VBigMLP)",
        # The paper groups this one's 202 tensors; λ₁ is taken over from BigMLP.
        replace(_published(0.1), partition="chunk:5"),
        functools.partial(_images, images="cifar10", network=networks.very_big_mlp),
        classes=10,
        live=False,
    ),
    "quadratic": Preset(
        "Surface: an oblique elliptic bowl, condition number 30, from Cauchy's worst start",
        _QUADRATIC,
        _quadratic,
        classes=None,
        loss_fn=surfaces.loss_is_output,
    ),
    "rosenbrock": Preset(
        "Surface: Rosenbrock's banana valley, minimum at (1, 1)",
        _ROSENBROCK,
        _rosenbrock,
        classes=None,
        loss_fn=surfaces.loss_is_output,
    ),
}
"""The presets by name, in the order in which they are offered."""
