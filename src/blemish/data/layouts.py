"""Layouts of data on disk, found by looking: one function each, tried in the order of `LAYOUTS`.

A layout function takes a path and says what it found there, or `None` where the path is laid out
in another way. It lists and never opens an image. To add a layout, write such a function and put
it into `LAYOUTS`.

What is an image is told by its suffix. Dot files, thumbnails of operating systems and whatever
else lies around become neither a sample nor a class; `Leftovers` says what was passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from blemish.data.entry import Entry
from blemish.data.manifest import MANIFEST_SUFFIXES, read_manifest
from blemish.data.masks import MaskFile, mask_paths
from blemish.data.split import Split
from blemish.errors import DataError, raise_all
from blemish.files import files_below
from blemish.images.read import IMAGE_SUFFIXES
from blemish.result import GOOD

MASK_FOLDERS = ("masks", "mask", "ground_truth")
MASK_ENDING = "_mask"
JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin"})
JUNK_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a layout passed over, as paths relative to its root.

    Attributes:
        not_images: files whose suffix is no image's.
        unused_images: images where the layout expects none.
        orphan_masks: masks that belong to no defective image.
        empty_folders: folders of a class without an image.
    """

    not_images: tuple[str, ...] = ()
    unused_images: tuple[str, ...] = ()
    orphan_masks: tuple[str, ...] = ()
    empty_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundLayout:
    """What a layout function found; `layout` is its name for users."""

    layout: str
    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    leftovers: Leftovers = field(default_factory=Leftovers)


def mvtec_ad(root: Path) -> FoundLayout | None:
    """MVTec AD: `train/good`, `test/<type>`, `ground_truth/<type>/<stem>_mask.png`."""
    train = _folder(root, "train")
    train_good = train and _folder(train, GOOD)
    if train_good is None:
        return None
    test = _folder(root, "test")
    classes = [_Class(train_good, GOOD, "train")]
    classes += [
        _Class(folder, _type(folder), "test") for folder in (_folders(test) if test else ())
    ]
    return _found("mvtec-ad", root, classes, _folder(root, "ground_truth"))


def plain_folders(root: Path) -> FoundLayout | None:
    """`good/` and one folder for each type of defect; masks in `masks/` or `masks/<type>/`."""
    good = _folder(root, GOOD)
    if good is None:
        return None
    masks = next((f for name in MASK_FOLDERS if (f := _folder(root, name))), None)
    classes = [_Class(f, _type(f), None) for f in _folders(root) if f != masks]
    found = _found("folders", root, classes, masks)
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def good_only(root: Path) -> FoundLayout | None:
    """Good images directly in one folder; its subfolders are not looked into."""
    if not root.is_dir() or not any(_is_image(path) for path in root.iterdir()):
        return None
    return _found("good-only", root, [_Class(root, GOOD, None, deep=False)], None)


def manifest(path: Path) -> FoundLayout | None:
    """A CSV or JSONL file that lists the images; see `blemish.data.manifest`."""
    if not path.is_file() or path.suffix.lower() not in MANIFEST_SUFFIXES:
        return None
    entries = read_manifest(path)
    return FoundLayout("manifest", path.parent, entries)


LAYOUTS: tuple[Callable[[Path], FoundLayout | None], ...] = (
    manifest,
    mvtec_ad,
    plain_folders,
    good_only,
)


def find_layout(path: Path) -> FoundLayout:
    """What the first layout that recognises `path` finds there.

    Raises:
        DataError: no layout recognises it, it cannot be listed, or what it holds contradicts
            itself.
    """
    try:
        found = next((found for layout in LAYOUTS if (found := layout(path))), None)
        present = _spell_contents(path) if found is None else ""
    except OSError as error:
        raise DataError(_spell_unlisted(path, error)) from error
    if found is None:
        raise DataError(
            f"{path} is no data set: {present}. Give a folder with train/good and test/ (MVTec "
            "AD), with good/ and one folder for each type of defect, or with good images only; "
            "or a CSV or JSONL manifest file."
        )
    return found


def categories_in(root: Path) -> dict[str, Path]:
    """The categories in a folder by name; none where the folder is itself a data set."""
    try:
        if not root.is_dir() or _is_category(root):
            return {}
        return {folder.name: folder for folder in _folders(root) if _is_category(folder)}
    except OSError as error:
        raise DataError(_spell_unlisted(root, error)) from error


def not_categories_in(root: Path) -> list[Path]:
    """Of a folder that holds categories, the folders that are none; sorted."""
    try:
        categories = categories_in(root).values()
        return [path for path in _folders(root) if path not in categories] if categories else []
    except OSError as error:
        raise DataError(_spell_unlisted(root, error)) from error


def is_output(folder: Path) -> bool:
    """Whether `blemish predict`, `benchmark` or `evaluate` wrote a folder: drawings are no data."""
    with suppress(OSError):  # one that cannot be looked into is told of where it is listed
        lines = ("predictions.jsonl", "_images.jsonl")
        return any((folder / name).is_file() for name in lines) or any(
            (folder / "records").glob("*.json")
        )
    return False


@dataclass(frozen=True, slots=True)
class _Class:
    """A folder whose images are all of one kind."""

    folder: Path
    defect_type: str
    split: Split | None
    deep: bool = True

    def images(self) -> list[Path]:
        if not self.deep:
            return sorted(path for path in self.folder.iterdir() if _is_image(path))
        return sorted(path for path in _files(self.folder) if _is_image(path))


