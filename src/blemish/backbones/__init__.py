"""Feature extractors: any ONNX file with named outputs, or a timm model exported once."""
