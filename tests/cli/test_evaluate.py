from __future__ import annotations

import shutil

from blemish.records.folder import read_records

FIGURES = {"auroc", "ap", "f1_max", "f1", "false_alarm_rate", "miss_rate"}


def test_figures_are_aligned_with_their_intervals_for_people(blemish, fitted, data):
    found = blemish("evaluate", fitted, data)
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].split() == ["image", "pixel"]
    assert lines[1].startswith("AUROC ")
    assert "  1.000 [0.368, 1.000]  " in lines[1]
    (overlap,) = (line for line in lines if line.startswith("AU-PRO (0.3)"))
    assert overlap.index("[") == lines[1].rindex("[")
    assert any(line.startswith("spot ") for line in lines)
    assert max(map(len, lines[:20])) <= 80


def test_regions_that_were_found_are_counted(blemish, fitted, data):
    found = blemish("evaluate", fitted, data)
    assert "3 of 3 labelled regions found" in found.out
    assert "smallest found  256 px  test/spot/" in found.out
    assert "largest missed" not in found.out


def test_figures_that_are_undefined_have_their_reason(blemish, fitted, data, tmp_path):
    shutil.copytree(data, tmp_path / "tile")
    shutil.rmtree(tmp_path / "tile" / "ground_truth")
    found = blemish("evaluate", fitted, tmp_path / "tile")
    assert "Undefined for pixels, as no mask of a test image has a defective pixel:" in found.out
    assert "labelled regions" not in found.out


def test_json_is_the_contract(blemish, fitted, data):
    found = blemish("evaluate", fitted, data, "--json")
    assert list(found.json) == [
        "image",
        "pixel",
        "per_type",
        "intervals",
        "regions",
        "undefined",
        "notes",
        "seconds",
    ]
    assert set(found.json["image"]) >= FIGURES
    assert set(found.json["pixel"]) >= FIGURES
    assert set(found.json["per_type"]) == {"spot"}
    assert found.json["image"]["auroc"] == 1


def test_a_gate_that_is_not_met_is_exit_code_4_and_the_result_stands(blemish, fitted, data):
    gates = "--require", "image.auroc=0.99", "--require", "pixel.f1=1"
    found = blemish("evaluate", fitted, data, *gates, "--json")
    assert found.code == 4
    assert found.json["image"]["auroc"] == 1
    assert "Gate not met: pixel.f1 is" in found.err
    assert "image.auroc" not in found.err
    assert blemish("evaluate", fitted, data, *gates[:2]).code == 0


def test_a_gate_of_an_unknown_figure_is_wrong_usage(blemish, fitted, data):
    found = blemish("evaluate", fitted, data, "--require", "image.aurok=0.9")
    assert found.code == 2
    assert "Did you mean 'image.auroc'?" in found.err


def test_an_output_gets_a_record_that_report_reads(blemish, fitted, data, tmp_path):
    found = blemish("evaluate", fitted, data, "-o", tmp_path / "out")
    assert found.code == 0
    assert f"next: blemish report {tmp_path / 'out'}" in found.err
    assert len(read_records(tmp_path / "out")) == 1
    assert blemish("report", tmp_path / "out").code == 0


def test_data_without_test_images_is_an_error(blemish, fitted, data):
    found = blemish("evaluate", fitted, data / "train" / "good", "--test-fraction", "0")
    assert found.code == 1
    assert "has no test images" in found.err
