"""Models that serve are watched for drift, and go on being watched after a restart."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from blemish.errors import BlemishError
from blemish.monitor.monitor import Monitor
from blemish.serving.app import make_app
from blemish.serving.drift import Drift
from served import HERE


def test_what_is_judged_is_watched_and_told_and_kept(models, model, image, tmp_path):
    for restarted in range(2):
        app = make_app(models, drift=Drift(tmp_path))
        with TestClient(app, base_url=HERE) as client:
            for _ in range(3):
                assert "look" in client.post("/v1/inspect", content=image).json()
            figures = client.get("/metrics").text
        assert f'blemish_drift_parts{{model="noise"}} {3 + 3 * restarted}.0' in figures
        assert 'blemish_drift_alarm{model="noise"}' in figures
        assert 'blemish_drift_parts_a_chance{model="noise",stream="brightness"}' in figures
    assert Monitor.load(tmp_path / "noise.json", model_sha256=model.sha256).parts == 6


def test_a_state_of_another_model_begins_anew(models, image, tmp_path):
    drift = Drift(tmp_path)
    drift.update(models.judge("noise", image, looks=True))
    drift.save()
    path = tmp_path / "noise.json"
    path.write_text(path.read_text().replace(models.get().model.sha256, "0" * 64))
    again = Drift(tmp_path)
    again.update(models.judge("noise", image, looks=True))
    again.save()
    assert Monitor.load(path, model_sha256=models.get().model.sha256).parts == 1


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BlemishError, match="is no folder"):
        Drift(tmp_path / "none")
