"""Words that people use for folders and labels: which mean a good part, which a bad one.

Only what everybody would read in one way is here; the rest is asked about.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from blemish.data.split import Split

GOOD_WORDS = frozenset(
    {
        "good", "ok", "okay", "pass", "passed", "normal", "regular", "healthy", "golden", "0",
        "defect-free", "defectfree", "non-defective", "nondefective", "not-defective", "no-defect",
        "no-defects", "nodefect", "nondefect", "anomaly-free", "undamaged", "intact", "acceptable",
        "conforming", "conforme", "fehlerfrei", "o.k.", "ok品", "no-anomaly",
        "non-anomalous", "accept", "accepted", "io", "i.o.",
        "gut", "gutteil", "gutteile", "bueno", "buenos", "buena", "buenas", "bon", "bons", "bonne",
        "bonnes", "buono", "buoni", "goed", "良品", "良", "合格", "合格品", "正常", "正常品", "好",
        "양품", "정상",
    }
)  # fmt: skip
BAD_WORDS = frozenset(
    {
        "ng", "n.g.", "nok", "not-ok", "ko", "bad", "fail", "failed", "defect", "defects",
        "defective", "faulty", "fault", "reject", "rejected", "rejects", "scrap", "anomaly",
        "anomalies", "anomalous", "abnormal", "1", "nio", "n.i.o.", "schlecht", "schlechtteil",
        "schlechtteile", "ausschuss", "defekt", "fehler", "malo", "malos", "mala", "malas",
        "mauvais", "scarto", "scarti", "不良品", "不良", "不合格", "不合格品", "异常", "異常",
        "次品", "불량", "불량품",
    }
)  # fmt: skip
SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
DEFECT = "defect"  # the type of what is only known to be bad: `NG`, `1`
# Those that nobody gives a folder of the images of a class: put aside, or drawn.
ASIDE_WORDS = frozenset(
    {
        "unknown", "unsorted", "unlabeled", "unlabelled", "uncertain", "unclear", "unsure", "todo",
        "tbd", "review", "unchecked", "backup", "trash", "misc", "thumb", "thumbs", "thumbnail",
        "thumbnails", "preview", "previews", "overlay", "overlays", "heatmap", "heatmaps",
        "prediction", "predictions", "unsicher", "sonstiges", "suspect", "alarm", "alarms",
    }
)  # fmt: skip
# Words that say nothing of what images are, though many a folder is called so.
NEUTRAL_WORDS = (
    ASIDE_WORDS
    | SPLIT_WORDS.keys()
    | {
        "images", "image", "img", "imgs", "pictures", "photos", "raw", "data", "dataset", "all",
        "new", "old", "other", "others", "checked", "copy", "kopie", "archive", "tmp", "temp",
        "results", "result", "output", "outputs", "export", "calib", "calibration", "reference",
        "referenz", "background", "samples", "examples", "folder", "ordner", "pseudo",
        "pseudofehler", "clean", "perfect", "alt", "neu",
    }
)  # fmt: skip
# Somebody has judged these images, and whether they are good is just the question.
JUDGED_WORDS = frozenset(
    {
        "overkill", "overkills", "underkill", "falsepositive", "falsepositives", "falsenegative",
        "falsenegatives", "falsecall", "falsecalls", "repaired", "rework", "reworked", "reworks",
        "nacharbeit", "nachgearbeitet", "repariert", "borderline", "grenzfall", "grenzfälle",
        "grenzfaelle", "grenzmuster", "unklar", "unklare", "zweifelhaft", "doubtful",
        "questionable", "ambiguous", "retest", "recheck", "gesperrt", "quarantine", "retouche",
        "retouché", "dudoso", "dudosos", "douteux", "dubbio", "ritocco", "retrabajo",
        "过杀", "漏检", "误判", "误检", "返工", "返修", "待定", "待确认", "疑似", "可疑",
        "限度样本",
    }
)  # fmt: skip
JUDGED_NAMES = frozenset(
    {
        "fp", "fps", "fn", "fns", "tp", "tn", "false-positive", "false-positives",
        "false-negative", "false-negatives", "false-call", "false-calls", "false-reject",
        "false-rejects", "false-accept", "false-accepts", "repair", "repairs", "limit", "limits",
        "limit-sample", "limit-samples", "master", "masters", "master-part", "master-parts",
        "master-sample", "master-samples", "edge-case", "edge-cases", "marginal", "escape",
        "escapes", "hold", "on-hold", "dummy", "dummies", "setup", "unbekannt",
        "none", "nothing", "null", "na", "nan", "keine", "nichts",
    }
)  # fmt: skip
MASK_WORDS = frozenset(
    {
        "mask", "masks", "maske", "masken", "gt", "truth", "seg", "segmentation", "segmentations",
        "annotation", "annotations",
    }
)  # fmt: skip
LACK = frozenset({"no", "kein", "keine", "without", "ohne", "sin", "sans"})
NEGATIONS = LACK | {"non", "not", "false"}
_WORD = re.compile(r"[^\W\d_]+")
_PLACE_OR_TIME = re.compile(
    r"\d{4}-?\d{2}(-?\d{2})?([-t]?[\d.:-]+)?|(cam|camera|kamera|shift|schicht|line|linie|station|"
    r"batch|lot|charge|day|week|tag|view|side)-?\d+"
)


def plain(name: str) -> str:
    """A name as it is compared: composed, in lower case, joined by hyphens."""
    return unicodedata.normalize("NFC", name).casefold().strip().replace("_", "-").replace(" ", "-")


def is_good(name: str, more: Collection[str] = ()) -> bool:
    """Whether a folder or label means good parts; `more` are names that a user has given."""
    return plain(name) in GOOD_WORDS or plain(name) in map(plain, more)


def is_bad(name: str) -> bool:
    """Whether a folder or label means bad parts, and says nothing of their kind."""
    return plain(name) in BAD_WORDS


def words_in(name: str) -> list[str]:
    """The words of a name, as they are compared; numbers and marks are none."""
    return _WORD.findall(plain(name))


def split_named(word: str) -> Split | None:
    """The split that a word means, in whatever case; `None` where it means none."""
    return SPLIT_WORDS.get(word.lower())


def split_in(folders: Iterable[str]) -> Split | None:
    """The split that the first of some folders is named for, if one is."""
    return next((split for folder in folders if (split := split_named(folder))), None)


def doubt(name: str) -> str:
    """Why a name that is no word for good may not be that of a kind of defect; empty, if it is.

    It has a word for good in it (`OK_2024`, `good parts`), one that tells nothing (`backup`), one
    for masks, or names a place or a time.
    """
    words = words_in(name)
    good, bad, no = (any(word in of for word in words) for of in (GOOD_WORDS, BAD_WORDS, NEGATIONS))
    not_good = good and no and not bad
    if is_good(name) or is_bad(name) or not_good:
        return ""
    if (good and not bad) or (no and bad):
        return "seems to mean good parts"
    if any(word in MASK_WORDS for word in words):
        return "seems to hold masks"
    if any(word in NEUTRAL_WORDS for word in words) or _PLACE_OR_TIME.fullmatch(plain(name)):
        return "tells nothing of what its images are"
    lacking = len(words) > 1 and words[0] in LACK
    if is_judged(name):
        return "leaves open whether its images are good"
    return "may mean good parts, or that something is missing" if lacking else ""


def good_in_pairs(names: Iterable[str]) -> set[str]:
    """Of names that pair off, `ok_lens` with `ng_lens`, those for good; none if one stands alone.

    That is, each is a word for good or for bad with something behind or before it, and what stands
    by a word for good stands by one for bad as well.
    """
    good: dict[tuple[str, ...], str] = {}
    bad = set()
    for name in names:
        if rest := _beside(name, BAD_WORDS | {"def"}):
            bad.add(rest)
        elif rest := _beside(name, GOOD_WORDS):
            good[rest] = name
        else:
            return set()
    return set(good.values()) if good.keys() <= bad else set()


def _beside(name: str, words: Collection[str]) -> tuple[str, ...]:
    """What stands behind or before one of some words in a name; nothing where none stands there."""
    found = words_in(name)
    if len(found) < 2 or not NEGATIONS.isdisjoint(found):
        return ()
    if found[0] in words:
        return tuple(found[1:])
    return tuple(found[:-1]) if found[-1] in words else ()


def is_judged(name: str) -> bool:
    """Whether a name is that of images on which opinions differ: `overkill`, `FP`, `reworked`."""
    words = words_in(name)
    return not JUDGED_WORDS.isdisjoint(words) or "-".join(words) in JUDGED_NAMES


def sets_aside(name: str) -> bool:
    """Whether a name is that of images that were put aside, or of drawings: `review`, `overlay`."""
    return any(word in ASIDE_WORDS | JUDGED_WORDS for word in words_in(name))


def says_bad(name: str) -> bool:
    """Whether a name has a word for bad parts in it, as `NG_001.png`; numbers are none."""
    return any(word in BAD_WORDS for word in words_in(name))
