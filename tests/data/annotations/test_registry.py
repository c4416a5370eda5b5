from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from blemish.data.annotations.dataset import entries_from
from blemish.data.annotations.formats import recognises
from blemish.data.annotations.predictions import is_of_predictions
from blemish.data.annotations.registry import annotations_in
from blemish.data.annotations.supplement import FILE, Supplement, as_text
from blemish.data.layouts.registry import find_layout
from blemish.errors import DataError

TRIANGLE = {"label": "", "points": [[1, 1], [4, 1], [4, 4]]}
BOX = {"segmentation": [], "bbox": [1, 1, 2, 2]}


def coco(*names, marked=True):
    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, **BOX} for n in range(len(names)) if marked
        ],
        "categories": [{"id": 1, "name": "dent"}],
    }


def test_a_name_is_matched_by_the_end_of_its_path(folder):
    one, other = folder.image("images/x/a.png"), folder.image("images/y/a.png")
    folder.json("labels/all.json", coco("/home/me/x/a.png", "C:\\old\\y\\a.png"))
    found = folder.read()
    assert set(found.by_image) == {one, other}
    assert not found.problems


def test_a_file_name_alone_will_do_where_it_is_unique(folder):
    image = folder.image("images/a.png")
    folder.json("all.json", coco("elsewhere/deep/a.png"))
    assert list(folder.read().by_image) == [image]
    folder.json("all.json", coco("one/a.png", "two/a.png"))
    found = folder.read()
    assert found.without_image == {folder.path / "all.json": ("one/a.png", "two/a.png")}


def test_an_ambiguous_name_is_an_error(folder):
    folder.image("x/a.png")
    folder.image("y/a.png")
    folder.json("all.json", coco("a.png"))
    (problem,) = folder.read().problems
    assert "'a.png' could be any of 2 images" in problem


def test_names_beside_their_file_come_first(folder):
    images = [folder.image(f"{split}/a.png") for split in ("train", "valid", "test")]
    for image in images:
        folder.json(f"{image.parent.name}/_annotations.coco.json", coco("a.png"))
    found = folder.read()
    assert sorted(found.by_image) == sorted(images)
    assert not found.problems


def test_the_name_of_a_coco_file_says_which_folder_is_meant(folder):
    images = [folder.image(f"images/{name}/a.png") for name in ("train2017", "val2017")]
    for image in images:
        folder.json(f"annotations/instances_{image.parent.name}.json", coco("a.png"))
    found = folder.read()
    assert sorted(found.by_image) == images
    assert found.splits == {images[0]: "train", images[1]: "validation"}


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "kratzer-ä.png"), "KRATZER-Ä.PNG"])
def test_case_and_composition_do_not_matter_where_they_decide_nothing(folder, name):
    image = folder.image("kratzer-ä.png")
    folder.json("all.json", coco(name))
    assert list(folder.read().by_image) == [image]


def test_exact_names_go_before_those_of_another_case(folder):
    lower, upper = folder.image("x/a.png"), folder.image("y/A.png")
    folder.json("all.json", coco("a.png", "A.png"))
    assert set(folder.read().by_image) == {lower, upper}
    folder.json("all.json", coco("a.PNG"))
    assert "could be any of 2 images" in folder.read().problems[0]


def test_an_image_that_two_files_speak_of_is_a_problem(folder):
    image = folder.image("a.png")
    first, second = folder.json("1.json", coco("a.png")), folder.json("2.json", coco("a.png"))
    (problem,) = folder.read().problems
    assert problem == (
        f"{second}: speaks of '{image}' and so does '{first}'; keep one, or pass one over, "
        "with ignore=1.json, say."
    )


def test_files_are_recognised_by_what_they_hold(folder):
    folder.image("a.png")
    assert recognises(folder.json("anything.json", coco("a.png")))
    assert not recognises(folder.json("coco.json", {"images": [], "info": {}}))
    assert not recognises(folder.json("list.json", []))
    assert not recognises(folder.text("annotations.xml", "<annotation/>"))
    assert not recognises(folder.text("a.txt", "0 0.1 0.1 0.1 0.1"))


