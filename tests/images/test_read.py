from __future__ import annotations

import io
import os
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from blemish.errors import ImageError, SettingError
from blemish.images.header import FileContent, Reader, ReadLimits, probe_image
from blemish.images.read import as_image, read_image
from blemish.images.tiff import check_strips


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG file made by hand, for kinds that Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_lossless_formats_give_the_pixels_back(
    tmp_path: Path, rgb: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(rgb).save(path, lossless=True)
    np.testing.assert_array_equal(read_image(path), rgb)
    facts = probe_image(path)
    assert (facts.size_hw, facts.bit_depth, facts.channels) == ((12, 17), 8, "rgb")


def test_jpeg_reads_as_pillow_reads_it(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "image.jpg"
    Image.fromarray(rgb).save(path)
    np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path)))


def test_content_and_not_suffix_says_the_format(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "image.jpg"
    Image.fromarray(rgb).save(path, format="PNG")
    assert probe_image(path).format == "PNG"
    np.testing.assert_array_equal(read_image(path), rgb)


def test_grey_is_repeated(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(rgb[:, :, 0]).save(path)
    image = read_image(path)
    assert probe_image(path).channels == "grey"
    np.testing.assert_array_equal(image, np.repeat(rgb[:, :, :1], 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_grey_keeps_its_16_bits(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (9, 11), dtype=np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    image = read_image(path)
    assert image.dtype == np.uint16
    assert image.dtype.isnative
    assert probe_image(path).bit_depth == 16
    np.testing.assert_array_equal(image, np.repeat(values[:, :, None], 3, axis=2))


def test_palette_and_one_bit_are_converted(tmp_path: Path, rgb: np.ndarray) -> None:
    palette = Image.fromarray(rgb).quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "palette.png"), np.asarray(palette.convert("RGB"))
    )
    bits = rgb[:, :, 0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png")[:, :, 1], bits * np.uint8(255))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(
    tmp_path: Path, rgb: np.ndarray, suffix: str, orientation: int
) -> None:
    path = tmp_path / f"turned.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(rgb).save(path, exif=exif, lossless=True)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    np.testing.assert_array_equal(read_image(path), expected)
    assert probe_image(path).size_hw == expected.shape[:2]
    np.testing.assert_array_equal(as_image(Image.open(path)), expected)


def test_opaque_alpha_is_dropped(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "opaque.png"
    Image.fromarray(np.dstack([rgb, np.full((12, 17), 255, np.uint8)])).save(path)
    assert probe_image(path).has_alpha
    np.testing.assert_array_equal(read_image(path), rgb)


def test_alpha_that_hides_something_is_refused_or_flattened(
    tmp_path: Path, rgb: np.ndarray
) -> None:
    path = tmp_path / "hole.png"
    alpha = np.full((12, 17), 255, np.uint8)
    alpha[:5] = 0
    Image.fromarray(np.dstack([rgb, alpha])).save(path)
    with pytest.raises(ImageError, match=r"hole\.png: .*alpha='flatten'"):
        read_image(path)
    flat = read_image(path, Reader(alpha="flatten"))
    assert not flat[:5].any()
    np.testing.assert_array_equal(flat[5:], rgb[5:])


def test_transparent_colour_of_a_grey_png_counts_as_alpha(tmp_path: Path) -> None:
    path = tmp_path / "key.png"
    grey = np.full((10, 10), 200, np.uint8)
    grey[0] = 7
    Image.fromarray(grey).save(path, transparency=7)
    with pytest.raises(ImageError, match="transparent"):
        read_image(path)
    assert (read_image(path, Reader(alpha="flatten"))[0] == 0).all()


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_is_never_cut_without_the_package_that_reads_it(
    tmp_path: Path, colour: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    path = tmp_path / "deep.png"
    path.write_bytes(png(10, 10, 16, colour, (b"\0" + bytes(10 * channels * 2)) * 10))
    for read in (read_image, probe_image):
        with pytest.raises(ImageError, match=r"16-bit.*pip install 'blemish\[formats\]'"):
            read(path)


@pytest.mark.parametrize("values", [np.zeros((9, 9), np.float32), np.zeros((9, 9), np.int32)])
def test_float_and_32_bit_tiffs_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    path = tmp_path / "float.tiff"
    Image.fromarray(values).save(path)
    with pytest.raises(ImageError, match=r"float\.tiff: its pixels are"):
        read_image(path)


def test_cmyk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (10, 10)).save(path)
    with pytest.raises(ImageError, match="CMYK"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["tiff", "png", "webp"])
def test_several_pages_are_refused(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"pages.{suffix}"
    other = Image.fromarray(255 - rgb)
    Image.fromarray(rgb).save(path, save_all=True, append_images=[other])
    with pytest.raises(ImageError, match="holds 2 images"):
        read_image(path)


def test_what_is_no_image_is_named_with_its_reason(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    stream = io.BytesIO()
    Image.fromarray(np.tile(rgb, (20, 20, 1))).save(stream, format="JPEG")
    (tmp_path / "half.jpg").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    reasons = {
        "text.png": "not an image",
        "empty.png": "empty",
        "folder.png": "folder",
        "half.jpg": "truncated",
        "missing.png": "no such file",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageError, match=rf"{name}: .*{reason}"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp"])
def test_damaged_files_raise_nothing_but_image_errors(
    tmp_path: Path, rgb: np.ndarray, suffix: str
) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(rgb).save(path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(60):
        damaged = whole[: rng.integers(1, len(whole) + 1)].copy()
        damaged[rng.integers(0, len(damaged), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert read_image(path).ndim == 3
            except ImageError as error:
                assert str(path) in str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_a_file_without_permission_is_an_image_error(tmp_path: Path, rgb: np.ndarray) -> None:
    path = tmp_path / "locked.png"
    Image.fromarray(rgb).save(path)
    path.chmod(0)
    with pytest.raises(ImageError, match="not permitted"):
        read_image(path)


@pytest.mark.parametrize("size", [(20_000, 20_000), (12_000, 9_000)])
def test_a_bomb_is_refused_by_its_header_without_a_warning(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size, 8, 0, b""))  # nothing to decode: a decoder would say truncated
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="at most 100000000 pixels"):
            read_image(path)


@pytest.mark.parametrize("suffix", ["png", "tiff", "jpg"])
def test_our_limit_counts_and_not_the_one_of_pillow(
    tmp_path: Path, rgb: np.ndarray, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(rgb).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).shape == rgb.shape
    assert Image.MAX_IMAGE_PIXELS == 10


def test_tiny_images_and_large_files_are_refused(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "tiny.png")
    Image.fromarray(rgb).save(tmp_path / "large.bmp")
    with pytest.raises(ImageError, match="at least 8 pixels"):
        read_image(tmp_path / "tiny.png")
    with pytest.raises(ImageError, match=r"at most 100 \(max_bytes\)"):
        read_image(tmp_path / "large.bmp", Reader(ReadLimits(max_bytes=100)))
    with pytest.raises(SettingError, match="max_pixels"):
        ReadLimits(max_pixels=0)


def test_arrays_are_taken_as_images(rgb: np.ndarray) -> None:
    grey = rgb[:, :, 0]
    np.testing.assert_array_equal(as_image(rgb), rgb)
    np.testing.assert_array_equal(as_image(grey), as_image(grey[:, :, None]))
    assert as_image(grey).shape == (12, 17, 3)
    assert as_image(rgb[::-1]).flags.c_contiguous
    swapped = grey.astype(">u2")
    assert as_image(swapped).dtype == np.uint16
    assert as_image(swapped).dtype.isnative
    np.testing.assert_array_equal(as_image(swapped)[:, :, 0], grey)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((12, 12), np.float32),
        np.zeros((12, 12), np.bool_),
        np.zeros((12, 12, 4), np.uint8),
        np.zeros((1, 12, 12, 3), np.uint8),
        np.zeros(12, np.uint8),
        np.zeros((2, 12), np.uint8),
        np.zeros((0, 12), np.uint8),
        "image.png",
        None,
    ],
)
def test_other_arrays_and_objects_are_refused(wrong: object) -> None:
    with pytest.raises(ImageError, match="array"):
        as_image(wrong)  # type: ignore[arg-type]


def test_pillow_images_follow_the_same_rules(rgb: np.ndarray) -> None:
    np.testing.assert_array_equal(as_image(Image.fromarray(rgb)), rgb)
    deep = np.arange(100, dtype=np.uint16).reshape(10, 10) * 600
    np.testing.assert_array_equal(as_image(Image.fromarray(deep))[:, :, 2], deep)
    with pytest.raises(ImageError, match="transparent"):
        as_image(Image.new("RGBA", (10, 10)))
    faint = Image.new("RGBA", (10, 10), (9, 9, 9, 12))
    assert not as_image(faint, Reader(alpha="flatten")).any()
    faint.putalpha(1)
    with pytest.raises(ImageError, match="nearly everywhere"):
        as_image(faint, Reader(alpha="flatten"))
    with pytest.raises(ImageError, match="Pillow image"):
        as_image(Image.new("F", (10, 10)))


def test_real_images_read_as_pillow_reads_them(shared: Path) -> None:
    for name in ("mtd/train/good/exp1_num_37978.jpg", "mvtec/bottle/train/good/000.png"):
        path = shared / "data" / name
        np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("given", [bytes, io.BytesIO])
def test_bytes_and_file_objects_are_read_as_their_file_is(tmp_path: Path, rgb, given) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(rgb).save(path)
    np.testing.assert_array_equal(read_image(given(path.read_bytes())), rgb)
    with path.open("rb") as stream:
        np.testing.assert_array_equal(read_image(stream), rgb)


def test_a_file_object_is_named_in_errors_and_bytes_are_the_image(tmp_path: Path, rgb) -> None:
    path = tmp_path / "torn.png"
    Image.fromarray(rgb).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with path.open("rb") as stream, pytest.raises(ImageError, match=r"torn\.png: cannot be"):
        read_image(stream)
    with pytest.raises(ImageError, match=r"^the image: cannot be decoded"):
        read_image(path.read_bytes())
    with pytest.raises(ImageError, match=r"^camera 2: the file is empty"):
        read_image(FileContent(b"", "camera 2"))


def test_of_a_file_object_no_more_is_read_than_is_allowed() -> None:
    class Endless(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            assert size >= 0
            Endless.taken += size
            return bytes(size)

    with pytest.raises(ImageError, match="at most 1000"):
        read_image(Endless(), Reader(ReadLimits(max_bytes=1000)))
    assert Endless.taken == 1001


def test_a_tile_that_is_far_larger_than_its_image_is_refused() -> None:
    """It would be decoded whole."""
    tags = {256: (64,), 257: (64,), 259: (8,), 324: (8,)}
    check_strips(tags | {322: (256,), 323: (256,)})
    with pytest.raises(ImageError, match="has tiles of 400,000,000 pixels"):
        check_strips(tags | {322: (20_000,), 323: (20_000,)})
