"""Where the shared images, backbones and oracles are, and timm, for the tests that use them."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from types import ModuleType

import pytest

# In the background Ctrl-C is ignored, with nohup SIGHUP, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Workers share the cores, and so do what they start: threads of several that wait for each other on
# one core make trainings take two to three times as long. Where there is a worker a core, each
# works with one thread.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Tests that load ONNX Runtime without blemish, as some users do, send nothing either.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images, backbones and oracles beside the checkout; skips without it."""
    if not SHARED.is_dir():
        pytest.skip("real images, backbones and oracles (../shared) are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def timm() -> ModuleType:
    """The package timm, also beside a torchvision of another build than torch; skips without it."""
    reason = "needs the extra 'train'"
    torch = pytest.importorskip("torch", reason=reason)
    if importlib.util.find_spec("timm") is None:
        pytest.skip(reason)
    # The library's registration ends with the object, so the module has to keep it.
    globals()["_torchvision_ops"] = _torchvision_ops(torch)
    return importlib.import_module("timm")


def _torchvision_ops(torch: ModuleType) -> object:
    """Two operators that torchvision wants to find when it is imported.

    They are in its compiled part, which does not load where it was built for another torch than the
    one installed (a build for GPUs beside a CPU torch). Nothing in timm calls them.
    """
    torchvision = importlib.util.find_spec("torchvision")
    if torchvision is None or torchvision.origin is None:
        return None
    try:
        torch.ops.load_library(Path(torchvision.origin).with_name("_C.so"))
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny backbone file."""
    from tiny import tiny_backbone

    return tiny_backbone(tmp_path_factory.mktemp("backbone") / "tiny.onnx")


@pytest.fixture(scope="session")
def category(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny data set of one category, laid out as in MVTec AD."""
    from tiny import tiny_dataset

    return tiny_dataset(tmp_path_factory.mktemp("data") / "noise", good=24)


@pytest.fixture(scope="session")
def model(backbone: Path, category: Path):
    """A model fitted on the tiny data set."""
    import blemish
    from tiny import tiny_settings

    dataset = blemish.open_dataset(category)
    return blemish.fit(dataset, blemish.PatchCore(**tiny_settings(backbone)))


@pytest.fixture
def registered(monkeypatch):
    """Register detectors as another package would, by name and `module:attribute`."""

    from importlib.metadata import EntryPoint

    from blemish.detectors import registry

    def register(**values):
        found = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
        forget()

    def forget():
        registry._others.cache_clear()
        registry._tried.cache_clear()

    yield register
    forget()
