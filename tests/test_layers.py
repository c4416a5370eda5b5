"""The way of the data goes forwards only: a module imports from layers before its own."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import blemish

ROOT = Path(blemish.__file__).parent

LAYERS = [
    "errors", "names", "wording", "typed_json", "provenance", "files", "unfinished", "alignment",
    "result",
    "binomial", "progress", "settings", "parallel", "workers", "memory", "images", "zones",
    "surfaces", "records", "cluster", "data", "graph", "backbones", "quantisation", "search",
    "calibration", "metrics", "report", "detectors", "model", "evaluation", "monitor",
    "predictions", "benchmark", "ledger", "serving", "station", "cli", "__main__",
]  # fmt: skip
# Where gradients are needed; everything else loads these modules only when it trains.
TRAINING = {
    f"detectors/{folder}/{name}.py"
    for folder, names in {
        "efficientad": (
            "batches",
            "checkpoint",
            "fit",
            "jitter",
            "losses",
            "objective",
            "training",
        ),
        "nets": ("dropout", "module", "surroundings", "timing"),
        "patchcore/head": ("training",),
    }.items()
    for name in names
}

# What the rooms of the server import; commands load these rooms only when they run.
SERVING = {
    "fastapi", "uvicorn", "starlette", "pydantic", "prometheus_client", "paho", "asyncua",
    "pymodbus", "av", "psycopg", "gi", "fpdf", "cryptography", "jinja2",
}  # fmt: skip


def modules():
    return [path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"]


def layer(parts):
    return LAYERS.index(parts[0].removesuffix(".py"))


def imported(path):
    """What a file imports of this package, wherever it does: parts of the names, its own aside.

    The whole package by its bare name is what is behind the last layer but that of commands.
    """
    folder = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - node.level + 1] + tuple((node.module or "").split("."))
            yield from ((*filter(None, base), alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "blemish":
            yield from ((*node.module.split(".")[1:], alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (
                tuple(name[1:]) or ("cli", "blemish") for name in names if name[0] == "blemish"
            )
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            (name,) = node.args[:1]
            if isinstance(name, ast.Constant) and name.value.startswith("blemish."):
                yield tuple(name.value.split(".")[1:])


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


def test_no_module_reaches_itself_by_imports():
    names = {path.relative_to(ROOT).with_suffix("").parts for path in modules()}
    graph = {
        name: {_module(other, names) for other in imported(ROOT.joinpath(*name).with_suffix(".py"))}
        for name in names
    }
    try:
        TopologicalSorter({name: others - {name} for name, others in graph.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(".".join(name) for name in reversed(error.args[1]))
        pytest.fail(f"modules import each other: {circle}")


def _module(name, names):
    """The module that a name is, or is something of."""
    package = (*name, "__init__")
    return next((n for n in (name, package, name[:-1]) if n in names), (*name[:-1], "__init__"))


def test_no_module_level_import_of_what_is_heavy_or_optional():
    heavy = {"torch", "timm", "onnxruntime", "openvino", "scipy", "jinja2", "ray", "pyarrow"}
    heavy |= {"imagecodecs", "pillow_heif"} | SERVING
    wrong = []
    for path in modules():
        here = path.relative_to(ROOT).as_posix()
        allowed = {"torch"} if here in TRAINING else set()
        allowed |= SERVING if here.startswith(("serving/", "station/")) else set()
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


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from blemish.data import dataset", ("data", "dataset")),
        ("from ..data.dataset import Dataset", ("data", "dataset", "Dataset")),
        ("def f():\n    from .read import read_image", ("images", "read", "read_image")),
        ("from . import read", ("images", "read")),
        ("import blemish.data.dataset", ("data", "dataset")),
        ("import blemish", ("cli", "blemish")),
        ("import_module('blemish.data.dataset')", ("data", "dataset")),
    ],
)
def test_no_form_of_an_import_is_overlooked(monkeypatch, tmp_path, line, found):
    monkeypatch.setitem(imported.__globals__, "ROOT", tmp_path)
    path = tmp_path / "images" / "kinds.py"
    path.parent.mkdir()
    path.write_text(line)
    assert list(imported(path)) == [found]
