"""Threads, memory and random numbers as trainings want them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from blemish.detectors.nets.freed_memory import freed_memory_kept
from blemish.parallel import available_cores


@contextmanager
def training_surroundings(
    device: torch.device, *, most_threads: int | None = None
) -> Iterator[None]:
    """As a training wants them while it is entered, and as they were afterwards.

    Args:
        device: of the training.
        most_threads: that compute; by default as many as there are cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(min(threads, most_threads or available_cores()))
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    try:
        with freed_memory_kept(), torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.set_num_threads(threads)
