"""A station that judges drawn surfaces by a tiny model, with the ledger as it is, and no line."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from blemish.errors import UsageError
from blemish.images.overlay import overlay
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.model.model import load
from blemish.station.contracts import Notice
from blemish.station.inspection import Inspection, View, outcome_of


class FakePictures:
    def __init__(self, folder):
        self.folder = folder

    def path_of(self, inspection_id, camera, kind):
        path = self.folder / inspection_id / f"{camera}-{kind}.png"
        return path if path.is_file() else None

    def keep(self, inspection):
        for view in inspection.views:
            if view.pixels is None:
                continue
            folder = self.folder / inspection.id
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(view.pixels).save(folder / f"{view.camera}-image.png")
            if view.prediction is not None:
                laid = overlay(view.pixels, view.prediction.score_map, threshold=view.threshold)
                Image.fromarray(laid).save(folder / f"{view.camera}-overlay.png")


@dataclass
class FakeStation:
    folder: Path
    model_path: Path
    images: list  # (name, pixels)
    cameras: tuple = ("top",)
    language: str = "en"
    alive: bool = True
    acts: list = field(default_factory=list)

    def __post_init__(self):
        self.model = load(self.model_path)
        self.ledger = Ledger.open(self.folder / "ledger.db")
        self.pictures = FakePictures(self.folder / "pictures")
        self.site = SimpleNamespace(
            station=SimpleNamespace(name="Line 3, tiles"),
            page=SimpleNamespace(language=self.language),
            shifts=SimpleNamespace(timezone=None, zone=None),
            folder=self.folder,
            models=self.folder / "models",
            cameras=[SimpleNamespace(name=c, kind="folder") for c in self.cameras],
            recipes={},
        )
        self.counts, self.recipe, self._latest = Counter(), "tile", None
        self._waiting = set()
        self._next = itertools.cycle(self.images)
        self.number = 0

    def judge(self, *, part=None, time=None, error=None, pixels=None, name=None):
        """Have the next image judged, at once."""
        self.number += 1
        views = []
        for camera in self.cameras:
            if pixels is None or camera != self.cameras[0]:
                name, pixels = next(self._next)
            found = None if error else self.model.predict_here(pixels, outlines=True)
            threshold = self.model.calibration.image_threshold
            views.append(
                View(
                    camera,
                    sha256(pixels.tobytes()).hexdigest(),
                    self.model.sha256,
                    threshold,
                    found,
                    error,
                    pixels,
                    None,
                    name,
                )
            )
            pixels = None
        outcome = outcome_of(views, self.cameras)
        inspection = Inspection(
            f"{self.number:032x}",
            time or datetime.now(UTC),
            part or f"T-{1000 + self.number}",
            self.recipe,
            outcome,
            tuple(views),
            tuple(set(self.cameras) - {view.camera for view in views}),
        )
        worst = max(
            (v for v in views if v.prediction), key=lambda v: v.prediction.score, default=None
        )
        entry = Entry(
            Kind.INSPECTION,
            inspection.time,
            inspection.to_dict(),
            key=inspection.id,
            part=inspection.part,
            recipe=self.recipe,
            model_sha256=self.model.sha256,
            verdict=str(outcome),
            score=worst and worst.prediction.score,
            threshold=worst and worst.threshold,
        )
        (row,) = self.ledger.append([entry])
        self.pictures.keep(inspection)
        self.counts[str(outcome)] += 1
        self._latest = inspection
        self._tell("inspection", {"number": row.number})
        return row

    def _tell(self, kind, values):
        for queue, loop in list(self._waiting):
            loop.call_soon_threadsafe(queue.put_nowait, Notice(kind, datetime.now(UTC), values))

    async def subscribe(self):
        mine = (asyncio.Queue(), asyncio.get_running_loop())
        self._waiting.add(mine)
        try:
            while True:
                yield await mine[0].get()
        finally:
            self._waiting.discard(mine)

    def latest(self, camera=None):
        return self._latest

    def status(self):
        rng = np.random.default_rng(3)
        points = []
        for hour in range(16):
            parts = int(rng.integers(90, 130))
            rejected = int(rng.binomial(parts, 0.03)) + (9 if hour == 11 else 0)
            half = 3 * (0.03 * 0.97 / parts) ** 0.5
            points.append(
                {
                    "label": f"{6 + hour // 2:02}:{30 * (hour % 2):02}",
                    "parts": parts,
                    "rejected": rejected,
                    "low": max(0, 0.03 - half),
                    "high": 0.03 + half,
                }
            )
        return {
            "alive": self.alive,
            "recipe": self.recipe,
            "queue": 0,
            "sources": {
                c: {"ready": True, "told": "watches /data", "counts": {"frames": self.number}}
                for c in self.cameras
            },
            "outputs": {
                "plc": {"ready": True, "told": "connected", "counts": {"delivered": self.number}},
                "mes": {
                    "ready": False,
                    "told": "mqtt.example: connection refused; tried again in 8 s",
                    "counts": {"waiting": 214},
                },
            },
            "shift": {"since": "06:00", "counts": dict(self.counts), "points": points},
            "drift": {"alarm": None},
        }

    async def review(self, number, *, word, comment, who):
        row = self.ledger.row(number)
        entry = Entry(
            Kind.REVIEW,
            datetime.now(UTC),
            {"word": word, "comment": comment},
            refers_to=row.number,
            part=row.entry.part,
            who=who,
        )
        return self.ledger.append([entry])[0]

    async def trigger(self, camera, *, who, part=None):
        if camera not in self.cameras:
            raise UsageError(f"There is no camera '{camera}'.")
        self.acts.append(("trigger", camera, who))
        return self.judge()

    async def switch(self, recipe, *, who):
        self.acts.append(("switch", recipe, who))
        self.recipe = recipe

    def model_by(self, sha):
        return self.model
