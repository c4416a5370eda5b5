"""Which files are the masks of which images, told by their names.

In a folder of masks, `scratch/day/x.png` finds its own below `scratch/day/`, or below `day/`:

    x_mask.png x-gt.tif x_label_2.npy   a word behind its name, and a number where there are several
    x.mask.png xmask.png                the same, joined otherwise; x_mask.png of x_image.png, too
    mask_x.png                          a word before it
    x.png x.npy x.png.png               the name, its suffix kept or not
    x/0.png x/1.png                     a folder of its name, whatever the files in it are called

All files of one row are joined. A word makes certain what a file is, so those rows go first. Names
are compared as they are; only where none fits, without regard to case and Unicode's two ways to
write an accent. Whatever leaves a choice is a problem to tell of: no mask is taken then.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from blemish.data.lexicon.masks import MASK_FOLDERS
from blemish.data.words import plain
from blemish.images.masks import MASK_SUFFIXES, looks_like_a_mask

_BEHIND = re.compile(
    r"(?P<name>.+?)[_.-](?P<word>masks?|masken?|gt|labels?|seg(?:mentation)?|ground[_-]?truth|"
    r"annotations?)"
    r"(?:[_-]?(?P<number>\d+))?",
    re.IGNORECASE | re.DOTALL,
)
_BEFORE = re.compile(r"(?P<word>mask|gt|label)[_-](?P<name>.+)", re.IGNORECASE | re.DOTALL)
_JOINED = re.compile(r"(?P<name>.*[^_.-])(?P<word>masks?|maske)", re.IGNORECASE | re.DOTALL)
_OF_PICTURES = re.compile(
    r"(?:image|img|rgb)[_-](?P<behind>.+)|(?P<before>.+)[_-](?:image|img|rgb)",
    re.IGNORECASE | re.DOTALL,
)
_NAME, _FOLDER = "", "/"  # marks of masks that no word marks
_SLOW = frozenset({".jpg", ".jpeg"})


class _Claim(NamedTuple):
    """One way to read a file's name: as the mask, or one of the masks, of an image."""

    file: Path
    image: str  # path below the folder, with or without suffix
    mark: str
    number: str


