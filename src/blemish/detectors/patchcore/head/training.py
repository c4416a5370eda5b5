"""The training of the head: a minute, the same weights however many cores there are."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from blemish.backbones.compiler import no_compiler_folder
from blemish.detectors.nets.module import Net, weights_of
from blemish.detectors.nets.surroundings import training_surroundings
from blemish.detectors.nets.timing import median_seconds
from blemish.detectors.patchcore.head.examples import Examples
from blemish.detectors.patchcore.head.net import LAYERS
from blemish.detectors.patchcore.head.steps import (
    A_STEP,
    GOOD_A_STEP,
    LEARNING_RATE,
    LOUDEST_OF,
    LOUDEST_WEIGHT,
    SPOILT_A_STEP,
    STEPS,
    WARM_UP,
)
from blemish.errors import BlemishError
from blemish.progress import Progress

FIRST = -4.0  # log odds, about those of a cell of an example
TOLD = 20  # steps whose mean loss is told together
ORDER = 33  # what else seeds the order of examples, beside the setting
THREADS = 1  # others add in another order, and so to other numbers
CPU = torch.device("cpu")
LAYOUT = torch.channels_last  # half as fast again as the other on a CPU


def train_head(examples: Examples, *, seed: int, progress: Progress) -> dict[str, NDArray[Any]]:
    """Train the head on a CPU.

    Each step sees some spoilt and some good images, turned and mirrored at random. The loss is the
    cross-entropy of all cells, and a little more of what is loudest on good images: their peaks
    decide above which values regions are shown.

    Args:
        examples: what to learn from.
        seed: of weights and order.
        progress: told of the stage.

    Returns:
        Weights of `LAYERS`.

    Raises:
        BlemishError: the training came to nothing.
    """
    rng = np.random.default_rng([seed, ORDER])
    with training_surroundings(CPU, most_threads=THREADS):
        torch.manual_seed(int(rng.integers(2**62)))
        net = _new_net()
        optimiser = _optimiser(net)
        losses: list[float] = []
        with progress.stage("head", STEPS) as advance:
            for step in range(STEPS):
                for group in optimiser.param_groups:
                    group["lr"] = _rate(step)
                losses.append(_take_step(net, optimiser, *_batch(examples, rng)))
                mean = np.mean(losses[-TOLD:])
                advance(1, f"loss {mean:.3g}" if (step + 1) % TOLD == 0 else None)
    weights = weights_of(net)
    if not all(np.isfinite(values).all() for values in weights.values()):
        raise BlemishError(
            "The weights of the head are no longer finite numbers; try another seed."
        )
    return weights


def try_steps(grid_hw: tuple[int, int]) -> float:
    """Seconds a step, from a few of them on noise."""
    noise = np.random.default_rng(0).standard_normal((A_STEP, 2, *grid_hw), np.float32)
    readings = torch.from_numpy(noise).contiguous(memory_format=LAYOUT)
    with training_surroundings(CPU, most_threads=THREADS):
        net = _new_net()
        step = partial(_take_step, net, _optimiser(net), readings, torch.zeros(A_STEP, *grid_hw))
        return median_seconds(step, CPU)


def _take_step(
    net: Net, optimiser: torch.optim.Optimizer, readings: Tensor, wanted: Tensor
) -> float:
    """One step; its loss."""
    of_cells = F.binary_cross_entropy_with_logits(net(readings)[:, 0], wanted, reduction="none")
    of_good = of_cells[-GOOD_A_STEP:].flatten(1)
    loudest = of_good.topk(max(1, of_good.shape[1] // LOUDEST_OF), sorted=False).values
    loss = of_cells.mean() + LOUDEST_WEIGHT * loudest.mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.item())


def _new_net() -> Net:
    """A net that says at first that nothing is a defect."""
    net: Net = Net(LAYERS).to(memory_format=LAYOUT)
    last = net.get_submodule(LAYERS[-1].name)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, FIRST)
    return net


def _optimiser(net: Net) -> torch.optim.Optimizer:
    with no_compiler_folder():
        return torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)


def _rate(step: int) -> float:
    """The learning rate: warmed up, then falling to nothing."""
    warmed = min(1.0, (step + 1) / WARM_UP)
    return float(LEARNING_RATE * warmed * 0.5 * (1 + np.cos(np.pi * step / STEPS)))


def _batch(examples: Examples, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Readings of some examples and the shares of defects in their cells, turned alike."""
    spoilt = rng.integers(len(examples.spoilt), size=SPOILT_A_STEP)
    good = rng.integers(len(examples.good), size=GOOD_A_STEP)
    readings = np.concatenate([examples.spoilt[spoilt], examples.good[good]])
    wanted = np.zeros((len(readings), *readings.shape[2:]), np.float32)
    wanted[:SPOILT_A_STEP] = examples.defects[spoilt]
    flips = tuple(axis for axis in (-2, -1) if rng.random() < 0.5)
    readings, wanted = np.flip(readings, flips), np.flip(wanted, flips)
    if rng.random() < 0.5 and wanted.shape[1] == wanted.shape[2]:
        readings, wanted = readings.swapaxes(-2, -1), wanted.swapaxes(-2, -1)
    given, shares = (torch.from_numpy(values.copy()) for values in (readings, wanted))
    return given.contiguous(memory_format=LAYOUT), shares
