"""Every known layout is read as its makers mean it, on a look-alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from blemish.data.layouts.registry import find_layout
from blemish.data.opening import find_categories, open_dataset
from blemish.data.sample import Sample
from lookalikes import LOOK_ALIKES, SIZE_HW


def marked(sample: Sample) -> int | None:
    mask = sample.read_mask(SIZE_HW)
    return None if mask is None else int(mask.sum())


@pytest.mark.parametrize("name", sorted(LOOK_ALIKES))
def test_images_splits_types_and_masks_are_as_they_should(name: str, tmp_path: Path) -> None:
    made = LOOK_ALIKES[name](tmp_path)
    found = find_layout(made.root)
    assert found.layout == made.layout
    told = {entry.id: (entry.split, entry.defect_type) for entry in found.entries}
    assert told == {name: (split, kind) for name, (split, kind, _) in made.images.items()}
    assert not found.leftovers.orphan_masks
    assert not found.leftovers.empty_folders
    dataset = open_dataset(made.root)
    assert {s.id: marked(s) for s in dataset.samples} == {
        name: pixels for name, (*_, pixels) in made.images.items()
    }
    told_apart = {*found.leftovers.unused_images, *found.leftovers.unlabelled}
    assert made.left_out == told_apart | {*found.leftovers.training_defects}


@pytest.mark.parametrize("name", sorted(LOOK_ALIKES))
def test_it_is_a_category_of_the_folder_around_it(name: str, tmp_path: Path) -> None:
    made = LOOK_ALIKES[name](tmp_path)
    assert find_categories(tmp_path) == [made.root.name]
    assert open_dataset(tmp_path).name == made.root.name


def test_views_of_a_part_and_parts_of_an_item_are_groups(tmp_path: Path) -> None:
    views = open_dataset(LOOK_ALIKES["real_iad"](tmp_path).root)
    assert {s.group for s in views.samples if s.label == "good"} == {
        "OK-S0000", "OK-S0001", "OK-S0002", "OK-S0003",
    }  # fmt: skip
    items = open_dataset(LOOK_ALIKES["kolektor_sdd"](tmp_path).root)
    assert {s.group for s in items.samples} == {"kos01", "kos02", "kos03"}
    split = {(s.group, s.split) for s in items.samples if s.label == "good"}
    assert len(split) == 3


def test_validation_is_neither_learnt_from_nor_tested_on(tmp_path: Path) -> None:
    dataset = open_dataset(LOOK_ALIKES["mvtec_loco"](tmp_path).root)
    assert [s.id for s in dataset.validation] == ["validation/good/000.png"]
    assert not {*dataset.validation} & {*dataset.train, *dataset.test}
    assert "1 image is for validation" in " ".join(dataset.notes)


def test_every_layout_is_on_the_page_that_tells_of_them(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/data-sets.md").read_text(encoding="utf-8")
    named = {LOOK_ALIKES[name](tmp_path / name).layout for name in LOOK_ALIKES}
    assert not [name for name in named - {"folders", "images-and-masks"} if f"`{name}`" not in page]
