"""Stations small enough that one starts in a moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from blemish.station.site import read_site
from blemish.station.station import Station

PATIENCE = 30.0  # seconds that anything here may take


class Line:
    """A site on the disk, and stations of it."""

    def __init__(self, folder: Path, images: Path) -> None:
        self.folder, self.images = folder, images
        self.inbox = folder / "in"
        self.said: list[str] = []

    def write(self, station="", cameras="", outputs="", **recipes):
        cameras = cameras or self.camera("top")
        (self.folder / "line.toml").write_text(f"[station]\n{station}\n{cameras}\n{outputs}")
        (self.folder / "recipes").mkdir(exist_ok=True)
        for name, text in (recipes or {"tile": 'model = "tile.onnx"'}).items():
            (self.folder / "recipes" / f"{name}.toml").write_text(text)
        return self.folder / "line.toml"

    def camera(self, name, more="", kind="folder"):
        where = f'folder = "in/{name}"\nsettle_seconds = 0\npoll_seconds = 0.02\n'
        where = where if kind == "folder" else ""
        return f'[[camera]]\nname = "{name}"\nkind = "{kind}"\n{where}{more}\n'

    def station(self):
        return Station(read_site(self.folder / "line.toml"), say=self.said.append)

    def good(self):
        return (self.images / "test" / "good" / "000.png").read_bytes()

    def bad(self):
        return (self.images / "test" / "spot" / "000.png").read_bytes()

    def bring(self, content, name="a.png", camera="top"):
        folder = self.inbox / camera
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{name}").write_bytes(content)
        (folder / f".{name}").rename(folder / name)
        return folder / name


@pytest.fixture
def line(tmp_path, model, category):
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / "tile.onnx")
    made = Line(tmp_path, category)
    made.write()
    return made


@pytest.fixture
def run():
    """Run something of the event loop, for a while at most."""

    def run(work):
        async def bounded():
            async with asyncio.timeout(PATIENCE):
                return await work

        return asyncio.run(bounded())

    return run


@pytest.fixture
def until():
    """Wait until something is so."""

    async def until(true):
        while not true():
            await asyncio.sleep(0.01)

    return until
