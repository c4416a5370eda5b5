"""`blemish audit`: whether the rows of a ledger are those that were written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.options import AsJson
from blemish.errors import UsageError
from blemish.wording import counted

if TYPE_CHECKING:
    from blemish.ledger.audit import Audit

Places = Annotated[
    list[str],
    typer.Argument(
        metavar="DB...",
        help="File of a ledger, and its archives; or a mirror (postgresql://...).",
        show_default=False,
    ),
]
Heads = Annotated[
    list[Path] | None,
    typer.Option(
        "--head",
        metavar="FILE",
        help="Signed head that it must agree with. Repeatable.",
        show_default=False,
    ),
]
PublicKey = Annotated[
    Path | None,
    typer.Option("--key", metavar="PUBLIC", help="Key that signed the heads.", show_default=False),
]
Archived = Annotated[
    bool,
    typer.Option(
        "--archived", help="Old rows are in archives that are not named here: take it for granted."
    ),
]


def audit(
    places: Places,
    *,
    heads: Heads = None,
    key: PublicKey = None,
    archived: Archived = False,
    as_json: AsJson = False,
) -> None:
    """Look whether the record of a station is as it was written.

    Finds any row that was changed, taken out, put in or moved, and names the first. What was cut
    off at the end, or made anew with all hashes after it, is found by heads that were signed
    earlier (blemish ledger head) and kept elsewhere. Old rows that were archived must be named,
    too. The station may run meanwhile. Exit code 4: something is wrong.
    """
    from blemish.ledger.audit import audit as audit_
    from blemish.ledger.heads import read_head

    if heads and key is None:
        raise UsageError("'--head' needs '--key', the public key of whoever signed.")
    known = [read_head(path, key) for path in heads or [] if key is not None]
    found = audit_(
        places,
        heads=known,
        beginning="archived" if archived else "here",
        progress=TerminalProgress(),
    )
    if as_json:
        console.write_json(found.to_dict())
    else:
        console.write_facts(_facts(found))
    if not found.rows and not known:
        console.note("No row is here; whether there were any, only a signed head tells (--head).")
    if found.fault is not None:
        console.error(found.fault.what)
        raise typer.Exit(GATE_NOT_MET)


def _facts(found: Audit) -> list[tuple[str, str | None]]:
    last = "none" if found.head.time is None else f"{found.head.number:,}, {found.head.time}"
    early = f"{found.first - 1:,}, not looked at" if found.first > 1 else None
    heads = f"{counted(len(found.heads), 'signed head')} agree" if found.heads else None
    return [
        ("rows", f"{found.rows:,} as they were written"),
        ("before", early),
        ("last", last),
        ("sha256", found.head.sha256),
        ("heads", heads),
    ]