class MaskNames:
    """The masks of images, looked up in a folder of masks.

    Args:
        files: all files below it; those that hold no pixels are ignored.
        below: the folder.
    """

    def __init__(self, files: Iterable[Path], below: Path) -> None:
        self._below = below
        self._files = sorted(file for file in files if file.suffix.lower() in MASK_SUFFIXES)
        self._exact: defaultdict[str, list[_Claim]] = defaultdict(list)
        self._folded: defaultdict[str, list[_Claim]] = defaultdict(list)
        for file in self._files:
            for claim in _claims(file, PurePosixPath(file.relative_to(below).as_posix())):
                self._exact[claim.image].append(claim)
                self._folded[_fold(claim.image)].append(claim)
        self._users: defaultdict[Path, list[str]] = defaultdict(list)
        self._doubtful: dict[str, tuple[_Claim, ...]] = {}

    def of(
        self, image: PurePosixPath, defect_type_folder: str, *, good: bool = False
    ) -> tuple[Path, ...]:
        """The masks of an image, sorted; none where there are none, or where `problems` tells why.

        Args:
            image: its path below the folder of its class.
            defect_type_folder: the name of that folder.
            good: it is a good image: only masks in a folder of its class are its own, as images
                of other classes may have the same name.
        """
        name = PurePosixPath(defect_type_folder, image)
        claims = self._fitting(name) or ([] if good else self._fitting(image))
        claims = [claim for claim in claims if claim.mark not in (_NAME, _FOLDER)] or claims
        if _leaves_a_choice(claims):
            self._doubtful[name.as_posix()] = tuple(claims)
            return ()
        for claim in claims:
            self._users[claim.file].append(name.as_posix())
        return tuple(sorted(claim.file for claim in claims))

    def unused(self) -> tuple[Path, ...]:
        """The files that are the mask of none of the images asked for."""
        doubtful = {claim.file for claims in self._doubtful.values() for claim in claims}
        return tuple(f for f in self._files if f not in self._users and f not in doubtful)

    def problems(self) -> tuple[str, ...]:
        """What left a choice, once all images were asked for, a sentence each."""
        choices = [
            f"{image} may have its mask in {' or '.join(self._shown(claims))}; keep one, or number "
            "those that belong together (_mask_0, _mask_1)."
            for image, claims in self._doubtful.items()
        ]
        shared = [
            f"{self._path(file)} could be the mask of {len(set(users))} images "
            f"({', '.join(sorted(set(users))[:3])}); put masks into one folder for each type of "
            "defect, and let no two images differ in their suffix alone."
            for file, users in sorted(self._users.items())
            if len(set(users)) > 1
        ]
        return (*choices, *shared)

    def _fitting(self, image: PurePosixPath) -> list[_Claim]:
        names = dict.fromkeys((image.with_suffix("").as_posix(), image.as_posix()))
        exact = [claim for name in names for claim in self._exact.get(name, ())]
        return (
            exact
            or [claim for name in names for claim in self._folded.get(_fold(name), ())]
            or self._of_picture(image)
        )

    def _of_picture(self, image: PurePosixPath) -> list[_Claim]:
        """Those with a word where the image has one for pictures: `5_mask` of `5_image`."""
        name = _without_picture(image.stem)
        claims = self._folded.get(_fold(image.with_name(name).as_posix()), ()) if name else ()
        return [claim for claim in claims if claim.mark not in (_NAME, _FOLDER)]

    def _shown(self, claims: Sequence[_Claim]) -> list[str]:
        shown = [self._path(claim.file) for claim in claims[:3]]
        return [*shown, f"{len(claims) - 3} more"] if len(claims) > 3 else shown

    def _path(self, file: Path) -> str:
        return f"{self._below.name}/{file.relative_to(self._below).as_posix()}"


def masks_among(
    images: Sequence[Path], *, holds_a_mask: Callable[[Path], bool] = looks_like_a_mask
) -> Mapping[Path, tuple[Path, ...]]:
    """The masks that lie beside their images, by image.

    Those with a word at their name are known by it. Of files with one name and several suffixes
    the masks are told by what they hold, for a photograph may have been saved twice; where all of
    them hold a mask, or none, all are images.

    Args:
        images: files of images, of any number of folders; those of other folders never match.
        holds_a_mask: told of such files alone, with JPEG last: the only one left over is the image.
    """
    folders: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in images:
        folders[path.parent].append(path)
    found: defaultdict[Path, list[Path]] = defaultdict(list)
    for paths in folders.values():
        named = _named(paths)
        for image, mask in _of_one_name([p for p in paths if p not in named], holds_a_mask):
            found[image].append(mask)
        beside = {mask for masks in found.values() for mask in masks}
        for mask in named:
            for image in _roots(mask, named):
                if image not in beside:
                    found[image].append(mask)
    return {image: tuple(sorted(masks)) for image, masks in found.items()}


