"""EfficientAd on this machine: steps a second in training, milliseconds an image in prediction.

A step against the plain way in the same run, the usual loop in torch; an image against the paper's
nets run eagerly in torch. Needs the extra `train`; OpenVINO is measured where it is installed.
Images are noise and the students' weights random: neither changes the work.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blemish.detectors.efficientad.architecture import pdn
from blemish.detectors.efficientad.graph import EfficientAdGraph, Nets, map_name
from blemish.detectors.efficientad.load import load_teacher
from blemish.detectors.efficientad.plan import output_sizes
from blemish.detectors.efficientad.presets import PRESETS
from blemish.detectors.efficientad.scale import Span
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics, layers_of
from blemish.detectors.efficientad.training import try_steps
from blemish.detectors.nets.layer import NetLayer
from blemish.detectors.nets.module import Net, weights_of
from blemish.graph.engine import CPU
from blemish.graph.session import Session
from blemish.images.format import ImageFormat
from timing import spread, warm

RECORDS = Path(__file__).parent / "records"
DIFFERENT = [name for name in PRESETS if name != "standard"]  # whose nets are those of quick
ENGINES = {"float32": {}, "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"}}


def main() -> None:
    """Run both measurements and write a record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--presets", nargs="*", default=DIFFERENT, choices=DIFFERENT)
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions() | {"torch": torch.__version__},
        "training": {name: training(name, arguments.repeats) for name in arguments.presets},
        "eager_milliseconds": spread([1000 * t for t in warm(eager_paper(), arguments.repeats)], 2),
        "prediction": {name: prediction(name, arguments.repeats) for name in arguments.presets},
    }
    path = RECORDS / f"efficientad-{record['date'][:10]}.json"
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"written: {path}")


# --- training ------------------------------------------------------------------------------------


def training(preset: str, repeats: int) -> dict[str, Any]:
    """A step of a preset, and a step of the plain loop on as many images of the same size."""
    settings = EfficientAdSettings(preset=preset)
    teacher, device = load_teacher(settings), torch.device("cpu")
    ours = [try_steps(settings, teacher, device)[0] for _ in range(repeats)]
    plain = warm(PlainLoop(settings).step, max(3, repeats))
    found = {
        "teacher": teacher.title,
        "batch_size": settings.recipe.batch_size,
        "side_px": settings.recipe.crop or settings.size_hw[0],
        "seconds_a_step": spread(ours),
        "plain_seconds_a_step": spread(plain),
        "ratio": round(statistics.median(plain) / statistics.median(ours), 2),
    }
    print(preset, json.dumps(found), flush=True)
    return found


class PlainLoop:
    """The training as it is usually written: single precision, nothing kept, a loss read a step."""

    def __init__(self, settings: EfficientAdSettings) -> None:
        self.settings, teacher = settings, load_teacher(settings)
        layers = layers_of(settings, teacher)
        self.teacher = teacher.answers(torch.device("cpu"), CPU)
        self.student = Net(layers.student).train()
        self.coder = (
            Net(layers.autoencoder, dropout=settings.dropout).train()
            if layers.autoencoder
            else None
        )
        trained = [net for net in (self.student, self.coder) if net is not None]
        parameters = [p for net in trained for p in net.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=1e-4, weight_decay=1e-5)
        self.half = teacher.features

    def step(self) -> float:
        """One step on fresh noise."""
        recipe, whole_hw = self.settings.recipe, self.settings.size_hw
        seen_hw = (recipe.crop, recipe.crop) if recipe.crop else whole_hw
        seen, penalty, varied = (torch.randn(recipe.batch_size, 3, *seen_hw) for _ in range(3))
        with torch.no_grad():
            wanted = self.teacher(seen)
        apart = (wanted - self.student(seen)[:, : self.half]) ** 2
        loss = apart[apart >= quantile(apart.detach(), recipe.hard_quantile)].mean()
        if recipe.penalty_weight:
            loss += (self.student(penalty)[:, : self.half] ** 2).mean()
        if self.coder is not None:
            whole = torch.randn(recipe.batch_size, 3, *whole_hw)
            loss += self.coder_losses(self.coder, varied, whole)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.item())

    def coder_losses(self, coder: Net, varied: Tensor, whole: Tensor) -> Tensor:
        """What the autoencoder learns of the teacher, and the student of it."""
        with torch.no_grad():
            wanted = self.teacher(varied)
        height, width = wanted.shape[2:]
        rebuilt = coder(whole)[:, :, :height, :width]
        answers = self.student(varied)[:, self.half :]
        return ((wanted - rebuilt) ** 2).mean() + ((rebuilt - answers) ** 2).mean()


