"""A map that a trained head makes: score and verdict stay, the map is the net's, to rounding."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import zoom

from blemish.detectors.conformance.images import BLOT_COLUMN, BLOT_ROW, blotted, weave
from blemish.detectors.joined_plan import JoinedPlan
from blemish.detectors.patchcore import detector as module
from blemish.errors import MissingExtraError, SettingError
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.progress import LoggedProgress
from heard import Heard
from two_banks import detector, weaves

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
from blemish.detectors.nets.module import fixed_net  # noqa: E402
from blemish.detectors.patchcore.head import examples, training  # noqa: E402
from blemish.detectors.patchcore.head.net import LAYERS, LEAST  # noqa: E402

QUIET = LoggedProgress()


@pytest.fixture(autouse=True, scope="module")
def short():
    """A training that takes a second or two."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "STEPS", 150)
        patched.setattr(examples, "SPOILT_IMAGES", 80)
        yield


def fit(backbone, images=None, progress=QUIET, **settings):
    given = {"head": "distance"} | settings
    return detector(backbone, **given).fit(images or weaves(), progress=progress)


@pytest.fixture(scope="module")
def fitted(backbone):
    return fit(backbone)


@pytest.fixture(scope="module")
def session(fitted):
    names = ["score", "score_map", "multiples", "finer/multiples"]
    return Session(with_outputs(fitted.graph.SerializeToString(), names))


def test_the_score_is_that_of_the_first_bank_to_the_bit(backbone, fitted, session):
    plain = detector(backbone, map_levels=None).fit(weaves(), progress=QUIET)
    images = np.stack([weave(50), blotted(51, 120)])
    (wanted,) = Session(plain.graph.SerializeToString()).run(["score"], image=images)
    (found,) = session.run(["score"], image=images)
    np.testing.assert_array_equal(found, wanted)
    held_out = [
        {one.name: one.score for one in each.held_out_scores(progress=QUIET)}
        for each in (plain, fitted)
    ]
    assert held_out[0] == held_out[1]


def test_the_map_is_what_the_net_says_of_multiples_by_both_banks(fitted, session):
    image = np.ascontiguousarray(blotted(51, 120)[:64, :64])
    found, coarse, fine = session.run(
        ["score_map", "multiples", "finer/multiples"], image=image[None]
    )
    both = np.stack([zoom(coarse[0], 2, order=1, mode="nearest", grid_mode=True), fine[0]])
    readings = torch.from_numpy(np.log(np.maximum(both, LEAST))[None])
    with torch.no_grad():
        not_good = torch.nn.functional.softplus(fixed_net(LAYERS, fitted.head)(readings))
    wanted = zoom(not_good[0, 0].numpy(), 4, order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-3, atol=1e-3)


def test_it_marks_a_defect_that_it_has_never_seen_and_little_else(session):
    (score_map,) = session.run(["score_map"], image=blotted(77, 120)[None])
    rows, columns = np.indices(score_map.shape[1:])
    away = np.hypot(rows - BLOT_ROW, columns - BLOT_COLUMN)
    even = np.log(2)
    assert score_map[0][away < 4].mean() > even
    assert np.mean(score_map[0][away > 20] > even) < 0.02


def test_peaks_are_those_of_maps_as_they_were_when_images_were_left_out(fitted):
    for one in fitted.held_out_scores(progress=QUIET):
        held_out = fitted.held_out_map(one.name)
        assert held_out.shape == weave(0).shape[:2]
        assert one.peak == pytest.approx(float(held_out.max()), rel=1e-5)


def test_two_fits_give_the_same_bytes_and_another_seed_others(backbone, fitted, monkeypatch):
    again, other = fit(backbone), fit(backbone, seed=1)
    assert again.graph.SerializeToString() == fitted.graph.SerializeToString()
    monkeypatch.setenv("BLEMISH_CORES", "1")
    assert fit(backbone).graph.SerializeToString() == fitted.graph.SerializeToString()
    assert other.graph.SerializeToString() != fitted.graph.SerializeToString()


def test_people_and_programs_are_told_of_it(fitted):
    assert ("map", "by a head that reads the distances to both banks") in fitted.told()
    assert fitted.details["finer_map"]["head"] is True


def test_its_stages_are_told(backbone):
    heard = Heard()
    fit(backbone, progress=heard)
    assert {"pictures", "defects", "head"} <= set(heard.stages)


def test_one_image_alone_has_the_map_of_one_bank(backbone):
    heard = Heard()
    fitted = fit(backbone, weaves(1), progress=heard)
    (found,) = Session(fitted.graph.SerializeToString()).run(["score_map"], image=weave(9)[None])
    assert np.isfinite(found).all()
    assert any("takes 2 images" in told for told in heard.said)


def test_two_images_are_enough(backbone):
    fitted = fit(backbone, weaves(2))
    (found,) = Session(fitted.graph.SerializeToString()).run(["score_map"], image=weave(9)[None])
    assert np.isfinite(found).all()


def test_what_cannot_go_together_is_refused(backbone):
    with pytest.raises(SettingError, match="'head' reads a second bank: give 'map_levels'"):
        detector(backbone, head="distance", map_levels=None)
    with pytest.raises(SettingError, match="'calibration_folds' must not be 0"):
        detector(backbone, head="distance", calibration_folds=0)
    with pytest.raises(SettingError, match="'resize' must be stretch"):
        detector(backbone, head="distance", resize="longer")


def test_without_torch_the_user_hears_what_to_install(backbone, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"head=distance needs .*blemish\[train\]"):
        detector(backbone, head="distance")
    detector(backbone)  # the geometric mean needs none


def test_the_model_runs_without_torch(fitted, tmp_path):
    path = tmp_path / "head.onnx"
    path.write_bytes(fitted.graph.SerializeToString())
    program = (
        "import sys\nsys.modules['torch'] = None\n"
        "import numpy as np\nfrom pathlib import Path\n"
        "from blemish.graph.session import Session\n"
        f"session = Session(Path({str(path)!r}).read_bytes())\n"
        "image = np.zeros((1, 72, 72, 3), np.uint8)\n"
        "assert np.isfinite(session.run(['score_map'], image=image)[0]).all()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_plan_counts_it_and_banks_leave_it_its_memory(backbone):
    settings = {"memory_megabytes": 3000}
    images = weaves(2)
    images.sizes_hw = [(64, 64)] * 200_000  # plans look at sizes alone
    with_head, without = (
        detector(backbone, head=head, **settings).plan(images) for head in ("distance", "none")
    )
    assert isinstance(with_head, JoinedPlan)
    assert with_head.memory_bytes <= 3000 * 10**6
    assert with_head.members["head"].memory_bytes > 250 * 10**6
    assert with_head.members["bank"].candidates < without.members["bank"].candidates
    weights = sum(np.prod(shape) for layer in LAYERS for shape in layer.shapes.values())
    assert with_head.members["head"].model_bytes == 4 * weights


def test_how_long_it_takes_is_guessed(backbone):
    guessed = detector(backbone, head="distance").estimate_seconds(weaves())
    assert {"pictures", "defects", "head"} <= set(guessed)
    assert all(seconds > 0 for seconds in guessed.values())
