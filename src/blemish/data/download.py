"""Data sets from elsewhere, on request: the only module of blemish that uses a network.

An archive is fetched to a hidden folder beside its target and gone on with after an interruption,
if it is still the same there, checked, unpacked, and renamed: a category is there as a whole or not
at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.response import addinfourl

from blemish.data.unpacking import unpack
from blemish.errors import DataError, SettingError, UsageError, did_you_mean, raise_all
from blemish.files import held, make_folder, sync_folder, write_whole
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
    problems = [f"A hash is given for '{name}', which is not asked for." for name in given
                if name not in wanted]  # fmt: skip
    problems += [
        f"'{value}' is no SHA-256: 64 hexadecimal digits." for value in given.values()
        if len(value) != 64 or set(value.lower()) - set("0123456789abcdef")
    ]  # fmt: skip
    problems += [] if wanted else ["Name at least one category."]
    problems += [
        f"'{name}' is no name of a category." for name in wanted if Path(name).name != name
    ]
    raise_all(problems, UsageError)
    unknown = [] if url else [name for name in wanted if name not in MVTEC_AD]
    raise_all(
        [
            f"Where '{name}' is to be had is not known, only {', '.join(MVTEC_AD)}; give url=URL."
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
    # The place is in the name: what another place began is never gone on with.
    place = hashlib.sha256(archive.url.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    work = directory / f".{archive.category}.{place}.download"
    make_folder(work)
    busy = f"'{archive.category}' is being downloaded to '{directory}' already; wait for it."
    try:
        with held(work, busy=busy):
            found = _fetch_and_unpack(archive, _Work(work), target, progress or LoggedProgress())
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DataError(f"Cannot write to '{directory}': {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            work.rmdir()  # nothing came
    return Fetched(target, found, archive.sha256 is not None)


@dataclass(frozen=True)
class _Work:
    """The hidden folder of a download on its way."""

    folder: Path

    @property
    def partial(self) -> Path:
        """The archive, as far as it has come."""
        return self.folder / "archive"

    @property
    def version(self) -> Path:
        """Which version of the archive that is: `_version_of` it, as JSON."""
        return self.folder / "version.json"

    @property
    def have_bytes(self) -> int:
        """How much of the archive is there."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    def known_version(self) -> dict[str, Any]:
        """The version that is there in part; empty where that is not known."""
        try:
            return dict(json.loads(self.version.read_bytes()))
        except (OSError, ValueError, TypeError):
            return {}

    def forget(self) -> None:
        """Throw away what is there."""
        self.partial.unlink(missing_ok=True)
        self.version.unlink(missing_ok=True)


def _fetch_and_unpack(archive: Archive, work: _Work, target: Path, progress: Progress) -> str:
    """Bring a category to its place; the hash of its archive."""
    if not archive.sha256 and not work.known_version().get("validator"):
        work.forget()  # nobody could tell whether the rest is of the same version
    _fetch(archive, work, progress)
    found = _hash(work.partial)
    if archive.sha256 and found != archive.sha256:
        shutil.rmtree(work.folder, ignore_errors=True)
        raise DataError(
            f"The archive of '{archive.category}' is not the one that is known: SHA-256 "
            f"{found} in place of {archive.sha256}. It was thrown away. If you trust it, "
            f"say so: sha256={archive.category}={found}"
        )
    unpacked = work.folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpack(work.partial, archive.category, unpacked)
    except DataError:
        shutil.rmtree(work.folder, ignore_errors=True)  # whole, but of no use
        raise
    except BaseException:
        shutil.rmtree(unpacked, ignore_errors=True)  # the archive may be unpacked another time
        raise
    if hasattr(os, "sync"):
        os.sync()  # the files before the name
    (unpacked / archive.category).rename(target)
    sync_folder(target.parent)
    return found


def _fetch(archive: Archive, work: _Work, progress: Progress) -> None:
    """Bring the rest of an archive into a file; all of it where another version is there by now."""
    if work.have_bytes and work.have_bytes == work.known_version().get("bytes"):
        return
    try:
        answer = _answer(archive, work)
    except _NothingLeftError:
        return
    with answer:
        total = work.known_version().get("bytes")
        with work.partial.open("ab") as file:
            _copy(answer, file, archive, progress=progress, have=work.have_bytes, total=total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and work.have_bytes != total:
        raise DataError(
            f"'{archive.url}' ended early; the same command goes on from where it stopped."
        )


def _answer(archive: Archive, work: _Work) -> addinfourl:
    """Ask for the rest of an archive; what comes belongs behind what is there then.

    Raises:
        _NothingLeftError: it is all there, as far as the server tells; its hash will show.
        DataError: it cannot be had.
    """
    while have := work.have_bytes:
        known = work.known_version()
        request = urllib.request.Request(archive.url, headers={"Range": f"bytes={have}-"})
        if known.get("validator"):
            request.add_header("If-Range", known["validator"])
        try:
            answer = _opened(request, archive)
        except _NothingLeftError:
            if archive.sha256:
                raise
            work.forget()
            continue
        if answer.status == 206:
            starts = _starts_at(answer.headers.get("Content-Range"), have)
            if starts and _may_be_same(known, _version_of(answer)):
                return answer
            answer.close()
            work.forget()
            continue
        work.forget()
        write_whole(work.version, json.dumps(_version_of(answer)))
        return answer
    answer = _opened(urllib.request.Request(archive.url), archive)
    write_whole(work.version, json.dumps(_version_of(answer)))
    return answer


def _version_of(answer: addinfourl) -> dict[str, Any]:
    """What tells a version of an archive: a strong ETag or else its date, and its whole size."""
    headers = answer.headers
    etag, changed = headers.get("ETag"), headers.get("Last-Modified")
    length, content_range = headers.get("Content-Length"), headers.get("Content-Range")
    size = (content_range or "").rpartition("/")[2] if answer.status == 206 else length
    return {
        "validator": etag if etag and not etag.startswith("W/") else changed,
        "bytes": int(size) if size and size.isascii() and size.isdigit() else None,
    }


def _may_be_same(known: dict[str, Any], version: dict[str, Any]) -> bool:
    """Whether nothing that is known of two versions differs: some servers ignore `If-Range`."""
    pairs = [(known.get(name), version[name]) for name in version]
    return all(one == other for one, other in pairs if one is not None and other is not None)


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
