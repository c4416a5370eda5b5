"""False alarms and recall while alarms are taught: random streams of good images.

    python benchmarks/teach.py --shared ../shared                 # 20 streams of each category
    python benchmarks/teach.py --only mvtec/bottle --streams 2

The images of a stream (`taught_streams.py`) are each judged by the model as it is then, and each
false alarm is taught at once (`blemish.learn`). The same fit is also taught the ten loudest good
images of its stream in one go, as alarms of a lower threshold. Rows that are in the day's record
are not measured again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

import blemish
from blemish.calibration import CalibrationRequest, calibrate
from blemish.data.sample import Sample
from blemish.metrics.ranking import auroc, rank
from blemish.model.variants import with_calibration
from blemish.progress import LoggedProgress
from day_record import Row
from taught_streams import Stream, measure_streams, paths, scores

TAUGHT = 10  # loudest images that are taught in one go


def main() -> None:
    """Measure what is not measured yet."""
    measure_streams("teach", __doc__, measured)


def measured(drawn: Stream) -> Row:
    """One stream of a category."""
    model, stream, fresh, defects = drawn.model, drawn.images, drawn.fresh, drawn.defects
    first, threshold = scores(model, stream), model.calibration.image_threshold
    alarms = [sample for sample, score in zip(stream, first, strict=True) if score > threshold]
    taught, learned, seconds = streamed(model, alarms)
    loudest = [stream[i] for i in np.argsort(-first, kind="stable")[:TAUGHT]]
    ten = blemish.learn(loosened(model, len(stream)), paths(loudest), progress=LoggedProgress())
    row: Row = {
        "bound": model.calibration.stated().upper_bound_95,
        "fitted": drawn.fitted,
        "streamed": len(stream),
        "alarms_untaught": len(alarms),
        "alarms": learned,
        "fresh": len(fresh),
        "defects": len(defects),
        "seconds_a_step": seconds,
    }
    known = scores(model, [*fresh, *defects])
    for what, one in (("before", model), ("taught", taught), ("ten", ten)):
        now = known if one is model else scores(one, [*fresh, *defects])
        of_fresh, of_defects = now[: len(fresh)], now[len(fresh) :]
        row[what] = {
            "false_alarms": int(np.sum(of_fresh > threshold)),
            "found": int(np.sum(of_defects > threshold)),
            "auroc": ranked(of_fresh, of_defects),
            "rose": int(np.sum(now > known + 1e-4)),
            "vectors": len_of_bank(one),
            "bytes": one.size_bytes,
        }
    return row


def streamed(
    model: blemish.Model, alarms: Sequence[Sample]
) -> tuple[blemish.Model, int, float | None]:
    """The model after a stream whose alarms were taught, how many these were, seconds for each.

    No score rises by what is taught, so only images that the first model rejects can be alarms.
    """
    seconds = []
    for sample in alarms:
        if scores(model, [sample])[0] > model.calibration.image_threshold:
            start = time.perf_counter()
            model = blemish.learn(model, [sample.path], progress=LoggedProgress())
            seconds.append(time.perf_counter() - start)
    return model, len(seconds), float(np.median(seconds)) if seconds else None


def loosened(model: blemish.Model, streamed: int) -> blemish.Model:
    """The same model with a threshold that the loudest ten of a stream are above, most likely."""
    known = model.facts.calibration.scored
    request = CalibrationRequest(false_alarm_rate=min(0.5, 1.5 * TAUGHT / streamed))
    found = calibrate([i.score for i in known], [i.peak for i in known], method="", request=request)
    return with_calibration(model, found, known)


def ranked(good: np.ndarray, defects: np.ndarray) -> float:
    """Area under the ROC curve."""
    labels = np.r_[np.zeros(len(good), bool), np.ones(len(defects), bool)]
    return float(auroc(rank(np.r_[good, defects], labels)) or 0)


def len_of_bank(model: blemish.Model) -> int:
    """Vectors of the bank, with those that were learned."""
    return int(model.facts.detector.details["bank_vectors"])


if __name__ == "__main__":
    main()
