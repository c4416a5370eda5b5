"""`blemish report`: one page and tables from folders of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console, outputs
from blemish.cli.options import AsJson
from blemish.errors import UsageError

Directories = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR...", help="Folders that benchmark or evaluate -o wrote.", show_default=False
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Where to write; needed for several folders."
    ),
]


def report(directories: Directories, output: Output = None, as_json: AsJson = False) -> None:
    """Write a page and tables from folders of records.

    One self-contained HTML page, and its tables as Markdown and CSV; an earlier report is replaced.
    Several folders are compared.
    """
    from blemish.records.folder import read_records
    from blemish.report.page import write_report

    runs = _named(directories)
    if output is None and len(runs) > 1:
        raise UsageError("Several folders need a place for their report: -o FOLDER.")
    records = []
    for name, folder in runs.items():
        found = read_records(folder)
        if not found and len(runs) > 1:
            raise UsageError(f"There are no records in '{folder}' to compare.")
        records += [replace(record, run=name) for record in found]
    if output is not None:
        outputs.check_folder(output, force=True)
    written = write_report(output or directories[0], records, runs=runs)
    files = {kind: str(path) for kind, path in asdict(written).items()}
    if as_json:
        console.write_json(files | {"records": len(records)})
    else:
        console.write_facts(files.items())


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by what to call their runs: nothing for one, else as little of the path as tells."""
    whole = [folder.resolve() for folder in folders]
    if len(set(whole)) < len(whole):
        raise UsageError("A folder is named twice; compare different ones.")
    if len(whole) == 1:
        return {"": folders[0]}
    for parts in range(1, max(len(path.parts) for path in whole) + 1):
        names = ["/".join(path.parts[-parts:]) for path in whole]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True))
