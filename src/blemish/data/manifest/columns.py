"""Which column of a manifest says what, by the names that are usual.

Where two columns say the same thing, the
one that is empty, or names no file, gives way; if that settles nothing, the user has to.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from blemish.data.manifest.cells import answer_of, something, text_of
from blemish.data.manifest.told import Told
from blemish.data.manifest.vocabulary import (
    BAD_FLAG,
    CLASS,
    DEFECT,
    DEFECT_TYPE,
    GOOD_FLAG,
    GROUP,
    LABEL,
    LABEL_INDEX,
    MASK,
    OBJECTS,
    PARTS,
    PATH,
    SET,
    SPLIT,
    VERDICT,
    is_known,
    is_plain_label,
    is_split,
    is_verdict,
    names_a_mask,
    names_an_image,
    squashed,
)
from blemish.data.tables import Table
from blemish.data.words import is_good
from blemish.wording import first_few, listed

ALIKE = 0.7  # of a name and the one that was meant
MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name as written, and a cell for each row."""

    name: str
    cells: tuple[Any, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of any image."""
        return not any(map(something, self.cells))

    def all_are(self, holds: Callable[[str], bool]) -> bool:
        """Whether something holds for all cells that are not empty, of which there are some."""
        texts = [text for cell in self.cells if (text := something(cell))]
        return bool(texts) and all(map(holds, texts))


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a manifest by what they say; at least one says what an image is."""

    path: Column
    label: Column | None
    defect_type: Column | None
    bad_flags: tuple[Column, ...]
    good_flags: tuple[Column, ...]
    mask: Column | None
    split: Column | None
    group: Column | None
    metadata: tuple[Column, ...]


def sort_columns(table: Table, told: Told) -> Columns | None:
    """The columns of a table by what they say; `None` where too little or too much says it."""
    before = len(told.problems)
    sorting = _Sorting(table, told)
    path = sorting.take("path", PATH, fits=names_an_image)
    mask = sorting.take("mask", MASK, fits=names_a_mask)
    label = sorting.take("label", LABEL)
    numbers = [one for one in sorting.of(DEFECT | LABEL_INDEX) if one.all_are(_is_answer)]
    bad = sorting.take_all([*numbers, *sorting.of(BAD_FLAG)])
    good = sorting.take_all(sorting.of(GOOD_FLAG))
    defect_type = sorting.take("defect_type", DEFECT_TYPE | DEFECT)
    if not (label or defect_type or bad or good):
        label = sorting.take("label", CLASS)
        label = label or sorting.take("label", VERDICT, only=lambda c: c.all_are(is_verdict))
        label = label or sorting.take_verdict()
    split = sorting.take("split", SPLIT)
    if split is None:
        split = sorting.take("split", SET, only=_holds_a_split)
    group = sorting.take("group", GROUP)
    if table.columns:
        says = bool(label or defect_type or bad or good)
        sorting.check_needed("path", path is not None, PATH, names_an_image)
        sorting.check_needed("label", says, LABEL | CLASS | VERDICT, is_plain_label)
    sorting.check_misspelt("mask", mask, MASK, names_a_mask)
    sorting.check_misspelt("split", split, SPLIT, is_split)
    metadata = sorting.rest(grouped=group is not None)
    if path is None or len(told.problems) > before:
        return None
    return Columns(path, label, defect_type, bad, good, mask, split, group, metadata)


class _Sorting:
    """Columns of a table, of which those are taken out that say something."""

    def __init__(self, table: Table, told: Told) -> None:
        cells = zip(*(row.cells for row in table.rows), strict=True)
        columns = list(cells) or [()] * len(table.columns)
        numbered = enumerate(zip(table.columns, columns, strict=True), start=1)
        named = [Column(name or f"column {n}", tuple(cells)) for n, (name, cells) in numbered]
        self._columns = [
            column
            for name, column in zip(table.columns, named, strict=True)
            if name or not column.is_empty  # of a separator at the end of each line
        ]
        self._told = told
        self._left_out = table.left_out
        self._header = table.header and f"{table.header}: "

    def of(self, names: Iterable[str]) -> tuple[Column, ...]:
        """The columns that go by one of some names."""
        return tuple(column for column in self._columns if squashed(column.name) in names)

    def take_all(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Take out columns that may be several."""
        self._columns = [one for one in self._columns if not any(one is it for it in columns)]
        return tuple(columns)

    def take(
        self,
        meaning: str,
        names: Iterable[str],
        *,
        fits: Callable[[str], bool] | None = None,
        only: Callable[[Column], bool] = lambda _: True,
    ) -> Column | None:
        """Take out the one column that has a meaning; tell where it could be several."""
        found = [column for column in self.of(names) if only(column)]
        if len(found) > 1:
            self.take_all([column for column in found if column.is_empty])
            found = [column for column in found if not column.is_empty] or found[:1]
        if len(found) > 1 and fits is not None:
            fitting = [one for one in found if any(map(fits, map(text_of, one.cells)))]
            found = _whole(fitting) or found[:1]
        if len(found) > 1:
            both = listed([f"'{column.name}'" for column in found])
            self._tell(f"{both} may each be the '{meaning}'; leave one, and rename the others.")
        self.take_all(found)
        return found[0] if found else None

    def take_verdict(self) -> Column | None:
        """Take out the only column that says good and bad in words alone, whatever its name."""
        found = [column for column in self._columns if _tells_good_from_bad(column)]
        if len(found) > 1:
            both = listed([f"'{column.name}'" for column in found])
            self._tell(f"{both} may each be the 'label'; call the one that is meant so.")
        elif found:
            self._told.notes.append(
                f"'{found[0].name}' says good or bad of every image, and is taken for the label."
            )
        self.take_all(found)
        return found[0] if found else None

    def check_needed(
        self, meaning: str, there: bool, names: Iterable[str], holds: Callable[[str], bool]
    ) -> None:
        """Tell where no column has a meaning, and which may be meant."""
        if there:
            return
        if lost := [name for name in self._left_out if squashed(name) in names]:
            self._tell(
                f"needs texts in '{lost[0]}', which holds bytes or structures; write the "
                f"{meaning} of each image as a text."
            )
            return
        called = [column.name for column in self._columns]
        if any(names_an_image(name) for name in called):
            self._tell("must name the columns, as path,label,mask does; it names a file.")
            return
        meant = [one.name for one in self._columns if one.all_are(holds) or _alike(one, {meaning})]
        hint = f" If it is '{meant[0]}', call it '{meaning}'." if meant else ""
        if meaning == "label" and (flags := [name for name in called if is_good(name)]):
            hint = f" If 1 is good in '{flags[0]}', call it 'is_good'."
        has = first_few(called, MOST_SHOWN) or "none"
        self._tell(f"needs a column '{meaning}'; others are {has}.{hint}")

    def check_misspelt(
        self,
        meaning: str,
        taken: Column | None,
        names: Iterable[str],
        holds: Callable[[str], bool],
    ) -> None:
        """Tell of columns that hold what one of a meaning would, where that says nothing."""
        for column in self._columns:
            if is_known(column.name):
                continue
            cells = taken.cells if taken else [None] * len(column.cells)
            pairs = zip(column.cells, cells, strict=True)
            lost = [text for a, b in pairs if (text := something(a)) and not something(b)]
            called = f"column '{column.name}' holds what '{meaning}' would"
            if _alike(column, names) and any(map(holds, lost)):
                self._tell(f"{called}; call it '{meaning}', or something less alike.")
            elif taken is None and column.all_are(holds):
                self._told.notes.append(f"The {called}; if it is meant, call it '{meaning}'.")

    def rest(self, *, grouped: bool) -> tuple[Column, ...]:
        """All columns that nobody took: metadata."""
        self.take_all([c for c in self._columns if c.is_empty and is_known(c.name)])
        names = [column.name for column in self._columns]
        for name, count in Counter(name.casefold() for name in names).items():
            if count > 1:
                self._tell(f"column '{name}' comes {count} times; rename the others.")
        if names:
            kept = first_few(names, MOST_SHOWN)
            self._told.notes.append(f"Columns kept as metadata: {kept}.")
        parts = [c for c in self._columns if squashed(c.name) in PARTS or _alike(c, GROUP)]
        if parts and not grouped:
            part = parts[0].name
            self._told.notes.append(f"If images of one '{part}' belong together, call it 'group'.")
        for column in self.of(OBJECTS):
            values = list(dict.fromkeys(text for cell in column.cells if (text := text_of(cell))))
            if len(values) > 1:
                self._told.notes.append(
                    f"'{column.name}' names several objects ({first_few(values, MOST_SHOWN)}), and "
                    "all are taken as one; make a manifest for each to learn them apart."
                )
        return tuple(self._columns)

    def _tell(self, problem: str) -> None:
        self._told.problems.append(self._header + problem)


def _whole(columns: list[Column]) -> list[Column]:
    """Columns without those that only repeat another, or how its paths end."""
    return [
        one
        for n, one in enumerate(columns)
        if not any(
            _ends(other, one) and (before < n or not _ends(one, other))
            for before, other in enumerate(columns)
            if other is not one
        )
    ]


def _ends(whole: Column, tail: Column) -> bool:
    pairs = zip(map(text_of, whole.cells), map(text_of, tail.cells), strict=True)
    return all(f"/{a}".replace("\\", "/").endswith(f"/{b}".replace("\\", "/")) for a, b in pairs)


def _alike(column: Column, names: Iterable[str]) -> bool:
    name = squashed(column.name)
    return bool(difflib.get_close_matches(name, list(names), n=1, cutoff=ALIKE))


def _is_answer(text: str) -> bool:
    return answer_of(text) is not None


def _tells_good_from_bad(column: Column) -> bool:
    """Whether a column says good of some images and bad of others, in words, and nothing else.

    One that says but one of them may as well be of the camera; one that leaves gaps, of anything.
    """
    texts = {text_of(cell) for cell in column.cells}
    return all(map(is_verdict, texts)) and len(set(map(is_good, texts))) > 1


def _holds_a_split(column: Column) -> bool:
    return any(is_split(text_of(cell)) for cell in column.cells)
