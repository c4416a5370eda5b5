"""The graph's resizing and normalising against Pillow, and its sizes against their Python twin."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from blemish.graph.preprocessing import geometry, image_hw, preprocess
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat
from graphs import run_nodes

EIGHT_BITS = ImageFormat()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def run(images, size, image_format=EIGHT_BITS, mean=MEAN, std=STD):
    def add(g):
        sizes = geometry(g, image_hw(g), size)
        out = preprocess(g, sizes, size, image_format=image_format, mean=mean, std=std)
        return [out, sizes.content_hw, sizes.padded_hw]

    return run_nodes(add, image=images)


def pillow_resize(image, size_hw):
    planes = [
        Image.fromarray(plane.astype(np.float32)).resize(size_hw[::-1], Image.Resampling.BILINEAR)
        for plane in np.moveaxis(image, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes])


def noise(height, width, dtype=np.uint8, high=256, seed=0):
    return np.random.default_rng(seed).integers(0, high, (height, width, 3)).astype(dtype)


@pytest.mark.parametrize("hw", [(226, 282), (900, 900), (64, 512), (31, 7), (256, 256)])
def test_stretching_equals_pillows_antialiased_bilinear(hw):
    image = noise(*hw)
    out, _, _ = run(image[None], WorkingSize((96, 128)), mean=(0, 0, 0), std=(1, 1, 1))
    np.testing.assert_allclose(out[0] * 255, pillow_resize(image, (96, 128)), atol=2e-3)


def test_normalising_subtracts_mean_and_divides_by_std_for_each_channel():
    image = np.full((1, 8, 8, 3), (10, 100, 200), np.uint8)
    out, _, _ = run(image, WorkingSize((4, 4)))
    expected = (np.array([10, 100, 200]) / 255 - MEAN) / STD
    np.testing.assert_allclose(out[0, :, 2, 2], expected, rtol=1e-5)


def test_sixteen_bit_images_are_scaled_by_their_white_level():
    image = noise(40, 50, np.uint16, 4096)
    out, _, _ = run(image[None], WorkingSize((16, 16)), ImageFormat(16, 4095), (0, 0, 0), (1, 1, 1))
    np.testing.assert_allclose(out[0] * 4095, pillow_resize(image, (16, 16)), atol=3e-2)


@pytest.mark.parametrize("fit", ["stretch", "shorter", "longer"])
@pytest.mark.parametrize("hw", [(226, 282), (900, 900), (64, 512), (103, 403), (8, 100)])
def test_sizes_in_the_graph_equal_their_python_twin(fit, hw):
    size = WorkingSize((64, 64), fit, 16)
    out, content, padded = run(noise(*hw)[None], size)
    assert (tuple(content), tuple(padded)) == size.working_hw(hw)
    assert out.shape[2:] == size.working_hw(hw)[1]


@pytest.mark.parametrize("fit", ["shorter", "longer"])
def test_padding_repeats_the_border_and_leaves_the_content_alone(fit):
    image = noise(60, 100)
    size = WorkingSize((40, 40), fit, 16)
    out, content, _ = run(image[None], size, mean=(0, 0, 0), std=(1, 1, 1))
    height, width = content
    resized = pillow_resize(image, (height, width)) / 255
    np.testing.assert_allclose(out[0][:, :height, :width], resized, atol=1e-5)
    np.testing.assert_array_equal(
        out[0][:, height:, :width],
        np.repeat(out[0][:, height - 1 : height, :width], out.shape[2] - height, axis=1),
    )


def test_shorter_keeps_the_aspect_as_torchvision_does():
    assert WorkingSize((256, 256), "shorter", 1).working_hw((226, 283))[0] == (256, 320)
    assert WorkingSize((256, 256), "longer", 1).working_hw((226, 283))[0] == (204, 256)


@pytest.mark.parametrize("index", range(6))
def test_agrees_with_the_reference_images(shared, index):
    folder = shared / "oracles" / "preprocessing"
    file = next(folder.glob(f"{index}_*.npz"))
    source = next(p for p in folder.glob(f"{index}_*.png") if "mask" not in p.name)
    image = np.asarray(Image.open(source).convert("RGB"))
    out, _, _ = run(image[None], WorkingSize((256, 256)), mean=(0, 0, 0), std=(1, 1, 1))
    reference = np.load(file)["resize_256x256"].astype(np.float32)
    if reference.ndim == 2:
        reference = np.repeat(reference[..., None], 3, axis=2)
    # Pillow resizes 8-bit images in fixed point: up to a grey level from exact arithmetic.
    assert np.abs(np.moveaxis(out[0], 0, 2) * 255 - reference).max() < 1.02
