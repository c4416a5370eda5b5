"""Files that a model wrote, by their names or those of their folders: never taken for labels.

Detectors write what they found in the formats of labels, `runs/detect/predict/labels/a.txt`, into
the folder of the data set. No file tells that it is no person's, so names have to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from blemish.data.lexicon.masks import (
    BY_MACHINE,
    LABELS,
    MODELS,
    OUTPUTS,
    PREDICTION_FOLDERS,
    PREDICTIONS,
)
from blemish.data.words import plain, words_in

_RUN = re.compile(r"exp-?\d*")  # of a detector, as YOLO numbers them: `exp3`
WRITTEN_AS = ".json"  # files of a whole set that are told by their own names


def is_of_predictions(name: str) -> bool:
    """Whether a folder or file holds what a model found, by its name: `predict2`, `auto_labels`."""
    return plain(name) in PREDICTION_FOLDERS or _says_predictions(name)


def predictions_among(
    files: Iterable[PurePath], images: Iterable[PurePath]
) -> Mapping[PurePath, str]:
    """Of some files those of predictions, each with the name that says so.

    The outermost folder's goes first. A folder of a run, `exp3`, may be one of images that people
    took: it counts where there are images outside of it. A file's own name counts where no image
    is called so.

    Args:
        files: relative paths.
        images: of the data set, relative as well.
    """
    images = list(images)
    around = [set(image.parts[:-1]) for image in images]
    of_all = set.intersection(*around) if around else set()
    stems = {image.stem for image in images}
    found = {}
    for path in files:
        for part in path.parts[:-1]:
            if is_of_predictions(part) or (_RUN.fullmatch(plain(part)) and part not in of_all):
                found[path] = part
                break
        else:
            of_a_set = path.suffix.lower() == WRITTEN_AS and path.stem not in stems
            if of_a_set and _says_predictions(path.stem):
                found[path] = path.name
    return found


def _says_predictions(name: str) -> bool:
    words = set(words_in(name))
    by_machine = bool(words & BY_MACHINE) and bool(words & LABELS)
    output = bool(words & OUTPUTS) and bool(words & MODELS)
    return bool(words & PREDICTIONS) or by_machine or output
