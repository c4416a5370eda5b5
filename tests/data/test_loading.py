from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.data.dataset import open_dataset
from blemish.data.loading import GoodPictures, read_ahead
from blemish.errors import DataError, ImageError

ROOM = 10
Draw = Callable[..., Path]


class Reader:
    """Reads numbers, each as heavy as it is; remembers the most that was held at a time."""

    def __init__(self) -> None:
        self.taken, self.most, self.at_once = 0, 0, 0
        self._running, self._lock = 0, threading.Lock()

    def read(self, number: int) -> int:
        with self._lock:
            self.taken += number
            self._running += 1
            self.most, self.at_once = max(self.most, self.taken), max(self.at_once, self._running)
        time.sleep(0.001 * (number % 3))  # later ones are done sooner
        with self._lock:
            self._running -= 1
        return number

    def all(self, numbers, **options) -> list[int]:
        results = []
        for number, result in read_ahead(numbers, self.read, weigh=int, room=ROOM, **options):
            results.append(result)
            assert result == number
            with self._lock:
                self.taken -= number  # given back when the next one is asked for
        return results


def test_what_is_read_and_used_at_a_time_stays_within_the_room() -> None:
    reader, numbers = Reader(), [3, 4, 2, 9, 1, 1, 1, 8, 5, 5, 5, 2] * 4
    assert reader.all(numbers, readers=4, most=8) == numbers
    assert reader.most <= ROOM
    assert reader.at_once > 1


def test_one_that_alone_is_too_heavy_is_read_alone() -> None:
    reader, numbers = Reader(), [3, 25, 4, 30, 30, 2]
    assert reader.all(numbers, readers=3, most=6) == numbers
    assert reader.most == 30


def test_what_cannot_be_weighed_takes_its_place_and_the_rest_go_on() -> None:
    def weigh(number: int) -> int:
        if number == 2:
            raise ImageError("too large")
        return number

    results = [str(r) for _, r in read_ahead([1, 2, 3], lambda n: n, weigh=weigh, room=ROOM)]
    assert results == ["1", "too large", "3"]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_items_are_taken_no_further_ahead_than_asked_for(most: int) -> None:
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    reading = read_ahead(items(), lambda number: number, most=most)
    next(reading)
    assert len(taken) <= most + 1
    reading.close()


@pytest.fixture
def images(tmp_path: Path, draw: Draw) -> GoodPictures:
    for number in range(4):
        draw(f"{number}.png", seed=number)
    return GoodPictures(open_dataset(tmp_path).train)


def test_another_size_or_depth_than_was_planned_is_refused(
    tmp_path: Path, draw: Draw, images: GoodPictures
) -> None:
    draw("2.png", size_hw=(24, 21))
    with pytest.raises(ImageError, match=r"2\.png: was changed.*size or depth.*planned"):
        list(images)
    Image.fromarray(np.zeros((24, 20), np.uint16)).save(tmp_path / "2.png")
    with pytest.raises(ImageError, match=r"2\.png: was changed"):
        list(images)


def test_another_content_at_a_later_look_is_refused(draw: Draw, images: GoodPictures) -> None:
    list(images)
    draw("3.png", seed=99)
    with pytest.raises(ImageError, match=r"3\.png: was changed while it was in use"):
        list(images)


def test_keys_cost_no_second_look(images: GoodPictures, monkeypatch: pytest.MonkeyPatch) -> None:
    list(images)
    monkeypatch.setattr("blemish.data.sample.read_picture", None)
    assert len(set(images.split_keys)) == 4


def test_keys_go_by_pixels_and_are_named_by_files(tmp_path: Path, draw: Draw) -> None:
    for number in range(4):
        draw(f"{number}.png")
    with Image.open(tmp_path / "1.png") as image:
        image.save(tmp_path / "copy.bmp")
    images = GoodPictures(open_dataset(tmp_path).train)
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

    images = GoodPictures(open_dataset(tmp_path).train, check_keys=refuse)
    with pytest.raises(DataError, match="only 1"):
        _ = images.split_keys
