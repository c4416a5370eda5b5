"""The line is bounded: who finds no place is told at once, and nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from blemish.serving.app import Limits, make_app
from blemish.serving.models import Models
from blemish.serving.waiting import Waiting
from served import running

WAIT_SECONDS = 60


class Held(Models):
    """Models that judge only while they are let."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.let, self.begun, self.names_judged = threading.Event(), threading.Semaphore(0), []

    def judge_by(self, *args, **named):
        self.begun.release()
        assert self.let.wait(WAIT_SECONDS)
        self.names_judged.append(named["file_name"])
        return super().judge_by(*args, **named)


@pytest.fixture
def held(model_file):
    models = Held.load({"noise": model_file})
    yield models
    models.let.set()


def test_those_beyond_the_places_are_told_and_no_verdict_is_lost_or_doubled(held, image):
    app = make_app(held, limits=Limits(places=3, threads=2))

    def ask(number):
        return client.post("/v1/inspect", params={"name": f"{number}.png"}, content=image)

    with (
        running(app) as address,
        httpx.Client(base_url=f"http://{address}", timeout=WAIT_SECONDS) as client,
        ThreadPoolExecutor(3) as clients,
    ):
        within = [clients.submit(ask, number) for number in range(3)]
        for _ in range(2):
            assert held.begun.acquire(timeout=WAIT_SECONDS)
        while app.state.waiting.taken < 3:
            pass
        beyond = [ask(number) for number in range(3, 40)]
        held.let.set()
        answers = [one.result(WAIT_SECONDS) for one in within]
        after = ask(40)
        figures = client.get("/metrics").text
    assert {answer.status_code for answer in beyond} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in beyond)
    assert [answer.json()["path"] for answer in answers] == ["0.png", "1.png", "2.png"]
    assert after.is_success
    assert sorted(held.names_judged) == ["0.png", "1.png", "2.png", "40.png"]
    assert 'blemish_verdicts_total{model="noise",verdict="defect"} 4.0' in figures
    assert 'blemish_refusals_total{status="503"} 37.0' in figures


def test_a_request_whose_time_is_over_is_told_and_keeps_its_place_until_it_ends(held, image):
    app = make_app(held, limits=Limits(places=2, threads=1, seconds=0.3))
    waiting = app.state.waiting
    with running(app) as address, httpx.Client(base_url=f"http://{address}") as client:
        with ThreadPoolExecutor(2) as clients:
            found = [clients.submit(client.post, "/v1/inspect", content=image) for _ in range(2)]
            statuses = sorted(one.result(WAIT_SECONDS).status_code for one in found)
        assert statuses == [503, 504]  # one waited for the thread that the other has
        assert waiting.taken == 0
        assert waiting.refusal is None
        held.let.set()
        waiting.seconds = 30.0
        assert client.post("/v1/inspect", content=image, timeout=WAIT_SECONDS).is_success


def test_a_verdict_that_comes_as_its_time_is_over_is_given():
    let = threading.Event()

    async def work():
        waiting, loop = Waiting(threads=1, seconds=0.1), asyncio.get_running_loop()

        def end():  # while the loop looks at nothing, the time is over and the verdict comes
            let.set()
            time.sleep(0.5)

        asked = asyncio.create_task(waiting.run(lambda: let.wait(WAIT_SECONDS) and "good"))
        await asyncio.sleep(0)
        loop.call_later(0.09, end)
        try:
            return await asked
        finally:
            waiting.close()

    assert asyncio.run(work()) == "good"


def test_the_end_lets_what_has_begun_end_and_refuses_what_is_new(held, image):
    app = make_app(held)
    with (
        running(app) as address,
        httpx.Client(base_url=f"http://{address}", timeout=WAIT_SECONDS) as client,
        ThreadPoolExecutor(1) as clients,
    ):
        begun = clients.submit(client.post, "/v1/inspect", content=image)
        assert held.begun.acquire(timeout=WAIT_SECONDS)
        assert client.get("/v2/health/ready").is_success
        app.state.waiting.draining = True
        refused = client.post("/v1/inspect", content=image)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/healthz").status_code == 503
        assert client.get("/v2/health/live").is_success
        held.let.set()
        assert begun.result(WAIT_SECONDS).is_success


def test_waiting_images_have_no_more_memory_than_there_is():
    from blemish.serving.room import Room

    room, most, now, lock = Room(100), 0, 0, threading.Lock()

    def take(size):
        nonlocal most, now
        with room.taken(size):
            with lock:
                now += size
                most = max(most, now)
            with lock:
                now -= size

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take, [30, 60, 90, 10, 45] * 40))
    assert most <= 100
    with room.taken(1000):  # alone
        pass
