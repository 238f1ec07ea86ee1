"""The page in a real browser: frames per second, latencies, and what the page costs the training.

    python -m benchmarks.lab [--preset NAME] [--seconds 10] [--rounds 3]

Frames are counted where they are drawn: the page keeps, for each, when the engine published the
step and when the browser had painted it. A control's latency runs from the browser's own key event
to the first painted frame in which the engine had taken the change. Steps per second with
the page open and without it are measured in turn, so that a machine that slows down slows both:
without it by themselves and in the engine, which records them, as it does for the page; with it
once with the browser on whatever core it likes, and once with the browser kept off the engine's
("apart"), as it is on a machine with cores to spare or in front of another machine.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Page
from tqdm import tqdm

from benchmarks.alone import headless_elsewhere, unwatched
from benchmarks.browser import chromium
from benchmarks.environment import ROOT
from benchmarks.results import FOLDER, Results, write

SERVE = ("gnlab", "serve", "--no-show", "--paused")
UNCAPPED = "60"
FRAMES = "() => window.gnlab_frames ?? []"
KEYS = """() => window.addEventListener("keydown",
  (event) => { window.pressed_at = performance.timeOrigin + event.timeStamp }, true)"""
ANSWERED = "(before) => (window.gnlab_frames ?? []).some((frame) => frame.applied > before)"


@contextmanager
def server(command: Sequence[str] = SERVE) -> Iterator[str]:
    """Serve the lab, or something else, in a process of its own.

    Args:
        command: The module to run and its arguments; it is told the port with ``--port``.

    Yields:
        The page's address.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    whole = [sys.executable, "-m", *command, "--port", str(port)]
    records = tempfile.TemporaryDirectory()
    where = os.environ | {"GNLAB_RUNS": records.name}
    process = subprocess.Popen(whole, cwd=ROOT, env=where, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield f"http://localhost:{port}/"
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # not left behind to disturb the next measurement
            process.kill()
            raise
        finally:
            records.cleanup()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        with suppress(OSError):
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} after a minute")


def summary(milliseconds: Sequence[float]) -> dict[str, float]:
    """The number, median and 95th percentile of some latencies, in milliseconds."""
    ordered = sorted(milliseconds)
    return {
        "count": len(ordered),
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
    }


def watch(page: Page, seconds: float) -> list[dict[str, float]]:
    """The frames that are drawn in a stretch of time.

    Args:
        page: The page, playing.
        seconds: How long.

    Returns:
        The frames' records.
    """
    page.evaluate("() => { window.gnlab_frames = [] }")
    page.wait_for_timeout(seconds * 1000)
    return page.evaluate(FRAMES)


def controls(page: Page, presses: int) -> list[float]:
    """Press the keys for coarser and finer while it trains, and wait for each to be painted.

    Args:
        page: The page, playing.
        presses: How many.

    Returns:
        Milliseconds from each key event to the first frame that shows its effect.
    """
    page.evaluate(KEYS)
    latencies = []
    for press in tqdm(range(presses), desc="controls", leave=False):
        before = page.evaluate(FRAMES)[-1]["applied"]
        page.keyboard.press("[" if press % 2 == 0 else "]")
        page.wait_for_function(ANSWERED, arg=before, timeout=10_000)
        shown = next(frame for frame in page.evaluate(FRAMES) if frame["applied"] > before)
        latencies.append(shown["drawn_at"] - page.evaluate("window.pressed_at"))
        page.wait_for_timeout(150)
    return latencies


def _play(page: Page) -> None:
    """Have the run play, if it does not by itself, and let it get warm."""
    before = page.evaluate(FRAMES)[-1]["step"]
    page.wait_for_timeout(1500)
    if page.evaluate(FRAMES)[-1]["step"] == before:
        page.keyboard.press(" ")
    page.wait_for_function("(before) => window.gnlab_frames.at(-1).step > before", arg=before)
    page.wait_for_timeout(1500)


