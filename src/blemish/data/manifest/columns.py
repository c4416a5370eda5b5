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

from blemish.data.manifest.cells import answer_of, number_of, something, text_of
from blemish.data.manifest.told import Told
from blemish.data.manifest.vocabulary import (
    BAD_FLAG,
    CLASS,
    COUNTS,
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
from blemish.data.places import is_place_or_time
from blemish.data.tables import Table
from blemish.data.usual_defects import is_usual
from blemish.data.words import DEFECT as KIND_UNKNOWN
from blemish.data.words import is_bad, is_good
from blemish.result import GOOD
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
    """The columns of a manifest by what they say; at least one says what an image is.

    `one_hot` are named after a kind of defect, or good, and hold 1 where it is there.
    """

    path: Column
    label: Column | None
    defect_type: Column | None
    bad_flags: tuple[Column, ...]
    good_flags: tuple[Column, ...]
    one_hot: tuple[Column, ...]
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
    label = label and _without_lists(label, told)
    one_hot: tuple[Column, ...] = ()
    if not (label or defect_type or bad or good):
        bad = sorting.take_counts()
        one_hot = () if bad else sorting.take_one_hot()
    split = sorting.take("split", SPLIT)
    if split is None:
        split = sorting.take("split", SET, only=_holds_a_split)
    group = sorting.take("group", GROUP)
    if table.columns:
        says = bool(label or defect_type or bad or good or one_hot)
        sorting.check_needed("path", path is not None, PATH, names_an_image)
        sorting.check_needed("label", says, LABEL | CLASS | VERDICT, is_plain_label)
    sorting.check_misspelt("mask", mask, MASK, names_a_mask)
    sorting.check_misspelt("split", split, SPLIT, is_split)
    metadata = sorting.rest(grouped=group is not None)
    if path is None or len(told.problems) > before:
        return None
    return Columns(path, label, defect_type, bad, good, one_hot, mask, split, group, metadata)


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

    def take_counts(self) -> tuple[Column, ...]:
        """Take out columns that count defects, or hold a code of one and 0 where there is none."""
        found = self.take_all([one for one in self.of(COUNTS) if one.all_are(_is_whole)])
        if found:
            names = listed([f"'{one.name}'" for one in found])
            self._told.notes.append(f"An image is taken for good where {names} is 0.")
        return found

    def take_one_hot(self) -> tuple[Column, ...]:
        """Take out columns of 0 and 1 that are named after kinds of defects, and after good.

        One of them at least has to be called as good, bad or usual defects are; `backlight` is 0 or
        1 as well. What says where or how an image was taken is none of them.
        """
        binary = [one for one in self._columns if one.all_are(_is_bit) and not _gaps(one)]
        binary = [one for one in binary if not (is_known(one.name) or _says_how(one.name))]
        kinds = [f"'{one.name}'" for one in binary if not is_good(one.name)]
        good = [f"'{one.name}'" for one in binary if is_good(one.name)]
        if not (kinds and any(map(_is_class, binary))):
            return ()
        are = "is taken for a kind" if len(kinds) == 1 else "are taken for kinds"
        rule = f"{good[0]} is 1" if good else "none is 1"
        self._told.notes.append(
            f"{listed(kinds)} {are} of defects, which an image has where 1 is; good are images "
            f"where {rule}."
        )
        return self.take_all(binary)

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
        bits = [one.name for one in self._columns if one.all_are(_is_bit)]
        if meaning == "label" and len(bits) > 1:
            each = listed([f"'{name}'" for name in bits])
            hint = (
                f" If each of {each} is 1 where an image has that defect, add a column 'label' "
                "with good or the kind of defect in every row."
            )
        elif meaning == "label" and (flags := [name for name in called if is_good(name)]):
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


def _without_lists(column: Column, told: Told) -> Column:
    """A column of lists of labels with one label in each cell; of none, the image is good."""
    lists = [cell for cell in column.cells if isinstance(cell, list)]
    if not lists or any(not isinstance(text, str) for cell in lists for text in cell):
        return column
    if [] in lists:
        told.notes.append(f"An image is taken for good where '{column.name}' is an empty list.")
    return Column(column.name, tuple(map(_of_list, column.cells)))


def _of_list(cell: Any) -> Any:
    """The label that a list holds; the list itself, where they contradict each other."""
    if not isinstance(cell, list):
        return cell
    if len(set(cell)) <= 1:
        return cell[0] if cell else GOOD
    return cell if any(map(is_good, cell)) else KIND_UNKNOWN


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


def _is_whole(text: str) -> bool:
    return text.isdecimal()


def _is_bit(text: str) -> bool:
    return number_of(text) in (0, 1)


def _gaps(column: Column) -> bool:
    return not all(map(something, column.cells))


def _says_how(name: str) -> bool:
    """Whether the name of a column is one of places, times, splits or numbers: `backlight`."""
    return is_place_or_time(name) or is_split(name)


def _is_class(column: Column) -> bool:
    return is_good(column.name) or is_bad(column.name) or is_usual(column.name)


def _tells_good_from_bad(column: Column) -> bool:
    """Whether a column says good of some images and bad of others, in words, and nothing else.

    One that says but one of them may as well be of the camera; one that leaves gaps, of anything.
    """
    texts = {text_of(cell) for cell in column.cells}
    return all(map(is_verdict, texts)) and len(set(map(is_good, texts))) > 1


def _holds_a_split(column: Column) -> bool:
    return any(is_split(text_of(cell)) for cell in column.cells)
