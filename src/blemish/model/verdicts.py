"""What is said of an image by what the graph of a model gives of it: verdict, reasons, regions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blemish.alignment import Motion
from blemish.calibration import Calibration
from blemish.graph.verdict import ALIGNMENT
from blemish.images.appearance import Appearance, appearance_of
from blemish.images.exposure import even_blocks, exposure_of, level_of
from blemish.images.glance import Typical, glance_at, look_without_place
from blemish.images.regions import find_regions
from blemish.model.facts import AlignmentFacts, Facts
from blemish.model.running import FoundOfOne
from blemish.result import Failure, Look, Note, Prediction, Region, Verdict
from blemish.zones import Inspected

SAME_AS = {"brightness": {"dark", "bright"}, "contrast": {"contrast"}}  # reasons, as notes have it
TRY_VERIFY = "blemish inspect MODEL with verify=True tries the model on simple images."


class Extras(NamedTuple):
    """What a prediction holds besides, where it is asked for."""

    outlines: bool
    looks: bool


@dataclass(frozen=True)
class Judge:
    """Says of images what a model says.

    Attributes:
        facts: of the model.
        calibration: its thresholds.
        zones: which pixels of an image are inspected; `None` for all.
    """

    facts: Facts
    calibration: Calibration
    zones: Inspected | None

    def prediction(
        self,
        path: str | None,
        image: NDArray[Any],
        found: FoundOfOne,
        seconds: float,
        *,
        extras: Extras,
    ) -> Prediction | Failure:
        """What is said of an image, H x W x 3.

        Args:
            path: of the image, if it has one.
            image: as it was judged.
            found: what the graph gives of it.
            seconds: that this took.
            extras: what else to tell.
        """
        score, score_map, _, motion = found
        if not (math.isfinite(score) and np.isfinite(score_map).all()):
            why = "the model gives no finite score and map for it (NaN or infinite)"
            return Failure(path, f"{path or 'the image'}: {why}. {TRY_VERIFY}")
        c, reasons = self.calibration, self._reasons(image, found)
        verdict = Verdict.DEFECT if score > c.image_threshold else Verdict.GOOD
        told = {reason.code for reason in reasons}
        placed = ALIGNMENT not in told  # else nobody knows where its zones lie
        regions = self._regions(score_map, motion, outlines=extras.outlines) if placed else ()
        return Prediction(
            score=score,
            score_map=score_map,
            p_value=c.p_value(score),
            tail_p_value=c.tail_p_value(score),
            verdict=Verdict.NOT_INSPECTABLE if reasons else verdict,
            regions=regions,
            seconds=seconds,
            path=path,
            notes=tuple(n for n in self._notes(image) if not told & SAME_AS.get(n.code, set())),
            look=self._look(image) if extras.looks else None,
            reasons=reasons,
            motion=motion,
        )

    def appearance(self, image: NDArray[Any]) -> Appearance:
        """How an image, H x W x 3, looks to a detector, as shares of white."""
        return appearance_of(self._seen(image)).relative(self._white_level)

    @property
    def _white_level(self) -> int:
        return self.facts.input.format.white_level

    def _seen(self, image: NDArray[Any]) -> NDArray[Any]:
        """What notes and looks are of: what a detector sees, or all of what it sees aligned."""
        known = self.facts.input
        if self.zones is None or known.zones is None or known.alignment is not None:
            return image
        return self.zones.seen(image, known.zones.fill)

    def _reasons(self, image: NDArray[Any], found: FoundOfOne) -> tuple[Note, ...]:
        """Why an image is not inspectable; nothing where it is, or nobody tells."""
        inspectable, alignment, reasons = self.facts.inspectable, self.facts.input.alignment, []
        _, score_map, departures, motion = found
        if motion is not None and alignment is not None:
            reasons += [reason] if (reason := _not_aligned(alignment, motion)) else []
        if inspectable is None or (departures <= inspectable.limit).all():
            return tuple(reasons)
        height, width = score_map.shape
        blocks, beside = even_blocks((height, width)), True
        if self.zones is not None:
            blocks, beside = self.zones.points
        if motion is not None:  # points of the reference, as the graph has looked at them
            blocks = motion.pixels_on_image(blocks, (height, width))
        exposure, level = exposure_of(image, (blocks, beside)), level_of(score_map, blocks)
        return (*reasons, *inspectable.reasons(departures, exposure, level, self._white_level))

    def _notes(self, image: NDArray[Any]) -> tuple[Note, ...]:
        """What sets an image apart from all training images."""
        return self.facts.training.appearance.notes(self.appearance(image))

    @cached_property
    def _typical(self) -> Typical | None:
        looks = self.facts.training.looks
        return None if looks is None else Typical(looks.mean)

    def _look(self, image: NDArray[Any]) -> Look:
        glance, white = glance_at(self._seen(image)), self._white_level
        if self._typical is None:
            return look_without_place(glance, white_level=white)
        return self._typical.look(glance, white_level=white)

    def _regions(
        self, score_map: NDArray[np.float32], motion: Motion | None, *, outlines: bool
    ) -> tuple[Region, ...]:
        """What to show of a map, by the zones that it is in."""
        c, zones = self.calibration, self.zones
        found = find_regions(
            score_map, c.pixel_threshold, smallest_px=c.smallest_region_px, outlines=outlines
        )
        if zones is None:
            return found

        def zone_at(point_xy: tuple[int, int]) -> str:
            if motion is None:
                return zones.name_at(point_xy)
            x, y = motion.on_reference(*point_xy, zones.size_hw)
            return zones.name_near((float(x), float(y)))

        named = [replace(region, zone=zone_at(region.peak_xy)) for region in found]
        least = dict(zip(zones.names, zones.smallest_px or (1,) * len(zones.names), strict=True))
        return tuple(region for region in named if region.area_px >= least[region.zone or ""])


def _not_aligned(alignment: AlignmentFacts, motion: Motion) -> Note | None:
    """Why nothing can be said of a part; `None` where it can be aligned."""
    if motion.agreement >= alignment.limit:
        return None
    return Note(
        ALIGNMENT,
        f"cannot be aligned: it agrees with the reference by {motion.agreement:.2f}, and good "
        f"parts do by {alignment.limit:.2f} at least (1 is all). It may be another part, none, or "
        "lie farther off than is looked for.",
    )
