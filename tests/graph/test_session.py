"""What a session keeps between runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from blemish.graph.engine import ONE_CORE
from blemish.graph.session import LARGE_BYTES, Session
from graphs import graph_of

STATUS = Path("/proc/self/statm")
PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(STATUS.read_text().split()[1]) * PAGE_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_what_a_large_image_took_is_given_back_at_once():
    image = np.full((1, 3000, 4000, 3), 7, np.uint8)
    assert image.nbytes > LARGE_BYTES

    def brightest(g):
        return [g.op("ReduceMax", g.op("Cast", "image", to=1), keepdims=0)]

    session = Session(graph_of(brightest, image=image).SerializeToString(), ONE_CORE)
    session.run(image=image[:, :1000, :1000])
    before = resident_bytes()
    assert session.run(image=image)[0] == 7
    assert resident_bytes() - before < image.nbytes * 4 / 2  # of its floats
