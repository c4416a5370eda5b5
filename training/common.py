"""What all trainings here share: drawn images, a resumable run, and where a result comes from.

Images are drawn in shards by processes of their own; each is trained on several times, turned and
recoloured anew. A checkpoint is written after each shard, and the same command goes on from it. The
same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pictures import picture
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from views import varied

Rng = np.random.Generator
Residuals = Callable[[Tensor], Mapping[str, Tensor]]

WARM_UP_STEPS = 200
CLIP = 1.0
STRAY, STRAY_WEIGHT = 3.0, 0.1  # residuals beyond count more: few, but whole images go by them
AVERAGE = 0.998  # of the weights that ship: a running mean over the last steps
DRAWN_TOGETHER = 64
CHECKPOINT = "checkpoint.safetensors"


def parser(
    description: str | None, *, shards: int, batch: int, rate: float
) -> argparse.ArgumentParser:
    """Arguments that all trainings take."""
    known = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = os.cpu_count() or 1
    add = known.add_argument
    add("--teacher", type=Path, required=True, help="ONNX file")
    add("--output", type=Path, required=True, help="folder of checkpoint and result")
    add("--shards", type=int, default=shards)
    add("--shard-size", type=int, default=1536, help="images drawn together")
    add("--uses", type=int, default=4, help="times that an image is trained on")
    add("--side", type=int, default=160, help="of an image in pixels")
    add("--batch", type=int, default=batch)
    add("--rate", type=float, default=rate, help="highest learning rate")
    add("--seed", type=int, default=0)
    add("--device", default="cpu")
    add("--precision", choices=("bfloat16", "float32"), default="bfloat16",
        help="of products; float32 is faster where a processor has no others")  # fmt: skip
    add("--threads", type=int, default=cores, help="of the training itself")
    add("--drawers", type=int, default=cores, help="processes that draw")
    return known


def begin(arguments: argparse.ArgumentParser) -> tuple[argparse.Namespace, str]:
    """Read the arguments and make ready for a training; gives them and the commit it began at."""
    a = arguments.parse_args()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    a.output.mkdir(parents=True, exist_ok=True)
    return a, _current_commit()


class Run:
    """Nets in training, their optimiser and what is known so far.

    Args:
        a: arguments.
        nets: by name; all are trained together.
        weights: of what they are to learn in the loss, by name; 1 where it is not named.
    """

    def __init__(
        self,
        a: argparse.Namespace,
        nets: Mapping[str, nn.Module],
        weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.a, self.weights = a, weights
        self.nets = nn.ModuleDict(nets).to(a.device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.nets.parameters(), lr=a.rate, weight_decay=1e-2)
        self.average = {k: v.detach().clone() for k, v in self.nets.state_dict().items()}
        self.steps_a_shard = a.uses * (a.shard_size // a.batch)
        self.history: list[dict[str, Any]] = []

    def work(self, drawings: Drawings, residuals: Residuals) -> None:
        """Train from where the checkpoint leaves off to the last shard.

        Args:
            drawings: what is trained on.
            residuals: of the nets for N x 3 x H x W in [0, 1], by name, in standard units.
        """
        ahead = self.a.device != "cpu"  # there, training takes all cores
        waiting: list[Future[Any]] = []
        first = self._restore()
        for shard in range(first, self.a.shards):
            images = drawings.take(waiting or drawings.start(shard))
            waiting = drawings.start(shard + 1) if ahead and shard + 1 < self.a.shards else []
            self._train(shard, images, residuals)
            self._save(shard + 1)

    def averaged(self) -> nn.ModuleDict:
        """The nets with averaged weights, on the CPU, to be used."""
        self.nets.load_state_dict(self.average)
        return self.nets.cpu().eval()

    def _train(self, shard: int, images: NDArray[np.uint8], residuals: Residuals) -> None:
        start, seen = time.perf_counter(), []
        halves = self.a.precision == "bfloat16"
        rng = np.random.default_rng([self.a.seed, shard, 1])
        for step, rows in enumerate(_batches(len(images), rng, self.a)):
            self._set_rate(shard * self.steps_a_shard + step)
            batch = varied(on_device(images[rows], self.a.device), rng)
            with torch.autocast(batch.device.type, torch.bfloat16, enabled=halves):
                found = residuals(batch)
            errors = {name: residual.square().mean() for name, residual in found.items()}
            loss = torch.stack([
                self.weights.get(name, 1.0) * (errors[name] + STRAY_WEIGHT * stray(residual))
                for name, residual in found.items()
            ]).sum()  # fmt: skip
            if not torch.isfinite(loss):
                raise SystemExit(f"the loss is {loss.item()} in shard {shard}; lower --rate")
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.nets.parameters(), CLIP)
            self.optimiser.step()
            self._average()
            seen.append(torch.stack([value.detach() for value in errors.values()]))
        explained = 1 - torch.stack(seen).mean(0)
        self._tell(shard, dict(zip(errors, explained.tolist(), strict=True)), start)

    def _tell(self, shard: int, explained: dict[str, float], start: float) -> None:
        seconds = time.perf_counter() - start
        row = {
            "shard": shard,
            "explained": {name: round(value, 4) for name, value in explained.items()},
            "seconds": round(seconds, 1),
        }
        self.history.append(row)
        left = seconds * (self.a.shards - shard - 1) / 60
        print(f"{row}, {left:.0f} minutes left", flush=True)

    def _save(self, shard: int) -> None:
        """Write a checkpoint: whole, or the one before stays."""
        tensors = {f"net.{k}": v for k, v in self.nets.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in state.items()}
        temporary = self.a.output / "checkpoint.tmp"
        metadata = {"shard": str(shard), "history": json.dumps(self.history)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata)
        temporary.replace(self.a.output / CHECKPOINT)

    def _restore(self) -> int:
        """Read the checkpoint where there is one; gives the shard to go on with."""
        path = self.a.output / CHECKPOINT
        if not path.exists():
            return 0
        tensors = load_file(path, device=self.a.device)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        self.nets.load_state_dict(_below(tensors, "net."))
        self.average = _below(tensors, "average.")
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _below(tensors, "optimiser.").items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor.cpu() if key == "step" else tensor
        whole = self.optimiser.state_dict()
        self.optimiser.load_state_dict(whole | {"state": state})
        self.history = json.loads(metadata["history"])
        print(f"going on from shard {metadata['shard']}")
        return int(metadata["shard"])

    def _set_rate(self, step: int) -> None:
        steps = self.a.shards * self.steps_a_shard
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        rate = self.a.rate * warm * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _average(self) -> None:
        for name, value in self.nets.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1 - AVERAGE)
            else:
                self.average[name].copy_(value)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _batches(count: int, rng: Rng, a: argparse.Namespace) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch of a shard, in a random order for each use."""
    for _ in range(a.uses):
        order = rng.permutation(count)
        for first in range(0, count - a.batch + 1, a.batch):
            yield order[first : first + a.batch]


