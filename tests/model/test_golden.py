"""Golden samples: what is kept of an image, and how it is compared."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import blemish
from blemish.errors import ModelFileError
from blemish.model.facts import SCHEMA, parse_facts
from blemish.model.golden import (
    CELLS,
    MOST_IMAGES,
    Circumstances,
    GoldenImage,
    grid_of,
    map_difference,
    score_difference,
    turned,
)
from blemish.model.variants import with_golden

BY = Circumstances("onnxruntime 1.0", "cpu", "x86_64", "pillow 11.0")


def golden(name="good/a.png", score=1.0, level=0.5):
    grid = ((level,) * CELLS,) * CELLS
    return GoldenImage(name, "0" * 64, "1" * 64, score, grid, BY)


def slow_grid(score_map):
    """Each pixel is looked at for each cell."""
    height, width = score_map.shape
    cells = [[-np.inf] * CELLS for _ in range(CELLS)]
    for i in range(CELLS):
        for j in range(CELLS):
            for y in range(height):
                for x in range(width):
                    inside = i * height < (y + 1) * CELLS and y * CELLS < (i + 1) * height
                    across = j * width < (x + 1) * CELLS and x * CELLS < (j + 1) * width
                    if inside and across:
                        cells[i][j] = max(cells[i][j], float(score_map[y, x]))
    return tuple(map(tuple, cells))


@pytest.mark.parametrize("size_hw", [(1, 1), (3, 9), (8, 8), (16, 24), (17, 30), (64, 50)])
def test_a_grid_has_the_largest_value_of_each_cell_and_leaves_no_pixel_out(size_hw):
    rng = np.random.default_rng(0)
    score_map = rng.standard_normal(size_hw).astype(np.float32)
    assert grid_of(score_map) == slow_grid(score_map)
    for _ in range(5):
        spot = np.zeros(size_hw, np.float32)
        y, x = (int(rng.integers(length)) for length in size_hw)
        spot[y, x] = 1
        assert np.max(grid_of(spot)) == 1


def test_differences_are_shares_of_the_threshold_or_of_the_score_where_that_is_larger():
    assert score_difference(1.0, 1.5, 2.0) == 0.25
    assert score_difference(4.0, 5.0, 2.0) == 0.25
    assert score_difference(-4.0, -5.0, 2.0) == 0.25
    assert score_difference(0.0, 0.0, 0.0) == 0
    assert score_difference(0.0, 1.0, 0.0) > 1
    one = golden(level=0.5)
    rows = [list(row) for row in one.grid]
    rows[3][5] = 0.75
    other = replace(one, grid=tuple(map(tuple, rows)))
    assert map_difference(one, other, 2.0) == 0.125
    assert map_difference(other, one, 0.1) == pytest.approx(1 / 3)


def test_verdict_and_margin_follow_from_the_score():
    image = golden(score=1.5)
    assert (image.verdict(1.0), image.verdict(1.5)) == ("defect", "good")
    assert image.margin(1.0) == 0.5
    assert image.margin(3.0) == -0.5
    assert image.peak == 0.5
    images = [golden("a", 1.0), golden("b", 3.0)]
    assert turned(images, before=2.0, now=0.5) == {"good": (), "defect": ("a",)}
    assert turned(images, before=2.0, now=5.0) == {"good": ("b",), "defect": ()}


def test_a_model_keeps_golden_samples_in_its_file_and_the_rest_as_it_is(model, tmp_path):
    new = with_golden(model, [golden("b.png", 0.1 + 0.2), golden("a.png")])
    new.save(tmp_path / "new.onnx")
    loaded = blemish.load(tmp_path / "new.onnx")
    assert [image.id for image in loaded.facts.golden] == ["b.png", "a.png"]
    assert loaded.facts.golden == new.facts.golden
    assert loaded.facts.golden[0].score == 0.1 + 0.2
    assert replace(loaded.facts, golden=()) == model.facts
    assert with_golden(loaded, ()).to_bytes() == model.to_bytes()


def test_files_of_before_have_none_and_the_schema_is_the_same(model):
    facts = json.loads(json.dumps(model.facts.to_dict()))
    assert facts.pop("golden") == []
    assert parse_facts(json.dumps(facts), "old").golden == ()
    assert with_golden(model, [golden()]).facts.schema == SCHEMA == 4


def altered(model, **values):
    facts = json.loads(json.dumps(with_golden(model, [golden()]).facts.to_dict()))
    facts["golden"][0] |= values
    return json.dumps(facts)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"score": "high"}, r"golden\[0\].score: expected float"),
        ({"grid": [[0.0] * CELLS] * 7}, r"golden\[0\].grid: expected array of length"),
        ({"grid": [[0.0] * 9] * CELLS}, r"golden\[0\].grid\[0\]: expected array of length"),
        ({"sha256": "abc"}, r"golden\[0\].sha256"),
        ({"id": ""}, r"golden\[0\].id"),
        ({"by": "me"}, r"golden\[0\].by"),
    ],
)
def test_what_is_no_golden_sample_is_refused_by_name(model, values, told):
    with pytest.raises(ModelFileError, match=told):
        parse_facts(altered(model, **values), "bad.onnx")


def test_too_many_and_two_of_one_name_are_refused(model):
    with pytest.raises(ModelFileError, match="an id is there twice"):
        with_golden(model, [golden(), golden()])
    many = [golden(f"{number}.png") for number in range(MOST_IMAGES + 1)]
    with pytest.raises(ModelFileError, match=r"there are 1,001; at most 1,000"):
        with_golden(model, many)


def test_an_id_may_be_any_text_and_thresholds_are_still_found_by_their_names(model):
    name = '"image_threshold": 5, "pixel_threshold": 7 \u00e4\n.png'
    assert with_golden(model, [golden(name)]).facts.golden[0].id == name


def test_other_thresholds_leave_golden_samples_and_tell_of_verdicts_that_turn(
    category, model, caplog
):
    old = model.calibration.image_threshold
    kept = with_golden(model, [golden("near.png", old * 0.999), golden("far.png", old * 3)])
    again = blemish.recalibrate(kept, blemish.open_dataset(category), false_alarm_rate=0.2)
    assert again.facts.golden == kept.facts.golden
    told = [text for text in caplog.messages if "golden" in text]
    assert told == ["By the new image threshold, 1 of 2 golden samples turn defect: 'near.png'."]
