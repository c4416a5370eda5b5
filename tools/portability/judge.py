"""Judge all images of a folder with one model: NumPy and one runtime, nothing of blemish.

python judge.py onnxruntime|openvino FOLDER MODEL RESULT

RESULT holds float32 numbers: of each image score, verdict, both thresholds, then its map.
"""

import json
import sys
from pathlib import Path

import numpy as np

NAMES = ("score", "verdict", "threshold", "pixel_threshold", "score_map")


def main():
    """Judge them."""
    runtime, folder, model, result = sys.argv[1:]
    judge = {"onnxruntime": with_onnxruntime, "openvino": with_openvino}[runtime](model)
    sizes = json.loads((Path(folder) / "images.json").read_text())
    with (Path(folder) / "images.bin").open("rb") as images, Path(result).open("wb") as out:
        for height, width in sizes:
            pixels = np.frombuffer(images.read(height * width * 3), np.uint8)
            for value in judge(pixels.reshape(1, height, width, 3)):
                out.write(np.asarray(value).astype("<f4").tobytes())


def with_onnxruntime(model):
    """A function from an image to the named outputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # threads that wait for each other take a busy machine's time
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(NAMES, {"image": image})


def with_openvino(model):
    """The same."""
    import openvino

    exact = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "NO"}
    compiled = openvino.Core().compile_model(model, "CPU", exact)

    def judge(image):
        found = compiled({"image": image})
        return [found[name] for name in NAMES]

    return judge


if __name__ == "__main__":
    main()
