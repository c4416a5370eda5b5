"""What each image of a manifest is: good, or which kind of defect, by all columns that say so.

0 is good and 1 is a defect, as usual. Other numbers mean something to whoever wrote them, and are
asked about; so are words that may mean either, and columns that contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from blemish.data.manifest.cells import answer_of, number_of, something, text_of
from blemish.data.manifest.columns import Column, Columns
from blemish.data.manifest.doubts import doubt_of, may_be_good, near
from blemish.data.manifest.told import Told
from blemish.data.manifest.vocabulary import (
    CLASS,
    CORRECTED,
    COUNTS,
    VERDICT,
    is_split,
    is_verdict,
    names_a_mask,
    squashed,
)
from blemish.data.usual_defects import is_usual
from blemish.data.words import DEFECT, is_bad, is_good, plain
from blemish.result import GOOD
from blemish.wording import counted, first_few, listed

# Neither good nor bad for sure: `none` may be no defect, or not known; a test may be positive.
UNCLEAR = frozenset(
    {
        "none", "nan", "null", "na", "n/a", "-", "?", "unknown", "uncertain", "unclear",
        "undefined", "unlabeled", "unlabelled", "unsorted", "todo", "tbd", "yes", "no", "y", "n",
        "positive", "negative", "pos", "neg", "p", "t", "f", "g",
    }
)  # fmt: skip
_LOOKS_LIKE = str.maketrans({"0": "o", "1": "i", "5": "s"})
WRITE = "write good, or the kind of defect"
MOST_SHOWN = 5

Said = Sequence[str | None]  # of each image: `good`, `defect`, a kind of defect, or nothing


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the images are.

    Attributes:
        kinds: of each image; `None` where that is told as a problem.
        by_number: whether 0 and 1 alone say so, which some read the other way round.
    """

    kinds: Said
    by_number: bool


def read_kinds(columns: Columns, places: Sequence[str], told: Told) -> Kinds:
    """What each image is; contradictions and gaps are told."""
    before = len(told.problems)
    said: list[tuple[Column, Said]] = []
    if columns.label:
        said.append((columns.label, _labels(columns.label, places, told)))
    by_number = bool(said) and any(number_of(cell) is not None for cell in said[0][0].cells)
    if columns.defect_type:
        said.append((columns.defect_type, _types(columns.defect_type, places, told)))
    for flags, meaning in ((columns.bad_flags, True), (columns.good_flags, False)):
        said += [(flag, _flags(flag, meaning, places, told)) for flag in flags]
    if columns.one_hot:
        together = Column(", ".join(one.name for one in columns.one_hot), tuple(places))
        said.append((together, _one_hot(columns.one_hot, places, told)))
    if len(told.problems) > before:
        return Kinds([None] * len(places), by_number)
    kinds = [_joined(row, place, told) for place, row in _rows(said, places)]
    _tell_of_doubts(said, places, told)
    _tell_of_slips(said, places, told)
    _against_others(columns, said, kinds, places, told)
    _note_words(columns.label or columns.defect_type, kinds, told)
    return Kinds(kinds, by_number and len(said) == 1)


def against_folders(kinds: Kinds, paths: Sequence[str], places: Sequence[str], told: Told) -> None:
    """Tell where labels contradict the names of folders: somebody may mean them the other way.

    Numbers may not contradict any. Words may, if most agree with their folders, or if all images
    lie below one folder that happens to be called so; a note names those that do.
    """
    folders = [_folder_is_good(path.replace("\\", "/").rpartition("/")[0]) for path in paths]
    wrong = [
        f"{place} ({path})"
        for kind, good, path, place in zip(kinds.kinds, folders, paths, places, strict=True)
        if kind and good not in (None, kind == GOOD)
    ]
    if not wrong:
        return
    of, shown = counted(len(wrong), "image"), first_few(wrong, MOST_SHOWN)
    telling = [good for good in folders if good is not None]
    if kinds.by_number:
        told.problems.append(
            f"0 is read as good and 1 as a defect, which contradicts the folders of {of}: {shown}; "
            f"{WRITE}, in words."
        )
    elif len(wrong) == len(telling) or (len(set(telling)) > 1 and 2 * len(wrong) > len(telling)):
        told.problems.append(
            f"Labels contradict the folders of {of}, of {len(telling)} whose folder says good or "
            f"bad: {shown}; mend the labels, or rename the folders."
        )
    else:
        told.notes.append(f"Labels contradict the folders of {of}, and are believed: {shown}.")


