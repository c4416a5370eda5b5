"""Data sets whose labels are annotations: what is marked is a defect, what is not is good.

An image is good without a word where its format means that: COCO and CVAT list all images, YOLO
and LabelMe have no file for background. Label Studio says which tasks were submitted, so that
the others are left out. Whatever is taken for good so is told in a note.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from blemish.data.annotations.annotation import NO_LABELS, Annotation, Labels
from blemish.data.annotations.data_yaml import SUFFIXES as YAML_SUFFIXES
from blemish.data.annotations.notes import joined_note, notes_of, sizes_note
from blemish.data.annotations.predictions import is_of_predictions
from blemish.data.annotations.registry import Found, annotations_in
from blemish.data.annotations.supplement import Supplement
from blemish.data.entry import Entry
from blemish.data.lexicon.masks import MASK_FOLDERS
from blemish.data.mask_names import masks_among
from blemish.data.masks import MaskFile, marks_anything
from blemish.data.words import is_bad, plain, sets_aside, split_in
from blemish.errors import DataError, raise_some
from blemish.images.read import IMAGE_SUFFIXES
from blemish.result import GOOD
from blemish.wording import counted, listed, quoted_few

MIXED = "annotations"  # the layout of several formats
MOST_SHOWN = 3
_some = partial(quoted_few, most=MOST_SHOWN)
OBJECT_FOLDERS = frozenset({"segmentationobject"})
FOLDER = "annotations"  # of COCO's files, beside that of the images


@dataclass(frozen=True, slots=True)
class AnnotatedSet:
    """What a layout of annotations found.

    Attributes:
        layout: the name of the format, or `annotations` where there are several.
        entries: sorted by id.
        notes: sentences that a user must hear.
        labels: how often each label marks something.
        left_out: labels of something that a user has said to leave out.
        used: the files that were read.
        unused_images: images that are left out.
    """

    layout: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    used: tuple[Path, ...] = ()
    unused_images: tuple[Path, ...] = ()


def root_of(path: Path) -> Path:
    """The folder that annotations speak of: of their file, or around it if it is `annotations/`."""
    return path.parent.parent if path.parent.name.lower() == FOLDER else path.parent


def entries_from(
    root: Path,
    files: Sequence[Path],
    *,
    by: Path | None = None,
    ignored: Labels = NO_LABELS,
) -> AnnotatedSet | None:
    """The data set that annotations in a folder make; `None` where there are none.

    Args:
        root: the folder.
        files: all files below it.
        by: the one file whose annotations count, and the images that it lists; by default all that
            are there, as for a `data.yaml`, which says where labels are.
        ignored: labels that are left out.

    Raises:
        DataError: annotations are damaged or contradict each other, or no image is there of those
            that they speak of.
    """
    others = [path for path in files if path.suffix.lower() not in IMAGE_SUFFIXES]
    images, beside, no_images = _told_from_masks(root, files)
    alone = by is not None and by.suffix.lower() not in YAML_SUFFIXES
    read = [by] if by is not None and alone else others
    found = annotations_in(root, read, images, ignored, asked=alone)
    raise_some(found.problems, DataError)
    if not found.used:
        _check_unread(found)
        _check_predicted(root, found, images)
        _check_unmatched(root, found, images)
        return None
    masks = {mask for one in found.by_image.values() for mask in one.mask_files}
    beside = {
        image: rest for image, of in beside.items() if (rest := [m for m in of if m not in masks])
    }
    _check_says_something(root, found, beside)
    taken, unused = _entries(root, set(images) - masks, found, beside, listed_only=alone)
    silent = [entry.path for entry in taken if entry.path not in found.by_image]
    _check_looked_at(root, found, silent)
    _check_unmatched(root, found, silent)
    joined = [one for one in taken if one.defect_type != GOOD and one.path in beside]
    of_model = [_note_of_model(by)] if by is not None and is_of_predictions(by.stem) else []
    return AnnotatedSet(
        layout=found.formats[0].name if len(found.formats) == 1 else MIXED,
        entries=tuple(sorted(map(_tested, taken), key=lambda entry: entry.id)),
        notes=(
            *of_model,
            *notes_of(root, found, taken),
            *joined_note(joined),
            *sizes_note(found, taken),
        ),
        labels=found.labels,
        left_out=frozenset(found.left_out),
        used=(*found.used, *sorted(no_images)),
        unused_images=tuple(unused),
    )


def _told_from_masks(
    root: Path, files: Sequence[Path]
) -> tuple[list[Path], dict[Path, list[Path]], set[Path]]:
    """The images among some files, the masks of each, and the pictures that are no images."""
    pictures = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    apart = _masks_apart(root, pictures)
    beside = _joined(masks_among([path for path in pictures if path not in apart]), apart)
    no_images = apart.keys() | {mask for of in beside.values() for mask in of}
    return [path for path in pictures if path not in no_images], beside, no_images


def _entries(
    root: Path,
    images: Iterable[Path],
    found: Found,
    beside: Mapping[Path, Sequence[Path]],
    *,
    listed_only: bool,
) -> tuple[list[Entry], list[Path]]:
    """An entry of each image with all its masks, and the images that nothing is said of."""
    taken: list[Entry] = []
    unused: list[Path] = []
    for image in sorted(images):
        entry = _entry(root, image, found, listed_only=listed_only)
        if entry is None:
            unused.append(image)
        else:
            more = () if entry.defect_type == GOOD else map(MaskFile, beside.get(image, ()))
            taken.append(replace(entry, masks=(*entry.masks, *more)))
    return taken, unused


def _note_of_model(path: Path) -> str:
    return (
        f"{path.name} by its name holds what a model found; what it marks counts as defects all "
        "the same, since it was asked for."
    )


def _masks_apart(root: Path, pictures: Sequence[Path]) -> dict[Path, Path | None]:
    """Pictures in folders of masks, each with the image elsewhere that has its name.

    That is `None` for those that say the same once more: Pascal VOC's and CVAT's of single objects.
    """
    folders = {
        path: {plain(part) for part in path.relative_to(root).parts[:-1]} for path in pictures
    }
    masks = [path for path in pictures if folders[path] & (MASK_FOLDERS | OBJECT_FOLDERS)]
    images: defaultdict[str, list[Path]] = defaultdict(list)
    for path in set(pictures).difference(masks):
        images[path.stem].append(path)
    return {
        path: None if folders[path] & OBJECT_FOLDERS else images[path.stem][0]
        for path in masks
        if len(images.get(path.stem, ())) == 1
    }


def _joined(
    beside: Mapping[Path, Sequence[Path]], apart: Mapping[Path, Path | None]
) -> dict[Path, list[Path]]:
    """All masks of each image, those beside it and those in folders of their own."""
    masks = {image: list(of) for image, of in beside.items()}
    for mask, image in apart.items():
        if image is not None:
            masks.setdefault(image, []).append(mask)
    return masks


def _check_says_something(root: Path, found: Found, beside: Mapping[Path, Sequence[Path]]) -> None:
    """Raise `DataError` where no image is annotated, or a mask contradicts an annotation."""
    if found.not_yet and not found.by_image and len(found.formats) == 1:
        format_ = found.formats[0]
        if not format_.unlisted_is_good:
            raise DataError(
                f"{root} has {counted(len(found.not_yet), 'image')} in {format_.spelled} of which "
                "nobody has submitted an annotation; submit some, those of good images too, and "
                "export them anew."
            )
    if found.without_image and not (found.by_image or found.splits):
        path, names = next(iter(found.without_image.items()))
        raise DataError(
            f"{path} speaks of {_some(names)}, and none of these images is below {root}; put the "
            "images there."
        )
    if masked := [path for path, of in beside.items() if _is_masked_good(path, of, found)]:
        mask = beside[masked[0]][0]
        where = "beside it" if mask.parent == masked[0].parent else f"in {mask.parent}"
        raise DataError(
            f"{masked[0]} is good by its annotation, or has none, and the mask '{mask.name}' "
            f"{where} marks a defect; one is wrong."
        )


def _check_unread(found: Found) -> None:
    """Raise `DataError` where a file looks like annotations, and none is there that is read."""
    for path, what in found.unread.items():
        raise DataError(
            f"{path} holds {what}, and nothing else says which images are good; bring labels as "
            "COCO, LabelMe, YOLO, Pascal VOC, CVAT or Label Studio write them, or take the file "
            "away."
        )


def _check_predicted(root: Path, found: Found, images: Sequence[Path]) -> None:
    """Raise `DataError` where what a model found is all that is said of the images."""
    if found.predicted and images:
        names = sorted(set(found.predicted.values()))
        raise DataError(
            f"{root} has annotations in {_some(names)} alone, which by its name holds what a "
            "model found, and nothing else says which images are good; if people made them, rename "
            f"it; else pass it over with ignore={names[0]}."
        )


def _check_looked_at(root: Path, found: Found, silent: Sequence[Path]) -> None:
    """Raise `DataError` where images without a file lie in a folder of those put aside.

    So they do, too, where every other image has a file, the good ones an empty one.
    """
    below = [path.relative_to(root) for path in silent]
    aside = [(path, part) for path in below for part in path.parts[:-1] if sets_aside(part)]
    aside = aside or _apart(root, found, below)
    if aside:
        names = [path.as_posix() for path in dict.fromkeys(path for path, _ in aside)]
        folder = aside[0][1]
        raise DataError(
            f"{root} has {counted(len(names), 'image')} in '{folder}' without a shape or a file "
            f"in {listed([one.spelled for one in found.formats])} ({_some(names)}), which would be "
            f"taken as good; pass them over with ignore={folder}, or, if somebody has looked at "
            "them, rename that folder."
        )


def _apart(root: Path, found: Found, silent: Sequence[Path]) -> list[tuple[Path, str]]:
    """Images without a file, each with the folder of such, where all others have files."""
    if all(one.is_marked for one in found.by_image.values()):
        return []  # good images have none: nothing is odd about these
    looked_at = {parent for path in found.by_image for parent in path.relative_to(root).parents}
    apart = [
        (path, next((one.name for one in path.parents if one not in looked_at), ""))
        for path in silent
    ]
    return apart if all(folder for _, folder in apart) else []


def _check_unmatched(root: Path, found: Found, images: Sequence[Path]) -> None:
    """Raise `DataError` where an image without a file may be that of a file without an image."""
    if found.unmatched and images:
        names, silent = (
            [path.relative_to(root).as_posix() for path in paths]
            for paths in (found.unmatched, sorted(images))
        )
        raise DataError(
            f"{root} has {counted(len(names), 'file')} of annotations that {_mark(names)} defects "
            f"on images not to be found ({_some(names)}), and {counted(len(silent), 'image')} "
            f"without one ({_some(silent)}), which would be taken as good and may be those; give "
            "files the names of their images, or take them away."
        )


def _mark(names: Sequence[str]) -> str:
    return "marks" if len(names) == 1 else "mark"


def _entry(root: Path, image: Path, found: Found, *, listed_only: bool) -> Entry | None:
    """The entry of an image; `None` where nothing says what it is."""
    if image in found.unlisted:
        return None
    below = image.relative_to(root)
    annotation = found.by_image.get(image)
    if annotation is None:
        by_format = not listed_only and all(one.unlisted_is_good for one in found.formats)
        bad = any(is_bad(part) and not part.isdigit() for part in below.parts[:-1])
        if not by_format or bad or image in found.not_yet:
            return None
        annotation = Annotation()
    kind = annotation.defect_type
    more = found.supplements.get(image, Supplement())
    return Entry(
        id=below.as_posix(),
        path=image,
        defect_type=kind,
        masks=() if kind == GOOD else annotation.masks,
        split=found.splits.get(image) or split_in(below.parts[:-1]),
        group=more.group,
        metadata=more.metadata,
    )


def _tested(entry: Entry) -> Entry:
    """An entry in its split: a defect is nothing to learn from."""
    if entry.split == "train" and entry.defect_type != GOOD:
        return replace(entry, split="test")
    return entry


def _is_masked_good(image: Path, masks: Sequence[Path], found: Found) -> bool:
    """Whether a mask beside an image marks what its annotation does not."""
    said = found.by_image.get(image)
    good = image not in found.not_yet and (said is None or said.defect_type == GOOD)
    return good and any(map(marks_anything, masks))
