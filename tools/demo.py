"""The main job, start to end: `make demo`.

On the real pictures where they are (`--shared`), otherwise on drawn tile, leather and grid with a
backbone of hand-made filters, since no trained one ships yet. Fits and measures every category,
writes the page, prints the table, and judges a few pictures.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from filter_backbone import write_filters

CATEGORIES = ("mvtec/bottle", "lgp", "mtd")


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    if (arguments.shared / "data").is_dir():
        data = [arguments.shared / "data" / name for name in CATEGORIES]
        backbone = arguments.shared / "backbones" / "mobilenetv2.onnx"
    else:
        data = draw(output / "surfaces")
        backbone = output / "filters.onnx"
        write_filters(backbone)
    blemish("check", str(data[0]))
    blemish(
        "benchmark", *map(str, data), "--detectors", "patchcore", "--backbone", str(backbone),
        "-o", str(output / "benchmark"),
    )  # fmt: skip
    blemish("report", str(output / "benchmark"))
    model = next(iter(sorted((output / "benchmark" / "models").glob("*.onnx"))))
    blemish("inspect", str(model))
    category = next(path for path in data if model.name.startswith(path.name))
    blemish(
        "predict", str(model), *some_pictures(category), "-o", str(output / "predictions"),
        "--overlay", "--force",
    )  # fmt: skip
    print(f"\nThe page: {output / 'benchmark' / 'report.html'}")


def blemish(*arguments: str) -> None:
    """Run a command as a user would, showing it."""
    print(f"\n$ blemish {shlex.join(arguments)}", flush=True)
    program = Path(sys.executable).parent / "blemish"
    code = subprocess.run([str(program), *arguments], check=False).returncode
    if code:
        sys.exit(code)


def some_pictures(category: Path) -> list[str]:
    """A good picture and a few defects of a category."""
    test = category / "test" if (category / "test").is_dir() else category
    folders = sorted(p for p in test.iterdir() if p.is_dir() and p.name != "masks")
    return [str(sorted(folder.iterdir())[0]) for folder in folders]


def draw(folder: Path) -> list[Path]:
    """Write drawn surfaces; the folders of their categories."""
    blemish("surfaces", str(folder), "--size", "256", "--force")
    return sorted(path for path in folder.iterdir() if path.is_dir())


if __name__ == "__main__":
    main()
