"""Figures of a model on a test set, and the images that go into a report."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import blemish
from blemish.errors import DataError, ImageError
from blemish.evaluation import evaluate, write_examples
from blemish.metrics.pixels import PixelScores
from oracles.pixels import flood_regions, slow_au_pro, slow_aupimo, slow_recall
from tiny import tiny_dataset, tiny_settings


@pytest.fixture
def dataset(category):
    return blemish.open_dataset(category)


def test_figures_equal_those_of_all_scores_and_pixels_at_once(model, dataset):
    found = evaluate(model, dataset)
    results = [model.predict(sample.path) for sample in dataset.test]
    labels = [sample.label == "defect" for sample in dataset.test]
    assert found.image["auroc"] == roc_auc_score(labels, [r.score for r in results])
    masks = [s.read_mask(r.score_map.shape) for s, r in zip(dataset.test, results, strict=True)]
    pixels = np.concatenate([r.score_map.ravel() for r in results])
    truth = np.concatenate([mask.ravel() for mask in masks])
    assert found.pixel["auroc"] == pytest.approx(roc_auc_score(truth, pixels), abs=1e-12)
    flagged = pixels > model.calibration.pixel_threshold
    f1 = 2 * (flagged & truth).sum() / (flagged.sum() + truth.sum())
    assert found.pixel["f1"] == pytest.approx(f1)
    assert found.per_type["spot"]["images"] == 3
    assert found.per_type["spot"]["pixel_auroc"] == found.pixel["auroc"]
    json.dumps(found.figures().to_dict(), allow_nan=False)


def test_overlap_recall_and_regions_follow_their_definitions(model, dataset):
    found = evaluate(model, dataset)
    results = [model.predict(sample.path) for sample in dataset.test]
    maps = [result.score_map for result in results]
    masks = [s.read_mask(m.shape) for s, m in zip(dataset.test, maps, strict=True)]
    for name, limit in (("au_pro_30", 0.3), ("au_pro_5", 0.05)):
        assert found.pixel[name] == pytest.approx(slow_au_pro(maps, masks, limit), abs=1e-9)
        assert found.per_type["spot"][f"pixel_{name}"] == found.pixel[name]
    scores = [result.score for result in results]
    labels = [sample.label == "defect" for sample in dataset.test]
    assert found.image["recall_at_5"] == pytest.approx(slow_recall(scores, labels, 0.05))
    assert found.regions.regions == sum(len(flood_regions(mask)) for mask in masks) == 3
    assert found.regions.by_size[0].from_px == 100
    assert found.regions.smallest_found.image in {sample.id for sample in dataset.test}
    curve = found.curves.pro
    assert len(curve.false_alarm_rate) == len(curve.overlap)


def test_aupimo_is_told_for_each_image(model, dataset, monkeypatch):
    monkeypatch.setattr(PixelScores.count, "__kwdefaults__", {"pimo_range": (0.01, 0.3)})
    found = evaluate(model, dataset)
    values = [row.aupimo for row in found.images if row.label == "defect"]
    assert found.pixel["aupimo"] == pytest.approx(np.mean(values))
    assert all(row.aupimo is None for row in found.images if row.label == "good")
    maps = [model.predict(sample.path).score_map for sample in dataset.test]
    masks = [s.read_mask(m.shape) for s, m in zip(dataset.test, maps, strict=True)]
    slow = [value for value in slow_aupimo(maps, masks, 0.01, 0.3) if value is not None]
    assert values == pytest.approx(slow, abs=1e-9)


def test_figures_have_intervals_that_hold_them(model, dataset):
    found = evaluate(model, dataset)
    for level, figures in (("image", found.image), ("pixel", found.pixel)):
        assert set(found.intervals[level]) == set(figures) - {"f1_max_threshold"}
        for name, ends in found.intervals[level].items():
            if figures[name] is None:
                assert ends is None
            else:
                low, high = ends
                assert 0 <= low < high <= 1
                assert low - 0.01 <= figures[name] <= high + 0.01
    assert evaluate(model, dataset).intervals == found.intervals


def test_an_undefined_figure_has_a_reason(model, dataset, tmp_path):
    found = evaluate(model, dataset)
    assert set(found.undefined) == {"pixel.aupimo"}  # tiny images do not reach 1e-5
    assert "1e-05" in found.undefined["pixel.aupimo"]
    no_good = tiny_dataset(tmp_path / "noise", test_good=0)
    found = evaluate(model, blemish.open_dataset(no_good))
    assert found.undefined["image.auroc"] == "there is no good test image"
    assert found.undefined["pixel.aupimo"] == "there is no good test image"
    assert found.pixel["au_pro_30"] is not None
    for level, figures in (("image", found.image), ("pixel", found.pixel)):
        none = {f"{level}.{name}" for name, value in figures.items() if value is None}
        assert none == {name for name in found.undefined if name.startswith(level)}


def test_images_are_named_as_in_the_data_set(model, dataset):
    rows = evaluate(model, dataset).images
    assert [row.path for row in rows] == [sample.id for sample in dataset.test]
    assert {row.label for row in rows} == {"good", "defect"}


def test_test_images_that_were_learned_from_are_told(model, dataset, category):
    assert not any("fitted on" in note for note in evaluate(model, dataset).notes)
    everything = blemish.open_dataset(category / "train", test_fraction=0.5)
    notes = evaluate(model, everything).notes
    assert any("fitted on" in note and "of these test images" in note for note in notes)


def test_test_images_unlike_all_training_images_are_counted(model, dataset, tmp_path):
    (told,) = (note for note in evaluate(model, dataset).notes if "unlike" in note)
    spots = sum(
        sample.label == "defect" for sample in dataset.test
    )  # bright, and large for 64 x 64
    assert told.startswith(f"{spots} of {len(dataset.test)} test images are unlike all training")
    assert "brightness" in told
    alike = blemish.open_dataset(tiny_dataset(tmp_path / "noise", defects=0))
    assert not any("unlike" in note for note in evaluate(model, alike).notes)


def test_without_defects_figures_are_empty_and_say_why(model, tmp_path):
    folder = tiny_dataset(tmp_path / "noise", defects=0)
    found = evaluate(model, blemish.open_dataset(folder))
    assert found.image["auroc"] is None
    assert found.pixel["f1_max"] is None
    assert found.image["false_alarm_rate"] is not None
    assert any("no defect" in note for note in found.notes)
    assert "no defect" in found.undefined["image.auroc"]
    assert "no mask" in found.undefined["pixel.au_pro_30"]
    assert found.intervals["image"]["auroc"] is None
    json.dumps(found.figures().to_dict(), allow_nan=False)


def test_a_defect_without_a_mask_is_left_out_of_pixel_figures_only(model, category, tmp_path):
    folder = tmp_path / "noise"
    shutil.copytree(category, folder)
    (folder / "ground_truth" / "spot" / "000_mask.png").unlink()
    found = evaluate(model, blemish.open_dataset(folder))
    assert len(found.images) == 6
    assert any("1 defect images without a mask" in note for note in found.notes)


def test_a_mask_of_another_size_is_told(model, category, tmp_path):
    folder = tmp_path / "noise"
    shutil.copytree(category, folder)
    mask = folder / "ground_truth" / "spot" / "000_mask.png"
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(mask)
    with pytest.raises(ImageError, match="32"):
        evaluate(model, blemish.open_dataset(folder))


def test_a_data_set_without_test_images_is_told(model, category):
    with pytest.raises(DataError, match="no test images"):
        evaluate(model, blemish.open_dataset(category / "train" / "good", test_fraction=0))


def test_examples_are_written_as_images_that_a_report_can_show(model, dataset, tmp_path):
    rows = evaluate(model, dataset).images
    examples = write_examples(model, dataset, rows, tmp_path, name="job")
    assert examples.false_alarms == examples.misses == ()
    (caught,) = examples.caught
    assert caught.defect_type == "spot"
    for kind in ("image", "map"):
        with Image.open(tmp_path / getattr(caught, kind)) as image:
            assert image.format == "JPEG"


def test_examples_show_what_they_were_compared_with_where_thumbnails_are_kept(
    backbone, category, tmp_path
):
    dataset = blemish.open_dataset(category)
    detector = blemish.PatchCore(**tiny_settings(backbone))
    for px in (None, 32):
        model = blemish.fit(dataset, detector, thumbnails_px=px)
        rows = evaluate(model, dataset).images
        found = write_examples(model, dataset, rows, tmp_path, name=f"job{px}").caught[0]
        assert (found.compared is None) == (px is None)
        if px:
            assert (tmp_path / found.compared).is_file()
            assert found.compared_with.startswith("train/good/")
