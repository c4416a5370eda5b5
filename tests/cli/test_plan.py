from __future__ import annotations

from PIL import Image

from tiny import tiny_dataset


def test_plan_says_sizes_and_a_guess_of_the_time(blemish, data, fit_options):
    found = blemish("plan", data, *fit_options)
    assert found.code == 0
    for word in ("memory bank", "disk", "a guess", "coreset", "false-alarm rate"):
        assert word in found.out


def test_plan_hands_its_own_arguments_on_to_fit(blemish, data, fit_options):
    found = blemish("plan", data, *fit_options, "--memory", "2GB", "--json")
    assert f"next: blemish fit {data} --backbone" in found.err
    assert "--memory 2GB -o tile.onnx" in found.err


def test_json_has_the_plan_and_seconds_of_each_stage(blemish, data, fit_options):
    plan = blemish("plan", data, *fit_options, "--json").json
    assert plan["images"] == 24
    assert plan["lowest_false_alarm_rate"] == 1 / 25
    seconds = plan["estimated_seconds"]
    assert seconds["total"] == seconds["features"] + seconds["coreset"] + seconds["leave out"]
    assert all(value > 0 for value in seconds.values())


def test_a_rate_that_cannot_be_promised_is_told(blemish, data, fit_options):
    found = blemish("plan", data, *fit_options, "--false-alarm-rate", "0.01")
    assert found.code == 1
    assert "at least 99 good images" in found.err


def test_rates_that_a_fit_would_refuse_are_refused_before_it(blemish, data, fit_options):
    found = blemish("plan", data, *fit_options, "--region-rate", "0.01")
    assert found.code == 1
    assert "A region rate of 0.01 takes at least 99 good images" in found.err
    found = blemish("plan", data, *fit_options, "--tail", "--false-alarm-rate", "0.01")
    assert found.code == 1
    assert "at least 90 good images" in found.err


def test_check_plan_and_fit_count_alike(blemish, tmp_path, fit_options):
    folder = tiny_dataset(tmp_path / "tile", good=89)
    for number in range(10):
        with Image.open(folder / f"train/good/{number:03}.png") as image:
            image.save(folder / f"train/good/{number:03}.bmp")
    checked = blemish("check", folder, "--json").json
    (few,) = (f["message"] for f in checked["findings"] if f["code"] == "few-good")
    assert "99 good training images (89 without copies and others of their group)" in few
    (copies,) = (f["groups"] for f in checked["findings"] if f["code"] == "duplicates")
    assert len(copies) == 10
    assert blemish("plan", folder, *fit_options, "--json").json["lowest_false_alarm_rate"] == 1 / 90
    for command in (("plan",), ("fit", "-o", tmp_path / "m.onnx")):
        found = blemish(*command, folder, *fit_options, "--false-alarm-rate", "0.01")
        assert found.code == 1
        assert "at least 99 good images; there are 89" in found.err
