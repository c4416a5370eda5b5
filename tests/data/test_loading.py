from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.audit import audit
from blemish.data.loading import GoodImages
from blemish.data.opening import open_dataset
from blemish.errors import DataError, ImageError

Draw = Callable[..., Path]


@pytest.fixture
def images(tmp_path: Path, draw: Draw) -> GoodImages:
    for number in range(4):
        draw(f"{number}.png", seed=number)
    return GoodImages(open_dataset(tmp_path).train)


def test_another_size_or_depth_than_was_planned_is_refused(
    tmp_path: Path, draw: Draw, images: GoodImages
) -> None:
    draw("2.png", size_hw=(24, 21))
    with pytest.raises(ImageError, match=r"2\.png: was changed.*size or depth.*planned"):
        list(images)
    Image.fromarray(np.zeros((24, 20), np.uint16)).save(tmp_path / "2.png")
    with pytest.raises(ImageError, match=r"2\.png: was changed"):
        list(images)


def test_another_content_at_a_later_look_is_refused(draw: Draw, images: GoodImages) -> None:
    list(images)
    draw("3.png", seed=99)
    with pytest.raises(ImageError, match=r"3\.png: was changed while it was in use"):
        list(images)


def test_keys_cost_no_second_look(images: GoodImages, monkeypatch: pytest.MonkeyPatch) -> None:
    list(images)
    monkeypatch.setattr("blemish.data.sample.read_image", None)
    assert len(set(images.split_keys)) == 4


def test_keys_go_by_pixels_and_are_named_by_files(tmp_path: Path, draw: Draw) -> None:
    for number in range(4):
        draw(f"{number}.png")
    with Image.open(tmp_path / "1.png") as image:
        image.save(tmp_path / "copy.bmp")
    images = GoodImages(open_dataset(tmp_path).train)
    keys = dict(zip((s.id for s in images.samples), images.split_keys, strict=True))
    assert keys["copy.bmp"] == keys["1.png"]
    assert len(set(keys.values())) == 4
    hashes = {s.id: s.sha256 for s in images.samples}
    assert keys["0.png"] == f"content:{hashes['0.png']}"
    assert keys["1.png"] == f"content:{min(hashes['1.png'], hashes['copy.bmp'])}"


def test_keys_that_will_not_do_are_told_before_anyone_has_them(tmp_path: Path, draw: Draw) -> None:
    draw("a.png")

    def refuse(keys: list[str]) -> None:
        raise DataError(f"only {len(keys)}")

    images = GoodImages(open_dataset(tmp_path).train, check_keys=refuse)
    with pytest.raises(DataError, match="only 1"):
        _ = images.split_keys


def test_how_images_look_is_noted_where_it_is_asked_for_alone(
    tmp_path: Path, images: GoodImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blemish.data.loading.describe", None)
    list(images)
    images.contents()
    assert audit(tmp_path).counts == {"train": {"good": 4}, "test": {}}


def test_what_is_noted_of_a_part_is_known_of_all_and_travels_with_no_other_part(
    images: GoodImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = GoodImages(images.samples, described=True)
    list(described.part([0, 2]))
    part = pickle.loads(pickle.dumps(described.part([0, 1])))
    assert list(part._descriptions) == [described.names[0]]
    found = described.descriptions()
    assert list(found) == described.names
    monkeypatch.setattr("blemish.data.sample.read_image", None)
    assert list(described.descriptions()) == described.names
    assert all(one.glance is not None for one in found.values())
