"""`blemish learn`, `forget`, `undo`, and `predict --evidence`."""

from __future__ import annotations

import pytest
from PIL import Image

from blemish.model.model import load


@pytest.fixture(scope="module")
def taught(fitted, data, tmp_path_factory):
    import blemish

    path = tmp_path_factory.mktemp("taught") / "taught.onnx"
    model = load(fitted)
    blemish.learn(model, [data / "test" / "spot" / "000.png"], because="a new lamp").save(path)
    return path


def test_a_good_image_is_learned_into_a_new_file(blemish, fitted, spot, tmp_path):
    new, before = tmp_path / "new.onnx", fitted.read_bytes()
    found = blemish("learn", fitted, spot, "-o", new, "--because", "a new lamp")
    assert found.code == 0
    assert "a new lamp" in found.out
    assert "holds after 1 step" in found.out
    assert f"next: blemish predict {new}" in found.err
    assert fitted.read_bytes() == before
    assert blemish("predict", new, spot).lines[0]["verdict"] == "good"
    assert "a new lamp" in blemish("inspect", new).out


def test_a_step_is_told_as_json(blemish, fitted, data, tmp_path):
    new = tmp_path / "new.onnx"
    found = blemish("learn", fitted, data / "test" / "spot", "-o", new, "--whole", "--json")
    assert found.json["sha256"] == load(new).sha256
    assert found.json["step"]["kind"] == "learn"
    assert found.json["step"]["whole"] is True
    assert len(found.json["step"]["images"]) == 3
    assert found.json["calibration"] == load(fitted).calibration.to_dict()


def test_undo_gives_the_old_file_byte_for_byte(blemish, fitted, taught, tmp_path):
    old = tmp_path / "old.onnx"
    found = blemish("undo", taught, "-o", old, "--json")
    assert found.code == 0
    assert old.read_bytes() == fitted.read_bytes()
    assert found.json["undone"]["because"] == "a new lamp"
    assert "undone" in blemish("undo", taught, "-o", old, "--force").out


def test_a_training_image_is_forgotten_by_name_or_by_file(blemish, fitted, data, tmp_path):
    for number, image in enumerate(("train/good/003.png", data / "train" / "good" / "003.png")):
        new = tmp_path / f"{number}.onnx"
        found = blemish("forget", fitted, image, "-o", new, "--training-images", data)
        assert found.code == 0
        assert "open after 1 step" in found.out
        assert "next: blemish calibrate" in found.err
        assert len(load(new).facts.training.images) == 23


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        ("forget", ["train/good/930.png"], "is no image that the model learned from"),
        ("learn", ["{good}"], "; '--whole' learns all"),
        ("learn", ["{deep}"], "16"),
        ("undo", [], "nothing to undo"),
    ],
)
def test_what_cannot_be_done_is_an_error_and_writes_nothing(
    blemish, fitted, good, tmp_path, command, words, told
):
    deep = tmp_path / "deep.png"
    Image.new("I;16", (64, 64), 9000).save(deep)
    named = [word.format(good=good, deep=deep) for word in words]
    found = blemish(command, fitted, *named, "-o", tmp_path / "new.onnx")
    assert found.code in (1, 2)
    assert told in found.err
    assert not (tmp_path / "new.onnx").exists()


def test_the_model_itself_is_never_replaced(blemish, taught, spot):
    before = taught.read_bytes()
    for words in (("learn", taught, spot), ("forget", taught, spot), ("undo", taught)):
        found = blemish(*words, "-o", taught, "--force")
        assert found.code == 2
        assert "what this command reads" in found.err
    assert taught.read_bytes() == before


def test_evidence_is_in_lines_and_drawn(blemish, fitted, data, spot, tmp_path):
    plain = blemish("predict", fitted, spot).lines[0]
    found = blemish("predict", fitted, spot, "--evidence")
    region = found.lines[0]["regions"][0]
    assert region.pop("evidence")["image"].startswith("train/good/")
    assert region == plain["regions"][0]
    words = ["-o", tmp_path / "out", "--overlay", "--evidence", "--training-images", data]
    assert blemish("predict", fitted, spot, *words).code == 0
    with Image.open(tmp_path / "out" / "000.png.jpg") as drawn:
        assert drawn.size[0] > 64
    resumed = blemish("predict", fitted, spot, "-o", tmp_path / "out", "--resume")
    assert resumed.code == 2
    assert "evidence" in resumed.err


def test_evidence_goes_with_what_it_needs(blemish, fitted, spot, data):
    found = blemish("predict", fitted, spot, "--training-images", data)
    assert found.code == 2
    assert "--evidence" in found.err


def test_a_fit_tells_the_size_of_its_thumbnails(blemish, data, fit_options, tmp_path):
    path = tmp_path / "seen.onnx"
    found = blemish("fit", data, "-o", path, *fit_options, "--thumbnails", "32")
    assert found.code == 0
    assert "thumbnails" in found.out
    assert "of 32 px" in found.out
    assert "of 32 px" in blemish("inspect", path).out


def test_a_defect_is_learned_with_good_images_beside_it(blemish, fitted, data, spot, tmp_path):
    from tiny import tiny_dataset

    good = tiny_dataset(tmp_path / "fresh", good=12, seed=9) / "train" / "good"
    new = tmp_path / "new.onnx"
    found = blemish("learn", fitted, spot, "--defect", "--good", good, "-o", new)
    assert found.code == 0
    assert "learned defects" in found.out
    assert "7.7 % at most" in found.err
    found = blemish("learn", fitted, spot, "--defect", "--good", good, "-o", new, "--force",
                    "--box-xyxy", "0,0,64,64", "--json")  # fmt: skip
    assert found.json["step"]["defects"] is True
    for words, told in (
        (["--defect"], "--good"),
        (["--good", good], "--defect"),
        (["--defect", "--good", good, "--whole"], "--box-xyxy"),
        (["--defect", "--good", good, "--box-xyxy", "1,2,x,4"], "four whole numbers"),
        (["--defect", "--good", good, "--box-xyxy", "1,2,900,4"], "must lie in"),
    ):
        refused = blemish("learn", fitted, spot, "-o", tmp_path / "no.onnx", *words)
        assert refused.code == 2
        assert told in refused.err
        assert not (tmp_path / "no.onnx").exists()
