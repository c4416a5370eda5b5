"""Models by name, warm: each judges until another takes its place, at once and as a whole.

A model is swapped only for one that was read, checked against its own hash, tried on simple images
and run once: whatever goes wrong before leaves the old one where it is. What is being judged ends
on the model that it began with. Those before are kept, so that a bad one is gone in a moment.
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
from blemish.model.model import Model, load
from blemish.model.probing import probe
from blemish.result import Failure, Prediction

if TYPE_CHECKING:
    from blemish.images.raw import RawFormat

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # safe in an address and as a file's name
KEPT = 3  # models of a name before the one that judges
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
    """

    name: str
    model: Model
    path: Path
    since: datetime

    @property
    def version(self) -> str:
        """The first digits of its hash."""
        return self.model.sha256[:VERSION_DIGITS]


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

    Attributes:
        limits: what an image may cost.
    """

    def __init__(
        self, *, limits: ReadLimits = DEFAULT_LIMITS, raw: RawFormat | None = None
    ) -> None:
        self.limits, self._raw = limits, raw
        self._lines: dict[str, list[Served]] = {}  # of each name the one that judges, last
        self._running = 0
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
            return list(self._lines)

    def get(self, name: str | None = None) -> Served:
        """The model that judges under a name; the only one where none is named.

        Raises:
            UnknownModelError: there is none, or several and none is named.
        """
        with self._lock:
            names = list(self._lines)
            if name is None and len(names) == 1:
                name = names[0]
            if name in self._lines:
                return self._lines[name][-1]
        known = ", ".join(names) or "none yet"
        if name is None:
            raise UnknownModelError(f"Say which model; there are {known}.")
        raise UnknownModelError(
            f"There is no model '{name[:100]}'; known: {known}.{did_you_mean(name[:100], names)}"
        )

    def history(self, name: str) -> list[Served]:
        """The models of a name, the one that judges last."""
        self.get(name)
        with self._lock:
            return list(self._lines[name])

    def reload(self, name: str, path: str | Path, *, sha256: str | None = None) -> Served:
        """Put the model of a file in the place of a name, which may be new.

        Args:
            name: letters, digits, dots, dashes and underscores.
            path: of the file.
            sha256: that its hash must begin with, where somebody wants to be sure.

        Raises:
            UsageError: the name is none, or the file's hash is another.
            ModelFileError: the file is no sound model; the one before goes on judging.
        """
        if not NAME.fullmatch(name):
            raise UsageError(
                f"A model's name has letters, digits, '.', '_' and '-', at most 100; got '{name}'."
            )
        model = load(path, limits=self.limits, raw=self._raw)
        if sha256 is not None and not model.sha256.startswith(sha256):
            raise UsageError(f"'{path}' has the hash {model.sha256}, not {sha256}.")
        _warm(model)
        return self._put(Served(name, model, Path(path), datetime.now(UTC)))

    def roll_back(self, name: str, sha256: str | None = None) -> Served:
        """Put a model of before back in its place, at once.

        Args:
            name: of the model.
            sha256: that its hash begins with; by default the one before.

        Raises:
            UnknownModelError: there is none, or several begin so.
        """
        *before, now = self.history(name)
        if sha256 is None:
            found = before[-1:]
        else:
            found = [one for one in before if one.model.sha256.startswith(sha256)]
        if len(found) != 1:
            known = ", ".join(one.version for one in before) or "none"
            raise UnknownModelError(
                f"No one model of '{name}' before {now.version} is meant; there are {known}."
            )
        return self._put(replace(found[0], since=datetime.now(UTC)))

    def drop(self, name: str) -> None:
        """Forget a model and those before it; what is being judged comes to its end."""
        with self._lock:
            self._lines.pop(name, None)

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
        served = self.get(name)
        model = served.model
        with self._counted() as alone:
            called = file_name or FileContent.name
            given = FileContent(content, called) if isinstance(content, bytes) else content
            pixels = model.read(given)
            if alone:
                found: Prediction | Failure = model.predict(pixels, outlines=outlines, looks=looks)
            else:
                found = model.predict_here(pixels, outlines=outlines, looks=looks)
        if isinstance(found, Failure):
            raise ImageError(found.error)
        return Judged(served, pixels, replace(found, path=file_name))

    @contextmanager
    def _counted(self) -> Iterator[bool]:
        """Whether nothing else is being judged, while this is."""
        with self._lock:
            self._running += 1
            alone = self._running == 1
        try:
            yield alone
        finally:
            with self._lock:
                self._running -= 1

    def _put(self, served: Served) -> Served:
        """Those that nobody holds any more, and nothing runs on, are freed by themselves."""
        with self._lock:
            line = self._lines.setdefault(served.name, [])
            others = [one for one in line if one.model.sha256 != served.model.sha256]
            self._lines[served.name] = [*others[-KEPT:], served]
        return served


def names_of(paths: Iterable[Path]) -> dict[str, Path]:
    """Models by the names of their files, without `.onnx`.

    Raises:
        UsageError: two have one name.
    """
    found: dict[str, Path] = {}
    for path in paths:
        name = path.name.removesuffix(".onnx")
        if name in found:
            raise UsageError(
                f"'{found[name]}' and '{path}' would both be '{name}'; say NAME=FILE for one."
            )
        found[name] = path
    return found


def _warm(model: Model) -> None:
    """Try it on simple images, and run it once both ways, so that the first part is not slow."""
    probe(model)
    one_size = model.alignment or model.zones
    size_hw = model.facts.input.working.size_hw if one_size is None else one_size.size_hw
    image = np.zeros((*size_hw, 3), model.image_format.dtype)
    model.warm_up(size_hw)
    model.predict_here(image)
