"""Levels of a backbone as a teacher, and the student that follows them."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import numpy as np
import pytest

from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.efficientad.backbone_teacher import load_levels
from blemish.detectors.efficientad.detector import EfficientAd
from blemish.detectors.efficientad.graph import EfficientAdGraph
from blemish.detectors.efficientad.teacher import Statistics
from blemish.detectors.nets.nodes import add_net
from blemish.errors import BackboneError, SettingError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from graphs import run_nodes
from tiny import LEVELS, tiny_backbone

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
from blemish.detectors.efficientad.batches import Batches, KeptFeatures, Material  # noqa: E402
from blemish.detectors.efficientad.rounds import Round, rounds_of  # noqa: E402
from blemish.detectors.nets.module import Net, weights_of  # noqa: E402
from blemish.graph.engine import CPU  # noqa: E402

QUIET = LoggedProgress()
SMALL = {
    "preset": "quick", "image_size": 64, "steps": 60, "student_width": 8, "precision": "float32",
    "device": "cpu", "held_out": 0.3,
}  # fmt: skip


def detector(backbone, **settings):
    given = {"teacher_backbone": str(backbone), "teacher_levels": LEVELS}
    return EfficientAd(**(given | SMALL | settings))


def weaves(count=10):
    return DrawnImages({f"{seed:02}": weave(seed) for seed in range(count)})


def answers_of(teacher, images):
    answer = teacher.answers(torch.device("cpu"), CPU)
    return answer(torch.from_numpy(images)).numpy()


def test_levels_are_joined_on_the_finest_grid_and_normalised_in_the_graph(backbone):
    teacher = load_levels(str(backbone), LEVELS)
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 48)).astype(np.float32)
    raw = answers_of(teacher, images)
    assert raw.shape == (2, teacher.features, *teacher.grid_hw((64, 48))) == (2, 20, 16, 12)
    fine = answers_of(load_levels(str(backbone), LEVELS[:1]), images)
    np.testing.assert_array_equal(raw[:, :8], fine)
    coarse = answers_of(load_levels(str(backbone), LEVELS[1:]), images)
    wanted = torch.nn.functional.interpolate(torch.from_numpy(coarse), (16, 12), mode="bilinear")
    np.testing.assert_allclose(raw[:, 8:], wanted.numpy(), atol=1e-5)
    found = Statistics(raw.mean((0, 2, 3)).astype(float), raw.std((0, 2, 3)).astype(float))
    g = GraphBuilder()
    g.op("Identity", teacher.add(g, "working", found), name="features")
    model = g.build(
        [tensor("working", FLOAT, "N", 3, "H", "W")],
        [tensor("features", FLOAT, "N", 20, "h", "w")],
    )
    (normal,) = Session(model.SerializeToString()).run(["features"], working=images)
    np.testing.assert_allclose(normal.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(normal.std((0, 2, 3)), 1, rtol=1e-3)


def test_a_teacher_in_8_bits_is_followed_as_it_is_and_judges_nearly_alike(backbone):
    images, defect = weaves(), blotted(100, 120)[None]
    whole, rounded = (
        detector(backbone, teacher_precision=precision).fit(images, progress=QUIET)
        for precision in ("float32", "int8")
    )
    kinds = [[node.op_type for node in fitted.graph.graph.node] for fitted in (whole, rounded)]
    assert "QuantizeLinear" not in kinds[0]
    assert "QuantizeLinear" in kinds[1]
    # The student follows the rounded teacher: good images look no worse to it than to the other.
    medians = [
        np.median([one.score for one in fitted.held_out_scores(progress=QUIET)])
        for fitted in (whole, rounded)
    ]
    assert abs(medians[0] - medians[1]) < 0.2
    scores = [
        Session(fitted.graph.SerializeToString()).run(["score"], image=defect)[0][0]
        for fitted in (whole, rounded)
    ]
    assert abs(scores[0] - scores[1]) < 0.3
    assert min(scores) > max(medians) + 1


def test_features_too_large_to_be_kept_are_told_with_the_cure(tmp_path):
    import onnx

    model = onnx.load(tiny_backbone(tmp_path / "large.onnx"))
    (kernel,) = (w for w in model.graph.initializer if w.name == "fine_kernel")
    values = onnx.numpy_helper.to_array(kernel) * np.float32(1e6)
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))
    onnx.save(model, tmp_path / "large.onnx")
    settings = {"teacher_backbone": str(tmp_path / "large.onnx"), "teacher_levels": LEVELS}
    detector = EfficientAd(image_size=64, steps=3, **settings)
    with pytest.raises(SettingError, match="half precision; give keep_features=false"):
        detector.fit(weaves(), progress=LoggedProgress())


def test_coarser_levels_are_averages_of_their_neighbours(backbone):
    images = np.random.default_rng(0).standard_normal((1, 3, 64, 48)).astype(np.float32)
    plain, averaged = (
        answers_of(load_levels(str(backbone), LEVELS, neighbourhood=side), images)[0]
        for side in (1, 3)
    )
    np.testing.assert_array_equal(plain[:8], averaged[:8])
    coarse = torch.from_numpy(answers_of(load_levels(str(backbone), LEVELS[1:]), images))
    local = torch.nn.functional.avg_pool2d(coarse, 3, 1, 1)
    wanted = torch.nn.functional.interpolate(local, (16, 12), mode="bilinear")[0]
    np.testing.assert_allclose(averaged[8:], wanted.numpy(), atol=1e-5)


def test_a_student_has_a_cell_for_each_of_the_teachers(backbone):
    images = torch.randn(1, 3, 64, 48)
    for levels in (LEVELS, LEVELS[:1], LEVELS[1:]):
        teacher = load_levels(str(backbone), levels)
        wanted = (teacher.features, *teacher.grid_hw((64, 48)))
        student = Net(teacher.student(doubled=False, width=4))
        assert student(images).shape[1:] == wanted
        both = Net(teacher.student(doubled=True, width=4)).eval()
        with torch.no_grad():
            answers = both(images)
            halves = [both(images, half) for half in (slice(wanted[0]), slice(wanted[0], None))]
        assert answers.shape[1:] == (2 * wanted[0], *wanted[1:])
        torch.testing.assert_close(torch.cat(halves, 1), answers)


def test_a_student_of_levels_is_the_same_in_the_graph(backbone):
    layers = load_levels(str(backbone), LEVELS).student(doubled=True, width=4)
    net = Net(layers).eval()
    image = np.random.default_rng(0).standard_normal((2, 3, 64, 48)).astype(np.float32)
    (ours,) = run_nodes(lambda g: [add_net(g, "image", layers, weights_of(net))], image=image)
    with torch.no_grad():
        theirs = net(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_layer_with_a_skip_adds_what_came_in(backbone):
    teacher = load_levels(str(backbone), LEVELS[:1])
    net = Net(teacher.student(doubled=False, width=4)).eval()
    image = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        x = torch.relu(net.stem(image))
        for name in ("at4_1", "at4_2"):
            x = torch.relu(x + net.get_submodule(name)(x))
        torch.testing.assert_close(net(image), net.head1(x))


def test_sizes_that_no_student_can_follow_are_refused_before_anything_is_read(backbone):
    with pytest.raises(SettingError, match=r"multiple of 8 .*got \[60, 60\].* is \[64, 64\]"):
        detector(backbone, image_size=60).fit(None, progress=QUIET)
    with pytest.raises(SettingError, match=r"'crop' must be 0 .*of 8 in \[40, 64\].* is 48\."):
        detector(backbone, crop=44, image_size=64).fit(None, progress=QUIET)
    for crop, told in ((64, r"in \[72, 128\].*got 64, .* is 72"), (200, "got 200, .* is 128")):
        with pytest.raises(SettingError, match=told):
            detector(backbone, crop=crop, image_size=128, teacher_levels=LEVELS[1:]).plan(weaves())
    with pytest.raises(SettingError, match="only 0 works"):
        detector(backbone, crop=64, teacher_levels=LEVELS[1:]).plan(weaves())
    with pytest.raises(BackboneError, match="has no level 'middle'"):
        detector(backbone, teacher_levels=["middle"]).fit(None, progress=QUIET)


def test_a_part_counts_away_from_its_cuts_alone(backbone):
    settings = detector(backbone, crop=48, image_size=96).settings
    teacher = load_levels(str(backbone), LEVELS[1:])
    cells = np.indices((12, 12)).sum(0)[None].astype(np.float16)
    features = KeptFeatures(np.stack([np.broadcast_to(cells, (12, 12, 12))] * 2), np.zeros(12))
    material = Material(teacher, np.zeros((2, 3, 96, 96), np.float16), None, features)
    ones = Statistics(np.zeros(12), np.ones(12))
    batches = Batches(material, Round("one", [0, 1], [], []), ones, settings, torch.device("cpu"))
    starts = set()
    for step in range(40):
        batch = batches.at(step)
        assert batch.counted.shape == (2, 1, 6, 6)
        for window, counted in zip(batch.windows, batch.counted[:, 0], strict=True):
            row, column = window.cell_rows.start, window.cell_columns.start
            starts.add(row)
            above = 0 if row == 0 else 4
            below = 6 if row == 6 else 2
            left = 0 if column == 0 else 4
            right = 6 if column == 6 else 2
            wanted = np.zeros((6, 6))
            wanted[above:below, left:right] = 1
            np.testing.assert_array_equal(counted, wanted)
    assert {0, 6} < starts  # both borders, and between


def test_watched_images_are_neither_trained_on_nor_scored():
    settings = EfficientAd(**SMALL).settings
    keys = [f"{i}" for i in range(60)]
    for one in rounds_of(settings.replace(calibration_folds=3), keys):
        assert len(one.watched) >= 1
        everything = [*one.trained, *one.watched, *one.left_out]
        assert sorted(everything) == list(range(60))
    assert all(not one.watched for one in rounds_of(settings.replace(unexplained=0), keys))
    (few,) = rounds_of(settings, keys[:4])
    assert not few.watched


def test_a_fit_ends_early_says_so_and_finds_a_blot(backbone):
    fitted = detector(backbone, steps=2000, unexplained=0.6).fit(weaves(), progress=QUIET)
    found = fitted.details
    assert found["steps"] < 2000
    assert found["unexplained"]["converged"] is True
    assert found["unexplained"]["watched"] == 1
    assert found["variant"]["teacher"].endswith("published small")
    assert "penalty" not in found["losses"]["names"]
    told = dict(fitted.told())
    assert "differs from the paper in teacher" in told["variant"]
    assert "in 1 image not trained on" in told["unexplained"]
    session = Session(fitted.graph.SerializeToString())
    good, bad = (
        session.run(["score"], image=image[None])[0][0] for image in (weave(99), blotted(99, 120))
    )
    assert bad > good


def test_the_score_is_the_mean_of_the_highest_cells(backbone):
    one = detector(backbone, image_size=128)
    writer = EfficientAdGraph(one.settings, one.teacher, DrawnImages({}).image_format)
    grid = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    image_hw = np.array([128, 128], np.int64)
    other = np.random.default_rng(1).random((1, 32, 32)).astype(np.float32)
    first, second = (f"deviations_{branch}" for branch in writer.branches)
    given = {first: grid, second: other, "image_hw": image_hw}
    end = Session(writer.summary().SerializeToString())
    score, score_map = end.run(["score", "score_map"], **given)
    from scipy.ndimage import uniform_filter

    def highest(cells):
        inside = uniform_filter(np.pad(np.ones((32, 32)), 1), 3, mode="constant")[1:-1, 1:-1]
        sums = uniform_filter(np.pad(cells.astype(float), 1), 3, mode="constant")[1:-1, 1:-1]
        return np.sort((sums / inside).ravel())[-5:].mean()

    tops = [highest(cells[0]) for cells in (grid, other)]
    assert score[0] == pytest.approx(0.8 * tops[0] + 0.2 * tops[1], rel=1e-5)
    assert score_map.shape == (1, 128, 128)


def test_levels_count_by_their_cells(backbone):
    one = detector(backbone)  # at strides 4 and 8
    writer = EfficientAdGraph(one.settings, one.teacher, DrawnImages({}).image_format)
    assert writer.branches == pytest.approx({"student_fine": 0.8, "student_coarse": 0.2})
    coded = detector(backbone, image_size=128, autoencoder_weight=0.5)
    writer = EfficientAdGraph(coded.settings, coded.teacher, DrawnImages({}).image_format)
    wanted = {"student_fine": 0.4, "student_coarse": 0.1, "autoencoder": 0.5}
    assert writer.branches == pytest.approx(wanted)


class Interrupting(LoggedProgress):
    """Presses Ctrl-C at a step of the training."""

    def __init__(self, at):
        self._at = at

    @contextmanager
    def stage(self, name, total):
        done = 0

        def advance(steps, note=None):
            nonlocal done
            done += steps
            if name == "training" and done == self._at:
                signal.raise_signal(signal.SIGINT)

        yield advance


@pytest.mark.parametrize("step", [100, 130])  # as it begins to cool down, and while it does
def test_a_training_that_is_about_to_end_goes_on_as_if_nothing_had_been(backbone, tmp_path, step):
    chosen = {"steps": 2000, "unexplained": 0.9, "checkpoint_seconds": 0}
    whole = detector(backbone, **chosen).fit(weaves(), progress=QUIET)
    assert whole.details["steps"] == 150
    with pytest.raises(KeyboardInterrupt):
        detector(backbone, **chosen).fit(weaves(), progress=Interrupting(step), folder=tmp_path)
    again = detector(backbone, **chosen).fit(weaves(), progress=QUIET, folder=tmp_path)
    one, other = (f.graph.SerializeToString(deterministic=True) for f in (whole, again))
    assert one == other
    assert again.details == whole.details
