"""Drawn surfaces as data sets, in memory and as folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.data.drawn import drawn_dataset
from blemish.data.opening import find_categories, open_dataset
from blemish.data.write_surfaces import write_surfaces
from blemish.errors import BlemishError, DataError, ImageError, UsageError
from blemish.images.header import Reader, ReadLimits
from blemish.surfaces.drawing import (
    SURFACES,
)
from tiny import tiny_settings

SMALL = {"good": 3, "test_good": 1, "defects_a_type": 1, "size_px": 64}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_written_surfaces_are_those_that_are_drawn(elsewhere: Path) -> None:
    folders = write_surfaces("out", **SMALL)
    assert [folder.name for folder in folders] == ["tile", "leather", "grid"]
    assert find_categories("out") == ["grid", "leather", "tile"]
    written = open_dataset("out", category="grid")
    drawn = drawn_dataset("grid", **SMALL)
    assert written.layout == "mvtec-ad"
    assert [s.id for s in written.samples] == [s.id for s in drawn.samples]
    for file, drawing in zip(written.samples, drawn.samples, strict=True):
        assert (file.split, file.label) == (drawing.split, drawing.label)
        np.testing.assert_array_equal(file.read(), drawing.read())
        np.testing.assert_array_equal(file.read_mask((64, 64)), drawing.read_mask((64, 64)))


def test_nothing_is_replaced_that_was_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "tile").mkdir()
    (tmp_path / "tile" / "mine.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="was not drawn by blemish"):
        write_surfaces(tmp_path, **SMALL, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tile"]
    write_surfaces(tmp_path, categories=["grid"], **SMALL)
    with pytest.raises(UsageError, match="force=True"):
        write_surfaces(tmp_path, categories=["grid"], **SMALL)
    write_surfaces(tmp_path, categories=["grid"], **SMALL | {"good": 2}, force=True)
    assert len(list((tmp_path / "grid" / "train" / "good").iterdir())) == 2


def test_what_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BlemishError, match=r"Cannot write .*No space left"):
        write_surfaces(tmp_path, categories=["tile"], **SMALL)
    assert not list(tmp_path.iterdir())


def test_masks_are_written_black_and_white(tmp_path: Path) -> None:
    (folder,) = write_surfaces(tmp_path, categories=["leather"], **SMALL)
    with Image.open(folder / "ground_truth" / "cut" / "000_mask.png") as image:
        assert set(np.unique(np.asarray(image))) == {0, 255}


def test_surfaces_are_opened_by_name(elsewhere: Path) -> None:
    assert find_categories("surfaces") == ["grid", "leather", "tile"]
    assert find_categories("surfaces/tile") == ["tile"]
    dataset = open_dataset("surfaces/tile")
    assert (dataset.name, dataset.layout) == ("tile", "drawn")
    assert dataset.defect_types == tuple(sorted(SURFACES["tile"]))
    assert len(dataset.train) == 200
    assert "drawn by blemish" in dataset.notes[0]
    again = open_dataset("surfaces", category="tile")
    assert again.fingerprint == dataset.fingerprint
    assert open_dataset("surfaces", category="grid").fingerprint != dataset.fingerprint
    with pytest.raises(DataError, match=r"several categories.*: grid, leather, tile"):
        open_dataset("surfaces")
    with pytest.raises(DataError, match=r"no drawn surface 'tyle'.*Did you mean 'tile'"):
        open_dataset("surfaces/tyle")
    with pytest.raises(DataError, match="Did you mean 'tile'"):
        open_dataset("surfaces", category="tyle")


def test_a_folder_of_that_name_wins(elsewhere: Path) -> None:
    write_surfaces("surfaces", categories=["leather"], **SMALL)
    assert find_categories("surfaces") == ["leather"]
    assert open_dataset("surfaces").layout == "mvtec-ad"
    with pytest.raises(DataError, match="does not exist"):
        open_dataset("surfaces/tile")


def test_drawn_samples_are_held_to_limits() -> None:
    sample = drawn_dataset("grid", **SMALL).samples[0]
    assert sample.probe().size_hw == (64, 64)
    with pytest.raises(ImageError):
        sample.read(Reader(ReadLimits(max_pixels=100)))


def test_drawn_surfaces_go_the_whole_way(backbone: Path) -> None:
    dataset = drawn_dataset("leather", **SMALL | {"good": 8, "test_good": 2})
    assert not blemish.audit(dataset).of_severity("error")
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    assert model.facts.training.images[0].id == "train/good/000.png"
    found = blemish.evaluate(model, dataset)
    assert found.image["auroc"] is not None
    assert found.pixel["auroc"] is not None
    other = drawn_dataset("leather", **SMALL, seed=1)
    assert blemish.recalibrate(model, other).calibration.scores.size == 3
    assert model.predict(dataset.samples[0]).path == str(dataset.samples[0].path)
