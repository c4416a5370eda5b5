"""Every kind that a site file may name is there, and keeps to what its side expects."""

from __future__ import annotations

import inspect

import pytest

from blemish.errors import MissingExtraError, UsageError
from blemish.station.outputs import registry as outputs
from blemish.station.sources import registry as sources
from blemish.station.tables import Table


def loaded(class_of, kind):
    try:
        return class_of(kind)
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", sources.KINDS)
def test_a_camera_of_each_kind_has_settings_frames_and_a_trigger(kind):
    made = loaded(sources.source_class, kind)
    assert issubclass(made.Settings, Table)
    assert list(inspect.signature(made).parameters)[:3] == ["name", "settings", "context"]
    assert callable(made.frames)
    assert callable(made.trigger)


@pytest.mark.parametrize("kind", outputs.KINDS)
def test_an_output_of_each_kind_has_settings_and_shows_or_delivers(kind):
    made = loaded(outputs.output_class, kind)
    assert issubclass(made.Settings, Table)
    assert hasattr(made, "show") or hasattr(made, "deliver")


def test_a_kind_that_nobody_knows_is_told_with_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'folder'"):
        sources.source_class("foldr")
