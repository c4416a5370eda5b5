"""Data sets from elsewhere, on request: the only module of blemish that uses a network.

An archive is fetched to a hidden file beside its target and gone on with after an interruption,
checked, unpacked to a temporary folder, and renamed: a category is there as a whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.response import addinfourl

from blemish.errors import DataError, SettingError, UsageError, did_you_mean, told_at_once
from blemish.files import make_folder
from blemish.progress import LoggedProgress, Progress

BLOCK_BYTES = 1 << 20
TIMEOUT_SECONDS = 60
PLACE = "https://www.mydrive.ch/shares/"  # where MVTec's page of downloads leads
LICENCE = (
    "MVTec AD (Bergmann et al., CVPR 2019) is licensed under CC BY-NC-SA 4.0: not for commercial "
    "use, the authors are to be named, what is made of it is shared under the same terms. "
    "https://creativecommons.org/licenses/by-nc-sa/4.0/"
)


@dataclass(frozen=True)
class Archive:
    """An archive that holds one category.

    Attributes:
        category: its name, and that of the folder inside.
        url: where it is.
        sha256: what its bytes must hash to, hexadecimal; `None` where that is not known.
    """

    category: str
    url: str
    sha256: str | None = None


# Hashes are those that public code checks these archives by; the one of grid is in several.
MVTEC_AD = {
    archive.category: archive
    for archive in (
        Archive(
            "tile",
            f"{PLACE}150462/5479f0fdc97bc6fa16eab0cb0cf0109f/download/420938133-1629960456/tile.tar.xz",
            "392228153b96d0db9f179d3f7c2d63e131e907154883b57309fcbf798643173c",
        ),
        Archive(
            "leather",
            f"{PLACE}150458/923030ce14e10a7d147e95d0f8885f6b/download/420937607-1629959262/leather.tar.xz",
            "704ffa48b1dc2fc44824aa50442d9febc399dd92a5d6fd8156f8aa0373d15f24",
        ),
        Archive(
            "grid",
            f"{PLACE}150456/bb0b2e3dc804ccb8b4485e01f8e4493b/download/420937487-1629959044/grid.tar.xz",
            "d94a9a651cbfaee22c94d06cf8fa8204a590c872362de0489eb34f1645328de8",
        ),
    )
}


@dataclass(frozen=True)
class Fetched:
    """A category that is there now: its folder, its archive's hash, and whether that was known."""

    folder: Path
    sha256: str
    checked: bool


def choose_archives(
    categories: Sequence[str], *, url: str | None = None, sha256: Mapping[str, str] | None = None
) -> list[Archive]:
    """The archives of some categories of MVTec AD.

    Args:
        categories: their names.
        url: another place, with `{category}` in it for the name; then any category may be named.
        sha256: hashes by category, which win over those that are known.

    Raises:
        UsageError: nothing is named, or a hash is none or of no category that is.
        SettingError: a category is not known and no place is given.
    """
    given = dict(sha256 or {})
    wanted = list(dict.fromkeys(categories))
    problems = [f"'--sha256' names '{name}', which is not asked for." for name in given
                if name not in wanted]  # fmt: skip
    problems += [
        f"'{value}' is no SHA-256: 64 hexadecimal digits." for value in given.values()
        if len(value) != 64 or set(value.lower()) - set("0123456789abcdef")
    ]  # fmt: skip
    problems += [] if wanted else ["Name at least one category."]
    problems += [
        f"'{name}' is no name of a category." for name in wanted if Path(name).name != name
    ]
    told_at_once(problems, UsageError)
    unknown = [] if url else [name for name in wanted if name not in MVTEC_AD]
    told_at_once(
        [
            f"Where '{name}' is to be had is not known, only {', '.join(MVTEC_AD)}; give --url."
            f"{did_you_mean(name, MVTEC_AD)}"
            for name in unknown
        ],
        SettingError,
    )
    return [
        Archive(
            name,
            url.replace("{category}", name) if url else MVTEC_AD[name].url,
            given.get(name, "").lower() or (MVTEC_AD[name].sha256 if name in MVTEC_AD else None),
        )
        for name in wanted
    ]


def size_bytes(archive: Archive) -> int | None:
    """How large a server says an archive is; `None` where it does not say. Its body is not read.

    Raises:
        DataError: it cannot be reached.
    """
    with _opened(urllib.request.Request(archive.url), archive) as answer:
        length = answer.headers.get("Content-Length")
    return int(length) if length and length.isdigit() else None


