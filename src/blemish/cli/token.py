"""`blemish token`: make a token for those who ask a service."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console


class As(StrEnum):
    """What its bearer may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"


TokensFile = Annotated[
    Path,
    typer.Argument(metavar="FILE.toml", help="Where its hash is kept.", show_default=False),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Of the person or machine, for the record.", show_default=False
    ),
]
OfRole = Annotated[
    As,
    typer.Option(
        help="viewer looks; operator also has images judged; engineer also changes models.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the token as JSON.")]


def token(path: TokensFile, name: Name, *, role: OfRole, as_json: AsJson = False) -> None:
    """Make a token, and print it: this once.

    The file keeps its hash alone. Whoever is taken out of the file is refused from then on; a
    service that runs need not be started again.
    """
    from blemish.serving.tokens import Role, new_token

    secret = new_token(path, name, Role(role.value))
    if as_json:
        console.write_json({"name": name, "role": role.value, "token": secret})
    else:
        console.write(secret + "\n")
    console.say(f"'{name}' may come in as {role.value}; '{path}' keeps the hash of this token.")
