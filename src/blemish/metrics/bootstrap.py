"""Figures of images drawn again: the stratified bootstrap.

A draw takes as many good and as many defective images as there are, each kind from its own, with
repeats (Efron, 1979). It is written as how often each image comes, so that the counts of a draw
are sums of the images' counts, and those of many draws a product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.metrics import formulas
from blemish.metrics.catalogue import Level, figures_of
from blemish.metrics.decisions import Decisions
from blemish.metrics.evidence import Evidence, PixelEvidence
from blemish.metrics.formulas import Ranks
from blemish.metrics.overlap import log_worth
from blemish.metrics.ranking import as_scores
from blemish.metrics.tables import PixelTables
from blemish.parallel import one_core_each

DRAWS = 2000
TOGETHER = 300_000  # numbers in each array that is worked on at a time

Draws = dict[str, NDArray[np.float64]]


def resample(defective: ArrayLike, *, draws: int = DRAWS, seed: int = 0) -> NDArray[np.int32]:
    """How often each image comes in each draw, draws x N.

    Detectors that judged the same images are compared on the same draws.

    Args:
        defective: N, true for an image with a defect.
        draws: how many.
        seed: of the draws.
    """
    labels, rng = np.asarray(defective, np.bool_), np.random.default_rng(seed)
    times = np.zeros((draws, len(labels)), np.int32)
    for kind in (labels, ~labels):
        count = int(np.count_nonzero(kind))
        if count:
            times[:, kind] = rng.multinomial(count, np.full(count, 1 / count), size=draws)
    return times


def image_draws(
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None,
    times: NDArray[np.int32],
    *,
    rejected: ArrayLike = False,
) -> Draws:
    """Figures of each draw of images, exactly; not a number where a figure is undefined.

    Args:
        scores: N, raw.
        labels: N, true for a defect.
        threshold: calibrated, or set by a user; `None` where there is none.
        times: how often each image comes, draws x N.
        rejected: N, true for images that are rejected whatever they score; by default none.

    Returns:
        Draws of each figure of images.
    """
    values, defects = as_scores(scores), np.asarray(labels, np.bool_)
    order = np.argsort(values, kind="stable")
    _, starts = np.unique(values[order], return_index=True)
    decisions = _decisions(values, defects, threshold, np.asarray(rejected, np.bool_))

    def evidence(drawn: NDArray[np.float64]) -> Evidence:
        own = drawn[:, order]
        good = np.add.reduceat(own * ~defects[order], starts, axis=1)
        positives = np.add.reduceat(own * defects[order], starts, axis=1)
        return Evidence(ranks=_ranks(positives, good), decisions=Decisions(*(drawn @ decisions).T))

    return _in_parts("image", evidence, times, width=len(values))


def _ranks(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> Ranks:
    """From how many positives, and how many negatives, have each value; the first is the lowest."""
    at_least = formulas.from_the_top(negatives)
    return Ranks(
        positives=positives,
        above=formulas.next_above(at_least),
        at_least=at_least,
        negatives=at_least[:, 0],
    )


def _decisions(
    scores: NDArray[np.floating],
    defects: NDArray[np.bool_],
    threshold: float | None,
    rejected: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """What the threshold does to each image, N x 4 as of `decisions.Decisions`."""
    if threshold is None:
        return np.zeros((len(scores), 4))
    flagged = (scores > threshold) | rejected
    kinds = (flagged & defects, ~flagged & defects, flagged & ~defects, ~flagged & ~defects)
    return np.array(kinds, np.float64).T


def pixel_draws(
    tables: PixelTables, times: NDArray[np.int32], exact: Mapping[str, float | None]
) -> Draws:
    """Pixel figures of each draw of images, from bins, set right by the exact figures.

    What binning moves the figure of all images by is taken off every draw.

    Args:
        tables: of N images.
        times: how often each image comes, draws x N.
        exact: figures of all images.

    Returns:
        Draws of each figure of pixels; not a number where it is undefined.
    """
    whole = binned_draws(tables, np.ones((1, times.shape[1]), np.int32))
    drawn = {}
    for name, values in binned_draws(tables, times).items():
        known = exact[name]
        moved = np.nan if known is None else known - whole[name][0]
        drawn[name] = np.clip(values + moved, 0.0, 1.0)
    return drawn


def binned_draws(tables: PixelTables, times: NDArray[np.int32]) -> Draws:
    """Pixel figures of each draw as the bins give them: scores within one are taken as equal."""

    def evidence(drawn: NDArray[np.float64]) -> PixelEvidence:
        own, regions = drawn[:, tables.defective], drawn @ tables.regions
        return PixelEvidence(
            ranks=_ranks(own @ tables.positives, drawn @ tables.negatives),
            decisions=Decisions(*(drawn @ tables.decisions).T),
            shares=own @ tables.shares,
            regions=regions[:, 0],
            found=regions[:, 1],
            aupimo=_aupimo(tables, drawn),
        )

    return _in_parts("pixel", evidence, times, width=tables.negatives.shape[1])


def _aupimo(tables: PixelTables, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean AUPIMO of the drawn images that have defective pixels."""
    if tables.pimo is None:
        return np.full(len(drawn), np.nan)
    good, own = drawn[:, ~tables.defective], drawn[:, tables.defective]
    pixels = tables.positives.sum(axis=1, keepdims=True)
    recalls = tables.positives / np.maximum(pixels, 1)
    shares = tables.negatives[~tables.defective]
    shares = shares / shares.sum(axis=1, keepdims=True)
    rates = formulas.from_the_top(good @ shares) / good.sum(axis=1, keepdims=True)
    worth = log_worth(formulas.next_above(rates), rates, *tables.pimo)
    mean: NDArray[np.float64] = ((own @ recalls) * worth).sum(axis=1) / (own @ (pixels[:, 0] > 0))
    return mean


def _in_parts(
    level: Level,
    evidence: Callable[[NDArray[np.float64]], Evidence],
    times: NDArray[np.int32],
    *,
    width: int,
) -> Draws:
    """Figures of all draws, some at a time, on all cores."""
    rows = max(1, TOGETHER // max(width, 1))

    def work(start: int) -> Draws:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = evidence(times[start : start + rows].astype(np.float64))
            return {figure.name: figure.of(found) for figure in figures_of(level)}

    with one_core_each() as pool:
        parts = list(pool.map(work, range(0, len(times), rows)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
