"""The station over HTTP: how it is, switches, triggers, figures; and by its command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest

from blemish.serving.tokens import Role, Tokens, new_token
from blemish.station.contracts import Frame
from blemish.station.figures import add_figures
from blemish.station.http import station_app


@pytest.fixture
def client(line):
    line.write('recipe = "tile"', tile='model = "tile.onnx"', other='model = "tile.onnx"')
    path = line.folder / "tokens.toml"
    secrets = {role: new_token(path, str(role), role) for role in Role}
    app = station_app(line.station(), Tokens.load(path))
    with TestClient(app, base_url="https://testserver") as client:
        client.as_ = lambda role: {"Authorization": f"Bearer {secrets[role]}"}
        client.station = app.state.station
        yield client


def test_what_may_be_asked_and_by_whom(client):
    viewer, operator = client.as_(Role.VIEWER), client.as_(Role.OPERATOR)
    assert client.get("/v1/station").status_code == 401
    assert client.get("/v1/station", headers=viewer).json()["recipe"] == "tile"
    wanted = {"recipe": "other"}
    assert client.post("/v1/station/recipe", json=wanted, headers=viewer).status_code == 403
    switched = client.post("/v1/station/recipe", json=wanted, headers=operator)
    assert switched.json() == {"recipe": "other"}
    wrong = client.post("/v1/station/recipe", json={"recipe": "x"}, headers=operator)
    assert (wrong.status_code, "no recipe" in wrong.json()["error"]) == (400, True)
    where = "/v1/station/cameras/top/trigger"
    assert client.post(where, headers=viewer).status_code == 403
    assert client.post(where, json={"part": "7"}, headers=operator).status_code == 202
    assert client.station.sources["top"].triggered == ["7"]


def test_no_route_judges_or_exchanges_models_past_the_record(client):
    operator = client.as_(Role.ENGINEER)
    for path in ("/v1/inspect", "/v1/models/tile/reload", "/v2/models/tile/infer"):
        assert client.post(path, headers=operator).status_code == 404


def test_figures_tell_of_cameras_outputs_and_the_record(client):
    text = client.get("/metrics", headers=client.as_(Role.VIEWER)).text
    for line in (
        'blemish_station_cameras_ready{name="top"} 1.0',
        'blemish_station_outputs_waiting{name="screen"}',
        "blemish_station_record_rows",
        'blemish_station_parts{verdict="good"} 0.0',
    ):
        assert line in text


def test_how_long_verdicts_take_is_told_by_recipes_and_verdicts(line, run):
    async def work():
        station = line.station()
        registry = CollectorRegistry()
        add_figures(station, registry)
        async with station.running():
            await station.submit(Frame("top", datetime.now(UTC), content=line.bad()))
            return generate_latest(registry).decode()

    counted = 'blemish_station_inspection_seconds_count{recipe="tile",verdict="defect"} 1.0'
    assert counted in run(work())


def test_whether_it_inspects_is_told_without_a_token(client):
    answer = client.get("/v1/station/alive")
    assert answer.status_code in (200, 503)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_new_site_works_at_once_and_ends_in_peace(line):
    def blemish(*words):
        return [sys.executable, "-m", "blemish", "station", *map(str, words)]

    folder = line.folder / "new"
    command = blemish("--new", folder, "--model", line.folder / "models" / "tile.onnx")
    subprocess.run(command, check=True, timeout=60)
    path = folder / "line.toml"
    path.write_text(path.read_text().replace("port = 8420", "port = 0"))
    checked = subprocess.run(
        blemish(path, "--check", "--json"), check=True, timeout=60, capture_output=True
    )
    assert json.loads(checked.stdout)["cameras"] == {"camera": "folder"}
    (folder / "inbox" / "a.png").write_bytes(line.good())
    with subprocess.Popen(blemish(path, "--json"), stdout=subprocess.PIPE) as process:
        assert "url" in json.loads(process.stdout.readline())
        try:
            for _ in range(600):
                if (folder / "inbox/judged/good/a.png").exists():
                    break
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.05)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert (folder / "inbox/judged/good/a.png").exists()
