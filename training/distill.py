"""Train the embedded backbone: a student that answers to drawn pictures as a teacher does.

    python training/distill.py --teacher ../shared/backbones/mobilenetv2.onnx --output build/student

Pictures are drawn in shards by processes of their own; each is trained on several times, turned and
recoloured anew, with the teacher's answer to just that. A checkpoint is written after each shard;
the same command goes on from it. The same seed gives the same weights on the same machine.
`--device cuda` trains on a GPU.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch
from export import export
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from student import Student, normalised
from teacher import Teacher
from textures import draw
from torch import Tensor

Rng = np.random.Generator

WARM_UP_STEPS = 200
CLIP = 1.0
MALLOC_TRIM_THRESHOLD, MALLOC_MAP_MAX = -1, -4  # of mallopt(3)
AVERAGE = 0.998  # of the weights that ship: a running mean over the last steps


def main() -> None:
    """Train, or go on training, and write the ONNX file."""
    a = arguments()
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    keep_freed_memory()
    commit = current_commit()
    a.output.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(a.teacher, a.levels.split(",")).to(a.device)
    with ProcessPoolExecutor(
        a.drawers, mp_context=get_context("spawn"), initializer=end_with_parent
    ) as pool:
        statistics = measure_targets(teacher, pool, a)
        run = Run(a, [mean.shape[1] for mean, _ in statistics])
        first = run.restore()
        ahead = a.device != "cpu"  # there, training takes all cores
        waiting: list[Future[Any]] = []
        for shard in range(first, a.shards):
            pictures = gather(waiting or start_shard(pool, shard, a))
            waiting = start_shard(pool, shard + 1, a) if ahead and shard + 1 < a.shards else []
            run.train(shard, pictures, teacher, statistics)
            run.save(shard + 1)
    export(run.averaged(), statistics, a.output / "student.onnx", provenance(a, run, commit))
    print(f"written: {a.output / 'student.onnx'}")


def arguments() -> argparse.Namespace:
    """What can be chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    cores = os.cpu_count() or 1
    parser.add_argument("--teacher", type=Path, required=True, help="ONNX file")
    parser.add_argument("--levels", default="block1,block4,block11", help="at strides 4, 8, 16")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of checkpoint and result"
    )
    parser.add_argument("--shards", type=int, default=70)
    parser.add_argument("--shard-size", type=int, default=1536, help="pictures drawn together")
    parser.add_argument("--uses", type=int, default=4, help="times that a picture is trained on")
    parser.add_argument("--side", type=int, default=160, help="of a picture in pixels")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=cores, help="of the training itself")
    parser.add_argument("--drawers", type=int, default=cores, help="processes that draw")
    return parser.parse_args()


class Run:
    """The student, its optimiser and what is known of the training so far."""

    def __init__(self, a: argparse.Namespace, channels: list[int]) -> None:
        self.a = a
        self.student = Student((channels[0], channels[1], channels[2])).to(
            a.device, memory_format=torch.channels_last
        )
        self.optimiser = torch.optim.AdamW(self.student.parameters(), lr=a.rate, weight_decay=1e-2)
        self.average = {k: v.detach().clone() for k, v in self.student.state_dict().items()}
        self.steps_a_shard = a.uses * a.shard_size // a.batch
        self.history: list[dict[str, Any]] = []

    def train(
        self, shard: int, pictures: NDArray[np.uint8], teacher: Teacher, statistics: list[Any]
    ) -> None:
        """Train on a shard, each picture as often as it is used."""
        start, explained = time.perf_counter(), []
        rng = np.random.default_rng([self.a.seed, shard, 1])
        for step, rows in enumerate(batches(len(pictures), rng, self.a)):
            self._set_rate(shard * self.steps_a_shard + step)
            batch = varied(on_device(pictures[rows], self.a.device), rng)
            with torch.autocast(batch.device.type, torch.bfloat16):
                answers = teacher(batch)
                outputs = self.student(normalised(batch))
            losses = [
                (output.float() - (answer.float() - mean) / spread).square().mean()
                for output, answer, (mean, spread) in zip(outputs, answers, statistics, strict=True)
            ]
            loss = torch.stack(losses).sum()
            if not torch.isfinite(loss):
                raise SystemExit(f"the loss is {loss.item()} in shard {shard}; lower --rate")
            self.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.student.parameters(), CLIP)
            self.optimiser.step()
            self._average()
            explained.append([1 - value.item() for value in losses])
        seconds = time.perf_counter() - start
        row = {
            "shard": shard,
            "explained": [round(float(v), 4) for v in np.mean(explained, axis=0)],
            "seconds": round(seconds, 1),
        }
        self.history.append(row)
        left = seconds * (self.a.shards - shard - 1) / 60
        print(f"{row}, {left:.0f} minutes left", flush=True)

    def averaged(self) -> Student:
        """The student with averaged weights, on the CPU."""
        self.student.load_state_dict(self.average)
        return self.student.cpu().eval()

    def save(self, shard: int) -> None:
        """Write a checkpoint: whole, or the one before stays."""
        tensors = {f"student.{k}": v for k, v in self.student.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in state.items()}
        temporary = self.a.output / "checkpoint.tmp"
        metadata = {"shard": str(shard), "history": json.dumps(self.history)}
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata)
        temporary.replace(self.a.output / "checkpoint.safetensors")

    def restore(self) -> int:
        """Read the checkpoint where there is one; gives the shard to go on with."""
        path = self.a.output / "checkpoint.safetensors"
        if not path.exists():
            return 0
        from safetensors import safe_open

        tensors = load_file(path, device=self.a.device)
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        self.student.load_state_dict(_below(tensors, "student."))
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
        for name, value in self.student.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value, 1 - AVERAGE)
            else:
                self.average[name].copy_(value)


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