def test_a_byte_order_mark_is_no_damage(folder):
    image = folder.image("a.png")
    path = folder.json("all.json", coco("a.png"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(folder.read().by_image) == [image]


def test_nothing_is_found_where_nothing_is(folder):
    folder.image("a.png")
    found = folder.read()
    assert (found.by_image, found.used, found.formats, found.problems) == ({}, (), (), ())
    assert annotations_in(folder.path, [], []).used == ()


def test_a_supplement_adds_what_has_no_place(folder):
    image, plain = folder.image("a.png"), folder.image("b.png")
    folder.json("all.json", coco("a.png", "b.png", marked=False))
    more = Supplement(label="dent", group="plate 1", metadata=(("line", "ü"),))
    folder.text(FILE, as_text({"a.png": more, "b.png": Supplement()}))
    found = folder.read()
    one = found.by_image[image]
    assert (one.defect_type, one.masks) == ("dent", ())
    assert found.supplements[image] == more
    assert found.by_image[plain].defect_type == "good"
    folder.text(FILE, as_text({"a.png": Supplement(label="dent", empty_mask=True)}))
    (mask,) = folder.read().by_image[image].masks
    assert not mask.draw((7, 11)).any()


def test_what_is_marked_goes_before_a_supplement(folder):
    image = folder.image("a.png")
    folder.json("all.json", coco("a.png"))
    folder.text(FILE, as_text({"a.png": Supplement(label="scratch", group="g")}))
    found = folder.read()
    assert (found.by_image[image].defect_type, found.by_image[image].is_marked) == ("dent", True)
    assert found.supplements[image].group == "g"


def test_a_damaged_supplement_is_told(folder):
    folder.image("a.png")
    path = folder.text(FILE, '{"label": "x"}\n{"path": "gone.png", "label": "x"}\n')
    assert folder.read().problems[0].startswith(f"{path}: line 1: ")
    folder.text(FILE, '{"path": "gone.png", "label": "x"}\n')
    assert folder.read().without_image == {path: ("gone.png",)}


def test_a_file_beside_one_image_that_names_another_is_told(folder):
    mine, other = folder.image("3.png"), folder.image("4.png")
    path = folder.json("3.json", {"shapes": [], "imagePath": "4.png"})
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: lies beside '{mine}' and says that it is of '{other}'")
    other.unlink()
    assert list(folder.read().by_image) == [mine]


def test_labels_that_mark_no_defect_are_not_counted_as_defects(folder):
    folder.image("a.png")
    points = [[1, 1], [4, 1], [4, 4]]
    shapes = [{"label": label, "points": points} for label in ("ok", "__background__", "", "dent")]
    folder.json("a.json", {"shapes": shapes, "imagePath": "a.png"})
    assert folder.read().labels == {"": 1, "dent": 1}


def test_keypoints_beside_instances_are_set_aside(folder):
    folder.image("val2017/a.png")
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 1, 2], "bbox": [1] * 4}],
        "categories": [{"id": 1, "name": "person"}],
    }
    keypoints = folder.json("annotations/person_keypoints_val2017.json", coco)
    assert "set of keypoints" in folder.read().problems[0]
    folder.json("annotations/instances_val2017.json", coco | {"annotations": []})
    found = folder.read()
    assert found.set_aside == (keypoints,)
    assert keypoints in found.used
    assert not found.problems
    (note,) = [note for note in entries_from(folder.path, folder.files).notes if "keypoint" in note]
    assert "person_keypoints_val2017.json" in note


def test_a_name_in_two_folders_is_told_with_what_to_do(folder):
    for name in ("one", "two"):
        folder.image(f"{name}/a.png")
    coco = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}
    folder.json("coco.json", coco)
    assert "Write its folder, too, or keep one of them." in folder.read().problems[0]


