from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from blemish.errors import SettingError
from blemish.surfaces import drawing as surfaces
from blemish.surfaces.drawing import (
    SURFACES,
    Drawing,
    draw_defect,
    draw_good,
    drawings,
)
from blemish.surfaces.fields import finished

DEFECTS = [(category, kind) for category, kinds in SURFACES.items() for kind in kinds]
SMALL = {"good": 3, "test_good": 1, "defects_a_type": 1, "size_px": 64}


def without_defect(category: str, kind: str, number: int, size_px: int) -> NDArray[np.int64]:
    """The part as it was before its defect."""
    good, _ = surfaces._KINDS[category]
    rng = Drawing(category, "test", kind, number)._stream("surface")
    return finished(good(rng, size_px)).astype(int)


@pytest.mark.parametrize("category", SURFACES)
@pytest.mark.parametrize("size_px", [64, 101, 256])
def test_good_images_have_size_and_structure(category: str, size_px: int) -> None:
    image = draw_good(category, 0, size_px=size_px)
    assert (image.shape, image.dtype) == ((size_px, size_px, 3), np.uint8)
    assert image.std() > 8
    assert (image == 255).mean() < 0.02


@pytest.mark.parametrize("category", SURFACES)
def test_every_word_counts_and_nothing_else(category: str) -> None:
    first = draw_good(category, 7, size_px=96)
    others = [
        draw_good(category, 8, size_px=96),
        draw_good(category, 7, size_px=96, seed=1),
        draw_good(category, 7, size_px=96, split="test"),
    ]
    assert not any(np.array_equal(first, other) for other in others)
    np.testing.assert_array_equal(draw_good(category, 7, size_px=96), first)


@pytest.mark.parametrize(("category", "kind"), DEFECTS)
def test_defects_show_where_their_mask_is_and_nowhere_else(category: str, kind: str) -> None:
    for number in range(3):
        bad, mask = draw_defect(category, kind, number, size_px=256, difficulty=0.0)
        assert (mask.shape, mask.dtype) == ((256, 256), np.bool_)
        assert 12 < mask.sum() < 0.4 * mask.size
        good = without_defect(category, kind, number, 256)
        changed = np.abs(bad.astype(int) - good).max(axis=2)
        assert changed[mask].mean() > 8
        assert changed[mask].mean() > 10 * changed[~mask].mean()


@pytest.mark.parametrize("category", SURFACES)
def test_difficulty_makes_defects_smaller_and_fainter(category: str) -> None:
    def change(difficulty: float) -> float:
        total = 0.0
        for kind in SURFACES[category]:
            bad, _ = draw_defect(category, kind, 0, size_px=128, difficulty=difficulty)
            total += float(np.abs(bad - without_defect(category, kind, 0, 128)).sum())
        return total

    obvious, usual, faint = change(0.0), change(0.5), change(1.0)
    assert obvious > usual > faint > 0


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from blemish.surfaces.drawing import *\n"
        "print([hashlib.sha256(draw_good(c, 3, size_px=128).tobytes()).hexdigest() "
        "for c in SURFACES])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = [hashlib.sha256(draw_good(c, 3, size_px=128).tobytes()).hexdigest() for c in SURFACES]
    assert json.loads(out.stdout.replace("'", '"')) == own


def test_wrong_arguments_are_told_at_once() -> None:
    with pytest.raises(SettingError, match=r"no drawn surface 'tyle'; .*Did you mean 'tile'"):
        draw_good("tyle", 0)
    with pytest.raises(SettingError, match=r"'tile' has no defect type 'crak'; .*'crack'"):
        draw_defect("tile", "crak", 0)
    with pytest.raises(SettingError) as caught:
        draw_defect("tile", "crack", -1, size_px=8, difficulty=2)
    assert len(str(caught.value).splitlines()) == 3
    with pytest.raises(SettingError, match="'good' must be 1 or more; got 0"):
        drawings("tile", good=0)


def test_hashes_follow_what_determines_an_image() -> None:
    crack = Drawing("tile", "test", "crack", 0)
    assert crack.sha256 != Drawing("tile", "test", "crack", 0, difficulty=0.6).sha256
    assert crack.sha256 != Drawing("tile", "test", "crack", 0, size_px=256).sha256
    good = Drawing("tile", "train", "good", 0)
    assert good.sha256 == Drawing("tile", "train", "good", 0, difficulty=0.6).sha256
