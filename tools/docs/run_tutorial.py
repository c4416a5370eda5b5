"""Run the scripts of the tutorial, keep each as a page with what it showed: `make tutorial`.

A page is Markdown; its images lie in a folder of its name. Every script is a process of its own,
and later ones find the models and records of earlier ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from percent import cells_of
from stage import FULL, TUTORIALS, mark_of, scripts


class Page:
    """What the cells of a script show, in order, as Markdown.

    Args:
        name: of the page; images go to a folder of this name.
        folder: of all pages.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name, self._folder = name, folder
        self._parts: list[str] = []
        self._images = 0
        self.printed = StringIO()

    def markdown(self, text: str) -> None:
        """Text, as it is."""
        self._take_printed()
        self._parts.append(text)

    def code(self, text: str) -> None:
        """The code of a cell."""
        self.markdown(f"```python\n{text}\n```")

    def image(self, figure: Any, words: str) -> None:
        """An image: photographs as JPEG, drawings as PNG."""
        self._images += 1
        kind = "jpg" if any(axis.images for axis in figure.axes) else "png"
        path = self._folder / self._name / f"{self._images}.{kind}"
        path.parent.mkdir(exist_ok=True)
        options = {"pil_kwargs": {"quality": 88}} if kind == "jpg" else {}
        figure.savefig(path, dpi=110, bbox_inches="tight", **options)
        self.markdown(f"![{words}]({self._name}/{path.name})")

    def write(self, first_line: str, stamp: str) -> None:
        """Write the page: the stamp goes below its title."""
        self._take_printed()
        title, _, rest = "\n\n".join(self._parts).partition("\n")
        (self._folder / f"{self._name}.md").write_text(
            f"{first_line}\n{title}\n\n{stamp}\n{rest}\n"
        )

    def _take_printed(self) -> None:
        text = self.printed.getvalue().strip("\n")
        self.printed.seek(0)
        self.printed.truncate()
        if text:
            self._parts.append(f"```output\n{text}\n```")


def run_script(script: Path, folder: Path) -> None:
    """Run the cells of one script and write its page."""
    sys.path.insert(0, str(TUTORIALS))
    import study

    page = Page(script.stem, folder)
    study.shown = page  # type: ignore[assignment]
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(script)}
    start = time.perf_counter()
    for cell in cells_of(script):
        if cell.kind == "markdown":
            page.markdown(cell.text)
            continue
        page.code(cell.text)
        lined_up = "\n" * (cell.line - 1) + cell.text  # so that tracebacks name the script's lines
        with redirect_stdout(page.printed):
            exec(compile(lined_up, str(script), "exec"), scope)
    page.write(mark_of(script), stamp(time.perf_counter() - start))


def stamp(seconds: float) -> str:
    """When, where and on what a page was made."""
    import blemish
    import study
    from blemish.records.machine import machine

    here = machine()
    data = "surfaces drawn by blemish"
    if study.DATA:
        names = ", ".join(blemish.find_categories(study.DATA)[:3])
        data = f"images of `BLEMISH_DATA` ({names})"
    told = (
        f"Run on {datetime.now(UTC):%Y-%m-%d} in {seconds:.0f} s, {here['cores']} cores "
        f"({here['processor']}), on {data}."
    )
    if study.SMALL:
        return (
            f"> **A run in reduced size**, which only shows that everything works: its figures "
            f"mean nothing. `make tutorial` makes the real ones. {told}"
        )
    return f"> {told}"


def main() -> None:
    """Run all scripts, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", type=Path, help="only these")
    parser.add_argument("--output", type=Path, default=FULL)
    parser.add_argument("--small", action="store_true", help="reduced size")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    request = parser.parse_args()
    folder: Path = request.output.resolve()
    if request.one:
        run_script(request.scripts[0], folder)
        return
    if not request.scripts:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"BLEMISH_WORK": "study"}  # relative, as it is shown in commands
    environment |= {"BLEMISH_TUTORIAL": "small"} if request.small else {}
    if data := os.environ.get("BLEMISH_DATA"):
        environment["BLEMISH_DATA"] = str(Path(data).resolve())
    for script in request.scripts or scripts():
        start = time.perf_counter()
        shutil.rmtree(folder / script.stem, ignore_errors=True)
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--one",
            "--output",
            str(folder),
            str(script.resolve()),
        ]
        subprocess.run(command, check=True, env=environment, cwd=folder)
        print(f"{script.stem}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
