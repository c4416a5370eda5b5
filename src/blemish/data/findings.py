"""What an audit sees of each image, and what it finds: the fault, its cost, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blemish.data.audited_masks import AuditedMasks
from blemish.data.sample import Sample
from blemish.wording import counted

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a data set.

    Attributes:
        severity: `error`, `warning` or `note`.
        code: short name that scripts can rely on.
        message: one sentence, with what the fault will cost.
        ids: the images or files concerned.
        groups: for duplicates, which of them belong together.
    """

    severity: Severity
    code: str
    message: str
    ids: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Audited:
    """What reading one sample showed.

    Attributes:
        sample: the image.
        trouble: why it cannot be read at all; nothing else is known then.
        pixels: hash of its pixels.
        size_hw: height and width in pixels.
        bit_depth: 8 or 16.
        hides_alpha: it has transparent pixels.
        values: how many different values it has; 0 where these are many.
        mask: what its masks say; `None` where there are none, or they cannot be used.
        mask_trouble: why they cannot be used.
        thumbnail: to compare it with others.
    """

    sample: Sample
    trouble: str = ""
    pixels: str = ""
    size_hw: tuple[int, int] = (0, 0)
    bit_depth: int = 0
    hides_alpha: bool = False
    values: int = 0
    mask: AuditedMasks | None = None
    mask_trouble: str = ""
    thumbnail: NDArray[np.float32] | None = None

    @property
    def has_mask(self) -> bool:
        """There is a mask, be it that it can be used or not."""
        return self.mask is not None or bool(self.mask_trouble)


def ids_of(audited: Iterable[Audited]) -> tuple[str, ...]:
    """The images that were looked at."""
    return tuple(one.sample.id for one in audited)


def how_many(items: Sequence[object], one: str, many: str) -> str:
    """How many items there are, and what: `1 image`, `2 images`."""
    return counted(len(items), one, many)


def reasons(troubles: Iterable[str]) -> str:
    """The first trouble in full, and how many more there are."""
    first, *more = troubles
    return f"{first}{f' (and {len(more)} more)' if more else ''}"
