"""EfficientAd in tiles: maps of the whole image where these overlap by enough."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.efficientad.backbone_teacher import load_levels
from blemish.detectors.efficientad.graph import EfficientAdGraph, Nets
from blemish.detectors.efficientad.images import tiles_shown
from blemish.detectors.efficientad.plan import plan_training
from blemish.detectors.efficientad.scale import Span
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import Statistics
from blemish.errors import SettingError
from blemish.graph.session import Session
from blemish.images.format import ImageFormat

TEACHER = {"teacher_backbone": "embedded"}  # at strides of 8 and 16
ENOUGH = 512  # of an overlap, for teacher and student


@pytest.fixture(scope="module")
def teacher():
    return load_levels("embedded", None, neighbourhood=3)


def graph_of(teacher, **settings):
    return EfficientAdGraph(EfficientAdSettings(**settings), teacher, ImageFormat())


def nets_of(graph):
    rng = np.random.default_rng(0)
    shapes = {name: shape for net in graph.layers.student for name, shape in net.shapes.items()}
    student = {
        name: (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        for name, shape in shapes.items()
    }
    features = graph.teacher.features
    return Nets(Statistics(np.zeros(features), np.ones(features)), student, {})


def found(model, image, *names):
    return Session(model.SerializeToString()).run(list(names), **image)


@pytest.mark.parametrize("score", ["map", "top"])
def test_where_they_overlap_by_enough_they_change_nothing(teacher, score):
    image = np.random.default_rng(1).integers(0, 256, (1, 640, 640, 3)).astype(np.uint8)
    size = {"image_size": (640, 640), "image_score": score}
    whole = graph_of(teacher, **size)
    tiled = graph_of(teacher, **size, tile=576, overlap=ENOUGH)
    nets = nets_of(whole)
    spans = dict.fromkeys(whole.branches, Span(0.5, 1.5))
    one, other = (
        found(graph.detector(nets, spans, {}), {"image": image}, "score", "score_map")
        for graph in (whole, tiled)
    )
    np.testing.assert_allclose(one[1], other[1], atol=1e-4)
    if score == "map":
        np.testing.assert_allclose(one[0], other[0], atol=1e-4)
    else:  # the highest cells are as many as of one tile
        assert other[0] >= one[0]


def test_maps_have_no_cells_of_padding(teacher):
    graph = graph_of(teacher, scale=0.5, tile=64)
    names = [f"map_{branch}" for branch in graph.branches]
    for size_hw, cells_hw in (((300, 260), (19, 16)), ((10, 400), (1, 25))):
        image = np.zeros((1, *size_hw, 3), np.uint8)
        for values in found(graph.maps(nets_of(graph)), {"image": image}, *names):
            assert values.shape == (1, *cells_hw)


def test_nets_are_trained_on_parts_of_some_tiles():
    settings = EfficientAdSettings(tile=1024)
    assert (settings.recipe.crop, settings.seen_hw) == (256, (1024, 1024))
    assert EfficientAdSettings(tile=256).recipe.crop == 0
    size = settings.working_size(16)
    assert tiles_shown(size, [(4000, 4000)] * 12) == 6
    assert tiles_shown(size, [(4000, 4000)] * 200) == 1
    assert tiles_shown(size, [(4000, 4000)]) == 25
    assert tiles_shown(EfficientAdSettings().working_size(1), [(4000, 4000)]) == 1


def test_a_plan_knows_tiles(teacher):
    keys, sizes_hw = [str(i) for i in range(12)], [(4000, 4000)] * 12

    def planned(**settings):
        chosen = EfficientAdSettings(**settings, memory_megabytes=10**5)
        return plan_training(chosen, teacher, keys, sizes_hw=sizes_hw)

    assert planned(tile=1024).memory_bytes < planned(image_size=4096).memory_bytes / 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "paper"}, "A PDN as teacher does not go with tiles"),
        ({"autoencoder_weight": 0.5}, "An autoencoder sees a whole image"),
        ({"overlap": 512}, "'overlap' must be less than the side of a tile"),
        ({"image_size": 256}, "'tile' must not be larger than the working image"),
    ],
)
def test_what_does_not_go_with_tiles_is_told(settings, said):
    with pytest.raises(SettingError, match=said):
        EfficientAdSettings(tile=512, **settings)
