"""What a format of the export is: where its images go, what is written of each, and at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.data.split import Split
from blemish.data.words import DEFECT
from blemish.names import shown
from blemish.result import GOOD

SPLIT_FOLDERS: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Placed:
    """A sample and where its image lies in the export.

    Attributes:
        sample: of the data set.
        name: path of the image, with forward slashes.
        kind: its type as a name of a folder.
    """

    sample: Sample
    name: str
    kind: str

    @property
    def label(self) -> str:
        """Its type as text that any file takes."""
        return shown(self.sample.defect_type)


@dataclass(frozen=True)
class Read:
    """What is known of the pixels of a sample: `mask` is H x W, `None` where it is not known."""

    size_hw: tuple[int, int]
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: as users type it.
        folder: where the image of a sample goes, given the name of its type.
        write: writes the files of one image; in threads. What it gives, `finish` gets.
        finish: writes the files of all images.
        keeps_types: whether it keeps the type of a defect on which nothing is marked.
        types_are_folders: whether the type of a defect is the name of its folder, and not a label.
    """

    name: str
    folder: Callable[[Sample, str], str]
    write: Callable[[Path, Placed, Read], Any]
    finish: Callable[[Path, str, Sequence[Placed], Sequence[Any]], None]
    keeps_types: bool = False
    types_are_folders: bool = False


def types_of(placed: Sequence[Placed]) -> list[str]:
    """The types of defects, sorted; `defect` where there is none, since tools want a label."""
    found = {one.label for one in placed if one.sample.label != GOOD}
    return sorted(found) or [DEFECT]