def _found(layout: str, root: Path, classes: Iterable[_Class], masks: Path | None) -> FoundLayout:
    index = {} if masks is None else _mask_index(masks)
    entries: list[Entry] = []
    empty: list[str] = []
    for one in classes:
        of_class = _entries_of(one, root, index)
        entries += of_class
        empty += [] if of_class else [one.folder.relative_to(root).as_posix()]
    _check_masks_are_unique(entries, root)
    leftovers = _leftovers(root, entries, masks, empty)
    return FoundLayout(layout, root, tuple(entries), _notes(leftovers), leftovers)


def _entries_of(one: _Class, root: Path, masks: Mapping[str, Path]) -> list[Entry]:
    images = one.images()
    beside = _masks_beside(images)
    entries = []
    for image in images:
        if image in beside.values():
            continue
        key = image.relative_to(one.folder).with_suffix("").as_posix()
        mask = masks.get(f"{one.folder.name}/{key}") or masks.get(key) or beside.get(image)
        entries.append(
            Entry(
                id=image.relative_to(root).as_posix(),
                path=image,
                defect_type=one.defect_type,
                masks=() if mask is None or one.defect_type == GOOD else (MaskFile(mask),),
                split=one.split,
            )
        )
    return entries


def _mask_index(folder: Path) -> dict[str, Path]:
    """Masks by the path of the image they belong to, without suffix; `_mask` goes first."""
    files = sorted(path for path in _files(folder) if _is_image(path))
    files.sort(key=lambda path: path.stem.endswith(MASK_ENDING))  # the last one stays
    return {_mask_key(path.relative_to(folder)): path for path in files}


def _mask_key(path: Path | PurePosixPath) -> str:
    return path.with_suffix("").as_posix().removesuffix(MASK_ENDING)


def _masks_beside(images: Iterable[Path]) -> dict[Path, Path]:
    """Of images in one folder, `x.png` to `x_mask.png` where both are there."""
    by_key = {path.with_suffix(""): path for path in images}
    return {
        path: by_key[masked]
        for stem, path in by_key.items()
        if (masked := stem.with_name(stem.name + MASK_ENDING)) in by_key
    }


def _check_masks_are_unique(entries: Iterable[Entry], root: Path) -> None:
    users = Counter(mask.path for entry in entries for mask in entry.masks)
    raise_all(
        [
            f"{mask.relative_to(root).as_posix()} could be the mask of {count} images; put masks "
            "into one folder for each type of defect."
            for mask, count in users.items()
            if count > 1
        ],
        DataError,
    )


def _leftovers(
    root: Path, entries: Iterable[Entry], masks: Path | None, empty: Iterable[str]
) -> Leftovers:
    used = {path for entry in entries for path in (entry.path, *mask_paths(entry.masks))}
    rest = [path for path in _files(root) if path not in used]
    images = [path for path in rest if _is_image(path)]
    orphans = [path for path in images if masks is not None and path.is_relative_to(masks)]

    def ids(paths: Iterable[Path]) -> tuple[str, ...]:
        return tuple(sorted(path.relative_to(root).as_posix() for path in paths))

    return Leftovers(
        not_images=ids(path for path in rest if not _is_image(path)),
        unused_images=ids(set(images) - set(orphans)),
        orphan_masks=ids(orphans),
        empty_folders=tuple(sorted(empty)),
    )


def _notes(leftovers: Leftovers) -> tuple[str, ...]:
    unused = leftovers.unused_images
    if not unused:
        return ()
    folders = sorted({PurePosixPath(path).parent.as_posix() for path in unused})
    shown = ", ".join(folders[:5]) + (", ..." if len(folders) > 5 else "")
    return (
        f"{len(unused)} {'image lies' if len(unused) == 1 else 'images lie'} where this layout "
        f"expects none and will not be used: {shown}.",
    )


def _is_category(folder: Path) -> bool:
    train = _folder(folder, "train")
    return _folder(folder, GOOD) is not None or bool(train and _folder(train, GOOD))


def _type(folder: Path) -> str:
    return GOOD if folder.name.lower() == GOOD else folder.name


def _is_image(path: Path) -> bool:
    return (
        path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _folder(parent: Path, name: str) -> Path | None:
    """The subfolder of this name, in whatever case it is written."""
    return next((folder for folder in _folders(parent) if folder.name.lower() == name), None)


def _folders(parent: Path) -> list[Path]:
    """Subfolders that can hold data, sorted."""
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and _holds_data(path))


def _holds_data(folder: Path) -> bool:
    name = folder.name
    hidden = name.startswith(".") or name.lower() in JUNK_FOLDERS
    return not hidden and not is_output(folder)


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, without hidden ones and those that operating systems leave."""
    for path in files_below(folder, enter=_holds_data):
        if not path.name.startswith(".") and path.name.lower() not in JUNK_FILES:
            yield path


def _spell_unlisted(path: Path, error: OSError) -> str:
    return f"{error.filename or path} cannot be listed ({error.strerror or error})."


def _spell_contents(path: Path) -> str:
    if path.is_file():
        return "it is a file, but no manifest (.csv, .jsonl)"
    folders = [folder.name for folder in _folders(path)]
    if folders:
        return f"it holds no folder 'good', only {', '.join(folders[:8])}"
    return "it holds no images"
