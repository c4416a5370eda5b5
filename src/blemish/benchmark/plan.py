"""What a benchmark has to do: a job for each category, detector and seed.

A job's id ends in a hash of everything that decides its result: the images with their labels and
splits, the detector and all of its settings (those left at their defaults too), the content of
what it takes from elsewhere, what else a fit is asked for, the version of blemish. So a job that
was done before is recognised by content, wherever its files lie now; any change makes a new job.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from blemish.alignment import Alignment
from blemish.calibration import SMALLEST_REGION_PX
from blemish.data.dataset import Dataset
from blemish.data.layouts.found import Names
from blemish.data.opening import category_paths, open_dataset
from blemish.detectors.assigned import settings_of_each
from blemish.detectors.contract import Detector
from blemish.detectors.registry import make_detector, settings_class
from blemish.errors import (
    DataError,
    ImageError,
    SettingError,
    UsageError,
    did_you_mean,
    raise_all,
)
from blemish.images.header import DEFAULT_LIMITS, Alpha, Reader
from blemish.images.raw import RawFormat
from blemish.images.suffixes import raw_counting
from blemish.provenance import Source
from blemish.records.folder import id_of
from blemish.records.machine import circumstances
from blemish.records.record import FailedRecord, FitRequest
from blemish.typed_json import as_json, as_type, read_json
from blemish.wording import first_few
from blemish.zones import Zones

MOST_NAMED = 5  # files, in errors
SPLIT_SEED = 0  # of layouts without a split: seeds vary the detector, never the images


@dataclass(frozen=True)
class Job:
    """One detector on one category with one seed, as plain values.

    Attributes:
        id: `<category>-<detector>-<seed>-<8 hexadecimal digits of the content>`.
        data: path of the category's folder or manifest.
        category: its name, with that of the folder around it where two have the same.
        detector: name of the detector.
        settings: all of the detector's settings, the seed included.
        seed: of the detector.
        sources: what the detector takes from elsewhere.
        request: what decides the result besides images and detector.
        test_fraction: as `open_dataset` takes it.
        max_pixels: of an image.
        good: as `open_dataset` takes it.
        ignore: as `open_dataset` takes it.
        defect: as `open_dataset` takes it.
        raw: how the pixels lie in files without a header, as text.
        zones: what is inspected, as `Zones.named` takes it; `None` for all.
        align: how far parts may lie off, as `Alignment.named` takes it; `None` where not aligned.
    """

    id: str
    data: str
    category: str
    detector: str
    settings: dict[str, Any]
    seed: int
    sources: tuple[Source, ...]
    request: FitRequest
    test_fraction: float | None
    max_pixels: int
    good: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    defect: tuple[str, ...] = ()
    raw: str | None = None
    zones: str | None = None
    align: str | None = None

    @property
    def reader(self) -> Reader:
        """How images are read. Raises `SettingError`."""
        limits = DEFAULT_LIMITS.replace(max_pixels=self.max_pixels)
        return Reader(limits, self.request.alpha, _raw_format(self.raw))

    def to_json(self) -> str:
        """The job on one line."""
        return json.dumps(as_json(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The job that `to_json` wrote."""
        return as_type(read_json(text), cls)

    def open_dataset(self) -> Dataset:
        """The images, under the name of the category. Raises `DataError`."""
        names = Names(self.good, self.ignore, self.defect)
        opened = _open(self.data, self.test_fraction, names, self.raw)
        return replace(opened, name=self.category)

    def read_zones(self) -> Zones | None:
        """What is inspected; `None` for all. Raises `DataError`, `ImageError`."""
        return None if self.zones is None else Zones.named(self.zones)

    @property
    def alignment(self) -> Alignment | None:
        """How far parts may lie off; `None` where they are not aligned. Raises `SettingError`."""
        return None if self.align is None else Alignment.named(self.align)

    def id_of(self, dataset: Dataset, detector: Detector) -> str:
        """The id that it has with these images and this detector."""
        said = {"raw": self.raw, "zones": self.zones, "align": self.align}
        return job_id(dataset, detector, self.request, **said)

    def make_detector(self) -> Detector:
        """The detector, ready to fit. Raises `SettingError`."""
        return make_detector(self.detector, self.settings)

    def with_absolute_paths(self) -> Job:
        """The same job for a process that may be in another folder."""
        files = settings_class(self.detector).names_of_files()
        values = self.settings.items()
        settings = {name: _absolute(v) if name in files else v for name, v in values}
        return replace(
            self, data=_absolute(self.data), settings=settings, zones=_absolute(self.zones)
        )

    def paths(self) -> list[Path]:
        """What it reads that is there: its images, and files that its settings name."""
        files = settings_class(self.detector).names_of_files()
        named = [self.data, *(value for name in files if (value := self.settings[name]))]
        named += [self.zones] if self.zones else []
        return [path for path in map(Path, named) if path.exists()]

    def failed(self, error: str) -> FailedRecord:
        """The record of the job where it failed: what was asked for, and why there is no result."""
        return FailedRecord(
            job=self.id,
            category=self.category,
            detector=self.detector,
            seed=self.seed,
            settings=_without_files(self.settings, self.make_detector()),
            sources=self.sources,
            request=self.request,
            error=error,
            **circumstances(),
        )


