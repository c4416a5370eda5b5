"""Detectors that judge together: settings of members, the mean of what they say, one graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from PIL import Image

import blemish
from blemish.detectors.conformance.images import DrawnImages, blotted, training_images, weave
from blemish.detectors.fusion.detector import Fusion
from blemish.detectors.fusion.scale import Scales, sums_of, told
from blemish.detectors.fusion.settings import FusionSettings
from blemish.errors import CalibrationError, SettingError
from blemish.graph.session import Session
from blemish.progress import LoggedProgress

QUIET = LoggedProgress()
TWO = ["patchcore", "padim"]


@pytest.fixture
def own(backbone):
    """Settings that let PatchCore and PaDiM run on the tiny backbone."""
    return [f"backbone={backbone}", "levels=fine,coarse", "smoothing=1.0", "dimensions=10"]


@pytest.fixture
def make(own):
    """Both together."""

    def make_fusion(*more, **settings):
        return Fusion(
            **{"members": TWO, "member_settings": [*own, *more], "image_size": 64, **settings}
        )

    return make_fusion


def run(graph, image):
    score, score_map = Session(graph.SerializeToString()).run(
        ["score", "score_map"], image=image[None]
    )
    return float(score[0]), score_map[0]


def test_settings_of_members_keep_the_commas_of_lists():
    typed = "patchcore.levels=s8,s16,patchcore.k=3,padim.gaussian=global"
    settings = FusionSettings(members=TWO, member_settings=typed)
    assert settings.member_settings == (
        "patchcore.levels=s8,s16", "patchcore.k=3", "padim.gaussian=global",
    )  # fmt: skip
    members = settings.of_members()
    assert members["patchcore"].levels == ("s8", "s16")
    assert members["patchcore"].k == 3
    assert members["padim"].gaussian == "global"
    assert FusionSettings.from_dict(settings.to_dict()) == settings


def test_size_resizing_and_seed_are_those_of_all_and_a_member_may_differ():
    settings = FusionSettings(
        members=TWO, image_size=96, seed=7, member_settings=["padim.image_size=64"]
    )
    members = settings.of_members()
    assert {one.seed for one in members.values()} == {7}
    assert members["patchcore"].size_hw == (96, 96)
    assert members["padim"].size_hw == (64, 64)


def test_without_a_size_the_largest_of_the_members_is_told():
    pytest.importorskip("torch", reason="needs the extra 'train'")
    settings = FusionSettings(member_settings=["efficientad.preset=texture"])
    assert settings.size_hw == (512, 512)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"members": ["patchcore"]}, "'members' must have at least 2 entries"),
        ({"members": ["padim", "padim"]}, "'members' names 'padim' twice"),
        ({"members": ["padim", "fusion"]}, "'members' cannot name 'fusion' itself"),
        ({"members": ["padim", "pathcore"]}, "Did you mean 'patchcore'"),
        (
            {"members": TWO, "member_settings": ["k"]},
            "'member_settings': k must have the form NAME=VALUE",
        ),
        (
            {"members": TWO, "member_settings": ["padim.k=3"]},
            "'member_settings': Unknown setting k of padim",
        ),
        (
            {"members": TWO, "member_settings": ["patchcore.k=0"]},
            r"'member_settings': patchcore: k must be in \[1, 50\]",
        ),
        ({"members": TWO, "member_settings": ["efficientad.steps=3"]}, "not among the detectors"),
    ],
)
def test_what_cannot_be_is_refused(given, problem):
    with pytest.raises(SettingError, match=problem):
        FusionSettings(**given)


def test_a_file_of_a_member_is_told_without_its_folder(own):
    settings = FusionSettings(members=TWO, member_settings=own)
    told_settings = settings.portable()["member_settings"]
    assert told_settings[0] == "backbone=tiny.onnx"
    assert told_settings[1:] == own[1:]


def test_score_and_map_are_the_means_of_what_members_say_by_what_is_usual(make):
    fitted = make().fit(DrawnImages(training_images()), progress=QUIET)
    image = blotted(50, 90)
    expected = []
    for name, member in fitted._members.items():
        score, score_map = run(member.graph, image)
        scale = fitted.scales[name].all
        expected.append((scale.score.told(score), scale.map.told(score_map)))
    score, score_map = run(fitted.graph, image)
    assert score == pytest.approx(np.mean([one for one, _ in expected]), rel=1e-4)
    np.testing.assert_allclose(score_map, np.mean([m for _, m in expected], axis=0), atol=1e-3)


def test_what_members_share_is_in_the_graph_once(make):
    fitted = make().fit(DrawnImages(training_images()), progress=QUIET)

    def convolutions(graph):
        return [node for node in graph.graph.node if node.op_type == "Conv"]

    alone = [len(convolutions(member.graph)) for member in fitted._members.values()]
    backbone = 2  # convolutions of the tiny one
    assert len(convolutions(fitted.graph)) <= sum(alone) - backbone
    kernels = [(c.raw_data, c.data_type, *c.dims) for c in fitted.graph.graph.initializer]
    assert len(set(kernels)) == len(kernels)
    onnx.checker.check_model(fitted.graph)


def test_an_image_has_no_say_in_what_it_is_told_by_and_never_looks_better_than_to_the_model():
    rng = np.random.default_rng(0)
    maps = {f"{i}": rng.normal(i, 1, (8, 8)).astype(np.float32) for i in range(5)}
    scores = {name: float(values.max()) for name, values in maps.items()}
    scales = Scales(scores, {n: sums_of(m) for n, m in maps.items()}, {n: n for n in maps})
    score, score_map = told(scales, "4", scores["4"], maps["4"])
    others = np.array([scores[name] for name in "0123"])
    assert score == pytest.approx((scores["4"] - others.mean()) / others.std())
    assert (score_map >= scales.all.map.told(maps["4"]) - 1e-6).all()
    low, _ = told(scales, "0", scores["0"], maps["0"])
    assert low == pytest.approx(max(s.score.told(scores["0"]) for s in scales.of("0")))


@pytest.mark.parametrize("count", [1, 3])
def test_of_very_few_images_no_scale_is_known_and_a_fit_for_a_threshold_does_not_begin(
    make, caplog, tmp_path, count
):
    detector = make()
    assert detector.calibration_images([f"{i}" for i in range(count)]) == 0
    images = DrawnImages({f"{i}": weave(i) for i in range(count)})
    fitted = detector.fit(images, progress=QUIET)
    assert "averaged as it is" in caplog.text
    assert np.isfinite(run(fitted.graph, weave(1))[0])
    with pytest.raises(CalibrationError, match="at least 4 that all members leave out"):
        list(fitted.held_out_scores(progress=QUIET))


def test_too_few_images_are_refused_before_anything_is_fitted(make, tmp_path):
    folder = tmp_path / "few" / "train" / "good"
    folder.mkdir(parents=True)
    for i in range(3):
        Image.fromarray(weave(i)).save(folder / f"{i}.png")
    with pytest.raises(CalibrationError, match="too few would be left out of the fit"):
        blemish.fit(blemish.open_dataset(tmp_path / "few"), make())


def test_scores_that_are_alike_by_chance_are_told_by_the_maps():
    rng = np.random.default_rng(0)
    maps = {f"{i}": rng.normal(0, 1, (64, 64)).astype(np.float32) for i in range(4)}
    scores = {"0": 3.0, "1": 3.0, "2": 3.0, "3": 4.0}
    scales = Scales(scores, {n: sums_of(m) for n, m in maps.items()}, {n: n for n in maps})
    others, _ = scales.of("3")
    assert others.score.unit == pytest.approx(0.25, rel=0.05)
    score, _ = told(scales, "3", scores["3"], maps["3"])
    assert score == pytest.approx(4, rel=0.05)


def test_constant_images_give_finite_scores(make):
    grey = np.full((64, 64, 3), 90, np.uint8)
    fitted = make().fit(DrawnImages({f"{i}": grey for i in range(4)}), progress=QUIET)
    score, score_map = run(fitted.graph, blotted(50, 90))
    assert np.isfinite(score)
    assert np.isfinite(score_map).all()


def test_only_what_efficientad_left_out_counts(make, tmp_path):
    pytest.importorskip("torch", reason="needs the extra 'train'")
    from tiny_efficientad import tiny_settings, tiny_teacher

    teacher = tiny_settings(tiny_teacher(tmp_path / "teacher.onnx"), steps=8, held_out=0.4)
    plain = {k: v for k, v in teacher.items() if k != "image_size"}
    texts = [f"efficientad.{k}={str(v).lower() if v is True else v}" for k, v in plain.items()]
    detector = Fusion(
        members=["patchcore", "efficientad"],
        member_settings=["patchcore.coreset_count=50", *texts],
        image_size=128,
    )
    images = DrawnImages(training_images())
    fitted = detector.fit(images, progress=QUIET)
    scored = list(fitted.held_out_scores(progress=QUIET))
    assert len(scored) == detector.calibration_images(images.split_keys) < len(images.split_keys)
    assert fitted.held_out_method == "held out"
    assert {source.role for source in detector.provenance()} == {
        "backbone of patchcore", "teacher of efficientad",
    }  # fmt: skip


def test_a_model_of_several_is_a_model_like_any_other(make, category, tmp_path):
    dataset = blemish.open_dataset(category)
    model = blemish.fit(dataset, make())
    model.save(tmp_path / "both.onnx")
    loaded = blemish.load(tmp_path / "both.onnx")
    first = dataset.test[0]
    assert loaded.predict(first).score == model.predict(first).score
    labels = dict(loaded.facts.detector.told)
    assert labels["together"].startswith("patchcore and padim")
    assert "patchcore: memory bank" in labels
    assert "/" not in " ".join(loaded.facts.detector.settings["member_settings"])
