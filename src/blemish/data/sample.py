"""One picture of a data set, and what it goes by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blemish.data.split import Split, key_of
from blemish.errors import ImageError
from blemish.images.header import DEFAULT_LIMITS, PictureFacts, ReadLimits, probe_picture
from blemish.images.read import Alpha, read_mask, read_picture

GOOD = "good"


@dataclass(frozen=True)
class Sample:
    """One picture of a data set.

    Attributes:
        id: path relative to the data set's root, with forward slashes: the same on every machine.
        path: the file.
        split: `train` or `test`.
        label: `good` or `defect`.
        defect_type: the kind of defect, `good` for a good picture.
        mask_path: the file that says which pixels are defective; `None` where there is none.
        group: pictures of a group (of one part, say) always stay on the same side of a split.
    """

    id: str
    path: Path
    split: Split
    label: Literal["good", "defect"]
    defect_type: str
    mask_path: Path | None = None
    group: str | None = None

    @cached_property
    def sha256(self) -> str:
        """Hash of the file's bytes, hexadecimal. Raises `ImageError` where it cannot be read."""
        return file_hash(self.path)

    @cached_property
    def mask_sha256(self) -> str | None:
        """Hash of the mask file's bytes, `None` where there is none."""
        return None if self.mask_path is None else file_hash(self.mask_path)

    @property
    def split_key(self) -> str:
        """What keeps pictures together when they are split: the group, else the content."""
        return key_of(self.group, self.sha256)

    def probe(self, *, limits: ReadLimits = DEFAULT_LIMITS) -> PictureFacts:
        """Size and depth, without decoding. Raises `ImageError`; see `probe_picture`."""
        return probe_picture(self.path, limits=limits)

    def read(self, *, limits: ReadLimits = DEFAULT_LIMITS, alpha: Alpha = "refuse") -> NDArray[Any]:
        """The picture, H x W x 3, uint8 or uint16. Raises `ImageError`; see `read_picture`."""
        return read_picture(self.path, limits=limits, alpha=alpha)

    def read_mask(
        self, size_hw: tuple[int, int], *, limits: ReadLimits = DEFAULT_LIMITS
    ) -> NDArray[np.bool_] | None:
        """The mask, H x W, True where defective: `None` for a defect of which no mask is known.

        Args:
            size_hw: height and width of the picture.
            limits: what the mask file may cost.

        Raises:
            ImageError: the mask cannot be read or is of another size.
        """
        if self.mask_path is not None:
            return read_mask(self.mask_path, size_hw=size_hw, limits=limits)
        return np.zeros(size_hw, dtype=np.bool_) if self.label == GOOD else None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises `ImageError` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}).") from error
