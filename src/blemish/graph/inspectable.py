"""Whether an image can be inspected at all, as part of a graph: how far it departs from good ones.

Nodes beside a detector's, from its input and its map: each block of the image, by how bright, rich
in contrast and sharp it is (`images.exposure`), and the level of the map. An image departs as its
blocks do, of which `MOST_DEPART` depart at least so far: a defect changes some, a lamp nearly all.

Where a graph aligns parts, blocks are those of the reference as they lie on the image: its own
pixels are looked at there, since an image that is drawn anew is less sharp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ModelFileError
from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.verdict import (
    ALIGNED_MAP,
    ALIGNMENT,
    DEPARTURES,
    NOT_INSPECTABLE,
    drop,
    rounded_down,
)
from blemish.images.exposure import (
    ACROSS,
    BLOCKS,
    FAINT,
    FAR_PX,
    GREY_LEVEL,
    MAP_POINTS,
    NEAR_PX,
    SIDE,
    STEP,
    Blocks,
    grid_lines,
    level_rank,
    map_points,
)

if TYPE_CHECKING:
    import onnx

PREFIX = "inspectable/"
MOST_DEPART = BLOCKS // 2
SIDES = ((0, -1), (0, 1), (1, -1), (2, -1))  # of brightness, contrast, sharpness: less, or more
WAYS = len(SIDES) + 1  # to depart: these, and the map's level
_CENTRE, _WEIGHT, _LIMIT = f"{PREFIX}centre", f"{PREFIX}weight", f"{PREFIX}limit"
_LEVEL = f"{PREFIX}level_centre", f"{PREFIX}level_weight"


@dataclass(frozen=True, eq=False)
class Departing:
    """How departures are reckoned, and which are too far.

    Attributes:
        centre: 3 x B, of each block what is usual, as logarithms.
        spread: 4 x B, by `SIDES`: what counts as one.
        level_centre, level_spread: of the map's level.
        limit: an image that departs farther is not inspectable.
        white_level: the value that counts as white.
        within: points that are looked at, as `images.exposure.blocks_within` gives them; `None` for
            points all over.
        width: of all images, where there are such points.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    level_centre: float
    level_spread: float
    limit: float
    white_level: int
    within: tuple[Blocks, bool] | None = None
    width: int = 0

    def constants(self) -> dict[str, NDArray[np.float32]]:
        """What a graph holds of it, by names."""
        signs = np.array([sign for _, sign in SIDES], np.float64)[:, None]
        with np.errstate(all="ignore"):  # a file may say anything; then its graph holds another
            return {
                _CENTRE: self.centre[[which for which, _ in SIDES]].astype(np.float32),
                _WEIGHT: (signs / self.spread).astype(np.float32),
                _LEVEL[0]: np.array([self.level_centre], np.float32),
                _LEVEL[1]: (1 / np.array([self.level_spread])).astype(np.float32),
                _LIMIT: np.array([rounded_down(self.limit)]),
            }


def set_departures(graph: onnx.GraphProto, departing: Departing | None) -> None:
    """Give a graph with `image` and `score_map` an output `departures`, or set the one it has.

    With `None` it has none.

    It is N x 5: too dark, too bright, too little contrast, blurred, unlike; where one is above the
    limit, the image is not inspectable, and `set_verdict` says so.
    """
    drop(graph, lambda name: name.startswith(PREFIX) or name == DEPARTURES)
    if departing is None:
        return
    g = GraphBuilder(PREFIX)
    values = departing.constants().items()
    held = {name: g.constant(value, name=name) for name, value in values}
    columns = [
        output.type.tensor_type.shape.dim[1].dim_value
        for output in graph.output
        if output.name == ALIGNMENT
    ]
    points = _MovedPoints(g, departing, columns[0]) if columns else _Points(g, departing)
    levels = _logarithms(g, points, departing.white_level)
    sides = g.op("Concat", *(levels[which] for which, _ in SIDES), axis=1)
    blocks = g.op("Mul", g.op("Sub", sides, held[_CENTRE]), held[_WEIGHT])
    of_image = _ranked(g, blocks, MOST_DEPART, axis=2, largest=1)
    of_points = g.op("Gather", points.flat_map, points.of_map, axis=1)
    level = _ranked(g, of_points, level_rank(points.map_count), axis=1, largest=0)
    of_map = g.op("Mul", g.op("Sub", level, held[_LEVEL[0]]), held[_LEVEL[1]])
    of_blocks = g.op("Squeeze", of_image, g.ints(2))
    g.op("Concat", of_blocks, of_map, axis=1, name=DEPARTURES)
    # Not `Greater`: what is no number is no small departure.
    far = g.op("Not", g.op("LessOrEqual", DEPARTURES, held[_LIMIT]))
    any_far = g.op("ReduceMax", g.op("Cast", far, to=FLOAT), g.ints(1), keepdims=0)
    g.op("Greater", any_far, g.number(0.5), name=NOT_INSPECTABLE)
    g.add_to(graph, [NOT_INSPECTABLE])
    graph.output.append(tensor(DEPARTURES, FLOAT, "N", WAYS))


