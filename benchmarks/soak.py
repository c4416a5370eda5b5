"""A station over hours: images come at a steady rate while things around it fail in turn.

The camera's folder goes away, the broker, the database, the disk of the record (no file may grow),
and the process itself (kill -9). At the end every image that came must be in the record once, with
the verdict that its content asks for, the chain whole, and the database must have all rows.

    python benchmarks/soak.py --minutes 20
    python benchmarks/soak.py --latency 2000   # what a station adds to the time of a prediction
    python benchmarks/soak.py --copies 10000   # slow, partial and renamed copies, each judged once
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / place) for place in ("tests", "tests/station", "benchmarks")]

RATE = 10.0  # images a second
AWAY_SECONDS = (2.0, 6.0)
DRAIN_SECONDS = 120.0
SIDE = 256
GOOD, DEFECT = "good", "spot"


class Line:
    """A site with a folder, a broker and a database, as far as this machine has them.

    Args:
        folder: for all of it.
        open_: closes what was started.
    """

    def __init__(self, folder: Path, open_: ExitStack) -> None:
        self.folder, self.inbox, self.sent = folder, folder / "in", folder / "sent"
        for place in (self.inbox, self.sent, folder / "models", folder / "recipes"):
            place.mkdir()
        self.broker, self.database = _broker(folder), _database(open_)
        if self.broker is not None:
            self.broker.start()
            open_.callback(self.broker.stop)
        self.site = folder / "line.toml"
        self.site.write_text("\n".join(self._lines()))
        (folder / "recipes" / "part.toml").write_text('model = "part.onnx"\n')
        self.images = _images_and_model(folder)
        self._process: subprocess.Popen[bytes] | None = None
        open_.callback(self._let_go)
        self._url = ""

    def _lines(self) -> Iterator[str]:
        yield "[page]\nport = 0\n[[camera]]\nname = 'top'\nkind = 'folder'\nfolder = 'in'"
        yield "settle_seconds = 0.2\npoll_seconds = 0.1\nwhole_seconds = 60"
        yield "[[output]]\nname = 'kept'\nkind = 'files'\nmost_bytes = 20_000_000"
        if self.broker is not None:
            yield "[[output]]\nname = 'broker'\nkind = 'mqtt'\nhost = '127.0.0.1'"
            yield f"port = {self.broker.port}\ntopic = 'soak'"
        if self.database is not None:
            yield f"[[output]]\nname = 'database'\nkind = 'postgres'\nurl = '{self.database.url}'"

    def start(self) -> None:
        """Start the station, and wait until it says where it is."""
        command = [sys.executable, "-m", "blemish", "station", str(self.site), "--json"]
        with (self.folder / "station.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError((self.folder / "station.log").read_text())
        self._url = json.loads(said)["url"]

    def kill(self) -> None:
        """End it at once, whatever it is at, and start it again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.start()

    def end(self) -> int:
        """End it as a service manager does; gives its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def _let_go(self) -> None:
        """Leave no station behind, however this ends."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def waiting(self) -> int:
        """Images that are not judged yet, and rows that an output has not been given."""
        with urllib.request.urlopen(f"{self._url}/v1/station", timeout=30) as answer:
            outputs = json.load(answer)["outputs"].values()
        return len(list(self.inbox.glob("*.png"))) + sum(one["waiting"] for one in outputs)

    @contextmanager
    def camera_away(self) -> Iterator[None]:
        """The folder is gone; the camera keeps its images and sends them later."""
        away = self.inbox.with_name("in-away")
        self.inbox.rename(away)
        self.inbox.write_text("not mounted")
        yield
        self.inbox.unlink()
        away.rename(self.inbox)

    @contextmanager
    def broker_away(self) -> Iterator[None]:
        """Nobody listens where the broker was."""
        assert self.broker is not None
        self.broker.stop()
        yield
        self.broker.start()

    @contextmanager
    def database_away(self) -> Iterator[None]:
        """Nobody listens where the database was."""
        assert self.database is not None
        self.database.stop()
        yield
        self.database.start()

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """No file of the station may grow."""
        assert self._process is not None
        _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        yield
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    @contextmanager
    def killed(self) -> Iterator[None]:
        """The process is killed, and started again."""
        self.kill()
        yield

    def faults(self) -> dict[str, Callable[[], Any]]:
        """All that can be made to fail here, by names."""
        found = {"camera away": self.camera_away, "disk full": self.disk_full}
        if self.broker is not None:
            found["broker away"] = self.broker_away
        if self.database is not None:
            found["database away"] = self.database_away
        return {**found, "kill -9": self.killed}