def plan_jobs(
    data: Sequence[str | Path],
    *,
    detectors: Sequence[str] = ("patchcore",),
    categories: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    settings: Mapping[str, Any] | None = None,
    false_alarm_rate: float | None = None,
    alpha: Alpha = "refuse",
    smallest_region_px: int = SMALLEST_REGION_PX,
    test_fraction: float | None = None,
    max_pixels: int = DEFAULT_LIMITS.max_pixels,
    good: Sequence[str] = (),
    ignore: Sequence[str] = (),
    defect: Sequence[str] = (),
    raw: str | None = None,
    zones: str | None = None,
    align: str | None = None,
) -> list[Job]:
    """All jobs of a benchmark: by category, then detector, then seed. Reads every file once.

    The seeds are those of the detectors. Images that come without a split are always split with
    seed 0, so that jobs that differ in their seed alone learn from and are measured on the same
    images.

    Args:
        data: paths that `open_dataset` takes; each may hold several categories. Where two hold a
            category of the same name, the name of the folder around it goes in front: `mtd/tile`.
        detectors: their names.
        categories: only these; by default all.
        seeds: of the detectors.
        settings: of the detectors, besides the seed, as `settings_of_each` takes them.
        false_alarm_rate: as `fit` takes it.
        alpha: as `fit` takes it.
        smallest_region_px: as `fit` takes it.
        test_fraction: share of good images to keep for testing, where a layout has no split.
        max_pixels: of an image. No part of an id: no result hangs on it.
        good: names of folders of good images, as `open_dataset` takes them.
        ignore: names of folders to pass over, as `open_dataset` takes them.
        defect: names of folders of a kind of defect, as `open_dataset` takes them.
        raw: how the pixels lie in files without a header, as `RawFormat.named` takes it.
        zones: what is inspected, as `Zones.named` takes it, or a folder with a file of zones for
            each category, under its name.
        align: how far parts may lie off, as `Alignment.named` takes it; not aligned by default.

    Raises:
        UsageError: there is nothing to do, since one of the lists is empty.
        DataError: a path is no data set, a category is unknown or given twice, a file cannot be
            read at all, or zones are not there or damaged; all categories that cannot be used are
            told at once.
        SettingError: a detector or setting is unknown, or a value not allowed.
        BackboneError: what a detector takes from elsewhere cannot be used.
    """
    _check_something_to_do(data=data, detectors=detectors, categories=categories, seeds=seeds)
    names, raw_format = Names.of(good, ignore, defect), _raw_format(raw)
    raw = None if raw_format is None else str(raw_format)  # spelled in one way, for the id
    built = _built(detectors, settings or {}, seeds)
    request = FitRequest(
        false_alarm_rate=false_alarm_rate, alpha=alpha, smallest_region_px=smallest_region_px
    )
    if align is not None:
        Alignment.named(align)
    with raw_counting(raw is not None):
        paths = _find(data, categories, names)
    of_all: dict[str, Any] = {
        "test_fraction": test_fraction,
        "max_pixels": max_pixels,
        "good": names.good,
        "ignore": names.ignored,
        "defect": names.defects,
        "raw": raw,
        "align": align,
    }
    opened = [
        (d, path, _zones_of(d.name, zones))
        for d, path in _open_all(paths, test_fraction, names, raw)
    ]
    return [
        _job(dataset, path, detector, request, zones=own_zones, **of_all)
        for dataset, path, own_zones in opened
        for detector in built
    ]


def _built(
    detectors: Sequence[str], settings: Mapping[str, Any], seeds: Sequence[int]
) -> list[Detector]:
    """Each detector with each seed. Raises `SettingError`."""
    own = settings_of_each(list(dict.fromkeys(detectors)), settings)
    if any("seed" in values for values in own.values()):
        raise SettingError("'seed' must be given by 'seeds' here, not among the settings.")
    return [
        make_detector(name, {**values, "seed": seed})
        for name, values in own.items()
        for seed in dict.fromkeys(seeds)
    ]


