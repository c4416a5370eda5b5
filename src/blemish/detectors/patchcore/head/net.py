"""The head: what it reads, its layers, and its nodes.

It reads, on the grid of the finer bank, the logarithms of how many times the usual score each cell
has by either bank. It sees no features and no pixels, so that it cannot learn what the defects of
its training look like, only how distances of good and of spoilt places differ.
"""

from __future__ import annotations

from blemish.detectors.features.embedding import enlarge_grid
from blemish.detectors.nets.layer import NetLayer, Weights
from blemish.detectors.nets.nodes import add_net
from blemish.graph.builder import GraphBuilder

CHANNELS = 32
DILATIONS = (1, 2, 4, 4, 4)  # with the last layer, a cell is told by 33 x 33 of them
LEAST = 0.05  # of what is usual; less is rounding, which roots and logarithms enlarge


def _layers() -> tuple[NetLayer, ...]:
    side = (3, 3)
    hidden = [
        NetLayer(
            f"conv{number + 1}",
            CHANNELS if number else 2,
            CHANNELS,
            side,
            padding=dilation,
            dilation=dilation,
            skips=number > 0,
        )
        for number, dilation in enumerate(DILATIONS)
    ]
    last = NetLayer("out", CHANNELS, 1, side, padding=1, rectified=False, head=True)
    return (*hidden, last)


LAYERS = _layers()
"""Six convolutions, 37,889 parameters."""


def read(g: GraphBuilder, multiples: str, of_finer: str) -> str:
    """Nodes from multiples of what is usual (N x h x w each) to `readings`, N x 2 x h x w.

    Args:
        g: where to add them.
        multiples: by the first bank, on its own grid.
        of_finer: by the finer one.
    """
    both = enlarge_grid(g, multiples, of_finer), of_finer
    stacked = g.op("Concat", *(g.op("Unsqueeze", grid, g.ints(1)) for grid in both), axis=1)
    return g.op("Log", g.op("Max", stacked, g.number(LEAST)), name="readings")


def add_head(g: GraphBuilder, multiples: str, of_finer: str, weights: Weights) -> str:
    """Nodes from multiples of what is usual to minus the logarithm of the chance to be good.

    That is 0 where a cell is surely good, 0.69 where it is as likely a defect's, and has no end;
    N x h x w. Chances are those of the examples, where defects are many.
    """
    log_odds = add_net(g, read(g, multiples, of_finer), LAYERS, weights)
    return g.op("Squeeze", g.op("Softplus", log_odds), g.ints(1))
