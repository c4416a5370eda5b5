"""Tables and texts that lie among images and name them: somebody may have written labels there.

A folder of good images is all that it is taken for, until a `labels.csv` in it says otherwise. What
such a file says is not read: which of two things counts, folder or file, only a user can tell.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from blemish.data.folder import Folder, is_image
from blemish.data.layouts.found import MOST_NAMED, FoundLayout, Names
from blemish.data.lexicon.pictures import PICTURES
from blemish.data.manifest.reading import MANIFEST_SUFFIXES, is_manifest
from blemish.data.manifest.vocabulary import is_known, is_path, squashed
from blemish.data.tables import read_table
from blemish.data.tables.read import PARQUET_SUFFIXES
from blemish.data.tables.text import encoding_of
from blemish.data.usual_defects import is_usual
from blemish.data.words import is_bad, words_in
from blemish.errors import BlemishError, DataError
from blemish.wording import counted, first_few, quoted_few

TABLES = MANIFEST_SUFFIXES | {".txt", ".lst"}  # looked into wherever they lie: `meta/labels.csv`
TEXTS = frozenset({".txt", ".lst", ".log", ".dat"})
UNPACKED = frozenset({".xlsx", ".xlsm"})  # looked into, for names alone
SPREADSHEETS = UNPACKED | {".xls", ".xlsb", ".ods", ".numbers"}
SUFFIXES = MANIFEST_SUFFIXES | TEXTS | SPREADSHEETS
LARGEST_BYTES = 1 << 22  # of a file that is looked into, and what a spreadsheet unpacks to
LARGEST_NOTE_BYTES = 1 << 12  # of a text about one image
LEAST_SHARE = 0.5  # of the lines of a text, that name an image
MOST_SHOWN = 3
NUMBERS = frozenset({"id", "imageid", "imgid", "name", "nr", "no", "number", "nummer", "stem"})
_OF_IMAGES = PICTURES | {"bilder", "fotos"}
_APART = re.compile(r'[\t,;|"\[\]{}]')
_CELL = re.compile(r"<t(?:\s[^>]*)?>([^<]*)</t>")


@dataclass(frozen=True, slots=True)
class Listing:
    """A file that names images.

    Attributes:
        path: of it.
        count: how many images it names; 0 of a spreadsheet that cannot be looked into.
        of: how many there are.
    """

    path: Path
    count: int
    of: int


def listings_in(files: Iterable[Path], images: Sequence[Path]) -> Iterator[Listing]:
    """The files among some that say something of several images, or of one in a table."""
    names = {image.name.casefold() for image in images}
    stems = {image.stem.casefold() for image in images}
    for path in files:
        if path.suffix.lower() not in SUFFIXES or path.stem.casefold() in stems:
            continue
        lines = [line for line in _lines(path) if line]
        if not lines and path.suffix.lower() in SPREADSHEETS:
            yield Listing(path, 0, len(images))
            continue
        count = _named(path, lines, names) or _numbered(lines, stems)
        if not count and path.suffix.lower() in TEXTS:
            count = _by_stem(lines, stems)
        if count:
            yield Listing(path, count, len(images))


def with_lists(found: FoundLayout, folder: Folder, names: Names) -> FoundLayout:
    """What was found, with notes on files that name its images.

    Args:
        found: what a layout has made of a folder.
        folder: that was opened.
        names: what a user has said.

    Raises:
        DataError: all images are taken for good, and such a file may say otherwise.
    """
    images = [entry.path for entry in found.entries]
    around = {parent for path in {image.parent for image in images} for parent in path.parents}
    around |= {image.parent for image in images}
    left = [found.root / name for name in found.leftovers.not_images]
    files = [path for path in left if path.parent in around]
    if not _OF_IMAGES.isdisjoint(words_in(folder.path.absolute().name)):
        files += [path for path in folder.parent.files if not is_image(path)]
    files = [path for path in files if not names.leaves_out(path.name)]
    apart = [
        path
        for path in left
        if path.parent not in around
        and path.suffix.lower() in TABLES
        and not names.leaves_out(path.name)
    ]
    listings = list(listings_in([*files, *apart], images))
    notes = _texts_of_one(files, images)
    if found.layout == "good-only" and not names.good:
        if listings:
            raise DataError(_ask(listings[0], folder, flat=bool(folder.images)))
        if notes:
            raise DataError(_ask_of_texts(notes, folder, flat=bool(folder.images)))
    told = []
    if shown := [f"{one.path.name} ({one.count:,})" for one in listings if one.count]:
        told.append(
            f"{counted(len(shown), 'file that names', 'files that name')} images not read, since "
            f"folders say what they are: {first_few(shown, MOST_SHOWN)}. If labels there are "
            "better, move images as they say, or give a list of all images in place of the folder."
        )
    if notes:
        told.append(
            f"{counted(len(notes), 'text')} beside images {'says' if len(notes) == 1 else 'say'} "
            f"that one is bad ({_some(notes)}), and {'is' if len(notes) == 1 else 'are'} not read."
        )
    return replace(found, notes=(*found.notes, *told)) if told else found


def spelled(listing: Listing) -> str:
    """What a file is, and how to have it read, in place of the folder that it lies in."""
    which = f"{listing.path.name} names {listing.count} of {listing.of} images"
    if not listing.count:
        which = f"{listing.path.name} lies beside them"
    all_of_them = listing.count == listing.of
    if is_manifest(listing.path):
        add = "" if all_of_them else "have it list all images, with their labels, and "
        return (
            f"{which}; if it holds their labels, {add}give it in place of the folder: "
            f"{listing.path}"
        )
    of_all = "" if all_of_them else " of all images"
    return (
        f"{which}; if it holds their labels, save it as CSV with the columns path and label"
        f"{of_all}, and give that in place of the folder"
    )


def _ask(listing: Listing, folder: Folder, *, flat: bool) -> str:
    return (
        f"{folder.path} holds images that are all taken for good, and {spelled(listing)}; if all "
        f"are good, {_say_all_good(folder, listing.path, flat=flat)}."
    )


def _ask_of_texts(paths: Sequence[Path], folder: Folder, *, flat: bool) -> str:
    texts = counted(len(paths), "text beside them says", "texts beside them say")
    return (
        f"{folder.path} holds images that are all taken for good, and {texts} otherwise "
        f"({_some(paths)}); put good and defective images into folders of their own, or list "
        "them in a CSV with the columns path and label; if all are good, "
        f"{_say_all_good(folder, paths[0], flat=flat)}."
    )


def _say_all_good(folder: Folder, path: Path, *, flat: bool) -> str:
    if flat:
        return f"say good={folder.path.absolute().name}"
    return f"pass it over with ignore={path.name}"


def _some(paths: Sequence[Path]) -> str:
    return quoted_few([path.name for path in paths], MOST_NAMED)


def _lines(path: Path) -> list[list[str]]:
    """The fields of each line of a file; none where it cannot be read, or is too large."""
    with suppress(OSError, zipfile.BadZipFile, BlemishError):
        if path.stat().st_size > LARGEST_BYTES:
            return []
        if path.suffix.lower() in PARQUET_SUFFIXES:
            rows = read_table(path, is_known).rows
            return [[str(cell) for cell in row.cells if cell is not None] for row in rows]
        if path.suffix.lower() in SPREADSHEETS - UNPACKED:
            return []
        if path.suffix.lower() in UNPACKED:
            return [[text.strip()] for text in _CELL.findall(_unpacked(path))]
        return [_fields(line) for line in _text(path).splitlines()]
    return []


def _text(path: Path) -> str:
    content = path.read_bytes()
    return content.decode(encoding_of(content[:4]), "replace")


def _unpacked(path: Path) -> str:
    """The texts of a spreadsheet, as XML."""
    with zipfile.ZipFile(path) as file:
        wanted = [
            one
            for one in file.infolist()
            if one.filename.startswith(("xl/sharedStrings", "xl/worksheets/sheet"))
            and one.file_size <= LARGEST_BYTES
        ]
        return "\n".join(file.read(one).decode("utf-8", "replace") for one in wanted)


def _fields(line: str) -> list[str]:
    return [field for text in _APART.split(line) if (field := text.strip(" :\ufeff"))]


def _named(path: Path, lines: Sequence[Sequence[str]], names: Collection[str]) -> int:
    """How many images a file names by their files' names; 0 where it says nothing of them."""
    found: set[str] = set()
    naming = saying = 0
    for fields in lines:
        words = [*fields, *(word for field in fields for word in field.split())]
        there = {name for word in words if (name := _file_name(word)) in names}
        found |= there
        naming += bool(there)
        said = [word for field in fields for word in _rest(field, names)]
        saying += bool(there) and bool(said)
    is_text = path.suffix.lower() in TEXTS
    if is_text and naming < LEAST_SHARE * len(lines):
        return 0
    spreadsheet = path.suffix.lower() in SPREADSHEETS  # cells are not told apart by rows there
    mere_list = not saying and len(found) == len(names) and not spreadsheet
    return 0 if mere_list else len(found)


