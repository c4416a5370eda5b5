"""One image of a data set, and what it goes by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from blemish.data.masks import Mask, MaskFile, digest_of
from blemish.data.split import Split
from blemish.errors import ImageError
from blemish.images.header import (
    READER,
    WHEN_QUIET,
    Alpha,
    FileContent,
    FilePage,
    ImageFacts,
    Reader,
    ReadLimits,
    probe_image,
    read_content,
)
from blemish.images.masks import DecodedMask, Saturating, decode_mask
from blemish.images.read import read_image
from blemish.result import GOOD


@dataclass(frozen=True, slots=True)
class Content:
    """What a decoded image holds.

    Attributes:
        pixels: hash of the pixels, with their type and the image's size, hexadecimal: the same for
            copies whose files differ, in metadata, compression or format.
        brightest: the highest value of any channel.
    """

    pixels: str
    brightest: int


def content_of(image: NDArray[Any]) -> Content:
    """What a decoded image, H x W x 3, uint8 or uint16, holds."""
    digest = hashlib.sha256(f"{image.dtype.name} {image.shape} ".encode())
    digest.update(np.ascontiguousarray(image).data)
    return Content(digest.hexdigest(), int(image.max()))


@dataclass(frozen=True)
class Sample:
    """One image of a data set.

    Its files are expected to stay as they are: once their hash is known, be it that it was asked
    for or that they were read, other bytes are refused. So a hash that is written down is always
    that of the bytes which were decoded.

    Attributes:
        id: path relative to the data set's root, with forward slashes: the same on every machine.
        path: the file.
        split: `train`, `validation` or `test`.
        label: `good` or `defect`.
        defect_type: the kind of defect, `good` for a good image.
        masks: what says which pixels are defective; none, where nothing does.
        group: images of a group (of one part, say) always stay on the same side of a split.
        metadata: what else a manifest tells of the image, by column.
        page: which image of the file, where it is a TIFF of several, counted from 0; `None` where
            it holds a single one.
    """

    id: str
    path: Path
    split: Split
    label: Literal["good", "defect"]
    defect_type: str
    masks: tuple[Mask, ...] = ()
    group: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    page: int | None = None

    # What is known of the files; a sample replaced by one in another split goes on knowing it.
    _hashes: dict[Path, str] = field(default_factory=dict, repr=False, compare=False, kw_only=True)
    _contents: dict[Alpha, Content] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )

    @property
    def source(self) -> Path | FilePage:
        """The file, or the page of it."""
        return self.path if self.page is None else FilePage(self.path, self.page)

    @property
    def sha256(self) -> str:
        """Hash of the file's bytes, and of the page's number where it has several; hexadecimal.

        Raises:
            ImageError: it cannot be read.
        """
        return paged_hash(self._hash_of(self.path), self.page)

    @property
    def mask_sha256(self) -> str | None:
        """Hash of what its masks say, of a single file that of its bytes; `None` without any."""
        if not self.masks:
            return None
        hashes = [
            paged_hash(self._hash_of(mask.path), mask.page)
            if isinstance(mask, MaskFile)
            else mask.sha256
            for mask in self.masks
        ]
        return digest_of(self.masks, hashes)

    def probe(self, reader: Reader = READER) -> ImageFacts:
        """Size and depth, without decoding. Raises `ImageError`; see `probe_image`."""
        return probe_image(self.source, reader)

    def read(self, reader: Reader = READER) -> NDArray[Any]:
        """The image, H x W x 3, uint8 or uint16.

        Raises:
            ImageError: it cannot be read (see `read_image`), or was changed since its hash was
                taken.
        """
        return read_image(self._bytes_of(self.path, reader.limits, self.page), reader)

    def content(self, image: NDArray[Any] | None = None, *, reader: Reader = READER) -> Content:
        """What the decoded image holds, found out once for each way to treat transparency.

        Args:
            image: what `read` gave, where the image has just been read.
            reader: how it is read.

        Raises:
            ImageError: it cannot be read.
        """
        known = self._contents.get(reader.alpha)
        if known is None:
            image = self.read(reader) if image is None else image
            known = self._contents.setdefault(reader.alpha, content_of(image))
        return known

    def is_known(self, reader: Reader = READER) -> bool:
        """Whether it is known what the image holds, without reading it."""
        return reader.alpha in self._contents

    def learn(self, other: Sample) -> None:
        """Know of the files what the same sample knows that was looked at elsewhere.

        Raises:
            ImageError: it saw other bytes.
        """
        for path, found in other._hashes.items():
            self._check(path, found)
        for alpha, content in other._contents.items():
            self._contents.setdefault(alpha, content)

    def read_mask(
        self, size_hw: tuple[int, int], reader: Reader = READER
    ) -> NDArray[np.bool_] | None:
        """The mask, H x W, True where defective: `None` for a defect of which no mask is known.

        Args:
            size_hw: height and width of the image.
            reader: what the mask file may cost.

        Raises:
            ImageError: the mask cannot be read, is of another size, was changed since its hash was
                taken, or marks pixels of a good image.
        """
        if not self.masks:
            return np.zeros(size_hw, dtype=np.bool_) if self.label == GOOD else None
        parts = [decoded.marked for decoded in self.decode_masks(size_hw, reader)]
        mask: NDArray[np.bool_] = np.logical_or.reduce(parts)
        if self.label == GOOD and mask.any():
            raise ImageError(
                f"{self.path} is a good image, but its mask marks {mask.sum():,} pixels; move it "
                "to its type of defect, or remove the mask."
            )
        return mask

    def decode_masks(
        self, size_hw: tuple[int, int], reader: Reader = READER
    ) -> Iterator[DecodedMask]:
        """What each of its masks says by itself; shapes are drawn. Raises as `read_mask` does."""
        for mask in self.masks:
            if isinstance(mask, MaskFile):
                content = self._bytes_of(mask.path, reader.limits, mask.page)
                yield decode_mask(content, size_hw=size_hw, reader=reader)
            else:
                yield DecodedMask(mask.draw(size_hw), varied=False)

    def saturating(self, size_hw: tuple[int, int], reader: Reader = READER) -> list[Saturating]:
        """The regions of its masks with how much of each is enough; none where nothing says it.

        Raises:
            ImageError: as `read_mask`, or nothing is said of a value of a mask.
        """
        if not any(isinstance(mask, MaskFile) and mask.saturation for mask in self.masks):
            return []
        found = []
        for mask, decoded in zip(self.masks, self.decode_masks(size_hw, reader), strict=True):
            known = mask.saturation if isinstance(mask, MaskFile) else ()
            table = {value: (enough, of_region) for value, enough, of_region in known}
            for value in np.unique(decoded.values[decoded.marked]).tolist() if table else ():
                if value not in table:
                    raise ImageError(
                        f"{mask.path}: nothing says how much of a region of value {value} is "
                        f"enough (defects_config.json has {', '.join(map(str, sorted(table)))})."
                    )
                region = decoded.values == value
                enough, of_region = table[value]
                found.append(Saturating(region, enough * (region.sum() if of_region else 1)))
        return found

    def _hash_of(self, path: Path) -> str:
        known = self._hashes.get(path)
        return self._hashes.setdefault(path, file_hash(path)) if known is None else known

    def _bytes_of(self, path: Path, limits: ReadLimits, page: int | None) -> FileContent:
        """The bytes of a file, which must be those that its hash is known of, if it is."""
        if page is None:
            content = read_content(path, limits)
            found = hashlib.sha256(content).hexdigest()
        else:
            content, found = STACKS.read(path, limits)
        self._check(path, found)
        return FileContent(content, str(path), page)

    def _check(self, path: Path, found: str) -> None:
        """Raise `ImageError` where a file had another hash before."""
        if self._hashes.setdefault(path, found) != found:
            raise ImageError(
                f"{path}: was changed while it was in use, its content is not what it was when it "
                f"was first read; {WHEN_QUIET}"
            )


class _Stacks:
    """The file of several images that was read last, so that not each of them reads it anew."""

    def __init__(self) -> None:
        self._last: tuple[object, tuple[bytes, str]] | None = None

    def read(self, path: Path, limits: ReadLimits) -> tuple[bytes, str]:
        """The bytes of a file and their hash. Raises `ImageError`."""
        key = _state_of(path), limits
        last = self._last
        if last is not None and last[0] == key:
            return last[1]
        self._last = None  # never two of them for longer than needed
        content = read_content(path, limits)
        found = content, hashlib.sha256(content).hexdigest()
        if key == (_state_of(path), limits):
            self._last = key, found
        return found


def _state_of(path: Path) -> tuple[object, ...]:
    """What differs once a file was changed; of one that is not there, nothing is known."""
    try:
        status = path.stat()
    except OSError:
        return (path, object())
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


STACKS = _Stacks()


def paged_hash(sha256: str, page: int | None) -> str:
    """A file's hash, or one that the images of a file with several do not share."""
    return sha256 if page is None else hashlib.sha256(f"{sha256} {page}".encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises `ImageError` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}).") from error
