from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from blemish.errors import ImageError, SettingError
from blemish.images.header import FileContent, Reader, probe_image
from blemish.images.mosaic import demosaic
from blemish.images.raw import RawFormat
from blemish.images.read import read_image
from images.made_files import packed

SIZE_HW = (12, 16)
RNG = np.random.default_rng(0)


def values_of(bits: int) -> np.ndarray:
    values = RNG.integers(0, 2**bits, SIZE_HW)
    values[0, :2] = 2**bits - 1, 0
    return values


def read(data: bytes, name: str) -> np.ndarray:
    return read_image(data, Reader(raw=RawFormat.named(f"16x12:{name}")))


def lowest_first(values: np.ndarray, bits: int) -> bytes:
    """The slow way: one long number."""
    whole = sum(int(value) << (bits * place) for place, value in enumerate(values.ravel()))
    return whole.to_bytes(values.size * bits // 8, "little")


def gige(values: np.ndarray, bits: int) -> bytes:
    """Mono10Packed and Mono12Packed as GigE Vision draws them, pair by pair."""
    out, more = bytearray(), bits - 8
    for first, second in values.reshape(-1, 2).tolist():
        low = first & (1 << more) - 1 | (second & (1 << more) - 1) << 4
        out += bytes([first >> more, low, second >> more])
    return bytes(out)


WAYS = {
    "Mono8": (8, lambda v: v.astype("u1").tobytes()),
    "mono10": (10, lambda v: v.astype("<u2").tobytes()),
    "mono12": (12, lambda v: v.astype("<u2").tobytes()),
    "mono_14": (14, lambda v: v.astype("<u2").tobytes()),
    "MONO16": (16, lambda v: v.astype("<u2").tobytes()),
    "Mono10p": (10, lambda v: lowest_first(v, 10)),
    "Mono12p": (12, lambda v: lowest_first(v, 12)),
    "Mono10Packed": (10, lambda v: gige(v, 10)),
    "Mono12Packed": (12, lambda v: gige(v, 12)),
    "mono10msb": (10, lambda v: b"".join(packed(v, 10))),
    "mono12msb": (12, lambda v: b"".join(packed(v, 12))),
}


@pytest.mark.parametrize("name", WAYS)
def test_each_format_is_read_as_it_is_packed(name: str) -> None:
    bits, pack = WAYS[name]
    values = values_of(bits)
    pixels = read(pack(values), name)
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_array_equal(pixels, np.repeat(values[:, :, None], 3, axis=2))


def test_the_three_ways_to_pack_12_bits_differ() -> None:
    pixel_pair = b"\x12\x34\x56"
    found = {}
    for name in ("mono12p", "mono12packed", "mono12msb"):
        raw = RawFormat.named(f"16x12:{name}")
        found[name] = raw.decode(pixel_pair * 96).ravel()[:2].tolist()
    assert found == {
        "mono12p": [0x412, 0x563],
        "mono12packed": [0x124, 0x563],
        "mono12msb": [0x123, 0x456],
    }


@pytest.mark.parametrize("kind", ["u1", "<u2"])
def test_colours_come_in_their_order(kind: str) -> None:
    bits = 8 * np.dtype(kind).itemsize
    colours = RNG.integers(0, 2**bits, (*SIZE_HW, 3)).astype(kind)
    np.testing.assert_array_equal(read(colours.tobytes(), f"rgb{bits}"), colours)
    np.testing.assert_array_equal(read(colours.tobytes(), f"bgr{bits}"), colours[:, :, ::-1])


@pytest.mark.parametrize("pattern", ["rg", "gr", "gb", "bg"])
@pytest.mark.parametrize("size_hw", [(12, 16), (9, 11), (2, 3)])
def test_a_mosaic_is_the_mean_of_the_neighbours_of_each_colour(pattern: str, size_hw) -> None:
    mosaic = RNG.integers(0, 65536, size_hw).astype(np.uint16)
    np.testing.assert_array_equal(demosaic(mosaic, pattern), slow_demosaic(mosaic, pattern))


def slow_demosaic(mosaic: np.ndarray, pattern: str) -> np.ndarray:
    """Pixel by pixel: of each colour the mean over the 3 x 3 around, but beside before corners."""
    rows = [pattern, {"rg": "gb", "gr": "bg", "gb": "rg", "bg": "gr"}[pattern]]
    height, width = mosaic.shape
    image = np.zeros((height, width, 3), mosaic.dtype)
    steps = sorted(
        ((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)),
        key=lambda step: step[0] ** 2 + step[1] ** 2,
    )
    for y in range(height):
        for x in range(width):
            for channel, colour in enumerate("rgb"):
                found: dict[int, list[int]] = {}
                for dy, dx in steps:
                    if rows[(y + dy) % 2][(x + dx) % 2] == colour:
                        there = mirrored(y + dy, height), mirrored(x + dx, width)
                        found.setdefault(dy * dy + dx * dx, []).append(int(mosaic[there]))
                nearest = found[min(found)]
                image[y, x, channel] = int(np.floor(sum(nearest) / len(nearest) + 0.5))
    return image


def mirrored(place: int, length: int) -> int:
    return 1 if place < 0 else 2 * (length - 1) - place if place >= length else place


@pytest.mark.parametrize(
    "name", ["bayer_rg8", "BayerGR12", "bayer_gb16", "BayerBG12p", "bayer_rg12packed"]
)
def test_bayer_files_come_as_colours(name: str) -> None:
    raw = RawFormat.named(f"16x12:{name}")
    flat = np.full(SIZE_HW, 2**raw.bits - 9)
    ways = {
        "": lambda values: values.astype("u1" if raw.bits == 8 else "<u2").tobytes(),
        "p": lambda values: lowest_first(values, raw.bits),
        "packed": lambda values: gige(values, raw.bits),
    }
    pack = ways[raw.packing]
    pixels = read(pack(flat), name)
    assert pixels.shape == (*SIZE_HW, 3)
    assert (pixels == 2**raw.bits - 9).all()
    source = FileContent(pack(flat), "frame.raw")
    assert probe_image(source, Reader(raw=raw)).channels == "rgb"


def test_a_file_of_another_size_is_told_how_many_bytes_it_should_have() -> None:
    reader = Reader(raw=RawFormat.named("16x12:mono12p"))
    for look in (read_image, probe_image):
        with pytest.raises(
            ImageError, match=r"a\.raw: has 192 bytes; as '16x12:mono12p' it would have 288"
        ):
            look(FileContent(bytes(192), "a.raw"), reader)


def test_numbers_of_too_many_bits_are_a_wrong_format_or_order() -> None:
    with pytest.raises(
        ImageError, match=r"holds the number 4660, and '16x12:mono12' has 12 bits: .*big-endian"
    ):
        read(b"\x34\x12" * 192, "mono12")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("16x12", "must say size and format"),
        ("16:mono8", "must say size and format"),
        ("16x12:mono9", "no format 'mono9'.*mono12packed"),
        ("16x12:yuv422", "no format 'yuv422'"),
        ("16x12:rgb12p", "no format"),
        ("16x12:mono8packed", "no format"),
        ("0x12:mono8", "1 or more"),
        ("15x12:mono12p", "a multiple of 2"),
        ("14x12:mono10p", "a multiple of 4"),
        ("15x12:mono10packed", "a multiple of 2"),
    ],
)
def test_a_format_that_cannot_be_is_refused_with_those_that_can(text: str, why: str) -> None:
    with pytest.raises(SettingError, match=f"'raw' .*{why}"):
        RawFormat.named(text)


def test_a_format_comes_back_from_its_text() -> None:
    for name in WAYS:
        raw = RawFormat.named(f"16x12:{name}")
        assert RawFormat.named(str(raw)) == raw


def test_files_with_a_header_are_read_by_it_all_the_same(tmp_path: Path) -> None:
    reader = Reader(raw=RawFormat.named("16x12:mono8"))
    head = b"P5 16 12 255\n"
    (tmp_path / "a.pgm").write_bytes(head + bytes(192))
    for name in ("a.raw", "a.bin", "a.RAW", "frame", "a.dat"):
        (tmp_path / name).write_bytes(bytes(range(192)))
        assert read_image(tmp_path / name, reader)[11, 15, 0] == 191
    assert not read_image(tmp_path / "a.pgm", reader).any()
    assert not read_image(head + bytes(192), reader).any()
    assert not read_image(io.BytesIO(head + bytes(192)), reader).any()
    assert read_image(bytes(range(192)), reader)[0, 9, 0] == 9


def test_a_raw_file_of_which_nothing_is_said_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(192))
    with pytest.raises(ImageError, match=r"a\.raw: is a raw file.*raw='2448x2048:mono12packed'"):
        read_image(tmp_path / "a.raw")
