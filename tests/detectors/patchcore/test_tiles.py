"""Tiles: the scores of the whole image where they overlap by enough, and what they refuse."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from blemish.backbones.load import load_backbone
from blemish.backbones.reach import exact_overlap
from blemish.detectors.conformance.images import DrawnImages, blotted, weave
from blemish.detectors.fusion.detector import Fusion
from blemish.detectors.patchcore.detector import PatchCore
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.errors import SettingError, UsageError
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.images.format import ImageFormat
from blemish.progress import LoggedProgress
from tiny import tiny_settings

QUIET = LoggedProgress()
SEAMLESS = 40  # of the tiny backbone


def images(count=8, size_hw=(112, 96)):
    return DrawnImages({f"{seed:02}": weave(seed, size_hw) for seed in range(count)})


def fitted(backbone, *, drawn=None, **settings):
    detector = PatchCore(**tiny_settings(backbone, **settings))
    return detector.fit(drawn or images(), progress=QUIET)


def run(model, image, *names):
    return Session(model.SerializeToString()).run(list(names), image=image[None])


@pytest.mark.parametrize(
    "size", [{"image_size": [112, 96]}, {"image_size": 80, "resize": "shorter"}]
)
def test_where_they_overlap_by_enough_they_change_nothing(backbone, size):
    found = [fitted(backbone, **size, **tiles) for tiles in ({}, {"tile": 64, "overlap": SEAMLESS})]
    whole, tiled = (one.graph for one in found)
    for image in (weave(50, (112, 96)), np.tile(blotted(51, 120), (2, 3, 1))):
        one, other = (run(model, image, "score", "score_map") for model in (whole, tiled))
        np.testing.assert_allclose(one[0], other[0], rtol=1e-4)
        np.testing.assert_allclose(one[1], other[1], atol=1e-4)
    scores = [[h.score for h in one.held_out_scores(progress=QUIET)] for one in found]
    np.testing.assert_allclose(*scores, rtol=1e-4)


def test_with_less_overlap_only_cells_near_seams_change(backbone):
    loaded = load_backbone(str(backbone), levels=["fine", "coarse"])
    grids = []
    for tiles in ({}, {"tile": 64, "overlap": 0}):
        settings = PatchCoreSettings(image_size=128, **tiles)
        model = PatchCoreGraph(settings, loaded, ImageFormat()).features()
        grids.append(run(model, weave(50, (128, 128)), "patches")[0][0])
    differs = (grids[0] != grids[1]).any(axis=-1)
    seam, near = 64 // 4, SEAMLESS // 2 // 4  # in cells
    assert differs[seam - 1 : seam + 1].any()
    far = np.abs(np.arange(32) - seam + 0.5) > near
    assert not differs[np.ix_(far, far)].any()


def test_the_overlap_that_leaves_no_seam_is_told(backbone):
    loaded = load_backbone(str(backbone), levels=["fine", "coarse"])
    assert exact_overlap(loaded, side=3) == SEAMLESS
    plan = PatchCore(**tiny_settings(backbone, image_size=96, tile=64)).plan(images())
    assert (plan.tiles, plan.seamless_overlap) == (4, SEAMLESS)
    assert ("tiles", "4 of the largest image; no seam from 'overlap' 40 on") in plan.told()
    assert PatchCore(**tiny_settings(backbone)).plan(images()).tiles == 0


def test_scale_one_is_all_pixels_as_they_are(backbone):
    by_size = fitted(backbone, image_size=[112, 96], tile=64, overlap=16)
    for way in ({"scale": 1.0, "tile": 64, "overlap": 16}, {"tile": 64, "overlap": 16}):
        scaled = fitted(backbone, image_size=None, **way)
        image = blotted(51, 120)
        image = np.pad(image, ((0, 40), (0, 24), (0, 0)), mode="wrap")
        one, other = (run(model.graph, image, "score_map")[0] for model in (by_size, scaled))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size_hw", [(8, 8), (40, 300), (300, 40), (64, 64), (131, 77)])
def test_images_of_other_sizes_are_judged(backbone, size_hw):
    model = fitted(backbone, image_size=None, tile=64, overlap=16).graph
    score, score_map = run(model, weave(3, size_hw), "score", "score_map")
    assert score_map.shape == (1, *size_hw)
    assert np.isfinite(score_map).all()
    assert score[0] == score_map.max()


def test_a_batch_is_its_images_one_by_one(backbone):
    session = Session(fitted(backbone, image_size=None, tile=64).graph.SerializeToString())
    stack = np.stack([weave(60, (112, 96)), weave(61, (112, 96))])
    together = session.run(["score", "score_map", "nearest"], image=stack)
    alone = [session.run(["score", "score_map", "nearest"], image=one[None]) for one in stack]
    for values, ones in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(values, np.concatenate(ones))


def test_in_whole_numbers(backbone):
    model = fitted(backbone, image_size=None, tile=64, precision="int8").graph
    low, high = (
        run(model, image, "score")[0][0] for image in (weave(50, (72, 72)), blotted(50, 120))
    )
    assert high > 2 * low


def test_they_are_judged_with_others(backbone):
    member_settings = [
        f"patchcore.{name}={value}"
        for name, value in {"tile": 32, "backbone": backbone, "coreset_ratio": 0.1}.items()
    ]
    member_settings += ["patchcore.levels=fine,coarse", "padim.levels=fine,coarse"]
    member_settings += [f"padim.backbone={backbone}", "padim.dimensions=10"]
    detector = Fusion(
        members=["patchcore", "padim"], member_settings=member_settings, image_size=64
    )
    model = detector.fit(images(), progress=QUIET).graph
    assert any(node.op_type == "Loop" for node in model.graph.node)
    assert np.isfinite(run(model, blotted(50, 120), "score_map")[0]).all()


def test_without_them_nothing_loops(backbone):
    kinds = {node.op_type for node in fitted(backbone).graph.graph.node}
    assert "Loop" not in kinds
    tiled = fitted(backbone, image_size=96, tile=64).graph
    (loop,) = (node for node in tiled.graph.node if node.op_type == "Loop")
    onnx.checker.check_model(tiled)
    outer = {name for node in tiled.graph.node for name in node.output}
    inner = {name for node in loop.attribute[0].g.node for name in node.output}
    assert not outer & inner


def test_what_is_on_the_way_can_be_seen_once_it_is_joined(backbone):
    data = fitted(backbone, image_size=96, tile=64).graph.SerializeToString()
    names = ["patch_scores", "deviations", "nearest"]
    found = Session(with_outputs(data, names)).run(names, image=weave(50)[None])
    assert [values.shape for values in found] == [(1, 24, 24)] * 3
    with pytest.raises(UsageError, match="no tensor 'patches'"):
        with_outputs(data, ["patches"])


def test_large_images_take_little_memory():
    def planned(**settings):
        drawn = images(2, (8, 8))
        drawn.sizes_hw = [(4000, 4000)] * 2
        return PatchCore(coreset_count=1000, memory_megabytes=40_000, **settings).plan(drawn)

    whole, tiled = planned(image_size=4096), planned(tile=512, overlap=64)
    assert tiled.tiles == 81
    assert tiled.patches == 2 * 500 * 500
    assert tiled.memory_bytes < whole.memory_bytes / 3


def test_settings_say_what_holds():
    def told(**settings):
        values = PatchCoreSettings(**settings).to_dict()
        assert PatchCoreSettings.from_dict(values).to_dict() == values
        return tuple(values[name] for name in ("image_size", "tile", "overlap", "scale"))

    assert told() == (256, None, None, None)
    assert told(tile=256) == (None, 256, 64, 1.0)
    assert told(scale=0.5) == (None, 1024, 256, 0.5)
    assert told(image_size=512, tile=(256, 512)) == (512, [256, 512], 64, None)
    assert told(image_size=512, resize="longer", tile=256, overlap=0) == (512, 256, 0, None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tile": 512, "overlap": 512}, "'overlap' must be less than the side of a tile, 512; got"),
        ({"image_size": 256, "tile": 512}, "'tile' must not be larger than the working image"),
        ({"image_size": 512, "tile": (512, 544)}, "512 x 512 pixels; got 512 x 544"),
        ({"overlap": 64}, "'overlap' is that of tiles; give 'tile', or 'scale', as well"),
        ({"scale": 1.0, "image_size": 512}, "'scale' and 'image_size' both size"),
        ({"scale": 1.0, "resize": "shorter"}, "'scale' keeps the aspect by itself"),
        ({"scale": 1.0, "head": "distance"}, r"'head' does not go with tiles \('scale'\)"),
        ({"tile": 64, "map_levels": ("s4",)}, r"'map_levels' does not go with tiles \('tile'\)"),
        (
            {"tile": 64, "reweight": 3, "normalisation": "none", "image_score": "patches"},
            "'reweight' does not go with tiles",
        ),
    ],
)
def test_what_contradicts_itself_is_told(settings, said):
    with pytest.raises(SettingError, match=said):
        PatchCoreSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"image_size": None, "tile": 128}, "working image of an image of 112 x 96, 112 x 96"),
        ({"image_size": None, "tile": 100}, "'tile' must be a multiple of 8 .* got 100, .* is 104"),
        ({"image_size": [100, 96], "tile": 64}, "'image_size' must be a multiple of 8 .* 104 x 96"),
        ({"image_size": 40, "resize": "longer", "tile": 64}, "40 x 34 pixels; got 64 x 64"),
    ],
)
def test_tiles_that_do_not_go_with_images_or_backbone_are_told(backbone, settings, said):
    detector = PatchCore(**tiny_settings(backbone, **settings))
    for look in (detector.plan, lambda given: detector.fit(given, progress=QUIET)):
        with pytest.raises(SettingError, match=said):
            look(images())


def test_the_embedded_backbone_shows_no_seam_either():
    graph = {"backbone": load_backbone("embedded"), "image_format": ImageFormat()}
    image = np.random.default_rng(0).integers(0, 256, (1, 480, 576, 3)).astype(np.uint8)
    size = {"image_size": (480, 576)}
    whole, tiled = (
        PatchCoreGraph(PatchCoreSettings(**size, **tiles), **graph).features()
        for tiles in ({}, {"tile": (480, 480), "overlap": 384})
    )
    one, other = (
        Session(model.SerializeToString()).run(["patches"], image=image)[0]
        for model in (whole, tiled)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)
