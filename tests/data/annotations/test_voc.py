from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from annotated import SIZE_HW, pictured
from blemish.data.annotations.dataset import entries_from
from blemish.errors import DataError

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


def test_an_outline_besides_the_box_is_spoken_of(folder):
    folder.image("a.png")
    outline = "<polygon><x1>2</x1><y1>1</y1><x2>5</x2><y2>1</y2><x3>5</x3><y3>3</y3></polygon>"
    folder.text("a.xml", voc(OBJECT.replace("<bndbox>", f"{outline}<bndbox>")))
    (remark,) = folder.read().remarks
    assert remark.where == "object 1 in a.xml"
    assert "has an outline" in remark.one


def mask(folder, name, *, marks=True):
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((24, 20), np.uint8)
    values[4, 7] = 255 * marks
    Image.fromarray(values).save(path)
    return path


def test_masks_in_folders_of_their_own_are_no_images(folder):
    for name in "ab":
        folder.image(f"JPEGImages/{name}.png")
    folder.text("Annotations/a.xml", voc(OBJECT))
    its = mask(folder, "SegmentationClass/a.png")
    mask(folder, "SegmentationObject/a.png")
    mask(folder, "SegmentationClass/b.png", marks=False)
    found = entries_from(folder.path, folder.files)
    kinds = {entry.id: entry.defect_type for entry in found.entries}
    assert kinds == {"JPEGImages/a.png": "scratch", "JPEGImages/b.png": "good"}
    assert [getattr(one, "path", None) for one in found.entries[0].masks][1:] == [its]
    assert any("a mask file and an annotation" in note for note in found.notes)


def test_a_mask_of_an_image_without_an_object_is_asked_about(folder):
    for name in "ab":
        folder.image(f"JPEGImages/{name}.png")
    folder.text("Annotations/a.xml", voc(OBJECT))
    mask(folder, "SegmentationClass/b.png")
    with pytest.raises(DataError, match=r"the mask 'b\.png' in .*SegmentationClass marks a defect"):
        entries_from(folder.path, folder.files)