class Feeder(threading.Thread):
    """Brings images to the folder at a steady rate; while it is away they wait.

    Attributes:
        kinds: of what was brought, by names of files.
    """

    def __init__(self, line: Line, rate: float) -> None:
        super().__init__(daemon=True)
        self._line, self._rate = line, rate
        self.kinds: dict[str, str] = {}
        self._over, self._waiting = threading.Event(), list[Path]()

    def run(self) -> None:
        """Bring until told to stop."""
        chance, begin = random.Random(0), time.monotonic()
        while not self._over.wait(
            max(0.0, begin + len(self.kinds) / self._rate - time.monotonic())
        ):
            kind = DEFECT if chance.random() < 0.1 else GOOD
            name = f"{len(self.kinds):07}.png"
            path = self._line.sent / name
            path.write_bytes(chance.choice(self._line.images[kind]))
            self.kinds[name] = kind
            self._waiting.append(path)
            self._bring()

    def stop(self) -> None:
        """Bring no new ones, and all that wait."""
        self._over.set()
        self.join()
        while self._waiting:
            self._bring()
            time.sleep(0.05)

    def _bring(self) -> None:
        for path in list(self._waiting):
            try:
                path.rename(self._line.inbox / path.name)
            except OSError:
                return
            self._waiting.remove(path)


def soak(minutes: float, *, rate: float = RATE, fewest_kills: int = 0) -> dict[str, Any]:
    """Run, fail, and look at what is left.

    Args:
        minutes: of images and faults.
        rate: images a second.
        fewest_kills: kill so often at least, also beyond that time.

    Returns:
        A row for the record; `problems` is empty where all is as it should be.
    """
    chance, faults = random.Random(1), Counter[str]()
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        line = Line(folder, open_)
        line.start()
        feeder, end = Feeder(line, rate), time.monotonic() + 60 * minutes
        feeder.start()
        names = list(line.faults())
        while time.monotonic() < end or faults["kill -9"] < fewest_kills:
            for name in names:
                with line.faults()[name]():
                    time.sleep(chance.uniform(*AWAY_SECONDS))
                faults[name] += 1
                time.sleep(chance.uniform(0.5, 2.0))
                if time.monotonic() >= end and faults["kill -9"] >= fewest_kills:
                    break
        feeder.stop()
        last = time.monotonic() + DRAIN_SECONDS
        while line.waiting() and time.monotonic() < last:
            time.sleep(0.2)
        code = line.end()
        return {
            "case": "soak",
            "minutes": minutes,
            "rate": rate,
            "images": len(feeder.kinds),
            "faults": dict(faults),
            "exit_code": code,
            **_left(line, feeder.kinds),
        }


def _left(line: Line, kinds: dict[str, str]) -> dict[str, Any]:
    """What is in the record, held against what came."""
    from blemish.ledger.audit import audit
    from blemish.ledger.entry import Kind
    from blemish.ledger.reader import Reader

    verdicts: dict[str, list[str]] = {}
    rows = 0
    with Reader.open(line.folder / "ledger.db") as ledger:
        while some := ledger.after(rows, most=1000):
            for row in some:
                if row.entry.kind == Kind.INSPECTION:
                    name = row.entry.body["views"][0]["name"]
                    verdicts.setdefault(name, []).append(str(row.entry.verdict))
            rows = some[-1].number
    wanted = {GOOD: "good", DEFECT: "defect"}
    problems = [f"{name} is not in the record" for name in kinds.keys() - verdicts.keys()]
    problems += [f"{name} is there {len(v)} times" for name, v in verdicts.items() if len(v) > 1]
    problems += [
        f"{name} ({kinds[name]}) was judged {said[0]}"
        for name, said in verdicts.items()
        if said[0] != wanted[kinds[name]]
    ]
    places = [str(line.folder / "ledger.db")]
    places += [] if line.database is None else [line.database.url]
    for place in places:
        found = audit([place])
        if found.fault is not None or found.head.number != rows:
            problems.append(f"{place} has {found.head.number} rows of {rows}: {found.fault}")
    counts = Counter(v for said in verdicts.values() for v in said)
    return {"rows": rows, "verdicts": dict(counts), "problems": problems[:20]}


