"""The nets and losses agree with a reference implementation to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.efficientad.architecture import autoencoder, grid_hw, pdn

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
from blemish.detectors.efficientad import losses  # noqa: E402
from blemish.detectors.nets import module as nets  # noqa: E402
from blemish.detectors.nets.dropout import dropped  # noqa: E402


def make(layers, weights=None):
    return nets.Net(layers).eval() if weights is None else nets.fixed_net(layers, weights)


def run(net, images):
    with torch.no_grad():
        return net(torch.from_numpy(images)).numpy()


def parameters(layers):
    return sum(int(np.prod(shape)) for layer in layers for shape in layer.shapes.values())


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        (pdn("small"), 2_694_144),
        (pdn("small", doubled=True), 4_267_392),
        (pdn("medium"), 8_026_624),
        (pdn("medium", doubled=True), 11_615_488),
        (autoencoder(384, (256, 256), (56, 56)), 1_096_320),
    ],
)
def test_the_nets_have_the_published_number_of_parameters(layers, count):
    assert parameters(layers) == count


@pytest.mark.parametrize("name", ["teacher", "student", "autoencoder"])
def test_features_are_those_of_the_reference(oracle, name):
    net = (
        make(pdn("small"), oracle.teacher.weights)
        if name == "teacher"
        else make(getattr(oracle.layers, name), getattr(oracle, name))
    )
    features = run(net, oracle.images("test_images"))
    oracle.check_features(features, "teacher_raw" if name == "teacher" else name)


def test_features_of_the_medium_net_are_those_of_the_reference(oracle, close):
    layers, draw = pdn("medium"), np.random.RandomState(702)
    weights = {}
    for layer in layers:
        for name, shape in layer.shapes.items():
            scale = 0.05 if len(shape) == 1 else np.sqrt(2 / np.prod(shape[1:]))
            weights[name] = (draw.standard_normal(shape) * scale).astype(np.float32)
    features = run(make(layers, weights), oracle.images("test_images")[1:2])[0]
    check = np.load(oracle.folder / "pdn_medium_check.npz")
    rows, columns = zip(*oracle.positions, strict=True)
    close(features[list(oracle.channels)], check["channels"], 1e-5)
    close(features[:, rows, columns].T, check["positions"], 1e-5)


@pytest.mark.parametrize("kind", ["extra_small", "small", "medium"])
@pytest.mark.parametrize("size_hw", [(128, 129), (130, 259), (131, 160)])
def test_all_nets_give_one_grid_whatever_the_size(kind, size_hw):
    if kind != "extra_small":  # the same kernels, so that a few channels tell
        size_hw = (128, 131)
    image = np.zeros((1, 3, *size_hw), np.float32)
    assert run(make(pdn(kind)), image).shape[2:] == grid_hw(size_hw)
    coder = autoencoder(5, size_hw, grid_hw(size_hw), width=4)
    assert run(make(coder), image).shape[1:] == (5, *grid_hw(size_hw))


def test_a_crop_on_the_grid_has_the_features_of_its_part_of_the_image(close):
    net = make(pdn("extra_small"))
    image = np.random.default_rng(0).standard_normal((1, 3, 150, 133)).astype(np.float32)
    whole, part = run(net, image), run(net, image[:, :, 8:84, 20:72])
    height, width = grid_hw((76, 52))
    close(part, whole[:, :, 2 : 2 + height, 5 : 5 + width], 1e-5)


def test_half_of_the_features_are_the_same_as_among_all():
    net = make(pdn("extra_small", doubled=True))
    image = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(net(image, slice(96, None)), net(image)[:, 96:])


def test_dropout_is_for_training_alone():
    net = nets.Net(autoencoder(4, (128, 128), (24, 24), width=4), dropout=0.5)
    image = torch.randn(1, 3, 128, 128)
    assert torch.equal(net.eval()(image), net(image))
    assert not torch.equal(net.train()(image), net(image))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_with_the_chance_given_and_keeps_the_mean(layout, dtype):
    values = torch.ones(2, 16, 65, 63, dtype=dtype).contiguous(memory_format=layout)
    torch.manual_seed(1)
    one = dropped(values, 0.2)
    torch.manual_seed(1)
    assert torch.equal(one, dropped(values, 0.2))
    assert not torch.equal(one, dropped(values, 0.2))
    assert one.is_contiguous(memory_format=layout)
    assert float((one == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
    for axis in range(4):  # nowhere more than elsewhere
        others = [other for other in range(4) if other != axis]
        means = one.float().mean(others)
        assert float((means - 1).abs().max()) < 0.1
    assert sorted(one.unique().tolist()) == pytest.approx([0, 1.25])


@pytest.mark.parametrize("quantile", [0.0, 0.25, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("count", [1, 2, 1001, 4096])
def test_quantiles_of_rows_are_numpys(quantile, count):
    values = np.random.default_rng(count).gamma(1, size=(3, count)).astype(np.float32)
    ours = losses.quantile_of(torch.from_numpy(values), quantile).numpy()
    np.testing.assert_allclose(ours[:, 0], np.quantile(values, quantile, axis=1), rtol=1e-6)


def test_each_image_has_hard_features_of_its_own():
    student, teacher = torch.zeros(2, 1, 10, 10), torch.zeros(2, 1, 10, 10)
    teacher[0, 0, 0, :5], teacher[1, 0, 0, :5] = 10, 1
    loss = losses.hard_feature_loss(student, teacher, 0.97)
    assert loss == pytest.approx((100 + 1) / 2)


def test_equal_differences_all_count():
    student, teacher = torch.zeros(1, 2, 5, 5), torch.ones(1, 2, 5, 5)
    assert losses.hard_feature_loss(student, teacher, 0.9) == 1
    assert losses.hard_feature_loss(student, student, 0.9) == 0


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9])
def test_cells_that_do_not_count_change_no_loss(quantile):
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(2, 3, 6, 6, generator=generator) for _ in range(2))
    counted = torch.zeros(2, 1, 6, 6)
    counted[:, :, :4, 1:] = 1
    cut = (slice(None), slice(None), slice(4), slice(1, None))
    wanted = losses.hard_feature_loss(student[cut], teacher[cut], quantile)
    found = losses.hard_feature_loss(student, teacher, quantile, counted)
    torch.testing.assert_close(found, wanted)


def test_before_any_training_the_autoencoder_tells_images_apart_even_in_half_precision():
    torch.manual_seed(0)
    net = make(autoencoder(384, (256, 256), (56, 56)))
    net.draw_weights()
    blocks = np.random.default_rng(0).standard_normal((4, 3, 8, 8)).astype(np.float32)
    features = run(net, blocks.repeat(32, axis=2).repeat(32, axis=3))
    between = features.std(axis=0).mean() / np.abs(features).mean()
    assert between > 10 * torch.finfo(torch.bfloat16).eps