def quantile(values: Tensor, share: float) -> Tensor:
    """The quantile of all values, by sorting them."""
    ordered = values.flatten().sort().values
    return ordered[int(share * (len(ordered) - 1))]


# --- prediction ----------------------------------------------------------------------------------


def prediction(preset: str, repeats: int) -> dict[str, Any]:
    """Raw maps of one working image by each engine, and all of the graph that ships."""
    settings = EfficientAdSettings(preset=preset)
    teacher = load_teacher(settings)
    writer = EfficientAdGraph(settings, teacher, ImageFormat())
    statistics_ = Statistics(np.zeros(teacher.features), np.ones(teacher.features))
    layers = writer.layers
    given = Nets(
        statistics_, *(weights_of(Net(net)) for net in (layers.student, layers.autoencoder))
    )
    maps = writer.maps(given).SerializeToString()
    scale = dict.fromkeys(writer.branches, Span(0.0, 1.0))
    whole = Session(writer.detector(given, scale, {}).SerializeToString())
    session, outputs = Session(maps), [map_name(branch) for branch in writer.branches]
    rng = np.random.default_rng(0)
    working = rng.standard_normal((1, 3, *settings.size_hw)).astype(np.float32)
    image = rng.integers(0, 256, (1, *settings.size_hw, 3), np.uint8)
    engines: dict[str, Callable[[], Any]] = {
        "ONNX Runtime": lambda: session.run(outputs, working=working),
        **{f"OpenVINO, {name}": run for name, run in openvino(maps, working).items()},
        "ONNX Runtime, from image to score": lambda: whole.run(["score", "score_map"], image=image),
    }
    count = 4 * repeats
    found = {name: spread([1000 * s for s in warm(run, count)], 2) for name, run in engines.items()}
    print(preset, json.dumps(found), flush=True)
    trained = sum(operations(net, settings) for net in (layers.student, layers.autoencoder))
    return {"milliseconds": found, "operations_of_the_trained": trained}


def eager_paper() -> Callable[[], Any]:
    """Both raw maps of one image by the paper's nets as torch runs them."""
    settings = EfficientAdSettings(preset="paper")
    layers = layers_of(settings, load_teacher(settings))
    nets = [Net(net).eval() for net in (pdn("small"), layers.student, layers.autoencoder)]
    image = torch.randn(1, 3, *settings.size_hw)

    @torch.inference_mode()
    def run() -> list[Tensor]:
        teacher, student, coder = (net(image) for net in nets)
        half = teacher.shape[1]
        return [
            ((teacher - student[:, :half]) ** 2).mean(1),
            ((coder - student[:, half:]) ** 2).mean(1),
        ]

    return run


def openvino(maps: bytes, image: np.ndarray) -> dict[str, Callable[[], Any]]:
    """The same graph by OpenVINO in several precisions; none where it is not installed."""
    if importlib.util.find_spec("openvino") is None:
        return {}
    import openvino as ov

    core = ov.Core()
    model = core.read_model(maps, b"")
    model.reshape(list(image.shape))
    runs: dict[str, Callable[[], Any]] = {}
    for name, hint in ENGINES.items():
        hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"} | hint
        request = core.compile_model(model, "CPU", hints).create_infer_request()
        runs[name] = lambda request=request: request.infer([image])
    return runs


def operations(layers: Sequence[NetLayer], settings: EfficientAdSettings) -> int:
    """Multiplications and additions of the convolutions of a net for one image."""
    sizes = output_sizes(layers, settings.size_hw)
    return sum(
        2 * layer.inputs * layer.outputs * cells * int(np.prod(layer.kernel_hw))
        for layer, cells in zip(layers, sizes, strict=True)
    )


if __name__ == "__main__":
    main()
