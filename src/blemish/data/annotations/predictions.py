"""Files that a model wrote, by the folders that they lie in: never taken for labels.

Detectors write what they found in the formats of labels, `runs/detect/predict/labels/a.txt`, into
the folder of the data set. No file tells that it is no person's, so the names of folders have to.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from blemish.data.words import plain, words_in

_WORDS = frozenset(
    {
        "prediction", "predictions", "pred", "preds", "predict", "predicted", "inference",
        "inferences", "autolabel", "autolabels", "autolabeled", "autolabelled", "pseudolabel",
        "pseudolabels", "vorhersage", "vorhersagen", "prédiction", "prédictions", "predicciones",
        "预测", "予測",
    }
)  # fmt: skip
_NAMES = frozenset({"results", "result", "runs", "ergebnisse", "detections", "推論結果"})
_BY_MACHINE = frozenset({"auto", "pseudo", "model"})
_LABELS = frozenset(
    {"label", "labels", "labeled", "labelled", "annotation", "annotations", "annotated"}
)


def is_of_predictions(name: str) -> bool:
    """Whether a folder holds what a model found, by its name: `predict2`, `auto_labels`."""
    words = set(words_in(name))
    by_machine = bool(words & _BY_MACHINE) and bool(words & _LABELS)
    return plain(name) in _NAMES or bool(words & _WORDS) or by_machine


def folder_of_predictions(path: PurePath) -> str:
    """The outermost folder of a relative path that holds predictions; empty, if none does."""
    return next((part for part in path.parts[:-1] if is_of_predictions(part)), "")


def spelled(paths: Collection[PurePath]) -> list[str]:
    """The folders of predictions that some relative paths lie in, sorted."""
    return sorted({folder_of_predictions(path) for path in paths})
