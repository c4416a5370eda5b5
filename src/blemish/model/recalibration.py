"""Other thresholds for a model that is fitted already, without fitting again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blemish.calibration import (
    DEFAULT_RATE,
    Calibration,
    CalibrationRequest,
    CostRule,
    Costs,
    calibrate,
    choose_threshold,
    lowest_rate_for,
    with_false_regions,
    with_rate,
)
from blemish.calibration.change import Change, changes
from blemish.calibration.scored import highest_peaks, one_a_key
from blemish.data.dataset import Dataset
from blemish.data.loading import read_contents, split_keys
from blemish.data.sample import Sample
from blemish.detectors.contract import HELD_OUT
from blemish.errors import DataError, ImageError, UsageError, raise_all
from blemish.images.header import FilePage
from blemish.model.golden import turned
from blemish.model.model import Model
from blemish.model.promise import check_promise
from blemish.model.variants import with_calibration, within
from blemish.progress import LoggedProgress, Progress
from blemish.result import Failure, Prediction, ScoredImage
from blemish.wording import quoted_few
from blemish.zones import Inspected, Zones

MOST_TOLD = 20  # problems with images
MOST_GOLDEN = 5  # names of them


def recalibrate(
    model: Model,
    dataset: Dataset,
    *,
    false_alarm_rate: float | None = None,
    region_rate: float | None = None,
    smallest_region_px: int | None = None,
    tail: bool = False,
    costs: Costs | None = None,
    defects: Sequence[str | Path | FilePage] = (),
    zones: Zones | None = None,
    progress: Progress | None = None,
) -> Model:
    """Set new thresholds from the good training images of a data set, without fitting again.

    Images that the model was fitted on count with the score that they had when left out, or not
    at all if they never were; others are scored now. Test images stay untouched. Where a
    threshold changes, `progress` is told what that does (see `threshold_changes`).

    Args:
        model: stays as it is.
        dataset: of good images.
        false_alarm_rate: by default the model's own, or the lowest that so many can promise.
        region_rate: by default `false_alarm_rate`, or the model's own where neither is given.
        smallest_region_px: by default the model's own.
        tail: as in `fit`.
        costs: the image threshold follows them in place of a rate; takes `defects`.
        defects: images of known defects: neither good nor test images of `dataset`, and none
            that the model was fitted on.
        zones: what of its map is inspected from now on. The detector goes on seeing whole images,
            and only images that it was not fitted on count.
        progress: told of stages and of what a user must hear.

    Raises:
        UsageError: costs without defects or the other way round, or beside a rate; zones with
            shares, or for a model that has zones.
        DataError: fewer than 2 good images, or a defect that may not have a say.
        CalibrationError: so few images cannot promise the rate, no tail can be fitted, or no
            threshold does better at these costs than none.
        ImageError: an image cannot be read.
    """
    _check_given(false_alarm_rate, costs, defects)
    progress = progress or LoggedProgress()
    old, before = model.calibration, model
    if zones is not None:
        model = within(model, _inspected(zones, dataset, model))
        if before.facts.golden:
            progress.say(
                "Golden samples are of scores without these zones, and not kept; keep new ones."
            )
    smallest = old.smallest_region_px if smallest_region_px is None else smallest_region_px
    request = CalibrationRequest(false_alarm_rate, region_rate, smallest, tail)
    images = _Images.of(model, dataset, progress)
    count = check_promise(dataset.name, list(images.keys.values()), request)
    request = _with_rates_of(old, request, count, progress, by_costs=costs is not None)
    suspects = _may_have_a_say(model, dataset, defects)
    found = _calibrated(model, images, request, progress, costs=costs, suspects=suspects)
    if zones is None:  # else scores mean something else than before
        for change in threshold_changes(before, found):
            if warning := change.warning():
                progress.say(warning)
    _tell_of_golden(model, found, progress)
    return found


def _calibrated(
    model: Model,
    images: _Images,
    request: CalibrationRequest,
    progress: Progress,
    *,
    costs: Costs | None,
    suspects: Sequence[Sample],
) -> Model:
    """The model with thresholds from these images, and where there are costs from defects."""
    every = images.scored(model, progress)
    scored = one_a_key(every, images.keys)
    wrong = list(_score(model, suspects, progress).values())
    calibration = calibrate(
        [image.score for image in scored],
        [image.peak for image in scored],
        method=images.method(model),
        request=request,
        costs=_rule(costs, scored, wrong, progress),
        dropped=0 if images.all_fresh else model.calibration.dropped,
    )

    def map_of(name: str) -> NDArray[np.float32]:
        (result,) = model.predict_each([images.fresh[name]])
        return _judged(result).score_map

    peaks = highest_peaks(every, images.keys)
    calibration = with_false_regions(calibration, peaks, map_of, mapped=images.fresh.keys())
    return with_calibration(model, calibration, scored, wrong)


def _with_rates_of(
    old: Calibration, request: CalibrationRequest, count: int, progress: Progress, *, by_costs: bool
) -> CalibrationRequest:
    """What is asked, with the rates of the calibration before where none are named."""
    if request.false_alarm_rate is not None:
        return request
    lowest = lowest_rate_for(request, count)
    if request.region_rate is None and old.region_rate != old.false_alarm_rate:
        request = replace(request, region_rate=max(old.region_rate, lowest))
    if not by_costs and max(DEFAULT_RATE, lowest) < old.false_alarm_rate:
        progress.say(
            f"The model's own false-alarm rate of {old.false_alarm_rate:.2g} is kept; {count} good "
            f"images can promise {lowest:.2g} and up (false_alarm_rate)."
        )
    return with_rate(request, count, progress, default=old.false_alarm_rate)


def threshold_changes(before: Model, now: Model) -> tuple[Change, Change]:
    """What other thresholds of the same graph do: of images, and of pixels.

    Args:
        before: a model.
        now: the same with another calibration, as `recalibrate` gives it.
    """
    own = {image.sha256: image.scored for image in before.facts.training.images}
    return changes(
        before.calibration,
        now.calibration,
        own=[image for image in own.values() if image],
        new=now.facts.calibration.scored,
    )


def _tell_of_golden(before: Model, now: Model, progress: Progress) -> None:
    """Say which golden samples get another verdict; their scores stay."""
    golden = now.facts.golden
    thresholds = [one.calibration.image_threshold for one in (before, now)]
    for verdict, names in turned(golden, before=thresholds[0], now=thresholds[1]).items():
        if names:
            progress.say(
                f"By the new image threshold, {len(names):,} of {len(golden):,} golden samples "
                f"turn {verdict}: {quoted_few(names, MOST_GOLDEN)}."
            )


def _inspected(zones: Zones, dataset: Dataset, model: Model) -> Inspected:
    """What of the images of a data set is inspected. Raises `DataError`, `ImageError`."""
    sizes = {sample.probe(model.reader).size_hw for sample in dataset.train}
    if len(sizes) != 1:
        raise DataError(
            f"{zones.source}: drawn for images of one size, and the good images of "
            f"'{dataset.name}' have {len(sizes)}."
        )
    return zones.on(sizes.pop())


@dataclass(frozen=True)
class _Images:
    """The good images that count.

    Attributes:
        samples: all of them.
        fresh: those that the model was not fitted on, by their ids.
        known: what those it was scored when left out, by their hash; `None` where never.
        keys: what keeps the images together, by their ids.
    """

    samples: list[Sample]
    fresh: dict[str, Sample]
    known: Mapping[str, ScoredImage | None]
    keys: dict[str, str]

    @classmethod
    def of(cls, model: Model, dataset: Dataset, progress: Progress) -> _Images:
        """The training split less what a model was fitted on without ever leaving it out.

        What was dropped as suspicious does not count either.
        """
        training = model.facts.training
        known = {image.sha256: image.scored for image in training.images}
        seen = {sha256 for sha256, scored in known.items() if scored is None}
        dropped = {image.sha256 for image in training.dropped}
        for gone, why in (
            (seen, "the model was fitted on them, so their scores are not those of new ones"),
            (dropped, "they were dropped from the fit as suspicious"),
        ):
            if count := sum(sample.sha256 in gone for sample in dataset.train):
                progress.say(f"{count} images do not count: {why}.")
        samples = [s for s in dataset.train if s.sha256 not in seen | dropped]
        contents = read_contents(samples, model.reader, progress=progress)
        keys = split_keys(samples, contents)
        return cls(
            samples,
            {s.id: s for s in samples if s.sha256 not in known},
            known,
            {s.id: key for s, key in zip(samples, keys, strict=True)},
        )

    @property
    def all_fresh(self) -> bool:
        """Whether the model was fitted on none of them."""
        return len(self.fresh) == len(self.samples)

    def scored(self, model: Model, progress: Progress) -> dict[str, ScoredImage]:
        """What each image scored when it was left out, or scores now."""
        now = _score(model, list(self.fresh.values()), progress)
        return {s.id: self.known.get(s.sha256) or now[s.id] for s in self.samples}

    def method(self, model: Model) -> str:
        """How the scores were had, in words."""
        left_out = model.facts.training.left_out
        if not self.fresh:
            return left_out
        if self.all_fresh or left_out == HELD_OUT:
            return HELD_OUT
        trained = len(self.samples) - len(self.fresh)
        return f"{left_out} ({trained}), {HELD_OUT} ({len(self.fresh)})"


def _check_given(
    rate: float | None, costs: Costs | None, defects: Sequence[str | Path | FilePage]
) -> None:
    """Raise `UsageError` where costs and defects do not come together, or beside a rate."""
    problems = []
    if costs and not defects:
        problems.append("A threshold by costs takes images of known defects: add defects=FOLDER.")
    if defects and not costs:
        problems.append(
            "Known defects have a say only where a miss and a false alarm have a cost: give "
            "'cost_miss' and 'cost_false_alarm'."
        )
    if costs and rate is not None:
        problems.append(
            "Costs and a false-alarm rate both set the image threshold; give one of them."
        )
    raise_all(problems, UsageError)


def _may_have_a_say(
    model: Model, dataset: Dataset, defects: Sequence[str | Path | FilePage]
) -> list[Sample]:
    """Known defects as samples, copies once; raises `DataError` for those that may not have one."""
    files = [one if isinstance(one, FilePage) else FilePage(Path(one)) for one in defects]
    samples = [Sample(str(p), p.path, "train", "defect", "defect", page=p.page) for p in files]
    barred = {
        "the model was fitted on it as a good one": model.fitted_on,
        f"it is a test image of '{dataset.name}', and no label of the test split ever moves a "
        "threshold": {s.sha256 for s in dataset.test},
        f"it is among the good images of '{dataset.name}', too": {s.sha256 for s in dataset.train},
    }
    raise_all(
        [
            f"Defect image {sample.source} may not have a say: {why}."
            for sample in samples
            for why, hashes in barred.items()
            if sample.sha256 in hashes
        ][:MOST_TOLD],
        DataError,
    )
    return list({sample.sha256: sample for sample in reversed(samples)}.values())[::-1]


def _rule(
    costs: Costs | None,
    good: Sequence[ScoredImage],
    defects: Sequence[ScoredImage],
    progress: Progress,
) -> CostRule | None:
    """The threshold by costs, where they are given."""
    if costs is None:
        return None
    rule = choose_threshold([i.score for i in good], [i.score for i in defects], costs)
    if costs.defect_rate is None:
        progress.say(
            f"Costs are weighed as if {100 * rule.defect_rate:.3g} % of the images on the line "
            "were defects, as among those given; 'defect_rate' says what it is there."
        )
    return rule


def _score(model: Model, samples: Sequence[Sample], progress: Progress) -> dict[str, ScoredImage]:
    scored = {}
    with progress.stage("scoring", len(samples)) as advance:
        results = model.predict_each(samples)
        for sample, result in zip(samples, results, strict=True):
            found = _judged(result)
            peak = float(found.score_map.max())
            scored[sample.id] = ScoredImage(sample.id, sample.sha256, found.score, peak)
            advance(1)
    return scored


def _judged(result: Prediction | Failure) -> Prediction:
    """A result, or the `ImageError` that came in its place."""
    if isinstance(result, Failure):
        raise ImageError(result.error)
    return result
