"""Kill commands at random moments, and see what is left.

    python tests/kills.py [KILLS [SEED [NAME...]]]

Of each command one run goes through; then it is killed again and again by SIGKILL or SIGTERM, what
is there is looked through, and the same command with `--resume` has to come to the same end.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from PIL import Image

from blemish.files import TEMPORARY
from blemish.model.file import inspect
from tiny import LEVELS, SIDE, tiny_backbone, tiny_dataset
from tiny_efficientad import tiny_teacher

BLEMISH = [sys.executable, "-c", "from blemish.cli.main import run; run()"]
PATCHCORE = ["--image-size", str(SIDE), "--set", "coreset_ratio=0.1", "--set",
             "calibration_folds=2", "--set", "smoothing=1.0"]  # fmt: skip
EFFICIENTAD = [
    "--detector", "efficientad", "--preset", "quick", "--image-size", "128",
    *(f"--set={name}" for name in (
        "pdn=extra_small", "batch_size=2", "crop=0", "penalty_weight=1", "steps=42",
        "penalty_images=2", "autoencoder_width=8",
        "autoencoder_weight=0.5", "checkpoint_seconds=0", "precision=float32", "device=cpu",
        "smoothing=0",
    )),
]  # fmt: skip


@dataclass
class Command:
    """A command that is killed.

    Attributes:
        name: of its kind.
        words: of the command line, for a folder to write to.
        again: what is added to go on.
        result: what has to be the same in the end, in a folder.
    """

    name: str
    words: Callable[[Path], list[str]]
    again: list[str]
    result: Callable[[Path], Any]
    whole: Any = None
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)


def commands(folder: Path) -> list[Command]:
    """All that are killed; their images and models lie in a folder."""
    backbone = tiny_backbone(folder / "tiny.onnx")
    data = str(tiny_dataset(folder / "data" / "tile", good=12, test_good=20, defects=20))
    few = str(tiny_dataset(folder / "few", good=4, test_good=1, defects=1))
    model = str(folder / "model.onnx")
    patchcore = ["--backbone", str(backbone), "--levels", ",".join(LEVELS), *PATCHCORE]
    efficientad = [*EFFICIENTAD, "--teacher", str(tiny_teacher(folder / "teacher.onnx"))]
    run(["fit", data, "-o", model, *patchcore])
    archive = [
        Command("archive", lambda out: ["predict", model, f"{data}/test", "-o", str(out),
                                        "--engine", "ray"], ["--resume"], rows_of),
    ] if find_spec("ray") else []  # fmt: skip
    return [
        *archive,
        Command("fit", lambda out: ["fit", data, "-o", str(out / "m.onnx"), *patchcore],
                ["--force"], sha256_of),
        Command("predict", lambda out: ["predict", model, f"{data}/test", "-o", str(out),
                                        "--overlay", "--maps"], ["--resume"], lines_of),
        Command("benchmark", lambda out: ["benchmark", data, "-o", str(out), *patchcore,
                                          "--seeds", "0,1"], [], figures_of),
        Command("ray", lambda out: ["benchmark", data, "-o", str(out), *patchcore, "--seeds", "0,1",
                                    "--engine", "ray"], [], figures_of),
        Command("efficientad", lambda out: ["fit", few, "-o", str(out / "m.onnx"), *efficientad],
                ["--force", "--resume"], sha256_of),
    ]  # fmt: skip


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([*BLEMISH, *words], check=False, capture_output=True, text=True)


def sha256_of(folder: Path) -> Any:
    return inspect(folder / "m.onnx").sha256, names_in(folder)


def lines_of(folder: Path) -> Any:
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    without = [{k: v for k, v in line.items() if k != "seconds"} for line in lines]
    return sorted(without, key=lambda line: line["path"]), names_in(folder)


def rows_of(folder: Path) -> Any:
    import pyarrow.parquet as pq

    rows = [row for path in folder.glob("part-*") for row in pq.read_table(path).to_pylist()]
    without = [row | {"seconds": None} for row in rows]
    return sorted(without, key=lambda row: row["path"]), names_in(folder)


def whole_lines(path: Path) -> list[Any]:
    """The lines of a file that have their end; none where there is no file."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def without_file(line: dict[str, Any]) -> dict[str, Any]:
    """A line that is kept, as it is printed."""
    return {key: value for key, value in line.items() if key != "file"}


def figures_of(folder: Path) -> Any:
    records = [json.loads(path.read_text()) for path in (folder / "records").glob("[!.]*.json")]
    kept = [
        (r["job"], r["error"], r["model_sha256"], r["figures"], [p["score"] for p in r["images"]])
        for r in records
    ]
    return sorted(kept, key=lambda row: row[0]), names_in(folder)


