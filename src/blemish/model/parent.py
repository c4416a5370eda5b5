"""The way back from a model file to the one that it was made from, kept in the file itself."""

from __future__ import annotations

import base64
import struct

from blemish.errors import ModelFileError
from blemish.model.delta import DeltaError, applied, delta
from blemish.model.file import LARGEST_FILE, verify

_SIZE = struct.Struct("<Q")  # bytes of a file before the first of its texts


def undo_text(old: bytes, data: bytes) -> str:
    """What a model file keeps to be made its parent again.

    Args:
        old: the parent.
        data: the file without this text.
    """
    import onnx

    bare = onnx.ModelProto()
    bare.ParseFromString(data)
    bare.ClearField("metadata_props")  # which come last in a file
    size = bare.ByteSize()
    kept = _SIZE.pack(size) + delta(old, data[:size])
    return base64.b64encode(kept).decode()


def parent_of(data: bytes, text: str, sha256: str) -> bytes:
    """The file that one was made from.

    Args:
        data: the file.
        text: what it keeps of the other.
        sha256: of the other.

    Raises:
        ModelFileError: that is damaged.
    """
    try:
        kept = base64.b64decode(text, validate=True)
        (size,) = _SIZE.unpack_from(kept)
        old = applied(kept[_SIZE.size :], data[:size], most_bytes=LARGEST_FILE)
        if verify(old, "the parent") != sha256:
            raise DeltaError("it gives another file")
    except (DeltaError, ValueError, struct.error, ModelFileError) as error:
        raise ModelFileError(f"What is kept of the model before is damaged: {error}") from error
    return old
