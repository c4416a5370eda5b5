"""How the benchmarks take times: medians of repeats, in rounds, in processes of their own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

ROUNDS = 5
PAUSE = 3.0  # seconds between rounds
SETTLE = 0.2  # seconds in which the threads of another session fall asleep

START_SMALL = """
import os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(status and 1)
"""


def spread(seconds: list[float], digits: int = 4) -> dict[str, float]:
    """Median, lowest and highest of repeats."""
    return {
        "median": round(statistics.median(seconds), digits),
        "lowest": round(min(seconds), digits),
        "highest": round(max(seconds), digits),
    }


def rounds(repeats: int = 1) -> Iterator[None]:
    """Rounds of so many turns, some seconds apart: what slows a shared machine comes and goes."""
    for done in range(ROUNDS):
        time.sleep(PAUSE if done else 0)
        yield from repeat(None, repeats)


def warm(work: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each repeat, after one that is not counted."""
    time.sleep(SETTLE)
    work()
    return timed(work, repeats)


def timed(work: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each repeat."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def process(*command: str) -> tuple[float, int]:
    """Wall seconds and peak memory in bytes of a process of its own.

    A process begins with the peak of the one that starts it, so a small one does that.
    """
    done = subprocess.run(
        [sys.executable, "-c", START_SMALL, *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak) * 1024


def last_line(code: str, *arguments: str) -> Any:
    """What a process of its own prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])
