"""Alignment as part of a graph: a frame around any detector's graph.

From the image a small grey one is made, in which the part is found (`graph.finding`). Then the
whole image is drawn as the reference lies, what it does not show filled from the reference, and the
detector's map is brought back. All with operators that every runtime has.

Of a part that agrees with the reference too little nothing can be said: `inspectable` is false, and
the graph's verdict is no good one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.alignment.template import Template, smoothing
from blemish.graph.builder import BOOL, FLOAT, INT32, OPSET, UINT8, UINT16, GraphBuilder, tensor
from blemish.graph.finding import find
from blemish.graph.placing import Moved, Placing
from blemish.graph.preprocessing import image_hw, image_input
from blemish.graph.resizing import resize
from blemish.graph.verdict import AGREEMENT_LIMIT, ALIGNABLE, ALIGNED_MAP, ALIGNMENT, ONCE
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx

PREFIX = "alignment/"
OTHER_BYTES = 250_000  # nodes, and the smaller matrices
LIT_FINE, LIT_CELLS = 64, 16  # of a side, that light is compared in, and what follows is told in
MOST_LIGHTER = 2.0  # times; a defect is no light
LIT_REACH = 0.7  # of such cells, to which one says what the light is beside it
LONGEST_FILL_PX = 512  # side of the reference as it fills what an image does not show


@dataclass(frozen=True, eq=False)
class Aligner:
    """What parts are aligned by.

    Attributes:
        template: what they are found by.
        fill: the reference, which fills what an image does not show; see `filling`.
        image_format: of all images.
    """

    template: Template
    fill: NDArray[Any]
    image_format: ImageFormat

    def graph(self) -> onnx.ModelProto:
        """From `image` to `aligned`, an image as a detector sees it, and `alignment`."""
        g = GraphBuilder(PREFIX)
        placing = Placing(g, self.template.size_hw, OPSET)
        small = _small(g, self.template)
        moved = find(placing, _grey(g, small, self.image_format), self.template)
        g.op("Identity", self._aligned(placing, moved, small), name="aligned")
        kind = UINT8 if self.image_format.bit_depth == 8 else UINT16
        aligned = tensor("aligned", kind, "N", *self.template.size_hw, 3)
        return g.build([image_input(self.image_format)], [aligned, _output(self.template)])

    def around(self, model: onnx.ModelProto, *, limit: float) -> onnx.ModelProto:
        """A detector's graph that sees parts as the reference lies, and tells of them as they came.

        Args:
            model: from `image` to `score`, `score_map` and more.
            limit: agreement below which nothing can be said of a part.
        """
        g = GraphBuilder(PREFIX)
        opset = max(OPSET, *(entry.version for entry in model.opset_import))
        placing = Placing(g, self.template.size_hw, opset)
        small = _small(g, self.template)
        moved = find(placing, _grey(g, small, self.image_format), self.template)
        ours = {"image": self._aligned(placing, moved, small), "score_map": ALIGNED_MAP}
        found = g.include(model, prefix="", inputs=ours)
        _returned(placing, ALIGNED_MAP, moved)
        agreement = g.op("Slice", ALIGNMENT, g.ints(3), g.ints(4), g.ints(1))
        least = g.constant([limit], name=AGREEMENT_LIMIT + ONCE)
        g.op("GreaterOrEqual", g.op("Squeeze", agreement, g.ints(1)), least, name=ALIGNABLE)
        outputs = [output for output in model.graph.output if output.name in found]
        outputs += [_output(self.template), tensor(ALIGNABLE, BOOL, "N")]
        return g.build([image_input(self.image_format)], outputs)

    def _aligned(self, placing: Placing, moved: Moved, small: str) -> str:
        """The image as the reference lies, N x H x W x 3 as decoded."""
        g = placing.g
        grid, shown = placing.on_image(moved, placing.size_hw)
        colours = g.op("Cast", g.op("Transpose", "image", perm=[0, 3, 1, 2]), to=FLOAT)
        own = g.op("Unsqueeze", shown, g.ints(1))
        drawn = g.op("Mul", placing.sampled(colours, grid), own)
        fill = g.op("Mul", _fill(g, self.fill, placing.size_hw), self._lit(placing, moved, small))
        fill = g.op("Min", fill, g.number(np.iinfo(self.image_format.dtype).max))
        others = g.op("Mul", fill, g.op("Sub", g.number(1.0), own))
        levels = g.op("Round", g.op("Add", drawn, others))
        levels = g.op("Transpose", levels, perm=[0, 2, 3, 1])
        if self.image_format.bit_depth == 8:
            return g.op("Cast", levels, to=UINT8)
        return g.op("Cast", g.op("Cast", levels, to=INT32), to=UINT16)

    def _lit(self, placing: Placing, moved: Moved, small: str) -> str:
        """How many times as light the image is as the reference, N x 3 x H x W, smooth.

        Where it is not shown, as beside there: so that what fills it begins without an edge.
        """
        g, size_hw = placing.g, placing.size_hw
        height, width = self.template.working_hw
        fine_hw, cells_hw = (
            (min(most, height), min(most, width)) for most in (LIT_FINE, LIT_CELLS)
        )
        seen = _averaged(g, small, (height, width), fine_hw)
        expected = np.einsum(
            "ry,yxc,sx->crs",
            *(
                smoothing(self.fill.shape[0], fine_hw[0], self.fill.shape[0] / fine_hw[0]),
                self.fill,
            ),
            smoothing(self.fill.shape[1], fine_hw[1], self.fill.shape[1] / fine_hw[1]),
            optimize=True,
        )
        grid, shown = placing.on_image(moved, fine_hw)
        shown = g.op("Unsqueeze", shown, g.ints(1))
        near = [_near(cells, fine) for cells, fine in zip(cells_hw, fine_hw, strict=True)]
        seen, known = (
            g.op("MatMul", g.op("MatMul", g.constant(near[0]), of_shown), g.constant(near[1].T))
            for of_shown in (
                g.op("Mul", placing.sampled(seen, grid), shown),
                g.op("Mul", g.constant(expected), shown),
            )
        )
        little = g.number(1e-6 * self.image_format.white_level)
        times = g.op("Div", g.op("Add", seen, little), g.op("Add", known, little))
        coarse = g.op("Min", g.op("Max", times, g.number(1 / MOST_LIGHTER)), g.number(MOST_LIGHTER))
        rows, columns = (
            between(cells, side) for cells, side in zip(cells_hw, size_hw, strict=True)
        )
        return g.op("MatMul", g.op("MatMul", g.constant(rows), coarse), g.constant(columns.T))


def grey_model(template: Template, image_format: ImageFormat) -> onnx.ModelProto:
    """From `image` to `grey`, N x h x w: what parts are found in."""
    g = GraphBuilder(PREFIX)
    g.op("Identity", _grey(g, _small(g, template), image_format), name="grey")
    return g.build([image_input(image_format)], [tensor("grey", FLOAT, "N", *template.working_hw)])


def finding_model(template: Template) -> onnx.ModelProto:
    """From `grey` to `alignment`, N x 4 or 5: see `alignment.Motion.of_output`."""
    g = GraphBuilder(PREFIX)
    find(Placing(g, template.size_hw, OPSET), "grey", template)
    grey = tensor("grey", FLOAT, "N", *template.working_hw)
    return g.build([grey], [_output(template)])


def returning_model(template: Template) -> onnx.ModelProto:
    """From `aligned_map` (N x H x W) and `alignment` to `score_map`, of the image as it came."""
    g = GraphBuilder(PREFIX)
    scales = template.alignment.scale
    names = g.fresh("column", 4 + scales)
    right, down, turn, _, *scale = g.ops(
        "Split", ALIGNMENT, outputs=names, axis=1, num_outputs=len(names)
    )
    half = g.number(max(template.size_hw) / 2)
    moved = Moved(
        g.op("Mul", turn, g.number(np.pi / 180)),
        g.op("Log", scale[0]) if scales else g.op("Mul", turn, g.number(0.0)),
        g.op("Div", right, half),
        g.op("Div", down, half),
    )
    _returned(Placing(g, template.size_hw, OPSET), "aligned_map", moved)
    aligned_map = tensor("aligned_map", FLOAT, "N", *template.size_hw)
    score_map = tensor("score_map", FLOAT, "N", *template.size_hw)
    return g.build([aligned_map, _output(template)], [score_map])


def held_bytes(template: Template, bit_depth: int) -> int:
    """What an alignment adds to a graph, nearly."""
    (height, width), (down, across) = template.working_hw, template.spectrum_hw
    shrink = -(-max(template.size_hw) // LONGEST_FILL_PX)
    fill = np.prod([-(-side // shrink) for side in template.size_hw]) * 3 * bit_depth // 8
    spectra = 4 * template.tried * down * across
    levels = 4 * (2 + template.parameters) * height * width
    return int(fill + spectra + levels) + OTHER_BYTES


def filling(image: NDArray[Any]) -> NDArray[Any]:
    """A reference as it is held to fill what other images do not show; a large one made smaller."""
    shrink = -(-max(image.shape[:2]) // LONGEST_FILL_PX)
    if shrink == 1:
        return image
    rows, columns = (_fewer(side, -(-side // shrink)) for side in image.shape[:2])
    smaller = np.einsum("ry,yxc,sx->rsc", rows, image.astype(np.float64), columns, optimize=True)
    levels: NDArray[Any] = np.rint(smaller).astype(image.dtype)
    return levels


def _fewer(side: int, cells: int) -> NDArray[np.float64]:
    """A matrix, cells x side, of means that fade towards the neighbouring cells."""
    centres = (np.arange(cells) + 0.5) * side / cells - 0.5
    gaps = np.abs(centres[:, None] - np.arange(side)[None, :])
    weights = np.maximum(0.0, 1.0 - gaps * cells / side)
    means: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return means


def _averaged(
    g: GraphBuilder, planes: str, from_hw: tuple[int, int], to_hw: tuple[int, int]
) -> str:
    """Planes of fewer cells."""
    rows, columns = (
        smoothing(side, cells, side / cells) for side, cells in zip(from_hw, to_hw, strict=True)
    )
    return g.op("MatMul", g.op("MatMul", g.constant(rows), planes), g.constant(columns.T))


def _near(cells: int, fine: int) -> NDArray[np.float64]:
    """A matrix, cells x fine, of what each of many cells counts for each of a few."""
    places = (np.arange(fine) + 0.5) * cells / fine - 0.5
    gaps = np.abs(np.subtract.outer(np.arange(cells), places))
    weights: NDArray[np.float64] = np.exp(-gaps / LIT_REACH)
    return weights


def between(cells: int, side: int) -> NDArray[np.float64]:
    """A matrix, side x cells, of linear interpolation."""
    at = np.clip((np.arange(side) + 0.5) * cells / side - 0.5, 0, cells - 1)
    weights: NDArray[np.float64] = np.maximum(
        0.0, 1.0 - np.abs(np.subtract.outer(at, np.arange(cells)))
    )
    return weights


def _output(template: Template) -> onnx.ValueInfoProto:
    return tensor(ALIGNMENT, FLOAT, "N", 4 + template.alignment.scale)


def _small(g: GraphBuilder, template: Template) -> str:
    """A small image, N x 3 x h x w, in levels."""
    hw = template.working_hw
    return resize(g, "image", image_hw(g), g.ints(*hw), known_hw=hw)


def _grey(g: GraphBuilder, small: str, image_format: ImageFormat) -> str:
    """The same without colour, N x h x w, as shares of white."""
    grey = g.op("ReduceMean", small, g.ints(1), keepdims=0)
    return g.op("Mul", grey, g.number(1 / image_format.white_level))


def _fill(g: GraphBuilder, reference: NDArray[Any], size_hw: tuple[int, int]) -> str:
    """The reference, 3 x H x W, float: of a large one a smaller one is held."""
    planes = np.ascontiguousarray(reference.transpose(2, 0, 1))
    held = g.op("Cast", g.constant(planes, reference.dtype), to=FLOAT)
    if reference.shape[:2] == size_hw:
        return held
    # What runtimes cannot know before there is an image they do not hold at its size.
    count = g.op("Slice", g.op("Shape", "image"), g.ints(0), g.ints(1), g.ints(0))
    nothing = g.op("Sub", count, count)
    for axis, (cells, side) in enumerate(zip(reference.shape[:2], size_hw, strict=True), start=1):
        held = _between(g, held, (cells, side), axis, nothing)
    return held


def _between(
    g: GraphBuilder, planes: str, lengths: tuple[int, int], axis: int, nothing: str
) -> str:
    """More rows or columns, by linear interpolation; `nothing` is a 0 to be added to places."""
    cells, side = lengths
    at = np.clip((np.arange(side) + 0.5) * cells / side - 0.5, 0, cells - 1)
    low = at.astype(np.int64)
    before, after = (
        g.op("Gather", planes, g.op("Add", g.constant(index, np.int64), nothing), axis=axis)
        for index in (low, np.minimum(low + 1, cells - 1))
    )
    share = g.constant((at - low).reshape((-1, 1) if axis == 1 else (-1,)))
    return g.op("Add", before, g.op("Mul", g.op("Sub", after, before), share))


def _returned(placing: Placing, aligned_map: str, moved: Moved) -> None:
    """The output `score_map`: of the image as it came, 0 where the reference does not reach."""
    g = placing.g
    grid, there = placing.on_reference(moved, placing.size_hw)
    drawn = placing.sampled(g.op("Unsqueeze", aligned_map, g.ints(1)), grid)
    g.op("Mul", g.op("Squeeze", drawn, g.ints(1)), there, name="score_map")
