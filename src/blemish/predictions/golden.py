"""Golden samples: keep what a model makes of chosen images in its file, and check it anywhere.

An update of the runtime, its provider, the decoder of images or the machine may move scores, and
nothing else tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.sample import Sample
from blemish.data.words import is_good
from blemish.errors import DataError, ImageError, ModelFileError, SettingError, raise_some
from blemish.model.golden import MOST_IMAGES, GoldenImage, circumstances, grid_of
from blemish.model.model import Model
from blemish.model.variants import with_golden
from blemish.names import shown
from blemish.predictions.golden_report import File, GoldenCheck, GoldenReport
from blemish.predictions.images_named import FoundImages, find_images, spell_passed_over
from blemish.progress import LoggedProgress, Progress
from blemish.result import Failure, Verdict
from blemish.wording import counted, quoted_few

# Of the threshold. On processors, models in float32 differed by 7e-6 at most between all runtimes
# and versions that were tried (docs/reference/portability.md), those in int8 by 4e-7 within x86_64
# and ONNX Runtime. Where a tenth of all values in an image differs by one level, as decoders may,
# the score moves by 2e-4 to 4e-2 (models of a drawn tile).
TOLERANCE = 1e-4
MOST_TOLD = 5


def keep_golden(
    model: Model, folder: str | Path, *, add: bool = False, progress: Progress | None = None
) -> Model:
    """A model that keeps its scores and maps of chosen images, good ones and defects, in its file.

    Args:
        model: stays as it is.
        folder: of the images, searched to its depth; an image goes by its path below it.
        add: whether golden samples that the model has already stay, but for those of the same
            name; they are replaced otherwise.
        progress: told of stages and of what a user must hear.

    Raises:
        DataError: there is no such folder, it holds no image or more than can be kept, or a
            name that is no text.
        ImageError: images cannot be read or judged, all at once.
    """
    progress = progress or LoggedProgress()
    images = _found(folder)
    if images.passed_over:
        progress.say(spell_passed_over(images.passed_over))
    samples = _samples(images)
    earlier = {image.id: image for image in model.facts.golden}
    kept = {image.id: image for image in (earlier.values() if add else ())}
    _check_keepable(samples, {*kept, *(sample.id for sample in samples)}, folder)
    problems = []
    for sample, result in _each(model, samples, progress):
        if isinstance(result, Failure):
            problems.append(result.error)
        else:
            kept[sample.id] = result
    raise_some(problems, ImageError)
    new = [kept[sample.id] for sample in samples]
    _tell_of_earlier(earlier, new, progress, add=add)
    _tell_of_labels(new, model.calibration.image_threshold, progress)
    _tell_of_close(new, model.calibration.image_threshold, progress)
    return with_golden(model, [kept[name] for name in sorted(kept)])


def verify_golden(
    model: Model,
    folder: str | Path,
    *,
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> GoldenReport:
    """Judge a model's golden images again, and compare with what its file keeps of them.

    Args:
        model: with golden samples, on the engine that is to be checked.
        folder: of the golden images, under the names that they had.
        tolerance: largest difference of a score or a cell of a map, as a share of the threshold
            (or of the kept value, where that is larger).
        progress: told of stages.

    Raises:
        SettingError: the tolerance is out of its limits.
        ModelFileError: the model has no golden samples.
        DataError: there is no such folder, or none of the golden images in it.
    """
    if not 0 <= tolerance < 1:
        raise SettingError(f"'tolerance' must be in [0, 1); got {tolerance:g}.")
    golden = model.facts.golden
    if not golden:
        raise ModelFileError(
            "The model file keeps no golden samples; blemish golden MODEL DIR -o NEW.onnx makes "
            "one that does."
        )
    there = {sample.id: sample for sample in _samples(_found(folder))}
    samples = [there[image.id] for image in golden if image.id in there]
    if not samples:
        names = quoted_few([image.id for image in golden], MOST_TOLD)
        raise DataError(f"Folder '{folder}' holds none of the model's golden images: {names}.")
    judged = _each(model, samples, progress or LoggedProgress())
    results = {sample.id: result for sample, result in judged}
    known = {image.id for image in golden}
    return GoldenReport(
        tuple(_check(image, results.get(image.id), model) for image in golden),
        tolerance,
        circumstances(model.engine),
        whole_numbers=_has_whole_numbers(model.facts.detector.settings),
        others=tuple(shown(name) for name in there if name not in known),
    )


def _check(kept: GoldenImage, found: GoldenImage | Failure | None, model: Model) -> GoldenCheck:
    c = model.calibration
    if isinstance(found, GoldenImage):
        return GoldenCheck.of(
            kept, found, image_threshold=c.image_threshold, pixel_threshold=c.pixel_threshold
        )
    verdict = kept.verdict(c.image_threshold)
    if found is None:
        return GoldenCheck(kept, File.MISSING, None, verdict)
    return GoldenCheck(kept, File.NOT_JUDGED, None, verdict, error=found.error)


def _found(folder: str | Path) -> FoundImages:
    path = Path(folder)
    if not path.is_dir():
        raise DataError(f"There is no folder '{path}' of golden images.")
    return find_images([path])


def _samples(images: FoundImages) -> list[Sample]:
    """Images as samples, which know their hashes; nothing is said of their kind."""
    return [
        Sample(image.name, image.path, "test", "good", "good", page=image.page)
        for image in images.found
    ]


def _check_keepable(samples: Sequence[Sample], names: set[str], folder: str | Path) -> None:
    """Raise `DataError` for too many images, and for names that a file cannot hold."""
    if len(names) > MOST_IMAGES:
        raise DataError(
            f"Folder '{folder}' makes {len(names):,} golden samples; a model file keeps at most "
            f"{MOST_IMAGES:,}. Choose some of each kind."
        )
    raise_some(
        [
            f"'{shown(sample.id)}' has a name that is no text (UTF-8); rename it."
            for sample in samples
            if shown(sample.id) != sample.id
        ],
        DataError,
    )


def _each(
    model: Model, samples: Sequence[Sample], progress: Progress
) -> Iterator[tuple[Sample, GoldenImage | Failure]]:
    """What a model makes of each image, in order; maps are let go of at once."""
    by = circumstances(model.engine)
    with progress.stage("golden", len(samples)) as advance:
        for sample, result in zip(samples, model.predict_each(samples), strict=True):
            if isinstance(result, Failure):
                yield sample, result
            else:
                grid = grid_of(result.score_map)
                try:
                    pixels = sample.content(reader=model.reader).pixels
                    yield (
                        sample,
                        GoldenImage(sample.id, sample.sha256, pixels, result.score, grid, by),
                    )
                except ImageError as error:  # it was changed meanwhile
                    yield sample, Failure(str(sample.source), str(error))
            advance(1)


def _tell_of_earlier(
    earlier: dict[str, GoldenImage], new: Sequence[GoldenImage], progress: Progress, *, add: bool
) -> None:
    replaced = len(earlier) if not add else sum(image.id in earlier for image in new)
    if replaced:
        one = replaced == 1
        how = "replaced by these" if not add else "replaced by those of the same name"
        progress.say(
            f"{counted(replaced, 'golden sample')} that the model had {'is' if one else 'are'} "
            f"{how}."
        )


def _tell_of_labels(
    images: Sequence[GoldenImage], image_threshold: float, progress: Progress
) -> None:
    """Say where a verdict is not what the image's folder says, if any folder is one of good."""
    folders = {image.id: PurePosixPath(image.id).parent.name for image in images}
    if not any(map(is_good, folders.values())):
        return
    alarms, misses = [], []
    for image in images:
        defect = image.verdict(image_threshold) == Verdict.DEFECT
        good = is_good(folders[image.id])
        if good and defect:
            alarms.append(image.id)
        elif folders[image.id] and not (good or defect):
            misses.append(image.id)
    for names, where, verdict in (
        (alarms, "a folder of good ones", "defects"),
        (misses, "a folder of defects", "good"),
    ):
        if names:
            progress.say(
                f"{counted(len(names), 'golden image')} in {where} judged {verdict}, which is kept "
                f"as it is: {quoted_few(names, MOST_TOLD)}."
            )


def _tell_of_close(
    images: Sequence[GoldenImage], image_threshold: float, progress: Progress
) -> None:
    """Say which verdicts rounding alone may turn."""
    close = [image.id for image in images if abs(image.margin(image_threshold)) <= TOLERANCE]
    if close:
        progress.say(
            f"{counted(len(close), 'golden image')} so near the threshold that rounding alone may "
            f"turn the verdict, which is an error of blemish verify: {quoted_few(close, MOST_TOLD)}"
            "."
        )


def _has_whole_numbers(settings: Any) -> bool:
    """Whether any setting, also of several detectors, is `int8`."""
    if isinstance(settings, dict):
        return any(map(_has_whole_numbers, settings.values()))
    if isinstance(settings, list | tuple):
        return any(map(_has_whole_numbers, settings))
    return bool(settings == "int8")
