from __future__ import annotations

import numpy as np
import pytest

from annotated import SIZE_HW, pictured
from blemish.data.annotations.data_yaml import read_data_yaml
from blemish.data.annotations.dataset import entries_from
from blemish.errors import DataError

HEIGHT, WIDTH = SIZE_HW
BOX = f"0 {3.5 / WIDTH} {2 / HEIGHT} {3 / WIDTH} {2 / HEIGHT}\n"
DRAWN = ["...........", "..###......", "..###......", "..........."]


def test_boxes_and_polygons_are_shares_of_the_image(folder):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", BOX)
    shapes = folder.read().by_image[image].shapes
    assert pictured(shapes.draw(SIZE_HW)[:4]) == DRAWN
    assert shapes.only_boxes
    corners = [(2, 1), (5, 1), (5, 3), (2, 3)]
    folder.text("labels/a.txt", "0 " + " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in corners))
    shapes = folder.read().by_image[image].shapes
    assert pictured(shapes.draw(SIZE_HW)[:4]) == DRAWN
    assert not shapes.only_boxes


def test_shares_are_of_whatever_size_the_image_has(folder):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", "0 0.5 0.5 1 1\n")
    assert folder.read().by_image[image].shapes.draw((40, 30)).all()


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("images/train/a.png", "labels/train/a.txt"),
        ("train/images/a.png", "train/labels/a.txt"),
        ("a.png", "a.txt"),
        ("a.png", "labels/a.txt"),
        ("pictures/a.png", "labels/a.txt"),
        ("images/A.PNG", "labels/a.txt"),
    ],
)
def test_labels_lie_parallel_to_images_or_beside_them(folder, image, labels):
    path = folder.image(image.lower()).rename(folder.path / image)
    folder.text(labels, BOX)
    folder.image("images/other.png")
    from blemish.data.annotations.registry import annotations_in

    others = [one for one in folder.files if one.suffix.lower() != ".png"]
    found = annotations_in(folder.path, others, sorted(set(folder.files) - set(others)))
    assert not found.problems
    assert list(found.by_image) == [path]


def test_the_same_name_in_two_splits_is_no_question(folder):
    images = [folder.image(f"images/{split}/a.png") for split in ("train", "val")]
    for split in ("train", "val"):
        folder.text(f"labels/{split}/a.txt", BOX)
    found = folder.read()
    assert sorted(found.by_image) == images
    assert not found.problems


@pytest.mark.parametrize(
    "text",
    [
        "names: [scratch, 'dent # deep']\nnc: 2\n",
        'nc: 2  # classes\nnames:\n  0: scratch\n  1: "dent # deep"\n',
        "names:\n- scratch\n- 'dent # deep'\n",
        "names: {0: scratch, 1: 'dent # deep'}\n",
        "names:\n  - scratch\n  - 'dent # deep'\ndownload: |\n  something: else\n",
    ],
)
def test_names_of_classes_are_those_of_data_yaml(folder, text):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", BOX.replace("0 ", "1 ", 1))
    folder.text("data.yaml", text)
    found = folder.read()
    assert found.by_image[image].defect_type == "dent # deep"
    assert folder.path / "data.yaml" in found.used


def test_names_may_be_in_classes_txt_and_a_class_needs_none(folder):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", BOX)
    assert folder.read().by_image[image].defect_type == "class 0"
    folder.text("classes.txt", "scratch\ndent\n")
    assert folder.read().by_image[image].defect_type == "scratch"


def test_splits_are_where_data_yaml_says(folder):
    train, val, test = (folder.image(f"{name}/a.png") for name in ("one", "two", "three"))
    folder.text("three.txt", "./three/a.png\n")
    folder.text(
        "data.yaml", "path: .\ntrain: ../one\nval: [two, three]\ntest: three.txt\nnames: [x]\n"
    )
    assert folder.read().splits == {train: "train", val: "validation", test: "test"}


