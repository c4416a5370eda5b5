"""Every kind of BMP, TIFF, PNG and JPEG is read as it is written, or refused as not read."""

from __future__ import annotations

import logging
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.errors import ImageError
from blemish.images.header import Reader, ReadLimits, probe_image
from blemish.images.masks import read_mask
from blemish.images.read import read_image
from images.made_files import GREY, INDICES, bmp, chunk, jpeg, packed, png, tiff

BLACK_WHITE, WHITE_BLACK = [(0, 0, 0), (255, 255, 255)], [(255, 255, 255), (0, 0, 0)]
RED_BLUE = [(250, 10, 20), (30, 40, 240)]


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(data: bytes, **options) -> np.ndarray:
        (tmp_path / "file").write_bytes(data)
        return read_image(tmp_path / "file", Reader(**options))

    return write_and_read


@pytest.mark.parametrize("palette", [BLACK_WHITE, WHITE_BLACK, RED_BLUE])
@pytest.mark.parametrize(
    ("header", "upside_down"), [(12, True), (40, True), (40, False), (64, True), (124, False)]
)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_a_bmp_of_two_colours_is_read_as_written(read, bits, header, upside_down, palette) -> None:
    rows = packed(INDICES[::-1] if upside_down else INDICES, bits, 4)
    options = {"palette": palette, "header": header, "upside_down": upside_down}
    pixels = read(bmp(b"".join(rows), bits, used=2, **options))
    np.testing.assert_array_equal(pixels, np.array(palette, np.uint8)[INDICES])


@pytest.mark.parametrize("step", [1, 15, 17])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_bmp_of_greys_is_read_through_its_palette(read, bits: int, step: int) -> None:
    indices = GREY % 16
    palette = [(value * step,) * 3 for value in range(16)]
    rows = b"".join(packed(indices[::-1], bits, 4))
    pixels = read(bmp(rows, bits, palette=palette, used=16))
    np.testing.assert_array_equal(pixels[:, :, 1], indices * step)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_bmp_of_run_lengths_and_two_colours_is_read_as_written(read, bits: int) -> None:
    runs = b"".join(
        b"".join(bytes([1, value << 4 if bits == 4 else value]) for value in row) + b"\0\0"
        for row in INDICES[::-1].tolist()
    )
    kind = {"compression": 1 if bits == 8 else 2, "palette": BLACK_WHITE, "used": 2}
    np.testing.assert_array_equal(read(bmp(runs + b"\0\1", bits, **kind))[:, :, 0], INDICES * 255)


def test_a_mask_saved_as_bmp_with_two_colours_comes_back(tmp_path: Path) -> None:
    mask = Image.fromarray(INDICES.astype(np.uint8), "L").convert("P")
    mask.frombytes(INDICES.astype(np.uint8).tobytes())
    mask.putpalette([0, 0, 0, 255, 255, 255])
    mask.save(tmp_path / "mask.bmp")
    found = read_mask(tmp_path / "mask.bmp", size_hw=INDICES.shape)
    np.testing.assert_array_equal(found, INDICES.astype(bool))


def test_colours_that_no_palette_has_are_damage(read) -> None:
    palette = chunk(b"PLTE", bytes([9, 9, 9, 200, 200, 200]))
    files = [
        bmp(b"".join(packed(GREY[::-1] % 16, 8, 4)), 8, palette=RED_BLUE, used=2),
        png(packed(GREY % 16, 4), 4, 3, more=palette),
    ]
    for data in files:
        with pytest.raises(ImageError, match="of colour 15, its palette only 2"):
            read(data)


