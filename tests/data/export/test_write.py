from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from blemish.data.drawn import drawn_dataset
from blemish.data.export.folder import MARK
from blemish.data.export.names import distinct, safe_name, unique_names
from blemish.data.export.write import export_dataset
from blemish.data.opening import open_dataset
from blemish.errors import DataError, SettingError, UsageError
from exported import rich_dataset

TEXTS = (".json", ".yaml", ".jsonl")


@pytest.fixture
def dataset(tmp_path):
    return rich_dataset(tmp_path / "data")


def test_images_are_copied_or_linked(tmp_path, dataset):
    names = export_dataset(dataset, tmp_path / "copies", to="labelme")
    copy = tmp_path / "copies" / names["good/a.png"]
    assert copy.read_bytes() == (tmp_path / "data/good/a.png").read_bytes()
    assert not copy.is_symlink()
    names = export_dataset(dataset, tmp_path / "links", to="labelme", link=True)
    link = tmp_path / "links" / names["good/a.png"]
    assert link.is_symlink()
    assert link.resolve() == (tmp_path / "data/good/a.png").resolve()


def test_drawn_images_are_written(tmp_path):
    drawn = drawn_dataset("tile", good=2, test_good=1, defects_a_type=1, size_px=64)
    names = export_dataset(drawn, tmp_path / "out", to="coco")
    assert Image.open(tmp_path / "out" / names["train/good/000.png"]).size == (64, 64)


def test_names_differ_in_more_than_their_suffix(tmp_path, dataset):
    names = export_dataset(dataset, tmp_path / "out", to="labelme")
    assert names["good/a.png"] == "train/good-a.png"
    assert names["more/a.png"] == "train/more-a.png"
    assert names["bad/two.png"] == "test/two.png"
    assert names["odd/.hidden:1?.png"] == "test/_.hidden_1_.png"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", "a"), ("a b", "a b"), ("con", "con_"), ("LPT1.x", "LPT1.x_"), ("..", "_"), ("", "_"),
        ("a/b\\c", "a_b_c"), ("x.", "x"), ("x_mask", "x_mask_"), ("a\nb\x1b", "a_b_"),
        ("ä" * 200, "ä" * 75), ("\udcff", "_xff"),
    ],
)  # fmt: skip
def test_names_are_such_as_every_system_takes(text, name):
    assert safe_name(text) == name


def test_names_are_told_apart_in_whatever_case():
    assert distinct(["a:b", "a?b", "A:B"]) == {"a:b": "a_b", "a?b": "a_b-2", "A:B": "A_B-3"}
    ids = ["x/a.png", "y/A.png", "y/b.png", "x-a.png"]
    assert unique_names(ids, ["f"] * 4, [".png"] * 4) == [
        "f/x-a.png",
        "f/y-A.png",
        "f/b.png",
        "f/x-a-2.png",
    ]


def test_what_is_there_stays_without_force(tmp_path, dataset):
    out = tmp_path / "out"
    export_dataset(dataset, out, to="coco")
    with pytest.raises(UsageError, match="force=True"):
        export_dataset(dataset, out, to="labelme")
    export_dataset(dataset, out, to="labelme", force=True)
    assert not (out / "annotations").exists()
    (out / MARK).unlink()
    with pytest.raises(UsageError, match="no export of blemish"):
        export_dataset(dataset, out, to="coco", force=True)


def test_what_is_read_is_never_replaced(tmp_path, dataset):
    out = tmp_path / "out"
    export_dataset(dataset, out, to="coco")
    again = replace(dataset, root=out)
    with pytest.raises(UsageError, match="holds what is to be exported"):
        export_dataset(again, out, to="labelme", force=True)
    with pytest.raises(UsageError, match="taken for a part of the data"):
        export_dataset(dataset, tmp_path / "data" / "out", to="coco")
    (tmp_path / "linked").symlink_to(tmp_path / "data", target_is_directory=True)
    with pytest.raises(UsageError, match="holds what is to be exported"):
        export_dataset(dataset, tmp_path / "linked", to="coco", force=True)