def fetch(archive: Archive, directory: Path, *, progress: Progress | None = None) -> Fetched:
    """Fetch, check and unpack one archive to a folder of its category.

    Args:
        archive: which.
        directory: of all categories. What was fetched before an interruption lies there, hidden.
        progress: told of each megabyte.

    Raises:
        UsageError: the category is there already.
        DataError: the archive cannot be reached, has another hash, or holds what no data set does.
        BlemishError: the folder cannot be written.
    """
    target = directory / archive.category
    if target.exists() or target.is_symlink():
        raise UsageError(f"'{target}' exists; move it away to download it again.")
    make_folder(directory)
    # The place is in the name: what another place began is never gone on with.
    place = hashlib.sha256(archive.url.encode()).hexdigest()[:8]
    partial = directory / f".{archive.category}.{place}.part"
    try:
        _fetch(archive, partial, progress or LoggedProgress())
        found = _hash(partial)
        if archive.sha256 and found != archive.sha256:
            partial.unlink()
            raise DataError(
                f"The archive of '{archive.category}' is not the one that is known: SHA-256 "
                f"{found} in place of {archive.sha256}. It was thrown away. If you trust it, "
                f"say so: --sha256 {archive.category}={found}"
            )
        try:
            _unpack(partial, archive.category, target)
        finally:
            partial.unlink()  # whole but of no use, if it could not be unpacked
    except OSError as error:
        raise DataError(f"Cannot write to '{directory}': {error.strerror or error}.") from error
    return Fetched(target, found, archive.sha256 is not None)


def _fetch(archive: Archive, partial: Path, progress: Progress) -> None:
    """Bring the rest of an archive into a file."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(archive.url)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = _opened(request, archive)
    except _NothingLeftError:
        return
    with answer:
        goes_on = answer.status == 206 and _starts_at(answer.headers.get("Content-Range"), have)
        have = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        with partial.open("ab" if goes_on else "wb") as file:
            _copy(answer, file, archive, progress=progress, have=have, total=total)
    if total is not None and partial.stat().st_size != total:
        raise DataError(
            f"'{archive.url}' ended early; the same command goes on from where it stopped."
        )


def _copy(
    answer: IO[bytes],
    file: IO[bytes],
    archive: Archive,
    *,
    progress: Progress,
    have: int,
    total: int | None,
) -> None:
    megabytes = max(1, (total or have) // BLOCK_BYTES)
    with progress.stage(f"{archive.category}, MB", megabytes) as advance:
        advance(have // BLOCK_BYTES)
        while True:
            try:
                block = answer.read(BLOCK_BYTES)
            except (OSError, HTTPException) as error:
                raise DataError(
                    f"'{archive.url}' broke off ({error}); the same command goes on from there."
                ) from error
            if not block:
                return
            file.write(block)
            advance(len(block) // BLOCK_BYTES)


class _NothingLeftError(Exception):
    """There is nothing left to fetch."""


def _opened(request: urllib.request.Request, archive: Archive) -> addinfourl:
    request.add_header("User-Agent", "blemish")
    try:
        answer: addinfourl = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416 and request.has_header("Range"):
            raise _NothingLeftError from error
        raise DataError(f"'{archive.url}' cannot be had: {error.code} {error.reason}.") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"'{archive.url}' cannot be reached: {reason}.") from error
    return answer


def _starts_at(content_range: str | None, have: int) -> bool:
    """Whether what comes begins where a file ends: `bytes 100-199/200`."""
    return (content_range or "").startswith(f"bytes {have}-")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(path: Path, category: str, target: Path) -> None:
    """Unpack the category's folder beside the target, then rename it."""
    unfinished = target.with_name(f".{category}.unpacked")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with tarfile.open(path) as archive:
            members = [_plain(member, category) for member in archive]
            archive.extractall(unfinished, members, filter="data")
        if not (unfinished / category).is_dir():
            raise DataError(f"The archive holds no folder '{category}'.")
        for folder in (unfinished, *(p for p in unfinished.rglob("*") if p.is_dir())):
            folder.chmod(0o755)
        (unfinished / category).rename(target)
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"The archive of '{category}' cannot be unpacked: {error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _plain(member: tarfile.TarInfo, category: str) -> tarfile.TarInfo:
    """A member that is a folder or file inside of the category. Raises `DataError`."""
    parts = Path(member.name).parts
    inside = parts[:1] == (category,) or parts[:2] == (".", category)
    if not inside and parts and member.isfile():
        inside = len(parts) == 1  # licence and readme beside the folder
    if not (member.isdir() or member.isfile()) or not inside or ".." in parts:
        raise DataError(
            f"The archive of '{category}' holds '{member.name}', which is no file or folder of "
            "the category; nothing was unpacked."
        )
    # Read-only folders could not be filled; the archives' own have such modes.
    return member.replace(mode=0o755 if member.isdir() else 0o644, deep=False)