def test_an_export_that_nobody_submitted_to_is_told(folder):
    folder.image("a.png")
    folder.json("tasks.json", [{"data": {"image": "a.png"}, "annotations": []}])
    with pytest.raises(DataError, match="1 image in Label Studio of which nobody has submitted"):
        entries_from(folder.path, folder.files)


@pytest.mark.parametrize("kind", ["coco", "yolo"])
def test_annotations_beside_folders_of_good_and_bad_images_count(folder, kind):
    good, bad = folder.image("images/OK/a.png"), folder.image("images/NG/b.png")
    if kind == "coco":
        folder.json("annotations/instances_default.json", coco("NG/b.png"))
    else:
        folder.text("labels/NG/b.txt", "0 0.5 0.5 0.2 0.2\n")
        folder.text("data.yaml", "names: [dent]\n")
    found = find_layout(folder.path)
    assert {entry.path: len(entry.masks) for entry in found.entries} == {good: 0, bad: 1}
    assert "Annotated as defects, by label: 1 dent." in found.notes
    if kind == "coco":
        folder.json("annotations/instances_default.json", coco("OK/a.png", "NG/b.png"))
    else:
        folder.text("labels/OK/a.txt", "0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(DataError, match=r"images/OK/a.png is good by its folder or mask"):
        find_layout(folder.path)


def test_a_mask_file_and_an_annotation_of_one_image_are_joined_and_told(folder):
    folder.image("OK/a.png")
    image = folder.image("NG/b.png")
    folder.image("masks/NG/b.png")
    folder.json("NG/b.json", {"shapes": [TRIANGLE], "imagePath": "b.png"})
    found = find_layout(folder.path)
    assert [len(entry.masks) for entry in found.entries if entry.path == image] == [2]
    assert any("1 image has a mask file and an annotation" in n for n in found.notes)


def test_a_mask_beside_an_annotated_image_is_no_good_image(folder):
    image, other = folder.image("a.png"), folder.image("b.png")
    mask = folder.image("a_mask.png")
    folder.json("a.json", {"shapes": [TRIANGLE], "imagePath": "a.png"})
    found = entries_from(folder.path, folder.files)
    assert {entry.path: len(entry.masks) for entry in found.entries} == {image: 2, other: 0}
    assert mask in found.used
    assert any("1 image has a mask file and an annotation" in note for note in found.notes)


def test_a_mask_beside_an_image_without_a_shape_is_told(folder):
    folder.image("a.png", (9, 9))
    image = folder.image("b.png", (9, 9))
    Image.fromarray(np.eye(9, dtype=np.uint8) * 255).save(folder.path / "b_mask.png")
    folder.json("a.json", {"shapes": [TRIANGLE], "imagePath": "a.png"})
    with pytest.raises(DataError, match=r"the mask 'b_mask.png' beside it marks a defect") as told:
        entries_from(folder.path, folder.files)
    assert str(image) in str(told.value)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_that_is_no_utf_8_is_read_as_a_table_is(folder, encoding):
    image = folder.image("a.png")
    text = json.dumps(coco("a.png"), ensure_ascii=False).replace("dent", "Kratzer ü")
    (folder.path / "a.json").write_bytes(text.encode(encoding))
    found = folder.read()
    assert not found.problems
    assert found.by_image[image].defect_type == "Kratzer ü"
    assert [remark.where for remark in found.remarks] == ["a.json"]


@pytest.mark.parametrize(
    "name",
    [
        "predict2",
        "auto_labels",
        "Predictions",
        "inference",
        "pseudo-labels",
        "runs",
        "model_labels",
    ],
)
def test_folders_of_predictions(name):
    assert is_of_predictions(name)


@pytest.mark.parametrize("name", ["labels", "annotations", "images", "auto", "model", "NG", "json"])
def test_folders_of_other_things(name):
    assert not is_of_predictions(name)
