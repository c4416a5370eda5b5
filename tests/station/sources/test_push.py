"""Images by HTTP, into a station that runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'station'")
httpx = pytest.importorskip("httpx", reason="needs httpx")

from blemish.ledger.query import Query  # noqa: E402
from blemish.serving.tokens import Role, Tokens, new_token  # noqa: E402
from blemish.station.http import station_app  # noqa: E402

IMAGES = "/v1/station/cameras/top/images"
PUSH = '[[camera]]\nname = "top"\nkind = "push"\n'


@asynccontextmanager
async def served(station, tokens=None, **headers):
    """A client of a station at work."""
    app = station_app(station, tokens)
    transport = httpx.ASGITransport(app)
    async with (
        station.running(),
        httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client,
    ):
        yield client


@pytest.fixture
def pushed(line):
    line.write("", (), extra=PUSH)
    return line


def test_the_answer_is_the_inspection_as_it_stands_in_the_record(pushed, run):
    async def work():
        station = pushed.station()
        async with served(station) as client:
            good = await client.post(f"{IMAGES}?part=A1&name=a.png", content=pushed.good())
            form = {"image": ("b.png", pushed.bad())}
            bad = await client.post(IMAGES, files=form)
            return good, bad, station.ledger.rows(Query(), most=9)

    good, bad, rows = run(work())
    assert good.status_code == bad.status_code == 200
    assert (good.json()["verdict"], bad.json()["verdict"]) == ("good", "defect")
    assert (good.json()["part"], good.json()["views"][0]["name"]) == ("A1", "a.png")
    assert bad.json()["views"][0]["name"] == "b.png"
    known = {row.number: row for row in rows}
    for answer in (good.json(), bad.json()):
        assert known[answer["number"]].sha256 == answer["sha256"]


def test_the_same_key_twice_is_one_row_also_at_once_and_after_a_restart(pushed, run):
    async def work():
        numbers = []
        for _ in range(2):
            async with served(pushed.station()) as client:
                answers = await asyncio.gather(
                    *[
                        client.post(
                            IMAGES,
                            content=pushed.good(),
                            headers={"Idempotency-Key": "k1"},
                        )
                        for _ in range(4)
                    ]
                )
                numbers += [answer.json()["number"] for answer in answers]
        return numbers

    assert len(set(run(work()))) == 1


def test_a_key_that_came_with_another_image_is_refused(pushed, run):
    async def work():
        async with served(pushed.station()) as client:
            answers = [
                await client.post(IMAGES, content=content, headers={"Idempotency-Key": "k"})
                for content in (pushed.good(), pushed.bad(), pushed.good())
            ]
            return [answer.status_code for answer in answers]

    assert run(work()) == [200, 422, 200]


def test_what_is_no_image_is_not_inspected_and_recorded(pushed, run):
    async def work():
        async with served(pushed.station()) as client:
            return [
                await client.post(IMAGES, content=content)
                for content in (b"", b"nonsense", pushed.good()[:100])
            ]

    for answer in run(work()):
        assert answer.status_code == 200
        assert answer.json()["verdict"] == "not inspected"
        assert answer.json()["views"][0]["error"]


def test_when_the_queue_is_full_it_says_so_and_when_to_come_again(line, run):
    line.write("queue = 1\nworkers = 1", (), extra=PUSH)

    async def work():
        async with served(line.station()) as client:
            answers = await asyncio.gather(
                *[client.post(IMAGES, content=line.good()) for _ in range(12)]
            )
            again = await client.post(IMAGES, content=line.good())
            return answers, again

    answers, again = run(work())
    full = [answer for answer in answers if answer.status_code == 503]
    assert full and len(full) < 12
    assert all(answer.headers["Retry-After"] for answer in full)
    judged = [answer.json()["number"] for answer in answers if answer.status_code == 200]
    assert len(judged) + len(full) == 12 and len(set(judged)) == len(judged)
    assert again.status_code == 200


def test_only_operators_push_and_trigger(line, run, tmp_path):
    line.write("", ("side",), extra=PUSH, tile='model = "tile.onnx"\ncameras = ["top"]')
    secrets = {role: new_token(tmp_path / "t.toml", str(role), role) for role in Role}

    async def work():
        tokens = Tokens.load(tmp_path / "t.toml")
        async with served(line.station(), tokens) as client:
            found = {}
            for role, secret in [(None, "x"), *secrets.items()]:
                headers = {"Authorization": f"Bearer {secret}"}
                push = await client.post(IMAGES, content=line.good(), headers=headers)
                trigger = await client.post("/v1/station/cameras/side/trigger", headers=headers)
                found[role] = (push.status_code, trigger.status_code)
            return found

    assert run(work()) == {
        None: (401, 401),
        Role.VIEWER: (403, 403),
        Role.OPERATOR: (200, 202),
        Role.ENGINEER: (200, 202),
    }


def test_a_part_that_asks_for_a_recipe_is_judged_by_it(line, run):
    line.write(
        'recipe = "a"',
        (),
        extra=PUSH,
        a='model = "tile.onnx"',
        b='model = "tile.onnx"\nparts = ["B-*"]',
    )

    async def work():
        async with served(line.station()) as client:
            answers = [
                await client.post(f"{IMAGES}?part={part}", content=line.good())
                for part in ("A-1", "B-1", "A-2")
            ]
            return [answer.json()["recipe"] for answer in answers]

    assert run(work()) == ["a", "b", "b"]


def test_a_trigger_reaches_its_camera_by_the_recipe_of_its_part(line, run):
    line.write(
        'recipe = "a"',
        ("side",),
        a='model = "tile.onnx"',
        b='model = "tile.onnx"\nparts = ["B-*"]\n[camera.side]\nexposure_us = 7',
    )

    async def work():
        station = line.station()
        async with served(station) as client:
            answers = [
                await client.post("/v1/station/cameras/side/trigger", json={"part": "A-1"}),
                await client.post("/v1/station/cameras/side/trigger", json={"part": "B-1"}),
                await client.post("/v1/station/cameras/nowhere/trigger"),
            ]
            source = station.sources["side"]
            return [a.status_code for a in answers], source.settings.exposure_us, source.triggered

    assert run(work()) == ([202, 202, 400], 7, ["B-1"])


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (f"?part={'x' * 300}", {}),
        (f"?name={'x' * 500}", {}),
        ("", {"Idempotency-Key": "x" * 300}),
    ],
)
def test_what_is_too_long_is_refused(pushed, run, query, headers):
    async def work():
        async with served(pushed.station()) as client:
            url = f"{IMAGES}{query}"
            return await client.post(url, content=pushed.good(), headers=headers)

    assert run(work()).status_code == 422


def test_a_key_of_another_part_is_refused(pushed, run):
    async def work():
        async with served(pushed.station()) as client:
            key = {"Idempotency-Key": "k1"}
            first = await client.post(f"{IMAGES}?part=P4", content=pushed.good(), headers=key)
            other = await client.post(f"{IMAGES}?part=P9", content=pushed.good(), headers=key)
            zero = await client.post(f"{IMAGES}?part=%00", content=pushed.good())
            return first.status_code, other.status_code, zero.status_code

    assert run(work()) == (200, 422, 400)
