"""Finding a backbone by what a user types: in the package, in a file, or among timm's models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blemish.backbones.backbone import Backbone
from blemish.backbones.onnx_file import read_backbone
from blemish.errors import UsageError

EMBEDDED = "embedded"


def load_backbone(
    spec: str, *, levels: Sequence[str] | None = None, weights: str | Path | None = None
) -> Backbone:
    """Find a backbone by what a user types.

    Args:
        spec: `embedded`, path of an ONNX file, or `timm:NAME`.
        levels: names of the levels to use; by default those at strides 8 and 16.
        weights: a safetensors file for `timm:NAME`, in place of timm's own download.

    Raises:
        BackboneError: it is not there, is not usable, or lacks a level.
        MissingExtraError: `timm:` without the extra `train`.
    """
    if spec.startswith("timm:"):
        from blemish.backbones.timm_export import export_timm

        file = export_timm(spec.removeprefix("timm:"), weights=Path(weights) if weights else None)
    elif weights is not None:
        raise UsageError("'weights' goes with a backbone 'timm:NAME' only.", parameter="weights")
    elif spec == EMBEDDED:
        file = Path(__file__).with_name("embedded.onnx")
    else:
        file = Path(spec)
    return read_backbone(file).with_levels(levels)
