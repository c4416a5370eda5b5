from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from blemish.errors import ImageError
from blemish.images import overlay as drawing
from blemish.images.overlay import (
    MASK_RGB,
    REGION_RGB,
    displayable,
    encode_jpeg,
    heat_map,
    line_width_px,
    overlay,
)
from blemish.images.regions import find_regions
from blemish.result import Region

GREY = np.full((60, 80, 3), 128, np.uint8)


def pixels_of(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == np.array(colour, np.uint8)).all(axis=2)


def blob(size_hw: tuple[int, int] = (60, 80)) -> np.ndarray:
    inside = np.zeros(size_hw, bool)
    inside[20:30, 30:50] = True
    return inside


def region(box: tuple[int, int, int, int]) -> Region:
    return Region(area_px=1, box_xyxy=box, peak_score=3.0, peak_xy=(box[0], box[1]))


def test_colours_of_the_ramp_get_lighter_all_the_way() -> None:
    ramp = heat_map(np.linspace(0, 4, 256, dtype=np.float32)[None], threshold=2.0)[0]
    luminance = ramp @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) >= 0).all()
    assert luminance[-1] - luminance[0] > 150


def test_a_colour_means_the_same_share_of_the_threshold() -> None:
    scores = np.random.default_rng(0).random((5, 7)) * 3
    np.testing.assert_array_equal(
        heat_map(scores, threshold=1.5), heat_map(scores * 10, threshold=15.0)
    )


def test_scores_beyond_the_ramp_take_the_end_colours() -> None:
    drawn = heat_map(np.array([[-1000.0, 0.0, 2.0, 1000.0, np.inf]]), threshold=1.0)[0]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[2], drawn[3])
    np.testing.assert_array_equal(drawn[2], drawn[4])


@pytest.mark.parametrize("threshold", [0.0, -2.0])
def test_a_threshold_that_is_not_positive_still_separates(threshold: float) -> None:
    below, above = heat_map(np.array([[threshold - 5, threshold + 5]]), threshold=threshold)[0]
    assert above.sum() > below.sum()


def test_a_score_that_is_not_a_number_is_drawn_as_the_lowest() -> None:
    drawn = heat_map(np.array([[np.nan, 0.0]]), threshold=1.0)[0]
    np.testing.assert_array_equal(drawn[0], drawn[1])


def test_nothing_is_drawn_where_scores_are_well_below_the_threshold() -> None:
    drawn = overlay(GREY, np.full((60, 80), 0.8, np.float32), threshold=1.0)
    np.testing.assert_array_equal(drawn, GREY)


def test_the_map_shows_through_above_the_threshold() -> None:
    scores = np.where(blob(), 3.0, 0.1).astype(np.float32)
    drawn = overlay(GREY, scores, threshold=1.0)
    assert (drawn[blob()] != 128).any(axis=1).all()
    assert (drawn[~blob()] == 128).all()


def test_the_image_handed_in_is_not_changed() -> None:
    image = GREY.copy()
    overlay(image, np.full((60, 80), 9.0), threshold=1.0, mask=blob())
    np.testing.assert_array_equal(image, GREY)


def test_the_outline_of_a_region_lies_just_outside_of_it() -> None:
    scores = np.where(blob(), 3.0, 0.1)
    drawn = overlay(GREY, scores, threshold=1.0, regions=[region((30, 20, 50, 30))])
    expected = ndimage.binary_dilation(blob(), np.ones((3, 3))) & ~blob()
    np.testing.assert_array_equal(pixels_of(drawn, REGION_RGB), expected)


def test_only_the_regions_that_are_named_are_outlined() -> None:
    inside = blob()
    inside[50:55, 5:10] = True
    scores = np.where(inside, 3.0, 0.1)
    drawn = overlay(GREY, scores, threshold=1.0, regions=[region((30, 20, 50, 30))])
    assert not pixels_of(drawn, REGION_RGB)[40:].any()
    assert not pixels_of(overlay(GREY, scores, threshold=1.0), REGION_RGB).any()


def test_a_region_at_the_edge_of_the_image_is_outlined_inside_the_image() -> None:
    inside = np.zeros((60, 80), bool)
    inside[:10, :10] = True
    drawn = overlay(GREY, inside * 3.0, threshold=1.0, regions=[region((0, 0, 10, 10))])
    assert pixels_of(drawn, REGION_RGB).sum() == 10 + 10 + 1


