"""EfficientAd on this machine: steps a second in training, milliseconds an image in prediction.

Each against the plain way in the same run: the usual eager loop in torch, and the nets in eager
torch. Needs the extra `train`; OpenVINO is measured where it is installed. Images are noise and
weights random: neither changes the work.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blemish.detectors.efficientad.architecture import features_of, pdn
from blemish.detectors.efficientad.graph import EfficientAdGraph, Nets, map_name
from blemish.detectors.efficientad.nets import Net, weights_of
from blemish.detectors.efficientad.scale import Span
from blemish.detectors.efficientad.settings import PRESETS, EfficientAdSettings
from blemish.detectors.efficientad.teacher import Teacher
from blemish.detectors.efficientad.training import try_steps
from blemish.graph.session import Session
from blemish.images.format import ImageFormat
from timing import spread, warm

RECORDS = Path(__file__).parent / "records"
ENGINES = {"float32": {}, "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"}}


def main() -> None:
    """Run both measurements and write a record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--presets", nargs="*", default=list(PRESETS), choices=list(PRESETS))
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions() | {"torch": torch.__version__},
        "training": {name: training(name, arguments.repeats) for name in arguments.presets},
        "prediction": {
            kind: prediction(kind, arguments.repeats) for kind in ("extra_small", "small")
        },
    }
    path = RECORDS / f"efficientad-{record['date'][:10]}.json"
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"written: {path}")


def random_teacher(kind: str) -> Teacher:
    """A teacher with random weights."""
    return Teacher(kind, weights_of(Net(pdn(kind))), "random", "none", "0" * 64)


# --- training ------------------------------------------------------------------------------------


def training(preset: str, repeats: int) -> dict[str, Any]:
    """A step of a preset, and a step of the plain loop on as many images of the same size."""
    settings = EfficientAdSettings(preset=preset)
    teacher = random_teacher(settings.recipe.pdn)
    device = torch.device("cpu")
    ours = [try_steps(settings, teacher, device)[0] for _ in range(repeats)]
    step = PlainLoop(settings, teacher).step
    plain = warm(step, max(3, repeats))
    found = {
        "pdn": settings.recipe.pdn,
        "batch": settings.recipe.batch,
        "side_px": settings.recipe.crop or settings.size_hw[0],
        "seconds_a_step": spread(ours),
        "plain_seconds_a_step": spread(plain),
        "ratio": round(statistics.median(plain) / statistics.median(ours), 2),
    }
    print(preset, json.dumps(found), flush=True)
    return found


class PlainLoop:
    """The training as it is usually written: single precision, nothing kept, a loss read a step."""

    def __init__(self, settings: EfficientAdSettings, teacher: Teacher) -> None:
        self.settings, layers = settings, settings.layers
        self.teacher = Net(layers.teacher).eval().requires_grad_(False)
        self.student = Net(layers.student).train()
        self.coder = (
            Net(layers.autoencoder, dropout=settings.dropout).train()
            if layers.autoencoder
            else None
        )
        trained = [net for net in (self.student, self.coder) if net is not None]
        parameters = [p for net in trained for p in net.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=1e-4, weight_decay=1e-5)
        self.half = features_of(teacher.kind)

    def step(self) -> float:
        """One step on fresh noise."""
        recipe, whole_hw = self.settings.recipe, self.settings.size_hw
        seen_hw = (recipe.crop, recipe.crop) if recipe.crop else whole_hw
        seen, penalty, varied = (torch.randn(recipe.batch, 3, *seen_hw) for _ in range(3))
        with torch.no_grad():
            wanted = self.teacher(seen)
        apart = (wanted - self.student(seen)[:, : self.half]) ** 2
        hard = apart[apart >= quantile(apart.detach(), recipe.hard_quantile)].mean()
        loss = hard + (self.student(penalty)[:, : self.half] ** 2).mean()
        if self.coder is not None:
            loss += self.coder_losses(self.coder, varied, torch.randn(recipe.batch, 3, *whole_hw))
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


def prediction(kind: str, repeats: int) -> dict[str, Any]:
    """Raw maps of one working image by each engine, and all of the graph that ships."""
    settings = EfficientAdSettings(pdn=kind)
    layers = settings.layers
    nets = [Net(net).eval() for net in (layers.teacher, layers.student, layers.autoencoder)]
    writer = EfficientAdGraph(settings, ImageFormat())
    given = Nets(*(weights_of(net) for net in nets))
    maps = writer.maps(given).SerializeToString()
    scale = dict.fromkeys(settings.branches, Span(0.0, 1.0))
    whole = Session(writer.detector(given, scale).SerializeToString())
    session, outputs = Session(maps), [map_name(branch) for branch in settings.branches]
    rng = np.random.default_rng(0)
    working = rng.standard_normal((1, 3, *settings.size_hw)).astype(np.float32)
    image = rng.integers(0, 256, (1, *settings.size_hw, 3), np.uint8)
    engines: dict[str, Callable[[], Any]] = {
        "torch, eager": lambda: eager(nets, torch.from_numpy(working)),
        "ONNX Runtime": lambda: session.run(outputs, working=working),
        **{f"OpenVINO, {name}": run for name, run in openvino(maps, working).items()},
        "ONNX Runtime, from image to score": lambda: whole.run(["score", "score_map"], image=image),
    }
    count = 4 * repeats
    found = {name: spread([1000 * s for s in warm(run, count)], 2) for name, run in engines.items()}
    print(kind, json.dumps(found), flush=True)
    return {"milliseconds": found, "floating_point_operations": operations(nets, settings)}


@torch.inference_mode()
def eager(nets: list[Net], image: Tensor) -> list[Tensor]:
    """Both raw maps by the modules as they are."""
    teacher, student, coder = (net(image) for net in nets)
    half = teacher.shape[1]
    return [
        ((teacher - student[:, :half]) ** 2).mean(1),
        ((coder - student[:, half:]) ** 2).mean(1),
    ]


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


def operations(nets: list[Net], settings: EfficientAdSettings) -> int:
    """Multiplications and additions of the convolutions for one image."""
    from blemish.detectors.efficientad.plan import output_sizes

    total = 0
    for net in nets:
        for layer, cells in zip(
            net.layers, output_sizes(net.layers, settings.size_hw), strict=True
        ):
            total += 2 * layer.inputs * layer.outputs * cells * int(np.prod(layer.kernel_hw))
    return total


if __name__ == "__main__":
    main()
