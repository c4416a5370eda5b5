"""Known layouts, changed as people change them: read right, refused or told; never wrong unsaid."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blemish.data.audit import audit
from blemish.data.dataset import Dataset
from blemish.data.opening import open_dataset
from blemish.errors import DataError, ImageError
from lookalikes import LOOK_ALIKES, SIZE_HW, LookAlike

CASES = 320
CLASS_FOLDERS = {"good", "ok", "OK", "crack", "oil", "ko", "NG", "dent", "rust", "bad"}
MASK_FOLDERS = ("ground_truth", "masks")
MASK_NAMES = (
    "gt", "Masks", "labels", "mask", "annotations", "Labels_png", "GroundTruth", "defect_maps",
    "SegmentationClassPNG",
)  # fmt: skip
Rng = np.random.Generator


def renamed(made: LookAlike, old: str, new: str) -> None:
    """Rename a file or folder below the root, and all ids with it."""
    target = made.root / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (made.root / old).rename(target)
    for name in list(made.images):
        if name == old or name.startswith(f"{old}/"):
            split, kind, marked = made.images.pop(name)
            kind = new if kind == old != "good" else kind  # a type has its name from its folder
            made.images[new + name[len(old) :]] = (split, kind, marked)
    made.left_out = {
        new + name[len(old) :] if name == old or name.startswith(f"{old}/") else name
        for name in made.left_out
    }


def folders(made: LookAlike) -> list[str]:
    return sorted(
        path.relative_to(made.root).as_posix() for path in made.root.rglob("*") if path.is_dir()
    )


def other_case(rng: Rng, made: LookAlike) -> None:
    """Names of folders in capitals."""
    names = [name for name in folders(made) if "/" not in name]
    old = str(rng.choice(names))
    renamed(made, old, old.swapcase())


def other_word_for_good(rng: Rng, made: LookAlike) -> None:
    """Another word that means good; in every split alike."""
    word = str(rng.choice(["OK", "Normal", "pass", "non_defective", "Good", "defect-free"]))
    for name in folders(made):
        parent, _, last = name.rpartition("/")
        if last in ("good", "ok", "OK") and "masks" not in parent and last != word:
            renamed(made, name, f"{parent}/{word}".lstrip("/"))


def word_nobody_knows(rng: Rng, made: LookAlike) -> None:
    """A good folder that does not say so."""
    for name in folders(made):
        parent, _, last = name.rpartition("/")
        if last in ("good", "ok", "OK"):
            renamed(made, name, f"{parent}/Blechteile".lstrip("/"))


def junk(rng: Rng, made: LookAlike) -> None:
    """What systems and people leave lying about."""
    every = ["", *folders(made)]
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "readme.txt",
        "._x.png",
        "__MACOSX/x.png",
        "@eaDir/y.png",
    ):
        path = made.root / str(rng.choice(every)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no image")


def folder_that_says_nothing(rng: Rng, made: LookAlike) -> None:
    """Images in a folder like `backup`, beside folders of a class or at the top."""
    places = [
        name.rpartition("/")[0] for name in folders(made) if name.split("/")[-1] in CLASS_FOLDERS
    ]
    place = str(rng.choice(places or [""]))
    word = str(rng.choice(["backup", "unsorted", "new", "old", "results"]))
    made.spare(f"{place}/{word}/a.png".lstrip("/"))


def folder_below_good(rng: Rng, made: LookAlike) -> None:
    """Images in a folder like `scratch`, below that of good ones."""
    places = [name for name in folders(made) if name.split("/")[-1] in ("good", "ok", "OK")]
    places = [name for name in places if "masks" not in name]
    if places:
        word = str(rng.choice(["scratch", "overkill", "Deckel", "NG", "masks"]))
        made.spare(f"{rng.choice(places)}/{word}/a.png")


def other_mask_folder(rng: Rng, made: LookAlike) -> None:
    """Another word for the folder of masks."""
    for name in MASK_FOLDERS:
        if (made.root / name).is_dir():
            renamed(made, name, str(rng.choice(MASK_NAMES)))


def no_masks(rng: Rng, made: LookAlike) -> None:
    """All masks are gone."""
    for name in MASK_FOLDERS:
        if (made.root / name).is_dir():
            shutil.rmtree(made.root / name)
            made.images = {
                name: (split, kind, 0 if kind == "good" else None)
                for name, (split, kind, _) in made.images.items()
            }


def strange_mask(rng: Rng, made: LookAlike) -> None:
    """A mask whose name belongs to no image."""
    masks = [p for p in made.root.rglob("*") if p.is_file() and _is_mask(made, p)]
    if masks:
        mask = masks[int(rng.integers(len(masks)))]
        mask.rename(mask.with_name(f"somewhere_else{mask.suffix}"))


def image_gone(rng: Rng, made: LookAlike) -> None:
    """An image is gone; its mask, if it has one, stays."""
    name = str(rng.choice(sorted(made.images)))
    (made.root / name).unlink()
    del made.images[name]


def list_gone(rng: Rng, made: LookAlike) -> None:
    """The list of splits is gone."""
    for path in (made.root.parent / "split_csv", made.root.parent / "plug.json"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    made.images = {name: (None, *told[1:]) for name, told in made.images.items()}


def more_images(rng: Rng, made: LookAlike) -> None:
    """An image more beside one that is there."""
    name = str(rng.choice(sorted(made.images)))
    split, kind, _ = made.images[name]
    if made.layout == "aitex" and kind != "good":
        kind = "defect"  # other names tell no more
    made.image(
        f"{name.rpartition('/')[0]}/zz_more.{name.rpartition('.')[2]}".lstrip("/"), split, kind
    )


def capital_suffix(rng: Rng, made: LookAlike) -> None:
    """A suffix in capitals."""
    name = str(rng.choice(sorted(made.images)))
    stem, _, suffix = name.rpartition(".")
    renamed(made, name, f"{stem}.{suffix.swapcase()}")


def deeper(rng: Rng, made: LookAlike) -> None:
    """A folder around it all."""
    inner = made.root.parent / "around" / made.root.name
    inner.parent.mkdir()
    for path in list(made.root.parent.iterdir()):
        if path.name != "around":
            path.rename(inner.parent / path.name)
    made.root = inner.parent


def mask_among_images(rng: Rng, made: LookAlike) -> None:
    """A mask of an image of a class lies beside it."""
    known = [
        name for name, (_, kind, marked) in made.images.items() if kind != "good" and marked is None
    ]
    if known:
        name = str(rng.choice(sorted(known)))
        ending = str(rng.choice(["_mask", "_gt", "_label"]))
        made.mask(f"{name.rpartition('.')[0]}{ending}.png")
        split, kind, _ = made.images[name]
        made.images[name] = (split, kind, 20)


def _is_mask(made: LookAlike, path: Path) -> bool:
    name = path.relative_to(made.root).as_posix()
    pixels = name not in made.images and name not in made.left_out
    return pixels and not path.name.startswith(".") and path.suffix.lower() in {".png", ".bmp"}


MUTATIONS: tuple[Callable[[Rng, LookAlike], None], ...] = (
    other_case, other_word_for_good, word_nobody_knows, junk, folder_that_says_nothing,
    other_mask_folder, no_masks, strange_mask, image_gone, list_gone, more_images, capital_suffix,
    mask_among_images, deeper, folder_below_good,
)  # fmt: skip


def outcome(made: LookAlike) -> tuple[str, str]:
    """`right`, `told`, `refused` or `wrong`, and why."""
    try:
        dataset = open_dataset(made.root)
        marks = {s.id: s.read_mask(SIZE_HW) for s in dataset.samples}
    except (DataError, ImageError) as error:
        return "refused", str(error)
    found = {s.id: (s.split, s.defect_type) for s in dataset.samples}
    differing = []
    for name in sorted(found.keys() | made.images.keys()):
        split, kind, marked = made.images.get(name, (None, "no image", None))
        is_split, is_kind = found.get(name, ("", "nothing"))
        mask = marks.get(name)
        pixels = None if mask is None else int(mask.sum())
        if kind != is_kind or split not in (None, is_split) or pixels != marked:
            differing.append(f"{name}: {is_split} {is_kind} {pixels}, not {split} {kind} {marked}")
    if not differing:
        return "right", ""
    told = _told(dataset)
    untold = [one for one in differing if one.partition(":")[0] not in told]
    return ("told", "") if not untold else ("wrong", f"{untold}; told: {told}")


def _told(dataset: Dataset) -> set[str]:
    """The images that `check` names, or finds without a mask while masks are left over."""
    findings = audit(dataset).findings
    told = {name for one in findings if one.severity != "note" for name in one.ids}
    if {"mask-without-image", "two-valued"} & {one.code for one in findings}:
        told |= {s.id for s in dataset.samples if s.label != "good" and not s.masks}
    return told


@pytest.mark.slow
def test_no_change_of_a_known_layout_is_read_wrong_in_silence(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    wrong = []
    for seed in range(CASES):
        rng = np.random.default_rng([seed, 23])
        name = sorted(LOOK_ALIKES)[seed % len(LOOK_ALIKES)]
        made = LOOK_ALIKES[name](tmp_path / str(seed))
        chosen = sorted(rng.choice(len(MUTATIONS), size=int(rng.integers(1, 4)), replace=False))
        for number in chosen:
            MUTATIONS[number](rng, made)
        result, why = outcome(made)
        counts[result] += 1
        if result == "wrong":
            changes = ", ".join(MUTATIONS[number].__name__ for number in chosen)
            wrong.append(f"{seed} {name} ({changes}): {why}")
        shutil.rmtree(tmp_path / str(seed))
    assert not wrong, f"{dict(counts)}\n" + "\n".join(wrong)
    assert counts["right"] > CASES // 2, dict(counts)
