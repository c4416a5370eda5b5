"""PatchCore with patches that it does not offer: other borders, and vectors that know their place.

    python benchmarks/variants.py --shared ../shared

What a patch's neighbourhood has outside of the image: zeros (as it is), nothing, or the image
mirrored. And two numbers more in each vector, the patch's row and column, that differ by so many
median distances from one side of the image to the other. Goes on where it was interrupted on the
same day; half an hour on two quiet cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from blemish.detectors.features import embedding
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.graph.builder import FLOAT, GraphBuilder
from day_record import DayRecord

DATA = ("mvtec/bottle", "lgp", "surfaces/tile", "surfaces/leather", "surfaces/grid", "mtd")
BORDERS = ("nothing", "mirrored")
PLACES = (0.75, 1.5)
WAYS = ({}, {"normalisation": "none"})


def main() -> None:
    """Measure all that has not been measured on this day."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--data", nargs="*", default=DATA)
    arguments = parser.parse_args()
    record = DayRecord("variants")
    for data in arguments.data:
        for variant in ("as it is", *BORDERS, *(f"places {weight}" for weight in PLACES)):
            for settings in WAYS:
                case = {"data": Path(data).name, "variant": variant, "settings": settings}
                if record.holds(case):
                    continue
                distance = _known(record.rows, data, "median_distance")
                record.add(case | measure(arguments.shared, data, variant, settings, distance))


def _known(rows: list[dict[str, Any]], data: str, name: str) -> Any:
    """A value of the set's first row; 0 where there is none."""
    return next((row[name] for row in rows if row["data"] == Path(data).name), 0)


def measure(
    shared: Path, data: str, variant: str, settings: dict[str, Any], distance: float
) -> dict[str, Any]:
    """Fit and evaluate once."""
    import blemish

    start = time.perf_counter()
    dataset = blemish.open_dataset(data if data.startswith("surfaces/") else shared / "data" / data)
    with varied(variant, distance):
        model = blemish.fit(dataset, blemish.PatchCore(**settings))
    found = blemish.evaluate(model, dataset)
    good = [sample for sample in dataset.test if sample.label == "good"][:20]
    traced = [model.trace(sample, "patch_scores")["patch_scores"] for sample in good]
    figures = {"image_auroc": found.image["auroc"]}
    figures |= {f"pixel_{name}": found.pixel[name] for name in ("auroc", "ap", "au_pro_30")}
    return {
        **{name: round(value, 5) for name, value in figures.items()},
        "median_distance": float(np.median(np.concatenate(traced))),
        "seconds": round(time.perf_counter() - start, 1),
    }


@contextmanager
def varied(variant: str, distance: float) -> Iterator[None]:
    """Patches of a kind, for what is fitted meanwhile."""
    if variant in BORDERS:
        mean = partial(neighbours, border=variant)
        with patch.object(embedding, "_mean_of_neighbours", mean):
            yield
    elif variant.startswith("places"):
        weight = distance * float(variant.split()[1])
        embed = partial(with_places, embedding.embed, weight)
        dimensions = PatchCoreSettings.dimensions
        more = lambda settings, channels: dimensions(settings, channels) + 2  # noqa: E731
        with (
            patch("blemish.detectors.features.graph.embed", embed),
            patch.object(PatchCoreSettings, "dimensions", more),
        ):
            yield
    else:
        yield


def neighbours(g: GraphBuilder, features: str, side: int, *, border: str) -> str:
    """Nodes of the mean of a neighbourhood that has no zeros."""
    pool = partial(g.op, "AveragePool", kernel_shape=[side, side], strides=[1, 1])
    half = side // 2
    if border == "nothing":
        return pool(features, pads=[half] * 4, count_include_pad=0)
    pads = g.ints(0, 0, half, half, 0, 0, half, half)
    return pool(g.op("Pad", features, pads, mode="reflect"))


def with_places(
    embed: Callable[..., str], weight: float, g: GraphBuilder, maps: Any, *, name: str, **how: Any
) -> str:
    """Nodes of patches that know their row and column, from 0 to `weight`."""
    patches = embed(g, maps, **how)
    shape = g.op("Shape", patches)
    one = g.op("Slice", patches, g.ints(0), g.ints(1), g.ints(3))
    zeros = g.op("Mul", one, g.number(0.0))
    places = []
    for axis in (1, 2):
        cells = g.op("Cast", g.op("Gather", shape, g.constant(axis, np.int64)), to=FLOAT)
        places_of = g.op("Range", g.number(0.0), cells, g.number(1.0))
        scaled = g.op("Mul", g.op("Div", places_of, cells), g.number(weight))
        along = g.op("Unsqueeze", scaled, g.ints(*(other for other in range(4) if other != axis)))
        places.append(g.op("Add", zeros, along))
    return g.op("Concat", patches, *places, axis=3, name=name)


if __name__ == "__main__":
    main()
