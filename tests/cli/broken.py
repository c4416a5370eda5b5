"""Images as users meet them: damaged, absurdly small or large, or no images at all."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def text_named_png(path: Path) -> Path:
    path.write_text("this is no image\n")
    return path


def truncated_jpeg(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    return path


def one_pixel(path: Path) -> Path:
    Image.new("RGB", (1, 1)).save(path)
    return path


def enormous(path: Path) -> Path:
    """A PNG whose header says 20000 x 20000; nobody should get as far as its pixels."""
    Image.new("RGB", (64, 64)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 20000, 20000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    return path