@lru_cache(maxsize=4096)
def _folder_is_good(folder: str) -> bool | None:
    """What the innermost folder says whose name means something; a digit may be anything."""
    for name in reversed(PurePosixPath(folder).parts):
        if not name.isdigit() and (is_good(name) or is_bad(name)):
            return is_good(name)
    return None


def _rows(
    said: Sequence[tuple[Column, Said]], places: Sequence[str]
) -> Iterator[tuple[str, list[tuple[str, Any, str | None]]]]:
    """For each row what each column says: its name, the cell, and what that means."""
    for n, place in enumerate(places):
        yield place, [(column.name, column.cells[n], means[n]) for column, means in said]


def _labels(column: Column, places: Sequence[str], told: Told) -> Said:
    numbers = {number for cell in column.cells if (number := number_of(cell)) is not None}
    texts = dict.fromkeys(text for cell in column.cells if (text := text_of(cell)))
    words = [text for text in texts if number_of(text) is None]
    if truths := [text for text in texts if text.casefold() in ("true", "false")]:
        told.problems.append(
            f"'{column.name}' says {listed(truths)}, which may mean good or a defect; write good "
            "and defect, or call the column is_good or is_anomaly."
        )
    elif numbers and words:
        named = [text for text in texts if number_of(text) is not None]
        told.problems.append(
            f"'{column.name}' mixes numbers ({first_few(named, MOST_SHOWN)}) and words "
            f"({first_few(words, MOST_SHOWN)}); {WRITE}, in every row."
        )
    elif numbers - {0, 1}:
        told.problems.append(
            f"'{column.name}' holds {first_few(list(texts), MOST_SHOWN)}, and only 0 (good) and 1 "
            f"(defect) are understood; {WRITE}, in every row."
        )
    elif numbers:
        return [_by_number(number_of(cell)) for cell in column.cells]
    else:
        return _words(column, places, told, unclear=UNCLEAR)
    return [None] * len(places)


def _by_number(number: float | None) -> str | None:
    return None if number is None else (DEFECT if number else GOOD)


def _types(column: Column, places: Sequence[str], told: Told) -> Said:
    """Kinds of defects; of a good image there may be none, however that is written."""
    numbers = [text for cell in column.cells if number_of(text := text_of(cell)) is not None]
    if numbers:
        told.problems.append(
            f"'{column.name}' holds numbers ({first_few(list(dict.fromkeys(numbers)), MOST_SHOWN)})"
            "; write the kind of defect in words."
        )
        return [None] * len(places)
    return _words(column, places, told, unclear=frozenset())


def _words(column: Column, places: Sequence[str], told: Told, *, unclear: frozenset[str]) -> Said:
    said: list[str | None] = []
    for cell, place in zip(column.cells, places, strict=True):
        text = text_of(cell) if unclear else something(cell)
        problem = _trouble(cell, text, unclear)
        if problem:
            told.problems.append(f"{place}: '{column.name}' {problem}")
        said.append(None if problem or not text else _meaning(text))
    return said


@lru_cache(maxsize=4096)
def _meaning(text: str) -> str:
    if is_good(text):
        return GOOD
    return DEFECT if is_bad(text) else text


def _trouble(cell: Any, text: str, unclear: frozenset[str]) -> str:
    """Why a text is no label; empty where it is one."""
    if cell is not None and not isinstance(cell, str):
        return f"must be a text; got {cell!r}."
    if text.casefold() in unclear:
        return f"says '{text}', which may be good or not; {WRITE}."
    if is_split(text) or names_a_mask(text):
        return f"says '{text}', which is no kind of defect; {WRITE}."
    if len(text.splitlines()) > 1:
        return f"must be one line; got {text!r}."
    return ""


