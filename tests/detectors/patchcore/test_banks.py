"""Other vectors in a graph that ships do what a fit with these would have done."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.conformance.images import weave
from blemish.detectors.origins import PLACE, box_of
from blemish.detectors.patchcore.banks import GraphBanks
from blemish.detectors.patchcore.detector import PatchCore
from blemish.detectors.patchcore.graph import Finer
from blemish.errors import UsageError
from blemish.graph.session import Session
from blemish.graph.working_size import WorkingSize
from blemish.progress import LoggedProgress
from tiny import tiny_settings
from two_banks import detector, weaves


def fitted(of, images=None):
    return of.fit(images or weaves(), progress=LoggedProgress())


def banks_of(one, of):
    return GraphBanks(one.graph, of.settings.to_dict(), one.details)


def given(model, image):
    session = Session(model.SerializeToString())
    return session.run(["score", "score_map", "nearest"], image=image[None])


@pytest.mark.parametrize("more", [{}, {"normalisation": "none"}, {"distance": "squared"}])
@pytest.mark.parametrize("wide", [False, True], ids=["by all", "by sketches"])
def test_a_bank_that_is_replaced_gives_what_a_graph_written_with_it_gives(
    backbone, monkeypatch, more, wide
):
    if wide:
        monkeypatch.setattr("blemish.search.sketch.FEWEST_DIMENSIONS", 8)
        monkeypatch.setattr("blemish.search.sketch.FEWEST_NUMBERS", 8)
    of = PatchCore(**tiny_settings(backbone, **more))
    one, image = fitted(of), weave(99)
    bank = np.concatenate([one.bank, one.bank[:7] + 0.25])
    replaced = banks_of(one, of).replaced({"bank": bank}, patches={"bank": 256})
    written = one.writer.detector(bank, one.usual)
    for ours, theirs in zip(given(replaced, image), given(written, image), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again = GraphBanks(replaced, of.settings.to_dict(), one.details)
    np.testing.assert_array_equal(again.vectors["bank"], bank)
    back = again.replaced({"bank": one.bank}, patches={"bank": 256})
    for ours, theirs in zip(given(back, image), given(one.graph, image), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    names = [c.name for c in back.graph.initializer] + [
        output for node in back.graph.node for output in node.output
    ]
    assert len(names) == len(set(names))


def test_both_banks_of_a_sharp_map_can_be_replaced(backbone):
    of = detector(backbone)
    one, image = fitted(of), weave(99)
    judging, finer = one._judging, one._finer
    banks = {"bank": judging.bank[::2], "finer map": finer.bank[::2]}
    patches = dict.fromkeys(banks, 256)
    replaced = banks_of(one, of).replaced(banks, patches=patches)
    ends = Finer(finer.writer.distances(banks["finer map"]), one._usual_of_finer, one._usual)
    written = judging.writer.detector(banks["bank"], judging.usual, ends)
    for ours, theirs in zip(given(replaced, image), given(written, image), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("settings", [{"k": 3}, {"reweight": 3}])
def test_a_bank_whose_scores_more_vectors_could_raise_is_refused(backbone, settings):
    plain = {"normalisation": "none", "image_score": "patches"}
    of = PatchCore(**tiny_settings(backbone, **plain, **settings))
    with pytest.raises(UsageError, match="'k' of 1, 'reweight' of 0"):
        banks_of(fitted(of), of)


@pytest.mark.parametrize("shards", [0, 3])
def test_each_vector_knows_the_image_and_the_cell_that_it_is_from(backbone, shards):
    of, images = PatchCore(**tiny_settings(backbone, shards=shards)), weaves()
    one = fitted(of, images)
    places = one.origins.places["bank"]
    assert places.dtype == PLACE
    assert PLACE.itemsize == 8
    session = Session(one.writer.features().SerializeToString())
    grids = [session.run(["patches"], image=image[None])[0][0] for _, image in images]
    for vector, place in zip(one.bank, places, strict=True):
        own = grids[place["image"]][place["row"], place["column"]]
        np.testing.assert_allclose(own, vector, atol=1e-5)
    assert list(one.origins.sizes_hw) == list(images.sizes_hw)


def test_the_box_of_a_cell_is_where_it_shows_the_image():
    stretch = WorkingSize((64, 64))
    assert box_of((0, 0), (128, 256), (8, 8), stretch) == (0, 0, 32, 16)
    assert box_of((7, 7), (128, 256), (8, 8), stretch, reach=1) == (192, 96, 256, 128)
    longer = WorkingSize((64, 64), "longer", 16)  # content 32 x 64, no padding
    assert box_of((1, 2), (100, 200), (4, 8), longer) == (50, 25, 75, 50)
