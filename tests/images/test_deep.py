"""Colours of more than 8 bits, and formats that take a package of an extra."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from blemish.errors import ImageError
from blemish.images.header import FileContent, FilePage, Reader, ReadLimits, probe_image
from blemish.images.jpeg2000 import components_of
from blemish.images.jpegxl import header_of
from blemish.images.masks import read_mask
from blemish.images.read import read_image
from images.made_files import GREY, chunk, in_one_file, png, tiff

READS_AVIF = "avif" in features.get_supported()
RNG = np.random.default_rng(0)
HEIGHT, WIDTH = GREY.shape
DEEP = RNG.integers(0, 65536, (HEIGHT, WIDTH, 3), dtype=np.uint16)


def of_bits(bits: int, bands: int = 3) -> np.ndarray:
    values = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, bands), dtype=np.uint16)
    values[0, 0] = 2**bits - 1
    return values


def png16(values: np.ndarray, colour: int, more: bytes = b"") -> bytes:
    return png([row.astype(">u2").tobytes() for row in values], 16, colour, more=more, width=WIDTH)


def deep_tiff(values: np.ndarray, order: str = "<", *, big=False, **options) -> bytes:
    bands = values.shape[2]
    data = values.astype(f"{order}u2").tobytes()
    photometric = 2 if bands > 2 else 1
    return tiff(data, (16,) * bands, photometric=photometric, order=order, big=big, **options)


@pytest.fixture
def codecs():
    return pytest.importorskip("imagecodecs")


NEEDING_CODECS = {
    "png of 16-bit colour": (png16(DEEP, 2), DEEP),
    "png with gamma and significant bits": (
        png16(DEEP, 2, chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"sBIT", bytes([12] * 3))),
        DEEP,
    ),
    "tiff of 16-bit colour": (deep_tiff(DEEP), DEEP),
    "big-endian tiff of 16-bit colour": (deep_tiff(DEEP, ">"), DEEP),
    "bigtiff in big-endian order": (deep_tiff(DEEP, ">", big=True), DEEP),
    "bigtiff of 8-bit grey in big-endian order": (
        tiff(GREY.tobytes(), order=">", big=True), np.repeat(GREY[:, :, None], 3, 2)),
    "planes of 16 bits": (
        tiff(np.moveaxis(DEEP, -1, 0).astype("<u2").tobytes(), (16,) * 3, photometric=2,
             more=[(284, [2])], strips=[n * HEIGHT * WIDTH * 2 for n in range(3)]), DEEP),
    "a plane of 16-bit grey": (
        tiff(DEEP[:, :, 0].astype("<u2").tobytes(), (16,), more=[(284, [2])]),
        np.repeat(DEEP[:, :, :1], 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("kind", NEEDING_CODECS)
def test_all_bits_are_kept(codecs, kind: str) -> None:
    data, expected = NEEDING_CODECS[kind]
    facts, pixels = probe_image(data), read_image(data)
    assert pixels.dtype == expected.dtype
    assert facts.bit_depth == 8 * expected.dtype.itemsize
    assert facts.size_hw == GREY.shape
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("kind", NEEDING_CODECS)
def test_without_the_package_it_is_named_and_nothing_is_cut(monkeypatch, kind: str) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    for look in (read_image, probe_image):
        with pytest.raises(
            ImageError, match=r"package is missing: pip install 'blemish\[formats\]'"
        ):
            look(NEEDING_CODECS[kind][0])


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "pages"])
def test_compressed_tiffs_of_16_bit_colour_are_read(codecs, tmp_path, compression, layout) -> None:
    tifffile = pytest.importorskip("tifffile")
    large = RNG.integers(0, 65536, (40, 70, 3), dtype=np.uint16)
    options = {"tile": (16, 16)} if layout == "tiles" else {"rowsperstrip": 7}
    pages = [65535 - large, large] if layout == "pages" else [large]
    path = tmp_path / "deep.tif"
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", compression=compression, metadata=None, **options)
    source = FilePage(path, 1) if layout == "pages" else path
    np.testing.assert_array_equal(read_image(source), large)


def test_a_page_of_16_bit_colour_may_follow_one_of_grey(codecs) -> None:
    data = in_one_file(tiff(GREY.tobytes()), deep_tiff(DEEP))
    np.testing.assert_array_equal(read_image(FileContent(data, page=0))[:, :, 0], GREY)
    np.testing.assert_array_equal(read_image(FileContent(data, page=1)), DEEP)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colour_is_turned_upright(codecs, tmp_path: Path, orientation: int) -> None:
    path, exif = tmp_path / "turned.png", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(DEEP.astype(np.uint8)).save(path, exif=exif)
    expected = read_image(path)
    turned = png16(DEEP & 0xFF, 2, chunk(b"eXIf", exif.tobytes()[6:]))
    found = read_image(turned)
    np.testing.assert_array_equal(found, expected)
    assert probe_image(turned).size_hw == expected.shape[:2]
    turned = deep_tiff(DEEP & 0xFF, more=[(274, [orientation])])
    np.testing.assert_array_equal(read_image(turned), expected)
    assert probe_image(turned).size_hw == expected.shape[:2]


ALPHA = np.full((HEIGHT, WIDTH, 1), 65535, np.uint16)
CLEAR = np.where(RNG.random((HEIGHT, WIDTH, 1)) < 0.5, ALPHA, 0).astype(np.uint16)


@pytest.mark.parametrize(
    ("colours", "make"),
    [
        (DEEP, lambda values: png16(values, 6)),
        (DEEP[:, :, :1], lambda values: png16(values, 4)),
        (DEEP, lambda values: deep_tiff(values, more=[(338, [2])])),
        (DEEP[:, :, :1], lambda values: deep_tiff(values, more=[(338, [2])])),
    ],
)
def test_alpha_of_16_bits_is_treated_as_any_other(codecs, colours, make) -> None:
    expected = np.broadcast_to(colours, DEEP.shape)
    opaque, clear = (make(np.dstack([colours, alpha])) for alpha in (ALPHA, CLEAR))
    assert probe_image(opaque).has_alpha
    np.testing.assert_array_equal(read_image(opaque), expected)
    with pytest.raises(ImageError, match="transparent pixels"):
        read_image(clear)
    np.testing.assert_array_equal(read_image(clear, Reader(alpha="drop")), expected)
    flat = np.where(CLEAR > 0, expected, 0)
    np.testing.assert_array_equal(read_image(clear, Reader(alpha="flatten")), flat)
    half = make(np.dstack([colours, ALPHA // 2]))
    found = read_image(half, Reader(alpha="flatten"))
    np.testing.assert_array_equal(found, np.floor(expected * (32767 / 65535) + 0.5))
    gone = make(np.dstack([colours, 0 * ALPHA]))
    with pytest.raises(ImageError, match="transparent nearly everywhere"):
        read_image(gone, Reader(alpha="flatten"))
    with pytest.raises(ImageError, match="the mask would be empty"):
        read_mask(gone, size_hw=GREY.shape)
    np.testing.assert_array_equal(read_mask(clear, size_hw=GREY.shape), (flat != 0).any(axis=2))


def test_a_transparent_value_of_a_16_bit_png_that_no_pixel_has_hides_nothing(codecs) -> None:
    grey = DEEP[:, :, 0] | 1
    data = png16(grey, 0, chunk(b"tRNS", struct.pack(">H", 8)))
    np.testing.assert_array_equal(read_image(data)[:, :, 0], grey)
    data = png16(grey, 0, chunk(b"tRNS", struct.pack(">H", int(grey[3, 3]))))
    with pytest.raises(ImageError, match="transparent pixels"):
        read_image(data)


def test_what_no_band_says_of_itself_is_refused(codecs) -> None:
    five = np.dstack([DEEP, DEEP[:, :, :1]])
    for extra, why in (([0], "does not say what it is"), ([1], "multiplied into them")):
        with pytest.raises(ImageError, match=why):
            read_image(deep_tiff(five, more=[(338, extra)]))


@pytest.mark.parametrize("kind", ["png of 16-bit colour", "tiff of 16-bit colour"])
def test_files_cut_off_are_damaged_and_never_black(codecs, kind: str) -> None:
    data = NEEDING_CODECS[kind][0]
    for end in (len(data) // 2, len(data) - 40):
        with pytest.raises(ImageError, match=r"cannot be decoded|damaged"):
            read_image(data[:end])


def test_a_png_is_damaged_wherever_a_bit_of_its_pixels_is_another(codecs, capfd) -> None:
    data = NEEDING_CODECS["png of 16-bit colour"][0]
    pixels = range(data.index(b"IDAT"), data.index(b"IEND") - 8)
    for place in RNG.choice(pixels, 300, replace=False).tolist() + list(pixels)[-12:]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(RNG.integers(8))
        with pytest.raises(ImageError, match="damaged"):
            read_image(bytes(flipped))
    assert not "".join(capfd.readouterr())


def test_a_large_one_is_refused_before_it_is_decoded(codecs) -> None:
    small = Reader(ReadLimits(max_pixels=100))
    for kind in NEEDING_CODECS:
        with pytest.raises(ImageError, match="at most 100 pixels"):
            probe_image(NEEDING_CODECS[kind][0], small)


def jp2(codecs, values: np.ndarray, bits: int, form: str = "jp2") -> bytes:
    return codecs.jpeg2k_encode(values, bitspersample=bits, codecformat=form, reversible=True)


@pytest.mark.parametrize("form", ["jp2", "j2k"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("bands", [1, 3])
def test_jpeg_2000_keeps_its_bits(codecs, form: str, bits: int, bands: int) -> None:
    values = of_bits(bits, bands).astype(np.uint8 if bits == 8 else np.uint16)
    data = jp2(codecs, values if bands == 3 else values[:, :, 0], bits, form)
    found = components_of(io.BytesIO(data))
    assert (found.size_hw, found.count, found.bits) == (GREY.shape, bands, bits)
    pixels = read_image(data)
    assert pixels.dtype == values.dtype
    np.testing.assert_array_equal(pixels, np.broadcast_to(values, DEEP.shape))


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
@pytest.mark.parametrize("suffix", ["jp2", "j2k"])
def test_jpeg_2000_of_8_bits_needs_no_package(monkeypatch, tmp_path: Path, suffix: str) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    colours = (DEEP >> 8).astype(np.uint8)
    for values in (colours, colours[:, :, 0]):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(values).save(path)
        found = read_image(path)
        np.testing.assert_array_equal(
            found, np.broadcast_to(values.reshape(HEIGHT, WIDTH, -1), found.shape)
        )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
def test_jpeg_2000_that_would_be_read_wrong_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    Image.fromarray(DEEP[:, :, 0].astype(np.uint8)).save(path)
    whole = path.read_bytes()
    size = whole.index(b"\xff\x4f\xff\x51") + 6
    for place, value, why in ((36, 0x87, "signed"), (36, 3, "of 4 bits"), (37, 2, "subsampled")):
        changed = bytearray(whole)
        changed[size + place] = value
        path.write_bytes(changed)
        with pytest.raises(ImageError, match=f"not read .*{why}"):
            read_image(path)
    header = whole.index(b"colr")
    path.write_bytes(whole[: header + 7] + struct.pack(">I", 12) + whole[header + 11 :])
    with pytest.raises(ImageError, match="colours of kind 12"):
        read_image(path)


@pytest.mark.skipif(not READS_AVIF, reason="Pillow before 11.3 reads no AVIF")
def test_avif_of_8_bits_is_read_by_pillow_and_turned(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    flat = np.zeros((48, 64, 3), np.uint8)
    flat[:24, :32], flat[24:, 32:] = (200, 30, 30), (30, 200, 30)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(flat).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4", exif=exif)
    found = read_image(tmp_path / "a.avif").astype(int)
    assert abs(found - np.rot90(flat, -1)).max() <= 2
    assert probe_image(tmp_path / "a.avif").size_hw == (64, 48)
    several = [Image.fromarray(255 - flat)]
    Image.fromarray(flat).save(tmp_path / "b.avif", save_all=True, append_images=several)
    with pytest.raises(ImageError, match="holds 2 images"):
        read_image(tmp_path / "b.avif")


@pytest.mark.skipif(READS_AVIF, reason="this Pillow reads AVIF")
def test_an_older_pillow_says_which_reads_avif() -> None:
    with pytest.raises(ImageError, match=r"pip install 'pillow>=11\.3'"):
        read_image(b"\0\0\0\x14ftypavif\0\0\0\0avif" + bytes(99))


@pytest.mark.skipif(not READS_AVIF, reason="Pillow before 11.3 reads no AVIF")
@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_more_bits_keeps_them_or_asks_for_the_package(codecs, monkeypatch, bits) -> None:
    values = of_bits(bits)
    data = codecs.avif_encode(values, bitspersample=bits, level=100, pixelformat="444")
    np.testing.assert_array_equal(read_image(data), values)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(ImageError, match=rf"AVIF of {bits} bits.*blemish\[formats\]"):
        probe_image(data)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_jpeg_xl_keeps_its_bits(codecs, bits: int, bands: int) -> None:
    values = of_bits(bits, bands).astype(np.uint8 if bits == 8 else np.uint16)
    values[:, :, 3:] = 2**bits - 1  # opaque
    data = codecs.jpegxl_encode(
        values[:, :, 0] if bands == 1 else values, lossless=True, bitspersample=bits
    )
    found = header_of(io.BytesIO(data))
    assert (found.size_hw, found.bits, found.bands) == (GREY.shape, bits, bands)
    colours = values[:, :, :3]
    pixels = read_image(data)
    assert pixels.dtype == values.dtype
    np.testing.assert_array_equal(pixels, np.broadcast_to(colours, DEEP.shape))


@pytest.mark.parametrize("size_hw", [(8, 8), (256, 512), (300, 400), (1000, 8), (9, 600)])
def test_the_size_of_jpeg_xl_is_known_before_it_is_decoded(codecs, size_hw) -> None:
    data = codecs.jpegxl_encode(np.zeros((*size_hw, 3), np.uint8), level=80)
    assert header_of(io.BytesIO(data)).size_hw == size_hw
    assert read_image(data).shape == (*size_hw, 3)
    with pytest.raises(ImageError, match="at most 63 pixels"):
        probe_image(data, Reader(ReadLimits(max_pixels=63)))


def test_jpeg_xl_that_would_be_read_wrong_is_refused(codecs) -> None:
    moving = codecs.jpegxl_encode(np.zeros((2, 16, 16, 3), np.uint8))
    with pytest.raises(ImageError, match="animated"):
        read_image(moving)
    floats = codecs.jpegxl_encode(np.zeros((16, 16, 3), np.float32))
    with pytest.raises(ImageError, match="floating-point"):
        read_image(floats)
    whole = codecs.jpegxl_encode(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8), lossless=True)
    for end in (3, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ImageError, match=r"cut off|cannot be decoded"):
            read_image(whole[:end])


def test_jpeg_xl_without_the_package_names_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    data = b"\xff\x0a\x41" + bytes(64)
    with pytest.raises(ImageError, match=r"is JPEG XL, .*pip install 'blemish\[formats\]'"):
        read_image(data)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def test_heif_without_the_package_names_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"is HEIF \(HEIC\), .*pip install 'blemish\[heif\]'"):
        read_image(HEIC)


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_heif_keeps_its_bits_and_changes_nothing_of_pillow(bits: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    values = RNG.integers(0, 2**bits, (48, 64, 3)).astype(np.uint8 if bits == 8 else np.uint16)
    mode, shift = ("RGB", 0) if bits == 8 else ("RGB;16", 16 - bits)
    heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    stream = io.BytesIO()
    file = heif.from_bytes(mode, (64, 48), (values << shift).tobytes())
    file.save(stream, quality=-1, chroma=444, matrix_coefficients=0)
    pixels = read_image(stream.getvalue())
    assert pixels.dtype == values.dtype
    np.testing.assert_array_equal(pixels, values)
    assert probe_image(stream.getvalue()).bit_depth == (8 if bits == 8 else 16)
    assert "HEIF" not in Image.OPEN
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_image(stream.getvalue()[: len(stream.getvalue()) // 2])
