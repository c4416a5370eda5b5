"""Defects that a model missed, made known to it, so that it finds what is nearly the same.

The patches of a defect make a second, small bank. A patch of an image is raised above the
thresholds where it is nearer to one of these than to any good one, and no farther than a reach.
Raising can reject good images, so the reach is set by good images that are new to the model: it
ends before the nearest patch of any of them. Of n of them and one more each is as likely to have
the nearest, so that a new good image is raised with a chance of at most 1/(n + 1), which is added
to what the thresholds promise (Vovk, Gammerman and Shafer, 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.detectors.origins import cells_inside, cells_of
from blemish.errors import DataError, UsageError
from blemish.images.header import FilePage
from blemish.model.held_banks import HeldBanks
from blemish.model.history import Step, StepImage
from blemish.model.lesson import Seen
from blemish.model.made import made, tell_of_golden
from blemish.model.model import Model
from blemish.progress import LoggedProgress, Progress
from blemish.result import Box, Verdict

if TYPE_CHECKING:
    import onnx

    from blemish.model.lesson import Vectors

    Given = str | Path | FilePage

SHORT_OF = 0.999  # of the distance of the nearest good patch, where the reach ends
LIFTS = 8  # times that a lift is doubled, to be seen through the smoothing of the map
CELLS_AT_ONCE = 256  # that are compared with all known defects at a time


@dataclass(frozen=True)
class Reach:
    """How near counts as known.

    Attributes:
        score: of a patch by the known defects, at most.
        good: images that it was set by.
        more_alarms: share of good images that may be raised, at most, on average.
    """

    score: float
    good: int
    more_alarms: float


def learn_defects(
    model: Model,
    defects: Sequence[Given],
    good: Sequence[Given],
    *,
    box_xyxy: Box | None = None,
    because: str = "",
    progress: Progress | None = None,
) -> Model:
    """Make defects known to a model, so that it rejects what is nearly the same.

    Args:
        model: of PatchCore, with one bank; stays as it is.
        defects: files of images with defects.
        good: files of good images that are new to the model, by which it is set how near counts.
        box_xyxy: where the defect is, in pixels of the image, `x1` and `y1` exclusive; by default
            what the model flags, if anything. For one image.
        because: the reason, for the record.
        progress: told of stages and of what a user must hear.

    Raises:
        UsageError: the detector has no bank, a defect is nowhere flagged and there is no box, or
            good images come nearer to the defects than can be told apart.
        DataError: no good image is new to the model.
        ImageError: an image cannot be read, or is of another format than the model takes.
        ModelFileError: the model does not know where its bank comes from.
    """
    progress = progress or LoggedProgress()
    bank = HeldBanks.of(model)
    samples = [_sample(one) for one in defects]
    if box_xyxy is not None and len(samples) != 1:
        raise UsageError("'box_xyxy' says where the defect of one image is; name one image.")
    found = [_patches(bank, sample, box_xyxy) for sample in samples]
    vectors = np.concatenate(found)
    old = bank.banks.defects
    every = vectors if old is None else np.concatenate([old, vectors])
    reach = _reach(bank, every, good, progress)
    step = Step(
        kind="learn",
        parent=model.sha256,
        images=tuple(StepImage(sample.id, sample.sha256) for sample in samples),
        whole=False,
        added=len(vectors),
        removed=0,
        because=because,
        verdict_holds=True,
        regions_hold=True,
        defects=True,
        more_alarms=reach.more_alarms,
    )
    new = _lifted(bank, every, reach, samples, step)
    tell_of_golden(model, progress)
    progress.say(
        f"Patches that score {reach.score:.3g} at most by {len(every):,} known ones are raised; of "
        f"{reach.good:,} good images none is, and of new ones {100 * reach.more_alarms:.2g} % at "
        "most, which comes on top of what the thresholds promise."
    )
    return new


def _lifted(
    bank: HeldBanks, vectors: Vectors, reach: Reach, samples: Sequence[Sample], step: Step
) -> Model:
    """The model with a lift that is high enough for its known defects to be rejected."""
    model, patches = bank.model, bank.patches_at_once()
    c = model.calibration
    threshold = max(c.image_threshold, c.pixel_threshold)
    unit = max(abs(threshold), 1e-3)
    for doubled in range(LIFTS):
        lift = threshold + unit * 2**doubled
        graph: onnx.ModelProto = bank.banks.with_defects(
            vectors, reach=reach.score, lift=lift, patches=patches
        )
        details = model.facts.detector.details
        known = {"vectors": len(vectors), "reach": reach.score, "lift": lift, "good": reach.good}
        detector = replace(model.facts.detector, details={**details, "defects": known})
        history = (*model.facts.history, step)
        facts = replace(model.facts, detector=detector, history=history)
        new = made(model, graph, bank.origins, facts)
        if all(new.predict(sample).verdict == Verdict.DEFECT for sample in samples):
            return new
    raise UsageError(
        "The patches of a defect are too few to be seen in the map, however high they are raised: "
        "smoothing spreads them. Give a larger 'box_xyxy', or fit with less 'smoothing'."
    )


def _patches(bank: HeldBanks, sample: Sample, box_xyxy: Box | None) -> Vectors:
    """What is odd in a defect: patches farther from all good ones than these are on the mean."""
    seen = Seen.of(bank, bank.model.read(sample))
    first = next(iter(bank.banks.vectors))
    scores = seen.scores[first]
    if box_xyxy is None:
        where = seen.flagged()[first]
        if not where.any():
            raise UsageError(
                f"Nothing is flagged in '{sample.id}': say where its defect is ('box_xyxy').",
                parameter="box_xyxy",
            )
    else:
        where = _in_box(bank, seen, box_xyxy, sample.id)
    odd = where & (scores > seen.usual(first, where))
    if not odd.any():  # no cell is odd: the oddest of them then
        odd = where & (scores == scores[where].max())
    found: Vectors = seen.patches[first][odd]
    return found


def _in_box(bank: HeldBanks, seen: Seen, box_xyxy: Box, name: str) -> NDArray[np.bool_]:
    zones = bank.model.zones
    height, width = seen.size_hw if zones is None else zones.size_hw
    x0, y0, x1, y1 = box_xyxy
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise UsageError(
            f"'box_xyxy' must lie in '{name}', which is {width} x {height}, with x0 below x1 and "
            f"y0 below y1; got {','.join(map(str, box_xyxy))}.",
            parameter="box_xyxy",
        )
    pixels = np.zeros((height, width), np.bool_)
    pixels[y0:y1, x0:x1] = True
    if zones is not None and not (pixels & zones.mask).any():
        raise UsageError(
            f"'box_xyxy' lies outside of the zones that are inspected in '{name}'.",
            parameter="box_xyxy",
        )
    first = next(iter(seen.scores))
    return cells_of(bank.model.part_seen(pixels), seen.scores[first].shape, bank.working)


def _reach(bank: HeldBanks, vectors: Vectors, good: Sequence[Given], progress: Progress) -> Reach:
    """How near may count as known, by good images that are new to the model."""
    known, first = bank.model.fitted_on, next(iter(bank.banks.vectors))
    samples = {s.sha256: s for s in map(_sample, good) if s.sha256 not in known}
    if not samples:
        raise DataError(
            "How near to a defect counts as known is set by good images that are new to the model; "
            f"of the {len(good)} given none is."
        )
    nearest, usual = np.inf, np.inf
    with progress.stage("good images", len(samples)) as advance:
        for sample in samples.values():
            seen = Seen.of(bank, bank.model.read(sample))
            scores = seen.scores[first]
            inside = cells_inside(seen.size_hw, scores.shape, bank.working)
            by_defects = _scores_by(vectors, seen.patches[first][inside], bank)
            raised = by_defects[by_defects < scores[inside]]
            nearest = min(nearest, raised.min(initial=np.inf))
            usual = min(usual, float(seen.usual(first, np.zeros_like(inside)).mean()))
            advance(1)
    reach = min(usual, SHORT_OF * nearest)
    if not reach > 0:
        raise UsageError(
            "Good images have patches that are the same as those of the defect: nothing tells them "
            "apart. Mark the defect more closely ('box_xyxy')."
        )
    return Reach(float(np.float32(reach)), len(samples), 1 / (len(samples) + 1))


def _scores_by(vectors: Vectors, patches: Vectors, bank: HeldBanks) -> NDArray[Any]:
    """Of patches, N x D, by the nearest of some vectors, as the graph tells scores."""
    found = []
    for start in range(0, len(patches), CELLS_AT_ONCE):
        some = patches[start : start + CELLS_AT_ONCE]
        products = some @ vectors.T
        closest = (np.einsum("kd,kd->k", vectors, vectors) - 2 * products).argmin(axis=1)
        gaps = some - vectors[closest]
        found.append(np.einsum("nd,nd->n", gaps, gaps))
    squared = np.concatenate(found)
    return squared if bank.banks.squared else np.sqrt(squared)


def _sample(one: Given) -> Sample:
    page = one if isinstance(one, FilePage) else FilePage(Path(one))
    return Sample(str(page), page.path, "train", "good", "good", page=page.page)