def names_in(folder: Path) -> list[str]:
    """All files, without the hidden ones that a killed writer leaves."""
    names = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(p.relative_to(folder)) for p in names if not TEMPORARY.fullmatch(p.name))


def half_files(folder: Path, *, hidden: bool) -> Iterator[str]:
    """What is not whole, and hidden files where none may be."""
    from safetensors import safe_open

    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if TEMPORARY.fullmatch(path.name):
            if not hidden:
                yield f"{path}: left behind"
            continue
        try:
            if path.suffix == ".onnx":
                inspect(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".jsonl":
                text = path.read_text()
                assert text.endswith("\n") or not text
                [json.loads(line) for line in text.splitlines()]
            elif path.suffix == ".safetensors":
                with safe_open(path, "np") as file:
                    assert file.metadata()
            elif path.suffix == ".parquet":
                rows_of(path.parent)
            elif path.suffix == ".jpg":
                Image.open(path).load()
            elif path.suffix == ".npy":
                assert path.stat().st_size == 128 + 4 * SIDE * SIDE
            elif path.suffix == ".html":
                assert path.read_text().rstrip().endswith("</html>")
            else:
                assert path.suffix in {".md", ".csv"}, "unexpected"
        except Exception as error:  # whatever it is, the file is not whole
            yield f"{path}: {error!r}"


def kill(command: Command, folder: Path, chance: random.Random) -> None:
    """Kill it once, look what is there, and go on."""
    number = chance.choice([SIGKILL, SIGTERM])
    wait = chance.uniform(0.1, 1.02) * command.seconds
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        (folder / "run").mkdir()
        process = subprocess.Popen(
            [*BLEMISH, *command.words(folder / "run")], stdout=out, stderr=err
        )
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    code = process.wait()
    time.sleep(2.0 if command.name == "ray" else 0.2)  # workers of a benchmark end by themselves
    command.ends[
        {0: "done", 143: "ended", -SIGTERM: "ended before it began"}.get(code, "killed")
    ] += 1
    said = (folder / "err").read_text()
    faults = list(half_files(folder / "run", hidden=code == -SIGKILL))
    faults += ["Traceback: " + said] if "Traceback" in said else []
    faults += [] if code in (0, -SIGKILL, -SIGTERM, 143) else [f"exit code {code}: {said}"]
    if command.name == "predict":
        printed = whole_lines(folder / "out")
        kept = [without_file(line) for line in whole_lines(folder / "run" / "predictions.jsonl")]
        if len(printed) - len(kept) not in (0, 1) or printed[: len(kept)] != kept:
            faults.append(f"{len(printed)} verdicts printed, {len(kept)} kept")
    ended = run([*command.words(folder / "run"), *command.again])
    if ended.returncode or command.result(folder / "run") != command.whole:
        faults.append(f"not the same in the end, {ended.returncode}: {ended.stderr}")
    command.faults += [f"{number.name} after {wait:.2f} s: {fault}" for fault in faults]


def go_through(kills: int, seed: int, *, names: set[str] | None = None) -> list[Command]:
    """Kill each command some times; `names` are those wanted, by default all."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as top:
        every = [c for c in commands(Path(top)) if names is None or c.name in names]
        for command in every:
            whole = Path(top) / f"{command.name}-whole"
            whole.mkdir()
            start = time.monotonic()
            ended = run(command.words(whole))
            assert ended.returncode == 0, ended.stderr
            command.seconds, command.whole = time.monotonic() - start, command.result(whole)
            for number in range(kills):
                folder = Path(top) / f"{command.name}-{number}"
                folder.mkdir()
                kill(command, folder, chance)
                print(command.name, number, dict(command.ends), len(command.faults), flush=True)
    return every


def main() -> None:
    """Kill each command so often, and say what was wrong."""
    kills, seed = (
        int(word)
        for word in (sys.argv[1:3] if len(sys.argv) > 2 else [*sys.argv[1:], "15", "0"][:2])
    )
    start = time.monotonic()
    every = go_through(kills, seed, names=set(sys.argv[3:]) or None)
    for command in every:
        print(f"{command.name}: {dict(command.ends)}, {len(command.faults)} faults")
        print(*command.faults, sep="\n")
    print(f"{kills * len(every)} kills in {time.monotonic() - start:.0f} s")
    sys.exit(any(command.faults for command in every))


if __name__ == "__main__":
    main()
