"""Training: what it sees, how it ends, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

from blemish.detectors.conformance.images import DrawnImages, training_images, weave
from blemish.detectors.efficientad.detector import EfficientAd
from blemish.errors import BlemishError, SettingError
from blemish.progress import LoggedProgress
from tiny_efficientad import tiny_settings, tiny_teacher

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
from blemish.detectors.efficientad import training  # noqa: E402
from blemish.detectors.efficientad.batches import Batches, KeptFeatures, Material, _order  # noqa: E402
from blemish.detectors.efficientad.pdn_teacher import PdnTeacher  # noqa: E402
from blemish.detectors.efficientad.rounds import Round  # noqa: E402
from blemish.detectors.efficientad.schedule import Schedule  # noqa: E402
from blemish.detectors.efficientad.settings import EfficientAdSettings  # noqa: E402
from blemish.detectors.efficientad.teacher import Statistics  # noqa: E402

TESTS = Path(__file__).parents[2]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return tiny_teacher(tmp_path_factory.mktemp("teacher") / "teacher.onnx")


class Watcher(LoggedProgress):
    """Notes stages, and does something at a step of a stage."""

    def __init__(self, at=None, do=None):
        self.stages, self.notes, self.said = [], [], []
        self._at, self._do = at, do

    @contextmanager
    def stage(self, name, total):
        done = 0
        self.stages.append(name)

        def advance(steps, note=None):
            nonlocal done
            done += steps
            self.notes += [note] if note else []
            if (name, done) == self._at:
                self._do()

        yield advance

    def say(self, message):
        self.said.append(message)


def fit(teacher, folder=None, progress=None, images=6, **settings):
    detector = EfficientAd(**tiny_settings(teacher, **({"steps": 45} | settings)))
    source = DrawnImages({f"{i:02}": weave(i) for i in range(images)})
    return detector.fit(source, progress=progress or Watcher(), folder=folder)


def graph_bytes(fitted):
    return fitted.graph.SerializeToString(deterministic=True)


@pytest.fixture(scope="module")
def uninterrupted(teacher):
    return fit(teacher)


# --- what a step sees ----------------------------------------------------------------------------


def batches(features=None, **settings):
    """Batches of images whose values say which they are and where they come from."""
    given = {"preset": "paper", "image_size": [132, 160], "batch_size": 4, "crop": 128} | settings
    height, width = np.indices((132, 160))
    where = (height * 1000 + width) / 2e5
    images = np.stack([np.stack([where + i, where, where]) for i in range(5)])
    penalty = np.random.default_rng(0).integers(0, 256, (7, 3, 140, 170)).astype(np.uint8)
    kept = None if features is None else KeptFeatures(features - np.float16(9), np.full(96, 9.0))
    teacher = PdnTeacher("extra_small", {}, "", "", "")
    material = Material(teacher, images.astype(np.float16), penalty, kept)
    ones = Statistics(np.zeros(96), np.ones(96))
    images = Round("some", [0, 1, 2, 4], [3], [])
    return Batches(material, images, ones, EfficientAdSettings(**given), CPU)


def test_the_same_step_sees_the_same_and_another_sees_something_else():
    one, again, other = (batches().at(step) for step in (3, 3, 4))
    for name in ("images", "varied", "penalty"):
        assert torch.equal(getattr(one, name), getattr(again, name))
        assert not torch.equal(getattr(one, name), getattr(other, name))


def test_every_image_trained_on_comes_once_a_round_and_no_other_does():
    found = batches(batch_size=2, crop=0)
    seen = [round(float(p[0].mean() - p[1].mean())) for step in range(6)
            for p in found.at(step).images]  # fmt: skip
    assert [sorted(seen[i : i + 4]) for i in (0, 4, 8)] == [[0, 1, 2, 4]] * 3
    assert _order(0, 0, 100).tolist() != _order(0, 1, 100).tolist()


def test_windows_lie_on_the_grid_and_are_cut_from_images_and_features_alike():
    cells = np.indices((25, 32)).sum(0)[None].astype(np.float16)
    features = np.stack([np.broadcast_to(cells, (96, 25, 32)) for _ in range(5)])
    rows, columns = set(), set()
    for step in range(12):
        batch = batches(features=features, crop=64).at(step)
        assert batch.images.shape == (4, 3, 64, 64)
        assert batch.features.shape == (4, 96, 8, 8)
        for window, image, kept in zip(batch.windows, batch.images, batch.features, strict=True):
            row, column = window.cell_rows.start, window.cell_columns.start
            rows.add(row)
            columns.add(column)
            assert kept[0, 0, 0] == row + column
            corner = (row * 4000 + column * 4) / 2e5
            assert float(image[1, 0, 0]) == pytest.approx(corner, abs=2e-3)
    assert max(rows) <= (132 - 64) // 4
    assert max(columns) <= (160 - 64) // 4
    assert len(rows) > 10


def test_penalty_images_are_of_the_students_size_and_some_without_colour():
    parts = torch.cat([batches(crop=0).at(step).penalty for step in range(10)])
    assert parts.shape == (40, 3, 132, 160)
    from blemish.detectors.efficientad.jitter import denormalised

    plain = denormalised(parts)
    colourless = ((plain[:, 0] - plain[:, 1]).abs().amax((1, 2)) < 1e-5).float().mean()
    assert 0.1 < colourless < 0.6
    assert 0 <= plain.min() + 1e-5 <= plain.max() <= 1 + 1e-5


# --- how it goes on ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(teacher, uninterrupted):
    assert graph_bytes(fit(teacher)) == graph_bytes(uninterrupted)
    assert graph_bytes(fit(teacher, seed=1)) != graph_bytes(uninterrupted)


def test_running_means_are_those_of_the_weights_after_each_step(teacher):
    def kernels(steps, averaged_steps):
        fitted = fit(teacher, steps=steps, averaged_steps=averaged_steps, decay_by=1.0)
        values = map(numpy_helper.to_array, fitted.graph.graph.initializer)
        return [value for value in values if value.ndim == 4]

    each, means = [kernels(steps, 0) for steps in (1, 2, 3)], kernels(3, 100)
    assert sum(not np.array_equal(first, last) for first, _, last in zip(*each, strict=True)) > 10
    for mean, *values in zip(means, *each, strict=True):
        assert np.abs(mean - np.mean(values, axis=0)).max() < 1e-6


@pytest.mark.parametrize("step", [1, 20, 27])
def test_ctrl_c_saves_and_the_training_goes_on_as_if_it_had_not_been(
    teacher, tmp_path, uninterrupted, step
):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(teacher, tmp_path, Watcher(("training", step), interrupt))
    assert facts(tmp_path)["step"] == step
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = fit(teacher, tmp_path)
    assert graph_bytes(again) == graph_bytes(uninterrupted)
    assert again.details == uninterrupted.details


def test_without_a_folder_ctrl_c_is_not_held_back(teacher):
    def interrupt():
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the signal was held back")

    with pytest.raises(KeyboardInterrupt):
        fit(teacher, None, Watcher(("training", 3), interrupt))


def test_a_signal_that_the_program_takes_care_of_only_saves(teacher, tmp_path, uninterrupted):
    taken = []
    before = signal.signal(signal.SIGTERM, lambda *_: taken.append(facts(tmp_path)["step"]))
    try:
        watcher = Watcher(("training", 7), lambda: signal.raise_signal(signal.SIGTERM))
        fitted = fit(teacher, tmp_path, watcher)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert taken == [7]
    assert graph_bytes(fitted) == graph_bytes(uninterrupted)


def test_a_done_training_is_not_done_again(teacher, tmp_path, uninterrupted, monkeypatch):
    fit(teacher, tmp_path)
    monkeypatch.setattr(training._Run, "take_step", None)
    assert graph_bytes(fit(teacher, tmp_path)) == graph_bytes(uninterrupted)


def test_finished_parts_are_not_trained_again(teacher, tmp_path, monkeypatch):
    settings = {"calibration_folds": 3, "steps": 25}
    with pytest.raises(KeyboardInterrupt):
        fit(teacher, tmp_path, Watcher(("training 2/4", 5), lambda: os.kill(os.getpid(), 2)),
            **settings)  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {
        "without-1.safetensors", "without-2.safetensors",
    }  # fmt: skip
    taken = []
    take_step = training._Run.take_step
    monkeypatch.setattr(
        training._Run, "take_step", lambda run: (taken.append(run.step), take_step(run))
    )
    resumed = fit(teacher, tmp_path, **settings)
    assert taken == [*range(5, 25), *range(25), *range(25)]
    monkeypatch.undo()
    assert graph_bytes(resumed) == graph_bytes(fit(teacher, **settings))


KILLED = """
import sys
from pathlib import Path
from blemish.detectors.conformance.images import DrawnImages, weave
from blemish.detectors.efficientad.detector import EfficientAd
from blemish.progress import LoggedProgress
from tiny_efficientad import tiny_settings
detector = EfficientAd(**tiny_settings(Path(sys.argv[1]), steps=110, checkpoint_seconds=0))
source = DrawnImages({f"{i:02}": weave(i) for i in range(6)})
detector.fit(source, progress=LoggedProgress(), folder=Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(teacher, tmp_path):
    for _ in range(2):
        before = facts(tmp_path)["step"] if any(tmp_path.iterdir()) else 0
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(teacher), str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(TESTS)},
        )
        while process.poll() is None and step_of(tmp_path) <= before:
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert facts(tmp_path)["step"] > 0
    assert {path.suffix for path in tmp_path.iterdir()} <= {".safetensors", ".tmp"}
    options = {"steps": 110, "checkpoint_seconds": 0}
    assert graph_bytes(fit(teacher, tmp_path, **options)) == graph_bytes(fit(teacher, **options))


