"""What a model file says of itself, and the hash that tells whether a byte of it was changed.

The words are JSON in the ONNX metadata under `blemish`. The hash, under `blemish.sha256`, is that
of the whole file with the 64 characters of the hash itself read as zeros, so that it covers all
bytes and can be checked without understanding them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from blemish.calibration import Calibration, read_stated
from blemish.calibration.inspectable import check_inspectable
from blemish.errors import ModelFileError
from blemish.graph.inspectable import check_departures
from blemish.graph.interface import (
    Values,
    check_aligned,
    check_interface,
    interface_of,
    parsed,
    refuse_outside_data,
)
from blemish.graph.verdict import AGREEMENT_LIMIT, check_held, check_verdict
from blemish.model.extras import EXTRAS
from blemish.model.facts import Facts, InputFacts, parse_facts
from blemish.names import all_shown
from blemish.zones import Inspected

if TYPE_CHECKING:
    import onnx

KEY, HASH_KEY = "blemish", "blemish.sha256"
LARGEST_FILE = 2**31 - 1  # bytes; protobuf goes no further
_HASH_LENGTH = 64
_BLANK = b"0" * _HASH_LENGTH
# How protobuf writes an entry's key and the head of a 64 byte value behind it.
_MARK = HASH_KEY.encode() + b"\x12" + bytes([_HASH_LENGTH])


def sign(
    graph: onnx.ModelProto, facts: Facts, more: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """The bytes of a model file: a graph, what is to be said of it, and the hash of both.

    The graph gets the thresholds of the calibration and the limit of what is inspectable, so both
    tell the same.

    Args:
        graph: from image to score and map.
        facts: what is to be said of it.
        more: other texts, by their keys: what `Model.extras` gives.
    """
    import onnx

    from blemish.graph.inspectable import set_departures
    from blemish.graph.verdict import set_verdict

    model = onnx.ModelProto()
    model.CopyFrom(graph)
    set_departures(model.graph, facts.departing())
    set_verdict(
        model.graph,
        image_threshold=facts.calibration.image_threshold,
        pixel_threshold=facts.calibration.pixel_threshold,
    )
    del model.metadata_props[:]
    text = json.dumps(all_shown(facts.to_dict()), sort_keys=True, allow_nan=False)
    for key, value in ((KEY, text), *sorted(more.items()), (HASH_KEY, _BLANK.decode())):
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
        ModelFileError: the file is truncated, was changed, was not made by blemish, takes
            numbers from elsewhere, or says things of itself twice.
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
    if any(data.count(b"\n" + bytes([len(key)]) + key.encode()) > 1 for key in (KEY, HASH_KEY)):
        raise ModelFileError(
            f"'{name}' says things of itself twice, and readers would differ in which they take. "
            "Get it anew from where it was fitted."
        )
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


def check_facts(
    data: bytes, facts: Facts, interface: tuple[Values, Values], name: str
) -> Calibration:
    """The thresholds of a model file, once its facts agree with each other and with the graph.

    Args:
        data: the file.
        facts: what it says of itself.
        interface: inputs and outputs of the graph.
        name: what to call the file in errors.

    Raises:
        ModelFileError: they do not.
    """
    check_interface(*interface, bit_depth=facts.input.format.bit_depth, name=name)
    calibration = read_stated(facts.calibration, name)
    check_verdict(
        data,
        name,
        image_threshold=calibration.image_threshold,
        pixel_threshold=calibration.pixel_threshold,
    )
    if facts.inspectable is not None:
        check_inspectable(facts.inspectable, name)
        read_zones(facts.input, name)
    check_departures(data, facts.departing(), name)
    if (alignment := facts.input.alignment) is not None:
        check_aligned(interface[1], name=name)
        check_held(data, name, AGREEMENT_LIMIT, np.float32(alignment.limit))
    return calibration


def read_zones(facts: InputFacts, name: str) -> Inspected | None:
    """Which pixels are inspected; `None` for all. Raises `ModelFileError` where it cannot be."""
    try:
        return None if facts.zones is None else facts.zones.inspected()
    except ValueError as error:
        raise ModelFileError(
            f"What '{name}' says of its zones cannot be used: {error} Fit it again."
        ) from error


@dataclass(frozen=True)
class ModelFile:
    """What is in a model file.

    Attributes:
        facts: what it says of itself.
        sha256: hash of its bytes, hexadecimal.
        size_bytes: how many these are.
        outputs: names of what the graph gives.
        extras: what it keeps besides its facts, by its key, as it is there.
    """

    facts: Facts
    sha256: str
    size_bytes: int
    outputs: tuple[str, ...]
    extras: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values: what `blemish inspect --json` prints."""
        return self.facts.to_dict() | {
            "sha256": self.sha256,
            "bytes": self.size_bytes,
            "outputs": list(self.outputs),
        }


def inspect(path: str | Path) -> ModelFile:
    """Look into a model file without making it ready to run; its hash is verified.

    Raises:
        ModelFileError: it is missing, truncated, changed, of a newer schema, or not ours.
    """
    name, data = str(path), read_file(Path(path))
    sha256 = verify(data, name)
    model = parsed(data, name)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    facts = read_facts(metadata, name)
    check_facts(data, facts, interface_of(model), name)
    outputs = tuple(output.name for output in model.graph.output)
    extras = {key: metadata[key] for key in EXTRAS if key in metadata}
    return ModelFile(facts, sha256, len(data), outputs, extras)


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
