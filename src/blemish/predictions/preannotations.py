"""Predictions as annotations to begin from: a person corrects them, and they come back as labels.

A region of a prediction becomes a shape that covers the same pixels: a polygon in COCO, a brush
stroke in Label Studio. Each has the score of its region.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from blemish.data.annotations.brush import encode
from blemish.data.export.coco import ANNOTATIONS, IMAGES, file_text, image_entry
from blemish.data.export.folder import written_whole
from blemish.data.export.names import unique_names
from blemish.data.export.write import suffix_of, write_image
from blemish.data.words import DEFECT
from blemish.errors import (
    BlemishError,
    DataError,
    SettingError,
    UsageError,
    did_you_mean,
    raise_some,
)
from blemish.images.header import DEFAULT_LIMITS, FilePage, Reader, ReadLimits, path_of, probe_image
from blemish.images.outlines import one_ring
from blemish.images.polygons import paint_polygon
from blemish.images.raw import RawFormat
from blemish.parallel import read_ahead
from blemish.predictions.earlier import LINES, RUN
from blemish.predictions.images_named import source_named
from blemish.progress import LoggedProgress, Progress
from blemish.result import Outline, Ring, Verdict
from blemish.typed_json import JsonError, read_as, read_json
from blemish.wording import counted

SERVED = "/data/local-files/?d="  # how Label Studio names a file in the folder that it serves
DIGITS = 12  # of a model's hash


class _Region(Struct):
    area_px: int
    box_xyxy: tuple[int, int, int, int]
    peak_score: float
    outline_xy: list[list[tuple[int, int]]] | None = None


class _Line(Struct):
    path: str | None
    score: float | None = None
    error: str | None = None
    verdict: str | None = None
    regions: list[_Region] = []


@dataclass(frozen=True)
class Judged:
    """An image that was judged.

    Attributes:
        source: the image, a file or a page of one.
        name: of its copy in the export.
        size_hw: of the image.
        score: of the image, raw.
        regions: a ring, the score and the area of each, in pixels.
    """

    source: Path | FilePage
    name: str
    size_hw: tuple[int, int]
    score: float
    regions: tuple[tuple[Ring, float, int], ...]


def holds_predictions(folder: Path) -> bool:
    """Whether `blemish predict` wrote lines to a folder."""
    return os.path.isfile(folder / LINES)  # noqa: PTH113 - false where one may not look


def export_predictions(
    predictions: str | Path,
    folder: str | Path,
    *,
    to: str,
    link: bool = False,
    force: bool = False,
    limits: ReadLimits = DEFAULT_LIMITS,
    raw: RawFormat | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Write predictions with their regions as annotations that a person can correct.

    Args:
        predictions: the folder that `blemish predict` wrote, with the outlines of regions.
        folder: to write to.
        to: `coco` or `label-studio`.
        link: write links to the images, not copies.
        force: replace what this function wrote there; nothing else is ever replaced.
        limits: what an image may cost.
        raw: how the pixels lie in files without a header, which become PNG files.
        progress: told of each image.

    Returns:
        Where each image lies in the folder, by its path as it was judged.

    Raises:
        SettingError: there is no such format.
        UsageError: the folder is there already, or holds what is to be written.
        DataError: the predictions are damaged or without outlines, or their images are not there.
        BlemishError: a file cannot be written.
    """
    if to not in FORMATS:
        raise SettingError(
            f"'to' must be {' or '.join(FORMATS)} for predictions; got '{to}'."
            f"{did_you_mean(to, FORMATS)}"
        )
    source = Path(predictions)
    reader = Reader(limits, raw=raw)
    judged = _judged(source, reader, progress or LoggedProgress())
    sources = [source, *(path_of(one.source) for one in judged)]
    with written_whole(Path(folder), to, sources, force=force) as unfinished:
        for one in judged:
            write_image(one.source, unfinished / one.name, link=link, reader=reader)
        FORMATS[to](unfinished, judged, _model(source))
    return {str(one.source): one.name for one in judged}


def _coco(folder: Path, judged: Sequence[Judged], _model: str) -> None:
    """A file of all images; what can be polygons is, since people move their corners."""
    images, annotations = [], []
    for number, one in enumerate(judged, start=1):
        images.append(image_entry(number, Path(one.name).name, one.size_hw) | {"score": one.score})
        for ring, score, area_px in one.regions:
            x, y = np.array(ring).T.tolist()
            annotations.append(
                {
                    "image_id": number,
                    "category_id": 1,
                    "segmentation": [[value for point in ring for value in point]],
                    "area": area_px,
                    "bbox": [min(x), min(y), max(x) - min(x), max(y) - min(y)],
                    "iscrowd": 0,
                    "score": score,
                }
            )
    (folder / ANNOTATIONS).mkdir()
    text = file_text(images, annotations, [DEFECT])
    (folder / ANNOTATIONS / "instances_default.json").write_text(text, encoding="utf-8")


