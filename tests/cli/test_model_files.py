"""Model files that cannot be used, as each command that takes one tells of them."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest

from blemish.model.file import inspect, sign


def truncated(fitted, path, backbone):
    path.write_bytes(fitted.read_bytes()[:-100])


def tampered(fitted, path, backbone):
    data = bytearray(fitted.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def newer(fitted, path, backbone):
    facts = replace(inspect(fitted).facts, schema=99, blemish="9.0")
    path.write_bytes(sign(onnx.load(fitted), facts))


def foreign(fitted, path, backbone):
    path.write_bytes(backbone.read_bytes())


def text(fitted, path, backbone):
    path.write_text("no model at all")


def missing(fitted, path, backbone):
    pass


SAID = {
    truncated: "",
    tampered: "its hash does not match",
    newer: "has schema 99, made by blemish 9.0",
    foreign: "not one that blemish made",
    text: "is truncated, or is no ONNX model",
    missing: "No such file",
}


@pytest.mark.parametrize("make", SAID)
@pytest.mark.parametrize("command", ["inspect", "predict", "evaluate", "calibrate"])
def test_a_model_that_cannot_be_used_is_one_error(
    blemish, fitted, backbone, data, tmp_path, command, make
):
    path = tmp_path / "model.onnx"
    make(fitted, path, backbone)
    found = blemish(command, path, *([] if command == "inspect" else [data]))
    assert found.code == 1
    assert found.err.startswith("error: ")
    assert str(path) in found.err
    assert SAID[make] in found.err
    assert not found.out


def test_a_model_that_cannot_be_used_leaves_no_output_folder(blemish, data, tmp_path):
    found = blemish("predict", tmp_path / "gone.onnx", data, "-o", tmp_path / "out")
    assert found.code == 1
    assert not (tmp_path / "out").exists()
