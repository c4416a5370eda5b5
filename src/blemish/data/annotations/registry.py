"""All annotations in a folder, of whatever format, matched with its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from blemish.data.annotations.annotation import (
    NO_LABELS,
    Annotation,
    Annotations,
    Labels,
    Remark,
    means_good,
)
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
    in_utf_8,
    recognises,
    unread,
)
from blemish.data.annotations.label_studio import without_upload_prefix
from blemish.data.annotations.matching import AmbiguousError, Images
from blemish.data.annotations.predictions import predictions_among
from blemish.data.annotations.supplement import FILE as SUPPLEMENT
from blemish.data.annotations.supplement import Supplement, read_supplement, supplemented
from blemish.data.annotations.yolo_folder import holds_labels, yolo_files
from blemish.data.split import Split
from blemish.data.words import words_in
from blemish.errors import DataError
from blemish.parallel import read_ahead
from blemish.result import GOOD

OLD = frozenset({"old", "alt", "backup", "bak", "archive", "archiv", "previous", "original"})
NAMED_AS_IMAGES = (LABELME, VOC)  # a file for each image, beside it
NOT_THERE = (
    "file of annotations names an image that is not there, and is taken for the one that is called "
    "as the file is",
    "files of annotations name images that are not there, and are taken for those that are called "
    "as the files are",
)
IN_WINDOWS = (
    "file of annotations is no UTF-8, and was read in another encoding (Windows-1252 or UTF-16); "
    "where letters of its labels are wrong, save it as UTF-8",
    "files of annotations are no UTF-8, and were read in another encoding (Windows-1252 or "
    "UTF-16); where letters of their labels are wrong, save them as UTF-8",
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
        predicted: files of annotations that a model wrote, by the name of a folder or their own,
            each with that name; they are not read.
        unread: what other files hold that look like annotations, in words.
        remarks: what is odd in what was read.
        labels: how often each label marks a defect.
        left_out: how often each label that a user has said to leave out marks something.
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
    predicted: Mapping[Path, str] = field(default_factory=dict)
    unread: Mapping[Path, str] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def annotations_in(
    folder: Path,
    files: Sequence[Path],
    images: Sequence[Path],
    ignored: Labels = NO_LABELS,
    *,
    asked: bool = False,
) -> Found:
    """Find and read the annotations in a folder.

    Args:
        folder: of all of them.
        files: that may hold annotations, also those that do not: each is recognised by its content.
        images: that may be annotated; masks are none of them.
        ignored: labels that are left out.
        asked: a user has named the files, so that none is taken for a model's.
    """
    index = Images(folder, images)
    reading = _Reading(index, ignored)
    predicted = {} if asked else _predicted(folder, files, images)
    reading.predicted = {p: name for p, name in sorted(predicted.items()) if _holds_annotations(p)}
    files = sorted(set(files) - predicted.keys())
    there = set(files)
    reading.set_aside = [path for path in files if keypoints_beside(path, there)]
    aside = set(reading.set_aside)
    wanted = [path for path in files if path.suffix.lower() in SUFFIXES and path not in aside]
    for path, result in read_ahead(wanted, partial(_read, ignored=ignored)):
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


def _predicted(folder: Path, files: Sequence[Path], images: Sequence[Path]) -> dict[Path, str]:
    """Files that a model wrote, by their names below a folder, each with the name that says so."""
    below = predictions_among(
        (path.relative_to(folder) for path in files),
        (path.relative_to(folder) for path in images if path.is_relative_to(folder)),
    )
    return {folder / path: name for path, name in below.items()}


def _holds_annotations(path: Path) -> bool:
    """Whether a file looks like one of annotations, be it damaged or not."""
    try:
        return recognises(path) or holds_labels(path)
    except DataError:
        return True


def _read(path: Path, ignored: Labels) -> tuple[Format, Annotations, bool] | str | None:
    """What a file says, and whether it is in UTF-8; in words what it holds, where that is not read.

    `None` where it holds no annotations.
    """
    as_it_is = content_of(path)
    content = in_utf_8(path, as_it_is)
    found = format_of(path, content)
    if found is None:
        return unread(path, content) or None
    return found, found.read(path, content, ignored), content is as_it_is


class _Reading:
    """What has been found so far."""

    def __init__(self, images: Images, ignored: Labels) -> None:
        self.problems: list[str] = []
        self.set_aside: list[Path] = []
        self.predicted: dict[Path, str] = {}
        self.unread: dict[Path, str] = {}
        self._ignored = ignored
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

    def take(self, path: Path, found: Format, annotations: Annotations, in_utf_8: bool) -> None:
        """Take what a file says."""
        if not in_utf_8:
            self._remarks.append(Remark(self._images.below(path), *IN_WINDOWS))
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
        found = yolo_files(files, self._images, self._ignored)
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
            predicted=self.predicted,
            unread=self.unread,
            remarks=(*self._remarks, *(said for one in known.values() for said in one.remarks)),
            labels=dict(_labels(known.values()).most_common()),
            left_out=Counter(label for one in known.values() for label in one.left_out),
            problems=tuple(self.problems),
        )

    def _put(self, image: Path, path: Path, annotation: Annotation | None) -> None:
        other = self._files.setdefault(image, path)
        if image in self._annotations:
            where = "twice" if other == path else self._and_so_does(other, path)
            self.problems.append(f"{path}: speaks of '{image}' {where}.")
            return
        self._annotations[image] = annotation
        if annotation is not None and annotation.split is not None:
            self._splits[image] = annotation.split

    def _and_so_does(self, other: Path, path: Path) -> str:
        """What to say of two files that speak of the same image."""
        one, two = (Path(self._images.below(it)).parts for it in (other, path))
        apart = [part for part in (*one[:-1], *two[:-1]) if (part in one) != (part in two)]
        of_images = {part for image in self._images for part in image.parts}
        names = [part for part in apart if part not in of_images] or [other.name]
        name = next((name for name in names if not OLD.isdisjoint(words_in(name))), names[0])
        return f"and so does '{other}'; keep one, or pass one over, with ignore={name}, say"

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
