"""`blemish predict --engine ray` beside the plain command: same images, model and cores, in turns.

    python benchmarks/archive.py --images 20000 --side 256
    python benchmarks/archive.py --images 100000 --side 64 --store 80   # memory, by Ray alone

Images are drawn tiles with noise of their own each. Processes are looked at by the kernel's list,
twice a second: those of Ray that judge, and the shared memory that holds its objects, of which the
most that one process has is told. Seconds of the cores are those of all processes together; they
say what is lost to Ray where a machine has other things to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from day_record import DayRecord

DRAWN = 200
LOOK_SECONDS = 0.5
COMMAND = [sys.executable, "-m", "blemish"]
LEFT_OUT = {"seconds", "file", "model_sha256", "map", "map_offset", "map_scale"}


def main() -> None:
    """Measure, and add to the day's record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--store", type=int, help="megabytes of a cluster's object store")
    parser.add_argument("--folder", type=Path, help="to keep images and results in")
    arguments = parser.parse_args()
    record = DayRecord("archive")
    with tempfile.TemporaryDirectory() as temporary:
        top = arguments.folder or Path(temporary)
        model, images = prepared(top, arguments.images, arguments.side)
        if arguments.store is not None:
            record.add(in_little(top, model, images, arguments.store) | {
                "images": arguments.images, "side_px": arguments.side,
            })  # fmt: skip
            return
        for turn in range(arguments.turns):
            record.add(one_turn(top, model, images) | {
                "images": arguments.images, "side_px": arguments.side, "turn": turn,
            })  # fmt: skip


def prepared(top: Path, count: int, side: int) -> tuple[Path, Path]:
    """A model, and a folder with so many images; what is there already is taken."""
    from PIL import Image

    from blemish.data.write_surfaces import write_surfaces

    drawn, images, model = top / f"drawn-{side}", top / f"images-{side}", top / f"{side}.onnx"
    if not drawn.exists():
        write_surfaces(drawn, categories=["tile"], good=DRAWN, test_good=0, defects_a_type=20,
                       size_px=side)  # fmt: skip
    if not model.exists():
        subprocess.run(
            [*COMMAND, "fit", drawn / "tile", "-o", model, "--image-size", str(side)], check=True
        )
    files = sorted((drawn / "tile").glob("t*/*/*.png"))
    pixels = [np.asarray(Image.open(file).convert("RGB"), np.int16) for file in files]
    rng = np.random.default_rng(0)
    for number in range(count):
        path = images / f"{number // 1000:03}" / f"{number:06}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            noisy = pixels[number % len(pixels)] + rng.integers(-3, 4, (side, side, 1))
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return model, images


def one_turn(top: Path, model: Path, images: Path) -> dict[str, Any]:
    """Both ways once, and whether they say the same."""
    plain, parts, lines = top / "plain", top / "parts", top / "lines.jsonl"
    for folder in (plain, parts):
        shutil.rmtree(folder, ignore_errors=True)
    one = watched([*COMMAND, "predict", model, images, "-o", plain], lines)
    many = watched([*COMMAND, "predict", model, images, "-o", parts, "--engine", "ray"], lines)
    return {
        "plain": one.told(),
        "ray": many.told(),
        "throughput_ratio": round(one.seconds / many.seconds, 3),
        "throughput_ratio_by_cpu_seconds": round(
            sum(one.cpu_seconds.values()) / sum(many.cpu_seconds.values()), 3
        ),
        "parts": len(list(parts.glob("part-*"))),
        "parts_bytes": sum(path.stat().st_size for path in parts.glob("part-*")),
        "same": rows_of_lines(plain) == rows_of_parts(parts),
    }


def in_little(top: Path, model: Path, images: Path, megabytes: int) -> dict[str, Any]:
    """By Ray alone, whose objects have little room."""
    from blemish.cluster.connect import ray
    from blemish.parallel import available_cores

    ray()
    from ray.cluster_utils import Cluster

    parts = top / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    room = {"num_cpus": available_cores(), "object_store_memory": megabytes * 10**6}
    cluster = Cluster(initialize_head=True, head_node_args=room)
    try:
        command = [*COMMAND, "predict", model, images, "-o", parts, "--engine", "ray"]
        found = watched(
            [*command, "--ray-address", cluster.address], top / "lines.jsonl", top=os.getpid()
        )
    finally:
        cluster.shutdown()
    rows = rows_of_parts(parts)
    return {"ray": found.told(), "store_megabytes": megabytes, "each_once": len(rows)}


@dataclass
class Watched:
    """A command that was run: seconds of each of its processes, and their most memory in bytes."""

    cpu_seconds: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    driver: int = 0
    actor: int = 0
    actors: int = 0
    objects: int = 0

    def look(self, pid: int, top: int) -> None:
        """Look at its processes once."""
        for one in below(top):
            self.cpu_seconds[one] = max(self.cpu_seconds.get(one, 0.0), cpu_seconds_of(one))
        self.driver = max(self.driver, memory_of(pid, "VmHWM"))
        workers = {one for one in below(top) if b"MapWorker" in words_of(one)}
        self.actors = max(self.actors, len(workers))
        self.actor = max([self.actor, *(memory_of(one, "VmHWM") for one in workers)])
        self.objects = max(self.objects, *(memory_of(one, "RssShmem") for one in below(top)))

    def told(self) -> dict[str, Any]:
        """For the record."""
        return {
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(sum(self.cpu_seconds.values()), 1),
            "driver_peak_megabytes": round(self.driver / 1e6),
            "actors": self.actors,
            "actor_peak_megabytes": round(self.actor / 1e6),
            "object_store_megabytes": round(self.objects / 1e6, 1),
        }


def watched(command: list[Any], output: Path, *, top: int | None = None) -> Watched:
    """Run a command to its end, looking at its processes meanwhile, or at those below another."""
    found, done = Watched(), Event()
    start = time.perf_counter()
    with output.open("w") as stream:
        process = subprocess.Popen(list(map(str, command)), stdout=stream)

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            found.look(process.pid, process.pid if top is None else top)

    thread = Thread(target=look)
    thread.start()
    code = process.wait()
    found.seconds = time.perf_counter() - start
    done.set()
    thread.join()
    if code:
        raise SystemExit(f"exit code {code}: {command}")
    return found


def below(pid: int) -> set[int]:
    """A process and all that it started, and they."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        children.setdefault(parent, []).append(int(path.parent.name))
    found, waiting = {pid}, [pid]
    for one in waiting:
        waiting += children.get(one, [])
        found |= {*children.get(one, [])}
    return found


def words_of(pid: int) -> bytes:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def cpu_seconds_of(pid: int) -> float:
    """What a process has had of the cores, for itself and for the system."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int, field: str) -> int:
    """What the kernel says of a process's memory, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def rows_of_lines(folder: Path) -> dict[str, str]:
    """What the plain command says of each image, but for seconds."""
    rows = (json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines())
    return {row["path"]: spelled(row) for row in rows}


def rows_of_parts(folder: Path) -> dict[str, str]:
    """What the parts say of each image."""
    import pyarrow.parquet as pq

    files = sorted(folder.glob("part-*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    found = {row["path"]: spelled(row) for row in rows}
    return found if len(found) == len(rows) else {}


def spelled(row: dict[str, Any]) -> str:
    """A row in one form, without what is none and what differs from run to run."""
    kept = {
        name: value for name, value in row.items() if name not in LEFT_OUT and value is not None
    }
    for region in kept.get("regions", ()):
        region.pop("outline_xy", None)
    return json.dumps(kept, sort_keys=True)


if __name__ == "__main__":
    main()