def test_a_list_of_images_that_cannot_be_read_is_told(folder):
    folder.image("a.png")
    folder.text("data.yaml", "train: train.txt\nnames: [x]\n")
    (folder.path / "train.txt").write_bytes(b"\xff\xfe\x00")
    assert "train.txt cannot be read as UTF-8 text" in folder.read().problems[0]


def test_a_damaged_data_yaml_is_told(tmp_path):
    path = tmp_path / "data.yaml"
    path.write_text("names:\n  a: b\n  c: d\n")
    with pytest.raises(DataError, match="'names' must list classes"):
        read_data_yaml(path)
    path.write_text("key: value\n")
    assert read_data_yaml(path) is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("0 0.1 0.2 0.3 0.4 0.9", "has 5 numbers after the class"),
        ("0 0.1 0.2 0.3", "has 3 numbers after the class"),
        ("0 12 20 30 40", "no shares of width and height"),
        ("0 0.1 x 0.3 0.4", "must be a class and numbers"),
        ("0 0.5 0.5 -0.1 0.2", "no shares of width and height"),
        ("0 0.5 0.5 1.2 0.2", "no shares of width and height"),
        ("0 0.1 0.1 1.011 0.1 1 1", "no shares of width and height"),
        ("0 0.7 0.7 0.9 0.9", "a box that reaches beyond the image; got '0 0.7 0.7 0.9 0.9'"),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_line(folder, line, told):
    folder.image("images/a.png")
    path = folder.text("labels/a.txt", f"{BOX}{line}\n")
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: line 2 ")
    assert told in problem


def test_keypoints_after_a_box_mark_no_area(folder):
    folder.image("images/a.png")
    folder.text("labels/a.txt", BOX.strip() + " 0.9 0.9 2 0.1 0.1 2\n")
    folder.text("data.yaml", "names: [x]\nkpt_shape: [2, 3]\n")
    assert "line 1 has keypoints ('kpt_shape'), which mark no area" in folder.read().problems[0]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nan 0.5 0.5 0.1 0.1", "must begin with a class"),
        ("-1 0.5 0.5 0.1 0.1", "must begin with a class"),
        ("0.5 0.5 0.5 0.1 0.1", "must begin with a class"),
        ("0 nan nan nan nan", "no shares"),
        ("0,0.5,0.5,0.1,0.1", "with spaces between"),
        ("1 1 9 1 9 9 1 9 scratch 0", "must be a class and numbers"),
        ("scratch 0.5 0.5 0.1 0.1", "must be a class and numbers"),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_a_damaged_first_line_never_makes_an_image_good(folder, line, told, beside):
    folder.image("images/a.png")
    path = folder.text(f"{'images' if beside else 'labels'}/a.txt", f"{line}\n")
    if beside:
        folder.text("classes.txt", "x\n")
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: line 1 ")
    assert told in problem


def test_labels_that_are_no_text_are_told(folder):
    folder.image("images/a.png")
    path = folder.text("labels/a.txt", "")
    path.write_bytes(BOX.encode("utf-16"))
    assert "cannot be read as UTF-8" in folder.read().problems[0]


@pytest.mark.parametrize("number", ["0.0", "0.000000000000000000e+00"])
def test_a_class_may_be_a_whole_float(folder, number):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", number + BOX[1:])
    folder.text("data.yaml", "names: [dent]\n")
    assert folder.read().by_image[image].defect_type == "dent"


def test_a_class_without_a_name_among_names_is_told(folder):
    folder.image("images/a.png")
    folder.text("labels/a.txt", "9" + BOX[1:])
    folder.text("data.yaml", "names: [dent, hole]\n")
    (problem,) = folder.read().problems
    assert "line 1 is of class 9, and the classes named are 0 'dent', 1 'hole'" in problem


def test_a_list_or_folder_that_is_not_there_is_told(folder):
    folder.image("images/a.png")
    path = folder.text("data.yaml", "train: images\nval: val.txt\ntest: other\nnames: [x]\n")
    problems = folder.read().problems
    assert [problem.split(",")[0] for problem in problems] == [
        f"{path}: 'val.txt' is not there",
        f"{path}: 'other' is not there",
    ]