def _rest(field: str, names: Collection[str]) -> list[str]:
    """What a field says besides the name of an image."""
    if _file_name(field) in names:
        return []
    return [word for word in field.split() if _file_name(word) not in names]


def _numbered(lines: Sequence[Sequence[str]], stems: Collection[str]) -> int:
    """How many images a table names without the suffix, in a first column that is called so."""
    if len(lines) < 2 or not (is_path(lines[0][0]) or squashed(lines[0][0]) in NUMBERS):
        return 0
    first = [fields[0].casefold() for fields in lines[1:] if len(fields) > 1]
    found = {stem for stem in first if stem in stems}
    return len(found) if 2 * len(found) >= len(lines) - 1 else 0


def _by_stem(lines: Sequence[Sequence[str]], stems: Collection[str]) -> int:
    """How many images a text lists without the suffix, one a line, where it does not list all."""
    alone = [fields[0].casefold() for fields in lines if len(fields) == 1]
    found = {_file_name(text) for text in alone} & set(stems)
    listing = len(found) >= max(LEAST_SHARE * len(lines), 1) and len(set(alone)) == len(alone)
    return len(found) if listing and len(found) < len(stems) else 0


def _file_name(text: str) -> str:
    return text.replace("\\", "/").rpartition("/")[2].casefold()


def _texts_of_one(files: Iterable[Path], images: Sequence[Path]) -> list[Path]:
    """Files named as an image is that say in a word that it is bad."""
    stems = {image.stem.casefold() for image in images} | {
        image.name.casefold() for image in images
    }
    return [
        path
        for path in files
        if path.suffix.lower() in (".txt", ".json")
        and path.stem.casefold() in stems
        and _says_bad(path)
    ]


def _says_bad(path: Path) -> bool:
    with suppress(OSError):
        if path.stat().st_size <= LARGEST_NOTE_BYTES:
            return any(
                is_bad(word) or is_usual(word)
                for line in _text(path).splitlines()
                for field in _fields(line)
                for word in (field, field.rpartition(":")[2].strip())
                if word and (path.suffix.lower() == ".txt" or not word.isdigit())
            )
    return False
