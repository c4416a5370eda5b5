from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from annotated import SIZE_HW, pictured
from blemish.data.annotations.dataset import entries_from
from blemish.data.shapes import Shapes
from blemish.errors import DataError
from blemish.images.run_lengths import run_lengths, to_text

HEIGHT, WIDTH = SIZE_HW
TRIANGLE = [1.5, 1, 9.25, 2, 4, 6]


def coco(annotations, images=("a.png",), categories=("scratch", "dent")):
    return {
        "images": [
            {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for number, name in enumerate(images, start=1)
        ],
        "annotations": [
            {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0} | one
            for number, one in enumerate(annotations, start=1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories, 1)],
    }


def shapes_of(folder, *annotations):
    image = folder.image("a.png")
    folder.json("coco.json", coco(annotations))
    found = folder.read()
    assert not found.problems, found.problems
    return found.by_image[image].shapes


def test_polygons_cover_what_pycocotools_says(folder):
    mask_utils = pytest.importorskip("pycocotools.mask")
    other = [7, 0, 11, 0, 11, 7, 7.3, 6.1]
    drawn = shapes_of(folder, {"segmentation": [TRIANGLE, other]}).draw(SIZE_HW)
    both = mask_utils.merge(mask_utils.frPyObjects([TRIANGLE, other], HEIGHT, WIDTH))
    assert np.array_equal(drawn, mask_utils.decode(both) == 1)


def test_run_lengths_are_read_in_both_forms(folder):
    mask = np.random.default_rng(1).random(SIZE_HW) < 0.4
    lengths = run_lengths(mask)
    for counts in (lengths.tolist(), to_text(lengths)):
        runs = {"counts": counts, "size": list(SIZE_HW)}
        drawn = shapes_of(folder, {"segmentation": runs, "iscrowd": 1}).draw(SIZE_HW)
        assert np.array_equal(drawn, mask)


def test_a_box_alone_covers_its_pixels_and_is_known_for_one(folder):
    shapes = shapes_of(folder, {"segmentation": [], "bbox": [2, 1, 3, 2]})
    assert pictured(shapes.draw(SIZE_HW)[:4]) == [
        "...........",
        "..###......",
        "..###......",
        "...........",
    ]
    assert shapes.only_boxes


def test_labels_are_categories(folder):
    image, clean = folder.image("a.png"), folder.image("b.png")
    boxes = [{"bbox": [1, 1, 2, 2]}, {"bbox": [3, 3, 2, 2], "category_id": 2}]
    folder.json("coco.json", coco(boxes, images=("a.png", "b.png")))
    found = folder.read()
    assert found.by_image[image].shapes.labels == ("dent", "scratch")
    assert found.by_image[image].defect_type == "defect"
    assert found.by_image[clean].defect_type == "good"
    assert dict(found.labels) == {"scratch": 1, "dent": 1}


def test_a_label_without_a_letter_is_a_defect(folder):
    image = folder.image("a.png")
    folder.json("coco.json", coco([{"bbox": [1, 1, 2, 2]}], categories=(" ",)))
    assert folder.read().by_image[image].defect_type == "defect"


def test_sizes_may_be_written_with_a_point(folder):
    image = folder.image("a.png")
    text = (folder.json("coco.json", coco([{"bbox": [1, 1, 2, 2]}]))).read_text()
    folder.text("coco.json", text.replace('"height": 7', '"height": 7.0'))
    assert folder.read().by_image[image].shapes.size_hw == SIZE_HW


def test_the_hash_is_of_what_is_marked(folder):
    one = shapes_of(folder, {"segmentation": [TRIANGLE]}, {"bbox": [1, 1, 2, 2]})
    again = shapes_of(
        folder, {"bbox": [1, 1, 2, 2], "category_id": 2}, {"segmentation": [TRIANGLE], "id": 9}
    )
    other = shapes_of(folder, {"bbox": [1, 1, 2, 3]}, {"segmentation": [TRIANGLE]})
    assert one.sha256 == again.sha256 != other.sha256
    assert Shapes(Path("x")).sha256 != one.sha256


def test_shapes_travel_to_other_processes(folder):
    shapes = shapes_of(folder, {"segmentation": [TRIANGLE]})
    back = pickle.loads(pickle.dumps(shapes))
    assert back == shapes
    assert hash(back) == hash(shapes)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"image_id": 7}, "annotation 1 is of image 7, which is not listed"),
        ({"category_id": 9}, "is of category 9"),
        ({"keypoints": [1, 2, 2]}, "is a set of keypoints, which marks no area"),
        ({}, "is a label without a shape"),
        ({"segmentation": [[1, 2, 3]]}, "has a polygon of 3 numbers"),
        ({"segmentation": [[1, 2, 3, 4]]}, "has 2 points, and a polygon 3 or more"),
        ({"segmentation": {"counts": [5], "size": [HEIGHT, WIDTH]}}, "are not those of 7 x 11"),
        ({"segmentation": {"counts": "oo", "size": [HEIGHT, WIDTH]}}, "damaged"),
        ({"segmentation": {"counts": [77], "size": [WIDTH, HEIGHT]}}, "has run lengths of 7 x 11"),
        ({"bbox": [1, 1, -2, 2]}, "which is no box"),
        ({"segmentation": "polygon"}, "annotations[0].segmentation"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(folder, wrong, told):
    folder.image("a.png")
    path = folder.json("coco.json", coco([wrong]))
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: ")
    assert told in problem


def test_what_is_listed_twice_is_told(folder):
    folder.image("a.png")
    folder.json("coco.json", coco([], images=("a.png", "a.png")))
    assert "'a.png' is listed 2 times" in folder.read().problems[0]


def test_a_million_pixels_of_no_image_cost_nothing(folder):
    folder.image("a.png")
    value = coco([{"segmentation": {"counts": [10**12], "size": [10**6, 10**6]}}])
    del value["images"][0]["width"]
    folder.json("coco.json", value)
    assert "which is in no image" in folder.read().problems[0]


def told(folder, annotation, categories=({"id": 1, "name": "dent"},)):
    folder.image("a.png")
    images = [{"id": 1, "file_name": "a.png"}]
    annotation = {"id": 7, "image_id": 1, "category_id": 1, **annotation}
    value = {"images": images, "annotations": [annotation], "categories": list(categories)}
    folder.json("coco.json", value)
    return " ".join(folder.read().problems)


def test_a_category_that_means_two_things_is_told(folder):
    categories = [{"id": 1, "name": "dent"}, {"id": 1, "name": "good"}]
    assert "category 1 is 'dent' and 'good'" in told(folder, {"bbox": [1, 1, 3, 3]}, categories)
    assert not told(folder, {"bbox": [1, 1, 3, 3]}, categories[:1] * 2)


def test_a_box_that_is_turned_is_told(folder):
    turned = {"bbox": [1, 1, 3, 3], "segmentation": [], "attributes": {"rotation": 30.0}}
    assert "annotation 7 is a box turned by 30.0 degrees" in told(folder, turned)
    turned["segmentation"] = [[1, 1, 3, 1, 3, 3]]
    assert not told(folder, turned)
    assert not told(folder, {"bbox": [1, 1, 3, 3], "attributes": {"rotation": 0.0}})


def test_keypoints_with_a_box_mark_no_area(folder):
    points = {"bbox": [1, 1, 3, 3], "segmentation": [], "keypoints": [1, 1, 2]}
    assert "annotation 7 is a set of keypoints, which marks no area" in told(folder, points)


SQUARE = [1, 1, 6, 1, 6, 5, 1, 5]


@pytest.mark.parametrize(
    ("segmentation", "bbox"),
    [
        ([SQUARE], [1, 1, 5, 4]),
        ([SQUARE], [1.4, 0, 6, 5]),
        ([SQUARE], [0, 0, 0, 0]),
        ([[-2, 1, 6, 1, 6, 5, -2, 5]], [0, 1, 6, 4]),
        ([[-2, 1, 6, 1, 6, 5, -2, 5]], [-2, 1, 8, 4]),
        ([SQUARE, [8, 1, 11, 1, 11, 5]], [1, 1, 10, 4]),
    ],
)
def test_a_box_around_its_segmentation_is_no_matter(folder, segmentation, bbox):
    folder.image("a.png")
    folder.json("coco.json", coco([{"segmentation": segmentation, "bbox": bbox}]))
    found = folder.read()
    assert not found.problems
    assert not found.remarks


def test_a_box_that_is_not_around_its_segmentation_is_told(folder):
    folder.image("a.png")
    folder.json("coco.json", coco([{"segmentation": [SQUARE], "bbox": [1, 1, 8.5, 4]}]))
    (remark,) = folder.read().remarks
    assert remark.where == "annotation 1 in coco.json"
    assert "is not around its segmentation" in remark.one
    (note,) = [n for n in entries_from(folder.path, folder.files).notes if "'bbox'" in n]
    assert note.startswith("1 annotation has a 'bbox'")


@pytest.mark.parametrize("as_runs", [False, True])
def test_a_box_of_something_else_is_an_error(folder, as_runs):
    folder.image("a.png")
    mask = np.zeros(SIZE_HW, np.bool_)
    mask[1:3, 7:10] = True
    runs = {"counts": run_lengths(mask).tolist(), "size": list(SIZE_HW)}
    segmentation = runs if as_runs else [[7, 1, 10, 1, 10, 3, 7, 3]]
    folder.json("coco.json", coco([{"segmentation": segmentation, "bbox": [7, 1, 10, 3]}]))
    (problem,) = folder.read().problems
    assert (
        "has a 'bbox' from (7, 1) to (17, 4), and its segmentation reaches from (7, 1)" in problem
    )
    assert "to (10, 3)" in problem


def test_an_id_of_two_annotations_is_told_and_both_count(folder):
    image = folder.image("a.png")
    boxes = [{"bbox": [1, 1, 2, 2], "id": 4}, {"bbox": [5, 3, 2, 2], "id": 4}]
    folder.json("coco.json", coco(boxes))
    found = folder.read()
    assert found.by_image[image].shapes.draw(SIZE_HW).sum() == 8
    assert [remark.where for remark in found.remarks] == ["annotation 4 in coco.json"]


def test_an_address_with_escapes_leads_to_the_image(folder):
    image = folder.image("images/a b.png")
    folder.json("coco.json", coco([], images=("/data/local-files/?d=images/a%20b.png",)))
    assert list(folder.read().by_image) == [image]


RESULTS = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (RESULTS, "a list of COCO's results, which are predictions and no labels"),
        *(
            ({k: v for k, v in coco([]).items() if k != lacking}, f"without '{lacking}'")
            for lacking in ("images", "annotations", "categories")
        ),
        ({"a.png123": {"filename": "a.png", "size": 123, "regions": []}}, "a project of VIA"),
        ({"_via_img_metadata": {}}, "a project of VIA"),
        ([{"image": "a.png", "annotations": [{"label": "x"}]}], "in a form that is not known"),
        ({"size": {"height": 7, "width": 11}, "objects": [{"id": 1}]}, "form that is not known"),
    ],
)
def test_annotations_that_are_not_read_are_no_good_images(folder, value, told):
    folder.image("a.png")
    path = folder.json("found.json", value)
    with pytest.raises(DataError, match=told) as raised:
        entries_from(folder.path, folder.files)
    assert str(raised.value).startswith(f"{path} holds ")


def test_annotations_that_are_not_read_are_told_beside_those_that_are(folder):
    folder.image("a.png")
    folder.json("found.json", RESULTS)
    folder.json("coco.json", coco([]))
    notes = entries_from(folder.path, folder.files).notes
    assert any(n.startswith("found.json holds a list of COCO's results") for n in notes)


@pytest.mark.parametrize("value", [{"camera": "left"}, [], [1], {}, {"objects": []}, "text"])
def test_other_json_is_no_annotation(folder, value):
    folder.image("a.png")
    folder.json("other.json", value)
    assert entries_from(folder.path, folder.files) is None
