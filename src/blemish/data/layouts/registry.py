"""All layouts, in the order in which they are tried, and what they find.

To add one, write a file with a `Layout` and put that into `LAYOUTS`, before those that would take
it for theirs.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from blemish.data.folder import Folder
from blemish.data.layouts import (
    aitex,
    dagm,
    dated,
    folders,
    images_and_masks,
    kolektor,
    magnetic_tiles,
    mvtec_ad_2,
    real_iad,
    split_folders,
    visa,
)
from blemish.data.layouts.annotated import annotated_set, set_of_file
from blemish.data.layouts.found import MOST_NAMED, FoundLayout, Layout, Names
from blemish.data.layouts.kinds import HOW_TO_SAY
from blemish.data.layouts.lists import listings_in, spelled, with_lists
from blemish.data.manifest.reading import MANIFEST_SUFFIXES, is_manifest, open_manifest
from blemish.data.suffixless import told_suffixless
from blemish.data.words import plain, split_named
from blemish.errors import DataError, SettingError
from blemish.wording import counted, quoted_few

# What is right in a folder; each also tells that it is a category of a set of several.
LAYOUTS: tuple[Layout, ...] = (
    mvtec_ad_2.LAYOUT,
    split_folders.LAYOUT,
    visa.LAYOUT,
    kolektor.SPLITS,
    kolektor.ITEMS,
    dagm.LAYOUT,
    real_iad.LAYOUT,
    aitex.LAYOUT,
    magnetic_tiles.LAYOUT,
    images_and_masks.LAYOUT,
    folders.LAYOUT,
    dated.LAYOUT,
)
NO_NAMES = Names()
OTHER_PARTS = frozenset({"test-public", "test-private"})  # of a data set, besides its splits


def find_layout(path: Path, names: Names = NO_NAMES) -> FoundLayout:
    """What the first layout that recognises a path finds there.

    Args:
        path: a folder, a manifest, or a file of annotations.
        names: what a user says of folders whose names do not say it.

    Raises:
        DataError: no layout recognises it, it cannot be listed, or what it holds can be read in two
            ways or contradicts itself.
    """
    try:
        if path.is_file():
            return _in_file(path, names)
        folder = Folder(path)
        if layout := layout_of(folder, names):
            read = layout.read(folder, names).without_ignored(names)
            return with_lists(read, folder, names)
        if found := annotated_set(folder, names):
            return found
        if folders.IMAGES.recognises(folder, names):
            return with_lists(folders.IMAGES.read(folder, names), folder, names)
        raise DataError(_spell_unknown(folder))
    except OSError as error:
        raise DataError(_spell_unlisted(path, error)) from error


def layout_of(folder: Folder, names: Names = NO_NAMES) -> Layout | None:
    """The layout of a folder that holds more than images, if it is any."""
    return next((layout for layout in LAYOUTS if layout.recognises(folder, names)), None)


def categories_in(root: Path, names: Names = NO_NAMES) -> dict[str, Path]:
    """The categories in a folder by name; none where the folder is itself a data set."""
    try:
        if not root.is_dir() or layout_of(Folder(root), names):
            return {}
        return {
            one.name: one.path
            for one in Folder(root).folders
            if not _is_part(one.name) and layout_of(one, names)
        }
    except OSError as error:
        raise DataError(_spell_unlisted(root, error)) from error


def _is_part(name: str) -> bool:
    """Whether a folder is part of a data set by its name, and none by itself."""
    return split_named(name) is not None or plain(name) in OTHER_PARTS


def not_categories_in(root: Path, names: Names = NO_NAMES) -> list[Path]:
    """Of a folder that holds categories, the folders that are none; sorted."""
    categories = categories_in(root, names).values()
    try:
        folders = Folder(root).folders if categories else ()
        return [one.path for one in folders if one.path not in categories]
    except OSError as error:
        raise DataError(_spell_unlisted(root, error)) from error


def others_in(root: Path, names: Names = NO_NAMES) -> list[Path]:
    """Of a folder that holds categories, the folders that are none and hold images; sorted."""
    found = [Folder(path) for path in not_categories_in(root, names)]
    return [one.path for one in found if one.all_images and not names.leaves_out(one.name)]


def _in_file(path: Path, names: Names) -> FoundLayout:
    """What a manifest or a file of annotations lists."""
    if is_manifest(path):
        return _in_manifest(path, names)
    if annotated := set_of_file(path, names):
        Names(ignored=names.ignored).check_met(Folder(annotated.root), annotated.labels_left_out)
        return annotated
    raise DataError(
        f"{path} is no data set: it is a file, but no manifest "
        f"({', '.join(sorted(MANIFEST_SUFFIXES))}), and holds no annotations that are known (COCO, "
        "CVAT, Label Studio, FiftyOne)."
    )


def _in_manifest(path: Path, names: Names) -> FoundLayout:
    """What a manifest lists, without images in folders that are to be passed over."""
    found = open_manifest(path)
    ids = [PurePath(entry.id) for entry in found.entries]
    kept = [
        entry
        for entry, its in zip(found.entries, ids, strict=True)
        if not names.leaves_out_file(its)
    ]
    there = {plain(part) for its in ids for part in its.parts}
    if unmet := [name for name in names.ignored if plain(name) not in there]:
        raise SettingError(
            f"'ignore' names {quoted_few(unmet, MOST_NAMED)}, and {path} lists no image in such a "
            "folder."
        )
    gone = len(ids) - len(kept)
    notes = [f"{counted(gone, 'row')} left out, as 'ignore' says."] if gone else []
    return FoundLayout("manifest", found.root, tuple(kept), (*found.notes, *notes))


def _spell_unlisted(path: Path, error: OSError) -> str:
    return f"{error.filename or path} cannot be listed ({error.strerror or error})."


def _spell_unknown(folder: Folder) -> str:
    """What is there, and how to have it read."""
    below = [one.name for one in folder.folders]
    if not below:
        told = told_suffixless(folder.files) or WANTED
        return f"{folder.path} is no data set: it holds no images. {told}"
    if not folder.all_images:
        told = told_suffixless(folder.all_files) or WANTED
        return f"{folder.path} is no data set: the folders in it hold no images. {told}"
    if listings := list(listings_in(folder.files, folder.all_images)):
        return (
            f"{folder.path} is no data set that is known by its folders, and "
            f"{spelled(listings[0])}; or {HOW_TO_SAY}."
        )
    if deeper := [one for one in folder.folders if categories_in(one.path)]:
        return (
            f"{folder.path} is no data set itself, but holds some in "
            f"{quoted_few([one.name for one in deeper], MOST_NAMED)}: give {deeper[0].path}, and "
            f"name one of those with category={next(iter(categories_in(deeper[0].path)))}."
        )
    if days := dated.days_of_classes(folder):
        below = sorted({one.name for day in days for one in day.folders if one.all_images})
        return (
            f"{folder.path} is no data set that is known: none of the folders in those of its "
            f"days or batches, {quoted_few(below, MOST_NAMED)}, means good images by its name; "
            f"{HOW_TO_SAY}, or rename them. {WANTED}"
        )
    return (
        f"{folder.path} is no data set that is known: none of its folders, "
        f"{quoted_few(below, MOST_NAMED)}, means good images by its name; {HOW_TO_SAY}, or rename "
        f"them. {WANTED}"
    )


WANTED = (
    "Give a folder with train/good and test/ (MVTec AD), with good/ and one folder for each type "
    "of defect, or with good images only; or a manifest file (CSV, JSONL)."
)
