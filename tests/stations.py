"""Stations small enough that one starts in a moment, with a camera and a machine of the test's."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from blemish.station.contracts import Frame, Health
from blemish.station.site import read_site
from blemish.station.station import Station
from blemish.station.tables import Table


class NoSettings(Table, frozen=True):
    exposure_us: int = 0


class Hand:
    """A camera that gives what a test hands to it."""

    Settings = NoSettings
    takes_triggers = True

    def __init__(self, name, settings, context):
        self.name, self.settings = name, settings
        self.health = Health(ready=True, told="in hand")
        self.queue = asyncio.Queue()
        self.triggered = []

    async def frames(self):
        while True:
            frame = await self.queue.get()
            if isinstance(frame, Exception):
                raise frame
            yield frame

    async def trigger(self, part=None):
        self.triggered.append(part)

    def give(self, content=None, **values):
        values = {"content": content, "camera": self.name, "time": datetime.now(UTC)} | values
        self.queue.put_nowait(Frame(**values))


class Screen:
    """A machine that remembers what it was shown."""

    Settings = NoSettings

    def __init__(self, name, settings, context):
        self.name, self.health = name, Health()
        self.shown, self.beats = [], []
        self.broken = False

    async def run(self):
        self.health.ready = True
        await asyncio.get_running_loop().create_future()

    async def show(self, inspection):
        if self.broken:
            raise OSError("the machine is away")
        self.shown.append(inspection)

    async def alive(self, beat, state):
        if self.broken:
            raise OSError("the machine is away")
        self.beats.append((time.monotonic(), beat))

    @property
    def verdicts(self):
        return [str(inspection.outcome) for inspection in self.shown]


class Mirror:
    """A database that remembers the rows that it was given."""

    Settings = NoSettings

    def __init__(self, name, settings, context):
        self.name, self.health = name, Health()
        self.rows, self.broken, self.closed = [], False, False

    async def deliver(self, rows):
        if self.broken:
            raise OSError("the database is away")
        self.health.ready = True
        self.rows += rows

    async def close(self):
        self.closed = True


KINDS = {"hand": Hand, "screen": Screen, "mirror": Mirror}


class Line:
    """A site on the disk, and stations of it."""

    def __init__(self, folder, images):
        self.folder, self.images = folder, images
        self.said = []

    def write(self, station="", cameras=("top",), outputs=("screen",), extra="", **recipes):
        lines = [f"[station]\nhang_seconds = 0.5\n{station}"]
        lines += [f'[[camera]]\nname = "{name}"\nkind = "hand"' for name in cameras]
        lines += [f'[[output]]\nname = "{kind}"\nkind = "{kind}"' for kind in outputs]
        (self.folder / "line.toml").write_text("\n".join([*lines, extra]) + "\n")
        (self.folder / "recipes").mkdir(exist_ok=True)
        for name, text in (recipes or {"tile": 'model = "tile.onnx"'}).items():
            (self.folder / "recipes" / f"{name}.toml").write_text(text)

    def watch(self, more="", station=""):
        """A site whose camera is a folder."""
        folder = f'[[camera]]\nname = "top"\nkind = "folder"\nfolder = "in"\n{more}\n'
        folder += "settle_seconds = 0\npoll_seconds = 0.02\n"
        self.write(station, (), extra=folder)

    def station(self):
        return Station(read_site(self.folder / "line.toml"), say=self.said.append)

    def good(self):
        return (self.images / "test" / "good" / "000.png").read_bytes()

    def bad(self):
        return (self.images / "test" / "spot" / "000.png").read_bytes()

    def bring(self, content, name="a.png"):
        """A file comes to the folder, whole."""
        folder = self.folder / "in"
        folder.mkdir(exist_ok=True)
        (folder / f".{name}").write_bytes(content)
        return (folder / f".{name}").rename(folder / name)


async def until(true):
    """Wait until something is so."""
    while not true():
        await asyncio.sleep(0.01)
