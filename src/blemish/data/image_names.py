"""What names of images say: good, defective, set aside, or a drawing of the image beside it.

Names of images are nobody's labels, so all that they do is to raise a question or a note.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from blemish.data.lexicon.verdicts import LACK
from blemish.data.usual_defects import beginning_with_a_defect, names_a_defect
from blemish.data.words import plain, says_bad, says_good, sets_aside, words_in
from blemish.wording import counted, quoted_few

MOST_NAMED = 3
# Verdicts too short to be told but by their counterpart, the bad one first.
_VERDICTS = (("n", "p"), ("f", "p"), ("ng", "g"), ("b", "g"), ("n", "o"), ("f", "t"), ("1", "0"))
_LONE = frozenset({"n", "f"})  # of bad ones alone: `5_N` beside `4`
_JOINT = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")  # `partNG`
_TOKENS = re.compile(r"[-._ ]+")
_FREE = LACK | {"free", "frei"}  # `crack_free_3`, `without_defect_3`
_DRAWING = (
    r"(results?|annotated|anno|vis|visu|visuali[sz]ed|visuali[sz]ation|viz|overlays?|marked|"
    r"markiert|heat-?maps?|drawn|gezeichnet|pred|preds|predictions?|predicted|labell?ed|bbox|"
    r"bboxes|boxes|detected|detections?|ergebnis|auswertung|contours?|highlighted|anomaly-?map|"
    r"score-?map)"
)
_DRAWN = re.compile(rf"(?P<name>.+?)[-._ ]*{_DRAWING}([-._ ]?\d+)?|{_DRAWING}[-._ ]+(?P<of>.+)")


def odd_images(images: Sequence[Path], *, alone: bool = False) -> str:
    """The first of good images whose name says otherwise, and of how many; empty, if none does.

    Args:
        images: of a folder.
        alone: no folder says that they are good. Then usual kinds of defects in some of the names
            say that those are not, and so does one of two verdicts that all names bear.
    """
    stems = [path.stem for path in images]
    of_defects = {stem for stem in stems if alone and _names_a_defect(stem)}
    if len(of_defects) == len(set(stems)):
        of_defects = set()
    if alone:
        begun = {stem for stem in beginning_with_a_defect(stems) if not _free(stem)}
        of_defects |= {*begun, *_judged_bad(stems)}
    odd = [
        path.name
        for path in images
        if (says_bad(_JOINT.sub(" ", path.stem)) and not _free(path.stem))
        or sets_aside(path.stem)
        or path.stem in of_defects
    ]
    return f"'{odd[0]}' ({len(odd)} of {len(images)})" if odd else ""


def contrary_note(images: Sequence[Path], folder: str, *, good: bool) -> str:
    """A note on images of a folder whose names say otherwise than it does; empty, if none does."""
    says = _names_a_defect if good else says_good
    odd = [path.name for path in images if says(path.stem)]
    if not odd:
        return ""
    names = "has a name that says" if len(odd) == 1 else "have names that say"
    kind = "good" if good else "defective"
    return (
        f"{counted(len(odd), 'image')} of the {kind} folder '{folder}' {names} otherwise: "
        f"{quoted_few(odd, MOST_NAMED)}."
    )


def drawings_among(images: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Images named as another in their folder and a word for drawings, each with that one."""
    folders: defaultdict[Path, dict[str, Path]] = defaultdict(dict)
    for path in images:
        folders[path.parent].setdefault(plain(path.stem), path)
    return [
        (path, others[found["name"] or found["of"]])
        for others in folders.values()
        for stem, path in others.items()
        if (found := _DRAWN.fullmatch(stem)) and (found["name"] or found["of"]) in others
    ]


def told_drawings(images: Iterable[Path]) -> str:
    """The first drawing among images, what it is of, and how many there are; empty, if none is."""
    found = drawings_among(images)
    if not found:
        return ""
    drawing, image = found[0]
    return (
        f"'{drawing.name}' ({counted(len(found), 'such file')}) seems to be '{image.name}' with "
        "something drawn in"
    )


def _names_a_defect(stem: str) -> bool:
    """Whether a name holds a usual kind of defect, and does not say that it lacks it."""
    return names_a_defect(stem) and not _free(stem)


def _free(stem: str) -> bool:
    """Whether a name says that something is lacking."""
    return any(word in _FREE for word in words_in(stem))


def _judged_bad(stems: Iterable[str]) -> set[str]:
    """Names with the bad one of two verdicts that stand in all names, at the beginning or end.

    Where one part has both, they count its images. A single letter for bad ones alone is told, too.
    """
    tokens = {stem: _TOKENS.split(plain(stem)) for stem in stems}
    last = {stem: split[-1] for stem, split in tokens.items()}
    no_numbers = {token for token in last.values() if not token.isdecimal()}
    if len(no_numbers) == 1 and no_numbers <= _LONE and len(set(last.values())) > 1:
        return {stem for stem, token in last.items() if token in no_numbers}
    if any(len(split) == 1 for split in tokens.values()):
        return set()
    for at in (-1, 0):
        verdicts = {split[at] for split in tokens.values()}
        rests = [tuple(split[:-1] if at else split[1:]) for split in tokens.values()]
        for bad, good in _VERDICTS:
            if verdicts == {bad, good} and len(set(rests)) == len(rests) > len(verdicts):
                return {stem for stem, split in tokens.items() if split[at] == bad}
    return set()
