"""Alignment as part of a graph: nodes that find a part, and a frame around any detector's graph.

From the image a small grey one is made, in which the part is found in two steps (see
`alignment.template`): products with Fourier matrices, an `ArgMax`, some fixed iterations, all with
operators that every runtime has. Then the whole image is drawn as the reference lies (`GridSample`),
what it does not show filled from the reference, and the detector's map is brought back.

A part that agrees with the reference too little is one of which nothing can be said: `inspectable`
is false, and the graph's verdict is no good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.alignment.motion import places
from blemish.alignment.template import Level, Spectra, Template
from blemish.graph.builder import BOOL, FLOAT, INT32, UINT8, UINT16, GraphBuilder, tensor
from blemish.graph.preprocessing import image_hw, image_input
from blemish.graph.resizing import resize
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx

PREFIX = "alignment/"
ALIGNMENT, INSPECTABLE, AGREEMENT_LIMIT = "alignment", "inspectable", "agreement_limit"
TURNED_LESS = 0.002  # a degree, that a peak must be higher for: round parts are not turned for nothing
ROUNDS = (4, 4)  # of the fine steps
FARTHEST = 1.0  # residual, in deviations of the reference: beyond, it pulls no more
FAINTEST = 2e-3  # deviation, as a share of white: below, there is nothing in an image
ROUNDING = 1e-5  # of places, so that what was not moved is shown to its last row
LEAST_SHOWN = 0.5  # of the reference, that an image must show to agree with it
LONGEST_FILL_PX = 512  # side of the reference as it fills what an image does not show
BILINEAR_SINCE = 20  # the opset that calls GridSample's mode linear


@dataclass(frozen=True)
class Moved:
    """Names of a motion's numbers, each N x 1: radians, logarithm of the scale, shifts."""

    turn: str
    log_scale: str
    right: str
    down: str


def grey_model(template: Template, image_format: ImageFormat) -> onnx.ModelProto:
    """From `image` to `grey`, N x h x w: what motions are found in."""
    g = GraphBuilder(PREFIX)
    grey = _grey(g, template, image_format)
    g.op("Identity", grey, name="grey")
    return g.build([image_input(image_format)], [tensor("grey", FLOAT, "N", *template.working_hw)])


def finding_model(template: Template) -> onnx.ModelProto:
    """From `grey` to `alignment`, N x 4 or 5: see `alignment.Motion.of_output`."""
    g = GraphBuilder(PREFIX)
    _found(g, "grey", template)
    inputs = [tensor("grey", FLOAT, "N", *template.working_hw)]
    return g.build(inputs, [_alignment_output(template)])


def aligning_model(
    template: Template, reference: NDArray[Any], image_format: ImageFormat
) -> onnx.ModelProto:
    """From `image` to `aligned`, an image as a detector sees it, and `alignment`."""
    g = GraphBuilder(PREFIX)
    moved = _found(g, _grey(g, template, image_format), template)
    aligned = _aligned(g, template, reference, image_format, moved)
    g.op("Identity", aligned, name="aligned")
    kind = UINT8 if image_format.bit_depth == 8 else UINT16
    outputs = [tensor("aligned", kind, "N", *template.size_hw, 3), _alignment_output(template)]
    return g.build([image_input(image_format)], outputs)


def returning_model(template: Template) -> onnx.ModelProto:
    """From `aligned_map` (N x H x W) and `alignment` to `score_map`, one of the image as it came."""
    g = GraphBuilder(PREFIX)
    columns = g.ops("Split", ALIGNMENT, outputs=g.fresh("column", 4 + template.alignment.scale),
                    axis=1, num_outputs=4 + template.alignment.scale)  # fmt: skip
    half = max(template.size_hw) / 2
    right, down = (g.op("Div", columns[axis], g.number(half)) for axis in (0, 1))
    turn = g.op("Mul", columns[2], g.number(np.pi / 180))
    scale = g.op("Log", columns[4]) if template.alignment.scale else _zero(g, turn)
    _returned(g, "aligned_map", Moved(turn, scale, right, down), template.size_hw, "bilinear")
    inputs = [tensor("aligned_map", FLOAT, "N", *template.size_hw), _alignment_output(template)]
    return g.build(inputs, [tensor("score_map", FLOAT, "N", *template.size_hw)])


