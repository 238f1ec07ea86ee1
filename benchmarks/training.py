"""Training curves: the mean training loss of each epoch, for a few optimizers on real images.

    python -m benchmarks.training [--curve NAME ...] [--epochs N] [--seed K]

Data come from GNLAB_DATA, or are downloaded. The mean is that of the minibatch losses, each before
its step. A curve is stored when it is finished; one that is in the file is not drawn again.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

import gnlab
from benchmarks.results import FOLDER, Results, write


@dataclass(frozen=True, slots=True)
class Curve:
    """One training run: which, for how long, and with which settings."""

    preset: str
    epochs: int
    settings: dict[str, object] = field(default_factory=dict)


PAPER = {
    "optimizer": "grouped-newton", "lr": 0.3, "period": 10, "summary_batch_size": 1000,
    "safeguard": False,
}  # fmt: skip
MOMENTUM = {**PAPER, "direction": "momentum", "damping": 1.0}
ORTHOGONAL = {**PAPER, "direction": "orthogonal"}
GUARDED = {"safeguard": True}
ADAM = {"optimizer": "adam", "lr": 1e-3}
CURVES = {
    "mlp-mnist/grouped-newton": Curve("mlp-mnist", 4, MOMENTUM),
    "mlp-mnist/grouped-newton-orthogonal": Curve("mlp-mnist", 4, {**ORTHOGONAL, "damping": 1.0}),
    "mlp-mnist/grouped-newton-safeguard": Curve("mlp-mnist", 4, {**MOMENTUM, **GUARDED}),
    "mlp-mnist/grouped-newton-orthogonal-safeguard": Curve(
        "mlp-mnist", 4, {**ORTHOGONAL, "damping": 1.0, **GUARDED}
    ),
    "mlp-mnist/adam": Curve("mlp-mnist", 4, ADAM),
    "lenet-cifar10/grouped-newton": Curve("lenet-cifar10", 3, MOMENTUM),
    "lenet-cifar10/grouped-newton-orthogonal": Curve(
        "lenet-cifar10", 3, {**ORTHOGONAL, "damping": 3.0}
    ),
    "lenet-cifar10/grouped-newton-safeguard": Curve("lenet-cifar10", 3, {**MOMENTUM, **GUARDED}),
    "lenet-cifar10/grouped-newton-orthogonal-safeguard": Curve(
        "lenet-cifar10", 3, {**ORTHOGONAL, "damping": 3.0, **GUARDED}
    ),
    "lenet-cifar10/adam": Curve("lenet-cifar10", 3, ADAM),
}


def draw(name: str, curve: Curve, seed: int) -> dict[str, object]:
    """Train one curve to its end.

    Args:
        name: The curve's name, shown with the progress.
        curve: What to train.
        seed: The seed of the initialisation and of the data's order.

    Returns:
        The mean training loss of each epoch, the seconds of each, and the settings.
    """
    run = gnlab.Run(curve.preset, seed=seed, **curve.settings)
    steps = len(run.problem.train) // run.settings.batch_size
    means: list[float] = []
    seconds: list[float] = []
    for epoch in range(curve.epochs):
        start = time.perf_counter()
        losses = []
        for _ in tqdm(range(steps), desc=f"{name} {epoch + 1}/{curve.epochs}", leave=False):
            losses.append(run.step().loss)
        seconds.append(time.perf_counter() - start)
        means.append(statistics.fmean(losses))
        write(f"{name}: epoch {epoch + 1}: loss {means[-1]:.4f} in {seconds[-1]:.0f} s")
        if not math.isfinite(means[-1]):
            break
    return {
        "epoch_loss": means,
        "epoch_seconds": seconds,
        "seed": seed,
        "preset": curve.preset,
        "settings": curve.settings,
    }


def main() -> None:
    """Draw the curves that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curve", nargs="+", choices=CURVES, default=list(CURVES))
    parser.add_argument("--epochs", type=int, help="fewer or more epochs than usual")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER / "training.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    for name in arguments.curve:
        curve = CURVES[name]
        epochs = arguments.epochs or curve.epochs
        case = f"{name}/seed{arguments.seed}" + ("" if epochs == curve.epochs else f"/{epochs}")
        if case not in results:
            chosen = Curve(curve.preset, epochs, curve.settings)
            results.add(case, draw(case, chosen, arguments.seed))


if __name__ == "__main__":
    main()