def step_of(folder):
    return facts(folder)["step"] if (folder / "whole.safetensors").exists() else 0


def facts(folder):
    from safetensors import safe_open

    with safe_open(folder / "whole.safetensors", "pt") as file:
        return json.loads(file.metadata()["blemish.efficientad"])


# --- what it refuses -----------------------------------------------------------------------------


def test_a_checkpoint_of_other_settings_images_or_teacher_is_refused(teacher, tmp_path):
    fit(teacher, tmp_path / "run", steps=20)

    def refused(match, *args, **settings):
        with pytest.raises(BlemishError, match=match):
            fit(*args, tmp_path / "run", **({"steps": 20} | settings))

    refused(r"another training \(steps: 20 there, 21 here\)\. Delete it", teacher, steps=21)
    refused("images: not the same", teacher, images=5)
    refused("teacher: not the same", tiny_teacher(tmp_path / "other.onnx", seed=5))
    moved = teacher.rename(teacher.with_name("moved.onnx"))
    fit(moved, tmp_path / "run", steps=20, memory_megabytes=500)
    moved.rename(teacher)


@pytest.mark.parametrize("kind", ["torn", "foreign", "text", "lacking", "flipped"])
def test_a_checkpoint_that_cannot_be_is_told(teacher, tmp_path, kind):
    from safetensors.torch import load, save_file

    fit(teacher, tmp_path, steps=20)
    path = tmp_path / "whole.safetensors"
    data = path.read_bytes()
    if kind == "torn":
        path.write_bytes(data[:-1000])
    elif kind == "text":
        path.write_text("no checkpoint")
    elif kind == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
    elif kind == "foreign":
        save_file({"x": torch.zeros(3)}, path, {"format": "pt"})
    else:
        known = {"blemish.efficientad": json.dumps(facts(tmp_path))}
        tensors = load(data)
        tensors.pop("student.conv1.bias")
        save_file(tensors, path, known)
    with pytest.raises(BlemishError, match=r"whole\.safetensors' is damaged, or no checkpoint"):
        fit(teacher, tmp_path, steps=20)


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"learning_rate": 0.5}, "Try a lower learning_rate than 0.5"),
        ({"precision": "bfloat16"}, "Try precision=float32 in place of bfloat16"),
        ({}, "a teacher whose features all vary"),
    ],
)
def test_a_loss_that_is_not_finite_ends_the_training_with_its_step_and_likely_cause(
    teacher, tmp_path, monkeypatch, settings, advice
):
    losses, calls = training.step_losses, []

    def spoiled(*args):
        calls.append(1)
        return losses(*args) * (float("nan") if len(calls) == 33 else 1)

    monkeypatch.setattr(training, "step_losses", spoiled)
    with pytest.raises(BlemishError, match=r"is not a finite number in step 33 of 45") as error:
        fit(teacher, tmp_path, checkpoint_seconds=0, **settings)
    assert advice in str(error.value)
    assert facts(tmp_path)["step"] == 20  # the last that was sound


