from __future__ import annotations

import onnx

from blemish.model import file as metadata
from blemish.model.model import inspect as read
from blemish.model.model import load


def test_inspect_says_what_is_in_the_file(blemish, fitted):
    found = blemish("inspect", fitted)
    assert found.code == 0
    for word in (
        *("patchcore, seed 0", "tiny, licence CC0-1.0", "fine, coarse", "64 x 64, stretch"),
        *(
            "24 good images of tile",
            "4.0% promised",
            "95% confidence",
            "expected in a thousand good images",
            "coreset_ratio=0.1",
        ),
        load(fitted).sha256,
    ):
        assert word in found.out
    assert not found.err


def test_verify_says_that_it_did(blemish, fitted):
    found = blemish("inspect", fitted, "--verify")
    assert found.code == 0
    assert "verified: " in found.err


def test_json_is_all_the_file_says(blemish, fitted):
    facts = blemish("inspect", fitted, "--verify", "--json").json
    assert facts["verified"] is True
    assert facts["sha256"] == load(fitted).sha256
    assert facts["detector"]["sources"][0]["licence"] == "CC0-1.0"
    assert len(facts["training"]["images"]) == 24


def test_a_file_of_the_first_schema_is_read_and_the_rest_is_not_shown(
    blemish, fitted, tmp_path, monkeypatch, good
):
    facts = {k: v for k, v in read(fitted).items() if k not in ("schema", "sha256", "bytes")}
    del facts["training"]["suspicious"], facts["training"]["dropped"], facts["outputs"]
    old = ("method", "images", "false_alarm_rate", "lowest_rate", "upper_bound_95", "scored",
           "image_threshold", "pixel_threshold", "smallest_region_px")  # fmt: skip
    facts["calibration"] = {name: facts["calibration"][name] for name in old}
    monkeypatch.setattr(metadata, "SCHEMA", 1)
    first = tmp_path / "first.onnx"
    first.write_bytes(metadata.sign(onnx.load(fitted), facts))
    monkeypatch.undo()
    assert read(first)["schema"] == 1
    shown = blemish("inspect", first, "--verify")
    assert shown.code == 0
    assert "4.0% promised" in shown.out
    assert "false regions" not in shown.out
    one, other = (load(path).predict(good) for path in (first, fitted))
    assert (one.score, one.verdict, one.p_value) == (other.score, other.verdict, other.p_value)
