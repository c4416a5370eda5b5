"""What a session keeps between runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LARGE = """
from pathlib import Path

import numpy as np

from blemish.graph.engine import ONE_CORE
from blemish.graph.session import LARGE_BYTES, Session
from graphs import graph_of


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def brightest(g):
    return [g.op("ReduceMax", g.op("Cast", "image", to=1), keepdims=0)]


image = np.full((1, 3000, 4000, 3), 7, np.uint8)
assert image.nbytes > LARGE_BYTES
session = Session(graph_of(brightest, image=image).SerializeToString(), ONE_CORE)
session.run(image=image[:, :1000, :1000])
before = resident_bytes()
assert session.run(image=image)[0] == 7
assert resident_bytes() - before < image.nbytes * 4 / 2  # of its floats
"""


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_what_a_large_image_took_is_given_back_at_once():
    """In a process of its own: here it would take again what other tests freed."""
    subprocess.run([sys.executable, "-c", LARGE], check=True, cwd=Path(__file__).parents[1])
