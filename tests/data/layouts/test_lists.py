"""Files among images that may hold labels: tables, texts, and what a model wrote."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.opening import open_dataset
from blemish.errors import DataError, SettingError

Draw = Callable[..., Path]
NAMES = ("0.png", "1.png", "2.png", "50.png")


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, why: str, **options: object) -> None:
    with pytest.raises((DataError, SettingError), match=why):
        open_dataset(path, **options)  # type: ignore[arg-type]


def polygon(label: str, image: str) -> str:
    shape = {"label": label, "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    return json.dumps({"shapes": [shape], "imagePath": image, "imageData": None, "flags": {}})


@pytest.fixture
def flat(draw: Draw) -> None:
    for name in NAMES:
        draw(name)


@pytest.mark.usefixtures("flat")
def test_a_table_of_labels_among_good_images_is_asked_about(tmp_path: Path) -> None:
    rows = "".join(f"{name},{'NG' if name == '50.png' else 'OK'}\n" for name in NAMES)
    table = put(tmp_path / "labels.csv", f"filename,label\n{rows}")
    refused(tmp_path, f"labels.csv names 4 of 4 images; .* give it in place of the folder: {table}")
    assert [s.defect_type for s in open_dataset(table).samples].count("good") == 3
    dataset = open_dataset(tmp_path, good=[tmp_path.name])
    assert len(dataset.train) == 4
    assert "1 file that names images not read" in dataset.notes[0]
    assert open_dataset(tmp_path, ignore=["labels.csv"]).notes == ()
    refused(tmp_path, "no such folder, file or label", ignore=["label.csv"], good=[tmp_path.name])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("labels.txt", "50.png 1\n", "save it as CSV"),
        ("labels.txt", "0.png 0\n1.png 0\n2.png 0\n50.png 1\n", "names 4 of 4 images"),
        ("bad.txt", "50.png\n", "names 1 of 4 images"),
        ("relabel.tsv", "id\tlabel\n0\tOK\n50\tNG\n", "names 2 of 4 images; .* list all images"),
        ("a.jsonl", '{"image": "x/50.png", "ok": false}\n', "names 1 of 4 images"),
        ("a.json", '[{"image": "50.png", "label": "NG"}]', "names 1 of 4 images"),
        ("labels.xls", "\0", "labels.xls lies beside them; .* save it as CSV"),
        ("50.txt", "NG\n", r"1 text beside them says otherwise \('50.txt'\)"),
        ("50.json", '{"result": "NG"}', "1 text beside them says otherwise"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("flat")
def test_other_files_that_may_say_which_are_bad(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    put(tmp_path / name, text)
    refused(tmp_path, said)
    assert len(open_dataset(tmp_path, good=[tmp_path.name]).train) == 4


@pytest.mark.usefixtures("flat")
def test_a_spreadsheet_is_looked_into(tmp_path: Path) -> None:
    for text, said in (("50.png", "names 1 of 4 images"), ("nothing", "")):
        with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as file:
            file.writestr("xl/sharedStrings.xml", f"<sst><si><t>{text}</t></si></sst>")
        if said:
            refused(tmp_path, f"{said}.*save it as CSV")
    assert len(open_dataset(tmp_path).train) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("all.txt", "0.png\n1.png\n2.png\n50.png\n"),
        ("README.txt", "Parts.\nAs 0.png shows, they are grey.\nMind the light.\nThat is all."),
        ("log.csv", "time,gain\n0,3\n1,4\n2,4\n"),
        ("0.txt", "OK\n"),
        ("camera.json", '{"gain": 50}'),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("flat")
def test_files_that_say_nothing_of_it_are_left_alone(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path / name, text)
    assert open_dataset(tmp_path).notes == ()


def test_a_table_beside_folders_of_classes(tmp_path: Path, draw: Draw) -> None:
    for name in ("OK/0.png", "OK/1.png", "OK/2.png"):
        draw(name)
    put(tmp_path / "relabel.csv", "filename,label\nOK/1.png,NG\n")
    refused(tmp_path, "names 1 of 3 images; .*pass it over with ignore=relabel.csv")
    assert len(open_dataset(tmp_path, ignore=["relabel.csv"]).train) == 3
    draw("NG/5.png")
    assert any(r"relabel.csv (1)" in note for note in open_dataset(tmp_path).notes)


def test_a_table_beside_a_folder_of_images_is_named(tmp_path: Path, draw: Draw) -> None:
    for name in NAMES:
        draw(f"images/{name}")
    table = put(tmp_path / "labels.csv", "filename,label\n0.png,OK\n1.png,OK\n50.png,NG\n")
    refused(tmp_path, "labels.csv names 3 of 4 images")
    refused(tmp_path / "images", "labels.csv names 3 of 4 images")
    dataset = open_dataset(table)
    assert [sample.id for sample in dataset.samples] == [
        "images/0.png", "images/1.png", "images/50.png"]  # fmt: skip
    assert "3 files are found by their names in a folder below" in dataset.notes[0]


@pytest.mark.parametrize(
    "name",
    ["runs/detect/predict2/labels", "auto_labels", "pred", "results", "exp3/labels", "yolo_output"],
)
def test_what_a_model_found_is_no_label(tmp_path: Path, draw: Draw, name: str) -> None:
    for number in range(4):
        draw(f"images/{number}.png")
        put(tmp_path / name / f"{number}.txt", "0 0.5 0.5 0.2 0.2\n")
    folder = name.partition("/")[0]
    refused(tmp_path, f"has annotations in '{folder}' alone, .* ignore={folder}")
    put(tmp_path / "labels" / "3.txt", "0 0.5 0.5 0.2 0.2\n")
    dataset = open_dataset(tmp_path)
    assert [sample.label for sample in dataset.samples].count("defect") == 1
    assert any(f"4 files of annotations in '{folder}'" in note for note in dataset.notes)
    notes = open_dataset(tmp_path, ignore=[folder]).notes
    assert not any(folder in note for note in notes)


def test_what_a_model_found_beside_folders_of_classes(tmp_path: Path, draw: Draw) -> None:
    for name in ("OK/0.png", "OK/1.png", "NG/5.png"):
        draw(name)
    put(tmp_path / "predictions/5.txt", "0 0.5 0.5 0.2 0.2\n")
    dataset = open_dataset(tmp_path)
    assert not any(sample.masks for sample in dataset.samples)
    assert any("1 file of annotations in 'predictions'" in note for note in dataset.notes)


def test_older_labels_are_passed_over_by_the_name_of_their_folder(
    tmp_path: Path, draw: Draw
) -> None:
    for name in ("OK/0.png", "OK/1.png", "NG/5.png"):
        draw(name)
    put(tmp_path / "NG/5.json", polygon("dent", "5.png"))
    put(tmp_path / "labels_old/5.json", polygon("crack", "5.png"))
    refused(tmp_path, "keep one, or pass one over, with ignore=labels_old")
    dataset = open_dataset(tmp_path, ignore=["labels_old"])
    assert "Annotated as defects, by label: 1 dent." in dataset.notes
    dataset = open_dataset(tmp_path / "NG" / "5.json", ignore=["dent"], good=())
    assert [sample.label for sample in dataset.samples] == ["good"]


def test_a_label_that_names_the_part_is_told_and_can_be_left_out(
    tmp_path: Path, draw: Draw
) -> None:
    for number in range(4):
        draw(f"{number}.png")
        put(tmp_path / f"{number}.json", polygon("Bauteil", f"{number}.png"))
    refused(tmp_path, "If 'Bauteil' names the part .* leave it out with ignore=Bauteil")
    dataset = open_dataset(tmp_path, ignore=["bauteil"])
    assert {sample.label for sample in dataset.samples} == {"good"}
    assert "Left out as no defects, as 'ignore' says: 4 Bauteil." in dataset.notes
    put(tmp_path / "3.json", polygon("dent", "3.png"))
    put(tmp_path / "0.json", polygon("ok", "0.png"))
    assert any(
        "seem to name the part or a region of it, and no defect: 'Bauteil' (2)" in note
        for note in open_dataset(tmp_path).notes
    )


def test_a_part_that_is_marked_on_good_images(tmp_path: Path, draw: Draw) -> None:
    for name in ("OK/0.png", "OK/1.png", "NG/5.png"):
        draw(name)
    put(tmp_path / "OK/0.json", polygon("part", "0.png"))
    refused(tmp_path, "if 'part' marks no defect, leave it out with ignore=part")
    assert len(open_dataset(tmp_path, ignore=["part"]).samples) == 3


def test_images_that_nobody_has_labelled_yet(tmp_path: Path, draw: Draw) -> None:
    for name in ("images/0.png", "images/1.png", "images/unlabeled/2.png"):
        draw(name)
    put(tmp_path / "labels/0.txt", "0 0.5 0.5 0.2 0.2\n")
    put(tmp_path / "labels/1.txt", "")
    refused(tmp_path, "1 image in 'unlabeled' without .* ignore=unlabeled")
    assert len(open_dataset(tmp_path, ignore=["unlabeled"]).samples) == 2


def test_rows_of_a_manifest_in_folders_to_pass_over(tmp_path: Path, draw: Draw) -> None:
    for name in ("a/0.png", "old/1.png"):
        draw(name)
    table = put(tmp_path / "a.csv", "path,label\na/0.png,good\nold/1.png,good\n")
    dataset = open_dataset(table, ignore=["old"])
    assert [sample.id for sample in dataset.samples] == ["a/0.png"]
    assert "1 row left out, as 'ignore' says." in dataset.notes
    refused(table, "lists no image in such a folder", ignore=["new"])


def test_a_folder_called_as_a_run_that_holds_all_images_is_one_that_people_made(
    tmp_path: Path, draw: Draw
) -> None:
    for number in range(4):
        draw(f"exp3/images/{number}.png")
    put(tmp_path / "exp3/labels/3.txt", "0 0.5 0.5 0.2 0.2\n")
    kinds = [sample.label for sample in open_dataset(tmp_path).samples]
    assert kinds.count("defect") == 1


@pytest.mark.usefixtures("flat")
def test_a_file_called_as_predictions_is_no_label_unless_it_is_asked_for(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": name} for n, name in enumerate(NAMES)]
    marked = {"id": 1, "image_id": 3, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    classes = [{"id": 1, "name": "dent"}]
    text = json.dumps({"images": images, "annotations": [marked], "categories": classes})
    found = put(tmp_path / "model_predictions.json", text)
    refused(tmp_path, "has annotations in 'model_predictions.json' alone, .* ignore=model_pred")
    dataset = open_dataset(found)
    assert [sample.label for sample in dataset.samples].count("defect") == 1
    assert "by its name holds what a model found" in dataset.notes[0]
    put(tmp_path / "people.json", text)
    told = open_dataset(tmp_path).notes
    assert any("1 file of annotations in 'model_predictions.json'" in note for note in told)


@pytest.mark.usefixtures("flat")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("defects.txt", "50\n"),
        ("meta/labels.csv", "filename,label\n0.png,OK\n50.png,NG\n"),
        ("meta/defects.txt", "50\n2\n"),
    ],
)
def test_lists_without_suffixes_and_in_folders_of_their_own_are_asked_about(
    tmp_path: Path, name: str, text: str
) -> None:
    put(tmp_path / name, text)
    refused(tmp_path, f"{Path(name).name} names [12] of 4 images")
    (note,) = open_dataset(tmp_path, good=[tmp_path.name]).notes
    assert "1 file that names images not read" in note
    put(tmp_path / name, "0\n1\n2\n50\n")  # merely all of them
    if name.endswith(".txt"):
        assert open_dataset(tmp_path).notes == ()
