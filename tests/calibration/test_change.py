from __future__ import annotations

import pytest

from blemish.calibration import CalibrationRequest, calibrate
from blemish.calibration.change import changes
from blemish.result import ScoredImage


def rows(scores, factor=0.5):
    return [ScoredImage(f"{s}.png", "0" * 64, float(s), factor * s) for s in scores]


def calibrated(scores, rate=0.1):
    pairs = rows(scores)
    given = [image.score for image in pairs], [image.peak for image in pairs]
    return calibrate(*given, method="", request=CalibrationRequest(rate))


OWN, LOWER = range(100, 119), range(50, 69)  # of 19, a rate of 0.1 leaves one above


def test_a_threshold_that_falls_says_how_many_of_the_own_good_images_would_be_alarms():
    image, pixel = changes(calibrated(OWN), calibrated(LOWER), own=rows(OWN), new=rows(LOWER))
    assert (image.before, image.now) == (117, 67)
    assert (image.own.before, image.own.now, image.own.images) == (1, 19, 19)
    assert (image.new.before, image.new.now) == (0, 1)
    told = image.warning()
    assert "falls from 117 to 67: alarms will rise" in told
    assert "own good images, left out, 19 of 19 (100.0 %) are above it, 1 were before" in told
    assert "Promised are 10 %" in told
    assert "calibrate on both together" in told
    assert "pixel threshold falls from 58.5 to 33.5: regions on good images" in pixel.warning()


def test_a_threshold_that_rises_says_that_defects_will_pass():
    image, _ = changes(calibrated(LOWER), calibrated(OWN), own=rows(LOWER), new=rows(OWN))
    told = image.warning()
    assert "rises from 67 to 117: defects whose score is between will pass" in told
    assert "Of the good images calibrated on, 1 of 19 (5.3 %) are above it, 19 were before" in told
    assert "Promised" not in told


def test_the_same_threshold_is_no_news():
    again = changes(calibrated(OWN), calibrated(OWN), own=rows(OWN), new=rows(OWN))
    assert [change.warning() for change in again] == [None, None]


def test_a_rate_that_was_asked_for_is_told_without_advice():
    before, now = calibrated(OWN), calibrated(OWN, 0.3)
    image, _ = changes(before, now, own=rows(OWN), new=rows(OWN))
    assert (image.rate_before, image.rate) == (pytest.approx(0.1), pytest.approx(0.3))
    assert "alarms will rise" in image.warning()
    assert "calibrate on both" not in image.warning()
