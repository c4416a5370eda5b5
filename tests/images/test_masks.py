from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.errors import ImageError
from blemish.images.flat_values import count_values, grey_pixels
from blemish.images.header import FileContent, Reader, ReadLimits
from blemish.images.masks import decode_mask, looks_like_a_mask, read_mask

SIZE_HW = (40, 56)
MARKED = np.zeros(SIZE_HW, np.bool_)
MARKED[9:21, 14:33] = True
WHITE = MARKED * np.uint8(255)
NONE = np.zeros_like(WHITE)
RNG = np.random.default_rng(0)


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def array(values: object, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def tiff(values: np.ndarray, sample_format: int, order: str = "<") -> bytes:
    """A TIFF of numbers, by hand: Pillow writes few kinds."""
    values = values.astype(values.dtype.newbyteorder(order))
    (height, width), bits = values.shape, values.dtype.itemsize * 8
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height,
            279: values.nbytes, 339: sample_format}  # fmt: skip
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, n) for tag, n in tags.items())
    end = struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "I", 0)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", 8 + values.nbytes) + values.tobytes() + end


def palette(labels: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.new("P", labels.shape[::-1])
    image.frombytes(labels.astype(np.uint8).tobytes())
    image.putpalette(colours)
    return image


def labels() -> np.ndarray:
    """Two defects of other labels; their pixels together are those marked."""
    values = MARKED.astype(np.uint8)
    values[9:21, 25:33] = 200
    return values


MASKS = {
    "0 and 1": saved(MARKED.astype(np.uint8)),
    "0 and 100": saved(MARKED * np.uint8(100)),
    "0 and 255": saved(WHITE),
    "one bit": saved(MARKED),
    "several labels": saved(labels()),
    "16 bits, 1": saved(MARKED.astype(np.uint16)),
    "16 bits, 255": saved(MARKED * np.uint16(255)),
    "16 bits, 65535": saved(MARKED * np.uint16(65535)),
    "16 bits, big-endian": tiff(MARKED * np.uint16(1), 1, ">"),
    "white": saved(np.dstack([WHITE] * 3)),
    "dark red": saved(np.dstack([MARKED * np.uint8(127), NONE, NONE])),
    "faint blue": saved(np.dstack([NONE, NONE, MARKED.astype(np.uint8)])),
    "palette": saved(palette(labels() > 0, [0, 0, 0, 128, 0, 0])),
    "palette of labels": saved(palette(labels() % 99, [0, 0, 0] + [0, 1, 0] * 9)),
    "white on transparent white": saved(np.dstack([NONE + 255] * 3 + [WHITE])),
    "faint alpha": saved(np.dstack([labels()] * 3 + [MARKED.astype(np.uint8)])),
    "black on transparent": saved(np.dstack([NONE] * 3 + [WHITE])),
    "opaque alpha": saved(np.dstack([WHITE] * 3 + [NONE + 255])),
    "grey and alpha": saved(Image.fromarray(WHITE).convert("LA")),
    "bmp": saved(WHITE, "BMP"),
    "webp": saved(MARKED.astype(np.uint8), "WEBP", lossless=True),
    "group 4": saved(MARKED, "TIFF", compression="group4"),
    "32-bit integers": tiff(labels().astype(np.int32), 2),
    "32-bit integers, big-endian": tiff(labels().astype(np.int32), 2, ">"),
    "32-bit integers without sign": tiff(labels().astype(np.uint32) << np.uint32(24), 1),
    "8-bit integers": tiff(MARKED.astype(np.int8), 2),
    "floats": tiff(MARKED.astype(np.float32) * 1e-6, 3),
    "floats, big-endian": tiff(MARKED.astype(np.float32), 3, ">"),
    "compressed floats": saved(MARKED.astype(np.float32), "TIFF", compression="tiff_lzw"),
    "array of booleans": array(MARKED),
    "array of labels": array(labels().astype(np.int64)),
    "array of large labels": array(labels().astype(">u8") << 50),
    "array of floats": array(MARKED * 1e-30),
    "array, H x W x 1": array(MARKED[:, :, np.newaxis]),
    "array by columns": array(np.asfortranarray(labels())),
    "JPEG": saved(WHITE, "JPEG", quality=60),
    "JPEG of 0 and 100": saved(MARKED * np.uint8(100), "JPEG", quality=60),
    "red JPEG": saved(np.dstack([WHITE, NONE, NONE]), "JPEG", quality=95),
    "lossy WebP": saved(WHITE, "WEBP", quality=60),
    "lossy WebP with alpha": saved(np.dstack([WHITE] * 3 + [WHITE]), "WEBP", quality=60),
    "TIFF of JPEG": saved(WHITE, "TIFF", compression="jpeg"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MASKS)
def test_what_is_not_zero_is_defective_in_files_of_all_kinds(tmp_path: Path, kind: str) -> None:
    (tmp_path / "mask").write_bytes(MASKS[kind])
    for source in (MASKS[kind], tmp_path / "mask", FileContent(MASKS[kind], "mask")):
        mask = read_mask(source, size_hw=SIZE_HW)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, MARKED)


EMPTY = {
    "zeros": saved(NONE),
    "JPEG": saved(NONE, "JPEG"),
    "transparent": saved(np.dstack([NONE] * 4)),
    "black, half transparent": saved(np.dstack([NONE] * 3 + [NONE + 128])),
    "floats": tiff(np.zeros(SIZE_HW, np.float32), 3),
    "negative zero": array(np.full(SIZE_HW, -0.0)),
    "array": array(NONE),
    "palette of one label": saved(palette(NONE, [0, 0, 0])),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_an_empty_mask_is_read_as_empty(kind: str) -> None:
    assert not read_mask(EMPTY[kind], size_hw=SIZE_HW).any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_mask_of_every_pixel_is_read_as_full(kind: str) -> None:
    assert read_mask(saved(NONE + 255, kind), size_hw=SIZE_HW).all()


def photograph() -> np.ndarray:
    rows = np.linspace(20, 230, SIZE_HW[0])[:, np.newaxis]
    return np.clip(rows + RNG.normal(0, 9, SIZE_HW), 0, 255).astype(np.uint8)


def damaged(values: np.ndarray, number: float) -> np.ndarray:
    values = values.astype(np.float32)
    values[3, 3] = number
    return values


REFUSED = {
    "values under transparency": (
        saved(np.dstack([WHITE] * 3 + [NONE])), "only where it is transparent; save it without"),
    "black, nowhere transparent": (
        saved(np.dstack([NONE] * 3 + [WHITE // 2 + 9])), "neither colour nor alpha tells"),
    "labels of a black palette": (
        saved(palette(MARKED, [0, 0, 0] * 2)), "their palette is black; save the labels as grey"),
    "NaN": (tiff(damaged(MARKED, np.nan), 3), "1 of the mask's 2,240 values are not finite"),
    "infinite": (array(damaged(MARKED, np.inf)), "not finite"),
    "negative": (array(damaged(MARKED, -1)), "negative values, down to -1.*save 0 where good"),
    "negative integers": (tiff(-MARKED.astype(np.int32), 2), "down to -1"),
    "a photograph as JPEG": (saved(photograph(), "JPEG"), "not clearly two"),
    "three values as JPEG": (
        saved(np.where(labels() == 1, 90, labels()).astype(np.uint8), "JPEG"), "save it without"),
    "a bright photograph as JPEG": (saved(photograph() // 2 + 128, "JPEG"), "not clearly two"),
    "0 and 1 as JPEG": (saved(MARKED.astype(np.uint8), "JPEG", quality=95), "the highest is 1"),
    "grey and white as JPEG": (saved(WHITE // 2 + 90, "JPEG"), "not clearly two"),
    "64-bit floats": (tiff(MARKED.astype(np.float64), 3), "64-bit floating-point numbers"),
    "complex": (array(MARKED * 1j), "holds complex128; a mask must hold booleans, integers"),
    "texts": (array(np.full(SIZE_HW, "a")), "holds <U1"),
    "objects": (array(np.full(SIZE_HW, None), allow_pickle=True), "holds object"),
    "fields": (array(np.zeros(SIZE_HW, [("a", "u1")])), "a mask must hold booleans"),
    "three channels": (array(np.dstack([WHITE] * 3)), "is 40 x 56 x 3; a mask must be H x W or"),
    "a row": (array(NONE[0]), "is 56; a mask must be"),
    "a number": (array(np.uint8(1)), "a single number"),
    "a short array": (array(WHITE)[:-1], "may be damaged"),
    "a short header": (array(WHITE)[:20], "may be damaged"),
    "no header": (b"\x93NUMPY", "may be damaged"),
    "a TIFF cut off": (tiff(MARKED.astype(np.float32), 3)[8:], "not an image"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_told_is_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    data, told = REFUSED[kind]
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(ImageError, match=rf"mask\.png: .*{told}") as error:
        read_mask(tmp_path / "mask.png", size_hw=SIZE_HW)
    assert str(error.value).count("mask.png") == 1


def test_masks_of_another_size_name_both_and_say_what_to_do(tmp_path: Path) -> None:
    for name, data in (("a.png", saved(WHITE[:-1])), ("a.npy", array(MARKED[:-1])),
                       ("a.tif", tiff(MARKED[:-1].astype(np.float32), 3))):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=rf"{name}: the mask is 56 x 39 .* 56 x 40 .*export"):
            read_mask(tmp_path / name, size_hw=SIZE_HW)


def test_a_mask_as_its_image_is_stored_is_told_to_be_turned() -> None:
    with pytest.raises(ImageError, match=r"mask is 56 x 40 .* is 40 x 56 .*EXIF.*turn the mask"):
        read_mask(saved(WHITE), size_hw=SIZE_HW[::-1])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_mask_is_turned_by_its_own_orientation(kind: str, alpha: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(WHITE)
    pixels = np.dstack([0 * stored] * 3 + [stored]) if alpha else np.ascontiguousarray(stored)
    decoded = decode_mask(saved(pixels, kind, exif=exif), size_hw=SIZE_HW)
    np.testing.assert_array_equal(decoded.marked, MARKED)
    assert decoded.turned
    assert not decode_mask(saved(WHITE)).turned


def test_numbers_of_a_tiff_are_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    stored = np.rot90(MARKED, -1).astype(np.float32)
    decoded = decode_mask(saved(stored, "TIFF", exif=exif), size_hw=SIZE_HW)
    np.testing.assert_array_equal(decoded.marked, MARKED)
    assert decoded.turned


def test_the_size_of_an_array_is_checked_before_anything_is_made_of_it() -> None:
    header = array(np.zeros((40000, 1), np.uint8))[:128].replace(b"(40000, 1)", b"(40000,9999)")
    with pytest.raises(ImageError, match="at most 100000000 pixels"):
        decode_mask(header)
    with pytest.raises(ImageError, match=r"at most 1000 \(max_bytes\)"):
        decode_mask(array(WHITE), reader=Reader(ReadLimits(max_bytes=1000)))


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    values = np.empty(SIZE_HW, object)
    values[0, 0] = Trap()
    data = array(values, allow_pickle=True)
    with pytest.raises(ImageError, match="holds object"):
        read_mask(data, size_hw=SIZE_HW)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("width", [1, 3, 9])
def test_thin_defects_survive_a_jpeg(quality: int, width: int) -> None:
    mask = np.zeros((96, 96), np.uint8)
    for step in range(80):
        mask[10 + step // 2 : 10 + step // 2 + width, step + 4] = 255
    found = read_mask(saved(mask, "JPEG", quality=quality), size_hw=(96, 96))
    np.testing.assert_array_equal(found, mask > 0)


@pytest.mark.parametrize("label", [40, 100, 170])
@pytest.mark.parametrize("quality", [10, 60, 95])
def test_no_label_gets_lost_in_a_jpeg(label: int, quality: int) -> None:
    mask = np.zeros((96, 96), np.uint8)
    mask[10:40, 10:40], mask[60:72, 60:72] = 255, label
    with pytest.raises(ImageError, match="not clearly two"):
        read_mask(saved(mask, "JPEG", quality=quality), size_hw=(96, 96))


def soft(values: np.ndarray) -> np.ndarray:
    """Edges over a few pixels, as drawn with a soft brush or made smaller."""
    image = Image.fromarray(values)
    return np.asarray(image.resize((140, 100), Image.Resampling.BICUBIC))


def round_mask() -> np.ndarray:
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    return ((rows - 20) ** 2 + (columns - 27) ** 2 < 150) * np.uint8(255)


GREY = {
    "soft edges": soft(WHITE),
    "halved": np.asarray(Image.fromarray(round_mask()).resize((28, 20), Image.Resampling.BOX)),
    "JPEG before": np.asarray(Image.open(io.BytesIO(saved(soft(WHITE), "JPEG", quality=40)))),
    "shares": np.linspace(0, 1, 2240, dtype=np.float32).reshape(SIZE_HW),
    "16 bits": soft(WHITE).astype(np.uint16) * 257,
}  # fmt: skip
LABELS = {
    "two values": WHITE,
    "two labels": labels(),
    "many labels": np.repeat(np.repeat(np.arange(35).reshape(5, 7), 8, 0), 8, 1).astype(np.uint8),
    "thin labels": np.where(np.eye(40, 56, dtype=bool), 1, labels() * (labels() > 1)),
    "nothing": NONE,
    "booleans": MARKED,
}


@pytest.mark.parametrize("kind", GREY)
def test_soft_edges_are_told_from_labels(kind: str) -> None:
    values = GREY[kind]
    between = np.count_nonzero((values > 0) & (values < values.max()))
    assert grey_pixels(values) == between > 0


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_not_grey(kind: str) -> None:
    assert grey_pixels(LABELS[kind]) == 0


def test_values_are_counted_up_to_a_limit() -> None:
    colours = np.zeros((30, 30, 3), np.uint8)
    colours[3], colours[4] = (1, 2, 3), (3, 2, 1)
    assert count_values(colours, 3) == 3
    assert count_values(colours, 2) == 0
    assert count_values(colours.astype(np.uint16) * 300, 8) == 3
    rare = np.zeros((200, 200), np.uint8)
    rare[77, :5] = (1, 2, 3, 4, 5)
    assert count_values(rare, 4) == 0
    assert count_values(rare, 6) == 6


@pytest.mark.parametrize(
    "values", [*MASKS.values(), *EMPTY.values(), saved(soft(WHITE)), saved(~WHITE)]
)
def test_masks_look_like_masks(values: bytes) -> None:
    assert looks_like_a_mask(values)


def test_a_large_mask_is_told_without_being_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    large = saved(np.kron(WHITE, np.ones((20, 20), np.uint8)))
    monkeypatch.delattr("blemish.images.masks.decode_mask")
    assert looks_like_a_mask(large)


@pytest.mark.parametrize(
    "values",
    [
        saved(photograph()),
        saved(photograph(), "JPEG"),
        saved(photograph(), "WEBP"),
        saved(photograph() // 2 + 128, "JPEG"),
        saved(np.dstack([photograph()] * 3 + [NONE + 255])),
        saved(photograph().astype(np.uint16) * 16),
        b"no image",
        b"",
    ],
)
def test_photographs_and_what_is_no_image_do_not(values: bytes) -> None:
    assert not looks_like_a_mask(values)


@pytest.mark.parametrize("folder", ["mtd/ground_truth", "mvtec/bottle/ground_truth", "lgp/masks"])
def test_real_masks_are_read_as_they_are(shared: Path, folder: str) -> None:
    files = sorted((shared / "data" / folder).rglob("*.png"))
    assert len(files) > 50
    for path in files[::7]:
        values = np.asarray(Image.open(path))
        mask = read_mask(path, size_hw=values.shape)
        np.testing.assert_array_equal(mask, values > 127)
        if mask.any():
            as_jpeg = read_mask(saved(values, "JPEG", quality=75), size_hw=values.shape)
            np.testing.assert_array_equal(as_jpeg, mask)
