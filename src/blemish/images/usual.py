"""How the training images looked, as ranges, and what tells an image that is like none of them.

A model judges whatever it is given; of an image of another size, colour or exposure than all that
it learned from, its score says little. Only clear departures are noted: good images of the same
line stay within the ranges and their margins, and an image within them may still be of something
else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from blemish.images.appearance import Appearance
from blemish.result import Note
from blemish.typed_json import NotNegative

Range = tuple[NotNegative, NotNegative]

SIZE_FACTOR = 1.25  # beyond the smallest and largest side
ASPECT_FACTOR = 1.1
MARGIN, SPAN_SHARE = 0.03, 0.25  # of white, and of the range itself, beyond either end
MOST_BELOW = 0.3  # of the lower end itself, so that black is never within
GREY = 0.01  # colour below which images count as grey: JPEG leaves some in grey ones
COLOUR_LEFT = 0.25  # of the faintest training image; an image with less is grey beside them
DECIMALS = 5


@dataclass(frozen=True, slots=True)
class Usual:
    """Lowest and highest of the training images.

    Attributes:
        height_px, width_px: of the images as decoded.
        aspect: width / height.
        brightness, contrast, colour: as shares of white; see `appearance`.
    """

    height_px: Range
    width_px: Range
    aspect: Range
    brightness: Range
    contrast: Range
    colour: Range

    def __post_init__(self) -> None:
        """Raise `ValueError` where one ends below where it begins."""
        for name, (lowest, highest) in asdict(self).items():
            if lowest > highest:
                raise ValueError(f"{name} goes from {lowest:g} to {highest:g}")

    def notes(self, image: Appearance) -> tuple[Note, ...]:
        """What sets an image apart from all training images; nothing where it is like them.

        Args:
            image: how it looks, relative to white.
        """
        return tuple(Note(code, message) for code, message in self._departures(image))

    def including(self, other: Usual) -> Usual:
        """The ranges of both."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Usual(*((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs))

    def _departures(self, image: Appearance) -> Iterator[tuple[str, str]]:
        height, width = image.size_hw
        sides = (height, self.height_px), (width, self.width_px)
        if any(not ends[0] / SIZE_FACTOR <= side <= ends[1] * SIZE_FACTOR for side, ends in sides):
            yield (
                "size",
                f"It is {width} x {height} pixels, the training images are "
                f"{_spell(self.width_px, 0)} x {_spell(self.height_px, 0)}.",
            )
        lowest, highest = self.aspect
        if not lowest / ASPECT_FACTOR <= width / height <= highest * ASPECT_FACTOR:
            yield (
                "aspect",
                f"Its aspect ratio (width / height) is {width / height:.2f}, that of the training "
                f"images {_spell(self.aspect)}.",
            )
        yield from self._departs_in_colour(image.colour)
        for code, value, ends, less, more in (
            ("brightness", image.brightness, self.brightness, "darker", "brighter"),
            ("contrast", image.contrast, self.contrast, "of less contrast", "of more contrast"),
        ):
            if not _within(value, ends):
                word = less if value < ends[0] else more
                yield (
                    code,
                    f"It is {word} than all training images ({value:.2f} of white, they "
                    f"{_spell(ends)}).",
                )

    def _departs_in_colour(self, colour: float) -> Iterator[tuple[str, str]]:
        lowest, highest = self.colour
        if highest < GREY:
            if colour > GREY + MARGIN / 2:
                yield "colour", "It is in colour, the training images are grey."
        elif lowest >= GREY and colour < COLOUR_LEFT * lowest:
            yield "colour", "It is grey, the training images are in colour."
        elif not _within(colour, self.colour):
            word = "less" if colour < lowest else "more"
            yield (
                "colour",
                f"It is {word} colourful than all training images ({colour:.2f} of white between "
                f"channels, they {_spell(self.colour)}).",
            )


def usual_of(images: Iterable[Appearance]) -> Usual:
    """The ranges of at least one image, relative to white."""
    images = list(images)
    heights, widths = zip(*(image.size_hw for image in images), strict=True)
    return Usual(
        height_px=_ends(heights),
        width_px=_ends(widths),
        aspect=_ends([width / height for height, width in zip(heights, widths, strict=True)]),
        brightness=_ends([image.brightness for image in images]),
        contrast=_ends([image.contrast for image in images]),
        colour=_ends([image.colour for image in images]),
    )


def _ends(values: Sequence[float]) -> Range:
    return round(float(min(values)), DECIMALS), round(float(max(values)), DECIMALS)


def _within(value: float, ends: Range) -> bool:
    margin = MARGIN + SPAN_SHARE * (ends[1] - ends[0])
    below = min(margin, MOST_BELOW * ends[0])
    return ends[0] - below <= value <= ends[1] + margin


def _spell(ends: Range, decimals: int = 2) -> str:
    lowest, highest = (f"{end:.{decimals}f}" for end in ends)
    return lowest if lowest == highest else f"{lowest} to {highest}"
