from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from annotated import SIZE_HW, pictured
from blemish.data.annotations.dataset import entries_from
from blemish.errors import DataError, ImageError

HEIGHT, WIDTH = SIZE_HW


def shape(kind, points, label="scratch", **more):
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "shape_type": kind,
        "flags": {},
    } | more


def labelme(shapes, image="a.png", **more):
    return {
        "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": image,
        "imageData": "A" * 100_000, "imageHeight": HEIGHT, "imageWidth": WIDTH,
    } | more  # fmt: skip


def png(mask, mode="L"):
    stream = BytesIO()
    Image.fromarray(np.array(mask, np.uint8)).convert(mode).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def drawn(folder, image):
    found = folder.read()
    assert not found.problems, found.problems
    return found.by_image[image].shapes.draw(SIZE_HW)


def by_pillow(draw):
    image = Image.new("L", (WIDTH, HEIGHT))
    draw(ImageDraw.Draw(image))
    return np.asarray(image) == 1


def test_a_rectangle_covers_its_border(folder):
    image = folder.image("a.png")
    folder.json("a.json", labelme([shape("rectangle", [[4, 3], [2, 1]])]))
    assert pictured(drawn(folder, image)[:4]) == [
        "...........",
        "..###......",
        "..###......",
        "..###......",
    ]


@pytest.mark.parametrize(
    ("kind", "points", "draw"),
    [
        ("polygon", [[1.2, 1], [9.7, 2.4], [5, 6.6]], "polygon"),
        (None, [[1.2, 1], [9.7, 2.4], [5, 6.6]], "polygon"),
        ("oriented_rectangle", [[1, 3], [3, 1], [6, 4], [4, 6]], "polygon"),
        ("circle", [[5.3, 3.4], [7.1, 4]], "circle"),
    ],
)
def test_shapes_cover_what_labelme_draws(folder, kind, points, draw):
    image = folder.image("a.png")
    folder.json("a.json", labelme([shape(kind, points)]))

    def by_labelme(pen):
        if draw == "circle":
            (cx, cy), (px, py) = points
            r = ((cx - px) ** 2 + (cy - py) ** 2) ** 0.5
            pen.ellipse([cx - r, cy - r, cx + r, cy + r], outline=1, fill=1)
        else:
            pen.polygon([tuple(point) for point in points], outline=1, fill=1)

    assert np.array_equal(drawn(folder, image), by_pillow(by_labelme))


@pytest.mark.parametrize("mode", ["L", "1"])
def test_a_mask_lies_in_its_box(folder, mode):
    image = folder.image("a.png")
    mask = [[0, 255], [255, 0], [255, 255]]
    folder.json("a.json", labelme([shape("mask", [[8.0, 1.0], [9.0, 3.0]], mask=png(mask, mode))]))
    assert pictured(drawn(folder, image)[:4]) == [
        "...........",
        ".........#.",
        "........#..",
        "........##.",
    ]


def test_the_image_is_the_one_beside_or_the_one_that_is_named(folder):
    beside, named = folder.image("x/a.png"), folder.image("images/b.png")
    folder.json("x/a.json", labelme([], image="long-gone.jpg"))
    folder.json("labels/b.json", labelme([], image="..\\images\\b.png"))
    found = folder.read()
    assert set(found.by_image) == {beside, named}
    assert not found.without_image
    assert found.by_image[beside].defect_type == "good"


