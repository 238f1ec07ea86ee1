"""Cores: the engine's process and the server's on cores of their own, where there are several.

Unpinned, the two push each other around and training loses a quarter of its speed to an open
page. Only Linux lets a program choose; elsewhere nothing is done.

A linear algebra library brings threads of its own, as many as the machine has cores. Kept to
fewer cores than that they wait for each other by spinning: an eigen-decomposition of 42 × 42 took
18 ms in place of 0.3.
"""

import os
import sys

from threadpoolctl import threadpool_limits


def split() -> tuple[set[int], set[int]]:
    """Divide the cores that this process may use.

    Returns:
        The server's cores and the engine's; both are all of them if there is only one, and both
        are empty where a program cannot choose.
    """
    if sys.platform != "linux":
        return set(), set()
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    if half == 0:
        return set(cores), set(cores)
    return set(cores[:half]), set(cores[half:])


def half() -> int:
    """Half of the cores that this process may use, but one at least.

    Returns:
        Their number.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return max(1, (cores or 1) // 2)


def pin(cores: set[int]) -> None:
    """Keep the calling thread, and threads it starts later, on some cores.

    Args:
        cores: The cores; none for no restriction.
    """
    if cores and sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def one_thread() -> None:
    """Let the linear algebra libraries that are loaded use the calling thread alone."""
    threadpool_limits(1, user_api="blas")


def pin_server() -> None:
    """Keep the calling thread on the server's cores; call it when the engine was started.

    What it calculates for a page is small, and stays on that thread.
    """
    pin(split()[0])
    one_thread()