@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_the_outline_of_the_mask_has_its_own_colour(dtype: type) -> None:
    drawn = overlay(GREY, np.zeros((60, 80)), threshold=1.0, mask=blob().astype(dtype) * dtype(1))
    expected = ndimage.binary_dilation(blob(), np.ones((3, 3))) & ~blob()
    np.testing.assert_array_equal(pixels_of(drawn, MASK_RGB), expected)


def test_lines_grow_with_the_image_and_never_vanish() -> None:
    assert line_width_px((1, 1)) == 1
    assert line_width_px((200, 100)) == 1
    assert line_width_px((1024, 2000)) == 10


def test_a_16_bit_image_is_stretched_for_display() -> None:
    twelve_bit = np.linspace(200, 4000, 60 * 80).reshape(60, 80).astype(np.uint16)
    shown = displayable(twelve_bit)
    assert shown.shape == (60, 80, 3)
    assert shown.dtype == np.uint8
    assert shown.min() == 0
    assert shown.max() == 255


def test_a_constant_16_bit_image_has_no_spread_to_stretch() -> None:
    assert displayable(np.full((4, 5), 4000, np.uint16)).max() == 0


def test_grey_and_16_bit_images_can_be_overlaid() -> None:
    for image in (GREY[..., 0], GREY.astype(np.uint16) * 200):
        drawn = overlay(image, np.zeros((60, 80)), threshold=1.0)
        assert drawn.shape == (60, 80, 3)


def test_one_pixel_is_an_image() -> None:
    one = np.zeros((1, 1, 3), np.uint8)
    assert overlay(one, np.ones((1, 1)), threshold=0.5, mask=np.ones((1, 1))).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((4, 4, 4), np.uint8), "H x W x 3; got 4 x 4 x 4"),
        (np.zeros((4, 4, 3), np.float32), "uint8 or uint16; got float32"),
        (np.zeros((0, 4, 3), np.uint8), "got 0 x 4 x 3"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, told: str) -> None:
    with pytest.raises(ImageError, match=told):
        displayable(image)


def test_a_map_or_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ImageError, match="score map must be of the image's size, 60 x 80"):
        overlay(GREY, np.zeros((80, 60)), threshold=1.0)
    with pytest.raises(ImageError, match="mask must be of the image's size, 60 x 80"):
        overlay(GREY, np.zeros((60, 80)), threshold=1.0, mask=np.zeros((6, 8)))


def test_thumbnails_keep_the_aspect_and_never_enlarge() -> None:
    large = encode_jpeg(np.zeros((600, 1200, 3), np.uint8), long_side_px=300)
    small = encode_jpeg(np.zeros((30, 20, 3), np.uint8), long_side_px=300)
    narrow = encode_jpeg(np.zeros((2000, 2, 3), np.uint8), long_side_px=100)
    sizes = [Image.open(io.BytesIO(data)).size for data in (large, small, narrow)]
    assert sizes == [(300, 150), (20, 30), (1, 100)]
    assert Image.open(io.BytesIO(large)).format == "JPEG"


def test_bands_of_rows_draw_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 4096, (301, 703, 3)).astype(np.uint16)
    scores = ndimage.gaussian_filter(rng.normal(size=(301, 703)), 3).astype(np.float32)
    options = {"threshold": 0.05, "regions": find_regions(scores, 0.05)[::2]}
    options["mask"] = ndimage.gaussian_filter(rng.normal(size=(301, 703)), 4) > 0.05
    whole = overlay(image, scores, **options)
    monkeypatch.setattr(drawing, "BAND_PIXELS", 703)
    np.testing.assert_array_equal(overlay(image, scores, **options), whole)


def test_drawing_takes_little_memory_beside_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "BAND_PIXELS", 1 << 16, raising=False)
    image, scores = np.zeros((1500, 1500, 3), np.uint8), np.zeros((1500, 1500), np.float32)
    scores[100:300, 100:300] = 2
    regions = find_regions(scores, 1)
    tracemalloc.start()
    try:
        overlay(image, scores, threshold=1.0, regions=regions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 9 * scores.size  # bytes; three of them are the drawing
