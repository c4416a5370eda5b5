"""The entries of a manifest: what its columns say of each image, with the files found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.data.entry import Entry
from blemish.data.manifest.columns import Columns, sort_columns
from blemish.data.manifest.lines import Line, at_place, read_lines
from blemish.data.manifest.places import (
    Base,
    find_base,
    find_below,
    is_absolute,
    is_file,
    name_images,
)
from blemish.data.manifest.told import Told
from blemish.data.manifest.vocabulary import MASK, is_known, is_path, squashed
from blemish.data.masks import MaskFile, mask_paths
from blemish.data.tables import Table, read_table
from blemish.data.tables.json_rows import looks_like_rows
from blemish.data.tables.read import TABLE_SUFFIXES
from blemish.data.tables.text import read_text
from blemish.errors import DataError, raise_some
from blemish.result import GOOD
from blemish.wording import first_few

MANIFEST_SUFFIXES = TABLE_SUFFIXES
MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest lists.

    Attributes:
        root: the folder that ids are relative to.
        entries: its images, in its order.
        notes: sentences that a user must hear: what was taken for granted, which columns are
            metadata.
    """

    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]


def is_manifest(path: Path) -> bool:
    """Whether a file is a manifest by its name; of `.json`, which may be anything, by its rows."""
    suffix = path.suffix.lower()
    if suffix not in MANIFEST_SUFFIXES or not path.is_file():
        return False
    if suffix != ".json":
        return True
    try:
        return looks_like_rows(read_text(path)[0], is_path)
    except DataError:
        return False


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """The entries of a manifest alone; see `open_manifest`."""
    return open_manifest(path).entries


def open_manifest(path: Path) -> Manifest:
    """Read a manifest: `.csv`, `.tsv`, `.jsonl`, `.json` or `.parquet`.

    Raises:
        DataError: the file cannot be read, or some of its lines are wrong: up to 20 are named.
        MissingExtraError: it is Parquet, and pyarrow is not installed.
    """
    table = read_table(path, is_known)
    told = Told(list(table.problems), list(table.notes))
    columns = sort_columns(table, told)
    root, entries = _entries(table, columns, path.parent, told) if columns else (path.parent, [])
    raise_some(told.in_order(), DataError, place=path)
    if not entries:
        raise DataError(f"{path} lists no images.")
    return Manifest(root, tuple(entries), tuple(told.notes))


def _has_files(
    line: Line, base: Base, several: Mapping[str, str], columns: Columns, told: Told
) -> bool:
    """Whether an entry can be made of a line; what is wrong with its files is told."""
    tell = at_place(line.place, told)
    names = [(columns.path.name, line.image)]
    if columns.mask:
        names += [(columns.mask.name, mask) for mask in line.masks]
    for name, text in names:
        if text in several:
            tell(
                f"'{name}' is '{text}', which could be {several[text]}; write its path from the "
                "manifest's folder."
            )
        elif text and not is_file(base.at(text)):
            hint = "; paths may be relative to the manifest's folder" if is_absolute(text) else ""
            tell(f"'{name}' does not exist: '{text}'{hint}.")
    if line.masks and line.kind == GOOD:
        tell("a good image has no mask; leave it empty.")
    if line.image and any(base.at(mask) == base.at(line.image) for mask in line.masks):
        tell(f"'{line.image}' is image and mask at once.")
    return bool(line.image) and line.kind is not None


def _entries(table: Table, columns: Columns, folder: Path, told: Told) -> tuple[Path, list[Entry]]:
    """The folder that ids are relative to, and the entries, of which some may lack."""
    lines = list(read_lines(table, columns, told))
    texts = [text for one in lines for text in (one.image, *one.masks) if text]
    base, several = find_below(find_base(folder, texts, told), texts, told)
    lines = [line for line in lines if _has_files(line, base, several, columns, told)]
    if not lines:
        return folder, []
    images = [base.at(line.image) for line in lines]
    root, ids = name_images(dict.fromkeys((folder, base.folder)), images)
    entries = [
        Entry(
            id=its,
            path=image,
            defect_type=line.kind or GOOD,
            masks=tuple(MaskFile(base.at(mask)) for mask in line.masks),
            split=line.split,
            group=line.group,
            metadata=line.metadata,
        )
        for line, image, its in zip(lines, images, ids, strict=True)
    ]
    places = [line.place for line in lines]
    _tell_of_pairs(places, entries, told)
    _note_swapped(places, entries, told)
    return root, entries


def _tell_of_pairs(places: Sequence[str], entries: Sequence[Entry], told: Told) -> None:
    """Tell of files that several lines name: an image, an image and mask, a mask."""
    first: dict[str, tuple[str, Entry]] = {}
    images: dict[Path, str] = {}
    users: defaultdict[Path, list[str]] = defaultdict(list)
    for place, entry in zip(places, entries, strict=True):
        if entry.id in first:
            told.problems.append(f"{place}: '{entry.id}' {_listed_twice(*first[entry.id], entry)}")
        first.setdefault(entry.id, (place, entry))
        images.setdefault(entry.path, place)
        for mask in mask_paths(entry.masks):
            users[mask].append(place)
    for mask, lines in users.items():
        if mask in images and images[mask] not in lines:
            told.problems.append(
                f"{images[mask]}: '{mask.name}' is listed as an image, and as the mask of another "
                f"in {lines[0]}."
            )
    shared = [f"'{m.name}' ({first_few(u, MOST_SHOWN)})" for m, u in users.items() if len(u) > 1]
    if shared:
        told.notes.append(f"Masks of several images: {first_few(shared, MOST_SHOWN)}.")


def _listed_twice(place: str, before: Entry, entry: Entry) -> str:
    """What is wrong with an image that is listed again, and what to do."""
    if before.defect_type != entry.defect_type:
        return (
            f"is listed in {place} already, with another label: there it is "
            f"'{before.defect_type}', here '{entry.defect_type}'; leave the one that is right."
        )
    if before.masks or entry.masks:
        return (
            f"is listed in {place} already; list several masks of an image in one cell, as a JSON "
            "array."
        )
    return f"is listed in {place} already; leave one."


def _note_swapped(places: Sequence[str], entries: Sequence[Entry], told: Told) -> None:
    """Note images that lie where masks do, while their masks lie where images do."""
    folders = Counter(entry.path.parent for entry in entries)
    swapped = []
    for place, entry in zip(places, entries, strict=True):
        own, others = entry.path.parent, {path.parent for path in mask_paths(entry.masks)}
        among_masks = squashed(own.name) in MASK and own not in others
        among_images = folders[own] == 1 and any(folders[other] for other in others - {own})
        swapped += [place] if others and (among_masks or among_images) else []
    if swapped:
        told.notes.append(
            f"Image and mask may be swapped, by the folders that they are in: "
            f"{first_few(swapped, MOST_SHOWN)}."
        )
