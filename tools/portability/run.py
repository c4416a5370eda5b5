"""Run a model of each kind in every runtime, over ordinary and odd images, and compare.

python tools/portability/run.py             # all runtimes; writes a record and the table
python tools/portability/run.py --extremes  # lowest and newest ONNX Runtime only; writes nothing

Ends with 1 where a runtime does not judge all images, or differs by more than `CLOSE` (of aligned
parts `CLOSE_ALIGNED`); of int8,
where OpenVINO and WebAssembly are known to round otherwise, by more than `ROUNDED_OTHERWISE`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnx
from cases import write_cases
from numpy.typing import NDArray
from runtimes import (
    ROOT,
    FailedError,
    InBrowser,
    InNode,
    InPython,
    MissingError,
    Runtime,
    lowest_onnxruntime,
    machine,
)

import blemish

CLOSE = 1e-3  # of the threshold, or of the score where that is larger
CLOSE_ALIGNED = 5e-3  # where pixels are drawn anew, of which one may round the other way
ROUNDED_OTHERWISE = 0.2
TOO_FAR = "differs too much"
BETWEEN = ("1.23.2", "1.27.0", "1.31.1")
BELOW = "1.16.3"  # older than the package allows; a model file runs in it all the same
RECORDS = ROOT / "benchmarks" / "records"


def main() -> None:
    """Run all that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--extremes", action="store_true", help="lowest and newest ONNX Runtime")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "portability")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    logging.getLogger("blemish").setLevel(logging.ERROR)  # models are not fitted to be good here
    models = write_cases(folder / "cases")
    print(f"{len(models)} models after {time.monotonic() - start:.0f} s", flush=True)
    expected = {kind: _by_blemish(path) for kind, path in models.items()}
    rows = [
        row
        for runtime in (_extremes() if arguments.extremes else _all())
        for row in _measured(runtime, folder, models, expected)
    ]
    seconds = time.monotonic() - start
    print(f"{seconds:.0f} s")
    if not arguments.extremes:
        _record(rows, models, seconds)
    if any(row["failed"] for row in rows if not _known(row)):
        raise SystemExit(1)


def _known(row: dict[str, Any]) -> bool:
    """Whether it is int8 in a runtime that rounds otherwise, no farther off than by that."""
    otherwise = "OpenVINO" in row["runtime"] or "WebAssembly" in row["runtime"]
    if not (otherwise and "int8" in row["kind"] and row["failed"] == TOO_FAR):
        return False
    return bool(row["score_difference"] < ROUNDED_OTHERWISE)


def _extremes() -> list[Runtime]:
    return [InPython("onnxruntime", lowest_onnxruntime()), InPython("onnxruntime", "onnxruntime")]


def _all() -> list[Runtime]:
    lowest, newest = _extremes()
    return [
        InPython("onnxruntime", f"onnxruntime=={BELOW}", numpy="numpy<2"),
        lowest,
        *(InPython("onnxruntime", f"onnxruntime=={version}") for version in BETWEEN),
        newest,
        InPython("openvino", "openvino"),
        InNode(),
        InBrowser(),
    ]


def _by_blemish(path: Path) -> NDArray[np.float32]:
    """What blemish itself makes of all images beside a model, in the form of `judge.py`."""
    limits, engine = blemish.ReadLimits(min_side_px=1), blemish.Engine(threads=1)
    model = blemish.load(path, engine=engine, limits=limits)
    thresholds = model.calibration.image_threshold, model.calibration.pixel_threshold
    numbers = []
    for image in _images(path.parent):
        found = model.predict(image)
        head = [found.score, found.verdict is not blemish.Verdict.GOOD, *thresholds]
        numbers += [np.array(head, np.float32), found.score_map.ravel()]
    return np.concatenate(numbers)


def _sizes(cases: Path) -> list[tuple[int, int]]:
    return [(height, width) for height, width in json.loads((cases / "images.json").read_text())]


def _images(cases: Path) -> list[NDArray[np.uint8]]:
    pixels, images, start = np.fromfile(cases / "images.bin", np.uint8), [], 0
    for height, width in _sizes(cases):
        end = start + height * width * 3
        images.append(pixels[start:end].reshape(height, width, 3))
        start = end
    return images


