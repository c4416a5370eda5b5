"""A model against a labelled test set: what it says of each image, and the figures that follow.

Figures are made from raw scores at the images' own resolution with the untouched masks. The
model's thresholds stay what they are: no label of a test image moves them. Maps that another tool
wrote are measured in the same way.
"""

from blemish.evaluation.examples import write_examples, write_map_examples
from blemish.evaluation.maps import ScoreMaps, evaluate_maps
from blemish.evaluation.measure import Evaluation, evaluate

__all__ = [
    "Evaluation",
    "ScoreMaps",
    "evaluate",
    "evaluate_maps",
    "write_examples",
    "write_map_examples",
]
