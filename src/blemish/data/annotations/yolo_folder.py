"""YOLO's text files in a folder: of which image each is, names of classes, splits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from blemish.data.annotations import yolo
from blemish.data.annotations.annotation import Annotation
from blemish.data.annotations.data_yaml import SUFFIXES as YAML_SUFFIXES
from blemish.data.annotations.data_yaml import DataYaml, read_data_yaml
from blemish.data.annotations.matching import AmbiguousError, Images
from blemish.data.split import Split
from blemish.data.words import split_in
from blemish.errors import DataError, raise_all

SUFFIX = ".txt"
# The last wins where one folder has several: a `val` that is nothing else has to be named.
ORDER: tuple[Split, ...] = ("validation", "test", "train")


@dataclass
class YoloFiles:
    """What is found; `used` are the files that name classes."""

    by_image: dict[Path, tuple[Path, Annotation]] = field(default_factory=dict)
    used: list[Path] = field(default_factory=list)
    splits: dict[Path, Split] = field(default_factory=dict)
    unlisted: set[Path] = field(default_factory=set)  # in no place that a `data.yaml` names
    without_image: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    unmatched: list[Path] = field(default_factory=list)  # that mark something on such an image
    problems: list[str] = field(default_factory=list)


def yolo_files(files: Sequence[Path], images: Images) -> YoloFiles:
    """Find and read YOLO's files.

    Empty text files alone are none: without another file, or names of classes, they say nothing.

    Args:
        files: sorted.
        images: of the folder.
    """
    found = YoloFiles()
    yamls = _yamls(files, found)
    names = {one.path: one.names for one in yamls} | _names_files(files, found)
    for path, image in _with_images(files, images, found):
        nearest = _nearest(path, names)
        data_yaml = next((one for one in yamls if one.path == nearest), None)
        try:
            annotation = yolo.read(
                path,
                {} if nearest is None else names[nearest],
                has_keypoints=data_yaml is not None and data_yaml.has_keypoints,
                by_place=image is not None
                and (nearest is not None or _in_labels(path.relative_to(images.folder))),
            )
        except DataError as error:
            if image is not None or _in_labels(path):  # else a table of something else, say
                found.problems += str(error).splitlines()
            continue
        if annotation is None:
            continue
        if image is None:
            if annotation.is_marked:
                found.without_image[path] = (path.stem,)
                found.unmatched.append(path)
        elif image in found.by_image:
            other = found.by_image[image][0]
            found.problems.append(f"{path}: is of '{image}', as '{other}' is; keep one.")
        else:
            found.by_image[image] = (path, annotation)
    marked = any(annotation.is_marked for _, annotation in found.by_image.values())
    if not (marked or names):
        return YoloFiles(
            problems=found.problems,
            without_image=found.without_image,
            unmatched=found.unmatched,
        )
    found.used += [one.path for one in yamls]
    found.used += [path for path in names if path.suffix.lower() not in YAML_SUFFIXES]
    for one in yamls:
        try:
            _take_places(one, images, found)
        except DataError as error:
            found.problems += str(error).splitlines()
    return found


def _yamls(files: Iterable[Path], found: YoloFiles) -> list[DataYaml]:
    """Those that name classes, one a folder: `data.yaml` before any other."""
    wanted = [path for path in files if path.suffix.lower() in YAML_SUFFIXES]
    by_folder: dict[Path, DataYaml] = {}
    for path in sorted(wanted, key=lambda path: (path.stem.lower() != "data", path)):
        try:
            one = read_data_yaml(path)
        except DataError as error:
            found.problems += str(error).splitlines()
            continue
        if one is not None:
            by_folder.setdefault(path.parent, one)
    return list(by_folder.values())


def _names_files(files: Iterable[Path], found: YoloFiles) -> dict[Path, dict[int, str]]:
    names: dict[Path, dict[int, str]] = {}
    for path in files:
        if path.name.lower() in yolo.NAMES_FILES:
            try:
                names[path] = yolo.read_names(path)
            except DataError as error:
                found.problems += str(error).splitlines()
    return names


def _nearest(path: Path, names: Iterable[Path]) -> Path | None:
    """The file of names in the folder of a file, or the nearest one around it."""
    around = [one for one in names if path.is_relative_to(one.parent)]
    return max(around, key=lambda one: len(one.parts), default=None)


def _with_images(
    files: Iterable[Path], images: Images, found: YoloFiles
) -> Iterator[tuple[Path, Path | None]]:
    wanted = [
        path
        for path in files
        if path.suffix.lower() == SUFFIX and path.name.lower() not in yolo.NAMES_FILES
    ]
    times = Counter(path.stem for path in wanted)
    for path in wanted:
        try:
            image = _image_of(path.relative_to(images.folder), images, times[path.stem] == 1)
        except AmbiguousError as error:
            found.problems.append(f"{path}: {error} Give them names of their own.")
            continue
        yield path, image


def _image_of(path: Path, images: Images, alone: bool) -> Path | None:
    """The image beside a file, in the folder parallel to its own, or by its name alone."""
    *folders, _ = path.parts
    tries = [path.with_suffix("")]
    places = [k for k, folder in enumerate(folders) if folder.lower() == yolo.LABELS]
    if places:
        last = places[-1]
        rest = (*folders[last + 1 :], path.stem)
        tries += [Path(*folders[:last], yolo.IMAGES, *rest), Path(*rest)]
    for stem in tries:
        image = images.with_stem(stem, alone=False)
        if image is not None:
            return image
    return images.with_stem(Path(path.stem)) if alone else None


def _in_labels(path: Path) -> bool:
    return yolo.LABELS in map(str.lower, path.parts[:-1])


def _take_places(one: DataYaml, images: Images, found: YoloFiles) -> None:
    """Take the split of each image that lies where a `data.yaml` says, or in a list of its.

    Raises:
        DataError: what it names is not there.
    """
    splits: dict[Path, Split] = {}
    missing = []
    for split in ORDER:
        for place, of in one.places:
            if of != split:
                continue
            there = _images_at(one.path.parent, place, images, found)
            if there is None:
                missing.append(
                    f"{one.path}: '{place}' is not there, which it names for {split}; put that "
                    "file or folder there, or take it out."
                )
            splits |= dict.fromkeys(there or (), split)
    raise_all(missing, DataError)
    found.splits |= splits
    named = {split for _, split in one.places}
    if named:
        around = one.path.parent
        rest = [p for p in images if p.is_relative_to(around) and p not in splits]
        found.unlisted.update(p for p in rest if _other_split(p.relative_to(around), named) is None)


def _other_split(path: Path, named: Collection[Split]) -> Split | None:
    """The split that a folder is named for, where `data.yaml` says nothing of that split."""
    split = split_in(path.parts[:-1])
    return None if split in named else split


def _images_at(
    folder: Path, place: str, images: Images, found: YoloFiles
) -> Collection[Path] | None:
    """The images in a folder or a list; `None` where neither is there."""
    parts = [p for p in PurePosixPath(place.replace("\\", "/")).parts if p not in ("..", ".", "/")]
    tries = [Path(os.path.normpath(folder.joinpath(*parts[at:]))) for at in range(len(parts) + 1)]
    if parts:
        tries.pop()
    for path in tries:
        below = [image for image in images if image.is_relative_to(path)]
        if below:
            return below
        if path.suffix.lower() == SUFFIX and path.is_file():
            return _listed(path, images, found)
    return [] if any(path.is_dir() for path in tries) else None


def _listed(path: Path, images: Images, found: YoloFiles) -> list[Path]:
    try:
        names = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    there, missing = [], []
    for name in filter(None, map(str.strip, names)):
        try:
            image = images.named(name, beside=path.parent)
        except AmbiguousError as error:
            raise DataError(f"{path}: '{name}' {error} Write its folder, too.") from error
        if image is None:
            missing.append(name)
        else:
            there.append(image)
    if missing:
        found.without_image[path] = tuple(missing)
    return there
