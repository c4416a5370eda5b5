"""`blemish surfaces`: drawn tile, leather and grid, to try blemish on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.options import AsJson, Force, read_list

Directory = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="Folder to write the categories to.", show_default=False),
]
Categories = Annotated[
    str | None, typer.Option(metavar="A,B", help="Only these (default: tile,leather,grid).")
]
Good = Annotated[int, typer.Option(metavar="N", help="Good training images of each.")]
Size = Annotated[int, typer.Option(metavar="PIXELS", help="Height and width.")]
DrawingSeed = Annotated[int, typer.Option(metavar="N", help="Of all that is drawn at random.")]
Difficulty = Annotated[
    float, typer.Option(metavar="SHARE", help="Of the defects: 0 obvious, 1 faint.")
]


def surfaces(
    directory: Directory,
    *,
    categories: Categories = None,
    good: Good = 200,
    size: Size = 512,
    seed: DrawingSeed = 0,
    difficulty: Difficulty = 0.5,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw surfaces with defects, laid out as in MVTec AD.

    To learn from them without writing any, give `surfaces` for DATA, or `surfaces/tile`.
    """
    from blemish.data.write_surfaces import write_surfaces
    from blemish.surfaces.drawing import SURFACES

    names = read_list(categories)
    folders = write_surfaces(
        directory,
        categories=tuple(SURFACES) if names is None else names,
        good=good,
        size_px=size,
        seed=seed,
        difficulty=difficulty,
        force=force,
        progress=TerminalProgress(),
    )
    written = {folder.name: str(folder) for folder in folders}
    if as_json:
        console.write_json(written)
    else:
        console.write_facts(written.items())
    console.next_steps(["check", folders[0]])
