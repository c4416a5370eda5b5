"""Data sets whose labels are annotations, and what annotations add to the folders of classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from blemish.data.annotations.annotation import Annotation
from blemish.data.annotations.data_yaml import SUFFIXES as YAML_SUFFIXES
from blemish.data.annotations.dataset import AnnotatedSet, entries_from, root_of
from blemish.data.annotations.formats import recognises
from blemish.data.annotations.notes import aside, joined_note
from blemish.data.annotations.registry import Found, annotations_in
from blemish.data.entry import Entry
from blemish.data.folder import Folder, is_image
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import MOST_NAMED, FoundLayout
from blemish.data.masks import MaskFile
from blemish.data.split import Split
from blemish.errors import DataError, raise_all
from blemish.result import GOOD
from blemish.wording import counted, quoted_few


def annotated_set(folder: Folder) -> FoundLayout | None:
    """The data set that the annotations in a folder make; `None` where there are none."""
    found = entries_from(folder.path, folder.all_files)
    return None if found is None else _as_layout(folder, found)


def set_of_file(path: Path) -> FoundLayout | None:
    """The data set of one file of annotations; `None` where it is none."""
    if path.suffix.lower() not in YAML_SUFFIXES and not recognises(path):
        return None
    folder = Folder(root_of(path))
    found = entries_from(folder.path, folder.all_files, by=path)
    return None if found is None else _as_layout(folder, found)


def annotate(gathered: Gathered) -> None:
    """Add what annotations say of the images that a layout has found in folders of classes.

    Raises:
        DataError: annotations are damaged, or contradict each other or the folders.
    """
    files = [path for path in gathered.root.all_files if not is_image(path)]
    images = [entry.path for entry in gathered.entries]
    found = annotations_in(gathered.root.path, files, images)
    contradictions = _contradictions(gathered.entries, found.by_image)
    raise_all([*found.problems, *contradictions], DataError)
    gathered.notes += _notes(gathered.root, found, gathered.entries)
    gathered.notes += _split_notes(gathered.entries, found)
    gathered.entries = [entry for entry in gathered.entries if not _is_unlisted(entry, found)]
    gathered.entries = [_with(entry, found) for entry in gathered.entries]
    gathered.seen(found.used)


def _is_unlisted(entry: Entry, found: Found) -> bool:
    """Whether a `data.yaml` says which images count, and this is none of them."""
    return entry.split is None and entry.path in found.unlisted


def _split_of(entry: Entry, found: Found) -> Split | None:
    """The split of an image by its folder, else by annotations: a defect is never learnt from."""
    if entry.split is not None:
        return entry.split
    split = found.splits.get(entry.path)
    return "test" if split == "train" and entry.defect_type != GOOD else split


def _split_notes(entries: Sequence[Entry], found: Found) -> Iterator[str]:
    said = [entry for entry in entries if entry.split is None]
    if unlisted := [entry.id for entry in said if _is_unlisted(entry, found)]:
        yield (
            f"{counted(len(unlisted), 'image')} in no folder or list that data.yaml names for a "
            f"split, and left out: {quoted_few(unlisted, MOST_NAMED)}."
        )
    splits = [(entry, found.splits.get(entry.path)) for entry in said]
    if moved := [e for e, of in splits if of == "train" and _split_of(e, found) != of]:
        yield (
            f"{counted(len(moved), 'defect')} of the training split "
            f"{'is' if len(moved) == 1 else 'are'} tested on, since only good images are learnt "
            "from."
        )
    other = [e.id for e in entries if e.split and found.splits.get(e.path, e.split) != e.split]
    if other:
        yield (
            f"{counted(len(other), 'image')} of another split by annotations than by its folder, "
            f"which counts: {quoted_few(other, MOST_NAMED)}."
        )


def _with(entry: Entry, found: Found) -> Entry:
    said, more = found.by_image.get(entry.path), found.supplements.get(entry.path)
    return replace(
        entry,
        masks=(*entry.masks, *(said.masks if said else ())),
        split=_split_of(entry, found),
        group=more.group if more and more.group else entry.group,
        metadata=more.metadata if more else entry.metadata,
    )


def _contradictions(entries: list[Entry], said: Mapping[Path, Annotation]) -> list[str]:
    marked = [
        f"{entry.path} is good by its folder or mask, and its annotation marks defects; move it, "
        "or take the annotation away."
        for entry in entries
        if entry.defect_type == GOOD and (one := said.get(entry.path)) and one.is_marked
    ]
    labelled = [
        f"{entry.path} lies in a folder of defects, and its annotation says "
        f"'{one.image_labels[0]}'; one is wrong."
        for entry in entries
        if entry.defect_type != GOOD
        and (one := said.get(entry.path))
        and one.image_labels
        and one.defect_type == GOOD
    ]
    return [*marked, *labelled]


def _notes(root: Folder, found: Found, entries: Sequence[Entry]) -> list[str]:
    lost = [
        f"{root.id_of(path)} speaks of {len(names)} images not to be found ('{names[0]}', ...)."
        for path, names in found.without_image.items()
    ]
    both = [
        entry
        for entry in entries
        if any(isinstance(mask, MaskFile) for mask in entry.masks)
        and (said := found.by_image.get(entry.path))
        and said.is_marked
    ]
    return [*_labels(found.labels), *joined_note(both), *aside(root.path, found), *lost]


def _labels(labels: Mapping[str, int]) -> list[str]:
    told = ", ".join(
        f"{count:,} {label.strip() or '(no label)'}" for label, count in labels.items()
    )
    return [f"Annotated as defects, by label: {told}."] if told else []


def _as_layout(folder: Folder, found: AnnotatedSet) -> FoundLayout:
    gathered = Gathered(found.layout, folder, entries=list(found.entries))
    gathered.seen(found.used)
    gathered.notes = [*found.notes, *_labels(found.labels)]
    return gathered.done()
