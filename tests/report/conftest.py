"""Records small enough to check by hand."""

from __future__ import annotations

import pytest

from made_records import made_failed_record, made_record


@pytest.fixture
def make_record():
    """A whole record, with changes as `category="tile"` or `{"figures.image.auroc": None}`."""
    return made_record


@pytest.fixture
def failed_record():
    """A job that ended before it knew anything."""
    return made_failed_record()
