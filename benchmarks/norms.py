"""How far the features of networks go, over many views of drawn and of real images, as a record.

    python benchmarks/norms.py --shared ../shared --before OLD.onnx

For each level the median norm of a cell's features, the largest, and what that was of and what was
done to it; for each network also the largest number behind each of its rectifiers. `before` is an
embedded backbone to compare with. Nothing is learned from any image here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from blemish.graph.session import Session

Rng = np.random.Generator
View = NDArray[np.float32]  # H x W x 3 in [0, 1]

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "blemish"
RECORDS = ROOT / "benchmarks" / "records"
REAL = ("mvtec/bottle", "lgp", "mtd")
DRAWN = ("surfaces/tile", "surfaces/leather", "surfaces/grid")
SIDES_PX = (128,) * 10 + (192,) * 5 + (256,) * 4 + (384, 512)
VIEWS = 20_000
PLAIN = 0.04  # of the views
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
AN_ORIGIN = 100  # images; twice as many textures


def main() -> None:
    """Look at all views through all networks at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--before", type=Path, help="an embedded backbone to compare with")
    parser.add_argument("--views", type=int, default=VIEWS)
    parser.add_argument("--only", help="networks to look at, by their names; by default all")
    a = parser.parse_args()
    from blemish.records.machine import machine, versions

    path = RECORDS / f"norms-{datetime.now(UTC).date().isoformat()}.json"
    known = json.loads(path.read_text())["nets"] if path.exists() else {}
    chosen = a.only.split(",") if a.only else None
    nets = [
        Net(name, file)
        for name, file in files(a.shared, a.before)
        if chosen is None or name in chosen
    ]
    for of, change, view in islice(views(a.shared / "data"), a.views):
        for net in nets:
            net.look(of, change, view)
    known |= {net.name: {"views": a.views} | net.found() for net in nets}
    record = {"machine": machine(), "versions": versions(), "nets": known}
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(json.dumps({net.name: known[net.name] for net in nets}, indent=2))


def files(shared: Path, before: Path | None) -> Iterator[tuple[str, Path]]:
    """Names of networks and where they are."""
    if before:
        yield "before", before
    yield "embedded", PACKAGE / "backbones" / "embedded.onnx"
    yield "mobilenetv2", shared / "backbones" / "mobilenetv2.onnx"
    for path in sorted((PACKAGE / "detectors" / "efficientad" / "teachers").glob("*.onnx")):
        yield path.stem, path


class Net:
    """A network that tells how far it goes.

    Args:
        name: of it.
        path: an ONNX file.
    """

    def __init__(self, name: str, path: Path) -> None:
        model = in_single(onnx.load(path))
        known = {entry.key: entry.value for entry in model.metadata_props}
        mean, std = (json.loads(known[k]) if k in known else IMAGENET[k] for k in IMAGENET)
        self.name, self._mean, self._std = name, np.float32(mean), np.float32(std)
        self._entry = model.graph.input[0].name
        self.levels = [output.name for output in model.graph.output]
        self._inner = rectified(model.graph)
        self._session = Session(measuring(model, self.levels, self._inner).SerializeToString())
        self._medians: dict[str, list[float]] = {level: [] for level in self.levels}
        self._largest = dict.fromkeys(self.levels, (0.0, "", ""))
        self._peaks = np.zeros(len(self._inner))

    def look(self, of: str, change: str, view: View) -> None:
        """Run it on a view."""
        image = ((view - self._mean) / self._std).transpose(2, 0, 1)[None]
        found = self._session.run(None, **{self._entry: np.ascontiguousarray(image)})
        for level, norms in zip(self.levels, found, strict=False):
            self._medians[level].append(float(np.median(norms)))
            self._largest[level] = max(self._largest[level], (float(norms.max()), of, change))
        peaks = [float(peak.max()) for peak in found[len(self.levels) :]]
        self._peaks = np.maximum(self._peaks, peaks)

    def found(self) -> dict[str, Any]:
        """Of each level what is usual and what is the largest; the peaks behind rectifiers."""
        levels = {}
        for level, (largest, of, change) in self._largest.items():
            median = float(np.median(self._medians[level]))
            levels[level] = {
                "median": median,
                "largest": largest,
                "ratio": largest / median,
                "largest_is": f"{of}, {change}",
            }
        return {"levels": levels, "peaks": self._peaks.tolist()}


def rectified(graph: onnx.GraphProto) -> list[str]:
    """What rectifiers give, bounded or not, in order."""
    zeros = {c.name for c in graph.initializer if not numpy_helper.to_array(c).any()}
    return [
        node.output[0]
        for node in graph.node
        if node.op_type == "Relu" or (node.op_type == "Clip" and node.input[1] in zeros)
    ]


