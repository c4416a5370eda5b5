"""Good images to learn from, and what all of them hold once they have been decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.duplicates import nearly_one, thumbnail, to_look_at, to_watch
from blemish.data.sample import Content, Sample
from blemish.data.split import keys_of
from blemish.errors import DataError, ImageError, raise_all
from blemish.images.description import Description, describe
from blemish.images.format import ImageFormat, format_16_bit
from blemish.images.header import READER, WHEN_QUIET, ImageFacts, Reader
from blemish.parallel import available_cores, read_ahead
from blemish.progress import LoggedProgress, Progress
from blemish.workers import Workers

LARGEST_BATCH = 8  # images that go through a graph at once
READ_AT_ONCE = 256  # images that a worker reads without giving word
DECODED_PIXELS = LARGEST_BATCH * 1024 * 1024  # of a batch as decoded: large ones go in smaller ones


def read_contents(
    samples: Sequence[Sample], reader: Reader = READER, *, progress: Progress | None = None
) -> list[Content]:
    """What the decoded images hold, in order; those not decoded before are, on all cores.

    Raises:
        ImageError: one of them cannot be read.
    """
    contents = []
    content = partial(Sample.content, reader=reader)
    cores = available_cores()
    with (progress or LoggedProgress()).stage("reading images", len(samples)) as advance:
        for _, found in read_ahead(samples, content, readers=cores, most=2 * cores):
            if isinstance(found, Exception):
                raise found
            contents.append(found)
            advance(1)
    return contents


def split_keys(samples: Sequence[Sample], contents: Sequence[Content | None]) -> list[str]:
    """What keeps images together when some are left out: copies of the pixels, and the group.

    A key names a file, the one of the copies whose hash comes first: so a version of Pillow that
    decodes a little differently moves nothing.

    Args:
        samples: the images.
        contents: what each holds; `None` where it cannot be read, and only its file tells.
    """
    files = [_file_of(sample) for sample in samples]
    pixels = [c.pixels if c else file for c, file in zip(contents, files, strict=True)]
    first: dict[str, str] = {}
    for file, same in zip(files, pixels, strict=True):
        first[same] = min(file, first.get(same, file))
    return keys_of([sample.group for sample in samples], [first[same] for same in pixels])


Thumbnails = dict[str, NDArray[np.float32] | None]


def _all_read(images: GoodImages) -> tuple[list[Sample], Thumbnails, dict[str, Description]]:
    """The samples once each has been read, and what was noted of them."""
    for _ in images:
        pass
    return images.samples, images._thumbnails, images._descriptions


def _file_of(sample: Sample) -> str:
    try:
        return sample.sha256
    except ImageError:
        return sample.id


class GoodImages:
    """Good images to learn from, in the order of their ids: what a detector is fitted on.

    Args:
        samples: the images; their order does not matter.
        reader: how they are read.
        check_keys: told of `split_keys` before anyone gets them; may raise.
        facts: what their headers tell, by their ids, where that is known.
        described: whether to note how each looks as it is read, for `descriptions`.

    Raises:
        ImageError: images that cannot be read, all at once, as far as their headers tell.
        DataError: images of 8 and of 16 bits are mixed.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        reader: Reader = READER,
        *,
        check_keys: Callable[[list[str]], object] | None = None,
        facts: Mapping[str, ImageFacts] | None = None,
        described: bool = False,
    ) -> None:
        self.samples = sorted(samples, key=lambda sample: sample.id)
        self._reader = reader
        self._check_keys = check_keys
        self._few = to_look_at(sample.id for sample in self.samples)
        self._thumbnails: Thumbnails = {}
        self.watched = to_watch(sample.id for sample in self.samples)
        self._described = described
        self._descriptions: dict[str, Description] = {}
        self._facts = self._probe() if facts is None else facts
        in_order = [self._facts[name] for name in self.names]
        self.sizes_hw = [fact.size_hw for fact in in_order]
        self.bit_depth = self._one_depth(in_order)

    @property
    def names(self) -> list[str]:
        """Ids of the images."""
        return [sample.id for sample in self.samples]

    @cached_property
    def image_format(self) -> ImageFormat:
        """Depth of all images; the white level of 16-bit ones takes a look at each."""
        if self.bit_depth == 8:
            return ImageFormat()
        return format_16_bit(max(content.brightest for content in self.contents()))

    @cached_property
    def split_keys(self) -> list[str]:
        """What keeps images together when some are left out: copies of the pixels, and the group.

        Asked for before all images have been read once, they are read for it.
        """
        return self.keys_by(self.contents())

    def keys_by(self, contents: Sequence[Content]) -> list[str]:
        """The same by what is seen of each image, where that is not all that it holds."""
        keys = split_keys(self.samples, contents)
        if self._check_keys is not None:
            self._check_keys(keys)
        return keys

    def contents(self, *, progress: Progress | None = None) -> list[Content]:
        """What each image holds, in order. Raises `ImageError` where one cannot be read."""
        return read_contents(self.samples, self._reader, progress=progress)

    def read_by(self, workers: Workers, *, progress: Progress) -> None:
        """Have workers read each image once, so that what all hold is known without reading here.

        Raises:
            ImageError: one of them cannot be read.
        """
        unknown = [n for n, sample in enumerate(self.samples) if not self._is_known(sample)]
        starts = range(0, len(unknown), READ_AT_ONCE)
        pieces = (self._some(unknown[start : start + READ_AT_ONCE]) for start in starts)
        with progress.stage("reading images", len(unknown)) as advance:
            own = (self.samples[number] for number in unknown)
            for samples, thumbnails, descriptions in workers.map(_all_read, pieces):
                for sample in samples:
                    next(own).learn(sample)
                self._thumbnails |= thumbnails
                self._descriptions |= descriptions
                advance(len(samples))

    def part(self, numbers: Sequence[int]) -> GoodImages:
        """Some of the images, in the format of all; whoever has them need not have the others."""
        part = self._some(numbers)
        part.image_format = self.image_format
        return part

    def _some(self, numbers: Sequence[int]) -> GoodImages:
        samples = [self.samples[number] for number in numbers]
        facts = {sample.id: self._facts[sample.id] for sample in samples}
        part = GoodImages(samples, self._reader, facts=facts, described=self._described)
        part._few &= self._few
        part.watched &= self.watched
        part._descriptions = self._descriptions  # what either has noted, both know
        return part

    def __getstate__(self) -> dict[str, Any]:
        own = {name: self._descriptions[name] for name in self.names if name in self._descriptions}
        return {**self.__dict__, "_descriptions": own}

    def nearly_one(self) -> str | None:
        """What a user must hear where a few of the images, once read, are nearly one image."""
        thumbnails = {one.tobytes(): one for one in self._thumbnails.values() if one is not None}
        return nearly_one(len(self.samples), list(thumbnails.values()))

    def descriptions(self) -> dict[str, Description]:
        """How the images look, by their ids, in order; those not read so far are.

        Raises:
            ImageError: one of them cannot be read.
        """
        missing = [s for s in self.samples if s.id not in self._descriptions]
        for _, image in read_ahead(missing, self._read):
            if isinstance(image, Exception):
                raise image
        return {name: self._descriptions[name] for name in self.names}

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for sample, image in read_ahead(self.samples, self._read):
            if isinstance(image, Exception):
                raise image
            yield sample.id, image

    def _read(self, sample: Sample) -> NDArray[Any]:
        image = sample.read(self._reader)
        planned = (*self._facts[sample.id].size_hw, self.bit_depth)
        if (*image.shape[:2], 8 * image.dtype.itemsize) != planned:
            raise ImageError(
                f"{sample.path}: was changed while it was in use, its size or depth is not what it "
                f"was when the work was planned; {WHEN_QUIET}"
            )
        sample.content(image, reader=self._reader)
        if sample.id in self._few and sample.id not in self._thumbnails:
            self._thumbnails[sample.id] = thumbnail(image)
        if self._described and sample.id not in self._descriptions:
            watched = sample.id in self.watched
            self._descriptions[sample.id] = describe(image, watched=watched)
        return image

    def _is_known(self, sample: Sample) -> bool:
        """Whether nothing is left to be noted of an image."""
        noted = not self._described or sample.id in self._descriptions
        return noted and sample.is_known(self._reader)

    def _probe(self) -> dict[str, ImageFacts]:
        facts, problems = {}, []
        for sample in self.samples:
            try:
                facts[sample.id] = sample.probe(self._reader)
            except ImageError as error:
                problems.append(str(error))
        raise_all(problems, ImageError)
        return facts

    def _one_depth(self, facts: Sequence[ImageFacts]) -> int:
        depths = [fact.bit_depth for fact in facts]
        if len(set(depths)) > 1:
            few = min(set(depths), key=depths.count)
            raise DataError(
                f"Images of 8 and of 16 bits are mixed (one of {few} bits is "
                f"'{self.samples[depths.index(few)].id}'); convert them to one depth."
            )
        return depths[0] if depths else 8
