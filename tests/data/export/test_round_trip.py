"""What is exported comes back: splits, types, groups, metadata, masks to the pixel."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from blemish.data.annotations.dataset import entries_from
from blemish.data.annotations.registry import annotations_in
from blemish.data.dataset import Dataset
from blemish.data.export.write import FORMATS, export_dataset
from blemish.data.opening import open_dataset
from blemish.data.sample import Sample
from blemish.images.header import Reader, ReadLimits
from blemish.images.raw import RawFormat
from blemish.result import GOOD
from exported import SIZES, mask_file, random_mask, rich_dataset, sample

READER = Reader(ReadLimits(min_side_px=1))
ANNOTATED = sorted(set(FORMATS) - {"mvtec-ad"})


def facts(one):
    """All that is known of a sample or entry but its name."""
    found = Sample(
        one.id, one.path, one.split, "good" if one.defect_type == GOOD else "defect",
        one.defect_type, one.masks,
    )  # fmt: skip
    mask = found.read_mask(found.probe(READER).size_hw, READER)
    return {
        "split": one.split,
        "type": one.defect_type,
        "group": one.group,
        "metadata": dict(one.metadata),
        "mask": None if mask is None else mask.tolist(),
    }


def by_content(samples):
    return {hashlib.sha256(one.path.read_bytes()).hexdigest(): facts(one) for one in samples}


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("to", ANNOTATED)
def test_a_data_set_comes_back(tmp_path, to):
    dataset = rich_dataset(tmp_path / "data")
    names = export_dataset(dataset, tmp_path / "out", to=to)
    found = entries_from(tmp_path / "out", files_below(tmp_path / "out"))
    assert found.layout == to
    assert by_content(found.entries) == by_content(dataset.samples)
    assert sorted(entry.id for entry in found.entries) == sorted(names.values())
    assert not found.unused_images


@pytest.mark.parametrize("to", ["coco", "labelme", "yolo"])
def test_masks_come_back_to_the_pixel(tmp_path, to):
    root = tmp_path / "data"
    samples = [sample(root, "good.png", 0, "train", GOOD)]
    for seed in range(1, 201):
        mask = mask_file(root / "masks" / f"{seed}.png", random_mask(seed))
        samples.append(sample(root, f"{seed}.png", seed, "test", "dent", masks=(mask,)))
    names = export_dataset(Dataset("masks", root, "made", tuple(samples)), tmp_path / "out", to=to)
    files = files_below(tmp_path / "out")
    images = [path for path in files if path.suffix == ".png"]
    found = annotations_in(tmp_path / "out", sorted(set(files) - set(images)), images)
    assert not found.problems
    for seed in range(1, 201):
        shapes = found.by_image[tmp_path / "out" / names[f"{seed}.png"]].shapes
        assert np.array_equal(shapes.draw(SIZES[seed % 3]), random_mask(seed)), seed


@pytest.mark.parametrize("to", sorted(FORMATS))
def test_an_exported_folder_opens_as_the_data_set_that_it_was(tmp_path, to):
    dataset = rich_dataset(tmp_path / "data")
    export_dataset(dataset, tmp_path / "out", to=to)
    opened = open_dataset(tmp_path / "out")
    assert opened.layout == to
    assert by_content(opened.samples) == by_content(dataset.samples)


def test_validation_has_a_folder_of_its_own_in_mvtec_ad(tmp_path):
    names = export_dataset(rich_dataset(tmp_path / "data"), tmp_path / "out", to="mvtec-ad")
    assert names["more/c.png"] == "validation/good/c.png"
    assert (tmp_path / "out/ground_truth/dent/36_mask.png").is_file()


def test_pycocotools_opens_an_exported_file(tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    dataset = rich_dataset(tmp_path / "data")
    names = export_dataset(dataset, tmp_path / "out", to="coco")
    opened = coco.COCO(str(tmp_path / "out/annotations/instances_test.json"))
    by_name = {f"images/test/{one['file_name']}": one for one in opened.imgs.values()}
    for one in dataset.test:
        entry = by_name[names[one.id]]
        size_hw = one.probe(READER).size_hw
        assert (entry["height"], entry["width"]) == size_hw
        found = [opened.anns[key] for key in opened.getAnnIds(imgIds=entry["id"])]
        mask = np.zeros(size_hw, np.bool_)
        for annotation in found:
            part = opened.annToMask(annotation) == 1
            assert part.sum() == annotation["area"]
            x, y, w, h = annotation["bbox"]
            assert part[y : y + h, x : x + w].sum() == annotation["area"]
            assert opened.cats[annotation["category_id"]]["name"] == one.defect_type
            mask |= part
        expected = one.read_mask(size_hw, READER)
        assert np.array_equal(mask, np.zeros(size_hw) if expected is None else expected)


def test_a_corrected_annotation_wins(tmp_path):
    """A person marks one image that nothing was marked on, and takes a mark off another."""
    dataset = rich_dataset(tmp_path / "data")
    names = export_dataset(dataset, tmp_path / "out", to="labelme")
    unknown = (tmp_path / "out" / names["bad/unknown.png"]).with_suffix(".json")
    value = json.loads(unknown.read_text())
    value["shapes"] = [
        {"label": "hole", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"}
    ]
    unknown.write_text(json.dumps(value))
    wrong = (tmp_path / "out" / names["bad/31.png"]).with_suffix(".json")
    wrong.write_text(json.dumps(json.loads(wrong.read_text()) | {"shapes": []}))
    found = entries_from(tmp_path / "out", files_below(tmp_path / "out"))
    types = {entry.id: entry.defect_type for entry in found.entries}
    assert types[names["bad/unknown.png"]] == "hole"
    assert types[names["bad/31.png"]] == GOOD


def test_pages_of_a_tiff_become_files_of_their_own(tmp_path):
    rng = np.random.default_rng(0)
    for name, count, values in (("good/a.tif", 3, 65535), ("bad/b.tif", 2, 65535)):
        pages = [Image.fromarray(rng.integers(0, values, (24, 20), dtype=np.uint16))
                 for _ in range(count)]  # fmt: skip
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True)
        pages[0].save(path, save_all=True, append_images=pages[1:])
    dataset = open_dataset(tmp_path / "data")
    names = export_dataset(dataset, tmp_path / "out", to="coco")
    back = {one.id: one for one in open_dataset(tmp_path / "out").samples}
    for one in dataset.samples:
        assert np.array_equal(back[names[one.id]].read(), one.read())
        assert back[names[one.id]].split == one.split


def stack(path, pages):
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=rest)


@pytest.mark.parametrize("to", sorted(FORMATS))
def test_masks_of_pages_come_back(tmp_path, to):
    rng = np.random.default_rng(0)
    pages = rng.integers(0, 256, (8, 24, 20, 3), dtype=np.uint8)
    masks = (rng.random((3, 24, 20)) < 0.2).astype(np.uint8) * 255
    root = tmp_path / "data"
    for name, part in (("train/good/a", pages[:3]), ("test/good/c", pages[3:5])):
        stack(root / f"{name}.tif", part)
    stack(root / "test/dent/b.tif", pages[5:])
    stack(root / "ground_truth/dent/b_mask.tif", masks)
    dataset = open_dataset(root)
    names = export_dataset(dataset, tmp_path / "out", to=to)
    back = {one.id: one for one in open_dataset(tmp_path / "out").samples}
    assert len(back) == 8
    for one in dataset.samples:
        found = back[names[one.id]]
        assert np.array_equal(found.read(), one.read())
        assert facts_of(found) == facts_of(one)


def facts_of(one):
    mask = one.read_mask((24, 20))
    return one.split, one.defect_type, one.group, mask.tolist()


def test_raw_files_become_images_that_others_can_read(tmp_path):
    rng = np.random.default_rng(0)
    raw = RawFormat.named("20x24:mono12")
    for name in ("good/a", "good/b", "dent/c"):
        path = tmp_path / "data" / f"{name}.raw"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.integers(0, 4096, (24, 20), dtype="<u2").tobytes())
    dataset = open_dataset(tmp_path / "data", raw=raw)
    names = export_dataset(dataset, tmp_path / "out", to="coco", raw=raw, link=True)
    back = {one.id: one for one in open_dataset(tmp_path / "out").samples}
    for one in dataset.samples:
        assert np.array_equal(back[names[one.id]].read(), one.read(Reader(raw=raw)))