def _tell_of_doubts(said: Sequence[tuple[Column, Said]], places: Sequence[str], told: Told) -> None:
    """Tell of labels that may be no kind of defect, each with the first line that has it.

    One that tells nothing (`other`) is a kind where another column says that there is a defect.
    """
    for column, means in said:
        others = [its for one, its in said if one is not column]
        lines: dict[str, list[str]] = {}
        for n, kind in enumerate(means):
            if kind not in (None, GOOD, DEFECT) and (
                may_be_good(kind) or (doubt_of(kind) and not any(its[n] for its in others))
            ):
                lines.setdefault(kind, []).append(places[n])
        for text, (first, *rest) in lines.items():
            more = f" (and in {counted(len(rest), 'other row')})" if rest else ""
            told.problems.append(
                f"{first}: '{column.name}' says '{text}'{more}, which {doubt_of(text)}; {WRITE}, "
                "in other words."
            )


def _tell_of_slips(said: Sequence[tuple[Column, Said]], places: Sequence[str], told: Told) -> None:
    """Tell of labels that are one slip from a short word for good, among words for good and bad.

    `OKK` or `0K` may be the name of anything, but not in a column where all others are verdicts.
    """
    for column, means in said:
        texts = {text for cell in column.cells if (text := something(cell))}
        others = [text for text in texts if not is_verdict(text)]
        if len(others) * 2 >= len(texts) or any(map(is_usual, others)):
            continue
        for text in sorted(others):
            n = next(n for n, cell in enumerate(column.cells) if something(cell) == text)
            meant = next((word for word in sorted(texts) if _one_slip(text, word)), "")
            if meant and means[n] not in (None, GOOD) and not may_be_good(text):
                told.problems.append(
                    f"{places[n]}: '{column.name}' says '{text}', which is one letter from "
                    f"'{meant}'; {WRITE}, in other words."
                )


def _one_slip(text: str, word: str) -> bool:
    """Whether a label is a letter from a word for good, be it that a digit looks like one."""
    looks = plain(text).translate(_LOOKS_LIKE)
    return is_good(word) and len(word) > 1 and (looks == plain(word) or near(plain(word), looks))


def _against_others(
    columns: Columns,
    said: Sequence[tuple[Column, Said]],
    kinds: Said,
    places: Sequence[str],
    told: Told,
) -> None:
    """Tell of columns that are no labels, by their names, and contradict the labels.

    In words, that is, or, where they are named after a kind of defect, by a 1. A column of words
    for good and bad that holds but one of them counts where it has gaps: a person filled it in.
    """
    by = listed([f"'{column.name}'" for column, _ in said])
    for column in columns.metadata:
        if is_usual(column.name) and column.all_are(_is_answer):
            verdicts = [False if answer_of(cell) else None for cell in column.cells]
        elif squashed(column.name) in CORRECTED:
            verdicts = [_correction(cell, kinds) for cell in column.cells]
        else:
            verdicts = [_verdict(cell) for cell in column.cells]
            both = len(set(verdicts) - {None}) > 1
            known = squashed(column.name) in CLASS | VERDICT
            if not known and not (column.all_are(is_verdict) and (both or None in verdicts)):
                continue
        wrong = [
            n
            for n, (good, kind) in enumerate(zip(verdicts, kinds, strict=True))
            if kind and good not in (None, kind == GOOD)
        ]
        if wrong:
            n = wrong[0]
            means = "good" if kinds[n] == GOOD else "a defect"
            more = f", as in {counted(len(wrong) - 1, 'other row')}" if wrong[1:] else ""
            told.problems.append(
                f"{places[n]}: '{column.name}' says '{text_of(column.cells[n])}', and by {by} "
                f"it is {means}{more}; mend the one that is wrong, or leave '{column.name}' out."
            )


def _is_answer(text: str) -> bool:
    return answer_of(text) is not None


