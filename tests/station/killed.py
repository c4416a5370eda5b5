"""A station that is killed again and again while images come to its folder; then what is left.

Run as a program: `killed.py SITE.toml IMAGES KILLS SEED`, with `good.png` and `spot.png` in IMAGES.
Prints, as JSON, how many files came and how often it was killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from blemish.station.site import read_site
from blemish.station.station import Station

FILES, PATIENCE = 240, 40.0
LONGEST = 3.0  # seconds until the next kill


def copy_slowly(content: bytes, path: Path, pause: float) -> None:
    """Write a file as a slow copy does: part of it, and the rest later."""
    with path.open("wb", buffering=0) as stream:
        stream.write(content[: len(content) // 2])
        time.sleep(pause)
        stream.write(content[len(content) // 2 :])


def feed(
    inbox: Path, images: Path, chance: random.Random, *, files: int = FILES, pause: float = 0.06
) -> None:
    """Bring files to a folder in all the ways that they come."""
    for number in range(files):
        kind = chance.choice(["good", "good", "spot"])
        content = (images / f"{kind}.png").read_bytes()
        path = inbox / f"{kind}-{number:05}.png"
        way = chance.randrange(4)
        if way == 0:
            copy_slowly(content, path, 0.0)
        elif way == 1:
            copy_slowly(content, path, chance.choice([0.02, 0.15]))  # longer than it settles
        elif way == 2:
            copy_slowly(content, inbox / f".{path.name}.part", 0.01)
            (inbox / f".{path.name}.part").rename(path)
        else:
            copy_slowly(content, inbox / f"copying {path.name}", 0.02)
            (inbox / f"copying {path.name}").rename(path)
        time.sleep(chance.random() * pause)


def judged(inbox: Path) -> int:
    """How many files were judged and put away."""
    return sum(1 for _ in (inbox / "judged").glob("*/*"))


def forked(work) -> int:
    """A process that does something, and nothing after it."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def main(site: Path, images: Path, kills: int, seed: int) -> None:
    """Feed, kill, and let the last one come to its end."""
    chance = random.Random(seed)
    inbox = site.parent / "in"
    inbox.mkdir(exist_ok=True)
    feeder = forked(lambda: feed(inbox, images, random.Random(seed + 1)))

    def inspect() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        asyncio.run(Station(read_site(site)).run())

    for _ in range(kills):
        before, pid = judged(inbox), forked(inspect)
        end = time.monotonic() + LONGEST
        while judged(inbox) == before and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.1)  # amid whatever it is at
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    pid = forked(inspect)
    os.waitpid(feeder, 0)
    end = time.monotonic() + PATIENCE
    while any(inbox.glob("*.png")) and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print(json.dumps({"files": FILES, "kills": kills, "left": len(list(inbox.glob("*.png")))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