def in_single(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network in float32 where its own interface is in half precision."""
    if model.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT:
        return model
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    for weight in model.graph.initializer:
        array = numpy_helper.to_array(weight).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    return model


def measuring(model: onnx.ModelProto, levels: list[str], inner: list[str]) -> onnx.ModelProto:
    """The network with norms of each cell of its levels and peaks of what lies between."""
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "measured/axes"))
    del graph.output[:]
    for name in levels:
        inputs = [name, "measured/axes"]
        graph.node.append(helper.make_node("ReduceL2", inputs, [f"norms/{name}"], keepdims=0))
        graph.output.append(onnx.ValueInfoProto(name=f"norms/{name}"))
    for name in inner:
        graph.node.append(helper.make_node("ReduceMax", [name], [f"peak/{name}"], keepdims=0))
        graph.output.append(onnx.ValueInfoProto(name=f"peak/{name}"))
    for entry in model.opset_import:
        entry.version = max(entry.version, 18)
    return model


# --- views ---------------------------------------------------------------------------------------


def views(data: Path, seed: int = 0) -> Iterator[tuple[str, str, View]]:
    """Views without end, each with what it is of and what was done to it."""
    rng = np.random.default_rng(seed)
    sources = list(images(data))
    while True:
        side = SIDES_PX[rng.integers(len(SIDES_PX))]
        if rng.random() < PLAIN:
            yield "nothing", "plain", plain(rng, side)
            continue
        of, image = sources[rng.integers(len(sources))]
        part = cropped(image, rng, side)
        name = list(CHANGES)[rng.integers(len(CHANGES))]
        yield of, name, np.clip(CHANGES[name](part, rng), 0, 1).astype(np.float32)


def images(data: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Real images, good ones and defects, drawn surfaces and textures."""
    from blemish import open_dataset
    from blemish.surfaces.textures import draw

    for folder in (*(str(data / name) for name in REAL), *DRAWN):
        dataset = open_dataset(folder)
        entries = [*dataset.train, *dataset.test]
        for entry in entries[:: max(1, len(entries) // AN_ORIGIN)]:
            yield dataset.name, entry.read()
    for number in range(2 * AN_ORIGIN):
        yield "texture", draw(number, seed=2, side_px=192)


def cropped(image: NDArray[np.uint8], rng: Rng, side_px: int) -> View:
    """A part of an image or all of it, flipped or turned, at some size."""
    height, width = image.shape[:2]
    share = rng.uniform(0.4, 1) if rng.random() < 0.6 else 1.0
    rows, columns = max(8, int(height * share)), max(8, int(width * share))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    part = np.rot90(image[top : top + rows, left : left + columns], rng.integers(4))
    part = part[:, ::-1] if rng.random() < 0.5 else part
    sized = Image.fromarray(np.ascontiguousarray(part)).resize((side_px, side_px), 2)
    return np.asarray(sized, np.float32) / 255


def plain(rng: Rng, side: int) -> View:
    """Flat, gradients, checkerboards, stripes, noise, between two colours."""
    line = np.linspace(0, 1, side)
    cells = np.arange(side) // rng.integers(1, side // 2)
    where = (
        np.zeros((side, side)),
        np.broadcast_to(line, (side, side)),
        (line[:, None] + line) / 2,
        (cells[:, None] + cells) % 2,
        np.broadcast_to(cells % 2, (side, side)),
        rng.random((side, side)),
        rng.integers(0, 2, (side, side)),
    )[rng.integers(7)][..., None]
    first, second = (c if rng.random() < 0.6 else np.round(c) for c in rng.random((2, 3)))
    return (first + (second - first) * where).astype(np.float32)


CHANGES: dict[str, Callable[[View, Rng], NDArray[Any]]] = {
    "as it is": lambda v, _: v,
    "colours": lambda v, r: v[..., r.permutation(3)] * r.uniform(0.5, 1.5, 3),
    "dark": lambda v, r: v * r.uniform(0.02, 0.5),
    "bright": lambda v, r: v * r.uniform(1.5, 5),
    "faint": lambda v, r: 0.5 + (v - v.mean()) * r.uniform(0.02, 0.3),
    "harsh": lambda v, r: 0.5 + (v - v.mean()) * r.uniform(2, 15),
    "inverted": lambda v, _: 1 - v,
    "noise": lambda v, r: v + r.uniform(0.02, 0.3) * r.standard_normal(v.shape, np.float32),
}


if __name__ == "__main__":
    main()
