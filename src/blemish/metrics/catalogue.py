"""All figures: what each is called, how it is defined, and the function that makes it.

Evaluation, bootstrap, intervals, gates, reports, their glossary and the reference read this list
and know no figure by themselves. To add one: its function, a test that holds it against an oracle,
and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

import numpy as np

from blemish.metrics import decisions, formulas
from blemish.metrics.formulas import Numbers, known
from blemish.wording import Kind

Level = Literal["image", "pixel"]
LEVELS: tuple[Level, ...] = ("image", "pixel")


class RestsOn(StrEnum):
    """Which test images a figure is about: their number says how sure it can be."""

    GOOD = "good"
    DEFECTIVE = "defective"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of images or of pixels.

    Attributes:
        name: in records, JSON and gates; unique at its level.
        level: `image` or `pixel`.
        title: what people call it.
        of: makes it from the `Evidence` of its level (of pixels, `PixelEvidence`), along the last
            axis: for one set of images a number, for many draws of it an array; not a number where
            it is undefined, also where there is no defect and arrays are empty.
        definition: a sentence or two for whoever reads it.
        kind: a share (0.987) or a rate (98.7%).
        better: `higher` or `lower`.
        at_threshold: whether it says what the calibrated threshold does; others do not depend on
            it.
        rests_on: which test images it is about.
        term: its heading in the glossary where several figures share one; else its title.
        compared: whether draws of it are kept, so that detectors can be compared.
    """

    name: str
    level: Level
    title: str
    of: Callable[[Any], Numbers]
    definition: str
    kind: Kind = Kind.SHARE
    better: Literal["higher", "lower"] = "higher"
    at_threshold: bool = False
    rests_on: RestsOn = RestsOn.BOTH
    term: str = ""
    compared: bool = False

    @property
    def key(self) -> str:
        """Its name with its level, as `pixel_auroc`: unique."""
        return f"{self.level}_{self.name}"

    @property
    def path(self) -> str:
        """The same as people type it, `pixel.auroc`."""
        return f"{self.level}.{self.name}"

    @property
    def full_title(self) -> str:
        """The title with its level, for where there is just one line of headings."""
        return titled(self.level.capitalize(), self.title)

    def value(self, evidence: Any) -> float | None:
        """The figure of one set of images; `None` where it is undefined."""
        return known(self.of, evidence)


def titled(group: str, title: str) -> str:
    """A title after the name of its group: `Image AUROC`, `Image false alarms`."""
    acronym = title[:2].isupper()
    return f"{group} {title if acronym else title[0].lower() + title[1:]}"


def figures_of(level: Level) -> tuple[Figure, ...]:
    """All figures of a level, in the order in which they are shown."""
    return tuple(figure for figure in FIGURES if figure.level == level)


def _at_both_levels(figure: Figure) -> tuple[Figure, Figure]:
    return figure, replace(figure, level="pixel")


def _recall(name: str, rate: float) -> Figure:
    return Figure(
        name=name,
        level="image",
        title=f"Recall at {rate:.0%}",
        of=lambda evidence: formulas.recall_within(evidence.ranks, rate),
        kind=Kind.RATE,
        term="Recall at 0, 1, 5%",
        definition="Share of defect images found at the lowest threshold that flags no more than "
        "this share of the good test images. It chooses its threshold as F1-max does, so it peeks, "
        "too.",
    )


def _au_pro(name: str, limit: float, *, compared: bool = False) -> Figure:
    return Figure(
        name=name,
        level="pixel",
        title=f"AU-PRO ({limit:g})",
        of=lambda evidence: formulas.au_pro(evidence.ranks, evidence.shares, limit),
        compared=compared,
        term="PRO and AU-PRO",
        definition="PRO is the share of a labelled region that is found, averaged over all "
        "regions, so that a scratch counts as much as a broken corner. AU-PRO is the area under "
        "PRO over the share of other pixels that are flagged, up to 0.3 or 0.05, divided by that "
        "limit.",
    )


