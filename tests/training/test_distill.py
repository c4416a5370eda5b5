"""The trainings: a resumable run, files that can be used."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from blemish.backbones import read_backbone
from blemish.detectors.efficientad.pdn_teacher import load_pdn
from blemish.graph.session import Session

pytest.importorskip("torch", reason="training needs the extra 'train'")

TRAINING = Path(__file__).parents[2] / "training"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Random convolutions with levels at strides 4, 8 and 16."""
    rng = np.random.default_rng(0)
    nodes, weights, taken, channels = [], [], "image", 3
    for name, stride in (("a", 4), ("b", 2), ("c", 2)):
        kernel = rng.standard_normal((6, channels, stride, stride)).astype(np.float32) / stride
        weights.append(numpy_helper.from_array(kernel, f"{name}_kernel"))
        nodes.append(helper.make_node(
            "Conv", [taken, f"{name}_kernel"], [f"{name}_sum"], strides=[stride, stride]
        ))  # fmt: skip
        nodes.append(helper.make_node("Relu", [f"{name}_sum"], [name]))
        taken, channels = name, 6
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 4) for n in "abc"]
    model = helper.make_model(helper.make_graph(nodes, "teacher", [image], outputs, weights))
    helper.set_model_props(model, {"mean": json.dumps([0.5] * 3), "std": json.dumps([0.25] * 3)})
    path = tmp_path_factory.mktemp("teacher") / "teacher.onnx"
    onnx.save(model, path)
    return path


def command(teacher, output):
    return [
        sys.executable, str(TRAINING / "distill.py"), "--teacher", str(teacher),
        "--levels", "a,b,c", "--output", str(output), "--shards", "3", "--shard-size", "32",
        "--side", "32", "--batch", "8", "--drawers", "1", "--threads", "1",
    ]  # fmt: skip


def weights_of(path):
    return [numpy_helper.to_array(t).tobytes() for t in onnx.load(path).graph.initializer]


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(teacher, tmp_path):
    subprocess.run(command(teacher, tmp_path / "whole"), check=True, capture_output=True)
    killed = subprocess.Popen(command(teacher, tmp_path / "cut"), stdout=subprocess.PIPE)
    checkpoint = tmp_path / "cut" / "checkpoint.safetensors"
    while not checkpoint.exists() and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    again = subprocess.run(
        command(teacher, tmp_path / "cut"), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "going on from shard" in again.stdout
    whole, cut = (weights_of(tmp_path / name / "student.onnx") for name in ("whole", "cut"))
    assert whole == cut
    backbone = read_backbone(tmp_path / "whole" / "student.onnx")
    assert [(level.name, level.stride) for level in backbone.levels] == [
        ("s4", 4), ("s8", 8), ("s16", 16)
    ]  # fmt: skip
    assert backbone.licence == "Apache-2.0"


def test_a_student_begins_with_what_another_one_answers(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(TRAINING)
    from common import Spread
    from export import export
    from student import Student
    from warm_start import warm_start

    from blemish.detectors.efficientad.jitter import normalised

    torch.manual_seed(0)
    images = torch.rand(4, 3, 64, 64)
    first, second = (
        [Spread([scale * torch.randn(2, count, 8, 8)]) for count in (3, 4, 5)] for scale in (1, 2)
    )
    known, begun, again = (Student((3, 4, 5)) for _ in range(3))
    with torch.no_grad():
        known(normalised(images))
        export(known.eval(), first, tmp_path / "known.onnx", {})
        warm_start(begun, tmp_path / "known.onnx", second, images)
        export(begun.eval(), second, tmp_path / "begun.onnx", {})
        warm_start(again, tmp_path / "begun.onnx", second, images)
    image = normalised(images).numpy()
    expected, found = (
        Session((tmp_path / f"{name}.onnx").read_bytes()).run(None, image=image)
        for name in ("known", "begun")
    )
    with torch.no_grad():
        trained = again.train()(normalised(images))
    for want, got, level, spread in zip(expected, found, trained, second, strict=True):
        np.testing.assert_allclose(got, want, atol=0.02 * np.ptp(want))
        on_its_scale = (level * spread.std + spread.mean).numpy()
        np.testing.assert_allclose(on_its_scale, want, atol=0.02 * np.ptp(want))


def test_no_image_takes_a_student_out_of_range(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(TRAINING)
    from common import Spread
    from export import export
    from student import BOUND, Student

    spreads = [Spread([torch.randn(2, count, 8, 8)]) for count in (3, 4, 5)]
    export(Student((3, 4, 5)).eval(), spreads, tmp_path / "student.onnx", {})
    image = np.full((1, 3, 64, 64), 1e6, np.float32)
    levels = Session((tmp_path / "student.onnx").read_bytes()).run(None, image=image)
    for level, spread in zip(levels, spreads, strict=True):
        far = (torch.from_numpy(level) - spread.mean).abs() / spread.std
        assert far.max() <= BOUND + 1e-4


@pytest.mark.slow
def test_a_pdn_is_trained_and_read_as_a_teacher(teacher, tmp_path):
    subprocess.run(
        [
            sys.executable, str(TRAINING / "pdn.py"), "--teacher", str(teacher), "--levels", "b,c",
            "--output", str(tmp_path), "--shards", "2", "--shard-size", "16", "--side", "80",
            "--batch", "8", "--uses", "1", "--drawers", "1", "--threads", "1",
            "--kinds", "extra_small",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    read = load_pdn(str(tmp_path / "extra_small.onnx"), "extra_small")
    assert read.licence == "Apache-2.0"
    session = Session((tmp_path / "extra_small.onnx").read_bytes())
    (features,) = session.run(None, image=np.zeros((1, 3, 64, 64), np.float16))
    assert features.shape == (1, 96, 8, 8)
