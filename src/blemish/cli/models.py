"""Model files as commands take them, and what they say of one that they make of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.cli import console
from blemish.cli.options import raw_arguments, read_limits, read_raw
from blemish.wording import bytes_text

if TYPE_CHECKING:
    from blemish.images.header import FilePage
    from blemish.images.raw import RawFormat
    from blemish.model.model import Model


@dataclass(frozen=True)
class ModelChoice:
    """A model file and how it reads and judges: what several commands are told in one way."""

    path: Path
    provider: str
    max_pixels: int | None
    raw: RawFormat | None

    @classmethod
    def read(
        cls, path: Path, provider: str, max_pixels: int | None, raw: str | None
    ) -> ModelChoice:
        """What was typed. Raises `UsageError`."""
        return cls(path, provider, max_pixels, read_raw(raw))

    def load(self) -> Model:
        """The model. Raises `ModelFileError`, `UsageError`."""
        import blemish
        from blemish.graph.engine import Engine

        engine, limits = Engine.named(self.provider), read_limits(self.max_pixels)
        return blemish.load(self.path, engine=engine, limits=limits, raw=self.raw)

    def images(self, named: Sequence[Path] | None) -> list[Path | FilePage]:
        """Images, and those in folders. Raises `DataError`, `UsageError`."""
        from blemish.predictions.images_named import find_images

        with self.raw_counting():
            return [image.source for image in find_images(named).found] if named else []

    @contextmanager
    def raw_counting(self) -> Iterator[None]:
        """Raw files count as images within the block, where it was said how to read them."""
        from blemish.images.suffixes import raw_counting

        with raw_counting(self.raw is not None):
            yield

    @property
    def raw_arguments(self) -> list[str | Path]:
        """What to type to have raw files read in the same way."""
        return raw_arguments(self.raw)


def tell_made(
    model: Model,
    path: Path | None,
    *,
    as_json: bool,
    result: dict[str, Any],
    facts: Iterable[tuple[str, str | None]],
    table: Iterable[tuple[str, ...]] | None = None,
) -> None:
    """Print what a command made of a model.

    Args:
        model: the new one.
        path: of its file; `None` where it was not written.
        as_json: print the result, otherwise facts and table.
        result: plain JSON values, after path and hash.
        facts: names and values, after these.
        table: rows of it, headed.
    """
    written = path is not None
    sha256 = model.sha256 if written else None
    if as_json:
        console.write_json({"path": str(path) if written else None, "sha256": sha256} | result)
        return
    size = bytes_text(model.size_bytes)
    name = f"{path}, {size}" if written else "not written (-o NEW.onnx writes it)"
    console.write_facts([("model", name), ("sha256", sha256), *facts])
    if table is not None:
        console.write("\n" + console.columns(table))
