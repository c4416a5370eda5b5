"""Image files made by hand, of kinds that Pillow does not write."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

INDICES = np.random.default_rng(0).integers(0, 2, (13, 21))  # odd sides: rows need padding
GREY = np.random.default_rng(1).integers(0, 256, (13, 21), dtype=np.uint8)


def packed(values: np.ndarray, bits: int, pad_to: int = 1) -> list[bytes]:
    """Rows of numbers of so many bits, the highest first, each padded to whole bytes."""
    rows = []
    for row in values:
        text = "".join(f"{int(value):0{bits}b}" for value in row)
        text += "0" * (-len(text) % (8 * pad_to))
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return rows


def bmp(
    rows: bytes,
    bits: int,
    *,
    palette=(),
    used=0,
    header=40,
    compression=0,
    masks=b"",
    upside_down=True,
    size_hw=INDICES.shape,
) -> bytes:
    height, width = size_hw
    entry = "<3B" if header == 12 else "<3Bx"
    colours = b"".join(struct.pack(entry, *colour[::-1]) for colour in palette)
    if header == 12:
        fields = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        signed = height if upside_down else -height
        fields = struct.pack(
            "<IiiHHIIiiII", header, width, signed, 1, bits, compression, len(rows), 0, 0, used, 0
        )
        fields += masks.ljust(header - 40, b"\0")
    start = 14 + len(fields) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + fields + colours + rows


def tiff(
    data: bytes,
    bits=(8,),
    *,
    photometric: int | None = 1,
    size_hw=GREY.shape,
    order="<",
    big=False,
    rows: int | None = None,
    strips: list[int] | None = None,
    more=(),
) -> bytes:
    """An uncompressed TIFF of one page, its pixels behind its tags; `more` are (tag, values)."""
    height, width = size_hw
    tags = {256: [width], 257: [height], 258: list(bits), 259: [1], 277: [len(bits)]}
    tags |= {278: [rows or height]} | dict(more)
    if photometric is not None:
        tags[262] = [photometric]
    offsets = strips or [0]
    tags |= {273: offsets, 279: [len(data) // len(offsets)] * len(offsets)}
    place, count, entry, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    first = 16 if big else 8
    after = first + struct.calcsize(count) + entry * len(tags) + struct.calcsize(place)
    outside = sum(4 * len(v) for v in tags.values() if 4 * len(v) > inline)
    tags[273] = [after + outside + offset for offset in offsets]
    head = b"II" if order == "<" else b"MM"
    head += struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if big else struct.pack(f"{order}HI", 42, 8)
    body, values = struct.pack(order + count, len(tags)), b""
    for tag, numbers in sorted(tags.items()):
        raw = struct.pack(f"{order}{len(numbers)}I", *numbers)
        body += struct.pack(f"{order}HH{place}", tag, 4, len(numbers))
        if len(raw) > inline:
            body += struct.pack(order + place, after + len(values))
            values += raw
        else:
            body += raw.ljust(inline, b"\0")
    return head + body + struct.pack(order + place, 0) + values + data


def png(rows: list[bytes], bits: int, colour: int, *, more: bytes = b"", width=21) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + more
    body += chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def in_one_file(*pages: bytes, subfiles: tuple[int, ...] = ()) -> bytes:
    """Several TIFFs of one page, little-endian, as the pages of one; `subfiles` say their kind.

    Each has a single strip, and keeps its bytes but for the offsets, which count from the
    beginning of all of them.
    """
    whole = b""
    for number, page in enumerate(pages):
        kind = subfiles[number] if subfiles else 0
        entries = _entries(page) | {254: struct.pack("<HHII", 254, 4, 1, kind)}
        base, moved = len(whole), []
        grown = 12 * (len(entries) - len(_entries(page)))
        for tag, entry in sorted(entries.items()):
            _, form, count, value = struct.unpack("<HHII", entry)
            inside = count * {1: 1, 2: 1, 3: 2, 4: 4}[form] > 4 or (tag == 273 and count == 1)
            moved.append(struct.pack("<HHII", tag, form, count, value + (base + grown) * inside))
        old_end = 8 + 2 + 12 * len(_entries(page)) + 4
        size = base + len(page) + grown
        following = 0 if number == len(pages) - 1 else size + 8
        body = struct.pack("<H", len(moved)) + b"".join(moved) + struct.pack("<I", following)
        whole += page[:8] + body + page[old_end:]
    return whole


def _entries(page: bytes) -> dict[int, bytes]:
    count = struct.unpack_from("<H", page, 8)[0]
    each = [page[10 + 12 * n : 22 + 12 * n] for n in range(count)]
    return {struct.unpack_from("<H", entry)[0]: entry for entry in each}
