"""The backbone in the package: small, ours, described, and the default."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx

import blemish
from blemish.backbones import load_backbone
from blemish.backbones.load import EMBEDDED
from blemish.graph.session import Session

PACKAGE = Path(blemish.__file__).parent
FILE = PACKAGE / "backbones" / "embedded.onnx"


def test_it_is_the_default_and_says_whose_it_is():
    backbone = blemish.PatchCore().backbone
    assert backbone.name == EMBEDDED
    assert backbone.licence == "Apache-2.0"
    assert [level.stride for level in load_backbone(EMBEDDED).levels] == [8, 16]
    assert 128 <= sum(level.channels for level in backbone.levels) <= 256


def test_all_levels_can_be_named():
    backbone = load_backbone(EMBEDDED, levels=["s4", "s8", "s16"])
    assert [level.stride for level in backbone.levels] == [4, 8, 16]
    assert [level.surplus for level in backbone.levels] == [0, 0, 0]


def test_the_file_is_small_and_half_precise():
    assert FILE.stat().st_size <= 4e6
    weights = [t for t in onnx.load(FILE).graph.initializer if len(t.dims) == 4]
    assert {t.data_type for t in weights} == {onnx.TensorProto.FLOAT16}


def test_no_image_takes_it_out_of_range():
    session = Session(FILE.read_bytes())
    rows = np.indices((96, 96)).sum(axis=0)
    rng = np.random.default_rng(0)
    for image in (rng.normal(0, 1, (3, 96, 96)), 1e3 * rng.normal(0, 1, (3, 96, 96)),
                  np.broadcast_to(rows % 2 * 4.0 - 2, (3, 96, 96))):  # fmt: skip
        for level in session.run(None, image=image[None].astype(np.float32)):
            assert np.linalg.norm(level, axis=1).max() < 60


def test_the_file_says_how_it_was_made():
    known = {entry.key: entry.value for entry in onnx.load(FILE).metadata_props}
    assert known["script"] == "training/distill.py"
    assert len(known["commit"]) == 40
    assert "drawn by training/pictures.py" in known["data"]
    assert min(json.loads(known["explained"]).values()) > 0.5
    assert {"date", "machine", "versions", "arguments"} <= set(known)


def test_what_the_wheel_carries_stays_small():
    files = [path for path in PACKAGE.rglob("*") if path.suffix not in (".pyc", "")]
    assert sum(path.stat().st_size for path in files) < 12e6