def within_alignment(
    model: onnx.ModelProto,
    template: Template,
    reference: NDArray[Any],
    image_format: ImageFormat,
    *,
    limit: float,
) -> onnx.ModelProto:
    """A detector's graph that sees parts as the reference lies, and tells of them as they came.

    Args:
        model: from `image` to `score`, `score_map` and more.
        template: what parts are found by.
        reference: the image that fills what others do not show.
        image_format: of all images.
        limit: agreement below which nothing can be said of a part.
    """
    g = GraphBuilder(PREFIX)
    opset = max(entry.version for entry in model.opset_import)
    mode = "linear" if opset >= BILINEAR_SINCE else "bilinear"
    moved = _found(g, _grey(g, template, image_format), template, mode)
    aligned = _aligned(g, template, reference, image_format, moved, mode)
    aligned_map = f"{PREFIX}score_map"
    found = g.include(model, prefix="", inputs={"image": aligned, "score_map": aligned_map})
    _returned(g, aligned_map, moved, template.size_hw, mode)
    agreement = g.op("Slice", ALIGNMENT, g.ints(3), g.ints(4), g.ints(1))
    held = g.constant([limit], name=AGREEMENT_LIMIT)
    enough = g.op("GreaterOrEqual", g.op("Squeeze", agreement, g.ints(1)), held)
    g.op("Identity", enough, name=INSPECTABLE)
    outputs = [output for output in model.graph.output if output.name in found]
    outputs += [_alignment_output(template), tensor(INSPECTABLE, BOOL, "N")]
    return g.build([image_input(image_format)], outputs)


def filling(image: NDArray[Any]) -> NDArray[Any]:
    """A reference as it is held to fill what other images do not show; a large one made smaller."""
    shrink = -(-max(image.shape[:2]) // LONGEST_FILL_PX)
    if shrink == 1:
        return image
    height, width = image.shape[:2]
    rows, columns = (
        np.minimum(np.arange(0, side + shrink - 1, shrink), side - 1) for side in (height, width)
    )
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.int64), rows, 0), columns, 1)
    counts = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    return np.rint(sums / counts[..., None]).astype(image.dtype)


def _alignment_output(template: Template) -> onnx.ValueInfoProto:
    return tensor(ALIGNMENT, FLOAT, "N", 4 + template.alignment.scale)


def _grey(g: GraphBuilder, template: Template, image_format: ImageFormat) -> str:
    """A small image, N x h x w, as shares of white."""
    hw = template.working_hw
    small = resize(g, "image", image_hw(g), g.ints(*hw), known_hw=hw)
    grey = g.op("ReduceMean", small, g.ints(1), keepdims=0)
    return g.op("Mul", grey, g.number(1 / image_format.white_level))


def _found(g: GraphBuilder, grey: str, template: Template, mode: str = "bilinear") -> Moved:
    """Nodes that find the part; the output `alignment` among them."""
    moved = _coarse(g, grey, template.spectra())
    agreement = ""
    for number, (level, rounds) in enumerate(zip(template.levels(), ROUNDS, strict=True)):
        last = number == len(ROUNDS) - 1
        moved, agreement = _fine(g, grey, template, level, moved, rounds, mode, last=last)
    half = g.number(max(template.size_hw) / 2)
    told = [
        g.op("Mul", moved.right, half),
        g.op("Mul", moved.down, half),
        g.op("Mul", moved.turn, g.number(180 / np.pi)),
        agreement,
    ]
    if template.alignment.scale:
        told.append(g.op("Exp", moved.log_scale))
    g.op("Concat", *told, axis=1, name=ALIGNMENT)
    return moved


