"""Draw what a model saw: heat maps, the map laid over its image, outlines, thumbnails.

NumPy does the drawing; Pillow only shrinks and encodes. Nothing here measures: a drawing is made
from raw scores and a threshold, and no figure is ever taken from a drawing.

Convention: colour stands for `score / (2 x threshold)`, cut to 0..1, so the threshold is always the
middle of the ramp and a colour means the same on every image of a model. (Of a threshold that is
not positive, the ramp spans `|threshold|` to either side of it.) A score that is not a number is
drawn as the lowest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.result import Region

ImageArray = NDArray[np.uint8]  # H x W x 3

# Anchors of the ramp, evenly spaced; lightness rises all the way, so it reads in grey as well.
RAMP_RGB = ((16, 10, 44), (84, 24, 118), (196, 44, 88), (247, 137, 40), (255, 238, 150))
REGION_RGB = (255, 255, 255)
MASK_RGB = (0, 200, 255)
CASING_RGB = (16, 20, 28)

STRONGEST = 0.52  # opacity of the map where it is well above the threshold
BAND_PIXELS = 1 << 20
FADE = (0.43, 0.53)  # places on the ramp between which the map appears; the threshold is 0.5


def heat_map(score_map: NDArray[Any], *, threshold: float) -> ImageArray:
    """Colour a map of raw scores.

    Args:
        score_map: H x W, raw scores of any float type.
        threshold: the pixel threshold of the model; the middle of the ramp.

    Returns:
        H x W x 3, uint8.
    """
    return _colours(_place_on_ramp(score_map, threshold))


def overlay(
    image: NDArray[Any],
    score_map: NDArray[Any],
    *,
    threshold: float,
    regions: Sequence[Region] = (),
    mask: NDArray[Any] | None = None,
    inspected: NDArray[np.bool_] | None = None,
) -> ImageArray:
    """Lay a map of raw scores over its image; scores well below the threshold stay invisible.

    Args:
        image: H x W or H x W x 3, uint8 or uint16.
        score_map: H x W, raw scores.
        threshold: the pixel threshold of the model.
        regions: what the model flagged; each is outlined where its score is above the threshold.
        mask: H x W, true (or not zero) where the defect is; outlined in another colour.
        inspected: H x W, true where zones lie; the rest is darkened.

    Returns:
        H x W x 3, uint8. Lines grow with the image, so that they survive in a thumbnail.

    Raises:
        ImageError: the image is of another type, or map, mask or zones are of another size.
    """
    canvas = displayable(image)
    height, width, _ = canvas.shape
    _check_size("score map", score_map, (height, width))
    if mask is not None:
        _check_size("mask", mask, (height, width))
    if inspected is not None:
        _check_size("zones", inspected, (height, width))
    score_map = np.asarray(score_map)
    for rows in _bands((height, width)):
        _blend(canvas[rows], _place_on_ramp(score_map[rows], threshold))
        if inspected is not None:
            canvas[rows] >>= (~inspected[rows, :, None]).astype(np.uint8)  # to half
    line_px = line_width_px((height, width))
    if regions:
        near = _around(regions, (height, width), line_px)
        _draw(canvas, lambda rows: score_map[rows] > threshold, REGION_RGB, line_px, near)
    if mask is not None:
        defective = np.asarray(mask)
        _draw(canvas, lambda rows: defective[rows] != 0, MASK_RGB, line_px)
    return canvas


def displayable(image: NDArray[Any]) -> ImageArray:
    """An image as a screen can show it: a new array, H x W x 3, uint8.

    A 16-bit image is stretched between its 0.1 and 99.9 percentiles, since cameras of 10 or 12
    bits leave most of the range empty. Grey becomes three equal channels.

    Raises:
        ImageError: the image is not H x W or H x W x 3 of uint8 or uint16.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"An image must be H x W or H x W x 3; got {_spell(image.shape)}.")
    if image.dtype == np.uint8:
        return image.copy()
    if image.dtype != np.uint16:
        raise ImageError(f"An image must be uint8 or uint16; got {image.dtype}.")
    low, high = np.percentile(image, (0.1, 99.9))
    stretched = np.rint((np.arange(1 << 16) - low) * (255.0 / max(high - low, 1.0)))
    table: ImageArray = np.clip(stretched, 0, 255).astype(np.uint8)
    shown: ImageArray = table[image]
    return shown


def encode_jpeg(image: NDArray[Any], *, long_side_px: int = 320, quality: int = 85) -> bytes:
    """A thumbnail as JPEG. An image whose long side is `long_side_px` or less keeps its size.

    Raises:
        ImageError: the image is not H x W or H x W x 3 of uint8 or uint16.
    """
    from io import BytesIO

    from PIL import Image

    thumbnail = Image.fromarray(displayable(image))
    thumbnail.thumbnail((long_side_px, long_side_px), Image.Resampling.LANCZOS)
    stream = BytesIO()
    thumbnail.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def line_width_px(size_hw: tuple[int, int]) -> int:
    """Width of an outline: a two-hundredth of the long side, at least one pixel."""
    return max(1, round(max(size_hw) / 200))