def test_weights_that_are_not_finite_after_the_last_step_are_told(teacher, monkeypatch):
    rate = Schedule.rate
    monkeypatch.setattr(
        Schedule, "rate", lambda self, step: float("nan") if step == 44 else rate(self, step)
    )
    with pytest.raises(BlemishError, match="no longer finite numbers in step 45"):
        fit(teacher)


def test_a_device_that_is_not_there_is_told(teacher, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError, match="use cpu, or auto"):
        fit(teacher, device="cuda")


# --- the rest ------------------------------------------------------------------------------------


def test_the_learning_rate_falls_late():
    schedule = Schedule(EfficientAdSettings(preset="paper"), 70_000)
    rates = [schedule.rate(step) for step in (0, 66_499, 66_500, 69_999)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5])
    assert schedule.end == 70_000


def test_losses_fall_are_told_and_are_kept_thin(teacher, monkeypatch):
    monkeypatch.setattr(training, "MOST_TOLD", 3)
    watcher = Watcher()
    fitted = fit(teacher, progress=watcher, steps=160)
    assert len([note for note in watcher.notes if note.startswith("student ")]) == 8
    history = fitted.details["losses"]["history"]
    assert 3 <= len(history) <= 6
    assert [row[0] for row in history] == sorted({row[0] for row in history})
    assert history[-1][0] == 160
    assert history[-1][1] < history[0][1]
    assert json.loads(json.dumps(fitted.details)) == fitted.details


