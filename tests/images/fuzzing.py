"""Damaged image files, by the thousand: each outcome must be pixels or an error that says why.

python tests/images/fuzzing.py FIRST_SEED COUNT      # by hand, as many as there is time for
"""

from __future__ import annotations

import io
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, features

from blemish.errors import ImageError
from blemish.images.header import Reader, ReadLimits, probe_image
from blemish.images.masks import read_mask
from blemish.images.read import read_image

try:
    import imagecodecs as codecs
except ImportError:
    codecs = None

SIZE_HW = (24, 40)
LIMITS = ReadLimits(max_pixels=4_000_000)  # a header that lies may ask for so many
ODD_NUMBERS = (0, 1, 2, 3, 8, 15, 16, 255, 256, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def whole_files() -> list[bytes]:
    """Sound files of all formats, depths and compressions that Pillow writes."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)
    colour[4:12, 5:30] = (200, 30, 90)
    grey, alpha = colour[:, :, 0], np.dstack([colour, np.full(SIZE_HW, 255, np.uint8)])
    deep = grey.astype(np.uint16) * 16
    rgb, palette = Image.fromarray(colour), Image.fromarray(colour).quantize(16)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = [
        (rgb, {"format": "PNG"}),
        (Image.fromarray(deep), {"format": "PNG"}),
        (Image.fromarray(alpha), {"format": "PNG", "exif": exif}),
        (palette, {"format": "PNG", "transparency": 3}),
        (Image.fromarray(grey > 99), {"format": "PNG"}),
        (rgb, {"format": "JPEG", "exif": exif}),
        (rgb, {"format": "JPEG", "progressive": True}),
        (Image.fromarray(grey), {"format": "JPEG"}),
        (rgb, {"format": "BMP"}),
        (Image.fromarray(grey), {"format": "BMP"}),
        (palette, {"format": "BMP"}),
        (Image.fromarray(grey > 99), {"format": "BMP"}),
        (rgb, {"format": "WEBP", "lossless": True}),
        (Image.fromarray(alpha), {"format": "WEBP"}),
        (rgb, {"format": "TIFF", "exif": exif}),
        (Image.fromarray(deep), {"format": "TIFF", "big_tiff": True}),
        (palette, {"format": "TIFF"}),
        (Image.fromarray(grey.astype(np.float32)), {"format": "TIFF"}),
        (Image.fromarray(grey.astype(np.int32)), {"format": "TIFF", "compression": "tiff_lzw"}),
    ]
    compressions = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    options += [(rgb, {"format": "TIFF", "compression": name}) for name in compressions]
    options += [(Image.fromarray(grey > 99), {"format": "TIFF", "compression": "group4"})]
    options += [(rgb, {"format": "PPM"}), (Image.fromarray(grey > 99), {"format": "PPM"})]
    options += [(rgb, {"format": "JPEG2000"})] if features.check("jpg_2000") else []
    options += [(rgb, {"format": "AVIF"})] if "avif" in features.get_supported() else []
    two = {"format": "TIFF", "save_all": True, "append_images": [Image.fromarray(255 - colour)]}
    whole = [_saved(image, chosen) for image, chosen in [*options, (rgb, two)]]
    whole += [b"P5 40 24 4095\n" + deep.astype(">u2").tobytes()]
    if codecs is not None:
        wide = colour.astype(np.uint16) * 257
        whole += [codecs.png_encode(wide), codecs.jpegxl_encode(colour)]
        whole += [codecs.jpeg2k_encode(wide, bitspersample=16)]
        with suppress(NotImplementedError):  # older ones only read it
            whole += [codecs.tiff_encode(wide)]
    return [*whole, _array(grey > 99)]


def _array(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def _saved(image: Image.Image, options: dict) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


def damaged_files(seed: int, count: int) -> Iterator[bytes]:
    """Files with bits flipped, ends cut off, header numbers replaced, parts moved or doubled."""
    rng = np.random.default_rng(seed)
    files = whole_files()
    ways = (_flip, _cut, _renumber, _renumber, _splice, _double)
    for number in range(count):
        data = bytearray(files[number % len(files)])
        for _ in range(int(rng.integers(1, 4))):
            ways[rng.integers(len(ways))](data, rng, files)
        yield bytes(data)


def _flip(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] ^= 1 << int(rng.integers(8))


def _cut(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> None:
    del data[int(rng.integers(1, len(data) + 1)) :]


def _renumber(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> None:
    """A number near the beginning or the end, where headers and directories are."""
    form = str(rng.choice(["<H", ">H", "<I", ">I"]))
    room = len(data) - struct.calcsize(form)
    if room > 0:
        place = int(rng.integers(0, min(room, 400)))
        place = place if rng.random() < 0.7 else room - place % room
        number = int(rng.choice(ODD_NUMBERS)) % (1 << 8 * struct.calcsize(form))
        struct.pack_into(form, data, place, number)


def _splice(data: bytearray, rng: np.random.Generator, files: list[bytes]) -> None:
    other = files[rng.integers(len(files))]
    start, place = int(rng.integers(len(other))), int(rng.integers(len(data)))
    data[place : place + int(rng.integers(64))] = other[start : start + int(rng.integers(1, 200))]


def _double(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> None:
    start = int(rng.integers(len(data)))
    data[start:start] = data[start : start + int(rng.integers(1, 300))]


def outcome(path: Path) -> str:
    """What became of a file: `read`, or the kind of refusal. Anything else is raised."""
    kinds = []
    for look in (probe_image, read_image, _drop, _read_mask):
        try:
            look(path)
            kinds.append("read")
        except ImageError as error:
            assert str(path) in str(error)
            kinds.append("not read" if "not read" in str(error) else "refused")
    return kinds[1]


def _drop(path: Path) -> None:
    image = read_image(path, Reader(LIMITS, "drop"))
    assert image.ndim == 3
    assert image.dtype in (np.uint8, np.uint16)


def _read_mask(path: Path) -> None:
    assert read_mask(path, size_hw=SIZE_HW, reader=Reader(LIMITS)).shape == SIZE_HW


def main(first: int, count: int) -> None:
    """Fuzz with one seed after the other; tell what came of it, and what took longest."""
    path, found, slowest = Path(f"fuzzed_{first}"), Counter(), (0.0, "")
    for number, data in enumerate(damaged_files(first, count)):
        path.write_bytes(data)
        start = time.perf_counter()
        try:
            found[outcome(path)] += 1
        except BaseException as error:
            Path(f"found_{first}_{number}").write_bytes(data)
            found[f"{type(error).__name__}: {error}"[:200]] += 1
        slowest = max(slowest, (time.perf_counter() - start, f"{first}_{number}"))
    print(dict(found), f"slowest {slowest[0]:.2f} s ({slowest[1]})")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
