"""A station with its page, as a browser meets it: one for all tests of a file."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("httpx", reason="needs httpx")

from fastapi.testclient import TestClient

import stations
from blemish.serving.app import make_app
from blemish.serving.tokens import Role, Tokens, new_token
from blemish.station import kinds
from blemish.station.contracts import Frame
from blemish.station.page.mount import page_routers
from tiny import tiny_settings

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
RECIPES = {
    "tile": 'model = "tile.onnx"',
    "other": 'model = "other.onnx"\nparts = ["other-*"]',
}
SITE = """
[shifts]
timezone = "Europe/Berlin"
[[output]]
name = "pictures"
kind = "files"
of = "all"
keep = ["image", "map", "overlay"]
"""


class Shop:
    """A station that runs, and whoever asks it."""

    def __init__(self, line, backbone):
        self.line, self.station = line, line.station()
        tokens = line.folder / "tokens.toml"
        self.secrets = {role: new_token(tokens, f"Anna {role}", role) for role in Role}
        settings = {"detector_settings": tiny_settings(backbone)}

        @asynccontextmanager
        async def living(_):
            async with self.station.running():
                yield

        self.app = make_app(
            self.station.models,
            tokens=Tokens.load(tokens),
            routers=[*self.station.routers, *page_routers(self.station, **settings)],
            lifespan=living,
        )
        self.client = TestClient(self.app, follow_redirects=False)

    def ask(self, path, *, by=Role.ENGINEER, method="GET", **values):
        headers = {} if by is None else {"Authorization": f"Bearer {self.secrets[by]}"}
        headers |= values.pop("headers", {})
        self.client.cookies.clear()
        return self.client.request(method, path, headers=headers, **values)

    def tell(self, path, values=None, *, by=Role.ENGINEER, **more):
        return self.ask(path, by=by, method="POST", json=values or {}, **more)

    def judge(self, content, part=None, name="a.png"):
        """The number of the row of a part that was just judged, its pictures kept."""
        frame = Frame("top", datetime.now(UTC), content=content, part=part, name=name)
        row = self.client.portal.call(self.station.submit, frame)
        self.client.portal.call(
            stations.until,
            lambda: self.station.pictures.path_of(row.entry.body["id"], "top", "overlay"),
        )
        return row.number

    def entry(self, number):
        return self.station.ledger.row(number).entry

    def last_act(self):
        rows = self.station.ledger.after(0, most=10_000)
        return [row for row in rows if row.entry.kind == "act"][-1].entry


@pytest.fixture(scope="module")
def shop(tmp_path_factory, model, category, backbone):
    """A station with one camera, two recipes, and a token a role."""
    real = kinds.load_kind

    def load(known, kind, *, what):
        return stations.KINDS.get(kind) or real(known, kind, what=what)

    folder = tmp_path_factory.mktemp("shop")
    (folder / "models").mkdir()
    for name in ("tile", "other"):
        model.save(folder / "models" / f"{name}.onnx")
    line = stations.Line(folder, category)
    line.write('name = "Line <3>"\nrecipe = "tile"', extra=SITE, **RECIPES)
    with pytest.MonkeyPatch.context() as patch:
        for registry in ("sources", "outputs"):
            patch.setattr(f"blemish.station.{registry}.registry.load_kind", load)
        made = Shop(line, backbone)
        with made.client:
            yield made


@pytest.fixture(scope="module")
def good(shop):
    """The row of a good part."""
    return shop.judge(shop.line.good(), "P-1")


@pytest.fixture(scope="module")
def bad(shop):
    """The row of a part with a defect, whose id and file are hostile."""
    return shop.judge(shop.line.bad(), HOSTILE, name=f"{HOSTILE}.png")
