"""How the time of a summary grows with the number of groups, the depth and the batch.

    python -m benchmarks.summaries.growth [--curve groups depth batch] [--device cpu]

Perceptrons with tanh; all else as in ``benchmarks.summaries``.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from benchmarks.results import FOLDER, Results, write
from benchmarks.summaries.cases import KINDS, Case, Network, at_level
from benchmarks.summaries.floor import floor_of
from benchmarks.summaries.rounds import Effort, measure, medians
from gnlab import Partition
from gnlab.problems import networks


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: where it stands, and what is measured there."""

    at: int
    network: Network
    batch: int = 100


def perceptron(*widths: int) -> Network:
    """A perceptron at one group per tensor."""
    return at_level(
        lambda device: networks.perceptron(widths, "tanh", seed=0, device=device), (widths[0],)
    )


def by_units(model: nn.Module, count: int) -> Partition:
    """Runs of consecutive units, of equal length but for one unit, through all layers.

    Args:
        model: A perceptron, whose parameters have a row for each unit.
        count: S, at most the number of all units.

    Returns:
        The partition: a unit's weights and its bias are in the same group.
    """
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    heights = {name.rpartition(".")[0]: shape[0] for name, shape in shapes.items()}
    units, before = sum(heights.values()), 0
    owners = {}
    for layer, height in heights.items():
        owners[layer] = (torch.arange(before, before + height) * count) // units
        before += height
    groups = {
        name: owners[name.rpartition(".")[0]].reshape(-1, *[1] * (len(shape) - 1))
        for name, shape in shapes.items()
    }
    names = tuple(f"units {s + 1}" for s in range(count))
    return Partition("units", names, shapes, groups, ("mixed",) * count)


def of_groups(count: int) -> Point:
    """A perceptron whose units are split into a number of groups."""
    whole = perceptron(784, 512, 512, 10)
    return Point(
        count,
        Network(whole.build, whole.inputs, lambda model: by_units(model, count), f"units:{count}"),
    )


CURVES: Mapping[str, tuple[Point, ...]] = {
    "groups": tuple(of_groups(2**k) for k in range(1, 10)),
    "depth": tuple(Point(layers, perceptron(*[256] * layers, 10)) for layers in (2, 4, 8, 16, 32)),
    "batch": tuple(
        Point(batch, perceptron(784, 1024, 200, 100, 10), batch)
        for batch in (10, 30, 100, 300, 1000)
    ),
}


def measured(point: Point, device: str, effort: Effort, label: str) -> dict[str, object]:
    """Measure one point.

    Args:
        point: The point.
        device: Where to compute.
        effort: For how long.
        label: The name to show.

    Returns:
        Sizes, times, ratios and the floor.
    """
    case = Case(point.network, point.batch, device)
    times = medians(measure(case.seconds, KINDS, effort, label))
    floor = floor_of(point.network)
    write(
        f"{label}: the fast pass takes {times['fast_per_gradient']:.1f} gradients, floor "
        f"{floor:.1f}, plain way {times['plain_per_gradient']:.1f}"
    )
    return {
        **times,
        "at": point.at,
        "batch": point.batch,
        "groups": case.partition.num_groups,
        "parameters": case.partition.num_parameters,
        "floor": floor,
    }


def main() -> None:
    """Measure the points that are not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curve", nargs="+", choices=CURVES, default=list(CURVES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--plain-rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each point")
    parser.add_argument("--out", type=Path, default=FOLDER / "growth.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    effort = Effort(arguments.rounds, arguments.plain_rounds, arguments.budget)
    points = [(curve, point) for curve in arguments.curve for point in CURVES[curve]]
    for curve, point in tqdm(points, desc="points"):
        case = f"{curve}/{point.at}/{arguments.device}"
        if case not in results:
            results.add(case, measured(point, arguments.device, effort, f"{curve} {point.at}"))


if __name__ == "__main__":
    main()