def _coarse(g: GraphBuilder, grey: str, spectra: Spectra) -> Moved:
    """The turn and shift, of those tried, whose spectrum has the phases of the image's."""
    mean = g.op("ReduceMean", grey, g.ints(1, 2), keepdims=1)
    values = g.op("Sub", grey, mean)
    power = g.op("ReduceMean", g.op("Mul", values, values), g.ints(1, 2), keepdims=1)
    deviation = g.op("Sqrt", g.op("Add", power, g.number(FAINTEST**2)))
    values = g.op("Div", values, deviation)
    real, imaginary = _spectrum(g, values, spectra)
    size = g.op("Sqrt", g.op("Add", g.op("Mul", real, real), g.op("Mul", imaginary, imaginary)))
    size = g.op("Add", size, g.number(spectra.floor))
    real, imaginary = (
        g.op("Unsqueeze", g.op("Div", part, size), g.ints(1)) for part in (real, imaginary)
    )
    # C x down x across; phases need no more than half the bits
    like, unlike = (
        g.op("Cast", g.constant(part, np.float16), to=FLOAT)
        for part in (spectra.turned.real, spectra.turned.imag)
    )
    crossed = [
        g.op(kind, g.op("Mul", real, one), g.op("Mul", imaginary, other))
        for kind, one, other in (("Sub", like, unlike), ("Add", unlike, like))
    ]
    peaks = _correlated(g, crossed, spectra)  # N x C x shifts x shifts
    nearer = 1 - TURNED_LESS * np.degrees(np.abs(spectra.turns))
    peaks = g.op("Mul", peaks, g.constant(nearer.reshape(-1, 1, 1)))
    flat = g.op("Reshape", peaks, g.ints(0, -1))
    best = g.op("ArgMax", flat, axis=1, keepdims=1)
    downs, acrosses = len(spectra.shifts_down), len(spectra.shifts_across)
    of_turn = g.op("Div", best, g.ints(downs * acrosses))
    rest = g.op("Sub", best, g.op("Mul", of_turn, g.ints(downs * acrosses)))
    down = g.op("Div", rest, g.ints(acrosses))
    across = g.op("Sub", rest, g.op("Mul", down, g.ints(acrosses)))
    each = (
        (spectra.turns, of_turn),
        (spectra.scales, of_turn),
        (spectra.shifts_across, across),
        (spectra.shifts_down, down),
    )
    return Moved(*(g.op("Gather", g.constant(table), index) for table, index in each))


def _spectrum(g: GraphBuilder, values: str, spectra: Spectra) -> tuple[str, str]:
    """Real and imaginary parts of the spectrum of N x h x w, N x down x across."""
    across = np.concatenate([spectra.across.real, spectra.across.imag]).T
    down = np.concatenate([spectra.down.real, spectra.down.imag])
    product = g.op("MatMul", g.constant(down), g.op("MatMul", values, g.constant(across)))
    above, below = g.ops("Split", product, outputs=g.fresh("half", 2), axis=1, num_outputs=2)
    rr, ri = g.ops("Split", above, outputs=g.fresh("part", 2), axis=2, num_outputs=2)
    ir, ii = g.ops("Split", below, outputs=g.fresh("part", 2), axis=2, num_outputs=2)
    return g.op("Sub", rr, ii), g.op("Add", ri, ir)


def _correlated(g: GraphBuilder, crossed: Sequence[str], spectra: Spectra) -> str:
    """How well each shift fits for each turn: the real part of the way back."""
    real, imaginary = crossed
    cos, sin = spectra.back_across.real.T, spectra.back_across.imag.T  # across x shifts
    both = g.op("Concat", real, imaginary, axis=3)  # N x C x down x 2 across
    to_real = g.op("MatMul", both, g.constant(np.concatenate([cos, -sin])))
    to_imaginary = g.op("MatMul", both, g.constant(np.concatenate([sin, cos])))
    stacked = g.op("Concat", to_real, to_imaginary, axis=2)  # N x C x 2 down x shifts
    back = np.concatenate([spectra.back_down.real, -spectra.back_down.imag], axis=1)
    return g.op("MatMul", g.constant(back), stacked)


def _fine(
    g: GraphBuilder,
    grey: str,
    template: Template,
    level: Level,
    moved: Moved,
    rounds: int,
    mode: str,
    *,
    last: bool,
) -> tuple[Moved, str]:
    """Some rounds of least squares; and the agreement after the last, N x 1."""
    smooth = g.op("MatMul", g.constant(level.rows), grey)
    smooth = g.op("MatMul", smooth, g.constant(level.columns.T))
    smooth = g.op("Unsqueeze", smooth, g.ints(1))
    pixels = level.reference.size
    steps = np.einsum("pq,qij->pij", level.solved, level.steepest).reshape(-1, pixels)
    solved = g.constant(steps.T)
    reference = g.constant(level.reference[None])
    agreement = ""
    for number in range(rounds + last):
        grid, shown = _grid(g, moved, template.size_hw, level.reference.shape)
        seen = _sampled(g, smooth, grid, mode)
        seen, expected, agreement = _compared(g, seen, reference, shown)
        if number == rounds:
            break
        gap = g.op("Sub", seen, expected)
        gap = g.op("Min", g.op("Max", gap, g.number(-FARTHEST)), g.number(FARTHEST))
        gap = g.op("Reshape", g.op("Mul", gap, shown), g.ints(0, -1))
        moved = _corrected(g, moved, g.op("MatMul", gap, solved), template.parameters)
    return moved, agreement