def test_training_leaves_threads_and_random_numbers_as_they_were(teacher):
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(teacher, steps=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_kept_features_give_nearly_the_same_as_features_made_anew(teacher):
    kept, anew = (fit(teacher, steps=5, keep_features=keep) for keep in (True, False))
    for one, other in zip(
        kept.details["losses"]["history"], anew.details["losses"]["history"], strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-2)


def test_a_teacher_whose_features_do_not_vary_is_told_and_trained_with(teacher):
    watcher = Watcher()
    detector = EfficientAd(**tiny_settings(teacher, steps=5))
    grey = DrawnImages({f"{i}": np.full((60, 60, 3), 100, np.uint8) for i in range(4)})
    fitted = detector.fit(grey, progress=watcher)
    assert any("96 of the teacher's 96 features do not vary" in said for said in watcher.said)
    assert np.isfinite([r.score for r in fitted.held_out_scores(progress=watcher)]).all()


def test_a_training_that_learned_nothing_is_told_so(teacher):
    watcher = Watcher()
    given = {"unexplained": 0.05, "schedule": "cool-down", "learning_rate": 1e-7, "steps": 3}
    EfficientAd(**tiny_settings(teacher, autoencoder_weight=0, penalty_weight=0, **given)).fit(
        DrawnImages(training_images()), progress=watcher
    )
    assert any("it learned nothing yet, or its learning rate" in said for said in watcher.said)


def test_without_an_autoencoder_student_and_teacher_are_all_there_is(teacher):
    fitted = fit(teacher, steps=60, autoencoder_weight=0)
    facts = fitted.details
    assert facts["losses"]["names"] == ["step", "student", "penalty"]
    assert facts["losses"]["history"][-1][1] < facts["losses"]["history"][0][1]
    assert facts["quantiles"].keys() == {"student"}
    assert fitted.nets.autoencoder == {}
    assert facts["parameters"] == 2 * sum(w.size for w in fitted.nets.student.values())
