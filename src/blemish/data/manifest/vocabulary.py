"""Names that are usual for the columns of manifests, and what their cells look like.

Names are compared as `squashed`: `image_path`, `Image Path` and `imagePath` are one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

from blemish.data.words import is_bad, is_good, split_named
from blemish.images.masks import MASK_SUFFIXES
from blemish.images.read import IMAGE_SUFFIXES

PATH = frozenset(
    {
        "path", "image", "imagepath", "img", "imgpath", "file", "filename", "filepath", "imagefile",
        "imagefilename", "imagefilepath", "imagename", "imgname", "imgfile", "uri",
        "datei", "dateiname", "dateipfad", "bild", "bildname", "bilddatei", "bildpfad", "pfad",
        "fichier", "archivo", "ファイル", "ファイル名", "画像", "画像名", "文件名", "图片", "图像",
    }
)  # fmt: skip
MASK = frozenset(
    {
        "mask", "maskpath", "maskfile", "maskfilename", "maskname", "maskimage", "masks",
        "maskpaths", "gt", "gtpath", "gtmask", "gtmaskpath", "groundtruth", "groundtruthpath",
        "groundtruthmask",
    }
)  # fmt: skip
LABEL = frozenset({"label", "labels", "labelname"})
CLASS = frozenset({"class", "classname", "target"})  # of the defect, or of the part: see below
# In words for good and bad alone, or of something else.
VERDICT = frozenset(
    {
        "result", "verdict", "ergebnis", "prüfergebnis", "pruefergebnis", "urteil", "befund",
        "résultat", "resultado", "risultato", "判定", "判定結果", "結果", "検査結果", "结果",
    }
)  # fmt: skip
# Of an image that somebody has looked at once more: it counts against the label.
CORRECTED = frozenset(
    {
        "relabel", "relabeled", "relabelled", "labelnew", "newlabel", "label2", "labelcorrected",
        "correctedlabel", "labelfinal", "finallabel", "corrected", "correction", "corrections",
        "final", "reviewed", "recheck", "rechecked", "labelfix", "fixedlabel", "truelabel",
        "labelold", "oldlabel", "korrektur", "korrigiert", "nachprüfung",
    }
)  # fmt: skip
# How many defects an image has, or the code of one; 0 is none.
COUNTS = frozenset(
    {
        "defects", "numdefects", "ndefects", "defectcount", "defectscount", "defectnum",
        "numberofdefects", "nrofdefects", "defectcode", "errorcode", "faultcode", "fehlercode",
        "fehleranzahl", "anzahlfehler", "anzahldefekte", "numanomalies", "anomalycount",
    }
)  # fmt: skip
DEFECT_TYPE = frozenset(
    {"defecttype", "defectclass", "defectname", "anomalytype", "anomalyclass", "anomalyname"}
)
DEFECT = frozenset({"anomaly", "defect"})  # 0 or 1, or which one it is
BAD_FLAG = frozenset(
    {
        "isanomaly", "anomalous", "isanomalous", "isdefect", "defective", "isdefective",
        "abnormal", "isabnormal",
    }
)  # fmt: skip
GOOD_FLAG = frozenset({"isgood", "isok", "isnormal"})
LABEL_INDEX = frozenset({"labelindex", "labelidx"})  # 0 or 1, or a number for each kind of defect
SPLIT = frozenset({"split", "datasplit", "datasetsplit"})
SET = frozenset({"subset", "set", "partition"})  # of a split, or of anything else
GROUP = frozenset({"group"})
KNOWN = (
    PATH | MASK | LABEL | CLASS | DEFECT_TYPE | DEFECT | BAD_FLAG | GOOD_FLAG | LABEL_INDEX
    | SPLIT | SET | GROUP
)  # fmt: skip
# Names of what may well be a group, and may as well not.
PARTS = frozenset({"part", "partid", "serial", "serialnumber", "piece", "pieceid", "groupid"})
OBJECTS = frozenset({"object", "objectname", "category", "categoryname"})


def squashed(name: str) -> str:
    """A name as it is compared: in lower case, letters and digits alone."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in text if character.isalnum())


def is_known(name: str) -> bool:
    """Whether a column of this name says something here."""
    return squashed(name) in KNOWN


def is_path(name: str) -> bool:
    """Whether a column of this name may name images."""
    return squashed(name) in PATH


def path_column(names: Collection[str]) -> str | None:
    """Which of some columns names images: `path` or `uri`, or the only other one that may."""
    for wanted in ({"path"}, {"uri"}, PATH):
        found = [name for name in names if squashed(name) in wanted]
        if len(found) == 1:
            return found[0]
    return None


def ends_in(path: str, suffixes: frozenset[str]) -> bool:
    """Whether the file that a path names has one of some suffixes, in any case."""
    return PurePosixPath(path.replace("\\", "/")).suffix.lower() in suffixes


def names_an_image(text: str) -> bool:
    """Whether a text looks like the path of an image."""
    return ends_in(text, IMAGE_SUFFIXES)


def names_a_mask(text: str) -> bool:
    """Whether a text looks like the path of a mask, or several."""
    return ends_in(text.rstrip("]\"' "), MASK_SUFFIXES)


def is_split(text: str) -> bool:
    """Whether a text names a split."""
    return split_named(text) is not None


def is_verdict(text: str) -> bool:
    """Whether a text is a word, and no number, for good or bad."""
    return not text.isdecimal() and (is_good(text) or is_bad(text))


def is_plain_label(text: str) -> bool:
    """Whether a text is a label that everybody reads in one way."""
    return is_good(text) or is_bad(text)
