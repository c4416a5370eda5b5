"""The main job, start to end: `make demo`.

Draws tile, leather and grid with their defects, looks one over, fits and measures PatchCore on each
with the backbone of the package, writes the page, prints the table, and judges a few images.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    surfaces, results = output / "surfaces", output / "benchmark"
    blemish("surfaces", str(surfaces), "--size", "256", "--force")
    categories = sorted(path for path in surfaces.iterdir() if path.is_dir())
    blemish("check", str(categories[-1]))
    blemish("benchmark", *map(str, categories), "--detectors", "patchcore", "-o", str(results))
    blemish("report", str(results))
    model = sorted((results / "models").glob(f"{categories[-1].name}*.onnx"))[0]
    blemish("inspect", str(model))
    blemish(
        "predict", str(model), *one_of_each(categories[-1] / "test"),
        "-o", str(output / "predictions"), "--overlay", "--force",
    )  # fmt: skip
    print(f"\nThe page: {results / 'report.html'}")


def blemish(*arguments: str) -> None:
    """Run a command as a user would, showing it."""
    print(f"\n$ blemish {shlex.join(arguments)}", flush=True)
    program = Path(sys.executable).parent / "blemish"
    code = subprocess.run([str(program), *arguments], check=False).returncode
    if code:
        sys.exit(code)


def one_of_each(test: Path) -> list[str]:
    """The first good image and the first of each defect."""
    return [str(sorted(kind.iterdir())[0]) for kind in sorted(test.iterdir())]


if __name__ == "__main__":
    main()
