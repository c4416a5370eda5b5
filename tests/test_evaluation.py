"""Figures of a model on a test set, and the pictures that go into a report."""

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
from tiny import tiny_dataset


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
    assert found.per_type["spot"]["pictures"] == 3
    assert found.per_type["spot"]["pixel_auroc"] == found.pixel["auroc"]
    json.dumps(found.figures(), allow_nan=False)


def test_pictures_are_named_as_in_the_data_set(model, dataset):
    rows = evaluate(model, dataset).pictures
    assert [row["path"] for row in rows] == [sample.id for sample in dataset.test]
    assert {row["label"] for row in rows} == {"good", "defect"}


def test_test_pictures_that_were_learned_from_are_told(model, dataset, category):
    assert not evaluate(model, dataset).notes
    everything = blemish.open_dataset(category / "train", test_fraction=0.5)
    notes = evaluate(model, everything).notes
    assert any("fitted on" in note and "of these test pictures" in note for note in notes)


def test_without_defects_figures_are_empty_and_say_why(model, tmp_path):
    folder = tiny_dataset(tmp_path / "noise", defects=0)
    found = evaluate(model, blemish.open_dataset(folder))
    assert found.image["auroc"] is None
    assert found.pixel["f1_max"] is None
    assert found.image["false_alarm_rate"] is not None
    assert any("no defect" in note for note in found.notes)


def test_a_defect_without_a_mask_is_left_out_of_pixel_figures_only(model, category, tmp_path):
    folder = tmp_path / "noise"
    shutil.copytree(category, folder)
    (folder / "ground_truth" / "spot" / "000_mask.png").unlink()
    found = evaluate(model, blemish.open_dataset(folder))
    assert len(found.pictures) == 6
    assert any("1 defect pictures without a mask" in note for note in found.notes)


def test_a_mask_of_another_size_is_told(model, category, tmp_path):
    folder = tmp_path / "noise"
    shutil.copytree(category, folder)
    mask = folder / "ground_truth" / "spot" / "000_mask.png"
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(mask)
    with pytest.raises(ImageError, match="32"):
        evaluate(model, blemish.open_dataset(folder))


def test_a_data_set_without_test_pictures_is_told(model, category):
    with pytest.raises(DataError, match="no test pictures"):
        evaluate(model, blemish.open_dataset(category / "train" / "good", test_fraction=0))


def test_examples_are_written_as_pictures_that_a_report_can_show(model, dataset, tmp_path):
    rows = evaluate(model, dataset).pictures
    examples = write_examples(model, dataset, rows, tmp_path, name="job")
    assert set(examples) == {"false_alarms", "misses", "caught"}
    (caught,) = examples["caught"]
    assert caught["defect_type"] == "spot"
    for kind in ("picture", "map"):
        with Image.open(tmp_path / caught[kind]) as picture:
            assert picture.format == "JPEG"
