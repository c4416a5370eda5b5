"""How long a piece of work of a training takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

TRIED = 5  # times that it is done for a guess


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    """Median seconds of a piece of work, after a first time that does not count."""
    took = []
    for _ in range(1 + TRIED):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        took.append(time.perf_counter() - start)
    return float(np.median(took[1:]))
