"""What a model file says of itself, and the hash that tells whether a byte of it was changed.

The words are JSON in the ONNX metadata under `blemish`. The hash, under `blemish.sha256`, is that
of the whole file with the 64 characters of the hash itself read as zeros, so that it covers all
bytes and can be checked without understanding them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.errors import ModelFileError
from blemish.graph.interface import refuse_outside_data
from blemish.model.facts import SCHEMA, Facts, parse_facts
from blemish.names import all_shown

if TYPE_CHECKING:
    import onnx

KEY, HASH_KEY = "blemish", "blemish.sha256"
LARGEST_FILE = 2**31 - 1  # bytes; protobuf goes no further
_HASH_LENGTH = 64
_BLANK = b"0" * _HASH_LENGTH
# How protobuf writes an entry's key and the head of a 64 byte value behind it.
_MARK = HASH_KEY.encode() + b"\x12" + bytes([_HASH_LENGTH])


def sign(graph: onnx.ModelProto, facts: dict[str, Any]) -> bytes:
    """The bytes of a model file: a graph, what is to be said of it, and the hash of both.

    The graph gets the thresholds of `facts["calibration"]`, so both tell the same.
    """
    import onnx

    from blemish.graph.verdict import set_verdict

    model = onnx.ModelProto()
    model.CopyFrom(graph)
    thresholds = {key: facts["calibration"][key] for key in ("image_threshold", "pixel_threshold")}
    set_verdict(model.graph, **thresholds)
    del model.metadata_props[:]
    text = json.dumps(all_shown({"schema": SCHEMA, **facts}), sort_keys=True, allow_nan=False)
    for key, value in ((KEY, text), (HASH_KEY, _BLANK.decode())):
        model.metadata_props.add(key=key, value=value)
    data: bytes = model.SerializeToString(deterministic=True)
    place = _hash_place(data)
    return data[:place] + hashlib.sha256(data).hexdigest().encode() + data[place + _HASH_LENGTH :]


def read_file(path: Path) -> bytes:
    """The bytes of a model file. Raises `ModelFileError` where it cannot be one, or be read."""
    try:
        if path.exists() and not path.is_file():
            raise ModelFileError(f"Cannot read model '{path}': it is no regular file.")
        if path.stat().st_size > LARGEST_FILE:
            raise ModelFileError(f"'{path}' is no model: it is larger than 2 GB.")
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read model '{path}': {error.strerror}.") from error


def verify(data: bytes, name: str) -> str:
    """The hash of a model file, once it is known to be right, and all there is of the model.

    Raises:
        ModelFileError: the file is truncated, was changed, was not made by blemish, or takes
            numbers from elsewhere.
    """
    place = data.rfind(_MARK) + len(_MARK) if _MARK in data else None
    if place is None or place + _HASH_LENGTH > len(data):
        raise ModelFileError(_what_else(data, name))
    stated = data[place : place + _HASH_LENGTH]
    actual = hashlib.sha256(data[:place])
    actual.update(_BLANK)
    actual.update(memoryview(data)[place + _HASH_LENGTH :])
    if stated != actual.hexdigest().encode():
        raise ModelFileError(
            f"'{name}' was changed or damaged after it was written: its hash does not match. "
            "Copy it again, or fit it again."
        )
    refuse_outside_data(data, name)
    return actual.hexdigest()


def read_facts(metadata: Mapping[str, str], name: str) -> Facts:
    """What a model file says of itself, from its ONNX metadata.

    Raises:
        ModelFileError: a fact is missing or not what it should be, or the file is of a newer
            schema.
    """
    if KEY not in metadata:
        raise ModelFileError(f"'{name}' says nothing of itself (no '{KEY}' in its metadata).")
    return parse_facts(metadata[KEY], name)


def _hash_place(data: bytes) -> int:
    return data.rindex(_MARK) + len(_MARK)


def _what_else(data: bytes, name: str) -> str:
    """What a file without our hash may be."""
    import onnx

    try:
        onnx.checker.check_model(onnx.load_model_from_string(data))
    except Exception:  # protobuf and checker errors have no common base
        return f"'{name}' is truncated, or is no ONNX model."
    return f"'{name}' is an ONNX model, but not one that blemish made (blemish fit makes them)."
