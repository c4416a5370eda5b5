"""Building blocks of ONNX graphs: preprocessing, composing, maps, the session."""