def _measured(
    runtime: Runtime,
    folder: Path,
    models: dict[str, Path],
    expected: dict[str, NDArray[np.float32]],
) -> list[dict[str, Any]]:
    """A row for each kind of model; none where the runtime cannot be had."""
    try:
        runtime.prepare(folder)
    except (MissingError, FailedError) as error:
        print(f"{runtime.name}: left out, {error}", flush=True)
        return []
    rows = []
    for kind, numbers in expected.items():
        row = {"runtime": runtime.name, "version": runtime.version, "kind": kind}
        start = time.monotonic()
        with tempfile.TemporaryDirectory(dir=folder) as place:
            result, path = Path(place) / "result", models[kind]
            try:
                runtime.judge(path.parent, path.name, result)
                close = CLOSE_ALIGNED if "aligned" in kind else CLOSE
                found = np.fromfile(result, "<f4")
                row |= _compared(found, numbers, _sizes(path.parent), close=close)
            except FailedError as error:
                row["failed"] = str(error)
        row["seconds"] = round(time.monotonic() - start, 1)
        print(_line(row), flush=True)
        rows.append(row)
    return rows


def _compared(
    found: NDArray[np.float32],
    expected: NDArray[np.float32],
    sizes: list[tuple[int, int]],
    *,
    close: float,
) -> dict[str, Any]:
    """Largest differences, as a share of threshold or value, and verdicts that differ."""
    if found.shape != expected.shape:
        return {"failed": f"gave {found.size} numbers, not {expected.size}"}
    if not np.isfinite(found).all():
        return {"failed": "gave numbers that are not finite"}
    scores, maps, verdicts, untrue, start = [], [], 0, 0, 0
    for height, width in sizes:
        end = start + 4 + height * width
        (score, verdict, threshold, _), mine = found[start : start + 4], found[start + 4 : end]
        theirs, rejected, limit, pixel_limit = expected[start : start + 4]
        not_inspectable = rejected and theirs <= limit
        score_map = expected[start + 4 : end]
        scores.append(abs(score - theirs) / max(limit, abs(theirs)))
        maps.append((np.abs(mine - score_map) / np.maximum(pixel_limit, np.abs(score_map))).max())
        verdicts += int(verdict != rejected)
        untrue += int(bool(verdict) != bool(score > threshold or not_inspectable))
        start = end
    largest = {"score_difference": float(max(scores)), "map_difference": float(max(maps))}
    failed = ""
    if untrue:
        failed = f"{untrue} verdicts are not those of score, threshold and departures"
    elif max(largest.values()) > close:
        failed = TOO_FAR
    return largest | {"images": len(sizes), "verdicts_that_differ": verdicts, "failed": failed}


def _line(row: dict[str, Any]) -> str:
    head = f"{row['runtime']} {row['version']}, {row['kind']}:"
    if "score_difference" not in row:
        return f"{head} FAILED, {row['failed']}"
    said = f" FAILED, {row['failed']}" if row["failed"] else ""
    return (
        f"{head}{said} scores within {row['score_difference']:.1e}, maps within "
        f"{row['map_difference']:.1e}, {row['verdicts_that_differ']} verdicts differ, "
        f"{row['seconds']} s"
    )


def _record(rows: list[dict[str, Any]], models: dict[str, Path], seconds: float) -> None:
    date = datetime.date.today().isoformat()
    record = {
        "command": "make portability",
        "machine": machine(),
        "seconds": round(seconds),
        "blemish": importlib.metadata.version("blemish"),
        "models": {kind: _model_facts(path) for kind, path in models.items()},
        "rows": rows,
    }
    path = RECORDS / f"portability-{date}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{path}; next: {Path(sys.executable).name} benchmarks/table.py")


def _model_facts(path: Path) -> dict[str, Any]:
    model = onnx.load(path)
    return {
        "opset": model.opset_import[0].version,
        "ir_version": model.ir_version,
        "operators": sorted({node.op_type for node in model.graph.node}),
        "domains": sorted({node.domain or "ai.onnx" for node in model.graph.node}),
        "bytes": path.stat().st_size,
    }


if __name__ == "__main__":
    main()