def _compared(
    g: GraphBuilder, seen: str, reference: str, shown: str
) -> tuple[str, str, str]:
    """Image and reference, mean 0 and deviation 1 where both are shown, and their correlation."""
    count = g.op("ReduceMean", shown, g.ints(1, 2), keepdims=1)
    part = g.op("Max", count, g.number(1e-3))

    def mean(values: str) -> str:
        of_shown = g.op("Mul", values, shown)
        return g.op("Div", g.op("ReduceMean", of_shown, g.ints(1, 2), keepdims=1), part)

    def normalised(values: str, faintest: float) -> str:
        gaps = g.op("Sub", values, mean(values))
        power = g.op("Add", mean(g.op("Mul", gaps, gaps)), g.number(faintest**2))
        return g.op("Div", gaps, g.op("Sqrt", power))

    seen, reference = normalised(seen, FAINTEST), normalised(reference, FAINTEST)
    agreement = g.op("Squeeze", mean(g.op("Mul", seen, reference)), g.ints(2))
    enough = g.op("Cast", g.op("Greater", count, g.number(LEAST_SHOWN)), to=FLOAT)
    return seen, reference, g.op("Mul", agreement, g.op("Squeeze", enough, g.ints(2)))


def _corrected(g: GraphBuilder, moved: Moved, steps: str, parameters: int) -> Moved:
    """A motion after that of the reference which the differences ask for is undone."""
    each = g.ops(
        "Split", steps, outputs=g.fresh("step", parameters), axis=1, num_outputs=parameters
    )
    turn = g.op("Sub", moved.turn, each[2])
    log_scale = g.op("Sub", moved.log_scale, each[3]) if parameters == 4 else moved.log_scale
    cos, sin = _turning(g, turn, log_scale)
    right = g.op("Sub", g.op("Mul", cos, each[0]), g.op("Mul", sin, each[1]))
    down = g.op("Add", g.op("Mul", sin, each[0]), g.op("Mul", cos, each[1]))
    return Moved(
        turn, log_scale, g.op("Sub", moved.right, right), g.op("Sub", moved.down, down)
    )


def _turning(g: GraphBuilder, turn: str, log_scale: str) -> tuple[str, str]:
    """Scale times cosine and sine."""
    scale = g.op("Exp", log_scale)
    return g.op("Mul", g.op("Cos", turn), scale), g.op("Mul", g.op("Sin", turn), scale)


def _grid(
    g: GraphBuilder, moved: Moved, size_hw: tuple[int, int], cells_hw: tuple[int, ...]
) -> tuple[str, str]:
    """Where on the image each cell of the reference lies; see `_placed`."""
    cos, sin = _turning(g, moved.turn, moved.log_scale)
    return _placed(g, (cos, sin), (moved.right, moved.down), size_hw, cells_hw)


def _grid_back(
    g: GraphBuilder, moved: Moved, size_hw: tuple[int, int], cells_hw: tuple[int, ...]
) -> tuple[str, str]:
    """Where on the reference each cell of the image lies; see `_placed`."""
    cos, sin = _turning(g, g.op("Neg", moved.turn), g.op("Neg", moved.log_scale))
    right = g.op("Sub", g.op("Mul", sin, moved.down), g.op("Mul", cos, moved.right))
    across = g.op("Mul", sin, moved.right)
    down = g.op("Neg", g.op("Add", across, g.op("Mul", cos, moved.down)))
    return _placed(g, (cos, sin), (right, down), size_hw, cells_hw)


