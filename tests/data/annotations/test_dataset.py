from __future__ import annotations

import pytest

from blemish.data.annotations.dataset import entries_from, root_of
from blemish.errors import DataError

POLYGON = [1, 1, 4, 1, 4, 4]


def coco(good=(), bad=(), split=""):
    names = [*good, *bad]
    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": names.index(name), "category_id": 1, "segmentation": [POLYGON]}
            for n, name in enumerate(bad)
        ],
        "categories": [{"id": 1, "name": "dent"}],
    }


def labelme(*labels, image="a.png"):
    shapes = [
        {"label": label, "points": [[1, 1], [4, 1], [4, 4]], "shape_type": "polygon"}
        for label in labels
    ]
    return {"shapes": shapes, "imagePath": image, "imageData": None, "flags": {}}


def entries(folder, **by):
    return entries_from(folder.path, sorted(folder.files), **by)


def types(found):
    return {entry.id: entry.defect_type for entry in found.entries}


def test_a_coco_file_lists_good_images_too(folder):
    for name in ("a.png", "b.png", "c.png"):
        folder.image(f"images/{name}")
    folder.json("coco.json", coco(good=["a.png"], bad=["b.png"]))
    found = entries(folder)
    assert found.layout == "coco"
    assert types(found) == {"images/a.png": "good", "images/b.png": "dent"}
    assert [len(entry.masks) for entry in found.entries] == [0, 1]
    assert found.unused_images == (folder.path / "images/c.png",)
    assert found.labels == {"dent": 1}
    assert "1 image without a shape in COCO is taken as good" in found.notes[0]


def test_one_file_may_be_named(folder):
    folder.image("a.png")
    path = folder.json("one.json", coco(good=["a.png"]))
    folder.json("other.json", coco(bad=["a.png"]))
    assert types(entries(folder, by=path)) == {"a.png": "good"}
    with pytest.raises(DataError, match="keep one"):
        entries(folder)


def test_a_file_that_is_named_speaks_of_its_own_images_alone(folder):
    folder.image("images/a.png")
    folder.image("images/b.png")
    path = folder.json("annotations/a.json", labelme("scratch", image="../images/a.png"))
    assert root_of(path) == folder.path
    assert types(entries(folder, by=path)) == {"images/a.png": "scratch"}
    folder.text("labels/a.txt", "0 0.5 0.5 0.2 0.2\n")
    path.unlink()
    named = folder.text("data.yaml", "names: [dent]\n")
    assert types(entries(folder, by=named)) == {"images/a.png": "dent", "images/b.png": "good"}


def test_splits_of_folders_stay_and_defects_are_never_learnt_from(folder):
    for split in ("train", "valid", "test"):
        folder.image(f"{split}/good.png")
        folder.image(f"{split}/bad.png")
        folder.json(f"{split}/_annotations.coco.json", coco(good=["good.png"], bad=["bad.png"]))
    found = entries(folder)
    assert {entry.id: entry.split for entry in found.entries} == {
        "train/good.png": "train", "train/bad.png": "test",
        "valid/good.png": "validation", "valid/bad.png": "validation",
        "test/good.png": "test", "test/bad.png": "test",
    }  # fmt: skip
    assert any("1 defect of the training split is tested on" in note for note in found.notes)


def test_images_without_a_file_of_labelme_are_good(folder):
    for name in ("a.png", "b.png", "c.png"):
        folder.image(name)
    folder.json("a.json", labelme("scratch"))
    folder.json("b.json", labelme("scratch", "dent", image="b.png"))
    found = entries(folder)
    assert found.layout == "labelme"
    assert types(found) == {"a.png": "scratch", "b.png": "defect", "c.png": "good"}


def test_a_folder_that_is_called_bad_holds_no_good_images(folder):
    folder.image("a.png")
    folder.json("a.json", labelme("scratch"))
    silent = folder.image("NG/b.png")
    found = entries(folder)
    assert types(found) == {"a.png": "scratch"}
    assert found.unused_images == (silent,)


def test_background_of_yolo_is_good(folder):
    for name in ("a.png", "b.png", "c.png"):
        folder.image(f"images/val/{name}")
    folder.text("labels/val/a.txt", "0 0.5 0.5 0.2 0.2\n")
    folder.text("labels/val/b.txt", "")
    folder.text("data.yaml", "val: images/val\nnames: [dent]\n")
    found = entries(folder)
    assert found.layout == "yolo"
    assert list(types(found).values()) == ["dent", "good", "good"]
    assert {entry.split for entry in found.entries} == {"validation"}
    assert any("boxes alone" in note for note in found.notes)


def test_tasks_that_nobody_submitted_are_left_out(folder):
    for name in ("a.png", "b.png"):
        folder.image(name)
    tasks = [
        {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": []}]},
        {"id": 2, "data": {"image": "b.png"}, "annotations": []},
    ]
    folder.json("export.json", tasks)
    found = entries(folder)
    assert types(found) == {"a.png": "good"}
    assert "1 image not annotated yet, and left out: 'b.png'." in found.notes


def test_what_is_not_there_is_told(folder):
    folder.image("a.png")
    folder.json("coco.json", coco(good=["a.png"], bad=["gone.png"]))
    assert "coco.json speaks of 1 image not to be found, and left out: 'gone.png'." in (
        entries(folder).notes
    )
    folder.json("coco.json", coco(bad=["gone.png"]))
    with pytest.raises(DataError, match="none of these images is below"):
        entries(folder)


def test_a_folder_without_annotations_is_none(folder):
    folder.image("a.png")
    folder.json("facts.json", {"drawn": "by hand"})
    assert entries(folder) is None


def test_problems_are_told_all_at_once(folder):
    folder.image("a.png")
    folder.json("a.json", labelme("scratch") | {"shapes": 3})
    folder.json("b.json", labelme("scratch") | {"shapes": 4})
    with pytest.raises(DataError) as told:
        entries(folder)
    assert len(str(told.value).splitlines()) == 2


def test_good_images_of_another_size_than_was_annotated_are_told(folder):
    for name in "abc":
        folder.image(f"{name}.png", (24, 20))
    sizes = {"a": (24, 20), "b": (20, 24), "c": (48, 40)}
    images = [
        {"id": n, "file_name": f"{n}.png", "height": height, "width": width}
        for n, (height, width) in sizes.items()
    ]
    folder.json("coco.json", {"images": images, "annotations": [], "categories": []})
    (note,) = [n for n in entries_from(folder.path, folder.files).notes if "another size" in n]
    assert note.startswith("2 good images are of another size than their annotation says")
    assert "b.png is 20 x 24 pixels" in note
