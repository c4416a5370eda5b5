"""Folders of unfinished work: each says in itself what it is of, and belongs to that alone.

A fit that takes long keeps what it has done in such a folder. Nobody goes on with, or takes away,
what another fit has done: not one of another detector, of other settings or of other images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from blemish.errors import BlemishError, UsageError
from blemish.files import held, looking_at, make_folder, take_away_temporaries, write_whole
from blemish.typed_json import read_json

CLAIM = "fit.json"
SUFFIX = ".safetensors"  # of all files that a detector keeps there
AGAIN = "without-suspicious"  # folder of what a second fit keeps
FORMAT = 1  # to be raised when a claim means something else
MOST_TOLD = 3


@contextmanager
def claimed(folder: Path, made_of: Mapping[str, Any]) -> Iterator[None]:
    """Keep a folder for one fit; what the same fit has left there before may be gone on with.

    Args:
        folder: made where there is none, and taken away again where nothing has been kept in it.
        made_of: plain JSON values: `detector`, `settings`, `sources`, `asked`, and `images`
            (hashes by their names).

    Raises:
        UsageError: what is there belongs to another fit (with the differences), or to nobody.
        BlemishError: another process is at work on it, or it cannot be written.
    """
    make_folder(folder)
    busy = f"Another fit is at work in '{folder}'; wait for it, or name another output."
    with held(folder, busy=busy):
        if not is_kept(folder):
            text = json.dumps({"format": FORMAT, **made_of}, indent=2, sort_keys=True)
            write_whole(folder / CLAIM, text + "\n")
        else:
            refuse_foreign(folder, made_of)
        try:
            yield
        finally:
            if not is_kept(folder):
                _take_away(folder)


def refuse_foreign(folder: Path, made_of: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a folder keeps what is not of this fit, with the differences."""
    if not is_kept(folder):
        return
    there = read_claim(folder)
    if differing := _differences(there, made_of):
        raise UsageError(
            f"'{folder}' holds an unfinished fit that is not this one: {'; '.join(differing)}. Go "
            "on with it by the command that began it, name another output, or delete the folder."
        )


def is_kept(folder: Path) -> bool:
    """Whether a folder holds anything worth keeping. Raises `BlemishError`."""
    with looking_at(folder):
        return folder.exists() and any(
            path.name != CLAIM and not path.name.startswith(f".{CLAIM}.")
            for path in folder.iterdir()
        )


def read_claim(folder: Path) -> dict[str, Any]:
    """What a folder says that it is of. Raises `UsageError` where it is no unfinished fit."""
    with suppress(OSError, ValueError, TypeError):
        claim = dict(read_json((folder / CLAIM).read_text()))
        if claim.get("format") == FORMAT:
            return claim
    raise UsageError(
        f"'{folder}' is no unfinished fit of this blemish (its {CLAIM} is missing, damaged or of "
        "another version); move it away, or name another output."
    )


def take_away(folder: Path) -> None:
    """Take away what a fit kept, once it is of no use; files of others stay, and so the folder."""
    with suppress(BlemishError, UsageError):  # another fit is at work on it already
        read_claim(folder)
        with held(folder, busy=""):
            _take_away(folder)


def _take_away(folder: Path) -> None:
    for part in (folder / AGAIN, folder):
        take_away_temporaries(part)
        with suppress(OSError):  # there is none, or it holds something of somebody else
            for path in part.glob(f"*{SUFFIX}"):
                path.unlink()
            (part / CLAIM).unlink(missing_ok=True)
            part.rmdir()


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """In what two fits differ, in words."""
    if there.get("detector") != here["detector"]:
        return [f"detector {there.get('detector')} there, {here['detector']} here"]
    told = []
    for group in ("settings", "request"):
        one, other = there.get(group, {}), here[group]
        told += [
            f"{name} {json.dumps(one.get(name))} there, {json.dumps(other.get(name))} here"
            for name in sorted(one.keys() | other.keys())
            if one.get(name) != other.get(name)
        ]
    one, other = there.get("sources", {}), here["sources"]
    changed = [n for n in sorted(one.keys() | other.keys()) if one.get(n) != other.get(n)]
    told += [f"{name}: another file" for name in changed]
    return told + _changed_images(there.get("images", {}), here["images"])


def _changed_images(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    groups = {
        "added": sorted(here.keys() - there.keys()),
        "gone": sorted(there.keys() - here.keys()),
        "changed": sorted(n for n in here.keys() & there.keys() if here[n] != there[n]),
    }
    return [
        f"{len(names):,} image{'s' * (len(names) != 1)} {what} ("
        + ", ".join(names[:MOST_TOLD])
        + (", ...)" if len(names) > MOST_TOLD else ")")
        for what, names in groups.items()
        if names
    ]
