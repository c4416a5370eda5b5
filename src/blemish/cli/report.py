"""`blemish report`: one page and tables from a folder of records."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.options import AsJson

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that benchmark or evaluate -o wrote.")
]


def report(directory: Directory, as_json: AsJson = False) -> None:
    """Write a page and tables from a folder of records.

    One self-contained HTML page, and its tables as Markdown and CSV; an earlier report is replaced.
    """
    from blemish.benchmark.records import read_records
    from blemish.report.page import write_report

    records = read_records(directory)
    files = {kind: str(path) for kind, path in asdict(write_report(directory, records)).items()}
    if as_json:
        console.write_json(files | {"records": len(records)})
    else:
        console.write_facts(files.items())
