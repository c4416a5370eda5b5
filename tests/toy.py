"""A detector that learns the darkest and the brightest good pixel, and keeps the contract."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from blemish.detectors.contract import HeldOutScore, Source
from blemish.detectors.settings import DetectorSettings
from blemish.errors import CalibrationError, DataError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.preprocessing import image_input
from blemish.settings import setting


@dataclass(frozen=True)
class ToySettings(DetectorSettings):
    margin: float = setting(
        0.5, "grey levels that good pixels may be beyond those seen", at_least=0
    )
    shading: str = setting("mean", "of a pixel's colours", choices=("mean", "brightest"))


@dataclass(frozen=True)
class ToyPlan:
    images: int
    memory_bytes: int = 10_000_000
    disk_bytes: int = 0
    model_bytes: int = 1000
    takes_long: bool = False

    def to_dict(self):
        return asdict(self)

    def told(self):
        return [("range", "two grey levels")]

    def notes(self):
        return []


class Toy:
    name = "toy"
    resumable = False
    settings_class = ToySettings

    def __init__(self, **values):
        self.settings = ToySettings(**values)

    def provenance(self):
        return (Source("palette", "greys", "CC0-1.0", "ab" * 32),)

    def calibration_images(self, split_keys):
        return len(set(split_keys))

    def plan(self, images):
        if not images.sizes_hw:
            raise DataError("There is no good image to learn from.")
        return ToyPlan(len(images.sizes_hw))

    def estimate_seconds(self, images):
        return {"looking": 0.001 * len(images.sizes_hw)}

    def fit(self, images, *, progress, folder=None, engine=None):
        return FittedToy(self.settings, images)


class FittedToy:
    batch = 4
    held_out_method = "leave-one-out"

    def __init__(self, settings, images):
        self.settings, self.image_format = settings, images.image_format
        self.greys = {name: self.grey(image) for name, image in images}
        self.keys = dict(zip(self.greys, images.split_keys, strict=True))
        self.ends = self.ends_of(self.greys)

    def grey(self, image):
        wide = image.astype(np.float32)
        return wide.mean(2) if self.settings.shading == "mean" else wide.max(2)

    def ends_of(self, names):
        margin = self.settings.margin
        low = min(self.greys[name].min() for name in names) - margin
        return low, max(self.greys[name].max() for name in names) + margin

    @cached_property
    def graph(self):
        g = GraphBuilder()
        wide = g.op("Cast", "image", to=FLOAT)
        reduce = "ReduceMean" if self.settings.shading == "mean" else "ReduceMax"
        grey = g.op(reduce, wide, g.ints(3), keepdims=0)
        low, high = (g.number(end) for end in self.ends)
        g.op("Max", g.op("Sub", low, grey), g.op("Sub", grey, high), name="score_map")
        g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
        outputs = [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "H", "W")]
        return g.build([image_input(self.image_format)], outputs)

    def told(self):
        return [("range", f"{self.ends[0]:.1f} to {self.ends[1]:.1f}")]

    @property
    def details(self):
        return {"ends": [float(end) for end in self.ends]}

    def held_out_scores(self, *, progress):
        if len(set(self.keys.values())) < 2:
            raise CalibrationError("One image cannot be left out.")
        for name in self.greys:
            peak = float(self.held_out_map(name).max())
            yield HeldOutScore(name, peak, peak)

    def held_out_map(self, name):
        others = [other for other in self.greys if self.keys[other] != self.keys[name]]
        low, high = self.ends_of(others)
        return np.maximum(low - self.greys[name], self.greys[name] - high)

    def close(self):
        pass