def with_page(
    address: str, preset: str, seconds: float, presses: int, more: str = "", *, apart: bool = False
) -> dict[str, object]:
    """Open the page, play, and measure what is drawn.

    Args:
        address: Where the lab is served.
        preset: The problem.
        seconds: How long to watch.
        presses: How many controls to use.
        more: Further choices of the link, each after "&".
        apart: Whether the browser keeps off the engine's cores.

    Returns:
        Time to the first frame, frames and steps per second, and all latencies.
    """
    with chromium(apart=apart) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        asked = time.time() * 1000
        page.goto(f"{address}?preset={preset}{more}")
        page.wait_for_function("(window.gnlab_frames ?? []).length > 0", timeout=60_000)
        first = page.evaluate(FRAMES)[0]["drawn_at"] - asked
        _play(page)
        frames = watch(page, seconds)
        latencies = controls(page, presses)
    span = (frames[-1]["drawn_at"] - frames[0]["drawn_at"]) / 1000
    return {
        "first_frame_ms": first,
        "frames_per_second": (len(frames) - 1) / span,
        "steps_per_second": (frames[-1]["step"] - frames[0]["step"]) / span,
        "step_to_pixel": [frame["drawn_at"] - frame["published_at"] for frame in frames],
        "control_to_pixel": latencies,
    }


def measure(preset: str, seconds: float, rounds: int, presses: int) -> dict[str, object]:
    """Measure one preset, by itself, without and with the page in turn.

    Args:
        preset: The problem.
        seconds: How long each stretch is.
        rounds: How many pairs of stretches.
        presses: How many controls in each stretch with the page.

    Returns:
        Medians over the rounds, latencies over all of them.
    """
    bare: list[float] = []
    alone: list[float] = []
    paged: list[dict] = []
    apart: list[dict] = []
    free: list[float] = []
    with server() as address, server((*SERVE, "--frames", UNCAPPED)) as uncapped:
        for _ in tqdm(range(rounds), desc=preset, leave=False):
            bare.append(headless_elsewhere(preset, seconds))
            alone.append(unwatched(preset, seconds))
            paged.append(with_page(address, preset, seconds, presses))
            apart.append(with_page(address, preset, seconds, presses, apart=True))
            free.append(with_page(uncapped, preset, seconds, 1)["frames_per_second"])
    return {
        **_together(paged, alone),
        "apart": _together(apart, alone),
        "uncapped_frames_per_second": round(statistics.median(free), 1),
        "headless_steps_per_second": round(statistics.median(bare), 1),
        "unwatched_steps_per_second": round(statistics.median(alone), 1),
        "rounds": rounds,
        "seconds": seconds,
    }


def _together(paged: Sequence[dict], alone: Sequence[float]) -> dict[str, object]:
    """Medians over the rounds, all latencies, and the share of the speed without a page."""
    shares = [page["steps_per_second"] / rate for rate, page in zip(alone, paged, strict=True)]
    medians = {
        key: round(statistics.median(page[key] for page in paged), 1)
        for key in ("first_frame_ms", "frames_per_second", "steps_per_second")
    }
    latencies = {
        key: summary([value for page in paged for value in page[key]])
        for key in ("step_to_pixel", "control_to_pixel")
    }
    return {**medians, **latencies, "share_of_unwatched": round(statistics.median(shares), 3)}


def main() -> None:
    """Measure the page and store the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="digits-mlp")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--presses", type=int, default=20)
    parser.add_argument("--again", action="store_true", help="measure what is measured already")
    parser.add_argument("--out", type=Path, default=FOLDER / "lab.json")
    arguments = parser.parse_args()
    results = Results(arguments.out)
    if arguments.preset in results and not arguments.again:
        write(f"{arguments.preset} is in {arguments.out} already; --again measures it anew.")
        return
    found = measure(arguments.preset, arguments.seconds, arguments.rounds, arguments.presses)
    results.add(arguments.preset, found)
    for name, value in found.items():
        write(f"{name:28s}{value}")


if __name__ == "__main__":
    main()
