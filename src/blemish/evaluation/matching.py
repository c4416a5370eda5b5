"""Which map, and which score, belongs to which test image.

The map of `test/crack/000.png` of the category `tile` may go by that path, by `tile/test/crack/000`
(what MVTec's evaluation code reads), `crack/000` or `000`, in the folder itself or in one named
`tile`; with or without the image's suffix, and then with the map's: `crack/000.png.npy` is what
`blemish predict --maps` writes. Which of these it is does not matter, as long as each test image
has exactly one map, and no map could belong to two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from blemish.data.folder import JUNK_FILES
from blemish.data.sample import Sample
from blemish.errors import DataError
from blemish.files import files_below
from blemish.images.score_map import MAP_SUFFIXES
from blemish.wording import first_few

SHOWN = 3
APART = "put it into a folder of its defect type"


@dataclass(frozen=True)
class Matches:
    """What was found for test images.

    Attributes:
        found: for each image that has one, by its id, what that is.
        problems: where it is not one for each, in words.
        spare: what belongs to no test image.
    """

    found: Mapping[str, str]
    problems: tuple[str, ...]
    spare: tuple[str, ...]


def match_maps(folder: Path, samples: Sequence[Sample], category: str) -> Matches:
    """The maps in a folder, as paths below it, and the test images that they belong to.

    Raises:
        DataError: there is no such folder, or it cannot be listed.
    """
    files = _map_files(folder)
    index: dict[str, set[str]] = {}
    for file in files:
        index.setdefault(PurePosixPath(file).with_suffix("").as_posix(), set()).add(file)
    candidates = {sample.id: look_up(index, names_of(sample, category)) for sample in samples}
    matches = match(candidates, files, what="map", place=str(folder), apart=APART)
    missing = [sample for sample in samples if not candidates[sample.id]]
    if not missing:
        return matches
    return replace(matches, problems=(*matches.problems, _hint(missing[0], category, files)))


def _hint(sample: Sample, category: str, files: Sequence[str]) -> str:
    """What a map of an image could be called, and what is there."""
    stem = PurePosixPath(sample.id).stem
    wanted = (
        f"{category}/test/{sample.defect_type}/{stem}.tiff",
        f"{sample.defect_type}/{stem}.npy",
        f"{sample.id}.npy",
    )
    there = (
        first_few(files, SHOWN)
        if files
        else f"no file that ends in {', '.join(sorted(MAP_SUFFIXES))}"
    )
    return f"The map of '{sample.id}' could be {', '.join(wanted)}; the folder holds {there}."


def names_of(sample: Sample, category: str) -> set[str]:
    """All names that a map of an image may go by, without the map's own suffix."""
    path = PurePosixPath(sample.id)
    tails = {PurePosixPath(*path.parts[start:]) for start in range(len(path.parts))}
    typed = PurePosixPath(sample.defect_type, path.name)
    names = {*tails, typed, "test" / typed}
    names |= {category / name for name in names}
    whole = {name.as_posix() for name in names}
    if sample.page is not None:  # without its suffix it would not say which image of a file it is
        return whole
    return whole | {name.with_suffix("").as_posix() for name in names}


def match(
    candidates: Mapping[str, Collection[str]],
    everything: Iterable[str],
    *,
    what: str,
    place: str,
    apart: str,
) -> Matches:
    """Give each image the one thing that is its own.

    Args:
        candidates: for each image, by its id, what could be its own.
        everything: that there is.
        what: it is, for problems.
        place: where it is from.
        apart: what to do with one that could be of two images.
    """
    claimed: dict[str, list[str]] = {}
    for image, items in candidates.items():
        for item in items:
            claimed.setdefault(item, []).append(image)
    missing = [image for image, items in candidates.items() if not items]
    problems = []
    if missing:
        problems.append(
            f"{len(missing):,} of {len(candidates):,} test images have no {what} in '{place}': "
            f"{first_few(missing, SHOWN)}."
        )
    problems += [
        f"{image}: has {len(items)} {what}s, {first_few(sorted(items), SHOWN)}; leave one."
        for image, items in candidates.items()
        if len(items) > 1
    ]
    problems += [
        f"{item}: could be the {what} of {len(images)} images, {first_few(images, SHOWN)}; {apart}."
        for item, images in claimed.items()
        if len(images) > 1
    ]
    return Matches(
        found={image: next(iter(items)) for image, items in candidates.items() if items},
        problems=tuple(problems),
        spare=tuple(item for item in everything if item not in claimed),
    )


def look_up(index: Mapping[str, Collection[str]], names: Iterable[str]) -> set[str]:
    """All that goes by one of some names."""
    return {item for name in names for item in index.get(name, ())}


def _map_files(folder: Path) -> list[str]:
    """Paths of all maps below a folder, sorted; hidden files are passed over."""
    if not folder.is_dir():
        raise DataError(f"'{folder}' is no folder; maps are read from a folder.")
    try:
        files = list(files_below(folder, enter=lambda path: not path.name.startswith(".")))
    except OSError as error:
        raise DataError(f"Folder '{error.filename}' cannot be listed: {error.strerror}.") from error
    return sorted(
        file.relative_to(folder).as_posix()
        for file in files
        if file.suffix.lower() in MAP_SUFFIXES
        and not file.name.startswith(".")
        and file.name.lower() not in JUNK_FILES
    )
