"""Samples whose masks are shapes: read, hashed and audited like those of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotated import SIZE_HW
from blemish.data.audit import audit
from blemish.data.dataset import Dataset
from blemish.data.masks import MaskFile
from blemish.data.sample import Sample
from blemish.data.shapes import Ellipse, Shapes, Stroke, box, packed, polygon, runs_of
from blemish.errors import ImageError
from blemish.images.header import Reader, ReadLimits

READER = Reader(ReadLimits(min_side_px=1))
PATH = Path("annotations.json")


def shapes(*parts, size_hw=None):
    return Shapes(PATH, parts, size_hw)


def sample(path, *masks, name="a.png"):
    return Sample(name, path, "test", "defect", "dent", masks)


def test_a_pixel_is_defective_where_any_mask_says_so(folder):
    image, mask = folder.image("a.png"), folder.image("mask.png")
    one, other = shapes(box("dent", (0, 0, 3, 2))), shapes(Ellipse("dent", (8, 4), (2, 2)))
    both = sample(image, one, other).read_mask(SIZE_HW, READER)
    assert np.array_equal(both, one.draw(SIZE_HW) | other.draw(SIZE_HW))
    with_file = sample(image, one, MaskFile(mask)).read_mask(SIZE_HW, READER)
    assert with_file[:2, :3].all()


def test_the_hash_of_a_mask_follows_what_is_marked(folder):
    image = folder.image("a.png")
    one, other = shapes(box("dent", (0, 0, 3, 2))), shapes(box("dent", (0, 0, 3, 3)))
    assert sample(image, one).mask_sha256 == one.sha256
    assert sample(image, one, other).mask_sha256 not in (one.sha256, other.sha256)

    def fingerprint(mask):
        return Dataset("x", folder.path, "made", (sample(image, mask),)).fingerprint

    assert fingerprint(one) == fingerprint(shapes(box("scratch", (0, 0, 3, 2))))
    assert fingerprint(one) != fingerprint(other)


def test_an_audit_tells_of_shapes_on_another_size(folder):
    image, other = folder.image("a.png", (24, 20)), folder.image("b.png", (24, 20))
    fine = sample(image, shapes(box("dent", (1, 1, 9, 9)), size_hw=(24, 20)))
    wrong = sample(
        other, shapes(polygon("dent", [(1, 1), (2, 2), (1, 3)]), size_hw=(20, 24)), name="b.png"
    )
    found = audit(Dataset("x", folder.path, "made", (fine, wrong)))
    (finding,) = [one for one in found.findings if one.code == "mask-unusable"]
    assert finding.ids == ("b.png",)
    assert "EXIF" in finding.message
    with pytest.raises(ImageError):
        wrong.read_mask((24, 20))


def test_many_shapes_are_small_and_drawn_by_their_own_box():
    every = shapes(*(box("dent", (k, 1, k + 1, 2)) for k in range(2000)))
    assert every.draw((2000, 2000)).sum() <= 2000
    assert every.labels == ("dent",)


@pytest.mark.parametrize(
    "shape",
    [
        polygon("dent", [(5, 5), (5.2, 5), (5.2, 5.2)]),
        polygon("dent", [(50, 5), (60, 5), (60, 9)]),
        box("dent", (3, 3, 3, 3)),
        runs_of("dent", np.zeros((3, 3), np.bool_)),
        runs_of("dent", np.ones((3, 3), np.bool_), (20, 2)),
        Ellipse("dent", (5.0, 5.0), (0.2, 0.2)),
        Stroke("dent", "rectangle", packed([(50, 5), (60, 9)])),
    ],
)
def test_a_shape_that_covers_no_pixel_is_told(shape):
    with pytest.raises(ImageError, match=r"shape 2 that marks a defect, 'dent', covers no pixel"):
        shapes(box("dent", (1, 1, 3, 3)), shape).draw((20, 20))


def test_a_sliver_that_is_part_of_a_shape_may_cover_none():
    sliver = replace(polygon("dent", [(5, 5), (5.2, 5), (5.2, 5.2)]), goes_on=True)
    assert shapes(box("dent", (1, 1, 3, 3)), sliver).draw((20, 20)).sum() == 4


@pytest.mark.parametrize(
    ("shape", "outside"),
    [
        (box("dent", (15, 5, 30, 9)), True),
        (box("dent", (15, 5, 24, 9)), False),
        (box("dent", (0.75, 0.75, 2, 2), relative=True), True),
        (polygon("dent", [(-20, 1), (4, 1), (4, 9)]), True),
        (Ellipse("dent", (21.0, 5.0), (4.0, 2.0)), True),
        (Ellipse("dent", (5.0, 19.0), (9.0, 2.0), 90.0), False),
        (runs_of("dent", np.pad(np.ones((3, 3), np.bool_), 4), (16, 2)), True),
        (runs_of("dent", np.pad(np.ones((3, 3), np.bool_), 4), (13, 2)), False),
        (Stroke("dent", "rectangle", packed([(18, 5), (30, 9)])), True),
        (Stroke("dent", "circle", packed([(25, 5), (31, 5)])), True),
    ],
)
def test_shapes_mostly_outside_are_counted(shape, outside):
    assert shapes(box("dent", (1, 1, 3, 3)), shape).outside((20, 20)) == outside


def test_an_audit_tells_of_shapes_mostly_outside(folder):
    image, other = folder.image("a.png", (24, 20)), folder.image("b.png", (24, 20))
    fine = sample(image, shapes(box("dent", (1, 1, 9, 9))))
    wrong = sample(other, shapes(box("dent", (18, 1, 40, 9))), name="b.png")
    found = audit(Dataset("x", folder.path, "made", (fine, wrong)))
    (finding,) = [one for one in found.findings if one.code == "shape-outside"]
    assert (finding.severity, finding.ids) == ("warning", ("b.png",))
