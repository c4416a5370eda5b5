"""Anomaly maps as files: what is read, to the bit, and what is refused, with a reason."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.errors import ImageError
from blemish.images.header import ReadLimits
from blemish.images.score_map import (
    encode_score_map,
    levels_of,
    read_score_map,
    resize_score_map,
)
from oracles.maps import bilinear

SHAPE = (9, 7)
RNG = np.random.default_rng(0)
MAP = RNG.standard_normal(SHAPE).astype(np.float32)


def saved(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path.with_suffix(".npy")


def tiff(values: np.ndarray, sample_format: int) -> bytes:
    """A TIFF file made by hand, of kinds that Pillow does not write."""
    (height, width), bits = values.shape, values.dtype.itemsize * 8
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height,
            279: values.nbytes, 339: sample_format}  # fmt: skip
    order, head = (">", b"MM\0*") if values.dtype.str[0] == ">" else ("<", b"II*\0")
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, n) for tag, n in tags.items())
    directory = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    return head + struct.pack(order + "I", 8 + values.nbytes) + values.tobytes() + directory


def anything(kind: str) -> np.ndarray:
    """Numbers of a kind over all of its range."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return (1e3 * RNG.standard_normal(SHAPE)).astype(dtype)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, SHAPE, dtype=dtype, endpoint=True)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "|u1", "<i2", ">u2", "<i4", "<u8"])
@pytest.mark.parametrize("shape", [SHAPE, (1, *SHAPE)])
def test_arrays_of_numbers_come_as_32_bit_floats(tmp_path, kind, shape):
    values = anything(kind[1:]).astype(kind)
    found = read_score_map(saved(tmp_path / "a", values.reshape(shape)))
    assert (found.shape, found.dtype) == (SHAPE, np.float32)
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_an_array_in_the_order_of_columns_is_the_same_map(tmp_path):
    np.testing.assert_array_equal(read_score_map(saved(tmp_path / "a", MAP.copy("F"))), MAP)


@pytest.mark.parametrize(
    ("kind", "sample_format"),
    [("u1", 1), ("i1", 2), ("u2", 1), ("i2", 2), ("u4", 1), ("i4", 2), ("f4", 3),
     (">u2", 1), (">i2", 2), (">i4", 2), (">f4", 3)],
)  # fmt: skip
def test_a_tiff_of_any_number_keeps_sign_and_order(tmp_path, kind, sample_format):
    values = anything(kind[-2:]).astype(kind)
    for suffix in ("tif", "tiff", "TIFF"):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(tiff(values, sample_format))
        np.testing.assert_array_equal(read_score_map(path), values.astype(np.float32))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_compressed_tiff_is_read(tmp_path, compression):
    Image.fromarray(MAP).save(tmp_path / "a.tiff", compression=compression)
    np.testing.assert_array_equal(read_score_map(tmp_path / "a.tiff"), MAP)


def test_a_grey_png_of_16_bits_is_read(tmp_path):
    values = RNG.integers(0, 65536, SHAPE).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_score_map(tmp_path / "a.png"), values)


@pytest.mark.parametrize("map_format", ["npy", "tiff"])
def test_what_is_written_is_read_again_to_the_bit(tmp_path, map_format):
    values = np.float32([[1e6, -1e6, 1e-40], [0.1, -0.0, 16777217]])
    path = tmp_path / f"a.{map_format}"
    path.write_bytes(encode_score_map(values, map_format))
    np.testing.assert_array_equal(read_score_map(path), values)


@pytest.mark.parametrize(
    "values", [MAP, -1e6 * MAP, np.float32([[1e-40, 3.0]]), np.full((2, 3), -7.25, np.float32)]
)
def test_a_map_of_levels_comes_back_to_half_of_one(tmp_path, values):
    path = tmp_path / "a.png"
    path.write_bytes(encode_score_map(values, "png16"))
    offset, scale = levels_of(values)
    found = read_score_map(path)
    assert (offset, found.min(), found.max()) == (values.min(), values.min(), values.max())
    wide = found.astype(np.float64) - values
    assert np.abs(wide).max() <= 0.5 * scale + np.spacing(np.abs(values).max())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((3, 4, 5)), "3 x 4 x 5; a map must be H x W or 1 x H x W"),
        (np.zeros((1, 1, 4, 5)), "1 x 1 x 4 x 5"),
        (np.zeros(7), "is 7; a map"),
        (np.array(3.0), "a single number"),
        (np.zeros((0, 4)), "0 x 4"),
        (np.zeros(SHAPE, bool), "holds bool"),
        (np.zeros(SHAPE, complex), "holds complex128"),
        (np.array([["a"]]), "floats or integers"),
        (np.array([[None]]), "cannot be decoded"),
        (np.full(SHAPE, np.nan), "63 of its 63 scores are not finite"),
        (np.where(np.eye(*SHAPE), np.inf, 0), "7 of its 63 scores"),
        (np.full(SHAPE, 1e39), "infinite in 32 bits"),
    ],
)
def test_an_array_that_is_no_map_is_refused_by_name(tmp_path, values, said):
    path = saved(tmp_path / "odd", values)
    with pytest.raises(ImageError, match=said) as caught:
        read_score_map(path)
    assert str(path) in str(caught.value)