def test_nothing_is_left_where_images_cannot_be_read(tmp_path, dataset):
    (tmp_path / "data/good/a.png").write_bytes(b"no image")
    (tmp_path / "data/masks/30.png").write_bytes(b"no mask")
    with pytest.raises(DataError) as told:
        export_dataset(dataset, tmp_path / "out", to="coco")
    assert "good/a.png" in str(told.value)
    assert "30.png" in str(told.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_unknown_formats_are_told(tmp_path, dataset):
    with pytest.raises(SettingError, match="Did you mean 'coco'"):
        export_dataset(dataset, tmp_path / "out", to="cocoo")


def test_sizes_are_those_of_the_image_upright(tmp_path, dataset):
    image = Image.new("RGB", (20, 12))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    image.save(tmp_path / "data/good/b.jpg", exif=exif)
    one = next(one for one in dataset.samples if one.id == "good/b.png")
    turned = replace(one, id="good/b.jpg", path=tmp_path / "data/good/b.jpg")
    names = export_dataset(replace(dataset, samples=(turned,)), tmp_path / "out", to="labelme")
    value = json.loads((tmp_path / "out" / names[turned.id]).with_suffix(".json").read_text())
    assert (value["imageHeight"], value["imageWidth"]) == (20, 12)


@pytest.mark.parametrize("to", ["coco", "labelme", "yolo", "fiftyone", "mvtec-ad"])
def test_types_that_are_no_text_are_written_as_shown(tmp_path, dataset, to):
    one = next(one for one in dataset.samples if one.id == "bad/31.png")
    odd = replace(one, defect_type="deep\udcff")
    export_dataset(replace(dataset, samples=(odd, *dataset.train)), tmp_path / "out", to=to)
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in TEXTS]
    assert to == "mvtec-ad" or any("deep\\\\xff" in text for text in texts)


def with_type(dataset, kind):
    one = next(one for one in dataset.samples if one.id == "bad/31.png")
    return replace(dataset, samples=(replace(one, defect_type=kind), *dataset.train))


@pytest.mark.parametrize("to", ["coco", "labelme", "yolo", "fiftyone"])
@pytest.mark.parametrize("kind", ["background", "_background_", "Ignore", "ok", "OK", "no defect"])
def test_types_that_would_come_back_as_good_are_refused(tmp_path, dataset, to, kind):
    with pytest.raises(DataError, match=f"'{kind}' cannot be a type of defect in {to}"):
        export_dataset(with_type(dataset, kind), tmp_path / "out", to=to)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["images", "OK_2024", "background", "ok", "labels", "masks", "3"])
def test_types_whose_folder_would_be_asked_about_are_refused(tmp_path, dataset, kind):
    with pytest.raises(DataError, match=f"'{kind}' cannot be a type of defect in mvtec-ad"):
        export_dataset(with_type(dataset, kind), tmp_path / "out", to="mvtec-ad")


@pytest.mark.parametrize("to", ["coco", "labelme", "yolo", "fiftyone"])
@pytest.mark.parametrize("kind", ["images", "3", "a: b", "con", "..", "null"])
def test_other_types_come_back(tmp_path, dataset, to, kind):
    export_dataset(with_type(dataset, kind), tmp_path / "out", to=to)
    assert open_dataset(tmp_path / "out").defect_types == (kind,)


@pytest.mark.parametrize(("kind", "name"), [("a:b", "a_b"), ("con", "con_"), ("..", "_")])
def test_types_that_get_another_name_are_told(tmp_path, dataset, caplog, kind, name):
    export_dataset(with_type(dataset, kind), tmp_path / "out", to="mvtec-ad")
    assert f"The type '{kind}' is written as '{name}'" in caplog.text
    assert open_dataset(tmp_path / "out").defect_types == (name,)


def test_a_format_for_predictions_is_told(tmp_path, dataset):
    with pytest.raises(SettingError, match="'label-studio' is for predictions"):
        export_dataset(dataset, tmp_path / "out", to="label-studio")


def test_an_empty_folder_is_as_good_as_none(tmp_path, dataset, monkeypatch):
    (tmp_path / "out").mkdir()
    export_dataset(dataset, tmp_path / "out", to="coco")
    assert (tmp_path / "out" / "annotations").is_dir()
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    with pytest.raises(UsageError, match="is a link"):
        export_dataset(dataset, tmp_path / "link", to="coco")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="that you are in"):
        export_dataset(dataset, ".", to="coco")


@pytest.mark.parametrize("link", [False, True])
def test_what_a_person_added_or_changed_is_never_taken_away(tmp_path, dataset, link):
    out = tmp_path / "out"
    names = export_dataset(dataset, out, to="labelme", link=link)
    (out / ".DS_Store").write_bytes(b"of a system")
    export_dataset(dataset, out, to="labelme", link=link, force=True)
    changed = (out / names["good/a.png"]).with_suffix(".json")
    before = changed.read_text()
    changed.write_text(before + "\n")
    (out / "notes" / "mine.txt").parent.mkdir()
    (out / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match=r"'notes/mine\.txt', 'train/good-a\.json'"):
        export_dataset(dataset, out, to="coco", force=True)
    assert (out / "notes" / "mine.txt").read_text() == "keep"
    changed.write_text(before)
    (out / "notes" / "mine.txt").unlink()
    (out / names["good/b.png"]).unlink()  # what somebody took away is missed by nobody
    export_dataset(dataset, out, to="coco", force=True)


def test_an_export_without_a_list_is_not_replaced(tmp_path, dataset):
    out = tmp_path / "out"
    export_dataset(dataset, out, to="coco")
    (out / MARK).write_text('{"exported": "blemish", "format": "coco"}\n')
    with pytest.raises(UsageError, match="added or changed"):
        export_dataset(dataset, out, to="coco", force=True)
