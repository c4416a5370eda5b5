"""The way of the data goes forwards only: a module imports from layers before its own."""

from __future__ import annotations

import ast
from pathlib import Path

import blemish

ROOT = Path(blemish.__file__).parent

LAYERS = [
    "errors", "files", "result", "progress", "settings", "images", "data", "graph", "backbones",
    "detectors", "calibration", "model", "fitting", "metrics", "evaluation", "benchmark", "report",
    "cli", "__main__",
]  # fmt: skip
# Neither records nor pages may know how figures are made, nor the other way round.
APART = {("report", "evaluation"), ("report", "benchmark"), ("report", "model")}


def modules():
    return [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def layer(parts):
    return LAYERS.index(parts[0].removesuffix(".py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("blemish"):
            names = [node.module] if "." in node.module else [
                f"{node.module}.{alias.name}" for alias in node.names
            ]  # fmt: skip
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name.startswith("blemish.")]
        else:
            continue
        yield from (name.split(".")[1:] for name in names)


def test_every_module_belongs_to_a_layer():
    for path in modules():
        layer(path.relative_to(ROOT).parts)


def test_modules_import_only_from_their_own_layer_and_those_before():
    wrong = [
        f"{path.relative_to(ROOT)} imports {'.'.join(name)}"
        for path in modules()
        for name in imported(path)
        if layer(name) > layer(path.relative_to(ROOT).parts)
    ]
    assert not wrong, "\n".join(wrong)


def test_layers_that_are_to_be_strangers_are():
    wrong = [
        f"{path.relative_to(ROOT)} imports {'.'.join(name)}"
        for path in modules()
        for name in imported(path)
        if (path.relative_to(ROOT).parts[0], name[0]) in APART
    ]
    assert not wrong, "\n".join(wrong)


def test_no_module_level_import_of_what_is_heavy_or_optional():
    heavy = {"torch", "timm", "onnxruntime", "openvino", "scipy", "jinja2"}
    wrong = []
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )  # fmt: skip
            wrong += [f"{path.name}: {n}" for n in names if n.split(".")[0] in heavy]
    assert not wrong, "\n".join(wrong)
