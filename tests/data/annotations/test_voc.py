from __future__ import annotations

import pytest

from annotated import SIZE_HW, pictured
from blemish.data.annotations.dataset import entries_from

OBJECT = (
    "<object><name>scratch</name><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>5</xmax>"
    "<ymax>3</ymax></bndbox></object>"
)


def voc(*objects, name="a.png"):
    return (
        f"<annotation>\n<folder>x</folder><filename>{name}</filename><size><width>11</width>"
        f"<height>7</height><depth>3</depth></size>{''.join(objects)}</annotation>"
    )


@pytest.mark.parametrize("path", ["a.xml", "Annotations/a.xml"])
def test_boxes_are_read_and_said_to_be_boxes(folder, path):
    image = folder.image("a.png")
    folder.image("b.png")
    folder.text(path, voc(OBJECT))
    shapes = folder.read().by_image[image].shapes
    drawn = ["...........", "..###......", "..###......", "..........."]
    assert pictured(shapes.draw(SIZE_HW)[:4]) == drawn
    found = entries_from(folder.path, folder.files)
    assert found.layout == "pascal-voc"
    assert {entry.id: entry.defect_type for entry in found.entries} == {
        "a.png": "scratch",
        "b.png": "good",
    }
    assert any("boxes alone" in note for note in found.notes)


def test_a_file_beside_one_image_that_names_another_is_told(folder):
    for name in ("a.png", "b.png"):
        folder.image(name)
    folder.text("a.xml", voc(OBJECT, name="b.png"))
    assert "says that it is of" in folder.read().problems[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (voc("<object><name>x</name></object>"), "object 1 ('x') has no 'bndbox'"),
        (voc(OBJECT.replace("2<", "x<")), "which are no four numbers"),
        (voc(OBJECT.replace(">2<", ">9<")), "which is no box"),
        (voc(OBJECT)[:-5], "it is no XML"),
        (voc(OBJECT.replace("2<", "nan<")), "far outside of any image"),
        (voc(OBJECT.replace(">2<", ">2</xmin><angle>1</angle><xmin>2<")), "turned"),
    ],
)
def test_what_is_wrong_is_told_with_its_file(folder, text, told):
    folder.image("a.png")
    path = folder.text("a.xml", text)
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: ")
    assert told in problem
