from __future__ import annotations

import pytest

from blemish.detectors.efficientad.plan import plan_training
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.errors import DataError


def test_a_plan_for_no_image_is_refused():
    with pytest.raises(DataError, match="no good image to learn from"):
        plan_training(EfficientAdSettings(), None, [])