def test_images_in_no_list_are_left_out(folder):
    listed = folder.image("images/train/a.png")
    rest = folder.image("images/train/b.png")
    kept = folder.image("images/test/c.png")
    folder.text("train.txt", "./images/train/a.png\n./images/train/gone.png\n")
    folder.text("data.yaml", "train: train.txt\nnames: [x]\n")
    found = folder.read()
    assert found.unlisted == {rest}
    assert found.without_image == {folder.path / "train.txt": ("./images/train/gone.png",)}
    entries = entries_from(folder.path, folder.files)
    assert [entry.path for entry in entries.entries] == [kept, listed]
    assert entries.unused_images == (rest,)
    assert any("in no folder or list that data.yaml names" in note for note in entries.notes)


def test_other_texts_are_no_labels(folder):
    image = folder.image("a.png")
    folder.text("a.txt", "A photograph of a part.\n")
    assert not folder.read().used
    folder.text("a.txt", "")
    assert not folder.read().used
    folder.text("data.yaml", "names: [x]\n")
    assert folder.read().by_image[image].defect_type == "good"


def test_labels_without_an_image_are_named(folder):
    folder.image("images/a.png")
    path = folder.text("labels/gone.txt", BOX)
    assert folder.read().without_image == {path: ("gone",)}


def test_pixels_of_a_polygon_are_those_of_pycocotools(folder):
    mask_utils = pytest.importorskip("pycocotools.mask")
    image = folder.image("images/a.png")
    corners = np.random.default_rng(8).random((6, 2))
    folder.text("labels/a.txt", "3 " + " ".join(f"{v:.17g}" for v in corners.reshape(-1)))
    flat = (corners * [WIDTH, HEIGHT]).reshape(-1).tolist()
    expected = mask_utils.decode(mask_utils.frPyObjects([flat], HEIGHT, WIDTH))[..., 0]
    assert np.array_equal(folder.read().by_image[image].shapes.draw(SIZE_HW), expected == 1)


@pytest.mark.parametrize("line", ["0 0.5 0.5 1 1", "0 1.004 0.1 0.9 0.1 0.9 0.4 -0.004 0.2"])
def test_numbers_may_be_outside_by_rounding(folder, line):
    image = folder.image("images/a.png")
    folder.text("labels/a.txt", line)
    found = folder.read()
    assert not found.problems
    assert found.by_image[image].shapes.draw(SIZE_HW).any()


@pytest.mark.parametrize("name", ["gone.txt", "labels/gone.txt"])
def test_labels_of_no_image_beside_images_without_are_refused(folder, name):
    for image in "abc":
        folder.image(f"{image}.png")
    folder.text(name, BOX)
    with pytest.raises(DataError, match=r"marks defects on images not to be found .*gone\.txt"):
        entries_from(folder.path, folder.files)


def test_a_table_of_numbers_is_no_damaged_label(folder):
    folder.image("a.png")
    folder.text("log.txt", "1 23.5 24.1 19.8 20.0\n")
    assert not folder.read().problems


def test_a_confidence_looks_like_predictions(folder):
    folder.image("images/a.png")
    folder.text("labels/a.txt", "0 0.5 0.5 0.2 0.2 0.91\n")
    (problem,) = folder.read().problems
    assert "as predictions have, whose last one is a confidence" in problem
    assert "ignore=NAME" in problem


def test_images_of_a_folder_that_nobody_has_looked_at_are_asked_about(folder):
    for number in range(4):
        folder.image(f"images/{number}.png")
        folder.text(f"labels/{number}.txt", BOX if number == 0 else "")
    folder.image("images/未标注/9.png")
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    with pytest.raises(DataError, match=r"1 image in '未标注' without a shape or a file"):
        entries_from(folder.path, files)
    folder.text("labels/未标注/9.txt", "")
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert entries_from(folder.path, files) is not None
