"""A first site file, which works at once: a folder that images come to, and a page."""

from __future__ import annotations

from pathlib import Path

from blemish.errors import UsageError
from blemish.files import make_folder, refuse_existing, write_whole
from blemish.station.site import NAME

SITE = """\
# What this station is made of. After a change: `blemish station {path} --check`

[station]
name = "{name}"

[page]                    # in a browser: http://127.0.0.1:8420
host = "127.0.0.1"        # for others to reach it, tokens are needed; see the security page
port = 8420

[[camera]]                # images come to this folder; once judged they move to inbox/judged
name = "camera"
kind = "folder"
folder = "inbox"

[[output]]                # what is not good is kept as a picture, ten gigabytes at most
name = "pictures"
kind = "files"
of = "rejects"
most_bytes = 10_000_000_000
"""
RECIPE = """\
# How one kind of part is inspected. The file's name is the recipe's.

model = "{name}.onnx"     # in the folder models
"""


def new_site(folder: Path, model: Path | None = None) -> Path:
    """Write a site, a recipe and a place for images into a folder that is made.

    Args:
        folder: of the site.
        model: file that is to judge; it is copied. Without, the page leads to a first one.

    Returns:
        The site file.

    Raises:
        UsageError: there is a site already, or the model's name makes no recipe.
        BlemishError: it cannot be written.
    """
    path = folder / "line.toml"
    refuse_existing(path, force=False)
    name = "part" if model is None else model.name.removesuffix(".onnx")
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"'{name}' is no name of a recipe: letters, digits, - and _; rename the model."
        )
    for place in ("inbox", "models", "recipes"):
        make_folder(folder / place)
    if model is not None:
        write_whole(folder / "models" / f"{name}.onnx", _read(model))
    write_whole(folder / "recipes" / f"{name}.toml", RECIPE.format(name=name))
    title = folder.absolute().name.replace("\\", "").replace('"', "")
    write_whole(path, SITE.format(path=path.name, name=title))
    return path


def _read(model: Path) -> bytes:
    """A model file that is sound as far as its hash tells."""
    from blemish.model.file import read_file, verify

    content = read_file(model)
    verify(content, str(model))
    return content
