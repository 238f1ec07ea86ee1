"""Time, work and peak memory of one gradient, one fast summary and one by the plain way.

    python -m benchmarks.summaries [--network NAME ...] [--batch 100 1000] [--device cpu]

All along a given direction, in turn in one process; each case is stored when it is finished, and
one that is stored is not measured again. A single case on a GPU:

    python -m benchmarks.summaries --network resnet18 --batch 1000 --device cuda
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from benchmarks.results import FOLDER, Results, write
from benchmarks.summaries.cases import KINDS, NETWORKS, Case
from benchmarks.summaries.floor import floor_of
from benchmarks.summaries.memory import peak
from benchmarks.summaries.rounds import Effort, measure, medians


def measured(name: str, batch: int, device: str, limit: float, effort: Effort) -> dict[str, object]:
    """Measure one case.

    Args:
        name: The network's name.
        batch: The number of samples.
        device: Where to compute.
        limit: Seconds that one process which measures memory may take.
        effort: For how long to take times.

    Returns:
        Sizes, times, ratios, the floor, the peak memory of each kind, and why a kind is missing.
    """
    memory = {kind: peak(name, batch, device, kind, limit) for kind in KINDS}
    refused = {kind: found for kind, found in memory.items() if isinstance(found, str)}
    sizes: dict[str, object] = {"network": name, "batch": batch, "device": device}
    if "gradient" in refused:
        write(f"{name} at batch {batch}: not even a gradient is affordable")
        return {**sizes, "refused": refused}
    case = Case(NETWORKS[name], batch, device)
    kinds = [kind for kind in KINDS if kind not in refused]
    times = medians(measure(case.seconds, kinds, effort, f"{name}, batch {batch}"))
    floor = floor_of(NETWORKS[name])
    shown = {
        kind: f"too much {refused[kind]}"
        if kind in refused
        else f"{times[f'{kind}_per_gradient']:.1f} gradients"
        for kind in ("fast", "plain")
    }
    write(
        f"{name} at batch {batch}: S = {case.partition.num_groups}, fast {shown['fast']}, "
        f"floor {floor:.2f}, plain {shown['plain']}"
    )
    return {
        **sizes,
        **times,
        "groups": case.partition.num_groups,
        "parameters": case.partition.num_parameters,
        "level": NETWORKS[name].level,
        "floor": floor,
        "memory": {kind: memory[kind] for kind in kinds},
        "refused": refused,
    }


def main() -> None:
    """Measure the cases that are not in the results yet."""
    usual = Effort()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batch", nargs="+", type=int, default=[100, 1000])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=usual.rounds)
    parser.add_argument("--plain-rounds", type=int, default=usual.plain)
    parser.add_argument("--budget", type=float, default=usual.budget, help="seconds for each case")
    parser.add_argument(
        "--limit", type=float, default=600.0, help="seconds in which the plain way has to be done"
    )
    parser.add_argument("--out", type=Path, default=FOLDER / "summaries.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    effort = Effort(arguments.rounds, arguments.plain_rounds, arguments.budget)
    cases = [(name, batch) for batch in arguments.batch for name in arguments.network]
    for name, batch in tqdm(cases, desc="cases"):
        case = f"{name}/{NETWORKS[name].level}/batch{batch}/{arguments.device}"
        if case not in results:
            found = measured(name, batch, arguments.device, arguments.limit, effort)
            results.add(case, found)


if __name__ == "__main__":
    main()