RGB_MASKS = struct.pack("<IIII", 0x7C00, 0x03E0, 0x001F, 0x8000)
TEN_BITS = struct.pack("<IIII", 0x3FF00000, 0xFFC00, 0x3FF, 0)
UNSUPPORTED = {
    "bmp of 2 bits": bmp(bytes(13 * 8), 2, palette=BLACK_WHITE),
    "bmp of png": bmp(bytes(99), 24, compression=5),
    "bmp of ten bits": bmp(bytes(13 * 84), 32, compression=3, header=108, masks=TEN_BITS),
    "bmp of 16 bits with alpha": bmp(
        bytes(13 * 44), 16, compression=3, header=108, masks=RGB_MASKS
    ),
    "bmp of huffman": bmp(bytes(99), 1, compression=3, header=64, palette=BLACK_WHITE),
    "bayer": tiff(GREY.tobytes(), photometric=32803, more=[(33421, [2, 2])]),
    "cmyk": tiff(bytes(13 * 21 * 4), (8,) * 4, photometric=5),
    "lab": tiff(bytes(13 * 21 * 3), (8,) * 3, photometric=8),
    "two bands": tiff(bytes(13 * 21 * 2), (8, 8)),
    "grey and a band of no name": tiff(bytes(13 * 21 * 2), (8, 8), more=[(338, [0])]),
    "rgb and near infrared": tiff(
        bytes(13 * 21 * 4), (8,) * 4, photometric=2, more=[(338, [0])]
    ),
    "rgb, alpha and a band of no name": tiff(
        bytes(13 * 21 * 5), (8,) * 5, photometric=2, more=[(338, [2, 0])]
    ),
    "two planes": tiff(bytes(13 * 21 * 2), (8, 8), more=[(284, [2]), (338, [2])],
                       strips=[0, 13 * 21]),
    "floats": tiff(bytes(13 * 21 * 4), (32,), more=[(339, [3])]),
    "three bands of floats": tiff(
        bytes(13 * 21 * 12), (32,) * 3, photometric=2, more=[(339, [3] * 3)]
    ),
    "complex": tiff(bytes(13 * 21 * 8), (64,), more=[(339, [6])]),
    "signed": tiff(GREY.tobytes(), more=[(339, [2])]),
    "32 bits": tiff(bytes(13 * 21 * 4), (32,)),
    "14 bits": tiff(b"".join(packed(GREY, 14)), (14,)),
    "colour of 12 bits": tiff(bytes(13 * 95), (12,) * 3, photometric=2),
    "12 bits in big-endian bigtiff": tiff(
        b"".join(packed(GREY, 12)), (12,), order=">", big=True
    ),
    "5/6/5 bits": tiff(bytes(13 * 21 * 2), (5, 6, 5), photometric=2),
    "no photometric": tiff(GREY.tobytes(), photometric=None),
    "white as zero in a plane": tiff(GREY.tobytes(), photometric=0, more=[(284, [2])]),
    "subsampled": tiff(bytes(13 * 21 * 3), (8,) * 3, photometric=6),
    "palette of 8 bits": tiff(GREY.tobytes(), photometric=3, more=[(320, list(range(256)) * 3)]),
    "jpeg of cmyk": jpeg(Image.new("CMYK", (20, 20))),
    "jpeg of 12 bits": jpeg(Image.new("L", (20, 20))).replace(b"\xff\xc0\0\x0b\x08",
                                                             b"\xff\xc0\0\x0b\x0c"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_sound_file_of_another_kind_is_not_read_rather_than_damaged(read, kind: str) -> None:
    with pytest.raises(ImageError, match=r"of a kind that is not read \(.*\); save it as") as told:
        read(UNSUPPORTED[kind])
    assert "damaged" not in str(told.value)


WIDE = GREY.astype(np.uint16) * 16 + 5
READ = {
    "little bigtiff": (tiff(GREY.tobytes(), big=True), GREY),
    "bigtiff of 16 bits": (tiff(WIDE.astype("<u2").tobytes(), (16,), big=True), WIDE),
    "big-endian 16 bits": (tiff(WIDE.astype(">u2").tobytes(), (16,), order=">"), WIDE),
    "12 bits": (tiff(b"".join(packed(WIDE, 12)), (12,)), WIDE),
    "4 bits": (tiff(b"".join(packed(GREY // 16, 4)), (4,)), GREY // 16 * 17),
    "white as zero": (tiff((255 - GREY).tobytes(), photometric=0), GREY),
    "white as zero, 1 bit": (
        tiff(b"".join(packed(1 - INDICES, 1)), (1,), photometric=0), INDICES * 255),
    "strips": (tiff(GREY.tobytes(), rows=5, strips=[0, 5 * 21, 10 * 21]), GREY),
    "palette": (tiff(b"".join(packed(INDICES, 1)), (1,), photometric=3,
                     more=[(320, [0x9090, 0x1010] * 3)]), 0x90 - 0x80 * INDICES),
    "png of 2 bits": (png(packed(GREY // 64, 2), 2, 0), GREY // 64 * 85),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_a_file_made_by_hand_is_read_as_written(read, kind: str) -> None:
    data, expected = READ[kind]
    pixels = read(data)
    np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize("planes", [False, True])
def test_the_order_of_bands_does_not_matter(read, planes: bool) -> None:
    colour = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)
    stored = np.moveaxis(colour, -1, 0) if planes else colour
    more = [(284, [2 if planes else 1])]
    strips = [0, 13 * 21, 2 * 13 * 21] if planes else None
    data = tiff(stored.tobytes(), (8,) * 3, photometric=2, more=more, strips=strips)
    np.testing.assert_array_equal(read(data), colour)


def test_a_tiff_that_lacks_strips_is_damaged_and_never_black(read) -> None:
    with pytest.raises(ImageError, match="2 of 3 strips or tiles, it may be damaged"):
        read(tiff(GREY.tobytes(), rows=5, strips=[0, 5 * 21]))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_transparent_grey_of_a_png_is_meant_in_its_own_depth(read, bits: int) -> None:
    most = 2**bits - 1
    indices = GREY.astype(int) * most // 255
    data = png(packed(indices, bits), bits, 0, more=chunk(b"tRNS", struct.pack(">H", most)))
    with pytest.raises(ImageError, match="transparent pixels"):
        read(data)
    flat = read(data, alpha="flatten")[:, :, 0]
    np.testing.assert_array_equal(flat, np.where(indices == most, 0, indices * (255 // most)))


ALPHAS = {
    "rgba": Image.fromarray(np.dstack([GREY, GREY // 2, 255 - GREY, np.zeros_like(GREY)])),
    "la": Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (21, 13))]),
    "palette": Image.fromarray(GREY).quantize(8),
}


@pytest.mark.parametrize("kind", ALPHAS)
def test_what_is_transparent_everywhere_is_dropped_or_refused_and_never_black(
    tmp_path: Path, kind: str
) -> None:
    image, path = ALPHAS[kind], tmp_path / "clear.png"
    image.save(path, **({"transparency": bytes(8)} if kind == "palette" else {}))
    for alpha, told in (
        ("refuse", "alpha=.drop."),
        ("flatten", "transparent nearly everywhere.*drop"),
    ):
        with pytest.raises(ImageError, match=told):
            read_image(path, Reader(alpha=alpha))
    colours = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(path, Reader(alpha="drop")), colours)
    with pytest.raises(ImageError, match="the mask would be empty"):
        read_mask(path, size_hw=GREY.shape)


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "scans.jpg"
    whole = jpeg(Image.fromarray(GREY), progressive=True)
    last = whole[whole.rindex(b"\xff\xc4") : -2]  # a table and a scan
    path.write_bytes(whole[:-2] + 500 * last + whole[-2:])
    few = ReadLimits(max_scanned_pixels=100 * GREY.size)
    assert read_image(path).shape == (13, 21, 3)
    for look in (read_image, lambda p, reader: read_mask(p, size_hw=GREY.shape, reader=reader)):
        with pytest.raises(ImageError, match=r"of 50\d scans; .*at most 100 .*max_scanned_pixels"):
            look(path, reader=Reader(few))


def test_scans_of_a_thumbnail_do_not_count(tmp_path: Path) -> None:
    path, thumbnail = tmp_path / "plain.jpg", b"\xff\xda" * 30
    whole = jpeg(Image.fromarray(GREY))
    path.write_bytes(whole[:2] + b"\xff\xe5\0\x3e" + thumbnail + whole[2:])
    assert read_image(path, Reader(ReadLimits(max_scanned_pixels=GREY.size))).shape == (13, 21, 3)


def test_pages_without_end_are_counted_no_further_than_needed(tmp_path: Path) -> None:
    page = tiff(GREY.tobytes())
    places = [len(page) + 6 * number for number in range(12_000)]
    pages = b"".join(struct.pack("<HI", 0, place + 6) for place in places)
    end = 8 + 2 + 12 * int.from_bytes(page[8:10], "little")
    path = tmp_path / "pages.tif"
    path.write_bytes(page[:end] + struct.pack("<I", len(page)) + page[end + 4 :] + pages)
    with pytest.raises(ImageError, match="holds more than 10000 pages"):
        probe_image(path)


def test_nothing_that_pillow_or_libtiff_says_reaches_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\xff\xff" + b"\x12\x01\x03\0" * 5
    plain = jpeg(Image.fromarray(GREY))
    odd = tmp_path / "odd.jpg"
    odd.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:])
    damaged = tmp_path / "damaged.tif"
    Image.fromarray(GREY).save(damaged, compression="tiff_lzw")
    data = damaged.read_bytes()
    damaged.write_bytes(data[:8] + bytes(b ^ 0x5A for b in data[8:60]) + data[60:])
    many = tmp_path / "many.tif"
    many.write_bytes(tiff(GREY.tobytes(), more=[(277, [99])]))
    with warnings.catch_warnings():
        warnings.resetwarnings()  # as outside of a test
        assert read_image(odd).shape == (13, 21, 3)
        with pytest.raises(ImageError):
            read_image(many)
        with pytest.raises(ImageError, match="cannot be decoded"):
            read_image(damaged)
    assert not "".join(capfd.readouterr())
