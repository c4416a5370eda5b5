"""Several detectors that judge together: the mean of what each says, told by what is usual.

Each learns from the same images. Score and map of each are told in deviations above the mean of
good images that all of them left out, and averaged: one graph, one threshold, one promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Detector, Fitted, HeldOutScore, ImageSource, Told
from blemish.detectors.fusion.graph import joined
from blemish.detectors.fusion.scale import (
    AS_IT_IS,
    FEWEST,
    Judged,
    Scales,
    check_enough,
    sums_of,
    told,
)
from blemish.detectors.fusion.settings import NAME, FusionSettings, plain, told_of_member
from blemish.detectors.joined_plan import JoinedPlan, told_by_name
from blemish.detectors.registry import make_detector
from blemish.errors import CalibrationError
from blemish.graph.engine import CPU, Engine
from blemish.progress import Named, Progress
from blemish.provenance import Source

if TYPE_CHECKING:
    import onnx

NOT_KNOWN = (
    f"What members say is averaged as it is: to bring it to one scale takes {FEWEST} images at "
    "least that all of them leave out and that do not belong together."
)


class Fusion:
    """The detector. Settings are given by name, or as a `FusionSettings`.

    Its graph holds, for `Model.trace`, what those of its members hold, behind their names:
    `patchcore/patches` and so on.

    Raises:
        MissingExtraError: a member needs what is not installed.
    """

    name = NAME
    settings_class = FusionSettings

    def __init__(self, settings: FusionSettings | None = None, **values: Any) -> None:
        self.settings = FusionSettings.given(settings, values)
        self.members: dict[str, Detector] = {
            name: make_detector(name, values)
            for name, values in self.settings.given_to_members().items()
        }

    @property
    def resumable(self) -> bool:
        """Whether a member's fit keeps what it has done so far."""
        return any(member.resumable for member in self.members.values())

    def provenance(self) -> tuple[Source, ...]:
        """What the members take from elsewhere, each role behind the member's name."""
        return tuple(
            Source(f"{source.role} of {name}", source.name, source.licence, source.sha256)
            for name, member in self.members.items()
            for source in member.provenance()
        )

    def calibration_images(self, split_keys: Sequence[str]) -> int:
        """How many images all members will leave out; those of one key count once.

        A member leaves out all images, or some that are chosen by the keys. Of very few no scale
        is known, so that none can be scored.
        """
        count = min(member.calibration_images(split_keys) for member in self.members.values())
        return count if count >= FEWEST else 0

    def plan(self, images: ImageSource) -> JoinedPlan:
        """What a fit on these images will take."""
        plans = {}
        for name, member in self.members.items():
            with told_of_member(name):
                plans[name] = member.plan(images)
        return JoinedPlan(plans)

    def estimate_seconds(self, images: ImageSource) -> dict[str, float]:
        """Guess how long each stage of each member's fit will take."""
        return {
            f"{name}: {stage}": seconds
            for name, member in self.members.items()
            for stage, seconds in member.estimate_seconds(images).items()
        }

    def fit(
        self,
        images: ImageSource,
        *,
        progress: Progress,
        folder: Path | None = None,
        engine: Engine = CPU,
    ) -> FittedFusion:
        """Have each member learn from good images, one after the other.

        Args:
            images: the images.
            progress: told of the stages of each, under its name.
            folder: for members whose fits can be gone on with.
            engine: what runs graphs over the images.

        Raises:
            BlemishError: a member cannot be fitted, for one of the reasons that it gives.
        """
        with ExitStack() as stack:
            fitted: dict[str, Fitted] = {}
            for name, member in self.members.items():
                own = _OfMember(name, progress)
                kept = folder if member.resumable else None
                with told_of_member(name):
                    fitted[name] = member.fit(images, progress=own, folder=kept, engine=engine)
                stack.callback(fitted[name].close)
            together = FittedFusion(fitted, images, progress)
            stack.pop_all()
        return together


