"""Opening a data set: its layout is found by looking, what comes without a split gets its place.

For that split alone images are decoded: copies are to fall on one side, and only their pixels
tell them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import get_args

from blemish.data.annotations.parts import names_a_part
from blemish.data.dataset import Dataset
from blemish.data.drawn import DRAWN, drawn_dataset
from blemish.data.drawn import category_paths as drawn_paths
from blemish.data.entry import Entry
from blemish.data.folder import Folder
from blemish.data.layouts.found import FoundLayout, Names
from blemish.data.layouts.registry import NO_NAMES, categories_in, find_layout, others_in
from blemish.data.loading import split_keys
from blemish.data.pages import notes_of_pages, with_pages
from blemish.data.places import is_time
from blemish.data.sample import Content, Sample
from blemish.data.split import split_of
from blemish.data.suffixless import told_suffixless
from blemish.errors import DataError, ImageError, SettingError, did_you_mean
from blemish.images.header import Alpha, Reader
from blemish.images.raw import RawFormat
from blemish.images.suffixes import RAW_SUFFIXES, raw_counting
from blemish.parallel import available_cores, read_ahead
from blemish.result import GOOD
from blemish.wording import first_few, quoted_few

NO_PICTURES = frozenset({"", ".csv", ".json", ".jsonl", ".md", ".txt", ".xml", ".yaml", ".yml"})
MOST_SHOWN = 5
TEST_FRACTION = 0.3  # of the good images, where there are defects and no split


def open_dataset(
    path: str | Path,
    *,
    category: str | None = None,
    seed: int = 0,
    test_fraction: float | None = None,
    good: Sequence[str] = (),
    ignore: Sequence[str] = (),
    defect: Sequence[str] = (),
    raw: RawFormat | None = None,
) -> Dataset:
    """Open a folder or manifest of images; its layout is found by looking.

    Args:
        path: a data set as its makers packed it, or a folder of several categories; a folder with
            `good/` (or `OK`, ...) and one for each defect type, a folder of good images, or a
            manifest. Where no folder `surfaces` is there, `surfaces` or `surfaces/tile`, say, are
            drawn.
        category: which one, where `path` holds several.
        seed: of the split, where the layout has none.
        test_fraction: share of the good images to keep for testing, in [0, 1), where the layout
            has no split; by default 0.3 where there are defects to test with, else 0. It is met to
            one image, or to one group or set of copies, and no side is left empty. Defects are
            always test images.
        good: names of folders of good images that do not tell it themselves.
        ignore: names of folders and of files of labels that are to be passed over, and labels of
            annotations that mark no defect, the part itself, say.
        defect: names of folders of a kind of defect whose names leave it open.
        raw: how the pixels lie in files without a header; where it is given, `.raw` and `.bin`
            count as images. Whoever reads them is to be given a `Reader` with the same.

    Raises:
        DataError: nothing is there, no good image, several categories and none named, or what is
            there can be read in two ways.
        SettingError: `test_fraction` is outside its limits; a name is given twice, or nothing
            bears it.
    """
    if test_fraction is not None and not 0 <= test_fraction < 1:
        raise SettingError(f"'test_fraction' must be in [0, 1); got {test_fraction!r}.")
    names = Names.of(good, ignore, defect)
    with raw_counting(raw is not None):
        root = _category_folder(Path(path), category, names)
        if _is_drawn(root):
            return drawn_dataset(root.name)
        found = find_layout(root, names)
        if root.is_dir():
            names.check_met(Folder(root), found.labels_left_out)
    return _dataset_of(found, root, seed, test_fraction, raw)


def _dataset_of(
    found: FoundLayout, root: Path, seed: int, test_fraction: float | None, raw: RawFormat | None
) -> Dataset:
    """What was found as samples, each in its split. Raises `DataError` where none is good."""
    entries = with_pages(found.entries)
    suffixless = told_suffixless(found.root / name for name in found.leftovers.not_images)
    notes = (*found.notes, *([suffixless] if suffixless else []), *notes_of_pages(entries))
    if test_fraction is None:
        defects = any(entry.defect_type != GOOD for entry in entries)
        test_fraction = TEST_FRACTION if defects else 0.0
    samples = _placed(entries, seed, test_fraction, raw)
    _check_good(samples, root, suffixless or _spell_not_images(found.leftovers.not_images))
    return Dataset(
        name=_name(root),
        root=found.root,
        layout=found.layout,
        samples=samples,
        notes=(*notes, *_split_notes(entries, samples, seed, test_fraction)),
        leftovers=found.leftovers,
    )


def find_categories(
    path: str | Path,
    *,
    good: Sequence[str] = (),
    ignore: Sequence[str] = (),
    defect: Sequence[str] = (),
) -> list[str]:
    """The categories that a folder holds, sorted; of a data set of one category, its own name.

    Args:
        path: as `open_dataset` takes it.
        good: as there.
        ignore: as there.
        defect: as there.

    Raises:
        DataError: nothing is there, or it is no data set.
    """
    names = Names.of(good, ignore, defect)
    return list(category_paths(path, names))


def category_paths(path: str | Path, names: Names = NO_NAMES) -> dict[str, Path]:
    """What `open_dataset` opens each category by, by its name; see `find_categories`."""
    root = Path(path)
    folders = _categories(root, names)
    if not folders and not _is_drawn(root):
        find_layout(root, names)
    return folders or {_name(root): root}


def _is_drawn(root: Path) -> bool:
    """Whether this names drawn surfaces: a folder that is there always wins."""
    return root.parts[:1] == (DRAWN,) and not Path(DRAWN).exists()


def _categories(root: Path, names: Names) -> dict[str, Path]:
    """Categories below a path, sorted by name; none where it is one itself."""
    if not _is_drawn(root):
        _check_exists(root)
        return dict(sorted(categories_in(root, names).items()))
    paths = drawn_paths()
    if root not in (Path(DRAWN), *paths.values()):
        name = root.relative_to(DRAWN).as_posix()
        raise DataError(
            f"There is no folder '{root}', and no drawn surface '{name}'; there are "
            f"{', '.join(paths)}.{did_you_mean(name, paths)}"
        )
    return paths if root == Path(DRAWN) else {}


def _category_folder(root: Path, category: str | None, said: Names) -> Path:
    folders = _categories(root, said)
    names = list(folders) if folders else [_name(root)]
    others = others_in(root, said) if folders else []
    if category is None and len(names) == 1 and others:
        raise DataError(
            f"{root} holds one data set, '{names[0]}', and other folders with images that are none "
            f"by their names: {quoted_few([path.name for path in others], MOST_SHOWN)}. If they do "
            f"not belong to it, name it with category={names[0]}; else rename them."
        )
    if category is None and len(names) > 1:
        raise DataError(
            f"{root} holds several categories; name one with category=NAME: {', '.join(names)}."
            f"{_or_join(names, others)}"
        )
    wanted = names[0] if category is None else category
    if wanted not in names:
        if any(path.name == wanted for path in others):
            find_layout(root / wanted, said)  # says what it lacks
        raise DataError(
            f"{root} has no category '{wanted}'; it has {', '.join(names)}."
            f"{did_you_mean(wanted, names)}"
        )
    return folders[wanted] if folders else root


def _or_join(categories: Sequence[str], others: Sequence[Path]) -> str:
    """How to have days among categories read together; empty, where there are none, or no others.

    Days alone are no categories, so something else lies beside them.
    """
    no_days = [name for name in (*categories, *(p.name for p in others)) if not is_time(name)]
    if not no_days or len(categories) - len(no_days) < 1:
        return ""
    passed_over = " and ".join(f"ignore={name}" for name in no_days[:MOST_SHOWN])
    return f" To have the days or batches read as one set, pass the rest over: {passed_over}."


def _check_exists(root: Path) -> None:
    try:
        there = root.exists()
    except OSError as error:
        raise DataError(f"{root} cannot be opened: {error.strerror}.") from error
    if not there:
        raise DataError(
            f"{root} does not exist; give a folder of images, a manifest file, or "
            f"'{DRAWN}' for drawn ones."
        )


def _name(root: Path) -> str:
    resolved = root.resolve()
    return resolved.stem if resolved.is_file() else resolved.name


def _placed(
    entries: Iterable[Entry], seed: int, test_fraction: float, raw: RawFormat | None
) -> tuple[Sample, ...]:
    """The samples of a layout, each in its split, sorted by id."""
    samples: list[Sample] = []
    unplaced: list[Sample] = []
    for entry in entries:
        good = entry.defect_type == GOOD
        sample = Sample(
            id=entry.id,
            path=entry.path,
            split=entry.split or ("train" if good else "test"),
            label="good" if good else "defect",
            defect_type=entry.defect_type,
            masks=entry.masks,
            group=entry.group,
            metadata=entry.metadata,
            page=entry.page,
        )
        drawn = good and entry.split is None and test_fraction > 0
        (unplaced if drawn else samples).append(sample)
    splits = split_of(_keys(unplaced, raw), seed=seed, test_fraction=test_fraction)
    samples += [replace(s, split=split) for s, split in zip(unplaced, splits, strict=True)]
    return tuple(sorted(_tested(samples), key=lambda sample: sample.id))


def _tested(samples: list[Sample]) -> list[Sample]:
    """Samples of which some are tested on, if need be those for validation."""
    if any(sample.split == "test" for sample in samples):
        return samples
    return [replace(s, split="test") if s.split == "validation" else s for s in samples]


def _keys(samples: Sequence[Sample], raw: RawFormat | None) -> list[str]:
    """What keeps the images of a drawn split together, which takes decoding each of them."""
    cores = available_cores()
    contents = []
    content = partial(_content, raw=raw)
    for _, found in read_ahead(samples, content, readers=cores, most=2 * cores):
        if isinstance(found, Exception):
            raise found
        contents.append(found)
    return split_keys(samples, contents)


def _content(sample: Sample, raw: RawFormat | None) -> Content | None:
    """What the image holds, with or without transparency; `None` where it cannot be read."""
    for alpha in get_args(Alpha):
        with suppress(ImageError):
            return sample.content(reader=Reader(alpha=alpha, raw=raw))
    return None  # the audit's business, or the reader's


def _check_good(samples: tuple[Sample, ...], root: Path, advice: str) -> None:
    good = [sample for sample in samples if sample.label == GOOD]
    if not good:
        types = sorted({sample.defect_type for sample in samples})
        found = f"; found only {', '.join(types)}" if types else ""
        advice = advice or _spell_no_good(types)
        raise DataError(f"{root} has no good images{found}. {advice}")
    if all(sample.split != "train" for sample in good):
        raise DataError(
            f"{root} leaves no good image to learn from: all {len(good)} are for testing "
            "or validation. Add good images to the training split."
        )


def _spell_no_good(types: Sequence[str]) -> str:
    """How good images are told from others, where all have one of some types."""
    if parts := [one for one in types if names_a_part(one)]:
        return (
            f"If '{parts[0]}' names the part or a region of it, and no defect, leave it out with "
            f"ignore={parts[0]}; else add good images."
        )
    if len(types) > 1:
        return (
            "Add good images: in a folder 'good', with the label 'good', or, among annotated ones, "
            "without a shape. If a label marks no defect, leave it out with ignore=LABEL; if one "
            "is of good images, write 'good' in its place."
        )
    return "Label good images as 'good'."


def _spell_not_images(paths: Sequence[str]) -> str:
    """What lies there that is read as no image, by suffix, and what to do; empty, if nothing."""
    counts = Counter(PurePath(path).suffix.lower() for path in paths)
    counts = Counter({suffix: n for suffix, n in counts.items() if suffix not in NO_PICTURES})
    if not counts:
        return ""
    found = first_few([f"{n:,} {suffix}" for suffix, n in counts.most_common()], MOST_SHOWN)
    advice = ["say how the pixels of raw files lie with raw='WxH:FORMAT'"] * bool(
        counts.keys() & RAW_SUFFIXES
    )
    advice += ["save them in a format that is read, such as PNG"] * bool(
        counts.keys() - RAW_SUFFIXES
    )
    return f"Files there whose suffix is no image's: {found}; {', or '.join(advice)}."


def _split_notes(
    entries: Iterable[Entry], samples: tuple[Sample, ...], seed: int, test_fraction: float
) -> list[str]:
    notes = []
    if kept_apart := sum(sample.split == "validation" for sample in samples):
        images = "image is" if kept_apart == 1 else "images are"
        notes.append(f"{kept_apart} {images} for validation, neither learnt from nor tested on.")
    elif any(entry.split == "validation" for entry in entries):
        notes.append("There are no images to test on but those for validation, which are taken.")
    drawn = {entry.id for entry in entries if entry.split is None and entry.defect_type == GOOD}
    if not drawn or test_fraction == 0:
        return notes
    kept = sum(sample.id in drawn and sample.split == "test" for sample in samples)
    return [
        *notes,
        f"{kept} of {len(drawn)} good images are kept for testing, drawn by content "
        f"(test_fraction {test_fraction:g}, seed {seed}).",
    ]
