"""Work for actors that ends them, to be sent by name."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from blemish.errors import DataError


def doing(folder):
    return partial(do, Path(folder))


def do(folder, piece):
    """Do a piece; the first try of `once`, and each of `always`, ends the process."""
    what = piece["do"]
    mark = folder / f"tried-{piece['name']}"
    if what == "always" or (what == "once" and not mark.exists()):
        mark.touch()
        os._exit(1)
    if what == "wrong":
        raise DataError("a sentence for users")
    if what == "fault":
        raise ZeroDivisionError("one of ours")
    return {"name": piece["name"], "cores": os.environ["BLEMISH_CORES"]}
