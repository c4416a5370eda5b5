"""Models by name, warm: each judges until another takes its place, at once and as a whole.

A model is swapped only for one that was read, checked against its own hash, tried on simple images
and run once: whatever goes wrong before leaves the old one where it is. What is being judged ends
on the model that it began with. The files of those before are kept in memory, whatever becomes of
them on the disk, so that a bad one is gone in a moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError, UsageError, did_you_mean
from blemish.images.header import DEFAULT_LIMITS, FileContent, ReadLimits
from blemish.memory import allowed_bytes
from blemish.model.file import read_file
from blemish.model.judging import JudgingMemory, judging_memory
from blemish.model.model import Model
from blemish.model.probing import probe
from blemish.result import Failure, Prediction
from blemish.serving.room import Room

if TYPE_CHECKING:
    from blemish.images.raw import RawFormat

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # safe in an address and as a file's name
NAMES = "letters, digits, '.', '_' and '-', at most 100"
KEPT = 3  # files of a name before the one that judges
VERSION_DIGITS = 12  # of a hash, as versions are told


class UnknownModelError(UsageError):
    """No model has that name, or its history has none of that hash."""


@dataclass(frozen=True, eq=False)
class Served:
    """A model in its place.

    Attributes:
        name: by which it is asked for.
        model: ready to judge.
        path: the file that it was read from.
        since: when it took its place; aware, UTC.
        memory: what its images take.
    """

    name: str
    model: Model
    path: Path
    since: datetime
    memory: JudgingMemory

    @property
    def version(self) -> str:
        """The first digits of its hash."""
        return self.model.sha256[:VERSION_DIGITS]


@dataclass(frozen=True, eq=False)
class Before:
    """A model that judged before.

    Attributes:
        sha256: of its file.
        path: that it was read from.
        content: of the file.
    """

    sha256: str
    path: Path
    content: bytes


@dataclass(frozen=True, eq=False)
class Judged:
    """What came of an image, and by what.

    Attributes:
        served: the model that judged.
        pixels: the image as it was read, H x W x 3.
        prediction: what the model says.
    """

    served: Served
    pixels: NDArray[Any]
    prediction: Prediction


class Models:
    """Several models by name; for any number of threads.

    Args:
        limits: what an image may cost.
        raw: how pixels lie in image files without a header.
        memory_bytes: what the process may take, with models and images that are judged at the same
            time; by default half of the machine's.

    Attributes:
        limits: what an image may cost.
        running: images that are being judged.
    """

    def __init__(
        self,
        *,
        limits: ReadLimits = DEFAULT_LIMITS,
        raw: RawFormat | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self.limits, self._raw = limits, raw
        self._served: dict[str, Served] = {}
        self._before: dict[str, list[Before]] = {}
        self._memory_bytes = memory_bytes or allowed_bytes() // 2
        self._room = Room(self._memory_bytes)
        self.running = 0
        self._lock = Lock()

    @classmethod
    def load(cls, paths: Mapping[str, Path], **settings: Any) -> Models:
        """Models by their names. Raises what `reload` does."""
        models = cls(**settings)
        for name, path in paths.items():
            models.reload(name, path)
        return models

    @property
    def names(self) -> list[str]:
        """Of all models, in the order in which they came."""
        with self._lock:
            return list(self._served)

    def get(self, name: str | None = None) -> Served:
        """The model that judges under a name; the only one where none is named.

        Raises:
            UnknownModelError: there is none, or several and none is named.
        """
        with self._lock:
            names = list(self._served)
            if name is None and len(names) == 1:
                name = names[0]
            if name in self._served:
                return self._served[name]
        known = ", ".join(names) or "none yet"
        if name is None:
            raise UnknownModelError(f"Say which model; there are {known}.")
        raise UnknownModelError(
            f"There is no model '{name[:100]}'; known: {known}.{did_you_mean(name[:100], names)}"
        )

    def before(self, name: str) -> list[Before]:
        """What judged under a name before, the latest last. Raises `UnknownModelError`."""
        self.get(name)
        with self._lock:
            return list(self._before[name])

    def reload(self, name: str, path: str | Path, *, sha256: str | None = None) -> Served:
        """Put the model of a file in the place of a name, which may be new.

        Args:
            name: letters, digits, dots, dashes and underscores.
            path: of the file.
            sha256: that its hash must begin with, where somebody wants to be sure.

        Raises:
            UsageError: the name is none, or the file's hash is another.
            ModelFileError: the file is no sound model; the one before goes on judging.
            SettingError: it takes more than all of the memory.
        """
        if not NAME.fullmatch(name):
            raise UsageError(f"A model's name has {NAMES}; got '{name}'.")
        model = self._read(read_file(Path(path)), Path(path))
        if not model.sha256.startswith(sha256 or ""):
            raise UsageError(f"'{path}' has the hash {model.sha256}, not {sha256}.")
        memory = self._memory(model)
        probe(model)
        return self._put(name, model, Path(path), memory)

    def roll_back(self, name: str, sha256: str | None = None) -> Served:
        """Put a model of before back in its place.

        Args:
            name: of the model.
            sha256: that its hash begins with; by default the one before.

        Raises:
            UnknownModelError: there is none, or several begin so.
        """
        before, now = self.before(name), self.get(name)
        latest = before[-1:]
        found = latest if sha256 is None else [b for b in before if b.sha256.startswith(sha256)]
        if len(found) != 1:
            known = ", ".join(one.sha256[:VERSION_DIGITS] for one in before) or "none"
            raise UnknownModelError(
                f"No one model of '{name}' before {now.version} is meant; there are {known}."
            )
        model = self._read(found[0].content, found[0].path)
        return self._put(name, model, found[0].path, self._memory(model))

    def drop(self, name: str) -> None:
        """Forget a model and those before it; what is being judged comes to its end."""
        with self._lock:
            self._served.pop(name, None)
            self._before.pop(name, None)

    def judge(
        self,
        name: str | None,
        content: bytes | NDArray[Any],
        *,
        file_name: str | None = None,
        outlines: bool = False,
        looks: bool = False,
    ) -> Judged:
        """Judge an image in the thread that calls: on all cores if it is alone, or on one.

        Args:
            name: of the model; the only one where none is named.
            content: of an image file; or its pixels, H x W (x 3), uint8 or uint16.
            file_name: what it is called.
            outlines: as `Model.predict` takes it.
            looks: as there.

        Raises:
            UnknownModelError: there is no such model.
            ImageError: the image cannot be read or judged.
        """
        return self.judge_by(
            self.get(name), content, file_name=file_name, outlines=outlines, looks=looks
        )

    def judge_by(
        self,
        served: Served,
        content: bytes | NDArray[Any],
        *,
        file_name: str | None = None,
        outlines: bool = False,
        looks: bool = False,
    ) -> Judged:
        """The same by a model that `get` gave, even if another has taken its place meanwhile."""
        called = file_name or FileContent.name
        given = FileContent(content, called) if isinstance(content, bytes) else content
        needed = served.memory.weigh_image(given, served.model.reader)
        with self._room.taken(needed), self._counted() as alone:
            pixels = served.model.read(given)
            judge = served.model.predict if alone else served.model.predict_here
            found: Prediction | Failure = judge(pixels, outlines=outlines, looks=looks)
        if isinstance(found, Failure):
            raise ImageError(found.error)
        return Judged(served, pixels, replace(found, path=file_name))

    @contextmanager
    def _counted(self) -> Iterator[bool]:
        """Whether nothing else is being judged, while this is."""
        with self._lock:
            self.running += 1
            alone = self.running == 1
        try:
            yield alone
        finally:
            with self._lock:
                self.running -= 1

    def _read(self, content: bytes, path: Path) -> Model:
        return Model(content, name=str(path), limits=self.limits, raw=self._raw)

    def _memory(self, model: Model) -> JudgingMemory:
        working, aligned = model.facts.input.working, model.alignment is not None
        return judging_memory(working, model.size_bytes, self._memory_bytes, aligned=aligned)

    def _put(self, name: str, model: Model, path: Path, memory: JudgingMemory) -> Served:
        """Swap in a model, once it is warm. The one before is freed when nobody holds it."""
        _warm(model)
        served = Served(name, model, path, datetime.now(UTC), memory)
        with self._lock:
            was = self._served.get(name)
            before = [one for one in self._before.get(name, []) if one.sha256 != model.sha256]
            if was is not None and was.model.sha256 != model.sha256:
                before.append(Before(was.model.sha256, was.path, was.model.to_bytes()))
            self._served[name], self._before[name] = served, before[-KEPT:]
            fixed = sum(
                one.memory.allowed_bytes - one.memory.room_bytes for one in self._served.values()
            )
            self._room.most_bytes = max(0, self._memory_bytes - fixed)
        return served


def names_of(words: Iterable[str]) -> dict[str, Path]:
    """Models by name: of `NAME=FILE`, or of `FILE` its name without `.onnx`.

    Raises:
        UsageError: two have one name.
    """
    found: dict[str, Path] = {}
    for word in words:
        name, equals, file = word.partition("=")
        if not equals or Path(word).exists():
            name, file = Path(word).name.removesuffix(".onnx"), word
        if name in found:
            raise UsageError(
                f"'{found[name]}' and '{file}' would both be '{name}'; say NAME=FILE for one."
            )
        if not NAME.fullmatch(name):
            raise UsageError(f"'{name}' cannot be a model's name ({NAMES}); say NAME=FILE.")
        found[name] = Path(file)
    return found


def _warm(model: Model) -> None:
    """Run it once both ways, so that the first part is not slow."""
    one_size = model.alignment or model.zones
    size_hw = model.facts.input.working.size_hw if one_size is None else one_size.size_hw
    image = np.zeros((*size_hw, 3), model.image_format.dtype)
    model.warm_up(size_hw)
    model.predict_here(image)
