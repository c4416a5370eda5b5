"""Nodes that find a part in a small grey image: by phases of spectra, then by least squares.

See `alignment.template` for what is done and why. Products with constant matrices, an `ArgMax` and
some fixed rounds: operators that every runtime has, and as many of them for every image. Nothing
that an image can hold makes a number that is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blemish.alignment.template import Level, Spectra, Template
from blemish.graph.builder import FLOAT, GraphBuilder
from blemish.graph.placing import Moved, Placing
from blemish.graph.verdict import ALIGNMENT

TURNED_LESS = 0.002  # a degree, by which a peak must be higher: no round part turns for nothing
ROUNDS = (4, 4)  # of the fine steps
FARTHEST = 1.0  # residual, in deviations of the reference: beyond, it pulls no more
FAINTEST = 2e-3  # deviation, as a share of white: below, there is nothing in an image
LEAST_SHOWN = 0.5  # of the reference, that an image must show to agree with it


def find(placing: Placing, grey: str, template: Template) -> Moved:
    """Nodes that find the part; the output `alignment` among them.

    Args:
        placing: of the images.
        grey: name of the grey image, N x h x w, as shares of white.
        template: what it is found by.
    """
    g = placing.g
    moved, agreement = _coarse(g, grey, template.spectra()), ""
    levels = list(template.levels())
    for level, rounds in zip(levels, ROUNDS, strict=True):
        step = _Fine(placing, level, _smooth(g, grey, level))
        for _ in range(rounds):
            moved = step.corrected(moved)
        if level is levels[-1]:
            agreement = step.compared(moved).agreement
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


def _smooth(g: GraphBuilder, grey: str, level: Level) -> str:
    """The grey image, N x 1 x n x m, as a fine step takes it."""
    rows = g.op("MatMul", g.constant(level.rows), grey)
    return g.op("Unsqueeze", g.op("MatMul", rows, g.constant(level.columns.T)), g.ints(1))


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


@dataclass(frozen=True)
class _Compared:
    """Names of image and reference, mean 0 and deviation 1 where both are shown (N x n x m).

    Attributes:
        shown: 1 there, 0 elsewhere.
        agreement: their correlation, N x 1; 0 where too little is shown.
    """

    seen: str
    expected: str
    shown: str
    agreement: str


class _Fine:
    """A round of least squares, as often as it is asked for."""

    def __init__(self, placing: Placing, level: Level, smooth: str) -> None:
        self._placing, self._smooth, self._level = placing, smooth, level
        self._cells_hw = level.reference.shape[0], level.reference.shape[1]
        steps = np.einsum("pq,qij->pij", level.solved, level.steepest)
        self._steps = placing.g.constant(steps.reshape(len(steps), -1).T)
        self._reference = placing.g.constant(level.reference[None])

    def compared(self, moved: Moved) -> _Compared:
        """Image and reference as the motion says."""
        g = self._placing.g
        grid, shown = self._placing.on_image(moved, self._cells_hw)
        seen = g.op("Squeeze", self._placing.sampled(self._smooth, grid), g.ints(1))
        share = g.op("ReduceMean", shown, g.ints(1, 2), keepdims=1)
        part = g.op("Max", share, g.number(1e-3))

        def mean(values: str) -> str:
            of_shown = g.op("ReduceMean", g.op("Mul", values, shown), g.ints(1, 2), keepdims=1)
            return g.op("Div", of_shown, part)

        def normalised(values: str) -> str:
            gaps = g.op("Sub", values, mean(values))
            power = g.op("Add", mean(g.op("Mul", gaps, gaps)), g.number(FAINTEST**2))
            return g.op("Div", gaps, g.op("Sqrt", power))

        seen, expected = normalised(seen), normalised(self._reference)
        correlation = mean(g.op("Mul", seen, expected))
        enough = g.op("Cast", g.op("Greater", share, g.number(LEAST_SHOWN)), to=FLOAT)
        agreement = g.op("Squeeze", g.op("Mul", correlation, enough), g.ints(2))
        return _Compared(seen, expected, shown, agreement)

    def corrected(self, moved: Moved) -> Moved:
        """A motion after the one of the reference that the differences ask for is undone."""
        g, now = self._placing.g, self.compared(moved)
        gap = g.op("Sub", now.seen, now.expected)
        gap = g.op("Min", g.op("Max", gap, g.number(-FARTHEST)), g.number(FARTHEST))
        gap = g.op("Reshape", g.op("Mul", gap, now.shown), g.ints(0, -1))
        count = len(self._level.steepest)
        steps = g.op("MatMul", gap, self._steps)
        each = g.ops("Split", steps, outputs=g.fresh("step", count), axis=1, num_outputs=count)
        turn, log_scale = g.op("Sub", moved.turn, each[2]), moved.log_scale
        if count > 3:
            log_scale = g.op("Sub", log_scale, each[3])
        cos, sin = self._placing.turning(turn, log_scale)
        right = g.op("Sub", g.op("Mul", cos, each[0]), g.op("Mul", sin, each[1]))
        down = g.op("Add", g.op("Mul", sin, each[0]), g.op("Mul", cos, each[1]))
        right, down = g.op("Sub", moved.right, right), g.op("Sub", moved.down, down)
        return Moved(turn, log_scale, right, down)
