"""Where what is in a model comes from."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.typed_json import Hash


@dataclass(frozen=True)
class Source:
    """Something that a detector takes from elsewhere, and that is in the graph or shaped it.

    Attributes:
        role: what it is to the detector: `backbone`, `teacher`, `penalty images`.
        name: of the network or folder, without the path of a machine.
        licence: as its source states it.
        sha256: of the file, or of a folder's listing.
    """

    role: str
    name: str
    licence: str
    sha256: Hash
