"""Which files have come whole; with a clock of the test's."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from blemish.station.sources.arrivals import Arrivals, is_whole


def encoded(kind, side=32):
    stream = BytesIO()
    Image.fromarray(np.full((side, side, 3), 90, np.uint8)).save(stream, kind)
    return stream.getvalue()


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def come(arrivals):
    found = [arrivals.read(*one) for one in arrivals.look()]
    return [one.path.name for one in found if one is not None]


def test_a_file_has_come_once_it_does_not_change_and_its_end_is_there(tmp_path, clock):
    arrivals = Arrivals(tmp_path, settle_seconds=1.0, clock=clock)
    content, path = encoded("PNG"), tmp_path / "a.png"
    path.write_bytes(content[:40])
    assert come(arrivals) == []
    clock.now += 5  # it does not change, but its end is missing
    assert come(arrivals) == []
    path.write_bytes(content)
    assert come(arrivals) == []
    clock.now += 0.9
    assert come(arrivals) == []
    clock.now += 0.2
    assert come(arrivals) == ["a.png"]


def test_a_file_whose_end_never_comes_is_given_on_after_a_while(tmp_path, clock):
    arrivals = Arrivals(tmp_path, settle_seconds=1.0, whole_seconds=30.0, clock=clock)
    (tmp_path / "a.png").write_bytes(encoded("PNG")[:40])
    come(arrivals)
    clock.now += 29
    assert come(arrivals) == []
    clock.now += 1
    assert come(arrivals) == ["a.png"]


def test_what_cannot_be_read_is_told_of_after_a_while(tmp_path, clock, monkeypatch):
    arrivals = Arrivals(tmp_path, settle_seconds=0, whole_seconds=30.0, clock=clock)
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    ((path, identity),) = arrivals.look()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert arrivals.read(path, identity) is None
    clock.now += 30
    arrival = arrivals.read(path, identity)
    assert arrival.content is None
    assert "Permission denied" in arrival.error


def test_hidden_temporary_and_other_files_are_left_alone(tmp_path, clock):
    arrivals = Arrivals(tmp_path, settle_seconds=0, clock=clock)
    for name in (".a.png", "a.png.part", "notes.txt", f".a.png.{'0' * 16}.tmp", "a.png.done"):
        (tmp_path / name).write_bytes(encoded("PNG"))
    (tmp_path / "b.png").mkdir()
    assert come(arrivals) == []


def test_with_done_files_an_image_waits_for_its_own(tmp_path, clock):
    arrivals = Arrivals(tmp_path, ready="done", settle_seconds=0, clock=clock)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(encoded("PNG"))
    (tmp_path / "a.png.done").touch()
    (tmp_path / "b.done").touch()
    assert come(arrivals) == ["a.png", "b.png"]


def test_renamed_files_are_taken_at_once_the_oldest_first(tmp_path, clock):
    import os

    arrivals = Arrivals(tmp_path, ready="renamed", settle_seconds=9, clock=clock)
    for name, when in (("a.png", 30), ("b.png", 10), ("c.png", 20)):
        (tmp_path / name).write_bytes(encoded("PNG"))
        os.utime(tmp_path / name, (when, when))
    assert come(arrivals) == ["b.png", "c.png", "a.png"]


def test_subfolders_are_looked_into_where_asked_but_not_what_is_put_away(tmp_path, clock):
    for name in ("day", "judged"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(encoded("PNG"))
    apart = tmp_path / "judged"
    flat = Arrivals(tmp_path, settle_seconds=0, apart=apart, clock=clock)
    deep = Arrivals(tmp_path, settle_seconds=0, subfolders=True, apart=apart, clock=clock)
    assert come(flat) == []
    assert [path.parent.name for path, _ in deep.look()] == ["day"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_an_image_is_whole_with_its_end_alone(kind):
    content = encoded(kind)
    assert is_whole(content, "a")
    assert not is_whole(content[: len(content) // 2], "a")
    assert not is_whole(b"", "a")


def test_zeros_in_the_place_of_the_end_are_no_end():
    content = encoded("PNG")
    assert not is_whole(content[:60] + bytes(len(content) - 60), "a")


def test_the_end_of_a_thumbnail_is_not_that_of_its_image():
    body = b"Exif\0\0" + encoded("JPEG")
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    plain = encoded("JPEG")
    content = plain[:2] + segment + plain[2:]
    assert is_whole(content, "a.jpg")
    for further in (0, 1, 3, 20):
        assert not is_whole(content[: 2 + len(segment) + further], "a.jpg")
