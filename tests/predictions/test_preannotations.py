from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from blemish.data.annotations.dataset import entries_from
from blemish.errors import DataError, SettingError, UsageError
from blemish.images.regions import find_regions
from blemish.predictions.preannotations import export_predictions, holds_predictions
from blemish.result import Failure, Prediction

SIZE_HW = (23, 37)


def judged(path, seed):
    """A prediction of an image of noise, as a line of `blemish predict`."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8)).save(path)
    scores = (rng.random(SIZE_HW) < (0.0, 0.1, 0.7)[seed % 3]).astype(np.float32)
    regions = find_regions(scores, 0.5, outlines=True)
    line = Prediction(float(seed), scores, regions=regions, path=str(path)).to_dict()
    return line | {"file": None}, scores > 0.5


@pytest.fixture
def predictions(tmp_path):
    """A folder of predictions, and the mask of each image by its path."""
    folder = tmp_path / "predictions"
    folder.mkdir()
    lines, masks = [], {}
    for seed, name in enumerate(["a/x.png", "b/x.png", "b/y.png"]):
        path = tmp_path / "images" / name
        line, masks[str(path)] = judged(path, seed)
        lines.append(line)
    lines.append(Failure("gone.png", "is gone").to_dict())
    (folder / "predictions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "predictions.run.json").write_text(json.dumps({"model_sha256": "ab" * 32}))
    return folder, masks


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def masks_of(folder):
    found = entries_from(folder, files_below(folder))
    return {
        entry.id: np.logical_or.reduce(
            [np.zeros(SIZE_HW, bool), *(m.draw(SIZE_HW) for m in entry.masks)]
        )
        for entry in found.entries
    }


def test_images_that_are_not_inspectable_are_left_out(tmp_path, predictions):
    folder, masks = predictions
    path = folder / "predictions.jsonl"
    first, *others = path.read_text().splitlines()
    line = json.loads(first) | {"verdict": "not inspectable"}
    path.write_text("\n".join([json.dumps(line), *others]) + "\n")
    names = export_predictions(folder, tmp_path / "out", to="coco")
    assert set(names) == set(masks) - {line["path"]}


def test_coco_comes_back_to_the_pixel(tmp_path, predictions):
    folder, masks = predictions
    names = export_predictions(folder, tmp_path / "out", to="coco")
    back = masks_of(tmp_path / "out")
    assert len(back) == 3
    for path, mask in masks.items():
        assert np.array_equal(back[names[path]], mask)
    value = json.loads((tmp_path / "out/annotations/instances_default.json").read_text())
    assert {one["score"] for one in value["annotations"]} == {1.0}
    assert [one["score"] for one in value["images"]] == [0.0, 1.0, 2.0]


def test_pycocotools_counts_the_pixels_of_a_region(tmp_path, predictions):
    mask_utils = pytest.importorskip("pycocotools.mask")
    export_predictions(predictions[0], tmp_path / "out", to="coco")
    value = json.loads((tmp_path / "out/annotations/instances_default.json").read_text())
    for one in value["annotations"]:
        (runs,) = mask_utils.frPyObjects(one["segmentation"], *SIZE_HW)
        assert mask_utils.area(runs) == one["area"]
        assert mask_utils.toBbox(runs).tolist() == one["bbox"]


def test_label_studio_comes_back_to_the_pixel(tmp_path, predictions):
    folder, masks = predictions
    names = export_predictions(folder, tmp_path / "out", to="label-studio")
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=images/a-x.png"
    assert tasks[1]["predictions"][0]["model_version"] == "blemish abababababab"
    for task in tasks:  # a person accepts each prediction and exports the project
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    (tmp_path / "out/export.json").write_text(json.dumps(tasks))
    (tmp_path / "out/tasks.json").unlink()
    back = masks_of(tmp_path / "out")
    for path, mask in masks.items():
        assert np.array_equal(back[names[path]], mask)


def test_tasks_that_nobody_has_seen_are_no_annotations(tmp_path, predictions):
    export_predictions(predictions[0], tmp_path / "out", to="label-studio")
    assert entries_from(tmp_path / "out", files_below(tmp_path / "out")) is None


def test_regions_need_their_outlines(tmp_path, predictions):
    folder, _ = predictions
    assert holds_predictions(folder)
    path = folder / "predictions.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for region in line.get("regions", ()):
            del region["outline_xy"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UsageError, match="outlines=True"):
        export_predictions(folder, tmp_path / "out", to="coco")


def test_images_have_to_be_there_and_of_their_size(tmp_path, predictions):
    folder, _ = predictions
    (tmp_path / "images/a/x.png").unlink()
    Image.new("RGB", (12, 12)).save(tmp_path / "images/b/x.png")
    with pytest.raises(DataError) as told:
        export_predictions(folder, tmp_path / "out", to="coco")
    assert "a/x.png" in str(told.value)
    assert "'b/x.png' is 12 x 12 pixels" in str(told.value).replace(f"{tmp_path}/images/", "")
    assert not (tmp_path / "out").exists()


def test_damaged_lines_and_unknown_formats_are_told(tmp_path, predictions):
    folder, _ = predictions
    with pytest.raises(SettingError, match="'to' must be coco or label-studio"):
        export_predictions(folder, tmp_path / "out", to="yolo")
    path = folder / "predictions.jsonl"
    path.write_text(path.read_text() + '{"path": 3}\n{"pa')
    with pytest.raises(DataError, match=r"line 5: path.*\n.*line 6"):
        export_predictions(folder, tmp_path / "out", to="coco")
    path.write_text("")
    with pytest.raises(DataError, match="holds no predictions"):
        export_predictions(folder, tmp_path / "out", to="coco")


@pytest.mark.parametrize("to", ["coco", "label-studio"])
def test_pages_of_a_tiff_become_files_of_their_own(tmp_path, predictions, to):
    folder, _ = predictions
    rng = np.random.default_rng(0)
    pages = rng.integers(0, 256, (2, *SIZE_HW, 3), dtype=np.uint8)
    first, second = map(Image.fromarray, pages)
    path = tmp_path / "images" / "b" / "plate.tif"
    first.save(path, save_all=True, append_images=[second])
    lines = [Prediction(1.0, pages[0, ..., 0] * 0.0, path=f"{path}#{n}").to_dict() for n in (1, 2)]
    with (folder / "predictions.jsonl").open("a") as stream:
        stream.write("".join(json.dumps(line) + "\n" for line in lines))
    names = export_predictions(folder, tmp_path / "out", to=to)
    for number, page in enumerate(pages, start=1):
        written = Image.open(tmp_path / "out" / names[f"{path}#{number}"])
        assert written.format == "PNG"
        assert np.array_equal(np.asarray(written), page)


def test_a_corrected_export_is_never_taken_away(tmp_path, predictions):
    folder, _ = predictions
    out = tmp_path / "out"
    export_predictions(folder, out, to="label-studio")
    export_predictions(folder, out, to="label-studio", force=True)
    (out / "project-1.json").write_text("[]")
    with pytest.raises(UsageError, match=r"project-1\.json"):
        export_predictions(folder, out, to="label-studio", force=True)
    assert (out / "project-1.json").exists()
