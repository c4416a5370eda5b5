"""Tiles inside a graph: each is cut, resized and looked at by itself, then all cells are joined.

A loop goes over the tiles, so that what a network takes is that of one of them, whatever
the image. No working image is made as a whole: each tile is resized from the pixels that it needs.
Only cells are kept, and of two tiles that overlap a cell is taken from the one whose middle is
nearer: there its surroundings are most complete.

Convention: a tile's cells are those of the whole working image, since its origin is a multiple of
the coarsest stride; a network pads at the borders of tiles what it pads at those of images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blemish.graph.builder import BOOL, FLOAT, INT64, GraphBuilder, bodies, tensor
from blemish.graph.preprocessing import Geometry
from blemish.graph.resizing import resized_window
from blemish.graph.tile_grid import Tiles

if TYPE_CHECKING:
    import onnx

PREFIX = "tile/"  # of all names inside the loop

# What is made of a tile, N x 3 x h x w in grey levels: names of grids, N x h x w or N x h x w x D.
NodesOfTile = Callable[[GraphBuilder, str], Sequence[str]]


@dataclass(frozen=True)
class Grid:
    """A grid of a tile: its name once joined, its type, and its axes (3, or 4 with D)."""

    name: str
    kind: int = FLOAT
    axes: int = 3


def over_tiles(
    g: GraphBuilder,
    image: str,
    sizes: Geometry,
    tiles: Tiles,
    look: NodesOfTile,
    *,
    cell_px: int,
    grids: Sequence[Grid],
) -> list[str]:
    """Nodes from an image (N x H x W x 3) to grids over all of its working image.

    Args:
        g: where to add them.
        image: name of the image.
        sizes: of it and of its working image, which is padded to a tile or more.
        tiles: how it is cut.
        look: adds the nodes of one tile to the body of the loop.
        cell_px: side of a cell of the grids.
        grids: what `look` gives.
    """
    down, across = (_origins(g, sizes.padded_hw, tiles, axis) for axis in (0, 1))
    corners = _corners(g, down, across)
    body = _body(image, corners, sizes=sizes, tiles=tiles, look=look, grids=grids)
    count = g.op("Squeeze", g.op("Slice", g.op("Shape", corners), g.ints(0), g.ints(1)))
    outputs = g.fresh("tiles", len(grids))
    found = g.ops("Loop", count, g.constant(True, np.bool_), outputs=outputs, body=body)
    lengths = (g.op("Gather", sizes.padded_hw, g.ints(axis)) for axis in (0, 1))
    rows, columns = (
        _places(g, length, origins, tile_px, cell_px)
        for length, origins, tile_px in zip(lengths, (down, across), tiles.size_hw, strict=True)
    )
    counts = g.op("Concat", g.op("Shape", down), g.op("Shape", across), axis=0)
    joined = []
    for values, grid in zip(found, grids, strict=True):
        whole = _end_to_end(g, values, grid, counts)
        whole = g.op("Gather", whole, rows, axis=1)
        joined.append(g.op("Gather", whole, columns, axis=2, name=grid.name))
    return joined


def tile_at(g: GraphBuilder, image: str, sizes: Geometry, tiles: Tiles, *, origin: str) -> str:
    """Nodes from an image to one of its tiles, N x 3 x h x w in grey levels.

    Args:
        g: where to add them.
        image: name of the image.
        sizes: of it and of its working image.
        tiles: how large they are.
        origin: name of the tile's first row and column, an int64 vector.
    """
    from_hw, to_hw = sizes.image_hw, sizes.content_hw
    return resized_window(g, image, from_hw, to_hw, origin=origin, window_hw=tiles.size_hw)


def _origins(g: GraphBuilder, padded_hw: str, tiles: Tiles, axis: int) -> str:
    """Along an axis; twin of `Tiles.origins`."""
    step, apart = tiles.step_px, tiles.most_apart_px(axis) // tiles.step_px
    length = g.op("Gather", padded_hw, g.ints(axis))
    steps = g.op("Div", g.op("Sub", length, g.ints(tiles.size_hw[axis])), g.ints(step))
    gaps = g.op("Div", g.op("Add", steps, g.ints(apart - 1)), g.ints(apart))
    count = g.op("Squeeze", g.op("Add", gaps, g.ints(1)), g.ints(0))
    numbers = g.op("Range", g.constant(0, np.int64), count, g.constant(1, np.int64))
    even = g.op("Div", g.op("Mul", numbers, steps), g.op("Max", gaps, g.ints(1)))
    return g.op("Mul", even, g.ints(step))


def _corners(g: GraphBuilder, down: str, across: str) -> str:
    """The origin of each tile, row after row, K x 2."""
    rows, columns = g.op("Unsqueeze", down, g.ints(1)), g.op("Unsqueeze", across, g.ints(0))
    none = g.ints(0)
    pairs = (
        g.op("Unsqueeze", g.op("Add", one, g.op("Mul", other, none)), g.ints(2))
        for one, other in ((rows, columns), (columns, rows))
    )
    return g.op("Reshape", g.op("Concat", *pairs, axis=2), g.ints(-1, 2))


def _body(
    image: str,
    corners: str,
    *,
    sizes: Geometry,
    tiles: Tiles,
    look: NodesOfTile,
    grids: Sequence[Grid],
) -> onnx.GraphProto:
    """What is done to each tile, from its number to its grids."""
    inner = GraphBuilder(PREFIX, inside=True)
    number, going_on = f"{PREFIX}number", f"{PREFIX}going_on"
    origin = inner.op("Gather", corners, number)
    cut = tile_at(inner, image, sizes, tiles, origin=origin)
    outputs = [tensor(inner.op("Identity", going_on), BOOL)]
    outputs += [
        _output(inner.op("Identity", name), grid)
        for name, grid in zip(look(inner, cut), grids, strict=True)
    ]
    return inner.body([tensor(number, INT64), tensor(going_on, BOOL)], outputs)


def _output(name: str, grid: Grid) -> onnx.ValueInfoProto:
    return tensor(name, grid.kind, *("N", "h", "w", "D")[: grid.axes])


def _places(g: GraphBuilder, length: str, origins: str, tile_px: int, cell_px: int) -> str:
    """Of each cell along an axis where it lies among those of all tiles, laid end to end."""
    count = g.op("Div", g.op("Squeeze", length, g.ints(0)), g.constant(cell_px, np.int64))
    cells = g.op("Range", g.constant(0, np.int64), count, g.constant(1, np.int64))
    centres = g.op("Add", g.op("Mul", cells, g.ints(2 * cell_px)), g.ints(cell_px))  # doubled
    middles = g.op("Add", g.op("Mul", origins, g.ints(2)), g.ints(tile_px))
    gaps = g.op("Sub", g.op("Unsqueeze", centres, g.ints(1)), g.op("Unsqueeze", middles, g.ints(0)))
    nearest = g.op("ArgMin", g.op("Cast", g.magnitude(gaps), to=FLOAT), axis=1, keepdims=0)
    first = g.op("Div", g.op("Gather", origins, nearest), g.ints(cell_px))
    before = g.op("Mul", nearest, g.ints(tile_px // cell_px))
    return g.op("Add", before, g.op("Sub", cells, first))


def _end_to_end(g: GraphBuilder, values: str, grid: Grid, counts: str) -> str:
    """Grids of all tiles (K x N x h x w, row after row of tiles) as one, where tiles overlap."""
    each = g.op("Slice", g.op("Shape", values), g.ints(1), g.ints(grid.axes + 1), g.ints(0))
    apart = g.op("Reshape", values, g.op("Concat", counts, each, axis=0))
    depth = [5] if grid.axes == 4 else []
    together = g.op("Transpose", apart, perm=[2, 0, 3, 1, 4, *depth])
    n, h, w = (g.op("Slice", each, g.ints(i), g.ints(i + 1), g.ints(0)) for i in range(3))
    down, across = (g.op("Gather", counts, g.ints(axis)) for axis in (0, 1))
    size = [n, g.op("Mul", down, h), g.op("Mul", across, w)]
    if depth:
        size.append(g.op("Slice", each, g.ints(3), g.ints(4), g.ints(0)))
    return g.op("Reshape", together, g.op("Concat", *size, axis=0))


def loop_over_tiles(graph: onnx.GraphProto) -> onnx.NodeProto | None:
    """The node that goes over the tiles of a graph; `None` where it has none."""
    return next((node for node in graph.node if node.op_type == "Loop"), None)


@dataclass(frozen=True)
class _Joined:
    """How the grids of all tiles become one in a graph, by names.

    Attributes:
        values: what the loop gives of all tiles.
        counts: tiles down and across.
        rows, columns: where each cell lies among those of all tiles.
    """

    values: str
    counts: str
    rows: str
    columns: str

    @classmethod
    def of(cls, graph: onnx.GraphProto, name: str) -> _Joined:
        """How a grid is made that a graph holds by that name."""
        giving = {output: node for node in graph.node for output in node.output}
        across = giving[name]
        down = giving[across.input[0]]
        apart = giving[giving[giving[down.input[0]].input[0]].input[0]]
        counts = giving[apart.input[1]].input[0]
        return cls(apart.input[0], counts, down.input[1], across.input[1])


def inner_name(graph: onnx.GraphProto, name: str) -> str:
    """What the loop over the tiles of a graph calls a grid of one, by the name of the whole."""
    loop = loop_over_tiles(graph)
    assert loop is not None
    (body,) = bodies(loop)
    number = list(loop.output).index(_Joined.of(graph, name).values)
    output = body.output[1 + number].name  # the first says whether to go on
    found: str = next(node for node in body.node if output in node.output).input[0]
    return found


def bring_out(graph: onnx.GraphProto, inner: str, grid: Grid, *, like: str) -> None:
    """Give a graph one more grid of its tiles, joined as another one.

    Args:
        graph: that is changed.
        inner: what the loop calls the grid of a tile.
        grid: what it is to be.
        like: name of the other one.
    """
    loop, joined = loop_over_tiles(graph), _Joined.of(graph, like)
    assert loop is not None
    (body,) = bodies(loop)
    of_tile = GraphBuilder(f"{PREFIX}{grid.name}/", inside=True)
    output = of_tile.op("Identity", inner, name="out")
    of_tile.add_to(body, [output])
    body.output.append(_output(output, grid))
    g = GraphBuilder(f"{grid.name}/")
    values = g.fresh("tiles", 1)[0]
    loop.output.append(values)
    whole = g.op("Gather", _end_to_end(g, values, grid, joined.counts), joined.rows, axis=1)
    nodes, constants = g.needed([g.op("Gather", whole, joined.columns, axis=2, name=grid.name)])
    place = next(number for number, node in enumerate(graph.node) if like in node.output)
    for node in reversed(nodes):
        graph.node.insert(place, node)
    graph.initializer.extend(constants)


def leave_in(graph: onnx.GraphProto, prefix: str) -> None:
    """Undo `bring_out` of grids whose names begin so, but for nodes outside and inside the loop."""
    loop = loop_over_tiles(graph)
    assert loop is not None
    (body,) = bodies(loop)
    for number in reversed(range(len(loop.output))):
        if loop.output[number].startswith(prefix):
            del loop.output[number], body.output[1 + number]
