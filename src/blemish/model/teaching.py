"""Good images that were rejected, learned; training images, forgotten; either undone: in seconds.

Nothing is fitted. The bank of the model gets some patches more or has some fewer, and all else in
its graph stays as it is. More good patches can only lower a score, so the thresholds of the model
promise what they did; fewer can raise one, so after forgetting the promise is open until the
model is calibrated on good images that it has not seen.

A new model is made from an old one, which stays as it is: the file says what was done, and holds
what it takes to make the old file again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.calibration import CalibrationRequest, calibrate, with_rate
from blemish.calibration.facts import CalibrationFacts
from blemish.data.sample import Sample
from blemish.detectors.origins import Origins
from blemish.errors import UsageError, did_you_mean, raise_all
from blemish.images.header import FilePage
from blemish.images.usual import usual_of
from blemish.model.extras import without_images
from blemish.model.facts import Facts, FittedImage
from blemish.model.held_banks import HeldBanks
from blemish.model.history import Step, StepImage
from blemish.model.lesson import Lesson
from blemish.model.made import made, tell_of_golden
from blemish.model.model import Model
from blemish.model.refill import refilled, samples_in
from blemish.progress import LoggedProgress, Progress
from blemish.result import Verdict
from blemish.wording import counted, first_few

if TYPE_CHECKING:
    Vectors = NDArray[np.float32]
    Given = str | Path | FilePage

BEFORE = ", before images were forgotten"  # ends how scores were had
MOST_NAMED = 5


def learn(
    model: Model,
    images: Sequence[Given],
    *,
    whole: bool = False,
    because: str = "",
    progress: Progress | None = None,
) -> Model:
    """Add to a model what good images have that it rejects.

    Of each image the patches of its regions (of an image rejected without one, those above the
    threshold) join the bank, as few as it takes for the others of them to score no more than good
    patches do on the mean. The thresholds stay, and promise what they did.

    Args:
        model: of PatchCore; stays as it is.
        images: files of images that are good.
        whole: learn all of each image, rejected or not, and not only its regions.
        because: the reason, for the record.
        progress: told of stages and of what a user must hear.

    Raises:
        UsageError: the detector has no bank, no image has anything to be learned, or one is not
            inspectable.
        ImageError: an image cannot be read, or is of another format than the model takes.
        ModelFileError: the model does not know where its bank comes from.
    """
    progress = progress or LoggedProgress()
    bank = HeldBanks.of(model)
    samples = _samples(images)
    lesson, idle = Lesson.of(bank), []
    for sample in samples:
        _check_teachable(model, sample, progress)
    with progress.stage("learn", len(samples)) as advance:
        for sample in samples:
            if not lesson.add(sample, whole=whole):
                idle.append(sample.id)
            advance(1)
    if idle:
        told = f"nothing to learn in {first_few(idle, MOST_NAMED)}: no region, and not rejected"
        if len(idle) == len(samples):
            raise UsageError(f"There is {told}; 'whole' learns all of an image.", parameter="whole")
        progress.say(f"There is {told}.")
    new = _learned(bank, lesson, whole=whole, because=because)
    for sample in samples:
        if sample.id not in idle:
            _tell_if_rejected(new, sample, progress)
    tell_of_golden(model, progress)
    if not bank.banks.map_follows:
        progress.say(
            "The map is made by a trained net, which may rise where distances fall: how many good "
            "images show a region is open until the model is calibrated."
        )
    return new


def forget(
    model: Model,
    images: Sequence[Given],
    *,
    training_images: str | Path | None = None,
    because: str = "",
    progress: Progress | None = None,
) -> Model:
    """Take training images out of a model: their patches leave its bank.

    Images that were learned since the thresholds were set are as if they had never been. Of others
    the bank may keep the one patch of what many have, so the images that stay are looked at again,
    and get vectors for what would be missing. Thresholds are set anew from their left-out scores.
    These met banks that may have held what is gone, so what they promise is open until the model is
    calibrated.

    Args:
        model: of PatchCore; stays as it is.
        images: ids of training images, as the model knows them, or files of these.
        training_images: folder of all that it was fitted on, by their ids; not needed for images
            that were learned since the thresholds were set.
        because: the reason, for the record.
        progress: told of what a user must hear.

    Raises:
        UsageError: the detector has no bank, an image was not learned from, none would be left, or
            the folder is needed.
        DataError: not all images that stay are in the folder as they were.
        ModelFileError: the model does not know where its bank comes from.
    """
    progress = progress or LoggedProgress()
    folder = None if training_images is None else Path(training_images)
    bank = HeldBanks.of(model)
    new = _without(bank, _numbers(model.facts, images), folder, because, progress)
    tell_of_golden(model, progress)
    if not new.facts.history[-1].verdict_holds:
        progress.say(
            "Without them scores of good images can be higher: what the thresholds promise is open "
            "until the model is calibrated on good images that it has not seen."
        )
    return new


def _check_teachable(model: Model, sample: Sample, progress: Progress) -> None:
    """Raise `UsageError` where an image is not inspectable: learning cannot change that."""
    result = model.predict(sample)
    if result.reasons:
        raise UsageError(
            f"{sample.id} is not inspectable, and would stay so: {result.reasons[0].message} To "
            "have such images judged, fit again with some of them among the good ones."
        )
    if any(step.defects and _shows(step, sample) for step in model.facts.history):
        progress.say(f"{sample.id} was learned as a known defect; from now on it counts as good.")


def _shows(step: Step, sample: Sample) -> bool:
    return any(image.sha256 == sample.sha256 for image in step.images)


def _learned(bank: HeldBanks, lesson: Lesson, *, whole: bool, because: str) -> Model:
    """The model with what images have that it had not."""
    facts, origins = bank.model.facts, bank.origins
    banks, places = {}, {}
    for name, added in lesson.vectors.items():
        banks[name] = np.concatenate([bank.banks.vectors[name], *(v for v, _ in added)])
        places[name] = np.concatenate([origins.places[name], *(p for _, p in added)])
    known = {image.sha256 for image in facts.training.images}
    new = [image for image in lesson.images if image.sha256 not in known]
    training = replace(
        facts.training,
        images=(*facts.training.images, *(FittedImage(*image, None, None) for image in new)),
        appearance=facts.training.appearance.including(usual_of(lesson.appearances)),
    )
    origins = replace(origins, places=places, sizes_hw=[*origins.sizes_hw, *lesson.sizes_hw])
    step = Step(
        kind="learn",
        parent=bank.model.sha256,
        images=tuple(lesson.images),
        whole=whole,
        added=_more(bank, banks),
        removed=0,
        because=because,
        verdict_holds=True,
        regions_hold=bank.banks.map_follows,
    )
    facts = replace(facts, training=training, history=(*facts.history, step))
    return _changed(bank, banks, origins, facts, lesson.thumbnails)


def _without(
    bank: HeldBanks,
    numbers: Sequence[int],
    folder: Path | None,
    because: str,
    progress: Progress,
) -> Model:
    """The model without some of its images."""
    facts, every = bank.model.facts, bank.model.facts.training.images
    gone = np.zeros(len(every), np.bool_)
    gone[list(numbers)] = True
    origins, stay = without_images(bank.origins, gone)
    banks = {name: bank.banks.vectors[name][rows] for name, rows in stay.items()}
    if not all(len(vectors) for vectors in banks.values()):
        raise UsageError("The whole bank comes from these images; fit again without them.")
    names = [StepImage(every[n].id, every[n].sha256) for n in numbers]
    hashes = {image.sha256 for image in names}
    images = [image for image, out in zip(every, gone, strict=True) if not out]
    holds = _came_later(facts, numbers) or not _more(bank, banks)
    removed, added = -_more(bank, banks), 0
    if not holds:
        stays = [(n, image) for n, image in enumerate(every) if not gone[n]]
        banks, origins, added = _refilled(
            bank, banks, origins, stays, folder=folder, progress=progress
        )
    calibration, suspicious = facts.calibration, facts.training.suspicious
    if not holds:
        # What they scored when left out, they did by banks that may have held what is gone.
        images = [image._replace(score=None, peak=None) for image in images]
        calibration = _calibration_without(facts.calibration, hashes, progress)
    if suspicious:
        left = tuple(one for one in suspicious.images if one.sha256 not in hashes)
        suspicious = replace(suspicious, images=left)
    step = Step(
        kind="forget",
        parent=bank.model.sha256,
        images=tuple(names),
        whole=True,
        added=added,
        removed=removed,
        because=because,
        verdict_holds=holds,
        regions_hold=holds,
    )
    facts = replace(
        facts,
        training=replace(facts.training, images=tuple(images), suspicious=suspicious),
        calibration=calibration,
        history=(*facts.history, step),
    )
    return _changed(bank, banks, origins, facts, {})


def _refilled(
    bank: HeldBanks,
    banks: dict[str, Vectors],
    origins: Origins,
    stays: Sequence[tuple[int, FittedImage]],
    *,
    folder: Path | None,
    progress: Progress,
) -> tuple[dict[str, Vectors], Origins, int]:
    """Banks, origins, and how many vectors came in the place of what others have, too."""
    if folder is None:
        raise UsageError(
            "A bank keeps one patch for many that are alike, so the images that stay are needed to "
            "keep what they share with those that go: name their folder ('training_images')."
        )
    samples = samples_in(folder, stays)
    renumbered = {before: now for now, (before, _) in enumerate(stays)}
    places, count = dict(origins.places), 0
    for name, (vectors, found) in refilled(bank, banks, samples, progress).items():
        found["image"] = [renumbered[number] for number in found["image"]]
        banks[name] = np.concatenate([banks[name], vectors])
        places[name] = np.concatenate([places[name], found])
        count += len(vectors)
    return banks, replace(origins, places=places), count


def _more(bank: HeldBanks, banks: Mapping[str, Vectors]) -> int:
    """How many vectors there are more."""
    return sum(len(banks[name]) - len(vectors) for name, vectors in bank.banks.vectors.items())


def _came_later(facts: Facts, numbers: Sequence[int]) -> bool:
    """Whether images were all learned after the thresholds were set.

    These rest on the bank without them, so that they hold when it is as it was. Images of the fit
    were scored when left out; once some of these were forgotten nobody can tell any more.
    """
    learned = {i.sha256 for step in facts.history if step.kind == "learn" for i in step.images}
    if any(step.kind == "calibrate" or not step.verdict_holds for step in facts.history):
        return False
    images = [facts.training.images[number] for number in numbers]
    return all(image.sha256 in learned and image.scored is None for image in images)


def _changed(
    bank: HeldBanks,
    banks: Mapping[str, Vectors],
    origins: Origins,
    facts: Facts,
    thumbnails: Mapping[str, bytes],
) -> Model:
    """A model with other vectors."""
    graph = bank.banks.replaced(banks, patches=bank.patches_at_once())
    told, details = bank.banks.described(facts.detector.told, banks)
    facts = replace(facts, detector=replace(facts.detector, told=told, details=details))
    return made(bank.model, graph, origins, facts, thumbnails=thumbnails)


def _calibration_without(
    known: CalibrationFacts, hashes: set[str], progress: Progress
) -> CalibrationFacts:
    """A calibration without the scores of some images."""
    left = [image for image in known.scored if image.sha256 not in hashes]
    if known.costs or len(left) < 2:
        return known
    request = CalibrationRequest(None, None, known.smallest_region_px, known.tails is not None)
    request = with_rate(request, len(left), progress, default=known.false_alarm_rate)
    if known.region_rate != known.false_alarm_rate:
        lowest = 1 / (len(left) + 1)
        request = replace(request, region_rate=max(known.region_rate, lowest))
    found = calibrate(
        [image.score for image in left],
        [image.peak for image in left],
        method=known.method.removesuffix(BEFORE) + BEFORE,
        request=request,
        dropped=known.dropped,
    )
    return found.facts(left)


def _samples(images: Sequence[Given]) -> list[Sample]:
    """Good images by their files, each content once."""
    if not images:
        raise UsageError("Name at least one image.")
    pages = [one if isinstance(one, FilePage) else FilePage(Path(one)) for one in images]
    found = [Sample(str(p), p.path, "train", "good", "good", page=p.page) for p in pages]
    return list({sample.sha256: sample for sample in reversed(found)}.values())[::-1]


def _numbers(facts: Facts, images: Sequence[Given]) -> list[int]:
    """Which training images are meant, rising. Raises `UsageError` for those that are none."""
    every = facts.training.images
    by_id: dict[str, list[int]] = {}
    for number, image in enumerate(every):
        by_id.setdefault(image.id, []).append(number)
    by_hash = {image.sha256: number for number, image in enumerate(every)}
    found, problems = set(), []
    for given in images:
        name = str(given)
        if len(by_id.get(name, [])) == 1:
            found.add(by_id[name][0])
        elif name in by_id:
            problems.append(f"Several images were learned as '{name}'; name the file.")
        elif (sha256 := _hash_of_file(given)) in by_hash:
            found.add(by_hash[sha256])
        else:
            problems.append(
                f"'{name}' is no image that the model learned from.{did_you_mean(name, by_id)}"
            )
    raise_all(problems, UsageError)
    return sorted(found)


def _hash_of_file(given: Given) -> str:
    """Of an image's file; empty where there is none."""
    page = given if isinstance(given, FilePage) else FilePage(Path(given))
    try:
        return Sample(str(given), page.path, "train", "good", "good", page=page.page).sha256
    except Exception:  # whatever is wrong with a file, it is none that was learned
        return ""


def _tell_if_rejected(model: Model, sample: Sample, progress: Progress) -> None:
    result = model.predict(sample)
    if result.verdict == Verdict.DEFECT or result.regions:
        shown = counted(len(result.regions), "region")
        verdict = "is still rejected" if result.verdict == Verdict.DEFECT else "passes"
        progress.say(f"'{sample.id}' {verdict}, with {shown}; whole=True learns all of it.")
