from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.errors import ImageError
from blemish.images.header import FileContent, FilePage, probe_image
from blemish.images.masks import read_mask
from blemish.images.read import read_image
from blemish.images.tiff_pages import images_in, whole_pages
from images.made_files import GREY, in_one_file, tiff

OTHERS = [GREY, 255 - GREY, GREY // 2]
SMALL = GREY[::2, ::2]


def numbers(data: bytes) -> list[int]:
    return [page.number for page in whole_pages(io.BytesIO(data))]


@pytest.mark.parametrize(
    ("kind", "why"),
    [(1, "a smaller copy"), (4, "a mask"), (5, "a mask of a smaller copy")],
)
def test_a_page_that_is_no_image_of_its_own_does_not_count(
    tmp_path: Path, kind: int, why: str
) -> None:
    main, other = tiff(GREY.tobytes()), tiff(SMALL.tobytes(), size_hw=SMALL.shape)
    for number, (pages, kinds) in enumerate(
        (((main, other), (0, kind)), ((other, main), (kind, 0)))
    ):
        path = tmp_path / f"{number}.tif"
        path.write_bytes(in_one_file(*pages, subfiles=kinds))
        assert images_in(path) == 1
        np.testing.assert_array_equal(read_image(path)[:, :, 0], GREY, err_msg=why)
        assert probe_image(path).size_hw == GREY.shape


def test_thumbnails_by_the_old_tag_do_not_count_either() -> None:
    other = tiff(SMALL.tobytes(), size_hw=SMALL.shape, more=[(255, [2])])
    assert numbers(in_one_file(tiff(GREY.tobytes()), other)) == [0]


def test_each_page_is_read_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    pages = [tiff(page.tobytes()) for page in OTHERS]
    thumbnail = tiff(SMALL.tobytes(), size_hw=SMALL.shape)
    path.write_bytes(in_one_file(pages[0], thumbnail, *pages[1:], subfiles=(0, 1, 0, 0)))
    assert images_in(path) == 3
    assert numbers(path.read_bytes()) == [0, 2, 3]
    for number, values in enumerate(OTHERS):
        for source in (FilePage(path, number), FileContent(path.read_bytes(), page=number)):
            np.testing.assert_array_equal(read_image(source)[:, :, 0], values)
    with pytest.raises(ImageError, match=r"stack\.tif: holds 3 images; `images_of`"):
        read_image(path)
    with pytest.raises(ImageError, match=r"stack\.tif#4: holds 3 image\(s\), there is no image 4"):
        read_image(FilePage(path, 3))


def test_pages_that_pillow_writes_are_read_with_their_own_size_depth_and_orientation(
    tmp_path: Path,
) -> None:
    path, exif = tmp_path / "stack.tif", Image.Exif()
    exif[0x0112] = 6
    deep = GREY.astype(np.uint16) * 16
    parts = [tmp_path / "a.tif", tmp_path / "b.tif"]
    Image.fromarray(GREY).save(parts[0], compression="tiff_lzw")
    Image.fromarray(deep).save(parts[1], exif=exif)
    with Image.open(parts[0]) as first, Image.open(parts[1]) as second:
        first.save(path, save_all=True, append_images=[second], compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(FilePage(path, 0))[:, :, 0], GREY)
    found = read_image(FilePage(path, 1))[:, :, 0]
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(np.sort(found, axis=None), np.sort(deep, axis=None))
    assert probe_image(FilePage(path, 1)).size_hw == found.shape


def test_a_mask_may_be_a_page(tmp_path: Path) -> None:
    path = tmp_path / "masks.tif"
    path.write_bytes(
        in_one_file(*(tiff((np.uint8(255) * (limit < GREY)).tobytes()) for limit in (50, 200)))
    )
    found = read_mask(FilePage(path, 1), size_hw=GREY.shape)
    np.testing.assert_array_equal(found, GREY > 200)


def test_a_file_of_thumbnails_alone_is_no_image_but_a_lone_one_is_meant() -> None:
    page = tiff(GREY.tobytes())
    assert numbers(in_one_file(page, subfiles=(1,))) == [0]
    raw = tiff(GREY.tobytes(), more=[(254, [1]), (330, [8])])  # as the raw file of a camera
    for data in (in_one_file(page, page, subfiles=(1, 1)), raw):
        with pytest.raises(ImageError, match="thumbnails and masks alone"):
            numbers(data)


def test_a_canon_raw_file_is_no_tiff_with_a_preview(tmp_path: Path) -> None:
    path, page = tmp_path / "a.tif", tiff(GREY.tobytes())
    path.write_bytes(page[:8] + b"CR\2\0" + page[12:])
    with pytest.raises(ImageError, match="a Canon raw file"):
        read_image(path)


def test_what_is_no_tiff_or_damaged_holds_one_image_and_reading_it_says_why(tmp_path: Path) -> None:
    files = {"a.png": b"", "a.tif": b"II*\0", "b.tif": b"nothing", "c.tif": bytes(40)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert images_in(tmp_path / name) == 1
    (tmp_path / "d.tif").write_bytes(b"II*\0" + struct.pack("<I", 2**31) + bytes(40))
    assert images_in(tmp_path / "d.tif") == 1
    with pytest.raises(ImageError, match="it may be damaged"):
        read_image(tmp_path / "d.tif")
    assert images_in(tmp_path / "missing.tif") == 1


def test_a_page_of_a_file_that_has_none_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert read_image(FilePage(tmp_path / "a.png", 0)).shape == (13, 21, 3)
    with pytest.raises(ImageError, match="holds a single image, there is no image 2"):
        read_image(FilePage(tmp_path / "a.png", 1))


@pytest.mark.parametrize("size", [21, 9])
def test_the_images_of_a_stereo_camera_are_two_and_a_preview_is_none(
    tmp_path: Path, size: int
) -> None:
    first, other = Image.fromarray(GREY), Image.fromarray(GREY).resize((size, size * 13 // 21))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[other])
    if size == 21:
        with pytest.raises(ImageError, match="holds 2 images"):
            read_image(tmp_path / "a.jpg")
    else:
        first.save(tmp_path / "alone.jpg", "JPEG")
        expected = read_image(tmp_path / "alone.jpg")
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected)
