"""The main job, start to end: `make demo`.

On the real pictures where they are (`--shared`), otherwise on a small drawn surface with a backbone
of hand-made filters, since no trained one ships yet. Fits and measures every category, writes the
page, prints the table, and judges a few pictures.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

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
        data, backbone = draw(output / "drawn")
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


def draw(folder: Path) -> tuple[list[Path], Path]:
    """Draw a surface and write the filters, where they are not there yet."""
    sys.path.insert(0, str(Path(__file__).parent))
    from drawn_surface import draw_surface
    from filter_backbone import write_filters

    backbone = folder / "filters.onnx"
    if not backbone.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draw_surface(folder / "weave", seed=0)
        write_filters(backbone)
    return [folder / "weave"], backbone


if __name__ == "__main__":
    main()