FIGURES: tuple[Figure, ...] = (
    *_at_both_levels(
        Figure(
            name="auroc",
            level="image",
            title="AUROC",
            of=lambda evidence: formulas.auroc(evidence.ranks),
            compared=True,
            definition="Area under the ROC curve: the chance that a random defect scores above a "
            "random good one, ties counting half. 0.5 is guessing, 1 is perfect.",
        )
    ),
    *_at_both_levels(
        Figure(
            name="ap",
            level="image",
            title="AP",
            of=lambda evidence: formulas.average_precision(evidence.ranks),
            definition="Average precision: precision averaged over recall, each threshold weighted "
            "by the recall it adds. Unlike AUROC it falls with the share of defects in the test "
            "set.",
        )
    ),
    *_at_both_levels(
        Figure(
            name="f1_max",
            level="image",
            title="F1-max",
            of=lambda evidence: formulas.f1_max(evidence.ranks),
            compared=True,
            definition="The highest F1 (harmonic mean of precision and recall) over all "
            "thresholds. It chooses its threshold with the labels of the test images, so it is a "
            "bound and not a promise.",
        )
    ),
    Figure(
        name="f05_max",
        level="pixel",
        title="F0.5-max",
        of=lambda evidence: formulas.f_beta_max(evidence.ranks, 0.5),
        definition="The highest F0.5 over all thresholds: as F1-max, but precision counts twice as "
        "much as recall, so that pixels flagged beside a defect weigh more than those of it that "
        "are not. It peeks, too.",
    ),
    _au_pro("au_pro_30", 0.3, compared=True),
    _au_pro("au_pro_5", 0.05),
    Figure(
        name="aupimo",
        level="pixel",
        title="AUPIMO",
        of=lambda evidence: np.asarray(evidence.aupimo),
        definition="How much of each image's defect is found while good images stay all but clean: "
        "the area under its recall where 1 in 100 000 to 1 in 10 000 pixels of good images are "
        "flagged, averaged over images. The strictest of these figures.",
    ),
    *_at_both_levels(
        Figure(
            name="f1",
            level="image",
            title="F1",
            of=lambda evidence: decisions.f1(evidence.decisions),
            at_threshold=True,
            definition="F1 at the calibrated threshold, which was found from good training images "
            "alone. (For maps of other tools: at a threshold that the user set, if any.)",
        )
    ),
    Figure(
        name="balanced_accuracy",
        level="image",
        title="Balanced accuracy",
        of=lambda evidence: decisions.balanced_accuracy(evidence.decisions),
        at_threshold=True,
        definition="The mean of two shares at the calibrated threshold: of good images that pass, "
        "and of defect images that are rejected. 0.5 is guessing; unlike F1 it does not depend on "
        "how many of each there are.",
    ),
    _recall("recall_at_0", 0.0),
    _recall("recall_at_1", 0.01),
    _recall("recall_at_5", 0.05),
    *_at_both_levels(
        Figure(
            name="false_alarm_rate",
            level="image",
            title="False alarms",
            of=lambda evidence: decisions.false_alarm_rate(evidence.decisions),
            kind=Kind.RATE,
            better="lower",
            at_threshold=True,
            rests_on=RestsOn.GOOD,
            definition="Share of good images (or pixels) above the calibrated threshold. Promised "
            "is the rate that calibration was asked to keep on images like the training ones, at "
            "image level. Model-based means that the rate is below what so many images can promise "
            "and comes from a fitted tail; by costs, that the threshold follows the costs of "
            "misses and false alarms.",
        )
    ),
    *_at_both_levels(
        Figure(
            name="miss_rate",
            level="image",
            title="Misses",
            of=lambda evidence: decisions.miss_rate(evidence.decisions),
            kind=Kind.RATE,
            better="lower",
            at_threshold=True,
            rests_on=RestsOn.DEFECTIVE,
            definition="Share of defect images (or pixels) not above the calibrated threshold.",
        )
    ),
    Figure(
        name="region_recall",
        level="pixel",
        title="Regions found",
        of=lambda evidence: np.divide(evidence.found, evidence.regions),
        kind=Kind.RATE,
        at_threshold=True,
        rests_on=RestsOn.DEFECTIVE,
        definition="Region recall: the share of labelled regions (touching pixels of a mask) with "
        "at least one pixel above the calibrated threshold.",
    ),
)
