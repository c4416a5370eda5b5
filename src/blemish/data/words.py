"""Words that people use for folders and labels: which mean a good part, which a bad one.

Only what everybody would read in one way is here; the rest is asked about.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

GOOD_WORDS = frozenset(
    {
        "good", "ok", "okay", "pass", "passed", "normal", "regular", "healthy", "golden", "0",
        "defect-free", "defectfree", "non-defective", "nondefective", "not-defective", "no-defect",
        "no-defects", "nodefect", "no-anomaly", "non-anomalous", "accept", "accepted", "io", "i.o.",
    }
)  # fmt: skip
BAD_WORDS = frozenset(
    {
        "ng", "n.g.", "nok", "not-ok", "ko", "bad", "fail", "failed", "defect", "defects",
        "defective", "faulty", "fault", "reject", "rejected", "rejects", "scrap", "anomaly",
        "anomalies", "anomalous", "abnormal", "1", "nio", "n.i.o.",
    }
)  # fmt: skip
DEFECT = "defect"  # the type of what is only known to be bad: `NG`, `1`
# Folders that say nothing of what their images are, though many a tree has them.
NEUTRAL_WORDS = frozenset(
    {
        "train", "training", "val", "valid", "validation", "test", "testing", "images", "image",
        "img", "imgs", "pictures", "photos", "raw", "data", "dataset", "all", "new", "old", "misc",
        "other", "others", "unknown", "unsorted", "unlabeled", "unlabelled", "uncertain", "unclear",
        "todo", "tbd", "review", "backup", "copy", "archive", "tmp", "temp", "trash", "thumbs",
        "thumbnails", "preview", "previews", "results", "result", "output", "outputs", "export",
        "calib", "calibration", "reference", "background", "samples", "examples",
    }
)  # fmt: skip


def plain(name: str) -> str:
    """A name as it is compared: composed, in lower case, joined by hyphens."""
    return unicodedata.normalize("NFC", name).casefold().strip().replace("_", "-").replace(" ", "-")


def is_good(name: str, more: Collection[str] = ()) -> bool:
    """Whether a folder or label means good parts; `more` are names that a user has given."""
    return plain(name) in GOOD_WORDS or plain(name) in map(plain, more)


def is_bad(name: str) -> bool:
    """Whether a folder or label means bad parts, and says nothing of their kind."""
    return plain(name) in BAD_WORDS


def is_neutral(name: str) -> bool:
    """Whether a folder's name tells nothing of what its images are."""
    return plain(name) in NEUTRAL_WORDS
