"""Anomaly maps as files: what other tools wrote is read, and our own are written for them.

A map is a number for each pixel, higher being more anomalous: `.npy` (floats or integers, H x W or
1 x H x W), TIFF (one channel of 32-bit floats or of integers) or 16-bit grey PNG. It comes out as
float32, the precision in which all figures are made; nothing is scaled but a PNG of our own, which
says in itself by how much. A PNG of 8 bits is refused: that is a drawing of a map, with 256 levels
left of its scores.

Convention: resizing takes pixel centres at half (`align_corners` false) and repeats the border.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.header import (
    DEFAULT_LIMITS,
    Reader,
    ReadLimits,
    check_file,
    check_size,
    naming,
    opened,
    streamed,
)
from blemish.images.kinds import HEAD_BYTES, NOT_READ, kind_of
from blemish.images.pillow import open_tiff, trusting_our_limit
from blemish.images.stored import Stored
from blemish.images.tiff import numbers_of, one, size_of, stored_as
from blemish.images.tiff_pages import whole_pages

MapEncoding = Literal["npy", "tiff", "png16"]

LEVELS = 2**16 - 1  # of a PNG of 16 bits, above zero
OFFSET, SCALE = "score-offset", "score-scale"  # words in such a PNG: score = offset + scale * level

MAP_SUFFIXES = frozenset({".npy", ".tif", ".tiff", ".png"})

ScoreMap = NDArray[np.float32]


def read_score_map(path: str | Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> ScoreMap:
    """Read an anomaly map.

    Args:
        path: the file; its suffix says whether it is a `.npy` array or an image.
        limits: what it may cost; a map may be smaller than an image.

    Returns:
        H x W, float32, as written; wider numbers are rounded to it.

    Raises:
        ImageError: the file is missing, damaged, beyond the limits, no map, or holds a score that
            is not a finite number.
    """
    path, limits = Path(path), limits.replace(min_side_px=1)
    read = {".npy": _read_npy, ".png": _read_png}.get(path.suffix.lower(), _read_tiff)
    values = read(path, limits)
    with np.errstate(over="ignore"):
        score_map = np.ascontiguousarray(values, np.float32)
    unknown = score_map.size - int(np.count_nonzero(np.isfinite(score_map)))
    if unknown:
        raise ImageError(
            f"{path}: {unknown:,} of its {score_map.size:,} scores are not finite numbers (NaN or "
            "infinite in 32 bits)."
        )
    return score_map


def encode_score_map(score_map: ScoreMap, encoding: MapEncoding) -> bytes:
    """A map as a file that holds each score exactly, or as a smaller one that nearly does.

    Args:
        score_map: H x W.
        encoding: `npy`; `tiff` with one channel of 32-bit floats, uncompressed; or `png16`, grey
            of 16 bits, from which each score comes back to half of a level of its `levels_of`.
    """
    from PIL import Image

    stream, values = BytesIO(), np.asarray(score_map, np.float32)
    if encoding == "npy":
        np.save(stream, values)
    elif encoding == "tiff":
        Image.fromarray(values).save(stream, "TIFF")
    else:
        _save_png(values, stream)
    return stream.getvalue()


def levels_of(score_map: ScoreMap) -> tuple[float, float]:
    """Offset and scale of a map's 65,536 levels: the lowest score, and from a level to the next."""
    low, high = float(score_map.min()), float(score_map.max())
    return low, (high - low) / LEVELS


def _save_png(values: ScoreMap, stream: BytesIO) -> None:
    from PIL import Image, PngImagePlugin

    offset, scale = levels_of(values)
    levels = (values.astype(np.float64) - offset) / (scale or 1.0)
    words = PngImagePlugin.PngInfo()
    words.add_text(OFFSET, repr(offset))
    words.add_text(SCALE, repr(scale))
    Image.fromarray(levels.round().astype(np.uint16)).save(stream, "PNG", pnginfo=words)


def resize_score_map(score_map: ScoreMap, size_hw: tuple[int, int]) -> ScoreMap:
    """Bilinear to another size, without smoothing where it becomes smaller.

    Args:
        score_map: h x w.
        size_hw: height and width to give.
    """
    rows = _interpolated(np.asarray(score_map, np.float64), size_hw[0])
    return np.ascontiguousarray(_interpolated(rows.T, size_hw[1]).T, np.float32)


def _interpolated(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Along the first axis."""
    last = len(values) - 1
    places = np.clip((np.arange(length) + 0.5) * (len(values) / length) - 0.5, 0, last)
    low = places.astype(np.int64)
    step: NDArray[np.float64] = values[np.minimum(low + 1, last)] - values[low]
    step *= (places - low)[:, np.newaxis]
    step += values[low]
    return step


def _read_npy(path: Path, limits: ReadLimits) -> NDArray[Any]:
    with naming(str(path)):
        check_file(path, limits)
        values: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
        if values.dtype.kind not in "fiu":
            raise ImageError(f"holds {values.dtype}; a map must hold floats or integers.")
        height, width = _two_axes(values.shape)
        check_size((height, width), limits)
        return np.array(values).reshape(height, width)


def _two_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of H x W or 1 x H x W."""
    axes = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    if len(axes) != 2 or 0 in axes:
        spelled = " x ".join(map(str, shape)) or "a single number"
        raise ImageError(f"is {spelled}; a map must be H x W or 1 x H x W.")
    return axes[0], axes[1]


def _read_png(path: Path, limits: ReadLimits) -> NDArray[Any]:
    with opened(path, Reader(limits)) as file:
        facts, image = file.facts, file.source
        is_map = facts.format == "PNG" and (facts.bit_depth, facts.channels) == (16, "grey")
        if is_map and not isinstance(image, Stored):
            offset, scale = (float(image.info.get(*word)) for word in ((OFFSET, 0), (SCALE, 1)))
            return np.asarray(image) * scale + offset
        raise ImageError(
            f"is a drawing ({facts.format}, {facts.bit_depth} bits, {facts.channels}), no map of "
            "scores; write .npy, TIFF of 32-bit floats, or 16-bit grey PNG."
        )


def _read_tiff(path: Path, limits: ReadLimits) -> NDArray[Any]:
    try:
        return _tiff_values(path, limits)
    except ImageError as error:
        if NOT_READ not in str(error):
            raise
        raise ImageError(
            f"{path}: is a TIFF of numbers that are not read; save 32-bit floats, or .npy."
        ) from error


def _tiff_values(path: Path, limits: ReadLimits) -> NDArray[Any]:
    with streamed(path, limits) as stream:
        kind = kind_of(stream.read(HEAD_BYTES))
        if kind != "TIFF":
            raise ImageError(f"is a {kind}; a map must be .npy, TIFF, or 16-bit PNG.")
        pages = whole_pages(stream)
        if len(pages) != 1:
            raise ImageError(f"holds {len(pages)} images; a map must be the only one of its file.")
        tags = pages[0].all_tags(stream)
        check_size(size_of(tags), limits)
        image = open_tiff(stream, pages[0], tags)
        bits, kinds, photometric = tags.get(258, (1,)), tags.get(339, (1,)), one(tags, 262, 1)
        stored = stored_as(tags)
        if stored is None:
            raise ImageError(
                f"is a TIFF of {len(bits)} x {bits[0]} bits (SampleFormat {kinds[0]}, photometric "
                f"{photometric}); a map must have one channel of 32-bit floats or of integers, "
                "black as zero."
            )
        with trusting_our_limit(size_of(tags)):
            return numbers_of(image, stored)
