"""FiftyOne: `samples.json` of its own format (`FiftyOneDataset`), as our export writes it.

Of a sample's fields those count that are named here: `defect_type`, a classification, and
`ground_truth`, a segmentation whose mask is a file. Tags are the splits.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from blemish.data.annotations.annotation import NO_LABELS, Annotation, Annotations, Labels
from blemish.data.words import split_in
from blemish.errors import DataError, raise_some
from blemish.typed_json import JsonError, read_as

SAMPLES, NEEDED = "samples", b'"filepath"'
TYPE, MASK = "defect_type", "ground_truth"


class _Type(Struct):
    label: str


class _Mask(Struct):
    mask_path: str


class _Sample(Struct):
    filepath: str
    tags: list[str] = []
    defect_type: _Type | None = None
    ground_truth: _Mask | None = None


class _File(Struct):
    samples: list[_Sample]


def read(path: Path, content: bytes, ignored: Labels = NO_LABELS) -> Annotations:
    """What a file of FiftyOne says, by the paths of the images in it.

    Args:
        path: of the file, whose folder masks are relative to.
        content: of it.
        ignored: labels that are left out.

    Raises:
        DataError: it is damaged, or names a mask that is not there.
    """
    try:
        file = read_as(content, _File)
    except JsonError as error:
        raise DataError(
            f"{path}: {error} Only '{TYPE}' and '{MASK}' as a mask in a file are read."
        ) from error
    found: dict[str, Annotation | None] = {}
    problems = []
    for sample in file.samples:
        labels = () if sample.defect_type is None else (sample.defect_type.label,)
        one = sample.ground_truth
        masks = () if one is None else (path.parent / one.mask_path,)
        problems += [
            f"the mask '{mask}' of '{sample.filepath}' is not there."
            for mask in masks
            if not mask.is_file()
        ]
        known = labels or masks
        left_out = tuple(label for label in labels if label in ignored)
        found[sample.filepath] = (
            Annotation(
                image_labels=() if left_out else labels,
                mask_files=() if left_out else masks,
                split=split_in(sample.tags),
                left_out=left_out,
            )
            if known
            else None
        )
    raise_some(problems, DataError, place=path)
    return found