def _job(
    dataset: Dataset,
    path: Path,
    detector: Detector,
    request: FitRequest,
    *,
    zones: str | None,
    **of_all: Any,
) -> Job:
    """One detector, with its seed, on one category; `of_all` is what all jobs have in common."""
    said = {"raw": of_all["raw"], "zones": zones, "align": of_all["align"]}
    return Job(
        id=job_id(dataset, detector, request, **said),
        data=str(path),
        category=dataset.name,
        detector=detector.name,
        settings=detector.settings.to_dict(),
        seed=detector.settings.seed,
        sources=detector.provenance(),
        request=request,
        zones=zones,
        **of_all,
    )


def job_id(
    dataset: Dataset,
    detector: Detector,
    request: FitRequest,
    *,
    raw: str | None = None,
    zones: str | None = None,
    align: str | None = None,
) -> str:
    """The id of the job that fits and measures a detector on a data set."""
    content = {
        "dataset": dataset.fingerprint,
        "settings": _without_files(detector.settings.to_dict(), detector),
        "sources": {source.role: source.sha256 for source in detector.provenance()},
        "request": asdict(request),
    }
    if raw is not None:  # the same bytes are other pixels then
        content["raw"] = raw
    if zones is not None:
        content["zones"] = Zones.named(zones).fingerprint
    if align is not None:
        content["align"] = str(Alignment.named(align))
    return id_of(dataset.name, detector.name, detector.settings.seed, content)


def _zones_of(category: str, zones: str | None) -> str | None:
    """The zones of a category, once they have been read: all have the same, or a file each."""
    if zones is None:
        return None
    if Path(zones).is_dir():
        stem = category.replace("/", "-")
        files = sorted(path for path in Path(zones).iterdir() if path.stem == stem)
        if len(files) != 1:
            found = first_few([path.name for path in files], MOST_NAMED) if files else "none"
            raise DataError(
                f"'{zones}' must hold one file of zones called '{stem}', .png or .json; it holds "
                f"{found}."
            )
        zones = str(files[0])
    Zones.named(zones)
    return zones


def _absolute(path: Any) -> Any:
    """The whole path of a file or folder; any other value, and what is not there, as it is."""
    there = isinstance(path, str) and Path(path).exists()
    return str(Path(path).absolute()) if there else path


def _without_files(settings: Mapping[str, Any], detector: Detector) -> dict[str, Any]:
    """Settings of a detector without those that say where a file lies."""
    files = detector.settings.names_of_files()
    return {name: value for name, value in settings.items() if name not in files}


def _check_something_to_do(**lists: Sequence[Any] | None) -> None:
    for name, values in lists.items():
        if values is not None and not values:
            raise UsageError(f"'{name}' names nothing; give at least one.", parameter=name)


def _raw_format(text: str | None) -> RawFormat | None:
    return None if text is None else RawFormat.named(text)


def _open(path: str | Path, test_fraction: float | None, names: Names, raw: str | None) -> Dataset:
    return open_dataset(
        path,
        seed=SPLIT_SEED,
        test_fraction=test_fraction,
        good=names.good,
        ignore=names.ignored,
        defect=names.defects,
        raw=_raw_format(raw),
    )


def _open_all(
    paths: Mapping[str, Path], test_fraction: float | None, names: Names, raw: str | None
) -> list[tuple[Dataset, Path]]:
    """Each category, under its name, with its path; what cannot be used is told at once."""
    found = []
    problems = []
    for name, path in paths.items():
        try:
            dataset = replace(_open(path, test_fraction, names, raw), name=name)
            _ = dataset.fingerprint  # reads every file
        except (DataError, ImageError) as error:
            problems.append(f"category '{name}' ({path}): {error}")
        else:
            found.append((dataset, path))
    raise_all(problems, DataError)
    return found


def _find(
    data: Iterable[str | Path], wanted: Sequence[str] | None, names_said: Names
) -> dict[str, Path]:
    """Paths of the categories by the names to call them, in the order given."""
    found: list[tuple[str, Path]] = []
    for root in data:
        found += category_paths(root, names_said).items()
    if wanted is not None:
        names = sorted({name for name, _ in found})
        unknown = [
            f"There is no category '{name}'; there are {', '.join(names)}."
            f"{did_you_mean(name, names)}"
            for name in wanted
            if name not in names
        ]
        raise_all(unknown, DataError)
        found = [(name, path) for name, path in found if name in wanted]
    return _told_apart(found)


def _told_apart(found: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    times = Counter(name for name, _ in found)
    named = [
        (name if times[name] == 1 else f"{path.resolve().parent.name}/{name}", path)
        for name, path in found
    ]
    twice = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
    raise_all(
        [f"The category '{name}' is given twice; give each once, or rename one." for name in twice],
        DataError,
    )
    return dict(named)
