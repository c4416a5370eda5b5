"""What annotation files say of one image, whatever their format.

A label that everybody reads as good (`ok`, `normal`, ...) and the names that tools have for
the background mark no defect. Whatever else is marked is a defect: that a label means a part and
not a fault cannot be told, so labels are listed for a person to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blemish.data.masks import Mask, MaskFile
from blemish.data.shapes import Shape, Shapes
from blemish.data.split import Split
from blemish.data.words import DEFECT, is_good, plain
from blemish.result import GOOD

BACKGROUND = frozenset({"background"})
TO_IGNORE = frozenset({"ignore", "ignored", "don't-care", "dontcare"})

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd in a file that is read all the same, and that a user must hear of.

    Attributes:
        where: it is, in words.
        one: what it is, of a single case, as `blemish.wording.counted` takes it.
        many: the same of several.
    """

    where: str
    one: str
    many: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said of one image.

    Attributes:
        shapes: what is marked, without what is marked as good; `None` where only labels of the
            image as a whole are given.
        image_labels: of the image as a whole.
        mask_files: masks that the file names.
        split: where the file says.
        remarks: what is odd in it.
    """

    shapes: Shapes | None = None
    image_labels: tuple[str, ...] = ()
    mask_files: tuple[Path, ...] = ()
    split: Split | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Whether anything is marked on the image as a defect."""
        return bool(self.mask_files or (self.shapes and self.shapes.shapes))

    @property
    def masks(self) -> tuple[Mask, ...]:
        """What says which pixels are defective; none, where nothing is known of them."""
        shapes = () if self.shapes is None else (self.shapes,)
        return (*shapes, *(MaskFile(path) for path in self.mask_files))

    @property
    def defect_type(self) -> str:
        """The one label that marks a defect, `defect` where there are several, or `good`."""
        marked = () if self.shapes is None else self.shapes.labels
        labels = {label.strip() or DEFECT for label in marked or self.image_labels}
        defects = sorted(label for label in labels if not means_good(label))
        if not defects:
            return DEFECT if self.mask_files else GOOD
        return defects[0] if len(defects) == 1 else DEFECT


Annotations = Mapping[str, Annotation | None]  # by the image's name; `None`: not annotated yet


def means_good(label: str) -> bool:
    """Whether what has this label is no defect; a mere number is the class of one."""
    word = _word(label)
    return not word.isdigit() and (is_good(word) or word in BACKGROUND)


def _word(label: str) -> str:
    """A label as it is compared: LabelMe writes `__ignore__` and `_background_`."""
    return plain(label).strip("-")


def annotation_of(
    path: Path,
    shapes: list[Shape],
    size_hw: tuple[int, int] | None,
    tell: Tell,
    *,
    image_labels: tuple[str, ...] = (),
    split: Split | None = None,
    remarks: tuple[Remark, ...] = (),
) -> Annotation:
    """An annotation of the shapes in a file; tells where they contradict the image's labels."""
    defects = tuple(shape for shape in shapes if not means_good(shape.label))
    for label in sorted({shape.label for shape in defects if _word(shape.label) in TO_IGNORE}):
        tell(
            f"has shapes '{label}', and every pixel counts; take them away, or give them the label "
            f"of a defect or '{GOOD}'."
        )
    for label in sorted({label for label in image_labels if _word(label) in TO_IGNORE}):
        tell(
            f"is labelled '{label}', and every image counts; take it out, or give it the label of "
            f"a defect or '{GOOD}'."
        )
    said_good = [label for label in image_labels if means_good(label)]
    others = [label for label in image_labels if not means_good(label)]
    if defects and said_good:
        tell(f"is labelled '{said_good[0]}' and has shapes '{defects[0].label}'; one is wrong.")
    elif said_good and others:
        tell(f"is labelled both '{said_good[0]}' and '{others[0]}'; one is wrong.")
    if image_labels and not shapes:
        return Annotation(None, image_labels, split=split, remarks=remarks)
    good = () if defects else tuple(sorted({shape.label for shape in shapes}))
    shown = Shapes(path, defects, size_hw)
    return Annotation(shown, image_labels or good, split=split, remarks=remarks)


def no_area(kind: str) -> str:
    """Why a shape cannot be used that has no pixels of its own."""
    return (
        f"is a {kind}, which marks no area; draw a polygon, a box or a mask around what it means."
    )