def copies(files: int) -> dict[str, Any]:
    """Slow, partial and renamed copies into the folder while it is watched."""
    from killed import feed

    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        line = Line(folder, open_)
        for kind, images in line.images.items():
            (folder / f"{kind}.png").write_bytes(images[0])
        line.start()
        start = time.monotonic()
        feed(line.inbox, folder, random.Random(0), files=files, pause=0.0)
        last = time.monotonic() + DRAIN_SECONDS
        while line.waiting() and time.monotonic() < last:
            time.sleep(0.2)
        seconds = time.monotonic() - start
        line.end()
        judged = [path.name for path in (line.inbox / "judged").glob("*/*")]
        kinds = {name: name.split("-")[0] for name in judged}
        found = _left(line, kinds)
        if len(judged) != files:
            found["problems"].append(f"{len(judged)} of {files} files were judged")
        return {"case": "copies", "files": files, "seconds": seconds, **found}


def latency(parts: int) -> dict[str, Any]:
    """What a station adds to a prediction of the same image, one after the other."""
    from blemish.station.contracts import Frame
    from blemish.station.site import read_site
    from blemish.station.station import Station

    async def measure(line: Line) -> list[float]:
        station, added = Station(read_site(line.site)), []
        image = line.images[GOOD][0]
        async with station.running():
            for number in range(parts + 50):
                frame = Frame("top", datetime.now(UTC), content=image)
                start = time.perf_counter()
                row = await station.submit(frame)
                took = time.perf_counter() - start
                alone = time.perf_counter()
                await asyncio.to_thread(station.models.judge, "part", image, looks=True)
                alone = time.perf_counter() - alone
                assert row.entry.verdict == "good"
                if number >= 50:
                    added.append(1000 * (took - alone))
        return added

    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        line = Line(folder, open_)
        added = asyncio.run(measure(line))
    p50, p99 = (float(np.percentile(added, share)) for share in (50, 99))
    return {"case": "latency", "parts": parts, "added_p50_ms": p50, "added_p99_ms": p99}


def _images_and_model(folder: Path) -> dict[str, list[bytes]]:
    """Drawn tiles, good ones and defects that a model tells apart, which is fitted and written."""
    import blemish
    from tiny import tiny_backbone, tiny_dataset, tiny_settings

    data = tiny_dataset(folder / "data", good=24, test_good=6, defects=6)
    settings = tiny_settings(tiny_backbone(folder / "tiny.onnx"))
    model = blemish.fit(blemish.open_dataset(data), blemish.PatchCore(**settings))
    model.save(folder / "models" / "part.onnx")
    found: dict[str, list[bytes]] = {}
    wanted = {GOOD: "good", DEFECT: "defect"}
    for kind in (GOOD, DEFECT):
        paths = sorted((data / "test" / kind).glob("*.png"))
        found[kind] = [p.read_bytes() for p in paths if model.predict(p).verdict == wanted[kind]]
    return found


def _broker(folder: Path) -> Any:
    from brokers import BROKER, Broker

    return None if BROKER is None else Broker(folder, "allow_anonymous true")


def _database(open_: ExitStack) -> Any:
    import pytest

    from postgresql import running

    try:
        return open_.enter_context(running())
    except pytest.skip.Exception:
        return None


def main() -> None:
    """Measure what is asked for, and add it to the day's record."""
    from day_record import DayRecord

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--kills", type=int, default=0, help="so many at least")
    parser.add_argument("--latency", type=int, metavar="PARTS")
    parser.add_argument("--copies", type=int, metavar="FILES")
    wanted = parser.parse_args()
    record = DayRecord("soak")
    if wanted.latency:
        record.add(latency(wanted.latency))
    rows = []
    if wanted.copies:
        rows.append(copies(wanted.copies))
    if wanted.minutes:
        rows.append(soak(wanted.minutes, rate=wanted.rate, fewest_kills=wanted.kills))
    record.add(*rows)
    problems = [problem for row in rows for problem in row["problems"]]
    if problems:
        sys.exit(json.dumps(problems, indent=1))


if __name__ == "__main__":
    main()
