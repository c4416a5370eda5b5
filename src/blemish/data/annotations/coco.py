"""COCO: one JSON file for many images; polygons, run lengths, or boxes alone.

An image that is listed and has no annotation holds nothing of what was looked for. What a shape
covers is what pycocotools makes of it, to the pixel; see `blemish.images.polygons`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from blemish.data.annotations.annotation import (
    Annotations,
    Remark,
    Tell,
    annotation_of,
    no_area,
)
from blemish.data.shapes import Polygon, Runs, Shape, box, polygon, runs
from blemish.data.split import Split
from blemish.data.words import split_named
from blemish.errors import DataError, raise_some
from blemish.images.run_lengths import from_text
from blemish.typed_json import Count, JsonError, NotNegative, read_as

KEYS = frozenset({"images", "annotations", "categories"})
NEAR_PX = 2.0  # that tools round a box by
LEAST_OVERLAP = 0.5  # intersection over union, of a box and what it is around

# What is told of single annotations, of one and of several.
TWICE = (
    "annotation has an id that another has, and both count",
    "annotations have an id that another has, and all count",
)
NOT_AROUND = (
    "annotation has a 'bbox' that is not around its segmentation, which is what counts",
    "annotations have a 'bbox' that is not around their segmentation, which is what counts",
)

Id = int | str


class _Image(Struct):
    id: Id
    file_name: str
    width: NotNegative | None = None  # some tools write 640.0
    height: NotNegative | None = None


class _RunLengths(Struct):
    counts: str | list[Count]
    size: tuple[Count, Count]


class _Annotation(Struct):
    image_id: Id
    category_id: Id | None = None
    id: Id | None = None
    segmentation: list[list[float]] | _RunLengths | None = None
    bbox: list[float] | None = None
    keypoints: list[float] | None = None
    attributes: Any = None  # CVAT's


class _Category(Struct):
    id: Id
    name: str


class _File(Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read(path: Path, content: bytes) -> Annotations:
    """What a file of COCO says, by the paths of the images in it.

    Args:
        path: of the file; `instances_train.json` says the split, too.
        content: of it.

    Raises:
        DataError: it is damaged, contradicts itself, or has shapes that mark no area.
    """
    try:
        file = read_as(content, _File)
    except JsonError as error:
        raise DataError(f"{path}: {error}") from error
    problems = _repeated(file)
    names = {category.id: category.name for category in file.categories}
    sizes = {image.id: _size_hw(image) for image in file.images}
    shapes: defaultdict[Id, list[Shape]] = defaultdict(list)
    remarks: defaultdict[Id, list[Remark]] = defaultdict(list)
    ids: set[Id] = set()
    for number, one in enumerate(file.annotations, start=1):
        where = f"annotation {number if one.id is None else one.id}"
        if one.id in ids:
            remarks[one.image_id].append(Remark(f"{where} in {path.name}", *TWICE))
        elif one.id is not None:
            ids.add(one.id)
        if one.image_id not in sizes:
            problems.append(f"{where} is of image {one.image_id}, which is not listed.")
        elif one.category_id not in names:
            problems.append(f"{where} is of category {one.category_id}, which is not listed.")
        else:
            size_hw = sizes[one.image_id]
            try:
                found = _shapes(names[one.category_id], one, size_hw)
                shapes[one.image_id] += found
                if not _is_around(one, found, size_hw):
                    remarks[one.image_id].append(Remark(f"{where} in {path.name}", *NOT_AROUND))
            except ValueError as error:
                problems.append(f"{where} {error}")
    split = split_of_file(path)
    by_name = {
        image.file_name: annotation_of(
            path,
            shapes[image.id],
            sizes[image.id],
            _about(image, problems),
            split=split,
            remarks=tuple(remarks[image.id]),
        )
        for image in file.images
    }
    raise_some(problems, DataError, place=path)
    return by_name


def split_of_file(path: Path) -> Split | None:
    """The split that the name of a file says: `instances_train2017.json`, say."""
    words = re.split(r"[^a-z]+", path.stem.lower())
    return next((split for word in words if (split := split_named(word))), None)


def keypoints_beside(path: Path, files: Collection[Path]) -> bool:
    """Whether it is `person_keypoints_val2017.json`, and that of instances lies beside it."""
    start, _, subset = path.name.partition("keypoints_")
    return start == "person_" and path.with_name(f"instances_{subset}") in files


def subset_of_file(path: Path) -> str:
    """The folder that images of a file lie in, in COCO's own layout: `train2017`."""
    return path.stem.rpartition("_")[2]


