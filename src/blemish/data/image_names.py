"""What names of images say: good, defective, set aside, or a drawing of the image beside it.

Names of images are nobody's labels, so all that they do is to raise a question or a note.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from blemish.data.usual_defects import beginning_with_a_defect, names_a_defect
from blemish.data.words import plain, says_bad, says_good, sets_aside
from blemish.wording import counted, quoted_few

MOST_NAMED = 3
# Verdicts too short to be told but by their counterpart, the bad one first.
_VERDICTS = (("n", "p"), ("f", "p"), ("ng", "g"), ("b", "g"), ("n", "o"), ("f", "t"), ("1", "0"))
_LONE = frozenset({"n", "f"})  # of bad ones alone: `5_N` beside `4`
_JOINT = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")  # `partNG`
_TOKENS = re.compile(r"[-._ ]+")
_DRAWN = re.compile(
    r"(?P<name>.+?)[-._ ]*(results?|annotated|anno|vis|visu|visuali[sz]ed|visuali[sz]ation|viz|"
    r"overlays?|marked|markiert|heat-?maps?|drawn|gezeichnet|pred|preds|predictions?|predicted|"
    r"labell?ed|bbox|bboxes|boxes|detected|detections?|ergebnis|auswertung|contours?|highlighted|"
    r"anomaly-?map|score-?map)([-._ ]?\d+)?"
)


def odd_images(images: Sequence[Path], *, alone: bool = False) -> str:
    """The first of good images whose name says otherwise, and of how many; empty, if none does.

    Args:
        images: of a folder.
        alone: no folder says that they are good. Then usual kinds of defects in some of the names
            say that those are not, and so does one of two verdicts that all names bear.
    """
    stems = [path.stem for path in images]
    of_defects = {stem for stem in stems if alone and names_a_defect(stem)}
    if len(of_defects) == len(set(stems)):
        of_defects = set()
    if alone:
        of_defects |= {*beginning_with_a_defect(stems), *_judged_bad(stems)}
    odd = [
        path.name
        for path in images
        if says_bad(_JOINT.sub(" ", path.stem)) or sets_aside(path.stem) or path.stem in of_defects
    ]
    return f"'{odd[0]}' ({len(odd)} of {len(images)})" if odd else ""


def contrary_note(images: Sequence[Path], folder: str, *, good: bool) -> str:
    """A note on images of a folder whose names say otherwise than it does; empty, if none does."""
    says = names_a_defect if good else says_good
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
        (path, others[found["name"]])
        for others in folders.values()
        for stem, path in others.items()
        if (found := _DRAWN.fullmatch(stem)) and found["name"] in others
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
