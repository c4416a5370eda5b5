"""A part taught from the page: tried, looked at, put in its place, and taken back."""

from __future__ import annotations

import pytest

import stations
from blemish.errors import UsageError
from blemish.model.model import load
from blemish.progress import LoggedProgress
from blemish.serving.models import Models
from blemish.station.page.job import Job
from blemish.station.page.lessons import Trial, taught
from blemish.station.page.versions import Versions


@pytest.fixture
def here(monkeypatch):
    """Work of a job done at once and here: another process would take a second to start."""

    def start(cls, work, *values):
        job = cls()
        try:
            job.result = work(*values, progress=LoggedProgress())
        except Exception as error:
            job.error = str(error)
        return job

    monkeypatch.setattr(Job, "start", classmethod(start))


def test_what_would_change_is_told_before_anything_does(shop, good, bad, here):
    before = shop.station.models.get("tile").model.sha256
    asked = {"camera": "top", "kind": "good", "because": "only dust"}
    assert shop.tell(f"/parts/{bad}/teach", asked).status_code == 200
    page = shop.ask(f"/parts/{bad}/teach").text
    assert "Defect (" in page
    assert "becomes Good (" in page
    assert "holds after 1 step since the fit" in page
    assert shop.station.models.get("tile").model.sha256 == before
    assert "Another part is being learned" not in shop.ask(f"/parts/{good}/teach").text
    assert shop.tell(f"/parts/{good}/teach/accept").status_code == 404
    assert shop.tell(f"/parts/{bad}/teach/discard").status_code == 200
    assert shop.tell(f"/parts/{bad}/teach/accept").status_code == 404


def test_a_lesson_is_put_in_its_place_recorded_and_rolled_back(shop, bad, here):
    before = shop.station.models.get("tile").model.sha256
    shop.tell(f"/parts/{bad}/teach", {"camera": "top", "kind": "good"})
    assert shop.tell(f"/parts/{bad}/teach/accept").status_code == 200
    after = shop.station.models.get("tile").model.sha256
    act = shop.last_act()
    assert (act.body["act"], act.refers_to, act.who) == ("learn", bad, "Anna engineer")
    assert (act.body["before"], act.body["after"]) == (before, after)
    assert load(shop.line.folder / "models" / "tile.onnx").sha256 == after
    again = shop.judge(shop.line.bad())
    assert shop.entry(again).verdict == "good"
    assert before[:16] in shop.ask("/models").text
    back = {"name": "tile", "sha256": before[:16]}
    assert shop.tell("/models/roll-back", back).status_code == 200
    assert load(shop.line.folder / "models" / "tile.onnx").sha256 == before
    assert (shop.last_act().body["before"], shop.last_act().body["after"]) == (after, before)


def test_a_lesson_for_a_model_that_is_gone_is_refused(shop, bad, here):
    shop.tell(f"/parts/{bad}/teach", {"camera": "top", "kind": "good"})
    versions = Versions(shop.line.folder / "models", shop.station.models)
    before = shop.station.models.get("tile").model.sha256
    image = shop.station.pictures.path_of(shop.entry(bad).body["id"], "top", "image")
    other = shop.line.folder / "models" / "elsewhere.onnx"
    path = str(shop.line.folder / "models" / "tile.onnx")
    taught(Trial(path, str(image), str(other), {}, None, None, "x"), progress=LoggedProgress())
    versions.put("tile", other)
    answer = shop.tell(f"/parts/{bad}/teach/accept")
    assert answer.status_code == 400
    assert "Another model judges by now" in answer.json()["error"]
    versions.roll_back("tile", before)
    shop.tell(f"/parts/{bad}/teach/discard")


def test_a_defect_is_made_known_by_its_box(shop, good, here):
    for _ in range(2):
        shop.judge((shop.line.images / "test" / "good" / "001.png").read_bytes())
    asked = {"camera": "top", "kind": "defect", "box": "0.25,0.25,0.5,0.5"}
    assert shop.tell(f"/parts/{good}/teach", asked).status_code == 200
    page = shop.ask(f"/parts/{good}/teach").text
    assert 'class="card' in page
    shop.tell(f"/parts/{good}/teach/discard")
    wrong = shop.tell(f"/parts/{good}/teach", asked | {"box": "here"})
    assert wrong.status_code == 400


def test_what_a_job_does_and_why_it_fails_is_told(shop, tmp_path):
    job = Job.start(taught, Trial(str(tmp_path / "none.onnx"), "a", "b", {}, None, None, ""))
    shop.client.portal.call(stations.until, lambda: job.over)
    assert "none.onnx" in job.error


def test_versions_keep_what_they_replace_and_refuse_what_is_none(model, tmp_path):
    models = Models()
    model.save(tmp_path / "tile.onnx")
    models.reload("tile", tmp_path / "tile.onnx")
    versions = Versions(tmp_path, models)
    (tmp_path / "new.onnx").write_bytes(b"no model")
    with pytest.raises(Exception, match="model"):
        versions.put("tile", tmp_path / "new.onnx")
    assert load(tmp_path / "tile.onnx").sha256 == model.sha256
    with pytest.raises(UsageError, match="No model of 'tile' before"):
        versions.roll_back("tile", "0" * 16)
    assert [one.judges for one in versions.of("tile")] == [True]
