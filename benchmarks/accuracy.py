"""The fast pass against the plain definition, on the networks of the paper and two more.

    python -m benchmarks.accuracy [--network NAME ...] [--batch 8]

Each summary is along a random direction, of a small batch of random samples, at each of a network's
partitions. In float64 the fast pass is held against the plain definition; in float32, where what is
exact is the plain definition in float64 of the same numbers, both are, and the one against the
other, which have the rounding of the network's values in common. Errors are those of ḡ, H̄ and
D^(3), each relative to its largest entry. What is claimed of them is ``broken``'s rule.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

import gnlab
from benchmarks.results import FOLDER, Results, write
from benchmarks.summaries.cases import NETWORKS

LEVELS = ("all", "role", "chunk:2", "layer", "tensor", "block:2")
FINER = {"lenet-cifar10": ("unit",), "mlp-mnist": ("block:32",), "vgg11-cifar10": ("block:8",)}
ORDERS = ("g", "H", "third")
DOUBLE, SINGLE, TIMES = 1e-10, 1e-5, 2.0
"""What the fast pass keeps to in float64 and in float32; and times the plain way's own error."""


def errors(found: gnlab.Summary, known: gnlab.Summary) -> dict[str, float]:
    """The largest error of each order, relative to its largest entry.

    Args:
        found: A summary.
        known: What is exact, or is taken for it.

    Returns:
        The errors by the name of the summary's attribute.
    """
    pairs = {n: (getattr(found, n).double(), getattr(known, n).double()) for n in ORDERS}
    return {name: float((f - k).abs().max() / k.abs().max()) for name, (f, k) in pairs.items()}


def broken(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What breaks the rule of how exact the fast pass is.

    In float64 it is within 1e-10 of the plain definition. In float32 it is within 1e-5 of the plain
    way, or, where the plain way itself loses digits to rounding, at most twice as far from the
    truth as that.

    Args:
        found: The errors at one partition, as ``at_level`` has them.

    Returns:
        What breaks it, a line for each order; nothing where it holds.
    """
    fast, plain = found["fast, float32"], found["plain, float32"]
    apart, double = found["fast against plain, float32"], found["fast, float64"]
    wrong = [f"{n}: {double[n]:.1e} in float64" for n in ORDERS if not double[n] <= DOUBLE]
    return wrong + [
        f"{n}: {fast[n]:.1e} in float32, plainly {plain[n]:.1e}, {apart[n]:.1e} apart"
        for n in ORDERS
        if not (apart[n] <= SINGLE or fast[n] <= TIMES * plain[n])
    ]


def random_direction(model: nn.Module, source: torch.Generator) -> dict[str, Tensor]:
    """A direction of independent normal numbers, in the parameters' dtype."""
    return {
        name: torch.randn(p.shape, generator=source, dtype=p.dtype)
        for name, p in model.named_parameters()
    }


def at_level(
    model: nn.Module, batch: tuple[Tensor, Tensor], level: str, u: Mapping[str, Tensor]
) -> dict[str, dict[str, float]]:
    """The errors at one partition.

    Args:
        model: The network, in float32.
        batch: Inputs and targets.
        level: The partition's name.
        u: The direction, in float32.

    Returns:
        Of the fast pass in float64 and in float32, of the plain definition in float32, and of the
        fast pass against that.
    """
    loss, p = nn.functional.cross_entropy, gnlab.partition(model, level)

    def summary(method: str, dtype: torch.dtype) -> gnlab.Summary:
        along = {name: v.to(dtype) for name, v in u.items()}
        return gnlab.summarise(model, loss, batch, p, along, method=method, dtype=dtype)

    known = summary("autodiff", torch.float64)
    fast, plain = (summary(method, torch.float32) for method in ("jets", "autodiff"))
    return {
        "fast, float64": errors(summary("jets", torch.float64), known),
        "fast, float32": errors(fast, known),
        "plain, float32": errors(plain, known),
        "fast against plain, float32": errors(fast, plain),
    }


def measure(name: str, batch: int, levels: Sequence[str] | None = None) -> dict[str, object]:
    """The errors of one network.

    Args:
        name: The network's name.
        batch: The number of samples.
        levels: The partitions; None: all that the table has of it.

    Returns:
        The batch, and for each partition its number of groups and the errors.
    """
    source = torch.Generator().manual_seed(0)
    model = NETWORKS[name].build("cpu")
    x = torch.randn((batch, *NETWORKS[name].inputs), generator=source)
    y = torch.randint(10, (batch,), generator=source)
    u = random_direction(model, source)
    found = {}
    for level in tqdm(levels or (*LEVELS, *FINER.get(name, ())), desc=name, leave=False):
        groups = gnlab.partition(model, level).num_groups
        found[level] = {"groups": groups, "errors": at_level(model, (x, y), level, u)}
    return {"batch": batch, "levels": found}


def main() -> None:
    """Measure the networks that are not in the results yet."""
    usual = [name for name in NETWORKS if not name.endswith("-units")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", nargs="+", choices=usual, default=usual)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--out", type=Path, default=FOLDER / "accuracy.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    for name in arguments.network:
        if name not in results:
            found = measure(name, arguments.batch)
            results.add(name, found)
            write(f"{name}: {found}")


if __name__ == "__main__":
    main()
