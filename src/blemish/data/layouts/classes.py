"""Folders whose images are all of one kind, with their masks: what most layouts are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from blemish.data.entry import Entry
from blemish.data.folder import Folder, is_image
from blemish.data.layouts.found import FoundLayout, Leftovers
from blemish.data.layouts.saturation import Saturation
from blemish.data.mask_names import MaskNames, masks_among
from blemish.data.masks import MaskFile, marks_anything, mask_paths
from blemish.data.split import Split
from blemish.data.words import DEFECT
from blemish.errors import DataError, raise_all
from blemish.images.masks import MASK_SUFFIXES
from blemish.parallel import available_cores, read_ahead
from blemish.result import GOOD


@dataclass(frozen=True)
class ImageClass:
    """A folder whose images are all of one kind.

    Attributes:
        folder: where they lie.
        defect_type: the kind.
        split: where all of them belong, if that is known.
        deep: whether those in folders below it belong to it.
        but: folders below it that are something else.
    """

    folder: Folder
    defect_type: str
    split: Split | None = None
    deep: bool = True
    but: tuple[Folder, ...] = ()

    @property
    def images(self) -> list[Path]:
        """Its images, masks among them included."""
        images = self.folder.all_images if self.deep else self.folder.images
        return [path for path in images if not _lies_in(path, self.but)] if self.but else images


@dataclass
class Gathered:
    """What a layout has found so far, and in the end what it has passed over.

    Attributes:
        layout: its name.
        root: what ids are relative to.
        entries: the images.
        mask_folders: what lies there is a mask or nothing.
        unlabelled: folders of images that nothing is said of.
        notes: what a user must hear.
    """

    layout: str
    root: Folder
    entries: list[Entry] = field(default_factory=list)
    mask_folders: list[Folder] = field(default_factory=list)
    unlabelled: list[Folder] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _mask_names: list[MaskNames] = field(default_factory=list)
    _seen: set[Path] = field(default_factory=set)
    _empty: list[Folder] = field(default_factory=list)
    _training_defects: dict[Path, tuple[Path, ...]] = field(default_factory=dict)

    def masks_in(self, folder: Folder) -> MaskNames:
        """The masks in a folder by their names."""
        self.mask_folders.append(folder)
        names = MaskNames(folder.all_files, folder.path)
        self._mask_names.append(names)
        return names

    def add(
        self,
        path: Path,
        defect_type: str,
        split: Split | None = None,
        masks: Iterable[Path] = (),
        group: str | None = None,
    ) -> None:
        """Take an image; a defective one of a training part is left out."""
        if split == "train" and defect_type != GOOD:
            self._training_defects[path] = tuple(masks)
            return
        self.entries.append(
            Entry(
                id=self.root.id_of(path),
                path=path,
                defect_type=defect_type,
                masks=tuple(map(MaskFile, masks)),
                split=split,
                group=group,
            )
        )

    def saturate(self, saturation: Saturation) -> None:
        """Have the masks found so far say how much of a region is enough."""
        self.entries = [
            replace(
                entry,
                masks=tuple(
                    replace(mask, saturation=saturation) if isinstance(mask, MaskFile) else mask
                    for mask in entry.masks
                ),
            )
            for entry in self.entries
        ]

    def seen(self, files: Iterable[Path]) -> None:
        """Know of files that they belong to the data set."""
        self._seen.update(files)

    def add_by_masks(
        self,
        images: Iterable[tuple[Path, Sequence[Path]]],
        split_of: Callable[[Path], Split | None],
        group: str | None = None,
    ) -> None:
        """Take images that are good where their masks mark nothing; all masks are read.

        Raises:
            ImageError: a mask cannot be read.
        """
        cores = available_cores()
        for (image, masks), marked in read_ahead(images, _marks, readers=cores, most=2 * cores):
            if isinstance(marked, Exception):
                raise marked
            self.add(image, DEFECT if marked else GOOD, split_of(image), masks, group)

    def add_class(
        self, one: ImageClass, masks: MaskNames | None = None, *, shared: bool = True
    ) -> None:
        """Take all images of a folder, with their masks in another folder or beside them.

        Args:
            one: the folder.
            masks: in a folder of masks, if there is one.
            shared: that folder holds masks of other classes, too.
        """
        images = one.images
        beside = masks_among(images)
        no_images = {path for paths in beside.values() for path in paths}
        before = len(self.entries)
        for image in images:
            if image in no_images:
                continue
            name = PurePosixPath(image.relative_to(one.folder.path).as_posix())
            good = shared and one.defect_type == GOOD
            found = masks.of(name, one.folder.name, good=good) if masks else ()
            self.add(image, one.defect_type, one.split, found or beside.get(image, ()))
        if len(self.entries) == before:
            self._empty.append(one.folder)

    def place(self, split_of: Callable[[Entry], Split]) -> None:
        """Give each image the split that a list names."""
        self.entries = [replace(entry, split=split_of(entry)) for entry in self.entries]

    def done(self) -> FoundLayout:
        """All of it. Raises `DataError` where which mask is of which image cannot be told."""
        raise_all([told for names in self._mask_names for told in names.problems()], DataError)
        self.entries = _masked_by_defects(self.entries)
        _check_masks_are_unique(self.entries, self.root)
        leftovers = self._leftovers()
        notes = (*self.notes, *leftovers.notes())
        return FoundLayout(self.layout, self.root.path, tuple(self.entries), notes, leftovers)

    def _leftovers(self) -> Leftovers:
        used = {path for entry in self.entries for path in (entry.path, *mask_paths(entry.masks))}
        used |= self._seen
        used |= {path for one, masks in self._training_defects.items() for path in (one, *masks)}
        rest = [path for path in self.root.all_files if path not in used]
        empty = [one for one in self._empty if used.isdisjoint(one.all_files)]
        orphans, unlabelled, unused, others = [], [], [], []
        for path in rest:
            if _lies_in(path, self.mask_folders) and path.suffix.lower() in MASK_SUFFIXES:
                orphans.append(path)
            elif not is_image(path):
                others.append(path)
            elif _lies_in(path, self.unlabelled):
                unlabelled.append(path)
            else:
                unused.append(path)
        return Leftovers(
            not_images=self._ids(others),
            unused_images=self._ids(unused),
            orphan_masks=self._ids(orphans),
            empty_folders=self._ids(one.path for one in empty),
            training_defects=self._ids(self._training_defects),
            unlabelled=self._ids(unlabelled),
        )

    def _ids(self, paths: Iterable[Path]) -> tuple[str, ...]:
        return tuple(sorted(map(self.root.id_of, paths)))


def _marks(found: tuple[Path, Sequence[Path]]) -> bool:
    """Whether any mask of an image marks anything."""
    _, masks = found
    return any(map(marks_anything, masks))


def _lies_in(path: Path, folders: Sequence[Folder]) -> bool:
    return any(path.is_relative_to(folder.path) for folder in folders)


def _masked_by_defects(entries: Sequence[Entry]) -> list[Entry]:
    """Entries whose good images lay no claim to the mask of a defect that bears the same name."""
    of_defects = {mask for entry in entries if entry.defect_type != GOOD for mask in entry.masks}
    return [
        replace(entry, masks=tuple(mask for mask in entry.masks if mask not in of_defects))
        if entry.defect_type == GOOD
        else entry
        for entry in entries
    ]


def _check_masks_are_unique(entries: Iterable[Entry], root: Folder) -> None:
    files = (mask for entry in entries for mask in entry.masks if isinstance(mask, MaskFile))
    users = Counter(mask.path for mask in files)
    raise_all(
        [
            f"{root.id_of(mask)} could be the mask of {count} images; put masks into one folder "
            "for each type of defect."
            for mask, count in users.items()
            if count > 1
        ],
        DataError,
    )
