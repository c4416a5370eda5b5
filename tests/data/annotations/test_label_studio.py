from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from annotated import SIZE_HW, pictured
from blemish.data.annotations.brush import decode, encode

HEIGHT, WIDTH = SIZE_HW
IN_PERCENT = np.array([100 / WIDTH, 100 / HEIGHT])


def region(kind, value, label="scratch", **more):
    return {
        "id": "r1", "type": f"{kind}labels", "from_name": "label", "to_name": "image",
        "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
        "value": value | {f"{kind}labels": [label]},
    } | more  # fmt: skip


def task(*results, image="/data/local-files/?d=parts/a.png", **more):
    annotation = {"id": 1, "result": list(results), "was_cancelled": False, "ground_truth": False}
    return {"id": 5, "data": {"image": image}, "annotations": [annotation | more]}


def found(folder, *results, **more):
    image = folder.image("a.png")
    folder.json("export.json", [task(*results, **more)])
    read = folder.read()
    assert not read.problems, read.problems
    return read.by_image[image]


def drawn(folder, *results):
    return found(folder, *results).shapes.draw(SIZE_HW)


def test_boxes_polygons_and_ellipses_are_in_percent(folder):
    x, y, w, h = (float(v) for v in np.array([2, 1, 3, 2]) * np.tile(IN_PERCENT, 2))
    box = {"x": x, "y": y, "width": w, "height": h, "rotation": 0}
    expected = ["...........", "..###......", "..###......", "..........."]
    assert pictured(drawn(folder, region("rectangle", box))[:4]) == expected
    corners = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
    assert pictured(drawn(folder, region("polygon", {"points": corners}))[:4]) == expected
    cx, cy, rx, ry = (float(v) for v in np.array([5, 3, 3, 1]) * np.tile(IN_PERCENT, 2))
    ellipse = {"x": cx, "y": cy, "radiusX": rx, "radiusY": ry, "rotation": 0}
    assert pictured(drawn(folder, region("ellipse", ellipse))[1:5]) == [
        "...........",
        "..######...",
        "..######...",
        "...........",
    ]


def test_a_turned_box_is_turned_about_its_first_corner(folder):
    x, y, w, h = (float(v) for v in np.array([5, 1, 4, 2]) * np.tile(IN_PERCENT, 2))
    box = {"x": x, "y": y, "width": w, "height": h, "rotation": 90}
    assert pictured(drawn(folder, region("rectangle", box))[:6]) == [
        "...........",
        "...##......",
        "...##......",
        "...##......",
        "...##......",
        "...........",
    ]


def masks(count):
    rng = np.random.default_rng(3)
    yield np.ones((1, 1), np.bool_)
    yield np.zeros((300, 301), np.bool_)  # runs longer than the longest length
    for _ in range(count):
        yield rng.random(rng.integers(1, 40, 2)) < rng.random()


def test_brush_strokes_come_back():
    for mask in masks(50):
        assert np.array_equal(decode(bytes(encode(mask)), mask.shape), mask)


def test_single_values_within_a_stream_are_read():
    bits = f"{8:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits += "0" + "00" + "111" + "".join(f"{v:08b}" for v in (9, 9, 9, 0, 0, 0, 0, 1))
    stream = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    assert decode(stream, (1, 2)).tolist() == [[False, True]]


def test_brush_and_bitmask_are_read(folder):
    mask = np.random.default_rng(4).random(SIZE_HW) < 0.3
    assert np.array_equal(
        drawn(folder, region("brush", {"format": "rle", "rle": encode(mask)})), mask
    )
    stream = BytesIO()
    alpha = np.zeros((*SIZE_HW, 4), np.uint8)
    alpha[..., 3] = mask * 255
    Image.fromarray(alpha).save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    assert np.array_equal(drawn(folder, region("bitmask", {"imageDataURL": url})), mask)


def test_labels_may_come_in_a_result_of_their_own(folder):
    box = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 0}
    shape = region("rectangle", {}) | {"type": "rectangle", "value": box}
    labels = region("rectangle", {}) | {"type": "labels", "value": box | {"labels": ["dent"]}}
    assert found(folder, labels, shape).defect_type == "dent"
    assert found(folder, shape).defect_type == "defect"


