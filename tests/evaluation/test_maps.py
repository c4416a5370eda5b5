"""Maps that another tool wrote: against the definitions, at the edges, and beside a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import blemish
from blemish.errors import DataError, ImageError
from blemish.evaluation import ScoreMaps, evaluate, evaluate_maps
from blemish.images.header import Reader, ReadLimits
from blemish.images.score_map import encode_score_map, resize_score_map
from blemish.metrics.catalogue import FIGURES
from blemish.metrics.decisions import Thresholds
from blemish.metrics.pixels import PixelScores
from oracles.bootstrap import slow_f1, slow_f1_max
from oracles.pixels import flood_regions, slow_au_pro, slow_aupimo, slow_recall

SIZES = [(12, 17), (9, 8), (20, 11)]
KINDS = ["good", "good", "good", "crack", "crack", "hole", "hole"]


def write_data(folder: Path, kinds=KINDS, sizes=SIZES, seed=0) -> blemish.Dataset:
    """Images of several sizes, the defects with masks of some pixels."""
    rng = np.random.default_rng(seed)
    for number, kind in enumerate(["train", *kinds]):
        size = sizes[number % len(sizes)]
        place = "train/good" if kind == "train" else f"test/{kind}"
        image = folder / place / f"{number:03}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, size).astype(np.uint8)).save(image)
        if kind not in ("train", "good"):
            mask = np.where(rng.random(size) < 0.15, 255, 0).astype(np.uint8)
            mask[0, 0] = 255
            file = folder / "ground_truth" / kind / f"{number:03}_mask.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(file)
    return blemish.open_dataset(folder)


def read_masks(dataset):
    return [s.read_mask(s.probe().size_hw) for s in dataset.test]


def noise(dataset, seed=1, apart=1.0):
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal(mask.shape) + apart * mask).astype(np.float32)
        for mask in read_masks(dataset)
    ]


def write_maps(folder: Path, dataset, maps) -> Path:
    for sample, score_map in zip(dataset.test, maps, strict=True):
        path = folder / f"{sample.id}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, score_map)
    return folder


@pytest.fixture
def dataset(tmp_path):
    return write_data(tmp_path / "tile")


def labels_of(dataset):
    return np.array([sample.label == "defect" for sample in dataset.test])


SCALES = {
    "as they are": lambda m: m,
    "about a million": lambda m: m * 1e5 + 1e6,
    "negative": lambda m: m - 1000,
    "many ties": np.round,
    "few levels, 16 bits": lambda m: np.clip(100 * np.round(m) + 300, 0, 65535).astype(np.uint16),
    "64 bits": lambda m: m.astype(np.float64) * np.pi,
}


@pytest.mark.parametrize("scale", SCALES)
def test_figures_of_maps_follow_their_definitions(dataset, tmp_path, scale, monkeypatch):
    monkeypatch.setattr(PixelScores.count, "__kwdefaults__", {"pimo_range": (0.02, 0.3)})
    written = [SCALES[scale](m) for m in noise(dataset)]
    folder = write_maps(tmp_path / "maps", dataset, written)
    thresholds = Thresholds(*(float(np.quantile(np.concatenate([m.ravel() for m in written]), q))
                              for q in (0.98, 0.9)))  # fmt: skip
    found = evaluate_maps(ScoreMaps(folder, dataset, thresholds=thresholds))
    maps, masks = [m.astype(np.float32) for m in written], read_masks(dataset)
    labels, scores = labels_of(dataset), np.array([m.max() for m in maps], np.float64)
    pixels, truth = (np.concatenate([array.ravel() for array in part]) for part in (maps, masks))
    exact = {
        "image": {
            "auroc": roc_auc_score(labels, scores),
            "ap": average_precision_score(labels, scores),
            "f1_max": slow_f1_max(scores, labels),
            "f1": slow_f1(scores > thresholds.image, labels),
            "false_alarm_rate": np.mean(scores[~labels] > thresholds.image),
            "miss_rate": np.mean(scores[labels] <= thresholds.image),
            **{f"recall_at_{p}": slow_recall(scores, labels, p / 100) for p in (0, 1, 5)},
        },
        "pixel": {
            "auroc": roc_auc_score(truth, pixels),
            "ap": average_precision_score(truth, pixels),
            "f1_max": slow_f1_max(pixels, truth),
            "f1": slow_f1(pixels > thresholds.pixel, truth),
            "au_pro_30": slow_au_pro(maps, masks, 0.3),
            "au_pro_5": slow_au_pro(maps, masks, 0.05),
        },
    }
    for level, figures in exact.items():
        for name, value in figures.items():
            assert getattr(found, level)[name] == pytest.approx(value, abs=1e-9), (level, name)
    assert_of_each_image(found, dataset, maps, masks, scores)
    assert_regions(found, maps, masks, thresholds.pixel)


def assert_of_each_image(found, dataset, maps, masks, scores):
    aupimo = slow_aupimo(maps, masks, 0.02, 0.3)
    assert [row.path for row in found.images] == [sample.id for sample in dataset.test]
    assert [row.score for row in found.images] == scores.tolist()
    for row, value in zip(found.images, aupimo, strict=True):
        assert row.aupimo == (None if value is None else pytest.approx(value, abs=1e-9))


def assert_regions(found, maps, masks, threshold):
    regions = [
        (len(region), score_map[tuple(np.transpose(region))].max() > threshold)
        for score_map, mask in zip(maps, masks, strict=True)
        for region in flood_regions(mask)
    ]
    assert found.regions.regions == len(regions)
    for row in found.regions.by_size:
        own = [hit for area, hit in regions if row.from_px <= area < row.below_px]
        assert (row.regions, row.found) == (len(own), sum(own))
        assert row.recall == pytest.approx(np.mean(own))
    assert found.pixel["region_recall"] == pytest.approx(np.mean([hit for _, hit in regions]))


def test_a_model_and_the_maps_it_wrote_have_the_same_figures(model, category, tmp_path):
    dataset = blemish.open_dataset(category)
    lines = []
    for sample in dataset.test:
        result = model.predict(sample)
        path = tmp_path / f"{sample.id}.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_score_map(result.score_map, "tiff"))
        lines.append(json.dumps(result.to_dict()) + "\n")
    (tmp_path / "predictions.jsonl").write_text("".join(lines))
    calibration = model.calibration
    maps = ScoreMaps(
        tmp_path,
        dataset,
        scores=tmp_path / "predictions.jsonl",
        thresholds=Thresholds(calibration.image_threshold, calibration.pixel_threshold),
    )
    own, others = evaluate(model, dataset), evaluate_maps(maps)
    for name in ("image", "pixel", "per_type", "intervals", "regions", "curves", "undefined"):
        assert getattr(own, name) == getattr(others, name), name
    for row, other in zip(own.images, others.images, strict=True):
        of_maps = replace(row, seconds=None, p_value=None, notes=())
        assert of_maps == replace(other, p_value=None)


def test_without_thresholds_only_what_needs_one_is_undefined_and_says_so(dataset, tmp_path):
    maps = ScoreMaps(write_maps(tmp_path / "maps", dataset, noise(dataset)), dataset)
    found = evaluate_maps(maps)
    told = {name for name, reason in found.undefined.items() if "there is no threshold" in reason}
    assert told == {figure.path for figure in FIGURES if figure.at_threshold}
    assert "(--threshold)" in found.undefined["image.f1"]
    assert "(--pixel-threshold)" in found.undefined["pixel.region_recall"]
    assert_undefined_are_told(found)
    assert found.image["auroc"] is not None
    assert found.regions.found is None
    assert {row.found for row in found.regions.by_size} == {None}
    assert found.per_type["crack"]["image_miss_rate"] is None
    assert {row.verdict for row in found.images} == {None}
    assert found.intervals["image"]["f1"] is None
    assert found.intervals["pixel"]["region_recall"] is None
    assert found.intervals["image"]["auroc"] is not None
    assert "The score of an image is the maximum of its map." in found.notes
    assert "predict_per_image" not in found.seconds
    json.dumps(found.figures().to_dict(), allow_nan=False)


def assert_undefined_are_told(found):
    """Each figure that is `None` has its reason, and no other has one."""
    none = {f"{level}.{name}" for level in ("image", "pixel")
            for name, value in getattr(found, level).items() if value is None}  # fmt: skip
    assert set(found.undefined) == none


@pytest.mark.parametrize(
    ("kinds", "masks", "said"),
    [
        (["good"] * 3, True, {"image.auroc": "no defect", "pixel.au_pro_30": "no mask",
                              "pixel.aupimo": "no mask"}),
        (["crack"] * 3, True, {"image.auroc": "no good test image",
                               "image.recall_at_0": "no good", "pixel.aupimo": "no good",
                               "image.false_alarm_rate": "no good"}),
        (["good", "crack"], False, {"pixel.auroc": "no mask", "pixel.region_recall": "no mask"}),
    ],
)  # fmt: skip
def test_a_class_that_is_missing_is_the_reason(tmp_path, kinds, masks, said):
    dataset = write_data(tmp_path / "tile", kinds)
    maps = noise(dataset)
    for file in (tmp_path / "tile").rglob("*_mask.png"):
        if not masks:
            file.unlink()
    dataset = blemish.open_dataset(tmp_path / "tile")
    folder = write_maps(tmp_path / "maps", dataset, maps)
    found = evaluate_maps(ScoreMaps(folder, dataset, thresholds=Thresholds(1.0, 1.0)))
    assert_undefined_are_told(found)
    for figure, reason in said.items():
        assert reason in found.undefined[figure]
    json.dumps(found.figures().to_dict(), allow_nan=False)


def test_constant_maps_have_the_figures_of_guessing(dataset, tmp_path):
    masks = read_masks(dataset)
    maps = [np.full(mask.shape, -2.5e6, np.float32) for mask in masks]
    found = evaluate_maps(ScoreMaps(write_maps(tmp_path / "maps", dataset, maps), dataset))
    defective = np.mean(np.concatenate([mask.ravel() for mask in masks]))
    assert (found.image["auroc"], found.pixel["auroc"]) == (0.5, 0.5)
    assert found.pixel["ap"] == pytest.approx(defective)
    assert found.pixel["au_pro_30"] == pytest.approx(0.15)
    assert found.image["recall_at_5"] == 0
    assert "too many equal scores" in found.undefined["pixel.aupimo"]
    assert any("7 of 7 test images have the same highest score, -2.5e+06" in note
               for note in found.notes)  # fmt: skip


def test_scores_that_were_cut_off_are_noted(tmp_path):
    dataset = write_data(tmp_path / "tile", sizes=[(40, 40)])
    maps = noise(dataset, apart=3)
    folder = write_maps(tmp_path / "maps", dataset, maps)
    assert not any("same highest" in note for note in cut_notes(folder, dataset))
    squashed = [1 / (1 + np.exp(-10 * m)) for m in maps]
    notes = cut_notes(write_maps(tmp_path / "squashed", dataset, squashed), dataset)
    assert sum("same highest score, 1: if scores were clipped" in note for note in notes) == 2


def cut_notes(folder, dataset):
    return evaluate_maps(ScoreMaps(folder, dataset)).notes


def test_maps_of_another_size_are_refused_or_resized_aloud(dataset, tmp_path):
    maps = noise(dataset)
    whole = [resize_score_map(m, (24, 24)) if i < 2 else m for i, m in enumerate(maps)]
    folder = write_maps(tmp_path / "maps", dataset, whole)
    with pytest.raises(DataError) as caught:
        evaluate_maps(ScoreMaps(folder, dataset))
    first, second = str(caught.value).splitlines()
    height, width = maps[0].shape
    assert f"is 24 x 24 pixels (width x height), its image {width} x {height}" in first
    assert "(--resize-maps)" in second
    found = evaluate_maps(ScoreMaps(folder, dataset, resize=True))
    note = next(note for note in found.notes if "resized" in note)
    assert note.startswith("2 of 7 maps were resized")
    by_hand = [resize_score_map(w, m.shape) for w, m in zip(whole, maps, strict=True)]
    folder = write_maps(tmp_path / "by hand", dataset, by_hand)
    theirs = evaluate_maps(ScoreMaps(folder, dataset)).figures()
    assert replace(found.figures(), notes=theirs.notes) == theirs


def test_masks_are_never_resized(dataset, tmp_path):
    mask = dataset.test[0].masks[0].path
    Image.fromarray(np.full((24, 24), 255, np.uint8)).save(mask)
    folder = write_maps(tmp_path / "maps", dataset, [np.zeros((24, 24))] * 7)
    with pytest.raises(ImageError, match="the mask is 24 x 24"):
        evaluate_maps(ScoreMaps(folder, dataset, resize=True))


def test_all_that_is_wrong_with_maps_is_told_at_once(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    paths = [folder / f"{sample.id}.npy" for sample in dataset.test]
    paths[0].unlink()
    np.save(paths[1], np.where(np.load(paths[1]) > 2, np.nan, 1))
    np.save(paths[2], np.zeros((2, 3, 4)))
    paths[3].write_text("hello")
    (folder / "good").mkdir(exist_ok=True)
    np.save(folder / "good" / f"{Path(dataset.test[4].id).stem}.npy", np.zeros((3, 3)))
    scores = tmp_path / "scores.csv"
    listed = "".join(f"{s.id},{'x' if n == 5 else n}\n" for n, s in enumerate(dataset.test))
    scores.write_text(f"path,score\n{listed}")
    with pytest.raises(DataError) as caught:
        evaluate_maps(ScoreMaps(folder, dataset, scores=scores))
    told = str(caught.value)
    ids = [sample.id for sample in dataset.test]
    assert f"1 of 7 test images have no map in '{folder}': {ids[0]}" in told
    assert f"{ids[1]}: {paths[1]}: " in told
    assert "not finite numbers (NaN" in told
    assert f"{ids[2]}: {paths[2]}: is 2 x 3 x 4" in told
    assert f"{ids[3]}: {paths[3]}: cannot be decoded" in told
    assert f"{ids[4]}: has 2 maps" in told
    assert f"{ids[5]}: its score is 'x', no number." in told


def test_of_many_problems_the_first_are_told_and_the_rest_counted(tmp_path):
    dataset = write_data(tmp_path / "tile", ["good"] * 30)
    folder = write_maps(tmp_path / "maps", dataset, [np.full((3, 3), np.nan)] * 30)
    with pytest.raises(DataError) as caught:
        evaluate_maps(ScoreMaps(folder, dataset))
    assert str(caught.value).splitlines()[20:] == ["And 10 more problems."]


def test_listed_scores_take_the_place_of_maxima_with_all_their_digits(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    close = [1 - 1e-15 * n for n in (5, 3, 6, 7, 4, 1, 2)]
    scores = tmp_path / "scores.csv"
    listed = "".join(f"{s.id},{value!r}\n" for s, value in zip(dataset.test, close, strict=True))
    scores.write_text(f"path,score\n{listed}")
    found = evaluate_maps(ScoreMaps(folder, dataset, scores=scores))
    assert found.image["auroc"] == pytest.approx(11 / 12)
    assert found.image["f1_max_threshold"] in close
    assert [row.score for row in found.images] == close
    assert not any("maximum of its map" in note for note in found.notes)


def test_thresholds_of_the_user_give_verdicts_and_are_named_so(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    found = evaluate_maps(ScoreMaps(folder, dataset, thresholds=Thresholds(image=2.5)))
    assert found.image["f1"] is not None
    assert found.pixel["f1"] is None
    assert "The image threshold, 2.5, was set by the user, not calibrated on good images." in (
        found.notes
    )
    for row in found.images:
        assert row.verdict == ("defect" if row.score > 2.5 else "good")
    assert not any("pixel threshold" in note for note in found.notes)


def test_maps_of_no_test_image_are_noted(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    for number in range(5):
        np.save(folder / f"train{number}.npy", np.zeros((3, 3)))
    note = next(
        note for note in evaluate_maps(ScoreMaps(folder, dataset)).notes if "5 maps" in note
    )
    assert "passed over: train0.npy, train1.npy, train2.npy and 2 more." in note


def test_drawn_surfaces_can_be_measured_too(tmp_path):
    from blemish.data.drawn import drawn_dataset

    dataset = drawn_dataset("tile", size_px=64, good=2, test_good=2, defects_a_type=1)
    rng = np.random.default_rng(0)
    maps = [rng.random((64, 64), np.float32) for _ in dataset.test]
    found = evaluate_maps(ScoreMaps(write_maps(tmp_path / "maps", dataset, maps), dataset))
    assert 0 <= found.pixel["auroc"] <= 1


def test_limits_hold_for_maps_as_well(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    limits = ReadLimits(max_bytes=900)
    with pytest.raises(DataError, match="max_bytes"):
        evaluate_maps(ScoreMaps(folder, dataset, reader=Reader(limits)))


def test_the_fingerprint_follows_maps_and_scores(dataset, tmp_path):
    folder = write_maps(tmp_path / "maps", dataset, noise(dataset))
    same = write_maps(tmp_path / "elsewhere", dataset, noise(dataset))
    scores = tmp_path / "scores.csv"
    scores.write_text("path,score\n" + "".join(f"{s.id},1\n" for s in dataset.test))
    first = ScoreMaps(folder, dataset).fingerprint
    assert ScoreMaps(same, dataset).fingerprint == first
    assert ScoreMaps(folder, dataset, scores=scores).fingerprint != first
    np.save(folder / f"{dataset.test[0].id}.npy", np.ones(3))
    assert ScoreMaps(folder, dataset).fingerprint != first


def test_a_data_set_without_test_images_and_a_folder_that_is_none_are_told(dataset, tmp_path):
    only_good = blemish.open_dataset(tmp_path / "tile" / "train" / "good", test_fraction=0)
    with pytest.raises(DataError, match="no test images"):
        ScoreMaps(tmp_path, only_good)
    with pytest.raises(DataError, match="is no folder"):
        ScoreMaps(tmp_path / "gone", dataset)