class FittedFusion:
    """Fitted detectors, and what is usual of what each of them says.

    Attributes:
        scales: of scores and maps of each member, over the images that all of them left out; empty
            where these are too few.
    """

    def __init__(
        self, members: Mapping[str, Fitted], images: ImageSource, progress: Progress
    ) -> None:
        self._members, self._image_format = members, images.image_format
        keys = dict(zip(images.names, images.split_keys, strict=True))
        self._left_out: list[str] = []
        self._scores: dict[str, dict[str, float]] = {}
        self.scales: dict[str, Scales] = {}
        self.held_out_method = next(iter(members.values())).held_out_method
        try:
            self._learn_scales(images.names, keys, progress)
        except CalibrationError:
            progress.say(NOT_KNOWN)

    def _learn_scales(self, names: Sequence[str], keys: Mapping[str, str], to: Progress) -> None:
        """Score the images that all members left out, and look at the maps of each."""
        found = {}
        for member, fitted in self._members.items():
            told_to = _OfMember(member, to)
            found[member] = {o.name: o.score for o in fitted.held_out_scores(progress=told_to)}
        fewest = min(found, key=lambda member: len(found[member]))
        self.held_out_method = self._members[fewest].held_out_method
        left_out = [name for name in names if all(name in scores for scores in found.values())]
        check_enough({keys[name] for name in left_out})
        with to.stage("together", len(found) * len(left_out)) as advance:
            for member, scores in found.items():
                sums = {}
                for name in left_out:
                    sums[name] = sums_of(self._members[member].held_out_map(name))
                    advance(1)
                self._scores[member] = {name: scores[name] for name in left_out}
                self.scales[member] = Scales(self._scores[member], sums, keys)
        self._left_out = left_out

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The model that ships."""
        scales = {member: one.all for member, one in self.scales.items()}
        graphs = {member: fitted.graph for member, fitted in self._members.items()}
        return joined(graphs, scales or dict.fromkeys(graphs, AS_IT_IS), self._image_format)

    @property
    def batch(self) -> int:
        """Images that the graph should judge at once."""
        return min(fitted.batch for fitted in self._members.values())

    def told(self) -> list[Told]:
        """What each member tells, under its name."""
        together = f"{' and '.join(self._members)}, by {len(self._left_out):,} images left out"
        return [("together", together), *told_by_name(self._members)]

    @property
    def details(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "scales": {member: asdict(one.all) for member, one in self.scales.items()},
            "left_out": len(self._left_out),
            "members": {name: fitted.details for name, fitted in self._members.items()},
        }

    def held_out_scores(self, *, progress: Progress) -> Iterator[HeldOutScore]:
        """Scores of the images that all members left out, by what is usual in the others.

        Raises:
            CalibrationError: too few that do not belong together.
        """
        check_enough(self._left_out)
        with progress.stage("leave out", len(self._left_out)) as advance:
            for name in self._left_out:
                score, score_map = self._judged(name)
                yield HeldOutScore(name, score, float(score_map.max()))
                advance(1)

    def held_out_map(self, name: str) -> NDArray[np.float32]:
        """The map of an image as it was when it was left out.

        Raises:
            KeyError: it was not left out by all members.
        """
        return self._judged(name)[1]

    def _judged(self, name: str) -> Judged:
        """Score and map of a training image as if it were new."""
        judged = [
            told(self.scales[member], name, scores[name], self._members[member].held_out_map(name))
            for member, scores in self._scores.items()
        ]
        score = sum(score for score, _ in judged) / len(judged)
        score_map: NDArray[np.float32] = np.mean([one for _, one in judged], axis=0)
        return score, score_map

    def close(self) -> None:
        """Give back what the members need."""
        for fitted in self._members.values():
            fitted.close()


class _OfMember(Named):
    """A member's progress."""

    def say(self, message: str) -> None:
        """Tell the user a sentence."""
        super().say(plain(message, [self._name]))
