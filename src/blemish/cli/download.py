"""`blemish download`: data sets from elsewhere, once their licence is accepted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import AsJson, read_list
from blemish.errors import UsageError

KNOWN = ("mvtec-ad",)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Which data set: mvtec-ad.", show_default=False)
]
Categories = Annotated[str, typer.Option(metavar="A,B", help="Which categories.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the categories.")
]
Accept = Annotated[
    bool, typer.Option("--accept-licence", help="The licence is accepted; do not ask.")
]
Hashes = Annotated[
    list[str] | None,
    typer.Option("--sha256", metavar="A=HASH", help="What an archive must hash to. Repeatable."),
]
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Another place, as https://host/{category}.tar.xz."),
]


def download(
    name: Name,
    *,
    categories: Categories = "tile,leather,grid",
    output: Output = Path("data"),
    accept_licence: Accept = False,
    hashes: Hashes = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Download a data set: the only command that uses a network.

    What is fetched stays when it is interrupted; the same command goes on from there.
    """
    from blemish.data.download import LICENCE, choose_archives, fetch, size_bytes

    if name not in KNOWN:
        raise UsageError(f"There is no data set '{name}' to download; there is {', '.join(KNOWN)}.")
    archives = choose_archives(read_list(categories) or [], url=url, sha256=_hashes(hashes or []))
    console.say(LICENCE)
    if not (accept_licence or sys.stdin.isatty()):
        raise UsageError("Nobody is there to accept the licence; give --accept-licence.")
    for archive in archives:
        size = size_bytes(archive)
        told = "size not told" if size is None else f"{size / 1e6:,.0f} MB"
        console.say(f"{archive.category}: {told}, {archive.url}")
    if not accept_licence and not typer.confirm("Do you accept it?", err=True):
        raise UsageError("The licence was not accepted; nothing was downloaded.")
    found = [fetch(archive, output, progress=TerminalProgress()) for archive in archives]
    for one in found:
        if not one.checked:
            console.note(
                f"The hash of '{one.folder.name}' is not known, so it was not checked. It is "
                f"{one.sha256}."
            )
    if as_json:
        console.write_json(
            {
                one.folder.name: {
                    "path": str(one.folder), "sha256": one.sha256, "checked": one.checked,
                }
                for one in found
            }
        )  # fmt: skip
    else:
        console.write_facts((one.folder.name, one.folder) for one in found)
    console.next_steps(["check", found[0].folder])


def _hashes(texts: list[str]) -> dict[str, str]:
    """Hashes by category, from `tile=392228...`. Raises `UsageError`."""
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (_, equals, _) in zip(texts, pairs, strict=True) if not equals]:
        raise UsageError(f"'--sha256' must be like tile=HASH; got '{wrong[0]}'.")
    return {name.strip(): value.strip() for name, _, value in pairs}