class _Points:
    """The points of an image that are looked at, in a graph.

    Attributes:
        flat_map: the map, N x H W.
        of_map: which of it are looked at.
        map_count: how many these are.
    """

    def __init__(self, g: GraphBuilder, departing: Departing, score_map: str = "score_map") -> None:
        self._g, self._within, self._width = g, departing.within, departing.width
        self._pixels = g.op("Reshape", "image", g.ints(0, -1, 3))
        self.flat_map = g.op("Reshape", score_map, g.ints(0, -1))
        if departing.within is None:
            self.map_count = BLOCKS * MAP_POINTS
            height, width = (self._side(axis) for axis in (1, 2))
            self._sides = height, width
            last = (g.op("Sub", side, g.ints(1)) for side in self._sides)
            self._lines = list(zip(self._all_over(), last, strict=True))
            every = SIDE * SIDE // MAP_POINTS
            some = g.op("Slice", self._flat(0, 0), g.ints(0), g.ints(SIDE * SIDE), g.ints(1),
                        g.ints(every))  # fmt: skip
            self.of_map = g.op("Reshape", some, g.ints(-1))
        else:
            blocks, _ = departing.within
            self._blocks = g.constant(blocks, np.int64)
            chosen = map_points(blocks)
            self.map_count = len(chosen)
            self.of_map = g.constant(chosen, np.int64)

    def grey(self, down: int, right: int) -> str:
        """The grey of the pixels that are so far below and to the right, N x B x P."""
        g = self._g
        found = g.op("Gather", self._pixels, self._flat(down, right), axis=1)
        return g.op("ReduceMean", g.op("Cast", found, to=FLOAT), g.ints(3), keepdims=0)

    def _flat(self, down: int, right: int) -> str:
        g = self._g
        if self._within is not None:
            apart = (down * self._width + right) * self._within[1]
            return g.op("Add", self._blocks, g.ints(apart)) if apart else self._blocks
        moved = []
        for px, (line, last) in zip((down, right), self._lines, strict=True):
            moved.append(g.op("Min", g.op("Add", line, g.ints(px)), last) if px else line)
        rows = g.op("Mul", moved[0], self._sides[1])
        return g.op("Reshape", g.op("Add", rows, moved[1]), g.ints(BLOCKS, SIDE * SIDE))

    def _side(self, axis: int) -> str:
        g = self._g
        return g.op("Slice", g.op("Shape", "image"), g.ints(axis), g.ints(axis + 1), g.ints(0))

    def _all_over(self) -> Iterator[str]:
        g = self._g
        for line, side in zip(grid_lines(), self._sides, strict=True):
            parts = g.op("Mul", g.constant(line, np.int64), side)
            yield g.op("Div", parts, g.ints(STEP * ACROSS * SIDE))


class _MovedPoints(_Points):
    """The points of the reference as they lie on an image; twin of `Motion.pixels_on_image`.

    Args:
        columns: numbers in a row of `alignment`.
    """

    def __init__(self, g: GraphBuilder, departing: Departing, columns: int) -> None:
        super().__init__(g, departing, ALIGNED_MAP)
        self._pixels = g.op("Reshape", "image", g.ints(-1, 3))
        self._sides = self._side(1), self._side(2)
        self._last = [g.op("Sub", side, g.ints(1)) for side in self._sides]
        count = g.op("Squeeze", self._side(0), g.ints(0))
        images = g.op("Range", g.constant(0, np.int64), count, g.constant(1, np.int64))
        first = g.op("Mul", images, g.op("Mul", *self._sides))
        self._first = g.op("Unsqueeze", first, g.ints(1, 2))
        self._rows, self._columns = self._on_image(columns)

    def grey(self, down: int, right: int) -> str:
        """The grey of the pixels that are so far below and to the right, N x B x P."""
        g = self._g
        if self._within is not None:
            down, right = down * self._within[1], right * self._within[1]
        row, column = (
            g.op("Min", g.op("Add", place, g.ints(px)), last)
            for place, px, last in zip(
                (self._rows, self._columns), (down, right), self._last, strict=True
            )
        )
        number = g.op("Add", g.op("Mul", row, self._sides[1]), column)
        found = g.op("Gather", self._pixels, g.op("Add", number, self._first), axis=0)
        return g.op("ReduceMean", g.op("Cast", found, to=FLOAT), g.ints(3), keepdims=0)

    def _on_image(self, columns: int) -> tuple[str, str]:
        """Rows and columns of the points, N x B x P each, whole numbers."""
        g, width = self._g, self._sides[1]
        right, down, degrees, _, *scale = (self._of_motion(number) for number in range(columns))
        turn = g.op("Mul", degrees, g.number(np.pi / 180))
        cos, sin = g.op("Cos", turn), g.op("Sin", turn)
        if scale:
            cos, sin = g.op("Mul", cos, scale[0]), g.op("Mul", sin, scale[0])
        flat = self._flat(0, 0)
        rows = g.op("Div", flat, width)
        both = rows, g.op("Sub", flat, g.op("Mul", rows, width))
        lasts = [g.op("Cast", last, to=FLOAT) for last in self._last]
        middles = [g.op("Mul", last, g.number(0.5)) for last in lasts]
        y, x = (
            g.op("Sub", g.op("Cast", one, to=FLOAT), middle)
            for one, middle in zip(both, middles, strict=True)
        )
        turned = (
            g.op("Add", g.op("Mul", sin, x), g.op("Mul", cos, y)),
            g.op("Sub", g.op("Mul", cos, x), g.op("Mul", sin, y)),
        )
        found = []
        for one, shift, middle, last in zip(turned, (down, right), middles, lasts, strict=True):
            place = g.op("Round", g.op("Add", one, g.op("Add", shift, middle)))
            within = g.op("Min", g.op("Max", place, g.number(0.0)), last)
            found.append(g.op("Cast", within, to=INT64))
        return found[0], found[1]

    def _of_motion(self, number: int) -> str:
        """A number of each image's motion, N x 1 x 1."""
        g = self._g
        column = g.op("Slice", ALIGNMENT, g.ints(number), g.ints(number + 1), g.ints(1))
        return g.op("Unsqueeze", column, g.ints(2))


