"""Keys of images: what came once is known, also after a restart.

A part's row has the key of its first image. Those of its other images are events that name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blemish.ledger.entry import Row
    from blemish.ledger.ledger import Ledger

PART_KEY = "part_key"  # of an event: by which the part is known that an image belongs to


def row_known_by(ledger: Ledger, key: str) -> Row | None:
    """The row of the part that an image belongs to, by the image's key."""
    row = ledger.find(key)
    while row is not None and PART_KEY in row.entry.body:
        row = ledger.find(row.entry.body[PART_KEY])
    return row
