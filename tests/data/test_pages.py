from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.audit import audit
from blemish.data.entry import Entry
from blemish.data.loading import GoodImages
from blemish.data.masks import MaskFile
from blemish.data.opening import open_dataset
from blemish.data.pages import with_pages
from blemish.errors import DataError, ImageError
from blemish.evaluation.matching import match_maps

Draw = Callable[..., Path]


@pytest.fixture
def stack(tmp_path: Path):
    """Write a TIFF of several pages: noise, or masks with a white square that moves."""

    def write(name: str, pages: int, *, seed: int = 0, masks: bool = False) -> Path:
        path, rng = tmp_path / name, np.random.default_rng(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, 256, (pages, 24, 20), dtype=np.uint8)
        if masks:
            values[:] = 0
            for page in range(pages):
                values[page, 2 + page, 3] = 255
        first, *rest = map(Image.fromarray, values)
        first.save(path, save_all=True, append_images=rest)
        return path

    return write


def test_each_page_of_a_tiff_is_an_image_and_all_of_a_file_are_a_group(tmp_path, draw, stack):
    stack("good/a.tif", 3, seed=1)
    stack("good/b.TIFF", 1, seed=2)
    draw("good/c.png")
    samples = open_dataset(tmp_path).samples
    ids = ["good/a.tif#1", "good/a.tif#2", "good/a.tif#3", "good/b.TIFF", "good/c.png"]
    assert [sample.id for sample in samples] == ids
    assert [sample.group for sample in samples] == ["good/a.tif"] * 3 + [None] * 2
    assert [sample.page for sample in samples] == [0, 1, 2, None, None]
    expected = np.random.default_rng(1).integers(0, 256, (3, 24, 20), dtype=np.uint8)
    for sample, values in zip(samples, expected, strict=False):
        np.testing.assert_array_equal(sample.read()[:, :, 0], values)
        assert sample.probe().size_hw == (24, 20)
    assert len({sample.sha256 for sample in samples}) == 5
    assert len({sample.content().pixels for sample in samples}) == 5


def test_pages_of_a_file_stay_on_one_side_of_a_split(tmp_path, draw, stack):
    for number in range(8):
        stack(f"good/{number}.tif", 3, seed=number)
    draw("dent/a.png")
    dataset = open_dataset(tmp_path)
    sides = {}
    for sample in dataset.samples:
        sides.setdefault(sample.path.name, set()).add(sample.split)
    assert {len(splits) for splits in sides.values()} == {1}
    assert len({s.path for s in dataset.train}) not in (0, 8)
    images = GoodImages(dataset.train)
    assert len(set(images.split_keys)) == len({s.path for s in dataset.train})


def test_a_group_that_is_named_stays(tmp_path, stack):
    path = stack("a.tif", 2)
    entries = with_pages([Entry("a.tif", path, "good", group="plate")])
    assert [entry.group for entry in entries] == ["plate", "plate"]


def test_an_entry_that_names_its_page_stays_as_it_is(tmp_path, stack):
    entry = Entry("second", stack("a.tif", 2), "good", page=1)
    assert with_pages([entry]) == (entry,)


def test_each_page_of_a_mask_file_is_the_mask_of_one(tmp_path, draw, stack):
    draw("good/a.png")
    stack("dent/b.tif", 3)
    stack("masks/dent/b.tif", 3, masks=True)
    defects = [s for s in open_dataset(tmp_path).samples if s.label == "defect"]
    for page, sample in enumerate(defects):
        mask = sample.read_mask((24, 20))
        assert np.argwhere(mask).tolist() == [[2 + page, 3]]
    assert len({sample.mask_sha256 for sample in defects}) == 3


@pytest.mark.parametrize("masks", [1, 2])
def test_masks_that_do_not_say_of_which_page_they_are_are_refused(tmp_path, draw, stack, masks):
    draw("good/a.png")
    stack("dent/b.tif", 3)
    stack("masks/dent/b.tif", masks, masks=True)
    with pytest.raises(
        DataError, match=rf"'dent/b\.tif' holds 3 images, and 'b\.tif' {masks} mask"
    ):
        open_dataset(tmp_path)
    entry = Entry("b", tmp_path / "dent/b.tif", "dent", (MaskFile(tmp_path / "missing.png"),))
    with pytest.raises(DataError, match="give a TIFF of 3 masks"):
        with_pages([entry])


def test_only_headers_of_tiffs_are_read_for_a_list(tmp_path, draw, stack, monkeypatch):
    draw("good/a.png")
    stack("good/b.tif", 2)
    opened = []
    real = Path.open

    def counting(self, *args, **options):
        opened.append(self.name)
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", counting)
    assert len(open_dataset(tmp_path).samples) == 3
    assert opened == ["b.tif"]


def test_a_damaged_page_is_an_image_that_cannot_be_read_and_the_audit_says_so(
    tmp_path, draw, stack
):
    draw("good/a.png")
    path = stack("good/b.tif", 2)
    path.write_bytes(path.read_bytes()[:-300])
    found = audit(tmp_path).of_severity("error")
    assert any("good/b.tif#2" in finding.ids for finding in found)


def test_maps_belong_to_pages_by_their_names(tmp_path, draw, stack):
    draw("good/a.png")
    stack("dent/b.tif", 2)
    test = open_dataset(tmp_path, test_fraction=0).test
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("b.tif#1.npy", "b.tif#2.tiff", "b.npy"):
        (maps / name).touch()
    found = match_maps(maps, test, "x")
    assert found.found == {"dent/b.tif#1": "b.tif#1.npy", "dent/b.tif#2": "b.tif#2.tiff"}
    assert (found.problems, found.spare) == ((), ("b.npy",))


def test_all_good_images_in_one_file_are_parts_of_their_own(tmp_path, stack):
    stack("good/a.tif", 6)
    stack("dent/b.tif", 2, seed=1)
    dataset = open_dataset(tmp_path)
    good = [sample for sample in dataset.samples if sample.label == "good"]
    assert {sample.group for sample in good} == {None}
    assert {sample.split for sample in good} == {"train", "test"}
    assert "All 6 good images are pages of 'a.tif', and are taken for different" in dataset.notes[0]
    assert len(set(GoodImages(dataset.train).split_keys)) == len(dataset.train)


def test_pages_of_several_files_are_told_to_be_one_part_each(tmp_path, stack):
    for name in "ab":
        stack(f"good/{name}.tif", 3, seed=ord(name))
    notes = open_dataset(tmp_path).notes
    assert any("The good pages of 2 files are taken for one part each" in note for note in notes)


def test_a_file_is_read_once_for_all_of_its_pages(tmp_path, stack, monkeypatch):
    path = stack("good/a.tif", 4)
    samples = open_dataset(tmp_path).samples
    opened = []
    real = Path.open

    def counting(self, *args, **options):
        opened.append(self.name)
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", counting)
    before = [sample.read() for sample in samples]
    assert opened == ["a.tif"]
    stack("good/a.tif", 4, seed=1)
    assert path.exists()
    with pytest.raises(ImageError, match="was changed while it was in use"):
        samples[0].read()
    after = [sample.read() for sample in open_dataset(tmp_path).samples]
    assert not np.array_equal(before, after)
