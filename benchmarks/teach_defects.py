"""Known defects that are taught: near-identical ones found, and what it costs in false alarms.

    python benchmarks/teach_defects.py --shared ../shared         # 20 streams of each category

The fits are those of `teach.py`. Of the defects that a fit misses up to three are taught, each with
the box of its mask, and the good images of the stream say how near counts. Then fresh good
images are judged, all other defects, and the taught ones moved by two pixels and brightened by a
fiftieth. Rows that are in the day's record are not measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blemish
from blemish.data.sample import Sample
from blemish.errors import UsageError
from blemish.progress import LoggedProgress
from day_record import Row
from taught_streams import Stream, measure_streams, paths, scores

MOST_TAUGHT = 3
MOVED_PX, BRIGHTENED = 2, 1.02


def main() -> None:
    """Measure what is not measured yet."""
    measure_streams("teach-defects", __doc__, measured)


def measured(drawn: Stream) -> Row:
    """One stream of a category."""
    model, stream, fresh, defects = drawn.model, drawn.images, drawn.fresh, drawn.defects
    threshold = model.calibration.image_threshold
    before = scores(model, defects)
    missed = [s for s, score in zip(defects, before, strict=True) if score <= threshold and s.masks]
    new, taught, refused = model, [], 0
    for sample in missed[:MOST_TAUGHT]:
        image = model.read(sample)
        box = box_of(sample, image)
        try:
            new = blemish.learn_defects(
                new, paths([sample]), paths(stream), box_xyxy=box, progress=LoggedProgress()
            )
            taught.append(sample)
        except UsageError:
            refused += 1
    others = [sample for sample in defects if sample not in taught]
    likes = [like for sample in taught for like in nearly(model.read(sample))]
    return {
        "fresh": len(fresh),
        "streamed": len(stream),
        "missed": len(missed),
        "defects_taught": len(taught),
        "refused": refused,
        "others": len(others),
        "likes": len(likes),
        "more_alarms": 1 / (len(stream) + 1),
        **{
            what: {
                "false_alarms": int(np.sum(scores(one, fresh) > threshold)),
                "others_found": int(np.sum(scores(one, others) > threshold)),
                "likes_found": sum(one.predict(like).score > threshold for like in likes),
            }
            for what, one in (("before", model), ("taught", new))
        },
    }


def box_of(sample: Sample, image: NDArray[Any]) -> tuple[int, int, int, int]:
    """Of the defect's mask."""
    rows, columns = np.nonzero(sample.read_mask((image.shape[0], image.shape[1])))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def nearly(image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
    """Images that are nearly the same."""
    moved = np.roll(image, (MOVED_PX, MOVED_PX), axis=(0, 1))
    brightened = np.clip(np.rint(image * BRIGHTENED), 0, 255).astype(np.uint8)
    return [moved, brightened]


if __name__ == "__main__":
    main()
