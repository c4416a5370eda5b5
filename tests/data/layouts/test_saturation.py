"""MVTec LOCO AD says how much of a defect is enough."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blemish.data.opening import open_dataset
from blemish.errors import DataError, ImageError
from lookalikes import LOOK_ALIKES, SIZE_HW, LookAlike


def with_config(root: Path, *kinds: tuple[int, float, bool]) -> LookAlike:
    made = LOOK_ALIKES["mvtec_loco"](root)
    rows = [
        {"defect_name": "x", "pixel_value": v, "saturation_threshold": t, "relative_saturation": r}
        for v, t, r in kinds
    ]
    made.text("defects_config.json", json.dumps(rows))
    return made


def test_each_mask_is_a_region_with_what_is_enough_of_it(tmp_path: Path) -> None:
    dataset = open_dataset(with_config(tmp_path, (254, 6, False), (251, 0.5, True)).root)
    assert "AU-sPRO" in " ".join(dataset.notes)
    sample = next(s for s in dataset.test if s.defect_type == "logical_anomalies")
    regions = sample.saturating(SIZE_HW)
    assert [(int(r.mask.sum()), r.enough_px) for r in regions] == [(20, 6.0), (4, 2.0)]
    good = next(s for s in dataset.test if s.label == "good")
    assert good.saturating(SIZE_HW) == []


def test_a_value_that_nothing_is_said_of_is_an_error(tmp_path: Path) -> None:
    dataset = open_dataset(with_config(tmp_path, (254, 6, False)).root)
    sample = next(s for s in dataset.test if s.label != "good")
    with pytest.raises(ImageError, match="of value 251 is enough"):
        sample.saturating(SIZE_HW)


@pytest.mark.parametrize("text", ["{", "{}", '[{"pixel_value": 3}]', "[1]"])
def test_a_file_that_says_something_else_is_an_error(tmp_path: Path, text: str) -> None:
    made = LOOK_ALIKES["mvtec_loco"](tmp_path)
    made.text("defects_config.json", text)
    with pytest.raises(DataError, match=r"defects_config.json cannot be read"):
        open_dataset(made.root)
