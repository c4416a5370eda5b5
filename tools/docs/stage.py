"""All pages in one folder, as plain Markdown: what is written, what is generated, what was run.

The folder mirrors the repository, so that links lead where they lead there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import reference

ROOT = Path(__file__).parents[2]
TUTORIALS = ROOT / "docs" / "tutorials"
PROJECT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md",
           "training/README.md")  # fmt: skip
GENERATED = "<!-- generated pages -->"
FULL, SMALL = ROOT / "build" / "tutorial", ROOT / "build" / "tutorial-small"


def stage(target: Path) -> None:
    """Gather all pages below a folder, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target / "docs")
    for name in PROJECT:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    _add_reference(target / "docs" / "reference")
    run = current_run()
    for page in scripts():
        shutil.copy(run / f"{page.stem}.md", target / "docs" / "tutorials")
        if (run / page.stem).is_dir():
            shutil.copytree(run / page.stem, target / "docs" / "tutorials" / page.stem)


def _add_reference(folder: Path) -> None:
    pages = reference.pages()
    lines = [
        f"* [{text.splitlines()[0].removeprefix('# ')}]({name})" for name, text in pages.items()
    ]
    for name, text in pages.items():
        (folder / name).write_text(text)
    index = folder / "index.md"
    index.write_text(index.read_text().replace(GENERATED, "\n".join(lines)))


def scripts() -> list[Path]:
    """The scripts of the tutorial, in order."""
    return sorted(TUTORIALS.glob("[0-9]_*.py"))


def current_run() -> Path:
    """The folder of a run of the tutorial as it is now: the full one, else one of reduced size.

    Where there is neither, the tutorial is run in its reduced size.
    """
    for folder in (FULL, SMALL):
        if is_current(folder):
            return folder
    program = [sys.executable, str(Path(__file__).with_name("run_tutorial.py"))]
    subprocess.run([*program, "--small", "--output", str(SMALL)], check=True)
    return SMALL


def is_current(folder: Path) -> bool:
    """Whether a folder holds a run of each script as it is now."""
    pages = [folder / f"{script.stem}.md" for script in scripts()]
    return all(
        page.is_file() and page.read_text().startswith(mark_of(script))
        for script, page in zip(scripts(), pages, strict=True)
    )


def mark_of(script: Path) -> str:
    """The first line of a page that was made by a script as it is now."""
    digest = hashlib.sha256(script.read_bytes() + (TUTORIALS / "study.py").read_bytes())
    return f"<!-- run of {script.name}, {digest.hexdigest()[:16]} -->"
