"""`--align` of the commands."""

from __future__ import annotations

import pytest

from parts import part_dataset


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    return part_dataset(tmp_path_factory.mktemp("data") / "cards", good=12)


def test_a_fit_aligns_and_inspect_tells_of_it(blemish, cards, fit_options, tmp_path):
    model = tmp_path / "cards.onnx"
    fitted = blemish("fit", cards, "-o", model, "--align", "12,scale", *fit_options)
    assert fitted.code == 0, fitted.err
    told = blemish("inspect", model, "--verify").out
    assert "aligned with" in told
    assert "turns up to 12 degrees, other sizes up to 15%" in told
    facts = blemish("inspect", model, "--json").json["input"]["alignment"]
    assert (facts["degrees"], facts["scale"]) == (12, True)
    (line,) = blemish("predict", model, cards / "test" / "good" / "000.png").lines
    assert line["motion"]["agreement"] > facts["limit"]
    refused = blemish("predict", model, cards / "test" / "good" / "000.png", "--evidence")
    assert refused.code == 2
    assert "predict without --evidence, or fit a model" in " ".join(refused.err.split())


def test_a_plan_tells_what_the_file_grows_by(blemish, cards, fit_options):
    planned = blemish("plan", cards, "--align", "20", "--json", *fit_options)
    assert planned.json["alignment_bytes"] > 100_000
    assert "--align 20" in planned.err
    assert "more in the file" in blemish("plan", cards, "--align", "20", *fit_options).out
    assert "alignment_bytes" not in blemish("plan", cards, "--json", *fit_options).json


def test_a_benchmark_aligns_and_knows_it_from_one_that_does_not(
    blemish, cards, fit_options, tmp_path
):
    out = tmp_path / "bench"
    done = blemish("benchmark", cards, "-o", out, "--align", "20", *fit_options)
    assert done.code == 0, done.err
    (model,) = (out / "models").iterdir()
    assert "aligned with" in blemish("inspect", model).out
    again = blemish("benchmark", cards, "-o", out, *fit_options)
    assert again.code == 0, again.err
    assert len(list((out / "models").iterdir())) == 2


@pytest.mark.parametrize("command", ["fit", "plan", "benchmark"])
def test_what_is_no_alignment_is_refused(blemish, cards, tmp_path, command):
    place = ["-o", tmp_path / "x.onnx"] if command != "plan" else []
    refused = blemish(command, cards, *place, "--align", "much")
    assert refused.code == 2
    assert "must be degrees like 30, or 30,scale; got 'much'" in refused.err
