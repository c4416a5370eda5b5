"""Which image a name in an annotation file means: by the end of its path, where that is unique.

Names are compared as they are, and where that finds nothing, composed (NFC) and without regard to
case: tools and disks change both.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

Parts = tuple[str, ...]


class AmbiguousError(ValueError):
    """A name could mean several images; says which."""


class Images:
    """The images of a folder by the ends of their paths.

    Args:
        folder: what paths are relative to.
        images: files below it.
    """

    def __init__(self, folder: Path, images: Iterable[Path]) -> None:
        self.folder = folder
        parts = {image: _parts(_below(image, folder)) for image in images}
        self._paths = set(parts)
        self._beside: defaultdict[Path, list[Path]] = defaultdict(list)
        for image in parts:
            self._beside[image.with_suffix("")].append(image)
        self._whole = [_Index(parts, spell) for spell in (str, _folded)]
        stems = {image: _without_suffix(names) for image, names in parts.items()}
        self._stems = [_Index(stems, spell) for spell in (str, _folded)]

    def __contains__(self, image: Path) -> bool:
        return image in self._paths

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def beside(self, path: Path) -> list[Path]:
        """The images in the folder of a file that have its name but for the suffix."""
        return self._beside.get(path.with_suffix(""), [])

    def below(self, path: Path) -> str:
        """A path of the folder from there, as people read it."""
        return _below(path, self.folder)

    def exactly(self, name: str, *, beside: Path) -> Path | None:
        """The image at a path from the folder of the file that names it, if it is there."""
        path = Path(os.path.normpath(beside / name.replace("\\", "/")))
        return path if path in self._paths else None

    def named(self, name: str, *, beside: Path, alone: bool = True, near: str = "") -> Path | None:
        """The image of a name; `None` where there is none.

        Args:
            name: a path as the annotation file writes it.
            beside: the folder of that file.
            alone: whether no other name of that file ends in the same file name, so that the
                file name by itself may decide.
            near: a folder that decides between several.

        Raises:
            AmbiguousError: several images could be meant.
        """
        parts = _parts(name)
        if not parts:
            return None
        roots = (beside, beside / "images", beside.parent, beside.parent / "images")
        for root in roots:
            path = Path(os.path.normpath(root.joinpath(*parts)))
            if path in self._paths:
                return path
        return _found(self._whole, parts, alone=alone, near=near)

    def with_stem(self, stem: Path, *, alone: bool = True) -> Path | None:
        """The image whose path without its suffix ends in a relative path; as `named`.

        Raises:
            AmbiguousError: several images could be meant.
        """
        return _found(self._stems, _parts(stem.as_posix()), alone=alone, near="")


class _Index:
    """Images by the last part of their names, in one way of spelling."""

    def __init__(self, parts: dict[Path, Parts], spell: Callable[[str], str]) -> None:
        self._spell = spell
        self._by_last: defaultdict[str, list[tuple[Parts, Path]]] = defaultdict(list)
        for image, names in parts.items():
            spelled = tuple(map(spell, names))
            self._by_last[spelled[-1]].append((spelled, image))

    def find(self, parts: Parts, *, alone: bool, near: str) -> list[Path]:
        """The images that could be meant, those with most in common."""
        wanted = tuple(map(self._spell, parts))
        there = self._by_last.get(wanted[-1], [])
        common = [(_common(names, wanted), names, image) for names, image in there]
        # A folder has to agree, or there is none to compare with.
        enough = [one for one in common if one[0] >= min(2, len(one[1]), len(wanted))]
        if not enough:
            return [image for _, _, image in common] if alone and len(common) == 1 else []
        most = max(count for count, _, _ in enough)
        best = [(names, image) for count, names, image in enough if count == most]
        nearer = [image for names, image in best if self._spell(near) in names[:-1]]
        return nearer if len(nearer) == 1 else [image for _, image in best]


def _found(indices: Collection[_Index], parts: Parts, *, alone: bool, near: str) -> Path | None:
    for index in indices:
        images = index.find(parts, alone=alone, near=near)
        if len(images) > 1:
            names = ", ".join(f"'{image}'" for image in sorted(images)[:3])
            raise AmbiguousError(f"could be any of {len(images)} images: {names}.")
        if images:
            return images[0]
    return None


def _common(one: Parts, other: Parts) -> int:
    """How many parts are the same, counted from the end."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _parts(name: str) -> Parts:
    path = os.path.normpath(name.replace("\\", "/")).replace("\\", "/")
    return tuple(p for p in PurePosixPath(path).parts if p not in ("/", "//", ".", ".."))


def _without_suffix(parts: Parts) -> Parts:
    return (*parts[:-1], PurePosixPath(parts[-1]).stem)


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
