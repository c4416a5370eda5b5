"""Nodes that align a part: known motions are found, and maps come back to where they belong."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from blemish.alignment import Alignment, Motion, Template
from blemish.graph.alignment import Aligner, filling, grey_model, held_bytes, returning_model
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.preprocessing import image_input
from blemish.images.format import ImageFormat
from parts import drawn_part

EIGHT = ImageFormat()


def session(model):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString())


def template_of(image, alignment, image_format=EIGHT):
    size_hw = image.shape[:2]
    model = grey_model(Template.sized(alignment, size_hw), image_format)
    (grey,) = session(model).run(["grey"], {"image": image[None]})
    return Template(alignment, size_hw, grey[0].astype(float))


def aligner(alignment, image_format=EIGHT, **drawn):
    image = drawn_part(**drawn)[0]
    if image_format.bit_depth == 16:
        image = image.astype(np.uint16) * 16
    return Aligner(template_of(image, alignment, image_format), filling(image), image_format)


def motion_of(run, image):
    return Motion.of_output(run.run(["alignment"], {"image": image[None]})[0][0])


@pytest.mark.parametrize("size_hw", [(96, 96), (72, 120), (150, 90), (300, 400)])
@pytest.mark.parametrize("alignment", [Alignment(30), Alignment(180), Alignment(20, scale=True)])
def test_known_motions_are_found(size_hw, alignment):
    run = session(aligner(alignment, size_hw=size_hw).graph())
    rng = np.random.default_rng(0)
    longer = max(size_hw)
    for seed in range(1, 6):
        right, down, turn = rng.uniform(-1, 1, 3) * (0.12 * longer, 0.1 * longer, 0.9)
        degrees = turn * alignment.degrees
        scale = 1 + 0.1 * rng.uniform(-1, 1) if alignment.scale else 1.0
        image, _ = drawn_part(right, down, degrees, scale, size_hw=size_hw, seed=seed)
        found = motion_of(run, image)
        assert found.shift_xy_px == pytest.approx((right, down), abs=0.004 * longer)
        assert (found.degrees - degrees + 180) % 360 - 180 == pytest.approx(0, abs=0.3)
        assert found.scale == pytest.approx(scale, abs=0.01)
        assert found.agreement > 0.95


def test_the_reference_itself_is_not_touched():
    image = drawn_part()[0]
    run = session(aligner(Alignment(30)).graph())
    aligned, row = run.run(["aligned", "alignment"], {"image": image[None]})
    assert (aligned[0] == image).all()
    assert row[0] == pytest.approx([0, 0, 0, 1], abs=1e-3)


def test_an_image_is_drawn_as_the_reference_lies():
    reference = drawn_part(noise=0)[0]
    run = session(aligner(Alignment(30), noise=0).graph())
    moved = drawn_part(20, 5, 8, noise=0)[0]
    aligned = run.run(["aligned"], {"image": moved[None]})[0][0].astype(int)
    assert np.abs(aligned - reference)[2:-2, 2:-2].mean() < 3


@pytest.mark.parametrize("light", [0.8, 1.2])
def test_what_fills_an_image_has_its_light(light):
    reference = drawn_part(noise=0)[0].astype(float)
    run = session(aligner(Alignment(30), noise=0).graph())
    moved = np.clip(drawn_part(20, 0, 0, noise=0)[0] * light, 0, 255).astype(np.uint8)
    aligned = run.run(["aligned"], {"image": moved[None]})[0][0].astype(float)
    assert aligned[:, -15:].mean() == pytest.approx(
        np.minimum(reference[:, -15:] * light, 255).mean(), abs=3
    )


def test_sixteen_bits_stay_in_their_own_range():
    deep = ImageFormat(16, 4095)
    run = session(aligner(Alignment(30), deep).graph())
    image = drawn_part(6, -4, 5, seed=3)[0].astype(np.uint16) * 16
    aligned, row = run.run(["aligned", "alignment"], {"image": image[None]})
    assert aligned.dtype == np.uint16
    assert aligned.max() > 3000
    assert Motion.of_output(row[0]).shift_xy_px == pytest.approx((6, -4), abs=0.4)


def test_images_together_are_as_each_alone():
    run = session(aligner(Alignment(30), size_hw=(60, 90)).graph())
    images = np.stack([
        drawn_part(3 * n, -n, 4 * n, size_hw=(60, 90), seed=n)[0] for n in range(4)
    ])  # fmt: skip
    together = run.run(None, {"image": images})
    for number in range(4):
        alone = run.run(None, {"image": images[number : number + 1]})
        assert together[1][number] == pytest.approx(alone[1][0], abs=1e-4)
        assert np.abs(together[0][number].astype(int) - alone[0][0]).max() <= 1


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_an_image_of_nothing_agrees_with_nothing(level):
    run = session(aligner(Alignment(30)).graph())
    flat = np.full((1, 96, 96, 3), level, np.uint8)
    (row,) = run.run(["alignment"], {"image": flat})
    assert np.isfinite(row).all()
    assert abs(row[0, 3]) < 0.2
    noise = np.random.default_rng(level).integers(0, 256, (1, 96, 96, 3)).astype(np.uint8)
    assert run.run(["alignment"], {"image": noise})[0][0, 3] < 0.5


def seeing():
    """A detector whose map is the grey level that it sees, with an opset of its own."""
    g = GraphBuilder()
    g.op("ReduceMax", g.op("Cast", "image", to=FLOAT), g.ints(3), keepdims=0, name="score_map")
    g.op("ReduceMax", "score_map", g.ints(1, 2), keepdims=0, name="score")
    outputs = [tensor("score", FLOAT, "N"), tensor("score_map", FLOAT, "N", "h", "w")]
    return g.build([image_input(EIGHT)], outputs)


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("scale", [False, True])
def test_a_map_comes_back_to_the_image_as_it_came(opset, scale):
    model = seeing()
    model.opset_import[0].version = opset
    around = aligner(Alignment(30, scale=scale), noise=0)
    run = session(around.around(model, limit=0.9))
    image = drawn_part(10, -6, 9, noise=0)[0]
    score_map, row, inspectable = run.run(
        ["score_map", "alignment", "alignable"], {"image": image[None]}
    )
    inside = score_map[0] > 0
    assert inside.mean() > 0.75
    assert np.abs(score_map[0] - image[..., 0])[inside].mean() < 3
    assert inspectable.tolist() == [True]
    back = session(returning_model(around.template))
    (aligned,) = session(around.graph()).run(["aligned"], {"image": image[None]})
    seen = aligned[..., 0].astype(np.float32)
    (again,) = back.run(None, {"aligned_map": seen, "alignment": row})
    assert again == pytest.approx(score_map, abs=0.02)


def test_what_agrees_too_little_is_not_inspectable():
    run = session(aligner(Alignment(30)).around(seeing(), limit=0.9))
    images = np.stack([drawn_part(4, 2, 3, seed=1)[0], np.full((96, 96, 3), 90, np.uint8)])
    assert run.run(["alignable"], {"image": images})[0].tolist() == [True, False]


def test_a_large_reference_is_held_smaller():
    image = drawn_part(size_hw=(700, 1100), noise=0)[0]
    held = filling(image)
    assert max(held.shape) <= 512
    run = session(Aligner(template_of(image, Alignment(10)), held, EIGHT).graph())
    moved = drawn_part(150, 0, 0, size_hw=(700, 1100), noise=0)[0]
    aligned = run.run(["aligned"], {"image": moved[None]})[0][0].astype(int)
    assert np.abs(aligned - image).mean() < 2


@pytest.mark.parametrize("size_hw", [(96, 96), (200, 333), (600, 900)])
@pytest.mark.parametrize("alignment", [Alignment(30), Alignment(180, scale=True)])
def test_what_a_file_grows_by_is_known(size_hw, alignment):
    made = aligner(alignment, size_hw=size_hw)
    size = len(made.graph().SerializeToString())
    assert held_bytes(made.template, 8) == pytest.approx(size, rel=0.25)