def _logarithms(g: GraphBuilder, points: _Points, white_level: int) -> list[str]:
    """Brightness, contrast and sharpness, each N x 1 x B; twin of `Exposure.logarithms`."""
    own = points.grey(0, 0)

    def over_points(values: str, *, keepdims: int = 0) -> str:
        return g.op("ReduceMean", values, g.ints(2), keepdims=keepdims)

    def logarithm(values: str, offset: float, share: float = 1.0) -> str:
        of_white = g.op("Mul", values, g.number(share / white_level))
        return g.op("Log", g.op("Add", of_white, g.number(offset)))

    def difference(px: int) -> str:
        either = (g.magnitude(g.op("Sub", own, points.grey(*way))) for way in ((0, px), (px, 0)))
        return logarithm(over_points(g.op("Add", *either)), FAINT, 0.5)

    off = g.op("Sub", own, over_points(own, keepdims=1))
    contrast = g.op("Sqrt", over_points(g.op("Mul", off, off)))
    found = [
        logarithm(over_points(own), GREY_LEVEL),
        logarithm(contrast, GREY_LEVEL),
        g.op("Sub", difference(NEAR_PX), difference(FAR_PX)),
    ]
    return [g.op("Unsqueeze", values, g.ints(1)) for values in found]


def _ranked(g: GraphBuilder, values: str, rank: int, *, axis: int, largest: int) -> str:
    """The value of a rank along an axis, which stays."""
    outputs = g.fresh("top", 2)
    first, _ = g.ops("TopK", values, g.ints(rank), outputs=outputs, axis=axis, largest=largest)
    return g.op("Slice", first, g.ints(rank - 1), g.ints(rank), g.ints(axis))


def check_departures(data: bytes, departing: Departing | None, name: str) -> None:
    """Raise `ModelFileError` where the graph in a model file reckons otherwise than it should.

    It is told from the bytes of its constants, so that nothing needs to be parsed or run.

    Args:
        data: of the file, whose graph went through `set_departures`, if departures are told.
        departing: how they are; `None` where they are not.
        name: what to call the file in errors.
    """
    wanted = {} if departing is None else departing.constants()
    for constant in (_CENTRE, _WEIGHT, *_LEVEL, _LIMIT):
        found = list(_held(data, constant))
        asked = [wanted[constant].tobytes()] if constant in wanted else []
        if found != asked:
            raise ModelFileError(
                f"'{name}' contradicts itself: '{constant}' in its graph is not what it says of "
                "itself. Get it anew from where it was fitted, or fit it again."
            )


def _held(data: bytes, constant: str) -> Iterator[bytes]:
    """The values that the graph in a model file holds by a name."""
    text = constant.encode()
    # How protobuf writes a tensor: that it holds float32, its name, its values behind their count.
    mark = b"\x10\x01\x42" + bytes([len(text)]) + text + b"\x4a"
    place = data.find(mark)
    while place >= 0:
        place += len(mark)
        size, shift = 0, 0
        while place < len(data):
            byte = data[place]
            size, shift, place = size | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                break
        yield data[place : place + size]
        place = data.find(mark, place)
