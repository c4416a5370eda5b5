from __future__ import annotations

import numpy as np
import pytest

from annotated import SIZE_HW, pictured
from blemish.data.annotations.cvat import read_labelmap
from blemish.errors import DataError

HEIGHT, WIDTH = SIZE_HW
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'


def cvat(*shapes, name="a.png", more=""):
    inside = "\n".join(shapes)
    image = f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}">{inside}</image>'
    return f"{HEAD}<meta><task><name>x</name></task></meta>{image}{more}</annotations>"


def found(folder, *shapes):
    image = folder.image("a.png")
    folder.text("annotations.xml", cvat(*shapes))
    read = folder.read()
    assert not read.problems, read.problems
    return read.by_image[image]


def test_boxes_and_polygons_have_continuous_coordinates(folder):
    mask_utils = pytest.importorskip("pycocotools.mask")
    box = '<box label="dent" xtl="2.00" ytl="1.00" xbr="5.00" ybr="3.00" occluded="0"></box>'
    assert pictured(found(folder, box).shapes.draw(SIZE_HW)[:4]) == [
        "...........",
        "..###......",
        "..###......",
        "...........",
    ]
    points = "1.50,1.00;9.25,2.00;4.00,6.00"
    polygon = f'<polygon label="dent" points="{points}"><attribute name="x">1</attribute></polygon>'
    flat = [float(text) for pair in points.split(";") for text in pair.split(",")]
    (expected,) = mask_utils.frPyObjects([flat], HEIGHT, WIDTH)
    drawn = found(folder, polygon).shapes.draw(SIZE_HW)
    assert np.array_equal(drawn, mask_utils.decode(expected) == 1)


def test_a_mask_goes_row_by_row_within_its_box(folder):
    mask = '<mask label="dent" rle="1, 2, 2, 1" left="3" top="2" width="3" height="2"></mask>'
    assert pictured(found(folder, mask).shapes.draw(SIZE_HW)[1:5]) == [
        "...........",
        "....##.....",
        ".....#.....",
        "...........",
    ]


def test_a_turned_box_is_turned_about_its_centre(folder):
    box = '<box label="dent" xtl="2" ytl="1" xbr="6" ybr="3" rotation="90.00"></box>'
    assert pictured(found(folder, box).shapes.draw(SIZE_HW)[:5]) == [
        "...##......",
        "...##......",
        "...##......",
        "...##......",
        "...........",
    ]


def test_an_ellipse_covers_centres_of_pixels(folder):
    ellipse = '<ellipse label="dent" cx="5.00" cy="3.00" rx="3.00" ry="1.00"></ellipse>'
    assert pictured(found(folder, ellipse).shapes.draw(SIZE_HW)[1:5]) == [
        "...........",
        "..######...",
        "..######...",
        "...........",
    ]


def test_tags_are_labels_of_the_image(folder):
    tagged = found(folder, '<tag label="dent" source="manual"></tag>')
    assert (tagged.defect_type, tagged.masks) == ("dent", ())
    assert found(folder, '<tag label="good"></tag>').defect_type == "good"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('<polyline label="x" points="1,1;2,2"/>', "is a polyline, which marks no area"),
        ('<points label="x" points="1,1;2,2"/>', "is a set of points, which marks no area"),
        ('<cuboid label="x"/>', "is a cuboid, which marks no area"),
        ('<skeleton label="x"/>', "is a skeleton, which marks no area"),
        ('<spline label="x"/>', "unknown kind 'spline'"),
        ('<polygon label="x" points="1,1;2,2"/>', "has 2 points"),
        ('<polygon label="x" points="1,1;2;3,3"/>', "no pairs"),
        ('<polygon label="x" points="1,1;2,nan;3,3"/>', "far outside"),
        ('<box label="x" xtl="1" ytl="1" xbr="2"/>', "has 'ybr' '', which is no number"),
        ('<ellipse label="x" cx="1" cy="1" rx="0" ry="1"/>', "must be above 0"),
        ('<mask label="x" rle="1, 2" left="0" top="0" width="2" height="2"/>', "run lengths"),
        ('<mask label="x" rle="1, y" left="0" top="0" width="2" height="2"/>', "invalid literal"),
        ('<tag label="ok"/><box label="x" xtl="1" ytl="1" xbr="2" ybr="2"/>', "one is wrong"),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_image(folder, wrong, told):
    folder.image("a.png")
    path = folder.text("annotations.xml", cvat(wrong))
    (problem,) = folder.read().problems
    assert problem.startswith(f"{path}: 'a.png'")
    assert told in problem


def test_videos_damage_and_entities_are_told(folder):
    folder.image("a.png")
    for content, told in (
        (f'{HEAD}<track id="0" label="x"></track></annotations>', "is of a video"),
        (cvat()[:-20], "no XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + cvat().partition("?>")[2], "DTD"),
    ):
        folder.text("annotations.xml", content)
        assert told in folder.read().problems[0]


def test_other_xml_is_none_of_ours(folder):
    folder.image("a.png")
    folder.text("a.xml", "<note><object><name>x</name></object></note>")
    read = folder.read()
    assert (read.used, read.problems) == ((), ())


def test_a_labelmap_says_what_is_background(tmp_path):
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nbackground:0,128,0::\nscratch:16,16,16::\n")
    assert read_labelmap(path) == {"background": (0, 128, 0), "scratch": (16, 16, 16)}
    path.write_text("scratch:128,0,0::\n")
    assert read_labelmap(path)["background"] == (0, 0, 0)
    path.write_text("scratch 128\n")
    with pytest.raises(DataError, match="line 1: must be like"):
        read_labelmap(path)


def test_a_tag_to_ignore_is_told_as_a_shape_is(folder):
    folder.image("a.png")
    folder.text(
        "annotations.xml",
        '<annotations><version>1.1</version><image name="a.png" width="11" height="7">'
        '<tag label="ignore"/></image></annotations>',
    )
    assert "'a.png' is labelled 'ignore', and every image counts" in folder.read().problems[0]
