"""Feature extractors: any ONNX file with named outputs, or a timm model exported once."""

from blemish.backbones.backbone import Backbone, Level
from blemish.backbones.load import load_backbone
from blemish.backbones.onnx_file import annotate, read_backbone

__all__ = ["Backbone", "Level", "annotate", "load_backbone", "read_backbone"]