def _placed(
    g: GraphBuilder,
    turning: tuple[str, str],
    shift: tuple[str, str],
    size_hw: tuple[int, int],
    cells_hw: tuple[int, ...],
) -> tuple[str, str]:
    """Cells turned and shifted, as `GridSample` takes them, and which of them are there.

    Returns:
        N x h x w x 2, from -1 to 1 along each side; and N x h x w, 1 or 0: whether they lie between
        centres of cells, so that nothing beyond has a say in what is sampled there.
    """
    longer = max(size_hw)
    y, x = (
        g.constant(places(cells, side, longer).reshape(shape))
        for cells, side, shape in zip(cells_hw, size_hw, ((1, -1, 1), (1, 1, -1)), strict=True)
    )
    cos, sin, right, down = (g.op("Unsqueeze", one, g.ints(2)) for one in (*turning, *shift))
    rows = g.op("Add", g.op("Mul", sin, x), g.op("Add", g.op("Mul", cos, y), down))
    columns = g.op("Add", g.op("Mul", cos, x), g.op("Sub", right, g.op("Mul", sin, y)))
    height, width = size_hw
    rows, columns = (
        g.op("Mul", one, g.number(longer / side)) if side != longer else one
        for one, side in ((rows, height), (columns, width))
    )
    far = [
        g.op("Mul", g.magnitude(one), g.number(1 / (1 - 1 / cells)))
        for one, cells in zip((rows, columns), cells_hw, strict=True)
    ]
    there = g.op("LessOrEqual", g.op("Max", *far), g.number(1.0 + ROUNDING))
    pair = (g.op("Unsqueeze", one, g.ints(3)) for one in (columns, rows))
    return g.op("Concat", *pair, axis=3), g.op("Cast", there, to=FLOAT)


def _sampled(g: GraphBuilder, values: str, grid: str, mode: str) -> str:
    """One-coloured N x 1 x H x W at the places of a grid, N x h x w."""
    return g.op("Squeeze", _sample(g, values, grid, mode), g.ints(1))


def _sample(g: GraphBuilder, values: str, grid: str, mode: str) -> str:
    return g.op("GridSample", values, grid, mode=mode, padding_mode="zeros", align_corners=0)


def _aligned(
    g: GraphBuilder,
    template: Template,
    reference: NDArray[Any],
    image_format: ImageFormat,
    moved: Moved,
    mode: str = "bilinear",
) -> str:
    """The image as the reference lies, N x H x W x 3 as decoded."""
    size_hw = template.size_hw
    grid, shown = _grid(g, moved, size_hw, size_hw)
    colours = g.op("Cast", g.op("Transpose", "image", perm=[0, 3, 1, 2]), to=FLOAT)
    own = g.op("Unsqueeze", shown, g.ints(1))
    drawn = g.op("Mul", _sample(g, colours, grid, mode), own)
    others = g.op("Mul", _fill(g, reference, size_hw), g.op("Sub", g.number(1.0), own))
    levels = g.op("Round", g.op("Add", drawn, others))
    levels = g.op("Transpose", levels, perm=[0, 2, 3, 1])
    if image_format.bit_depth == 8:
        return g.op("Cast", levels, to=UINT8)
    return g.op("Cast", g.op("Cast", levels, to=INT32), to=UINT16)


def _fill(g: GraphBuilder, reference: NDArray[Any], size_hw: tuple[int, int]) -> str:
    """The reference, 3 x H x W, float: of a large one a smaller one is held."""
    planes = np.ascontiguousarray(reference.transpose(2, 0, 1))
    held = g.op("Cast", g.constant(planes, reference.dtype), to=FLOAT)
    if reference.shape[:2] == size_hw:
        return held
    rows, columns = (
        _between(cells, side) for cells, side in zip(reference.shape[:2], size_hw, strict=True)
    )
    larger = g.op("MatMul", g.constant(rows), held)
    return g.op("MatMul", larger, g.constant(columns.T))


def _between(cells: int, side: int) -> NDArray[np.float64]:
    """A matrix, side x cells, of linear interpolation."""
    at = np.clip((np.arange(side) + 0.5) * cells / side - 0.5, 0, cells - 1)
    return np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(cells)[None, :]))


def _returned(
    g: GraphBuilder, aligned_map: str, moved: Moved, size_hw: tuple[int, int], mode: str
) -> None:
    """The output `score_map`: of the image as it came, 0 where the reference does not reach."""
    grid, there = _grid_back(g, moved, size_hw, size_hw)
    drawn = _sampled(g, g.op("Unsqueeze", aligned_map, g.ints(1)), grid, mode)
    g.op("Mul", drawn, there, name="score_map")


def _zero(g: GraphBuilder, like: str) -> str:
    return g.op("Mul", like, g.number(0.0))
