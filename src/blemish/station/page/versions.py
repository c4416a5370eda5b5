"""Model files by name: the one that judges lies in `models/`, those before in `models/before/`.

A recipe names a file, `tile.onnx`; what takes its place takes its name. So a station that starts
again goes on with what it had, and what was taught is undone by putting a file back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from blemish.errors import UsageError
from blemish.files import write_whole

if TYPE_CHECKING:
    from blemish.serving.models import Models, Served

BEFORE = "before"
DIGITS = 16  # of a hash, in the name of a file


@dataclass(frozen=True)
class Version:
    """A model of a name.

    Attributes:
        sha256: of its file; of one before, at least its first digits.
        since: when it began to judge, or ceased to.
        judges: whether it does now.
    """

    sha256: str
    since: datetime
    judges: bool


class Versions:
    """The models of a station; any thread.

    Args:
        folder: of the files that recipes name.
        models: that judge.
    """

    def __init__(self, folder: Path, models: Models) -> None:
        self._folder, self._models = folder, models
        self._lock = Lock()

    def of(self, name: str) -> list[Version]:
        """All of a name, the one that judges first, then the newest. Raises `UnknownModelError`."""
        now = self._models.get(name)
        before = sorted(self._kept(name), key=lambda path: -path.stat().st_mtime_ns)
        return [
            Version(now.model.sha256, now.since, judges=True),
            *(
                Version(_digits(path, name), _changed(path), judges=False)
                for path in before
                if not now.model.sha256.startswith(_digits(path, name))
            ),
        ]

    def put(self, name: str, new: Path) -> tuple[str, str]:
        """Let a model file judge under a name that is there; gives the hashes before and after.

        Raises:
            ModelFileError: it is no sound model; the one before goes on judging.
        """
        with self._lock:
            return self._put(name, new.read_bytes())

    def roll_back(self, name: str, sha256: str) -> tuple[str, str]:
        """Let one of before judge again; gives the hashes before and after.

        Raises:
            UsageError: there is none whose hash begins so.
        """
        with self._lock:
            found = [p for p in self._kept(name) if sha256.startswith(_digits(p, name))]
            if not found:
                raise UsageError(f"No model of '{name}' before has the hash {sha256[:DIGITS]}.")
            return self._put(name, found[0].read_bytes())

    def _put(self, name: str, content: bytes) -> tuple[str, str]:
        old: Served = self._models.get(name)
        path = self._folder / f"{name}.onnx"
        before = old.model.to_bytes()
        kept = self._folder / BEFORE / f"{name}-{old.model.sha256[:DIGITS]}.onnx"
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, before)
        write_whole(path, content)
        try:
            new = self._models.reload(name, path)
        except BaseException:
            write_whole(path, before)
            raise
        return old.model.sha256, new.model.sha256

    def _kept(self, name: str) -> list[Path]:
        found = (self._folder / BEFORE).glob("*.onnx")
        return [path for path in found if _digits(path, name)]


def _digits(path: Path, name: str) -> str:
    """Of the hash, in the name of a file that was kept of a name; empty of other files."""
    rest = path.stem.removeprefix(f"{name}-")
    return rest if len(rest) == DIGITS and f"{name}-{rest}" == path.stem else ""


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
