"""The main job never reaches for the network: it runs with sockets blocked."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import pytest

import blemish
from tiny import tiny_settings


@pytest.fixture
def no_sockets(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_sockets")
def test_fit_save_load_predict_and_evaluate_without_a_network(category, backbone, tmp_path):
    dataset = blemish.open_dataset(category)
    model = blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))
    model.save(tmp_path / "model.onnx")
    loaded = blemish.load(tmp_path / "model.onnx")
    assert blemish.evaluate(loaded, dataset).image["auroc"] == 1.0


def test_only_the_download_on_request_knows_how_to_reach_a_network():
    root = Path(blemish.__file__).parent
    reaching = ("urllib", "http", "socket", "requests", "ftplib")
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
        if name.split(".")[0] in reaching
    }
    assert found == {"data/download.py"}
