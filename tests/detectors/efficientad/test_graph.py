"""The graph agrees with the reference and with the torch modules, whatever the image's size."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from blemish.detectors.efficientad.architecture import pdn
from blemish.detectors.efficientad.graph import EfficientAdGraph, Nets
from blemish.detectors.efficientad.pdn_teacher import PdnTeacher
from blemish.detectors.efficientad.scale import Maps, Span
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics
from blemish.detectors.nets.nodes import add_net
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.images.format import ImageFormat
from graphs import run_nodes

Q = {"student": Span(0.2, 0.5), "autoencoder": Span(0.1, 0.3)}


def session(model):
    return Session(model.SerializeToString(), ONE_CORE)


def summary(graph, quantiles, names=None, *, image_hw, **maps):
    """What the tail of the detector makes of raw maps."""
    rescaled = session(graph.rescaled(quantiles))
    found = rescaled.run([f"rescaled_{branch}" for branch in graph.branches], **maps)
    told = {f"deviations_{b}": values for b, values in zip(graph.branches, found, strict=True)}
    return session(graph.summary()).run(names, **told, image_hw=image_hw)


@pytest.fixture(scope="module")
def reference(oracle):
    """The oracle's nets as ours, with its own statistics and quantiles."""
    mean, std = (oracle.outputs[f"teacher_{name}"].astype(np.float64) for name in ("mean", "std"))
    nets = Nets(Statistics(mean, std), oracle.student, oracle.autoencoder)
    return EfficientAdGraph(oracle.settings, oracle.teacher, ImageFormat()), nets


@pytest.fixture(scope="module")
def raw_maps(oracle, reference):
    """Raw maps of some of the oracle's images by our graph."""
    graph, nets = reference
    maps = session(graph.maps(nets))
    return lambda name: maps.run(None, working=oracle.images(name))


def test_raw_maps_are_those_of_the_reference(oracle, raw_maps, close):
    for ours, name in zip(raw_maps("test_images"), ("map_st_raw", "map_ae_raw"), strict=True):
        close(ours, oracle.outputs[name], 1e-5)


def test_quantiles_are_those_of_the_reference(oracle, raw_maps):
    found = Maps([0, 1], dict(zip(Q, raw_maps("val_images"), strict=True))).quantiles(0.9, 0.995)
    ends = [end for span in found.values() for end in (span.low, span.high)]
    np.testing.assert_allclose(ends, list(oracle.values["quantiles"].values()), rtol=1e-5)


def test_final_maps_and_scores_are_those_of_the_reference(oracle, reference, raw_maps, close):
    graph, _ = reference
    ends = list(oracle.values["quantiles"].values())
    quantiles = {"student": Span(*ends[:2]), "autoencoder": Span(*ends[2:])}
    student, autoencoder = raw_maps("test_images")
    for i, size_hw in enumerate(oracle.inputs["test_native_hw"]):
        score, score_map = summary(
            graph,
            quantiles,
            map_student=student[i : i + 1],
            map_autoencoder=autoencoder[i : i + 1],
            image_hw=size_hw.astype(np.int64),
        )
        close(score_map[0], oracle.outputs[f"map_final_{i}"], 3e-5)
        assert score[0] == pytest.approx(oracle.values["image_scores"][i], rel=1e-4)


def random_weights(net, rng):
    return {
        name: (rng.standard_normal(shape) / max(np.prod(shape[1:]), 1) ** 0.5).astype(np.float32)
        for layer in net
        for name, shape in layer.shapes.items()
    }


TEACHER = PdnTeacher(
    "extra_small", random_weights(pdn("extra_small"), np.random.default_rng(5)), "", "", ""
)


def writer(settings):
    return EfficientAdGraph(settings, TEACHER, ImageFormat())


def tiny_nets(settings, seed=0):
    """Random nets of the size that settings ask for."""
    rng, layers = np.random.default_rng(seed), writer(settings).layers
    weights = [random_weights(net, rng) for net in (layers.student, layers.autoencoder)]
    return Nets(Statistics(np.zeros(96), np.ones(96)), *weights)


def tiny(**settings):
    usual = {"preset": "paper", "pdn": "extra_small", "image_size": 128}
    given = {**usual, "autoencoder_width": 8, "autoencoder_weight": 0.5} | settings
    return EfficientAdSettings(**given)