def test_flags_are_labels_of_the_image(folder):
    image = folder.image("a.png")
    folder.json("a.json", labelme([], flags={"dent": True, "done": False}))
    found = folder.read().by_image[image]
    assert (found.defect_type, found.masks) == ("dent", ())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (shape("point", [[1, 1]]), "shape 1 ('scratch') is a point, which marks no area"),
        (shape("line", [[1, 1], [2, 2]]), "is a line, which marks no area"),
        (shape("linestrip", [[1, 1], [2, 2]]), "is a linestrip"),
        (shape("spline", [[1, 1], [2, 2]]), "unknown type 'spline'"),
        (shape("polygon", [[1, 1], [2, 2]]), "has 2 points, and a polygon 3 or more"),
        (shape("circle", [[1, 1]]), "has 1 points, and a circle 2"),
        (shape("rectangle", [[1, 1]]), "has 1 points, and a rectangle 2 or 4"),
        (shape("polygon", [[1, 1], [2, 2], [1e9, 3]]), "far outside"),
        (shape("mask", [[0, 0], [1, 1]], mask="%%"), "no PNG"),
        (shape("mask", [[0, 0], [1, 1]], mask=png([[0, 1]])), "2 x 1 pixels in a box of 2 x 2"),
        (shape("mask", [[-1, 0], [0, 0]], mask=png([[0, 1]])), "in no image"),
        (shape("polygon", [[1, 1], [2, 2], [3, "x"]]), "shapes[0].points[2]"),
        (shape("polygon", [[0, 0], [2, 2], [3, 0]], label="__ignore__"), "every pixel counts"),
    ],
)
def test_what_marks_no_area_or_is_damaged_is_told_with_its_file(folder, wrong, told):
    folder.image("a.png")
    path = folder.json("a.json", labelme([wrong]))
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: ")
    assert told in problem


def test_all_problems_are_told_at_once(folder):
    folder.image("a.png")
    folder.json("a.json", labelme([shape("point", [[1, 1]])] * 30))
    problems = folder.read().problems
    assert len(problems) == 21
    assert "and 10 more problems" in problems[-1]


def test_another_size_is_refused_and_a_turned_one_told(folder):
    image = folder.image("a.png")
    path = folder.json("a.json", labelme([shape("rectangle", [[2, 1], [4, 3]])]))
    shapes = folder.read().by_image[image].shapes
    with pytest.raises(ImageError, match="annotate the image itself") as told:
        shapes.draw((8, 11))
    assert str(path) in str(told.value)
    with pytest.raises(ImageError, match="EXIF"):
        shapes.draw((WIDTH, HEIGHT))


def test_good_labels_mark_no_defect(folder):
    image = folder.image("a.png")
    box = [[2, 1], [4, 3]]
    folder.json(
        "a.json",
        labelme([shape("rectangle", box, "OK"), shape("polygon", [*box, [1, 1]], "_background_")]),
    )
    found = folder.read().by_image[image]
    assert found.defect_type == "good"
    assert not found.is_marked


def test_damaged_files_are_told_only_where_they_are_annotations(folder):
    folder.image("a.png")
    damaged = folder.text("a.json", '{"version": "5", "shapes": [{"label": ')
    folder.text("other.json", "{{")
    folder.json("more.json", {"anything": 1})
    (problem,) = folder.read().problems
    assert problem.startswith(f"{damaged}: it is no JSON")


def test_an_image_that_is_not_there_is_the_one_called_as_the_file_and_that_is_told(folder):
    images = [folder.image(f"{name}.png") for name in "abc"]
    folder.json("a.json", labelme([shape("rectangle", [[1, 1], [3, 3]])], image="gone.png"))
    folder.json("b.json", labelme([], image="C:\\old\\b.jpg"))
    found = folder.read()
    assert set(found.by_image) == set(images[:2])
    (remark,) = found.remarks
    assert remark.where == "'a.json' names 'gone.png'"
    notes = entries_from(folder.path, folder.files).notes
    assert any("'a.json' names 'gone.png'" in note for note in notes)


def test_a_file_that_is_called_as_one_image_and_names_another_is_told(folder):
    folder.image("images/a.png")
    folder.image("images/b.png")
    folder.json("labels/a.json", labelme([], image="..\\images\\b.png"))
    (problem,) = folder.read().problems
    assert "is called as" in problem
    assert "and says that it is of" in problem


def test_marks_on_no_image_are_refused_where_others_would_be_good_for_want_of_a_file(folder):
    folder.image("a.png")
    folder.json("a.json", labelme([]))
    folder.json("y.json", labelme([], image="z.png"))
    folder.json("x.json", labelme([shape("rectangle", [[1, 1], [3, 3]])], image="gone.png"))
    assert len(entries_from(folder.path, folder.files).entries) == 1
    folder.image("b.png")
    with pytest.raises(DataError, match=r"marks defects on images not to be found \('x.json'\)"):
        entries_from(folder.path, folder.files)