# --- pictures and targets ------------------------------------------------------------------------


def start_shard(pool: ProcessPoolExecutor, shard: int, a: argparse.Namespace) -> list[Future[Any]]:
    """Begin drawing a shard; shard -1 is the one that statistics are taken from."""
    numbers = range((shard + 1) * a.shard_size, (shard + 2) * a.shard_size)
    work = partial(draw_many, seed=a.seed, side_px=a.side)
    return [pool.submit(work, numbers[i : i + 64]) for i in range(0, len(numbers), 64)]


def keep_freed_memory() -> None:
    """Have the C library keep freed memory: handing it back a step costs a third of the time."""
    if sys.platform == "linux":
        keep = ctypes.CDLL(None).mallopt
        keep(MALLOC_MAP_MAX, 0)
        keep(MALLOC_TRIM_THRESHOLD, 2**31 - 1)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def draw_many(numbers: range, *, seed: int, side_px: int) -> NDArray[np.uint8]:
    """Draw some pictures in a process of its own."""
    return np.stack([draw(number, seed=seed, side_px=side_px) for number in numbers])


def gather(waiting: list[Future[Any]]) -> NDArray[np.uint8]:
    """All pictures of a shard, once they are drawn."""
    return np.concatenate([future.result() for future in waiting])


def batches(count: int, rng: Rng, a: argparse.Namespace) -> Iterator[NDArray[np.int64]]:
    """Rows of each batch of a shard, in a random order for each use."""
    for _ in range(a.uses):
        order = rng.permutation(count)
        for first in range(0, count - a.batch + 1, a.batch):
            yield order[first : first + a.batch]


def on_device(pictures: NDArray[np.uint8], device: str) -> Tensor:
    """Pictures as N x 3 x H x W in [0, 1]."""
    tensor = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
    return tensor.contiguous(memory_format=torch.channels_last)


def varied(pictures: Tensor, rng: Rng) -> Tensor:
    """Pictures turned or mirrored together, each with colours of its own or grey.

    Args:
        pictures: N x 3 x H x W in [0, 1].
        rng: what is drawn from.
    """
    count = len(pictures)
    mixing = np.stack([np.eye(3)[rng.permutation(3)] for _ in range(count)])
    mixing = mixing * rng.uniform(0.6, 1.4, (count, 1, 1)) * rng.uniform(0.8, 1.25, (count, 3, 1))
    shift = rng.normal(0, 0.08, (count, 1)) + rng.normal(0, 0.04, (count, 3))
    grey = rng.random(count) < 0.35
    mixing[grey], shift[grey] = mixing[grey].mean(1, keepdims=True), shift[grey][:, :1]
    weights, shift = (
        torch.tensor(v, dtype=torch.float32, device=pictures.device) for v in (mixing, shift)
    )
    pictures = torch.einsum("nck,nkhw->nchw", weights, pictures - 0.5)
    pictures = (pictures + 0.5 + shift[:, :, None, None]).clamp_(0, 1)
    if rng.random() < 0.5:
        pictures = pictures.transpose(2, 3)
    flips = [axis for axis in (2, 3) if rng.random() < 0.5]
    return pictures.flip(flips).contiguous(memory_format=torch.channels_last)


def measure_targets(
    teacher: Teacher, pool: ProcessPoolExecutor, a: argparse.Namespace
) -> list[tuple[Tensor, Tensor]]:
    """Mean and spread of each channel of each level, 1 x C x 1 x 1."""
    pictures = gather(start_shard(pool, -1, a))
    sums: list[Any] = []
    for first in range(0, len(pictures), 64):
        maps = teacher(on_device(pictures[first : first + 64], a.device))
        parts = [(m.double().sum((0, 2, 3)), m.double().square().sum((0, 2, 3)),
                  m.numel() // m.shape[1]) for m in maps]  # fmt: skip
        sums.append(parts)
    statistics = []
    for level in zip(*sums, strict=True):
        total, squares, count = (sum(part) for part in zip(*level, strict=True))
        mean = total / count
        spread = (squares / count - mean.square()).clamp_min(1e-12).sqrt()
        statistics.append((mean.float().view(1, -1, 1, 1), spread.float().view(1, -1, 1, 1)))
    return statistics


def current_commit() -> str:
    """The commit that this runs from, with a plus where files differ from it."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parent,
    ).stdout.strip()  # fmt: skip
    return commit or "unknown"


def provenance(a: argparse.Namespace, run: Run, commit: str) -> dict[str, str]:
    """What the file says of how it was made."""
    chosen = {k: v.name if isinstance(v, Path) else v for k, v in vars(a).items()}
    return {
        "name": "embedded",
        "licence": "Apache-2.0",
        "script": "training/distill.py",
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
        "data": f"drawn by training/textures.py, {a.shards * a.shard_size} pictures",
        "arguments": json.dumps(chosen, sort_keys=True),
        "explained": json.dumps(run.history[-1]["explained"]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {a.device}",
        "versions": json.dumps({"python": sys.version.split()[0], "torch": torch.__version__}),
    }


if __name__ == "__main__":
    main()
