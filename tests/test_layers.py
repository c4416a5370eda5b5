"""The way of the data goes forwards only: a module imports from layers before its own."""

from __future__ import annotations

import ast
from pathlib import Path

import blemish

ROOT = Path(blemish.__file__).parent

LAYERS = [
    "errors", "names", "wording", "files", "unfinished", "result", "progress", "settings",
    "parallel", "memory", "images", "data", "graph", "backbones", "detectors", "calibration",
    "judging", "model", "probing", "fitting", "recalibration", "metrics", "evaluation",
    "benchmark", "report", "cli", "__main__",
]  # fmt: skip
# Neither records nor pages may know how figures are made, nor the other way round.
APART = {("report", "evaluation"), ("report", "benchmark"), ("report", "model")}
# Where gradients are needed; everything else loads these modules only when it trains.
TRAINING = {
    f"detectors/efficientad/{name}.py"
    for name in (
        "batches",
        "checkpoint",
        "dropout",
        "fit",
        "jitter",
        "losses",
        "nets",
        "objective",
        "training",
    )
}


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
        here = path.relative_to(ROOT).as_posix()
        allowed = {"torch"} if here in TRAINING else set()
        names = {name.split(".")[0] for name in imported_at_the_top(path)}
        wrong += [f"{here}: {name}" for name in names & heavy - allowed]
    assert not wrong, "\n".join(wrong)


def test_only_training_imports_training_before_it_starts():
    apart = {f"blemish.{path.removesuffix('.py').replace('/', '.')}" for path in TRAINING}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        if path.relative_to(ROOT).as_posix() not in TRAINING
        for name in imported_at_the_top(path)
        if name in apart
    ]
    assert not wrong, "\n".join(wrong)


def imported_at_the_top(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
