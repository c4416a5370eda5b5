"""Sentences without which figures would be misread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from blemish.data.sample import Sample
from blemish.metrics.ranking import RankCounts
from blemish.model.model import Model
from blemish.records.findings import ImageRow

FEW_IMAGES = 3  # with the same highest score are no accident
FEW_PIXELS, SMALL_SHARE = 100, 0.01


def seen_notes(model: Model, samples: Sequence[Sample]) -> list[str]:
    """Whether a model was fitted on test images, or its thresholds were set with them.

    Args:
        model: as it is measured.
        samples: the test images.
    """
    notes = []
    calibration = model.facts.calibration
    had_a_say = {image.sha256 for image in (*calibration.scored, *calibration.defects)}
    if count := sum(sample.sha256 in model.fitted_on for sample in samples):
        notes.append(
            f"The model was fitted on {count} of these test images, so the figures are better "
            "than on new ones; use the split of the fit."
        )
    if count := sum(sample.sha256 in had_a_say - model.fitted_on for sample in samples):
        notes.append(
            f"The thresholds were set with {count} of these test images, so figures at the "
            "threshold are better than on new ones; calibrate on others."
        )
    return notes


def unlike_notes(rows: Sequence[ImageRow]) -> list[str]:
    """Whether test images are unlike all that the model learned from, by what the model noted.

    Args:
        rows: of the images.
    """
    unlike = [row for row in rows if row.notes]
    if not unlike:
        return []
    kinds = Counter(note.code for row in unlike for note in row.notes)
    told = ", ".join(f"{code} {count:,}" for code, count in sorted(kinds.items()))
    return [
        f"{len(unlike):,} of {len(rows):,} test images are unlike all training images "
        f"({told}); the first is {unlike[0].path}."
    ]


def zones_notes(model: Model) -> list[str]:
    """What is inspected, where that is not all.

    Args:
        model: as it is measured.
    """
    zones = model.zones
    if zones is None:
        return []
    names = ", ".join(zones.names)
    return [f"Measured within zones ({names}): {zones.mask.mean():.1%} of each image."]


def elsewhere_notes(images: int) -> list[str]:
    """Whether defective images were left out, since nothing of their defects is inspected.

    Args:
        images: how many.
    """
    if not images:
        return []
    return [
        f"{images:,} defective {'image' if images == 1 else 'images'} without a defect within the "
        "zones, left out of all figures."
    ]


def cut_off_notes(rows: Sequence[ImageRow], pixels: RankCounts) -> list[str]:
    """Whether scores look cut off at the top: clipped, or squashed until they are equal.

    Scores that a sigmoid or a clip made equal cannot be ranked any more, and figures count them as
    ties.

    Args:
        rows: of the images.
        pixels: counts of defective pixels and others.
    """
    notes = []
    scores = np.array([row.score for row in rows])
    same = int(np.count_nonzero(scores == scores.max()))
    if same >= FEW_IMAGES:
        notes.append(
            f"{same:,} of {len(scores):,} test images have the same highest score, "
            f"{scores.max():.6g}: if scores were clipped or squashed, figures cannot tell these "
            "apart."
        )
    defective = int(pixels.positives.sum())
    top = int(pixels.positives[-1]) if defective else 0
    if top >= FEW_PIXELS and top >= SMALL_SHARE * defective:
        notes.append(
            f"{100 * top / defective:.0f}% of the defective pixels have the same highest score, "
            f"{pixels.values[-1]:.6g}: if scores were clipped or squashed, figures cannot tell "
            "these apart."
        )
    return notes