def _label_studio(folder: Path, judged: Sequence[Judged], model: str) -> None:
    """Tasks with predictions, and the labelling interface that they go with."""
    tasks = [
        {
            "data": {"image": SERVED + quote(one.name)},
            "predictions": [
                {
                    "model_version": model,
                    "score": one.score,
                    "result": [_brush(k, one, *region) for k, region in enumerate(one.regions)],
                }
            ],
        }
        for one in judged
    ]
    (folder / "tasks.json").write_text(
        json.dumps(tasks, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "labeling.xml").write_text(INTERFACE)


INTERFACE = f"""\
<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="label" toName="image">
    <Label value="{DEFECT}" background="red"/>
  </BrushLabels>
</View>
"""


def _brush(number: int, one: Judged, ring: Ring, score: float, _area_px: int) -> dict[str, Any]:
    mask: NDArray[np.bool_] = np.zeros(one.size_hw, np.bool_)
    paint_polygon(mask, np.array(ring, np.float64))
    return {
        "id": f"region-{number + 1}",
        "type": "brushlabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": one.size_hw[1],
        "original_height": one.size_hw[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode(mask), "brushlabels": [DEFECT]},
        "score": score,
    }


FORMATS: Mapping[str, Callable[[Path, Sequence[Judged], str], None]] = {
    "coco": _coco,
    "label-studio": _label_studio,
}


def _judged(source: Path, reader: Reader, progress: Progress) -> list[Judged]:
    """Raises `DataError` with all that is wrong, and `UsageError` where outlines are missing."""
    problems: list[str] = []
    lines = list(_lines(source / LINES, problems, progress))
    raise_some(problems, DataError, place=source / LINES)
    if not lines:
        raise DataError(f"{source / LINES} holds no predictions.")
    _check_outlines(source, lines)
    paths = [Path(line.path or "") for line in lines]
    top = os.path.commonpath([path.parent for path in map(Path.absolute, paths)])
    ids = [Path(os.path.relpath(path, top)).as_posix() for path in paths]
    images = [source_named(path) for path in paths]
    names = unique_names(ids, [IMAGES] * len(ids), [suffix_of(image) for image in images])
    found = []
    items = list(zip(lines, images, names, strict=True))
    with progress.stage("looking at images", len(items)) as advance:
        for _, result in read_ahead(items, partial(_one, reader)):
            if isinstance(result, BlemishError):
                problems.append(str(result))
            elif isinstance(result, Exception):
                raise result
            else:
                found.append(result)
            advance(1)
    raise_some(problems, DataError, place=source / LINES)
    return found


def _check_outlines(source: Path, lines: Sequence[_Line]) -> None:
    without = sum(not region.outline_xy for line in lines for region in line.regions)
    if without:
        raise UsageError(
            f"'{source}' has {counted(without, 'region')} without an outline; judge the images "
            "again with outlines=True."
        )


def _lines(path: Path, problems: list[str], progress: Progress) -> Iterator[_Line]:
    """The last line of each image that was judged, in the order of the file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    lines: dict[str, _Line] = {}
    failed, not_inspectable = 0, set()
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = read_as(text, _Line)
        except JsonError as error:
            problems.append(f"line {number}: {error}")
            continue
        if line.error is not None or line.path is None:
            failed += 1
        else:
            lines[line.path] = line
    for name in [n for n, line in lines.items() if line.verdict == Verdict.NOT_INSPECTABLE]:
        not_inspectable.add(name)
        del lines[name]
    if not_inspectable:
        progress.say(f"{counted(len(not_inspectable), 'image')} not inspectable: left out.")
    if failed:
        progress.say(f"{counted(failed, 'image')} could not be judged: left out.")
    yield from lines.values()


def _one(reader: Reader, item: tuple[_Line, Path | FilePage, str]) -> Judged:
    line, source, name = item
    size_hw = probe_image(source, reader).size_hw
    regions = tuple(
        (one_ring(_outline(source, region, size_hw)), region.peak_score, region.area_px)
        for region in line.regions
    )
    return Judged(source, name, size_hw, line.score or 0.0, regions)


def _outline(source: Path | FilePage, region: _Region, size_hw: tuple[int, int]) -> Outline:
    """Raises `DataError` where it is none of an image of that size."""
    height, width = size_hw
    rings = region.outline_xy or []
    square = all(
        (a == c) != (b == d) for ring in rings for (a, b), (c, d) in pairwise([*ring, *ring[:1]])
    )
    x0, y0, x1, y1 = region.box_xyxy
    if not (square and all(rings) and 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise DataError(
            f"'{source}' is {width} x {height} pixels, and its regions are none of such an image; "
            "judge it again."
        )
    return tuple(tuple(ring) for ring in rings)


def _model(source: Path) -> str:
    """What judged, for people."""
    try:
        facts = dict(read_json((source / RUN).read_text()))
        return f"blemish {str(facts['model_sha256'])[:DIGITS]}"
    except (OSError, ValueError, TypeError, KeyError):
        return "blemish"