def _correction(cell: Any, kinds: Said) -> bool | None:
    """Whether a cell of a column of corrections says good, or bad; `None` where it says neither."""
    number, text = number_of(cell), something(cell)
    if number is not None:
        return {0.0: True, 1.0: False}.get(number)
    if is_verdict(text):
        return is_good(text)
    known = {plain(kind) for kind in kinds if kind and kind != GOOD}
    return False if text and (plain(text) in known or is_usual(text)) else None


def _verdict(cell: Any) -> bool | None:
    """Whether a cell says good, or bad, in a word; `None` where it says neither."""
    return _said_by(text_of(cell))


@lru_cache(maxsize=4096)
def _said_by(text: str) -> bool | None:
    return is_good(text) if is_verdict(text) else None


def _one_hot(columns: Sequence[Column], places: Sequence[str], told: Told) -> Said:
    """What columns say that are named after good and kinds of defects, of which some are 1."""
    said: list[str | None] = []
    by_good = any(is_good(column.name) for column in columns)
    for n, place in enumerate(places):
        names = [column.name for column in columns if number_of(column.cells[n]) == 1]
        kinds = [_meaning(name) for name in names if not is_good(name)]
        good = len(kinds) < len(names)
        if (good and kinds) or (by_good and not names):
            ones = f"{listed(names)} are" if names else "none is"
            of = listed([f"'{column.name}'" for column in columns])
            told.problems.append(f"{place}: of the columns {of}, {ones} 1; mend it.")
            said.append(None)
        elif kinds:
            said.append(kinds[0] if len(kinds) == 1 else DEFECT)
        else:
            said.append(GOOD)
    return said


def _flags(column: Column, meaning: bool, places: Sequence[str], told: Told) -> Said:
    """Answers, of which `meaning` is the one for a defect."""
    said: list[str | None] = []
    for cell, place in zip(column.cells, places, strict=True):
        text, answer = something(cell), answer_of(cell)
        if squashed(column.name) in COUNTS and text.isdecimal():
            answer = int(text) > 0
        if text and answer is None:
            told.problems.append(f"{place}: '{column.name}' must be 0 or 1; got '{text}'.")
        said.append(None if answer is None else (DEFECT if answer is meaning else GOOD))
    return said


def _joined(row: Sequence[tuple[str, Any, str | None]], place: str, told: Told) -> str | None:
    """What all columns say of an image together."""
    spoken = [(name, text_of(cell), means) for name, cell, means in row if means is not None]
    kinds = {plain(means): means for _, _, means in spoken if means not in (GOOD, DEFECT)}
    if not spoken:
        names = " and ".join(f"'{name}'" for name, _, _ in row)
        are = "is" if len(row) == 1 else "are"
        told.problems.append(f"{place}: {names} {are} empty; {WRITE}.")
        return None
    if len({means == GOOD for _, _, means in spoken}) > 1 or len(kinds) > 1:
        sides = listed([f"'{name}' says '{text}'" for name, text, _ in spoken])
        told.problems.append(f"{place}: {sides}, which contradict each other; mend one.")
        return None
    if spoken[0][2] == GOOD:
        return GOOD
    return next(iter(kinds.values()), DEFECT)


def _note_words(column: Column | None, kinds: Said, told: Told) -> None:
    """Say where different words were taken for one, or words for two that hardly differ."""
    if column is None:
        return
    texts = {plain(text): text for cell in column.cells if (text := something(cell))}
    good = [text for text in texts.values() if number_of(text) is None and is_good(text)]
    if len(good) > 1:
        told.notes.append(f"'{column.name}' says {listed(good)}, all taken for good.")
    for alike in _differ_in_case(kinds):
        told.notes.append(f"Kinds of defects that differ in their spelling alone: {listed(alike)}.")


def _differ_in_case(kinds: Said) -> list[list[str]]:
    spelt: dict[str, dict[str, None]] = {}
    for kind in kinds:
        if kind:
            spelt.setdefault(plain(kind), {})[kind] = None
    return [list(names) for names in spelt.values() if len(names) > 1]
