"""Drawn surfaces as folders, in the layout of MVTec AD."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import BlemishError, SettingError, UsageError, raise_all
from blemish.files import temporary_beside
from blemish.parallel import read_ahead
from blemish.progress import LoggedProgress, Progress
from blemish.result import GOOD
from blemish.surfaces.drawing import (
    DEFECTS_A_TYPE,
    DIFFICULTY,
    SIZE_PX,
    SURFACES,
    TEST_GOOD,
    TRAIN_GOOD,
    VERSION,
    Drawing,
    drawings,
)

FACTS_FILE = ".surface.json"  # hidden: it is no part of the data set


def write_surfaces(
    folder: str | Path,
    *,
    categories: Sequence[str] = tuple(SURFACES),
    good: int = TRAIN_GOOD,
    test_good: int = TEST_GOOD,
    defects_a_type: int = DEFECTS_A_TYPE,
    size_px: int = SIZE_PX,
    seed: int = 0,
    difficulty: float = DIFFICULTY,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write drawn categories in the layout of MVTec AD, each whole or not at all.

    Args:
        folder: to write to; each category becomes a folder in it.
        categories: names in `SURFACES`.
        good: training images of each category.
        test_good: good test images.
        defects_a_type: test images of each defect type.
        size_px: height and width.
        seed: of all images.
        difficulty: of the defects, 0 (obvious) to 1 (faint).
        force: replace categories that were written by this function; nothing else is ever replaced.
        progress: told of each image.

    Returns:
        The folders of the categories.

    Raises:
        SettingError: an argument is not allowed.
        UsageError: a folder of that name is there already.
        BlemishError: a file cannot be written.
    """
    settings: dict[str, Any] = {
        "good": good, "test_good": test_good, "defects_a_type": defects_a_type,
        "size_px": size_px, "seed": seed, "difficulty": difficulty,
    }  # fmt: skip
    wanted = dict.fromkeys(categories)
    if not wanted:
        raise SettingError(f"'categories' must name one at least: {', '.join(SURFACES)}.")
    every = {name: drawings(name, **settings) for name in wanted}
    targets = {name: Path(folder) / name for name in wanted}
    problems = [text for path in targets.values() if (text := _in_the_way(path, force=force))]
    raise_all(problems, UsageError)
    for name, target in targets.items():
        facts = {"drawn": "blemish surfaces", "version": VERSION, "category": name, **settings}
        try:
            _write_category(target, every[name], facts, progress or LoggedProgress())
        except OSError as error:
            raise BlemishError(f"Cannot write '{target}': {error.strerror or error}.") from error
    return list(targets.values())


def _write_category(
    target: Path, every: Sequence[Drawing], facts: dict[str, Any], progress: Progress
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = temporary_beside(target)
    try:
        for part in {Path(name).parent for d in every for name in _files(d)}:
            (unfinished / part).mkdir(parents=True)
        (unfinished / FACTS_FILE).write_text(json.dumps(facts, indent=2) + "\n")
        with progress.stage(f"drawing {target.name}", len(every)) as advance:
            for _, result in read_ahead(every, partial(_write_drawing, unfinished)):
                if isinstance(result, Exception):
                    raise result
                advance(1)
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_drawing(folder: Path, drawing: Drawing) -> None:
    for name, pixels in zip(_files(drawing), drawing.draw(), strict=False):
        (folder / name).write_bytes(_png(pixels))


def _files(drawing: Drawing) -> list[str]:
    """Of the image and, where there is a defect, of its mask."""
    return [drawing.id] if drawing.kind == GOOD else [drawing.id, drawing.mask_id]


def _png(pixels: NDArray[Any]) -> bytes:
    from PIL import Image

    values = pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == np.bool_ else pixels
    stream = BytesIO()
    Image.fromarray(values).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _in_the_way(path: Path, *, force: bool) -> str | None:
    """Why a category cannot be written there, or `None`."""
    if not path.exists():
        return None
    if not (path / FACTS_FILE).is_file():
        return f"'{path}' exists and was not drawn by blemish; name another folder."
    return (
        None if force else f"'{path}' exists; name another folder, or replace it with force=True."
    )