def named_like_masks(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Those whose name is the name of another, in whatever folder, and a word for masks."""
    paths = list(paths)
    names = {_fold(name) for path in paths for name in _called(path)}
    return [path for path in paths if any(_fold(of) in names for of, *_ in _marked(path.stem))]


def share_named_after(files: Sequence[Path], below: Path, images: Iterable[Path]) -> float:
    """The share of files below a folder whose names are those of masks of some images."""
    names = {_fold(name) for image in images for name in _called(image)}
    named = [
        file
        for file in files
        if any(
            _fold(PurePosixPath(claim.image).name) in names
            for claim in _claims(file, PurePosixPath(file.relative_to(below).as_posix()))
        )
    ]
    return len(named) / len(files) if files else 0.0


def is_mask_folder(name: str) -> bool:
    """Whether a folder of this name is one of masks."""
    return plain(name) in MASK_FOLDERS


def _claims(file: Path, path: PurePosixPath) -> Iterator[_Claim]:
    """All ways to read the name of a file at this path below the folder."""
    folder = "" if path.parent == PurePosixPath() else f"{path.parent.as_posix()}/"
    yield _Claim(file, folder + path.stem, _NAME, "")
    for image, mark, number in _marked(path.stem):
        yield _Claim(file, folder + image, mark, number)
    if folder:
        yield _Claim(file, folder.removesuffix("/"), _FOLDER, path.name)


def _marked(stem: str) -> Iterator[tuple[str, str, str]]:
    """Ways to read a name that a word marks as that of a mask: of which image, word, number."""
    if behind := _BEHIND.fullmatch(stem):
        word = re.sub("[_-]", "", behind["word"]).casefold()
        yield behind["name"], word, behind["number"] or ""
    if before := _BEFORE.fullmatch(stem):
        yield before["name"], f"{before['word'].casefold()}_", ""
    if (joined := _JOINED.fullmatch(stem)) and not behind:
        yield joined["name"], joined["word"].casefold(), ""


def _leaves_a_choice(claims: Sequence[_Claim]) -> bool:
    if len({claim.mark for claim in claims}) > 1:
        return True
    if claims and claims[0].mark == _FOLDER:
        return len({claim.image for claim in claims}) > 1
    return any(count > 1 for count in Counter(claim.number for claim in claims).values())


def _called(image: Path | PurePosixPath) -> list[str]:
    """What a mask may call an image: its name, with or without suffix or a word for pictures."""
    without = _without_picture(image.stem)
    return list(dict.fromkeys((image.stem, image.name, *([without] if without else []))))


def _without_picture(stem: str) -> str:
    """A name without a word for pictures at its beginning or end; empty, where it has none."""
    found = _OF_PICTURES.fullmatch(stem)
    return (found["behind"] or found["before"]) if found else ""


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _named(paths: Sequence[Path]) -> dict[Path, list[Path]]:
    """Files of one folder that a word marks as masks, each with the files that it may be of."""
    exact: defaultdict[str, list[Path]] = defaultdict(list)
    folded: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        for name in _called(path):
            exact[name].append(path)
            folded[_fold(name)].append(path)
    named = {}
    for path in paths:
        for image, *_ in _marked(path.stem):
            if of := exact.get(image) or folded.get(_fold(image)):
                named[path] = of
    return named


def _roots(mask: Path, named: Mapping[Path, list[Path]]) -> list[Path]:
    """The images that a mask is of: what it is named after, unless that is a mask itself."""
    roots: list[Path] = []
    for path in named[mask]:  # each name is longer than the one it is made from
        roots += _roots(path, named) if path in named else [path]
    return list(dict.fromkeys(roots))


def _of_one_name(
    paths: Sequence[Path], holds_a_mask: Callable[[Path], bool]
) -> Iterator[tuple[Path, Path]]:
    """Pairs of an image and its mask, of files in one folder that differ in their suffix."""
    names = {_fold(path.name): path for path in paths}
    groups: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        kept = names.get(_fold(path.stem))  # it is that one's name with a further suffix
        groups[_fold((kept or path).stem)].append(path)
    for group in groups.values():
        masks = _masks_in(group, holds_a_mask) if len(group) > 1 else []
        exact = {
            image: [mask for mask in masks if mask.stem in (image.stem, image.name)]
            for image in group
            if image not in masks
        }
        taken = {mask for of in exact.values() for mask in of}
        for image, own in exact.items():
            for mask in own or [mask for mask in masks if mask not in taken]:
                yield image, mask


def _masks_in(group: Sequence[Path], holds_a_mask: Callable[[Path], bool]) -> list[Path]:
    """Those of a group that hold a mask, unless all do."""
    masks: list[Path] = []
    for path in sorted(group, key=lambda path: path.suffix.lower() in _SLOW):
        if len(masks) == len(group) - 1:
            return masks if path.suffix.lower() in _SLOW or not holds_a_mask(path) else []
        if holds_a_mask(path):
            masks.append(path)
    return masks