# --- images ------------------------------------------------------------------------------------


class Drawings:
    """Draws images in processes; use it as a context."""

    def __init__(self, a: argparse.Namespace) -> None:
        self.a = a
        self._pool = ProcessPoolExecutor(
            a.drawers, mp_context=get_context("spawn"), initializer=_end_with_parent
        )

    def __enter__(self) -> Drawings:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def start(self, shard: int) -> list[Future[Any]]:
        """Begin drawing a shard; shard -1 is one that is not trained on."""
        size = self.a.shard_size
        numbers = range((shard + 1) * size, (shard + 2) * size)
        many = partial(_draw_many, seed=self.a.seed, side_px=self.a.side)
        return [
            self._pool.submit(many, numbers[i : i + DRAWN_TOGETHER])
            for i in range(0, size, DRAWN_TOGETHER)
        ]

    def take(self, waiting: list[Future[Any]]) -> NDArray[np.uint8]:
        """All images of a shard, N x H x W x 3, once they are drawn."""
        return np.concatenate([future.result() for future in waiting])


def _draw_many(numbers: range, *, seed: int, side_px: int) -> NDArray[np.uint8]:
    return np.stack([picture(number, seed=seed, side_px=side_px) for number in numbers])


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def on_device(images: NDArray[np.uint8], device: str) -> Tensor:
    """Images as N x 3 x H x W in [0, 1]."""
    tensor = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255
    return tensor.contiguous(memory_format=torch.channels_last)


# --- targets -------------------------------------------------------------------------------------


class Spread:
    """Mean and standard deviation of each channel of some maps, each 1 x C x 1 x 1.

    Args:
        maps: several blocks, N x C x h x w each.
    """

    def __init__(self, maps: list[Tensor]) -> None:
        count = sum(m.numel() // m.shape[1] for m in maps)
        total = sum(m.double().sum((0, 2, 3), keepdim=True) for m in maps)
        squares = sum(m.double().square().sum((0, 2, 3), keepdim=True) for m in maps)
        mean = total / count
        self.mean = mean.float()
        self.std = (squares / count - mean.square()).clamp_min(1e-12).sqrt().float()

    def residual(self, output: Tensor, target: Tensor) -> Tensor:
        """An output less its target in standard units: of mean square 1 for the mean, 0 at best."""
        return output.float() - (target.float() - self.mean) / self.std


def stray(residual: Tensor) -> Tensor:
    """Mean square of what residuals have beyond `STRAY`."""
    return (residual.abs() - STRAY).clamp_min(0).square().mean()


def spreads(
    teacher: Callable[[Tensor], list[Tensor]], images: NDArray[np.uint8], device: str
) -> list[Spread]:
    """The spread of each of the teacher's maps over some images."""
    blocks = [
        teacher(on_device(images[first : first + DRAWN_TOGETHER], device))
        for first in range(0, len(images), DRAWN_TOGETHER)
    ]
    return [Spread(list(maps)) for maps in zip(*blocks, strict=True)]


# --- where a result comes from -------------------------------------------------------------------


def _current_commit() -> str:
    """The commit that this runs from, with a plus where files differ from it."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    ).stdout.strip()  # fmt: skip
    return commit or "unknown"


def provenance(run: Run, *, name: str, commit: str) -> dict[str, str]:
    """What a file says of how it was made."""
    a = run.a
    chosen = {k: v.name if isinstance(v, Path) else v for k, v in vars(a).items()}
    return {
        "name": name,
        "licence": "Apache-2.0",
        "script": f"training/{Path(sys.argv[0]).name}",
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
        "data": f"drawn by training/pictures.py, {a.shards * a.shard_size} images",
        "arguments": json.dumps(chosen, sort_keys=True),
        "explained": json.dumps(run.history[-1]["explained"]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {a.device}",
        "versions": json.dumps({"python": sys.version.split()[0], "torch": torch.__version__}),
    }
