"""Zones as drawn, and the pixels that they leave to be inspected."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.errors import DataError, SettingError
from blemish.zones import Box, Disc, Inspected, Painting, Polygon, Zone, Zones

SIZE = 40, 60


def labels(*zones, size_hw=SIZE):
    return Zones(zones).on(size_hw)


def test_where_nothing_says_what_is_inspected_all_is_but_what_is_ignored():
    found = labels(Zone("glare", Box(10, 5, 20, 10), ignored=True))
    assert found.names == ("image",)
    expected = np.ones(SIZE, bool)
    expected[5:15, 10:30] = False
    assert (found.mask == expected).all()
    assert found.box_hw == SIZE


def test_the_later_zone_has_the_pixels_and_ignored_ones_are_nobodys():
    found = labels(
        Zone("hole", Box(0, 0, 4, 4), ignored=True),
        Zone("face", Box(0, 0, 30, 20)),
        Zone("seal", Box(20, 10, 20, 20)),
    )
    assert found.names == ("face", "seal")
    assert found.labels[2, 2] == 0
    assert found.labels[5, 5] == 1
    assert found.labels[15, 25] == 2
    assert found.labels[39, 59] == 0
    assert found.box_hw == (30, 40)


def test_shapes_of_one_name_are_one_zone():
    found = labels(Zone("pad", Box(0, 0, 5, 5)), Zone("pad", Box(50, 30, 5, 5)))
    assert found.names == ("pad",)
    assert found.mask.sum() == 50
    assert not found.fills_its_box


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        (Box(1, 2, 3, 4), 12),
        (Box(0.5, 0.5, 1, 1), 1),
        (Polygon(((0, 0), (10, 0), (10, 10), (0, 10))), 100),
        (Disc(20.5, 20.5, 0.4), 1),
        (Disc(20.5, 20.5, 1.2), 5),
    ],
)
def test_a_shape_covers_the_pixels_whose_centres_are_in_it(shape, pixels):
    assert labels(Zone("one", shape)).mask.sum() == pixels


def test_a_region_of_interest_is_one_rectangle():
    found = Zones.named("10, 5,20,10").on(SIZE)
    assert found.box == (slice(5, 15), slice(10, 30))
    assert found.fills_its_box


@pytest.mark.parametrize("text", ["0,0,0,5", "-1,0,5,5", "0,0,5,-5"])
def test_a_region_without_pixels_is_refused(text):
    with pytest.raises(SettingError, match="'roi' must be left, top, width and height"):
        Zones.named(text)


def test_zones_outside_of_the_image_say_where():
    with pytest.raises(DataError, match=r"zone 'face' reaches from \(50, 0\) to \(70, 10\)"):
        labels(Zone("face", Box(50, 0, 20, 10)))
    assert labels(Zone("face", Box(50, 0, 10.9, 10))).box_hw == (10, 10)  # a drawing's border


def test_zones_of_another_size_are_refused():
    with pytest.raises(DataError, match="drawn for images of 60 x 40 pixels, and the images are 6"):
        Zones((Zone("all", Box(0, 0, 5, 5)),), SIZE).on((30, 60))


def test_zones_without_a_pixel_are_refused():
    with pytest.raises(DataError, match="zone 'dot' covers no pixel"):
        labels(Zone("dot", Disc(20, 20, 0.1)))
    with pytest.raises(DataError, match="nothing of zone 'face' is left"):
        labels(Zone("face", Box(0, 0, 5, 5)), Zone("all", Box(0, 0, 60, 40), ignored=True))
    with pytest.raises(DataError, match="nothing of zone 'face' is left"):
        labels(Zone("face", Box(0, 0, 5, 5)), Zone("seal", Box(0, 0, 60, 40)))


def test_shares_are_of_all_zones_and_said_once():
    face, seal = Box(0, 0, 20, 40), Box(20, 0, 20, 40)
    found = labels(Zone("face", face, share=1), Zone("seal", seal, share=3, smallest_px=9))
    assert found.shares == (0.25, 0.75)
    assert found.smallest_px == (1, 9)
    with pytest.raises(DataError, match=r"either all zones have a share .* 'seal' has none"):
        labels(Zone("face", face, share=1), Zone("seal", seal))
    with pytest.raises(DataError, match="zone 'face' is given 1 and 2 for the same"):
        labels(Zone("face", face, share=1), Zone("face", seal, share=2))


def test_zones_as_text_and_back_are_the_same(monkeypatch):
    monkeypatch.setattr("blemish.zones.inspected.LONGEST", 7)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 3, SIZE)
    found = labels(Zone("a", Painting(noise == 1)), Zone("b", Painting(noise == 2)))
    again = Inspected.of_runs(found.size_hw, found.names, found.runs())
    assert (again.labels == found.labels).all()
    assert max(len(piece) for pieces in found.runs() for piece in pieces) == 7


@pytest.mark.parametrize(
    ("size_hw", "runs"),
    [((10**9, 10**9), (("1",),)), (SIZE, ()), (SIZE, (("~",),)), (SIZE, (("0",),))],
)
def test_text_of_strangers_that_is_none_of_ours_is_refused(size_hw, runs):
    with pytest.raises(ValueError, match=r"\w"):
        Inspected.of_runs(size_hw, ("a",), runs)


def test_a_fingerprint_is_of_what_is_drawn():
    one = Zones((Zone("a", Box(0, 0, 5, 5)),), source="one.json")
    assert one.fingerprint == Zones((Zone("a", Box(0, 0, 5, 5)),), source="two.json").fingerprint
    assert one.fingerprint != Zones((Zone("a", Box(0, 0, 5, 6)),)).fingerprint
    painted = [Painting(np.eye(5, k=shift) > 0) for shift in (0, 1)]
    prints = {Zones((Zone("a", shape),)).fingerprint for shape in painted}
    assert len(prints) == 2
