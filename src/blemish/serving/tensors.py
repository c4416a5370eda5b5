"""Tensors of the Open Inference Protocol: as JSON, or as bytes behind it.

A body is JSON alone, or JSON of so many bytes as `Inference-Header-Content-Length` says, and then
the bytes of each tensor whose parameter `binary_data_size` says how many: row-major, little-endian;
of a text its length, four bytes, and its UTF-8.

Source: KServe, Open Inference Protocol (V2), and Triton's extension "binary tensor data".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from blemish.errors import UsageError
from blemish.typed_json import JsonError, read_as

HEADER = "Inference-Header-Content-Length"
DTYPES = {"UINT8": "<u1", "UINT16": "<u2", "FP32": "<f4"}
MOST_JSON_VALUES = 1 << 20  # of a tensor; beyond, bytes are asked for
MOST_JSON_BYTES = 16 << 20
LONGEST = 1000  # characters of a name or an id
MOST_NAMED = 100  # tensors of a request, and parameters of one

Size = Annotated[int, Meta(ge=1, le=1 << 31)]
Name = Annotated[str, Meta(max_length=LONGEST)]
Value = bool | int | float | str
Parameters = Annotated[dict[Name, Value], Meta(max_length=MOST_NAMED)]
Flat = list[int]
Nested = list[list[list[list[int]]]]


class Input(msgspec.Struct):
    """A tensor as a request tells of it."""

    name: Name
    shape: Annotated[list[Size], Meta(max_length=8)]
    datatype: Name
    parameters: Parameters = {}
    data: msgspec.Raw = msgspec.Raw()


class Wanted(msgspec.Struct):
    """An output that is asked for."""

    name: Name
    parameters: Parameters = {}


class Request(msgspec.Struct):
    """The JSON of a request."""

    inputs: Annotated[list[Input], Meta(max_length=MOST_NAMED)]
    id: Name | None = None
    parameters: Parameters = {}
    outputs: Annotated[list[Wanted], Meta(max_length=MOST_NAMED)] | None = None


@dataclass(frozen=True)
class Body:
    """A request, and the bytes behind it.

    Attributes:
        request: its JSON.
        tail: what follows.
    """

    request: Request
    tail: memoryview

    @classmethod
    def of(cls, content: bytes, header: str | None) -> Body:
        """Read a body.

        Args:
            content: all of it.
            header: of `HEADER`, where there was one.

        Raises:
            UsageError: it is no request.
        """
        length = len(content)
        if header is not None:
            if not (header.isascii() and header.isdecimal() and len(header) < 20):
                raise UsageError(f"{HEADER} must be a number of bytes.")
            length = int(header)
            if length > len(content):
                raise UsageError(f"{HEADER} says {length}; the body has {len(content)} bytes.")
        if length > MOST_JSON_BYTES:
            raise UsageError(
                f"JSON of {length} bytes is too much; send tensors as binary data ({HEADER})."
            )
        try:
            request = read_as(content[:length], Request)
        except JsonError as error:
            raise UsageError(f"The request is none: {error}") from error
        return cls(request, memoryview(content)[length:])

    def only_input(self, name: str, datatype: str) -> NDArray[Any]:
        """The one tensor that a request must have.

        Raises:
            UsageError: it has others, or its type, shape or number of values is wrong.
        """
        if [one.name for one in self.request.inputs] != [name]:
            names = ", ".join(f"'{one.name}'" for one in self.request.inputs) or "none"
            raise UsageError(f"The one input must be '{name}'; got {names}.")
        (given,) = self.request.inputs
        if given.datatype != datatype:
            raise UsageError(f"'{name}' must be {datatype}; got '{given.datatype}'.")
        size_bytes = given.parameters.get("binary_data_size")
        if size_bytes is None:
            if self.tail:
                raise UsageError(f"{len(self.tail)} bytes follow, and no tensor names them.")
            return _of_json(given)
        if type(size_bytes) is not int or size_bytes != len(self.tail):
            raise UsageError(f"'binary_data_size' is {size_bytes}; {len(self.tail)} bytes follow.")
        return _of_bytes(given, self.tail)

    def wanted(self, known: Sequence[str]) -> dict[str, bool]:
        """Outputs that are asked for, and whether each as bytes. Raises `UsageError`."""
        request = self.request
        as_bytes = request.parameters.get("binary_data_output", False) is True
        if not request.outputs:
            return dict.fromkeys(known, as_bytes)
        unknown = [one.name for one in request.outputs if one.name not in known]
        if unknown:
            raise UsageError(f"There is no output '{unknown[0]}'; there are {', '.join(known)}.")
        return {
            one.name: one.parameters.get("binary_data", as_bytes) is True for one in request.outputs
        }


def _of_bytes(given: Input, tail: memoryview) -> NDArray[Any]:
    dtype = np.dtype(DTYPES[given.datatype])
    needed = math.prod(given.shape) * dtype.itemsize
    if needed != len(tail):
        raise UsageError(f"The shape {given.shape} takes {needed} bytes; got {len(tail)}.")
    return np.frombuffer(tail, dtype).reshape(given.shape)


def _of_json(given: Input) -> NDArray[Any]:
    dtype = np.dtype(DTYPES[given.datatype])
    try:
        values = np.array(_numbers(bytes(given.data)), np.int64)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise UsageError(f"'data' of '{given.name}' must be whole numbers: {error}.") from error
    if values.ndim > 1 and list(values.shape) != given.shape:
        raise UsageError(f"'data' is nested as {list(values.shape)}; 'shape' is {given.shape}.")
    if values.size != math.prod(given.shape):
        raise UsageError(f"The shape {given.shape} takes other than {values.size} values.")
    most = np.iinfo(dtype).max
    if values.size and not (values.min() >= 0 and values.max() <= most):
        raise UsageError(f"'data' of {given.datatype} must be in 0 to {most}.")
    return values.astype(dtype).reshape(given.shape)


def _numbers(text: bytes) -> Flat | Nested:
    """Values in a row, or nested as the shape has it. Raises `MsgspecError`."""
    try:
        return msgspec.json.decode(text, type=Flat)
    except msgspec.ValidationError:
        return msgspec.json.decode(text, type=Nested)


def encoded(
    outputs: Mapping[str, NDArray[Any] | Sequence[str]],
    wanted: Mapping[str, bool],
    **told: Any,
) -> tuple[bytes, int | None]:
    """The body of an answer.

    Args:
        outputs: arrays of float32, or texts, by name.
        wanted: which, and whether as bytes.
        told: what else the JSON says.

    Returns:
        The body, and how long its JSON is where bytes follow it.

    Raises:
        UsageError: an output is too large for JSON.
    """
    described, tail = [], []
    for name, as_bytes in wanted.items():
        values = outputs[name]
        texts = not isinstance(values, np.ndarray)
        shape = [len(values)] if texts else list(np.shape(values))
        one: dict[str, Any] = {
            "name": name, "shape": shape, "datatype": "BYTES" if texts else "FP32",
        }  # fmt: skip
        if as_bytes:
            content = _bytes_of(values)
            one["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        elif math.prod(shape) > MOST_JSON_VALUES:
            raise UsageError(
                f"'{name}' has {math.prod(shape):,} values; ask for it as binary data, or for "
                "other outputs alone."
            )
        else:
            one["data"] = list(values) if texts else np.ravel(values).tolist()
        described.append(one)
    head = msgspec.json.encode({**told, "outputs": described})
    return b"".join((head, *tail)), len(head) if tail else None


def _bytes_of(values: NDArray[Any] | Sequence[str]) -> bytes:
    if isinstance(values, np.ndarray):
        return values.astype(DTYPES["FP32"]).tobytes()
    texts = [text.encode() for text in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
