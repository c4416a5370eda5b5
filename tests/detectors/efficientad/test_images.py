"""Images to train on, and to train against."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from blemish.detectors.conformance.images import DrawnImages, weave
from blemish.detectors.efficientad.architecture import MEAN, STD
from blemish.detectors.efficientad.graph import EfficientAdGraph
from blemish.detectors.efficientad.images import Space, working_images
from blemish.detectors.efficientad.penalty import penalty_images
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.errors import BlemishError, DataError
from blemish.images.format import ImageFormat
from blemish.progress import LoggedProgress

QUIET = LoggedProgress()


def tiny(**settings):
    return EfficientAdSettings(**({"preset": "paper", "image_size": 128} | settings))


def working(images, space=None, **settings):
    graph = EfficientAdGraph(tiny(**settings), None, ImageFormat())
    return working_images(graph, DrawnImages(images), space or Space(100), QUIET)


def test_working_images_are_resized_and_normalised():
    images = {"a": np.full((50, 90, 3), (0, 128, 255), np.uint8), "b": weave(1, (128, 140))}
    found = working(images, image_size=[128, 140])
    assert found.values.shape == (2, 3, 128, 140)
    assert found.values.dtype == np.float16
    wanted = (np.array([0, 128, 255]) / 255 - MEAN) / STD
    np.testing.assert_allclose(found.values[0, :, 60, 70], wanted, atol=2e-3)
    same_size = (images["b"] / 255 - MEAN) / STD
    np.testing.assert_allclose(found.values[1].transpose(1, 2, 0), same_size, atol=2e-3)
    assert found.names == ["a", "b"]
    assert found.sizes_hw == [(50, 90), (128, 140)]


def test_their_hash_tells_names_and_contents():
    one, other = weave(1), weave(2)
    hashes = [working(p).sha256 for p in ({"a": one}, {"b": one}, {"a": other}, {"a": one})]
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3


def test_images_beyond_the_memory_allowed_go_to_disk_and_are_the_same():
    images = {"a": weave(1), "b": weave(2)}
    here, there = working(images), working(images, Space(0))
    assert isinstance(there.values, np.memmap)
    assert not isinstance(here.values, np.memmap)
    np.testing.assert_array_equal(here.values, there.values)


def test_room_is_counted():
    space = Space(1)
    first, second = (space.array((600_000,), np.uint8) for _ in range(2))
    assert [isinstance(a, np.memmap) for a in (first, second)] == [False, True]


def test_a_disk_that_is_too_small_is_told():
    with pytest.raises(BlemishError, match="Allow more memory"):
        Space(1).array((2**55,), np.uint8)


def test_no_image_is_an_error():
    with pytest.raises(DataError, match="no good image"):
        working({})


def test_drawn_penalty_images_are_of_the_size_that_the_student_sees():
    whole = penalty_images(tiny(image_size=[130, 150], crop=0, penalty_images=3), QUIET)
    assert whole.shape == (3, 3, 130, 150)
    parts = penalty_images(tiny(image_size=[130, 150], crop=64, penalty_images=3), QUIET)
    assert parts.shape == (3, 3, 64, 64)
    assert len({image.tobytes() for image in parts}) == 3


def test_they_depend_on_the_seed_alone():
    one, again, other = (
        penalty_images(tiny(crop=64, penalty_images=2, seed=seed), QUIET) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_images_of_a_folder_are_enlarged_and_cut_as_in_the_reference(oracle, tmp_path):
    Image.fromarray(oracle.inputs["penalty_source"]).save(tmp_path / "one.png")
    (found,) = penalty_images(oracle.settings.replace(penalty=str(tmp_path)), QUIET)
    gap = np.abs(found.transpose(1, 2, 0).astype(int) - oracle.inputs["step_image_penalty"])
    assert gap.max() <= 1


def test_a_seeded_sample_of_a_folder_is_taken_whatever_its_depth(tmp_path):
    for i in range(6):
        path = tmp_path / f"{i % 2}" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), i * 40, np.uint8)).save(path)
    Image.fromarray(np.full((20, 30), 2000, np.uint16)).save(tmp_path / "deep.png")
    everything = penalty_images(tiny(penalty=str(tmp_path), penalty_images=50), QUIET)
    levels = sorted({int(image[0, 0, 0]) for image in everything})
    assert levels == sorted([*(i * 40 for i in range(6)), round(2000 * 255 / 4095)])
    some = [
        penalty_images(tiny(penalty=str(tmp_path), penalty_images=3, seed=seed), QUIET)
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(some[0], some[1])
    assert not np.array_equal(some[0], some[2])


def test_unreadable_images_of_a_folder_are_left_out_and_told(tmp_path, caplog):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no image")
    assert len(penalty_images(tiny(penalty=str(tmp_path)), QUIET)) == 1
    assert "1 of 2 penalty images cannot be read" in caplog.text


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_images_is_told(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=folder):
        penalty_images(tiny(penalty=str(tmp_path / folder)), QUIET)
