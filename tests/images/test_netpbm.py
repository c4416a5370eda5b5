from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.errors import ImageError
from blemish.images.header import probe_image
from blemish.images.masks import read_mask
from blemish.images.read import read_image
from images.made_files import GREY, INDICES, packed

HEIGHT, WIDTH = GREY.shape
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)


@pytest.fixture
def read(tmp_path: Path):
    def write_and_read(data: bytes) -> np.ndarray:
        (tmp_path / "file.pgm").write_bytes(data)
        return read_image(tmp_path / "file.pgm")

    return write_and_read


def raster(number: int, most: int, values: np.ndarray, comment: str = "") -> bytes:
    head = f"P{number}\n{comment}{WIDTH} {HEIGHT}\n{most}\n".encode()
    return head + values.astype(">u2" if most > 255 else "u1").tobytes()


@pytest.mark.parametrize("most", [1023, 4095, 16383, 65535, 1000, 256])
@pytest.mark.parametrize("bands", [1, 3])
def test_values_of_more_than_8_bits_stay_as_they_are_written(read, most: int, bands: int) -> None:
    values = np.random.default_rng(0).integers(0, most + 1, (HEIGHT, WIDTH, bands))
    values[0, 0] = most
    pixels = read(raster(5 if bands == 1 else 6, most, values))
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, np.broadcast_to(values, pixels.shape))


@pytest.mark.parametrize("most", [255, 254, 100, 15, 3, 1])
def test_those_of_8_bits_or_fewer_are_brought_to_255_and_none_becomes_another(read, most) -> None:
    values = GREY.astype(int) * most // 255
    pixels = read(raster(5, most, values))[:, :, 1]
    np.testing.assert_array_equal(pixels, np.floor(values * 255 / most + 0.5))
    assert pixels.dtype == np.uint8
    assert len(np.unique(pixels)) == len(np.unique(values))


def test_what_pillow_writes_comes_back(tmp_path: Path) -> None:
    for name, values in (("a.ppm", COLOUR), ("a.pgm", GREY), ("a.pbm", INDICES > 0)):
        Image.fromarray(values).save(tmp_path / name)
        found = read_image(tmp_path / name)
        expected = np.asarray(Image.fromarray(values).convert("RGB"))
        np.testing.assert_array_equal(found, expected)
        assert probe_image(tmp_path / name).channels == ("rgb" if name == "a.ppm" else "grey")


@pytest.mark.parametrize("apart", [b" ", b"\n", b""])
def test_plain_files_are_read_as_binary_ones_are(read, apart: bytes) -> None:
    size = f"{WIDTH} {HEIGHT}".encode()
    bits = apart.join(b"01"[b : b + 1] for b in (1 - INDICES).ravel())
    np.testing.assert_array_equal(
        read(b"P1\n# by hand\n" + size + b"\n" + bits)[:, :, 0], INDICES * 255
    )
    if apart:
        for number, values in ((2, GREY), (3, COLOUR)):
            text = apart.join(str(value).encode() for value in values.ravel())
            pixels = read(b"P%d " % number + size + b"\n#most\n255 " + text + b"\n")
            np.testing.assert_array_equal(
                pixels, np.broadcast_to(values.reshape(HEIGHT, WIDTH, -1), pixels.shape)
            )


def test_comments_and_odd_spaces_in_a_header_are_passed_over(read) -> None:
    head = b"P5#a\n# 9 9\r" + f"\t{WIDTH}  # wide\n\n{HEIGHT}\n#most\n 255 ".encode()
    np.testing.assert_array_equal(read(head + GREY.tobytes())[:, :, 0], GREY)


def test_bits_are_black_where_they_are_set_and_masks_are_read_so(tmp_path: Path) -> None:
    rows = b"".join(packed(1 - INDICES, 1))
    (tmp_path / "mask.pbm").write_bytes(f"P4 {WIDTH} {HEIGHT}\n".encode() + rows)
    found = read_mask(tmp_path / "mask.pbm", size_hw=GREY.shape)
    np.testing.assert_array_equal(found, INDICES > 0)


WRONG = {
    "above its highest": raster(5, 1023, np.full(GREY.shape, 1024)),
    "value 101, above its highest of 100": raster(5, 100, np.full(GREY.shape, 101)),
    "is cut off": raster(5, 255, GREY)[:-1],
    "holds several images": raster(5, 255, GREY) * 2,
    "no highest value": raster(5, 70_000, GREY),
    "no header": b"P5\nwide high\n" + bytes(99),
    "number of them is missing": b"P5 21\n255\n" + bytes(999),
    "something other than numbers": b"P2 9 9 255 " + b"1 " * 80 + b"x",
    "80 values, not the 81": b"P2 9 9 255 " + b"1 " * 80,
    "something other than 0 and 1": b"P1 9 9 " + b"2" * 81,
    "PFM, floating-point": b"PF\n9 9\n-1.0\n" + bytes(81 * 12),
    "PAM": b"P7\nWIDTH 9\nENDHDR\n",
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_wrong_with_a_file_is_said(read, why: str) -> None:
    told = "is|has|holds" if why == "number of them is missing" else why
    with pytest.raises(ImageError, match=told):
        read(WRONG[why])


def test_trailing_bytes_do_not_matter(read) -> None:
    np.testing.assert_array_equal(read(raster(5, 255, GREY) + b"\njunk")[:, :, 0], GREY)
