from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import blemish
from blemish.data import surfaces
from blemish.data.dataset import find_categories, open_dataset
from blemish.data.drawing import finished
from blemish.data.drawn import drawn_dataset
from blemish.data.surfaces import (
    SURFACES,
    Drawing,
    draw_defect,
    draw_good,
    drawings,
    write_surfaces,
)
from blemish.errors import BlemishError, DataError, ImageError, SettingError, UsageError
from blemish.images.header import ReadLimits
from tiny import tiny_settings

DEFECTS = [(category, kind) for category, kinds in SURFACES.items() for kind in kinds]
SMALL = {"good": 3, "test_good": 1, "defects_a_type": 1, "size_px": 64}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_defect(category: str, kind: str, number: int, size_px: int) -> NDArray[np.int64]:
    """The part as it was before its defect."""
    good, _ = surfaces._KINDS[category]
    rng = Drawing(category, "test", kind, number)._stream("surface")
    return finished(good(rng, size_px)).astype(int)


@pytest.mark.parametrize("category", SURFACES)
@pytest.mark.parametrize("size_px", [64, 101, 256])
def test_good_pictures_have_size_and_structure(category: str, size_px: int) -> None:
    picture = draw_good(category, 0, size_px=size_px)
    assert (picture.shape, picture.dtype) == ((size_px, size_px, 3), np.uint8)
    assert picture.std() > 8
    assert (picture == 255).mean() < 0.02


@pytest.mark.parametrize("category", SURFACES)
def test_every_word_counts_and_nothing_else(category: str) -> None:
    first = draw_good(category, 7, size_px=96)
    others = [
        draw_good(category, 8, size_px=96),
        draw_good(category, 7, size_px=96, seed=1),
        draw_good(category, 7, size_px=96, split="test"),
    ]
    assert not any(np.array_equal(first, other) for other in others)
    np.testing.assert_array_equal(draw_good(category, 7, size_px=96), first)


@pytest.mark.parametrize(("category", "kind"), DEFECTS)
def test_defects_show_where_their_mask_is_and_nowhere_else(category: str, kind: str) -> None:
    for number in range(3):
        bad, mask = draw_defect(category, kind, number, size_px=256, difficulty=0.0)
        assert (mask.shape, mask.dtype) == ((256, 256), np.bool_)
        assert 12 < mask.sum() < 0.4 * mask.size
        good = without_defect(category, kind, number, 256)
        changed = np.abs(bad.astype(int) - good).max(axis=2)
        assert changed[mask].mean() > 8
        assert changed[mask].mean() > 10 * changed[~mask].mean()


@pytest.mark.parametrize("category", SURFACES)
def test_difficulty_makes_defects_smaller_and_fainter(category: str) -> None:
    def change(difficulty: float) -> float:
        total = 0.0
        for kind in SURFACES[category]:
            bad, _ = draw_defect(category, kind, 0, size_px=128, difficulty=difficulty)
            total += float(np.abs(bad - without_defect(category, kind, 0, 128)).sum())
        return total

    obvious, usual, faint = change(0.0), change(0.5), change(1.0)
    assert obvious > usual > faint > 0


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from blemish.data.surfaces import *\n"
        "print([hashlib.sha256(draw_good(c, 3, size_px=128).tobytes()).hexdigest() "
        "for c in SURFACES])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = [hashlib.sha256(draw_good(c, 3, size_px=128).tobytes()).hexdigest() for c in SURFACES]
    assert json.loads(out.stdout.replace("'", '"')) == own


def test_wrong_arguments_are_told_at_once() -> None:
    with pytest.raises(SettingError, match=r"no drawn surface 'tyle'; .*Did you mean 'tile'"):
        draw_good("tyle", 0)
    with pytest.raises(SettingError, match=r"'tile' has no defect type 'crak'; .*'crack'"):
        draw_defect("tile", "crak", 0)
    with pytest.raises(SettingError) as caught:
        draw_defect("tile", "crack", -1, size_px=8, difficulty=2)
    assert len(str(caught.value).splitlines()) == 3
    with pytest.raises(SettingError, match="'good' must be 1 or more; got 0"):
        drawings("tile", good=0)


def test_hashes_follow_what_determines_a_picture() -> None:
    crack = Drawing("tile", "test", "crack", 0)
    assert crack.sha256 != Drawing("tile", "test", "crack", 0, difficulty=0.6).sha256
    assert crack.sha256 != Drawing("tile", "test", "crack", 0, size_px=256).sha256
    good = Drawing("tile", "train", "good", 0)
    assert good.sha256 == Drawing("tile", "train", "good", 0, difficulty=0.6).sha256


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
    with pytest.raises(UsageError, match="--force"):
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
        sample.read(limits=ReadLimits(max_pixels=100))


def test_drawn_surfaces_go_the_whole_way(backbone: Path) -> None:
    dataset = drawn_dataset("leather", **SMALL | {"good": 8, "test_good": 2})
    assert not blemish.audit(dataset).of_severity("error")
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    assert model.facts["training"]["pictures"][0][0] == "train/good/000.png"
    found = blemish.evaluate(model, dataset)
    assert found.image["auroc"] is not None
    assert found.pixel["auroc"] is not None
    other = drawn_dataset("leather", **SMALL, seed=1)
    assert blemish.recalibrate(model, other).calibration.scores.size == 3
    assert model.predict(dataset.samples[0]).path == str(dataset.samples[0].path)