def _repeated(file: _File) -> list[str]:
    """What is listed twice, and so could mean either."""
    ids = Counter(image.id for image in file.images)
    names = Counter(image.file_name for image in file.images)
    meant: defaultdict[Id, dict[str, None]] = defaultdict(dict)
    for category in file.categories:
        meant[category.id][category.name] = None
    return [
        *(
            f"category {one} is {' and '.join(map(repr, several))}; number them anew."
            for one, several in meant.items()
            if len(several) > 1
        ),
        *(f"image {one} is listed {count} times." for one, count in ids.items() if count > 1),
        *(f"'{one}' is listed {count} times." for one, count in names.items() if count > 1),
    ]


def _about(image: _Image, problems: list[str]) -> Tell:
    return lambda problem: problems.append(f"'{image.file_name}' {problem}")


def _size_hw(image: _Image) -> tuple[int, int] | None:
    return (int(image.height), int(image.width)) if image.height and image.width else None


def _shapes(label: str, one: _Annotation, size_hw: tuple[int, int] | None) -> list[Shape]:
    """Raises `ValueError` where it marks no area, or is damaged."""
    if isinstance(one.segmentation, _RunLengths):
        return [_runs(label, one.segmentation, size_hw)]
    if one.segmentation:
        first, *more = (_polygon(label, flat) for flat in one.segmentation)
        return [first, *(replace(part, goes_on=True) for part in more)]
    if one.keypoints:
        raise ValueError(no_area("set of keypoints"))
    if one.bbox is not None and len(one.bbox) == 4:
        degrees = one.attributes.get("rotation") if isinstance(one.attributes, dict) else None
        if degrees:
            raise ValueError(
                f"is a box turned by {degrees} degrees, which COCO has no place for; export it as "
                "'CVAT for images 1.1', which is read, or with its outline as segmentation."
            )
        x, y, width, height = one.bbox
        return [box(label, (x, y, x + width, y + height))]
    raise ValueError(no_area("label without a shape"))


def _is_around(one: _Annotation, shapes: Sequence[Shape], size_hw: tuple[int, int] | None) -> bool:
    """Whether the box is that around the segmentation, as far as there are both.

    Raises:
        ValueError: they have little in common, and one has to be wrong.
    """
    if not one.segmentation or one.bbox is None or len(one.bbox) != 4 or not any(one.bbox):
        return True
    x, y, width, height = one.bbox
    said = (x, y, x + width, y + height)
    extents = np.array([shape.extent(size_hw or (0, 0)) for shape in shapes])
    whole = np.concatenate([extents[:, :2].min(axis=0), extents[:, 2:].max(axis=0)])
    tries = [whole]
    if size_hw is not None:  # some tools cut the box off at the image's border, and some do not
        tries.append(np.clip(whole, 0, [size_hw[1], size_hw[0]] * 2))
    if any(np.abs(found - said).max() <= NEAR_PX for found in tries):
        return True
    if max(_overlap(found.tolist(), said) for found in tries) < LEAST_OVERLAP:
        x0, y0, x1, y1 = whole.tolist()
        raise ValueError(
            f"has a 'bbox' from ({x:g}, {y:g}) to ({x + width:g}, {y + height:g}), and its "
            f"segmentation reaches from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}); one is wrong (a "
            "'bbox' is x, y, width and height)."
        )
    return False


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes, x0, y0, x1, y1."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    both = max(across, 0.0) * max(down, 0.0)
    whole = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other)) - both
    return both / whole if whole > 0 else 0.0


def _polygon(label: str, flat: list[float]) -> Polygon:
    if len(flat) % 2:
        raise ValueError(f"has a polygon of {len(flat)} numbers, which are no pairs.")
    return polygon(label, list(zip(flat[::2], flat[1::2], strict=True)))


def _runs(label: str, found: _RunLengths, size_hw: tuple[int, int] | None) -> Runs:
    if size_hw is not None and found.size != size_hw:
        raise ValueError(
            f"has run lengths of {found.size[1]} x {found.size[0]} pixels, and its image is "
            f"{size_hw[1]} x {size_hw[0]} (width x height)."
        )
    counts = found.counts
    lengths = from_text(counts) if isinstance(counts, str) else np.array(counts, np.int64)
    height, width = found.size
    return runs(label, lengths, (0, 0, width, height))
