"""Files that draw zones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from blemish.errors import DataError
from blemish.zones import Box, Disc, Polygon, Zone, Zones


def written(path, value):
    path.write_text(json.dumps(value))
    return path


def test_shapes_of_our_own_form(tmp_path):
    path = written(
        tmp_path / "zones.json",
        {
            "size": [60, 40],
            "zones": [
                {"name": "seal", "polygon": [[0, 0], [10, 0], [0, 10]]},
                {"name": "thread", "box": [1, 2, 3, 4], "ignore": True},
                {"name": "lid", "circle": [20, 20, 5]},
            ],
        },
    )
    found = Zones.read(path)
    assert found.size_hw == (40, 60)
    assert found.zones == (
        Zone("seal", Polygon(((0, 0), (10, 0), (0, 10)))),
        Zone("thread", Box(1, 2, 3, 4), ignored=True),
        Zone("lid", Disc(20, 20, 5)),
    )


def test_a_file_of_labelme(tmp_path):
    shapes = [
        {"label": "seal", "shape_type": "rectangle", "points": [[30, 20], [10, 5]]},
        {"label": "Ignore glare", "shape_type": "circle", "points": [[20, 20], [23, 24]]},
        {"label": "ignorant", "points": [[0, 0], [10, 0], [0, 10]], "shape_type": "polygon"},
    ]
    value = {"version": "5.5", "shapes": shapes, "imageWidth": 60, "imageHeight": 40}
    found = Zones.read(written(tmp_path / "zones.json", value))
    assert found.size_hw == (40, 60)
    assert [zone.ignored for zone in found.zones] == [False, True, False]
    assert found.zones[0].shape == Box(10, 5, 20, 15)
    assert found.zones[1].shape == Disc(20, 20, 5)


def test_a_mask_has_a_zone_for_each_value(tmp_path):
    pixels = np.zeros((40, 60), np.uint8)
    pixels[:10], pixels[30:] = 1, 255
    Image.fromarray(pixels).save(tmp_path / "zones.png")
    found = Zones.read(tmp_path / "zones.png").on((40, 60))
    assert found.names == ("zone 1", "zone 255")
    assert (found.labels[5] == 1).all()
    assert (found.labels[35] == 2).all()
    Image.fromarray((pixels > 1).astype(np.uint8)).save(tmp_path / "zones.png")
    assert Zones.read(tmp_path / "zones.png").on((40, 60)).names == ("inspected",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"zones": []}, "draws no zone"),
        ({"zones": [{"name": "a"}]}, "zone 'a' must have one of polygon, box and circle"),
        ({"zones": [{"name": "a", "box": [0, 0, 1, 1], "circle": [1, 1, 1]}]}, "must have one"),
        ({"zones": [{"name": "a", "box": [0, 0, 0, 1]}]}, "has no area"),
        ({"zones": [{"name": "a", "circle": [0, 0, 0]}]}, "has no area"),
        ({"zones": [{"name": "a", "polygon": [[0, 0], [1, 1]]}]}, "has 2 corners"),
        ({"zones": [{"name": "a", "boks": [0, 0, 1, 1]}]}, "boks"),
        ({"zones": 3}, "zones"),
        ([], "object"),
        ({"shapes": [], "imageWidth": 60, "imageHeight": 40}, "draws no zone"),
        (
            {
                "shapes": [{"label": "a", "shape_type": "line", "points": [[0, 0], [1, 1]]}],
                "imageWidth": 60,
                "imageHeight": 40,
            },
            "zone 'a' is a line of 2 points",
        ),
    ],
)
def test_what_is_no_file_of_zones_says_why(tmp_path, value, said):
    path = written(tmp_path / "zones.json", value)
    with pytest.raises(DataError, match=said) as error:
        Zones.read(path)
    assert str(path) in str(error.value)


def test_other_files_say_what_draws_zones(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Zones.read(tmp_path / "zones.json")
    (tmp_path / "zones.txt").write_text("a")
    with pytest.raises(DataError, match=r"by a mask \(PNG\) or by shapes \(JSON\)"):
        Zones.read(tmp_path / "zones.txt")
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "zones.png")
    with pytest.raises(DataError, match="nothing would be inspected"):
        Zones.read(tmp_path / "zones.png")
