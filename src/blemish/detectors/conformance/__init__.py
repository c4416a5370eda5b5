"""What every detector must keep, as checks that anyone can run on a detector of their own.

    check_detector(lambda seed: PatchCore(backbone="small.onnx", image_size=64, seed=seed))

It is fitted once on a dozen drawn images, and four times more: again, on the images in another
order, on one alone, and on images that belong together in pairs.
"""

from blemish.detectors.conformance.check import check_detector

__all__ = ["check_detector"]