def drawing(path: Path) -> None:
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(path, "PNG")


def colours(path: Path) -> None:
    Image.fromarray(np.zeros((*SHAPE, 3), np.uint8)).save(path, "TIFF")


def white_is_zero(path: Path) -> None:
    content = tiff(np.zeros(SHAPE, np.uint16), 1)
    path.write_bytes(content.replace(struct.pack("<HHII", 262, 4, 1, 1),
                                     struct.pack("<HHII", 262, 4, 1, 0)))  # fmt: skip


def two_pages(path: Path) -> None:
    page = Image.fromarray(MAP)
    page.save(path, "TIFF", save_all=True, append_images=[page])


REFUSED = {
    "drawing.png": (drawing, "is a drawing .PNG, 8 bits, grey.*16-bit grey PNG"),
    "colours.tiff": (colours, "3 x 8 bits.*one channel"),
    "white.tiff": (white_is_zero, "black as zero"),
    "pages.tif": (two_pages, "holds 2 images"),
    "double.tiff": (lambda p: p.write_bytes(tiff(MAP.astype("f8"), 3)), "save 32-bit floats"),
    "png.tiff": (drawing, "is a PNG; a map must be"),
    "text.npy": (lambda p: p.write_text("hello"), "cannot be decoded"),
    "text.tiff": (lambda p: p.write_text("hello"), "not an image"),
    "empty.npy": (lambda p: p.write_bytes(b""), "is empty"),
    "cut.npy": (lambda p: p.write_bytes(encode_score_map(MAP, "npy")[:-3]), "damaged"),
    "cut.tiff": (lambda p: p.write_bytes(encode_score_map(MAP, "tiff")[:-90]), "damaged"),
    "gone.npy": (lambda p: None, "no such file"),
    "gone.tiff": (lambda p: None, "no such file"),
    "folder.npy": (lambda p: p.mkdir(), "folder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_map_is_refused_by_name(tmp_path, name):
    make, said = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(ImageError, match=said) as caught:
        read_score_map(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_map_beyond_the_limits_is_refused_a_small_one_is_not(tmp_path):
    path = saved(tmp_path / "a", MAP)
    assert read_score_map(path, limits=ReadLimits(min_side_px=100)).shape == SHAPE
    with pytest.raises(ImageError, match="max_pixels"):
        read_score_map(path, limits=ReadLimits(max_pixels=60))
    with pytest.raises(ImageError, match="max_bytes"):
        read_score_map(path, limits=ReadLimits(max_bytes=60))


@pytest.mark.parametrize("size_hw", [(9, 7), (20, 31), (4, 3), (1, 1), (18, 7)])
def test_resizing_is_bilinear_with_pixel_centres_at_half(size_hw):
    expected = MAP.astype(np.float64)
    for axis in (0, 1):
        step = SHAPE[axis] / size_hw[axis]
        expected = np.moveaxis(
            bilinear(np.moveaxis(expected, axis, 0), size_hw[axis], step), 0, axis
        )
    found = resize_score_map(MAP, size_hw)
    assert (found.shape, found.dtype) == (size_hw, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_resizing_is_what_torch_does():
    torch = pytest.importorskip("torch", reason="needs the extra 'train'")
    image = torch.tensor(MAP)[None, None].double()
    for size_hw in ((20, 31), (4, 3)):
        expected = torch.nn.functional.interpolate(image, size=size_hw, mode="bilinear")
        np.testing.assert_allclose(resize_score_map(MAP, size_hw), expected[0, 0], atol=1e-6)


def test_resizing_keeps_a_constant_and_the_same_size_exactly():
    constant = np.full((3, 5), 0.1, np.float32)
    assert (resize_score_map(constant, (31, 17)) == np.float32(0.1)).all()
    np.testing.assert_array_equal(resize_score_map(MAP, SHAPE), MAP)
