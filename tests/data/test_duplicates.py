from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from blemish.data.duplicates import (
    LOOKED_AT,
    NEARLY_ONE,
    alike_pairs,
    connected,
    nearly_one,
    thumbnail,
    to_look_at,
    usual_correlation,
)


def texture(seed: int, side: int = 200) -> np.ndarray:
    """A flat grey texture of faint noise, as H x W x 3."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 12, (side // 2, side // 2)).repeat(2, 0).repeat(2, 1)
    return np.repeat((120 + noise).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def stack(images: list[np.ndarray]) -> np.ndarray:
    thumbnails = [thumbnail(image) for image in images]
    assert all(one is not None for one in thumbnails)
    return np.stack(thumbnails)  # type: ignore[arg-type]


def as_jpeg(image: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=70)
    return np.asarray(Image.open(stream))


def test_copies_are_found_on_flat_textures_and_strangers_are_not() -> None:
    original = texture(0)
    copies = [
        as_jpeg(original),
        (original * 0.5).astype(np.uint8),
        (original.astype(np.uint16) * 257),
        np.asarray(Image.fromarray(original).resize((150, 150))),
    ]
    strangers = [texture(seed) for seed in range(1, 9)]
    pairs = alike_pairs(stack([original, *copies, *strangers]))
    assert pairs == [(i, j) for i in range(5) for j in range(i + 1, 5)]


def test_two_images_are_enough_to_compare() -> None:
    assert alike_pairs(stack([texture(0), as_jpeg(texture(0))])) == [(0, 1)]
    assert alike_pairs(stack([texture(0), texture(1)])) == []


def test_a_part_that_all_images_share_makes_no_copies() -> None:
    def glass(seed: int) -> np.ndarray:
        image = texture(seed)
        image[40:160, 60:140] = 250 - image[40:160, 60:140] // 2
        return image

    images = [glass(seed) for seed in range(12)]
    thumbnails = stack([*images, as_jpeg(images[3])])
    assert (thumbnails @ thumbnails.T).min() > 0.5
    assert alike_pairs(thumbnails) == [(3, 12)]


def test_closed_form_equals_the_slow_way() -> None:
    thumbnails = stack([texture(seed % 7) // (1 + seed // 7) for seed in range(10)])
    slow = []
    for i in range(10):
        for j in range(i + 1, 10):
            others = np.delete(thumbnails, [i, j], axis=0).mean(axis=0)
            a, b = thumbnails[i] - others, thumbnails[j] - others
            slow.append((a @ b / np.linalg.norm(a) / np.linalg.norm(b), i, j))
    for alike in (0.0, 0.05, 0.5, 0.9):
        assert alike_pairs(thumbnails, alike=alike) == [(i, j) for c, i, j in slow if c >= alike]


def test_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbnails = stack([texture(seed % 6) for seed in range(12)])
    expected = alike_pairs(thumbnails)
    assert expected == [(seed, seed + 6) for seed in range(6)]
    monkeypatch.setattr("blemish.data.duplicates._BLOCK", 5)
    assert alike_pairs(thumbnails) == expected


def test_an_image_without_structure_has_no_thumbnail() -> None:
    assert thumbnail(np.full((50, 70, 3), 7, np.uint8)) is None


def test_pairs_that_hang_together_are_one_group() -> None:
    assert list(connected([(0, 1), (4, 5), (1, 7), (5, 9), (2, 3), (3, 7)])) == [
        (0, 1, 2, 3, 7),
        (4, 5, 9),
    ]
    assert list(connected([])) == []


def test_a_camera_that_looks_at_one_part_gives_nearly_one_image() -> None:
    part, rng = texture(0).astype(np.float64), np.random.default_rng(0)
    again = [np.clip(part + rng.normal(0, 1, part.shape), 0, 255) for _ in range(6)]
    alike = usual_correlation(stack([image.astype(np.uint8) for image in again]))
    assert alike > NEARLY_ONE
    apart = usual_correlation(stack([texture(seed) for seed in range(6)]))
    assert apart == pytest.approx(0, abs=0.1)


def test_one_odd_image_hides_nothing_and_half_of_them_is_no_odd_image() -> None:
    part, rng = texture(0).astype(np.float64), np.random.default_rng(0)
    alike = [np.clip(part + rng.normal(0, 1, part.shape), 0, 255).astype(np.uint8)
             for _ in range(19)]  # fmt: skip
    others = [texture(seed) for seed in range(1, 12)]
    assert nearly_one(20, [*stack([*alike, others[0]])]) is not None
    assert nearly_one(20, [*stack([*alike[:9], *others])]) is None


def test_no_order_of_names_decides_which_images_are_looked_at() -> None:
    names = [f"part{number:03}_{camera}" for number in range(200) for camera in "ab"]
    some = to_look_at(names)
    assert len(some) == LOOKED_AT
    assert some == to_look_at(reversed(names))
    assert 8 <= sum(name.endswith("a") for name in some) <= 24


def test_one_image_alone_is_not_nearly_one() -> None:
    assert nearly_one(1, [*stack([texture(0)])]) is None
    assert "The 2 good" in str(nearly_one(2, [*stack([texture(0), as_jpeg(texture(0))])]))