@pytest.mark.parametrize("size_hw", [(128, 128), (133, 210), (255, 161)])
@pytest.mark.parametrize("image_hw", [(128, 128), (97, 301), (40, 13)])
def test_scores_are_those_of_the_torch_modules(size_hw, image_hw):
    torch = pytest.importorskip("torch", reason="needs the extra 'train'")
    from blemish.detectors.nets import module as modules

    settings = tiny(image_size=list(size_hw), border="zero")
    graph, nets = writer(settings), tiny_nets(settings)
    image = np.random.default_rng(1).integers(0, 256, (1, *image_hw, 3)).astype(np.uint8)
    score, score_map = session(graph.detector(nets, Q, {})).run(None, image=image)
    (working,) = session(graph.working()).run(None, image=image)
    with torch.no_grad():
        teacher, student, coder = (
            modules.fixed_net(net, weights)(torch.from_numpy(working))
            for net, weights in (
                (pdn("extra_small"), TEACHER.weights),
                (graph.layers.student, nets.student),
                (graph.layers.autoencoder, nets.autoencoder),
            )
        )
        raw = ((teacher - student[:, :96]) ** 2, (coder - student[:, 96:]) ** 2)
        one, other = (values.mean(1, keepdim=True) for values in raw)
        combined = 0.05 * (one - 0.2) / 0.3 + 0.05 * (other - 0.1) / 0.2
        padded = torch.nn.functional.pad(combined, (4, 4, 4, 4))
        final = torch.nn.functional.interpolate(padded, image_hw, mode="bilinear").numpy()
    assert score[0] == pytest.approx(final.max(), rel=1e-4)
    np.testing.assert_allclose(score_map[0], final[0, 0], rtol=1e-4, atol=1e-4 * final.max())


@pytest.mark.parametrize("border", ["zero", "edge"])
def test_a_batch_of_eight_is_its_images_one_by_one(border):
    settings = tiny(border=border)
    graph = writer(settings)
    detector = session(graph.detector(tiny_nets(settings), Q, {}))
    images = np.random.default_rng(1).integers(0, 256, (8, 75, 130, 3)).astype(np.uint8)
    together = detector.run(None, image=images)
    alone = [detector.run(None, image=image[None]) for image in images]
    for many, ones in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(many, np.concatenate(ones), rtol=1e-5, atol=1e-6)


def test_the_border_is_zero_or_the_nearest_cells_value():
    maps = {name: np.full((1, 24, 24), 0.5, np.float32) for name in
            ("map_student", "map_autoencoder")}  # fmt: skip
    image_hw = np.array([128, 128], np.int64)
    found = {
        border: summary(
            writer(tiny(border=border)),
            Q,
            ["score_map"],
            **maps,
            image_hw=image_hw,
        )[0][0]
        for border in ("zero", "edge")
    }
    assert found["zero"][0, 0] == 0
    assert found["zero"][64, 64] == found["edge"][64, 64] == found["edge"][0, 0] > 0


def test_a_smoothed_map_is_that_of_scipy_on_the_working_image():
    from scipy.ndimage import gaussian_filter

    values = np.random.default_rng(0).random((1, 24, 24)).astype(np.float32)
    maps = {"map_student": values, "map_autoencoder": values}
    image_hw = np.array([128, 128], np.int64)

    def summed(sigma):
        settings = tiny(border="edge", smoothing=sigma)
        graph = writer(settings)
        return summary(graph, Q, ["score_map"], **maps, image_hw=image_hw)[0][0]

    wanted = gaussian_filter(summed(0), 5.0, mode="reflect")
    np.testing.assert_allclose(summed(5.0), wanted, atol=1e-5)


def test_branches_count_by_their_weights():
    maps = {"map_student": np.full((1, 24, 24), 0.5, np.float32),
            "map_autoencoder": np.full((1, 24, 24), 0.3, np.float32)}  # fmt: skip
    image_hw = np.array([128, 128], np.int64)
    for share, wanted in ((0.5, 0.1), (0.25, 0.1), (0, 0.1)):
        settings = tiny(border="edge", autoencoder_weight=share)
        graph = writer(settings)
        given = {f"map_{branch}": maps[f"map_{branch}"] for branch in graph.branches}
        (score,) = summary(graph, Q, ["score"], **given, image_hw=image_hw)
        assert score == pytest.approx(wanted)
    maps["map_student"] += 0.3  # one more of its spans: 0.1 for it alone
    settings = tiny(border="edge", autoencoder_weight=0.25)
    graph = writer(settings)
    (score,) = summary(graph, Q, ["score"], **maps, image_hw=image_hw)
    assert score == pytest.approx(0.1 + 0.75 * 0.1)


def test_maps_that_do_not_vary_give_finite_scores():
    still = np.full((3, 24, 24), 0.25, np.float32)
    found = Maps([0, 1, 2], {"student": still, "autoencoder": still * 0}).quantiles(0.9, 0.995)
    score, score_map = summary(
        writer(tiny()),
        found,
        map_student=still,
        map_autoencoder=still * 0,
        image_hw=np.array([9, 9], np.int64),
    )
    assert np.abs(score).max() < 1e-3
    assert np.isfinite(score_map).all()


def test_a_net_of_the_graph_enlarges_as_torch_does():
    torch = pytest.importorskip("torch", reason="needs the extra 'train'")
    from blemish.detectors.efficientad.architecture import autoencoder
    from blemish.detectors.nets import module as modules

    layers = autoencoder(5, (130, 201), (25, 43), width=4)
    net = modules.Net(layers).eval()
    image = np.random.default_rng(0).standard_normal((2, 3, 130, 201)).astype(np.float32)
    (ours,) = run_nodes(
        lambda g: [add_net(g, "image", layers, modules.weights_of(net))], image=image
    )
    with torch.no_grad():
        theirs = net(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_settings_and_graph_need_no_torch():
    code = (
        "import sys\n"
        "from blemish.detectors.efficientad import graph, settings, teacher, images, penalty\n"
        "from blemish.detectors.efficientad import detector\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
