"""Folders of images with annotations, written as tools write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from blemish.data.annotations.registry import Found, annotations_in

SIZE_HW = (7, 11)


@dataclass
class Folder:
    """A folder that images and annotations are put into."""

    path: Path

    def image(self, name: str, size_hw: tuple[int, int] = SIZE_HW) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = sum(name.encode())
        noise = np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return path

    def text(self, name: str, content: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def json(self, name: str, value: Any) -> Path:
        return self.text(name, json.dumps(value))

    @property
    def files(self) -> list[Path]:
        return [path for path in self.path.rglob("*") if path.is_file()]

    def read(self) -> Found:
        images = [path for path in self.files if path.suffix == ".png"]
        return annotations_in(self.path, [p for p in self.files if p not in images], images)


def pictured(mask: Any) -> list[str]:
    """A mask in characters, a text for each row."""
    return ["".join(".#"[int(value)] for value in row) for row in mask]
