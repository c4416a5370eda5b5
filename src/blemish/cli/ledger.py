"""`blemish ledger`: signed heads, tables and archives of a station's record."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, overload

import typer

from blemish.cli import console, outputs
from blemish.cli.command import Command
from blemish.cli.options import AsJson, Force
from blemish.errors import UsageError
from blemish.files import write_whole
from blemish.wording import counted, rate_text

app = typer.Typer(
    name="ledger",
    help="Sign, copy, export and archive the record of a station.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[
    Path,
    typer.Argument(metavar="DB", help="File of a ledger (ledger.db).", show_default=False),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="File to write.", show_default=False),
]
PrivateKey = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="PRIVATE", help="Sign it with this key (PEM).", show_default=False
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="At or after, as 2026-12-01T06:00+01:00.", show_default=False
    ),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before.", show_default=False)]
KindNames = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only inspection, review, act or event. Repeatable.",
        show_default=False,
    ),
]
Days = Annotated[
    int,
    typer.Option(
        "--older-than",
        metavar="DAYS",
        min=0,
        help="Rows to archive; whole days, 0 for all.",
        show_default=False,
    ),
]


@app.command(cls=Command)
def key(output: Output, *, as_json: AsJson = False) -> None:
    """Make a pair of keys to sign heads with.

    FILE is the private one, FILE.public what audits need. Keep the private one where the station's
    people cannot reach it.
    """
    from blemish.ledger.heads import make_key

    public = output.with_name(f"{output.name}.public")
    outputs.check_file(output, force=False)
    outputs.check_file(public, force=False)
    make_key(output, public)
    if as_json:
        console.write_json({"private": str(output), "public": str(public)})
    else:
        console.write_facts([("private key", output), ("public key", public)])


@app.command(cls=Command)
def head(
    ledger: File,
    *,
    key: PrivateKey = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Signed head to write, with --key."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Tell the last row and its hash, which stands for all rows before it.

    With --key it is signed, for blemish audit --head to hold the ledger against later. Take one a
    day, and keep it where who writes the ledger cannot change it.
    """
    from blemish.ledger.heads import sign, write_head
    from blemish.ledger.reader import Reader

    if (key is None) != (output is None):
        raise UsageError("'--key' and '--output' are given together: a signed head is a file.")
    with Reader.open(ledger) as reader:
        found = reader.head()
    if key is not None and output is not None:
        outputs.check_file(output, force=force, sources=[ledger, key])
        write_head(sign(found, key), output)
    if as_json:
        console.write_json(found.to_dict())
    else:
        console.write_facts(
            [("row", f"{found.number:,}"), ("sha256", found.sha256), ("time", found.time)]
        )


@app.command(cls=Command)
def backup(ledger: File, output: Output, *, force: Force = False, as_json: AsJson = False) -> None:
    """Copy the record to FILE, and look through the copy. The station may run meanwhile."""
    from blemish.ledger.backup import back_up

    outputs.check_file(output, force=force, sources=[ledger])
    found = back_up(ledger, output)
    if as_json:
        console.write_json({"path": str(output), "head": found.to_dict()})
    else:
        console.write_facts([("file", output), ("last row", f"{found.number:,}, {found.time}")])


@app.command(cls=Command)
def export(
    ledger: File,
    output: Output,
    *,
    since: Since = None,
    until: Until = None,
    kinds: KindNames = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write rows as a table: FILE.csv, or FILE.parquet."""
    from blemish.ledger.entry import Kind
    from blemish.ledger.export import export_rows
    from blemish.ledger.query import Query
    from blemish.ledger.reader import Reader

    if unknown := sorted({*(kinds or [])} - {*Kind}):
        raise UsageError(f"Unknown kind '{unknown[0]}'; known are {', '.join(Kind)}.")
    query = Query(
        kinds=[Kind(name) for name in kinds] if kinds else None,
        since=read_time("since", since),
        until=read_time("until", until),
    )
    outputs.check_file(output, force=force, sources=[ledger])
    with Reader.open(ledger) as reader:
        rows = export_rows(reader, output, query)
    if as_json:
        console.write_json({"path": str(output), "rows": rows})
    else:
        console.write_facts([("rows", f"{rows:,}"), ("file", output)])


@app.command(cls=Command)
def archive(
    ledger: File,
    output: Output,
    days: Days,
    *,
    as_json: AsJson = False,
) -> None:
    """Move old rows to a file of their own, a ledger that nobody writes any more.

    The chain goes on from there: blemish audit FILE DB looks at both together. Rows stay that a
    forwarder has not handed on yet. The station must not run.
    """
    from blemish.ledger.ledger import Ledger
    from blemish.ledger.retention import archive as archive_
    from blemish.ledger.retention import kept_back

    outputs.check_file(output, force=False, sources=[ledger])
    if not ledger.exists():
        raise UsageError(f"There is no ledger '{ledger}'.")
    before = datetime.now(UTC) - timedelta(days=days)
    with Ledger.open(ledger) as opened:
        last = archive_(opened, output, before=before, who=os.environ.get("USER"))
        waiting = kept_back(opened)
    result = {
        "path": None if last is None else str(output),
        "last": None if last is None else last.to_dict(),
        "forwarders": waiting,
    }
    if as_json:
        console.write_json(result)
    else:
        moved = "none" if last is None else f"up to {last.number:,} ({last.time})"
        console.write_facts([("rows", moved), ("file", result["path"])])
    if last is None:
        console.note(f"No row moved: none is older, or {counted(len(waiting), 'forwarder')} waits.")
    else:
        console.next_steps(["audit", output, ledger])


@app.command(cls=Command)
def report(
    ledger: File,
    output: Output,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="When the shift began.", show_default=False)
    ],
    *,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it ended (default: 8 hours later)."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Of the station.")] = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a shift, one page A4 (FILE.pdf).

    Parts and rejects with exact limits, a p chart, zones, and where defects lie. The station may
    run meanwhile.
    """
    from blemish.ledger.reader import Reader
    from blemish.station.statistics.p_chart import p_chart
    from blemish.station.statistics.regions import pareto
    from blemish.station.statistics.report import shift_report
    from blemish.station.statistics.shifts import shift_figures

    start = read_time("since", since)
    end = read_time("until", until) or start + timedelta(hours=8)
    if not start < end:
        raise UsageError("'--until' must be later than '--since'.")
    outputs.check_file(output, force=force, sources=[ledger])
    with Reader.open(ledger) as reader:
        write_whole(output, shift_report(reader, start, end, station=name))
        figures = shift_figures(reader, start, end)
        chart, zones = p_chart(reader, start, end), pareto(reader, start, end)
    if as_json:
        result = {"path": str(output), **figures.to_dict(), "p_chart": chart.to_dict()}
        console.write_json(result | {"zones": [asdict(bar) for bar in zones]})
        return
    low, high = figures.all.reject_limits
    rejects = f"{figures.all.rejects:,} ({rate_text(low)} to {rate_text(high)})"
    console.write_facts(
        [("parts", f"{figures.all.parts:,}"), ("rejects", rejects), ("file", output)]
    )


@overload
def read_time(name: str, text: str) -> datetime: ...
@overload
def read_time(name: str, text: str | None) -> datetime | None: ...
def read_time(name: str, text: str | None) -> datetime | None:
    """A time that was typed, local where it has no zone. Raises `UsageError`."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise UsageError(f"'--{name} {text}' must be a time, as 2026-12-01T06:00.") from error
