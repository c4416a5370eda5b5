"""Which images a user means by the paths of files and folders, and names for their drawings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from blemish.errors import DataError, UsageError, raise_all
from blemish.files import files_below
from blemish.images.suffixes import has_image_suffix

if TYPE_CHECKING:
    from blemish.images.header import FilePage

MOST_SHOWN = 3
_NUMBERED = re.compile(r"(?P<path>.*\.tiff?)#(?P<number>[1-9]\d{0,5})", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class NamedImage:
    """An image to judge.

    Attributes:
        path: of its file.
        name: its path below what all the paths have in common, and its page where it has one.
        page: which image of a file that holds several, counted from 0.
    """

    path: Path
    name: str
    page: int | None = None

    @property
    def source(self) -> Path | FilePage:
        """The image as a model takes it."""
        from blemish.images.header import FilePage

        return self.path if self.page is None else FilePage(self.path, self.page)


@dataclass(frozen=True)
class FoundImages:
    """What is to be judged, and what was passed over in folders.

    That is files which by their names are no images, and folders that an earlier run wrote.
    """

    found: tuple[NamedImage, ...]
    passed_over: tuple[Path, ...] = ()


def find_images(paths: Sequence[Path], *, output: Path | None = None) -> FoundImages:
    """The files that are named, and the images in the folders that are named, each once.

    Folders are searched to their depth and through links, in the order of names. Hidden files and
    what an earlier run wrote are passed over. A file that is named is taken as it is, even where it
    is no image or is not there: the model tells. A TIFF of several images gives each of them, and
    `a.tif#2` is the second one, unless there is a file of that name.

    Args:
        paths: of files and folders.
        output: the folder that is to be written to; nothing below it is judged.

    Raises:
        DataError: a folder holds no image, or cannot be listed.
        UsageError: images in the very folder of the output, or on several drives; a file that has
            the name of an image in another.
    """
    files: dict[Path, None] = {}
    passed_over: dict[Path, None] = {}
    problems: list[str] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - false where one may not look, never an error
            files[path] = None
            continue
        check_apart(path, output)
        try:
            images, others = _in_folder(path, output)
        except OSError as error:
            problems.append(f"Folder '{error.filename}' cannot be listed: {error.strerror}.")
            continue
        if not images:
            problems.append(f"Folder '{path}' holds no image{_spell_only(path, others)}.")
        files |= dict.fromkeys(images)
        passed_over |= dict.fromkeys(others)
    raise_all(problems, DataError)
    top = _common_folder(paths)
    found = dict.fromkeys(image for file in files for image in _images_of(file, top))
    _check_names(found)
    return FoundImages(tuple(found), tuple(passed_over))


def source_named(file: Path) -> Path | FilePage:
    """What a name means: `a.tif#2` the second page, unless there is a file of that name."""
    from blemish.images.header import FilePage

    numbered = _NUMBERED.fullmatch(str(file))
    if numbered and not os.path.lexists(file):
        return FilePage(Path(numbered["path"]), int(numbered["number"]) - 1)
    return file


def _images_of(file: Path, top: str) -> list[NamedImage]:
    """The images of a file, or the one that is meant by its number."""
    from blemish.images.header import FilePage, images_of, paged

    meant = source_named(file)
    if isinstance(meant, FilePage):
        path, page = meant.path, meant.page
        return [NamedImage(path, paged(_below(path, top), page), page)]
    pages = [one.page if isinstance(one, FilePage) else None for one in images_of(file)]
    return [NamedImage(file, paged(_below(file, top), page), page) for page in pages]


def _check_names(images: Iterable[NamedImage]) -> None:
    """Raise `UsageError` where a file goes by the name of an image in another."""
    paged_names = {image.name for image in images if image.page is not None}
    for image in images:
        if image.page is None and image.name in paged_names:
            raise UsageError(
                f"'{image.name}' is a file, and an image of '{image.name.rpartition('#')[0]}', "
                "too; rename the file."
            )


def _below(file: Path, top: str) -> str:
    return Path(os.path.relpath(file, top)).as_posix()


def spell_passed_over(files: Sequence[Path], count: int | None = None) -> str:
    """One sentence on what was passed over: `count` files, by default those that are given."""
    count = len(files) if count is None else count
    return (
        f"{count:,} file{'s' * (count != 1)} passed over, no images by their names or written by "
        f"blemish: {_some(files, count)} (what is named itself is judged in any case)."
    )


def _in_folder(folder: Path, output: Path | None) -> tuple[list[Path], list[Path]]:
    """The images below a folder, and what else there is; both sorted."""
    images: list[Path] = []
    others: list[Path] = []
    for path, judged in looked_through(folder, output=output):
        (images if judged else others).append(path)
    return sorted(images), sorted(others)


def looked_through(folder: Path, *, output: Path | None = None) -> Iterator[tuple[Path, bool]]:
    """What is below a folder, as it is found, and whether it is an image to judge.

    Raises:
        OSError: a folder cannot be listed.
    """
    from blemish.data.folder import is_output

    written: list[Path] = []

    def enter(path: Path) -> bool:
        if path.name.startswith(".") or _same(path, output):
            return False
        if is_output(path):
            written.append(path)
        return path not in written

    for path in files_below(folder, enter=enter):
        if not is_passed_by(path.name):
            yield path, has_image_name(path.name)
    yield from ((path, False) for path in written)


def is_passed_by(name: str) -> bool:
    """Whether nobody means a file of this name: it is hidden, or an operating system left it."""
    from blemish.data.folder import JUNK_FILES

    return name.startswith(".") or name.lower() in JUNK_FILES


def has_image_name(name: str) -> bool:
    """Whether a file is an image by its name."""
    return has_image_suffix(PurePath(name))


def check_apart(folder: Path, output: Path | None) -> None:
    """Raise `UsageError` where images lie in the very folder of the output."""
    if _same(folder, output):
        raise UsageError(f"'{folder}' holds the images to judge; name another folder for -o.")


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and os.path.realpath(path) == os.path.realpath(other)


def _spell_only(folder: Path, files: Sequence[Path]) -> str:
    return f", only {_some([path.relative_to(folder) for path in files])}" if files else ""


def _some(files: Sequence[Path], count: int = 0) -> str:
    more = max(len(files), count) > MOST_SHOWN
    return ", ".join(map(str, files[:MOST_SHOWN])) + (", ..." if more else "")


def _common_folder(paths: Sequence[Path]) -> str:
    """The deepest folder that all paths lie in; without `..`, so that no name leads out of it."""
    whole = (os.path.abspath(path) for path in paths)  # noqa: PTH100 - links are not followed
    roots = [path if os.path.isdir(path) else os.path.dirname(path) for path in whole]  # noqa: PTH112, PTH120
    try:
        return os.path.commonpath(roots)
    except ValueError as error:  # different drives
        raise UsageError("Images from several drives cannot be judged at once.") from error
