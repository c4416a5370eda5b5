"""All annotations in a folder, of whatever format, matched with its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from blemish.data.annotations.annotation import Annotation, Annotations, Remark, means_good
from blemish.data.annotations.coco import keypoints_beside, subset_of_file
from blemish.data.annotations.formats import (
    COCO,
    LABEL_STUDIO,
    LABELME,
    SUFFIXES,
    VOC,
    YOLO,
    Format,
    content_of,
    format_of,
    unread,
)
from blemish.data.annotations.label_studio import without_upload_prefix
from blemish.data.annotations.matching import AmbiguousError, Images
from blemish.data.annotations.supplement import FILE as SUPPLEMENT
from blemish.data.annotations.supplement import Supplement, read_supplement, supplemented
from blemish.data.annotations.yolo_folder import yolo_files
from blemish.data.split import Split
from blemish.errors import DataError
from blemish.parallel import read_ahead
from blemish.result import GOOD

NAMED_AS_IMAGES = (LABELME, VOC)  # a file for each image, beside it
NOT_THERE = (
    "file of annotations names an image that is not there, and is taken for the one that is called "
    "as the file is",
    "files of annotations name images that are not there, and are taken for those that are called "
    "as the files are",
)


@dataclass(frozen=True, slots=True)
class Found:
    """What annotation files say of the images of a folder.

    Attributes:
        by_image: what is said of each image that is annotated.
        not_yet: images that a file lists and that nobody has annotated.
        splits: of images, where files say.
        unlisted: images in no folder or list of those that a `data.yaml` names for the splits.
        supplements: what is said of images besides, their groups and metadata.
        used: the files that say something, also those that name classes or complete others.
        formats: of the files, each once.
        without_image: by file, the names of images that are not there.
        unmatched: files for one image each that mark defects on one which is not there.
        set_aside: files that lie beside others which say more of the same images.
        unread: what other files hold that look like annotations, in words.
        remarks: what is odd in what was read.
        labels: how often each label marks a defect.
        problems: what is wrong, a sentence each; where there are any, the rest is incomplete.
    """

    by_image: Mapping[Path, Annotation] = field(default_factory=dict)
    not_yet: tuple[Path, ...] = ()
    splits: Mapping[Path, Split] = field(default_factory=dict)
    unlisted: frozenset[Path] = frozenset()
    supplements: Mapping[Path, Supplement] = field(default_factory=dict)
    used: tuple[Path, ...] = ()
    formats: tuple[Format, ...] = ()
    without_image: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    unmatched: tuple[Path, ...] = ()
    set_aside: tuple[Path, ...] = ()
    unread: Mapping[Path, str] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def annotations_in(folder: Path, files: Sequence[Path], images: Sequence[Path]) -> Found:
    """Find and read the annotations in a folder.

    Args:
        folder: of all of them.
        files: that may hold annotations, also those that do not: each is recognised by its content.
        images: that may be annotated; masks are none of them.
    """
    index = Images(folder, images)
    reading = _Reading(index)
    files = sorted(files)
    there = set(files)
    reading.set_aside = [path for path in files if keypoints_beside(path, there)]
    aside = set(reading.set_aside)
    wanted = [path for path in files if path.suffix.lower() in SUFFIXES and path not in aside]
    for path, result in read_ahead(wanted, _read):
        if isinstance(result, DataError):
            reading.problems += str(result).splitlines()
        elif isinstance(result, Exception):
            raise result
        elif isinstance(result, str):
            reading.unread[path] = result
        elif result is not None:
            reading.take(path, *result)
    reading.take_yolo(files)
    for path in files:
        if path.name == SUPPLEMENT:
            reading.take_supplement(path)
    return reading.found()


def _read(path: Path) -> tuple[Format, Annotations] | str | None:
    """What a file says; in words what it holds, where that is not read; `None` otherwise."""
    content = content_of(path)
    found = format_of(path, content)
    return (unread(path, content) or None) if found is None else (found, found.read(path, content))


class _Reading:
    """What has been found so far."""

    def __init__(self, images: Images) -> None:
        self.problems: list[str] = []
        self.set_aside: list[Path] = []
        self.unread: dict[Path, str] = {}
        self._images = images
        self._annotations: dict[Path, Annotation | None] = {}
        self._files: dict[Path, Path] = {}  # that speak of an image
        self._splits: dict[Path, Split] = {}
        self._supplements: dict[Path, Supplement] = {}
        self._unlisted: set[Path] = set()
        self._used: list[Path] = []
        self._formats: dict[str, Format] = {}
        self._without: dict[Path, tuple[str, ...]] = {}
        self._unmatched: list[Path] = []
        self._remarks: list[Remark] = []

    def take(self, path: Path, found: Format, annotations: Annotations) -> None:
        """Take what a file says."""
        self._used.append(path)
        self._formats[found.name] = found
        missing = []
        for name, image in self._matched(path, found, list(annotations)):
            said = annotations[name]
            if image is None:
                missing.append(name)
                if found in NAMED_AS_IMAGES and said is not None and said.defect_type != GOOD:
                    self._unmatched.append(path)
            else:
                self._put(image, path, said)
        if missing:
            self._without[path] = tuple(missing)

    def take_yolo(self, files: Sequence[Path]) -> None:
        """Take what YOLO's text files say."""
        found = yolo_files(files, self._images)
        self.problems += found.problems
        if found.by_image or found.used:
            self._formats[YOLO.name] = YOLO
        self._used += found.used
        self._splits |= found.splits
        self._unlisted |= found.unlisted
        self._without |= found.without_image
        self._unmatched += found.unmatched
        for image, (path, annotation) in found.by_image.items():
            self._used.append(path)
            self._put(image, path, annotation)

    def take_supplement(self, path: Path) -> None:
        """Take what a file says that completes the others."""
        try:
            lines = read_supplement(path)
        except DataError as error:
            self.problems += str(error).splitlines()
            return
        self._used.append(path)
        missing = [image for image in lines if image not in self._images]
        if missing:
            self._without[path] = tuple(image.name for image in missing)
        for image in lines.keys() - set(missing):
            self._supplements[image] = lines[image]
            found = supplemented(self._annotations.get(image), lines[image], path)
            if found is not None:
                self._annotations[image] = found

    def found(self) -> Found:
        """All of it."""
        known = {image: one for image, one in self._annotations.items() if one is not None}
        return Found(
            by_image=known,
            not_yet=tuple(image for image, one in self._annotations.items() if one is None),
            splits=self._splits,
            unlisted=frozenset(self._unlisted),
            supplements=self._supplements,
            used=tuple(sorted([*self._used, *self.set_aside])) if self._used else (),
            formats=tuple(self._formats.values()),
            without_image=self._without,
            unmatched=tuple(sorted(self._unmatched)),
            set_aside=tuple(self.set_aside),
            unread=self.unread,
            remarks=(*self._remarks, *(said for one in known.values() for said in one.remarks)),
            labels=dict(_labels(known.values()).most_common()),
            problems=tuple(self.problems),
        )

    def _put(self, image: Path, path: Path, annotation: Annotation | None) -> None:
        other = self._files.setdefault(image, path)
        if image in self._annotations:
            where = "twice" if other == path else f"and so does '{other}'; keep one"
            self.problems.append(f"{path}: speaks of '{image}' {where}.")
            return
        self._annotations[image] = annotation
        if annotation is not None and annotation.split is not None:
            self._splits[image] = annotation.split

    def _matched(
        self, path: Path, found: Format, names: list[str]
    ) -> Iterator[tuple[str, Path | None]]:
        """Names of images in a file, each with the image that it means."""
        times = Counter(_file_name(name) for name in names)
        near = subset_of_file(path) if found == COCO else ""
        for name in names:
            alone = times[_file_name(name)] == 1
            try:
                if found in NAMED_AS_IMAGES:
                    image = self._of_one(path, name)
                else:
                    image = self._images.named(name, beside=path.parent, alone=alone, near=near)
                if image is None and "%" in name:  # an address, as Label Studio's COCO has it
                    image = self._images.named(unquote(name), beside=path.parent, alone=alone)
                if image is None and found == LABEL_STUDIO:
                    image = self._images.named(without_upload_prefix(name), beside=path.parent)
            except AmbiguousError as error:
                self.problems.append(
                    f"{path}: '{name}' {error} Write its folder, too, or keep one of them."
                )
                continue
            yield name, image

    def _of_one(self, path: Path, name: str) -> Path | None:
        """The image of a file that speaks of a single one: called as it is, or by what it names.

        The tools go by what the file names, people rename both. Where each leads to an image of its
        own, one of them is wrong.

        Raises:
            AmbiguousError: several images could be meant.
        """
        beside = self._images.beside(path)
        its = beside[0] if len(beside) == 1 else None
        named = self._images.exactly(name, beside=path.parent)
        if named is None and (its is None or not _called_as(its, name)):
            named = self._images.named(name, beside=path.parent)
        if its is None and (named is None or not _called_as(path, name)):
            its = self._images.with_stem(Path(path.stem))
        if named is not None and its is not None and named != its:
            where = "lies beside" if its in beside else "is called as"
            self.problems.append(
                f"{path}: {where} '{its}' and says that it is of '{named}'; rename it, or correct "
                "what it says."
            )
        if named is None and its is not None and not _called_as(its, name):
            where = f"'{self._images.below(path)}' names '{_file_name(name)}'"
            self._remarks.append(Remark(where, *NOT_THERE))
        return its or named


def _called_as(image: Path, name: str) -> bool:
    """Whether a name is that of an image but for the folder and the suffix, or has no suffix."""
    said = PurePosixPath(_file_name(name))
    return image.stem.casefold() in (said.stem.casefold(), said.name.casefold())


def _file_name(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _labels(annotations: Iterable[Annotation]) -> Counter[str]:
    """How often each label marks a defect, in shapes or as the label of an image."""
    counts: Counter[str] = Counter()
    for one in annotations:
        shapes = () if one.shapes is None else one.shapes.shapes
        labels = (*(shape.label for shape in shapes), *one.image_labels)
        counts.update(label for label in labels if not means_good(label))
    return counts