def _place_on_ramp(score_map: NDArray[Any], threshold: float) -> NDArray[np.float32]:
    """Scores as places 0..1 on the ramp; the threshold is at 0.5."""
    span = 2 * max(abs(threshold), float(np.finfo(np.float32).tiny))
    with np.errstate(over="ignore", invalid="ignore"):
        place = 0.5 + (np.asarray(score_map, np.float64) - threshold) / span
    place = np.clip(np.nan_to_num(place, nan=0.0, posinf=1.0, neginf=0.0), 0.0, 1.0)
    return place.astype(np.float32)


def _colours(place: NDArray[np.float32]) -> ImageArray:
    anchors = np.linspace(0, 255, len(RAMP_RGB))
    channels = [np.interp(np.arange(256), anchors, channel) for channel in np.transpose(RAMP_RGB)]
    table = np.rint(np.stack(channels, axis=1)).astype(np.uint8)  # 256 x 3
    colours: ImageArray = table[np.rint(place * 255).astype(np.uint8)]
    return colours


def _opacity(place: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below the fade, `STRONGEST` above it, a smooth step between."""
    start, end = FADE
    step = np.clip((place - start) / (end - start), 0, 1)
    opacity: NDArray[np.float32] = STRONGEST * step * step * (3 - 2 * step)
    return opacity


def _blend(canvas: ImageArray, place: NDArray[np.float32]) -> None:
    """Lay the colours of these places over a canvas, in place."""
    difference = _colours(place).astype(np.float32) - canvas
    canvas[:] = np.rint(canvas + _opacity(place)[:, :, None] * difference)


def _bands(size_hw: tuple[int, int], *, least: int = 1) -> Iterator[slice]:
    """Rows to be drawn one after the other: what drawing takes then does not grow with an image.

    Args:
        size_hw: of the image.
        least: rows of a band.
    """
    rows = max(least, BAND_PIXELS // size_hw[1])
    for first in range(0, size_hw[0], rows):
        yield slice(first, min(first + rows, size_hw[0]))


def _outline(inside: NDArray[np.bool_], line_px: int) -> NDArray[np.bool_]:
    """A band just outside of a shape, so that the line hides little of it."""
    return _grow(inside, line_px) & ~inside


def _grow(inside: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    """A shape grown by `by_px` to all sides (a square neighbourhood)."""
    grown, reach = inside, 0
    while reach < by_px:
        step = min(reach + 1, by_px - reach)
        for axis in (0, 1):
            before = np.moveaxis(grown, axis, 0)
            grown = grown.copy()
            after = np.moveaxis(grown, axis, 0)
            after[step:] |= before[:-step]
            after[:-step] |= before[step:]
        reach += step
    return grown


def _around(
    regions: Sequence[Region], size_hw: tuple[int, int], margin_px: int
) -> NDArray[np.bool_]:
    """Where the boxes of `regions` are, with room for the line about them."""
    near = np.zeros(size_hw, np.bool_)
    for region in regions:
        x0, y0, x1, y1 = region.box_xyxy
        near[max(0, y0 - margin_px) : y1 + margin_px, max(0, x0 - margin_px) : x1 + margin_px] = (
            True
        )
    return near


def _draw(
    canvas: ImageArray,
    inside: Callable[[slice], NDArray[np.bool_]],
    colour: tuple[int, int, int],
    line_px: int,
    near: NDArray[np.bool_] | None = None,
) -> None:
    """Outline a shape in a thin dark casing, which keeps the line visible on bright surfaces.

    Args:
        canvas: to draw on.
        inside: the rows of the shape that are asked for.
        colour: of the line.
        line_px: its width.
        near: where lines may be; by default everywhere.
    """
    casing_px = max(1, line_px // 2)
    margin = line_px + casing_px
    height, width, _ = canvas.shape
    for band in _bands((height, width), least=2 * margin):
        rows = slice(max(0, band.start - margin), band.stop + margin)
        line = _outline(inside(rows), line_px)
        if near is not None:
            line &= near[rows]
        if line.any():
            own = slice(band.start - rows.start, band.stop - rows.start)
            canvas[band][_grow(line, casing_px)[own]] = CASING_RGB
            canvas[band][line[own]] = colour


def _check_size(what: str, array: NDArray[Any], size_hw: tuple[int, int]) -> None:
    shape = np.asarray(array).shape
    if shape != size_hw:
        raise ImageError(
            f"The {what} must be of the image's size, {_spell(size_hw)}; got {_spell(shape)}."
        )


def _spell(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