def test_choices_are_labels_of_the_image(folder):
    chosen = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    assert found(folder, chosen).defect_type == "good"
    assert found(folder, chosen | {"value": {"choices": ["dent"]}}).defect_type == "dent"


def test_only_submitted_annotations_count(folder):
    image, other = folder.image("a.png"), folder.image("b.png")
    skipped = task(image="b.png", was_cancelled=True)
    folder.json("export.json", [task(), skipped])
    read = folder.read()
    assert read.by_image[image].defect_type == "good"
    assert read.not_yet == (other,)


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/3/1a2b3c4d-a.png",
        "/data/local-files/?d=some/where/a.png",
        "s3://bucket/where/a.png",
        "https://host/where/a.png?token=1",
        "a.png",
    ],
)
def test_addresses_lead_to_the_image(folder, address):
    image = folder.image("a.png")
    folder.json("export.json", [task(image=address)])
    assert list(folder.read().by_image) == [image]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (region("keypoint", {"x": 1, "y": 1}), "is a keypoint, which marks no area"),
        (region("vector", {}), "is a vector, which marks no area"),
        (region("spline", {}), "unknown type 'splinelabels'"),
        (region("brush", {}), "is a brush without its pixels"),
        (region("brush", {"rle": [0, 0, 1]}), "cut off"),
        (region("brush", {"rle": encode(np.ones((2, 2), np.bool_))}), "another size than 11 x 7"),
        (region("rectangle", {"x": 1}), "without its place or size"),
        (region("polygon", {"points": [[1, 1], [2, 2]]}), "has 2 points"),
        (region("polygon", {"points": []}, image_rotation=90), "turned in Label Studio"),
        (region("polygon", {"points": []}, original_width=None), "lacks 'original_width'"),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_task(folder, wrong, told):
    folder.image("a.png")
    path = folder.json("export.json", [task(wrong)])
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: task 5: region 'r1' ")
    assert told in problem


def test_several_annotations_of_a_task_need_a_word(folder):
    folder.image("a.png")
    twice = task()
    twice["annotations"] *= 2
    folder.json("export.json", [twice])
    assert "has 2 annotations; keep one" in folder.read().problems[0]
    twice["annotations"] = [task()["annotations"][0], task(ground_truth=True)["annotations"][0]]
    folder.json("export.json", [twice])
    assert not folder.read().problems


def test_the_short_export_is_refused(folder):
    folder.image("a.png")
    folder.json("export.json", [{"image": "a.png", "label": [], "annotation_id": 1}])
    assert "not 'JSON-MIN'" in folder.read().problems[0]


def choice(*labels, name="b"):
    return {"id": name, "type": "choices", "value": {"choices": list(labels)}}


BOX_REGION = {
    "id": "a", "type": "rectanglelabels", "original_width": 11, "original_height": 7,
    "value": {"x": 10, "y": 10, "width": 50, "height": 50, "rectanglelabels": ["scratch"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ([choice("OK"), BOX_REGION], "is labelled 'OK' and has shapes 'scratch'"),
        ([choice("OK", name="a"), BOX_REGION], "is labelled 'OK' and has shapes 'scratch'"),
        ([choice("OK", "NG")], "is labelled both 'OK' and 'NG'"),
        ([choice("NG"), choice("OK", name="c")], "is labelled both 'OK' and 'NG'"),
    ],
)
def test_choices_that_contradict_are_told(folder, result, told):
    folder.image("a.png")
    task = {"id": 4, "data": {"image": "a.png"}, "annotations": [{"result": result}]}
    folder.json("export.json", [task])
    (problem,) = folder.read().problems
    assert f"task 4 {told}; one is wrong." in problem


@pytest.mark.parametrize("written", ["plate#1.png", "plate%231.png"])
def test_an_uploaded_file_may_have_a_hash_in_its_name(folder, written):
    image = folder.image("plate#1.png")
    url = f"/data/upload/1/1f2e3d4c-{written}"
    folder.json("e.json", [{"id": 4, "data": {"image": url}, "annotations": [{"result": []}]}])
    assert list(folder.read().by_image) == [image]
