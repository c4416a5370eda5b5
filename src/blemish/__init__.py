"""blemish: learns what a good surface looks like, and tells where a new image departs.

    dataset = blemish.open_dataset("data/tile")
    model = blemish.fit(dataset, blemish.PatchCore())
    model.predict("new.png").verdict
    model.save("tile.onnx")

Names are imported when they are first used, so that `import blemish` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blemish.detectors.registry import OURS

if TYPE_CHECKING:
    from blemish.calibration import Costs
    from blemish.data.audit import audit
    from blemish.data.dataset import Dataset
    from blemish.data.export.write import export_dataset
    from blemish.data.opening import find_categories, open_dataset
    from blemish.detectors.efficientad.detector import EfficientAd
    from blemish.detectors.patchcore.detector import PatchCore
    from blemish.errors import BlemishError
    from blemish.evaluation import Evaluation, ScoreMaps, evaluate, evaluate_maps
    from blemish.graph.engine import Engine
    from blemish.images.header import Reader, ReadLimits, images_of
    from blemish.images.raw import RawFormat
    from blemish.model.file import ModelFile, inspect
    from blemish.model.fitting import fit
    from blemish.model.known_defects import learn_defects
    from blemish.model.made import undo
    from blemish.model.model import Model, load
    from blemish.model.recalibration import recalibrate
    from blemish.model.teaching import forget, learn
    from blemish.monitor.monitor import Monitor
    from blemish.predictions.golden import keep_golden, verify_golden
    from blemish.result import Failure, Prediction, Region, Verdict
    from blemish.zones import Zones

_HOMES = {
    "audit": "data.audit",
    "Costs": "calibration",
    "Dataset": "data.dataset",
    "export_dataset": "data.export.write",
    "find_categories": "data.opening",
    "open_dataset": "data.opening",
    "BlemishError": "errors",
    "Engine": "graph.engine",
    "Evaluation": "evaluation",
    "ScoreMaps": "evaluation",
    "evaluate": "evaluation",
    "evaluate_maps": "evaluation",
    "fit": "model.fitting",
    "recalibrate": "model.recalibration",
    "forget": "model.teaching",
    "learn": "model.teaching",
    "undo": "model.made",
    "learn_defects": "model.known_defects",
    "Failure": "result",
    "Model": "model.model",
    "ModelFile": "model.file",
    "inspect": "model.file",
    "load": "model.model",
    "Monitor": "monitor.monitor",
    "Prediction": "result",
    "Reader": "images.header",
    "ReadLimits": "images.header",
    "images_of": "images.header",
    "RawFormat": "images.raw",
    "Region": "result",
    "Verdict": "result",
    "keep_golden": "predictions.golden",
    "verify_golden": "predictions.golden",
    "Zones": "zones",
    "Alignment": "alignment",
} | {kind: f"detectors.{name}.detector" for name, kind in OURS.items()}

__all__ = [
    "Alignment",
    "BlemishError",
    "Costs",
    "Dataset",
    "EfficientAd",
    "Engine",
    "Evaluation",
    "Failure",
    "Model",
    "ModelFile",
    "Monitor",
    "PatchCore",
    "Prediction",
    "RawFormat",
    "ReadLimits",
    "Reader",
    "Region",
    "ScoreMaps",
    "Verdict",
    "Zones",
    "audit",
    "evaluate",
    "evaluate_maps",
    "export_dataset",
    "find_categories",
    "fit",
    "forget",
    "images_of",
    "inspect",
    "keep_golden",
    "learn",
    "learn_defects",
    "load",
    "open_dataset",
    "recalibrate",
    "undo",
    "verify_golden",
]
__all__ += [kind for kind in OURS.values() if kind not in __all__]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'blemish' has no attribute '{name}'")
    value = getattr(import_module(f"blemish.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOMES)
