"""What judging images takes of memory, told from their headers before anything is decoded.

The constants are upper bounds of the resident memory of `blemish predict` at its highest, over
images of 0.1, 24 and 99 megapixels, grey and colour, one by one and several at once, with
`--overlay` and without: 19 to 23 bytes a pixel for one image alone; up to 31 for those that follow,
since ONNX Runtime keeps part of what the one before took, and whoever asked has its map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blemish.errors import ImageError, SettingError
from blemish.graph.preprocessing import WorkingSize
from blemish.images.header import spell_size
from blemish.memory import allowed_bytes

RUNTIME_BYTES = 130 * 10**6  # interpreter, libraries
MODEL_COPIES = 3  # the file, and what each of two sessions makes of it
DECODED_PIXEL_BYTES = {8: 32, 16: 44}  # decoded, turned, as floats, and the map
WORKING_PIXEL_BYTES = 600  # of the resized image: activations, patches and products
MULTIPLE_PX = 32  # to which working images are padded at most


@dataclass(frozen=True)
class JudgingMemory:
    """How much memory images may take together, and how large they become.

    Attributes:
        allowed_bytes: what the process may take.
        room_bytes: what is left of it for images.
        working: how they are resized.
    """

    allowed_bytes: int
    room_bytes: int
    working: WorkingSize

    def weigh(self, size_hw: tuple[int, int], bit_depth: int = 8) -> int:
        """Bytes that an image takes from its file to its verdict.

        Raises:
            ImageError: it alone takes more than there is room for.
        """
        height, width = self.working.working_hw(size_hw)[1]
        decoded = DECODED_PIXEL_BYTES[bit_depth] * size_hw[0] * size_hw[1]
        needed = decoded + WORKING_PIXEL_BYTES * height * width
        if needed > self.room_bytes:
            raise ImageError(
                f"is {spell_size(size_hw)}; judging it takes about {spell_bytes(needed)} of memory,"
                f" and {spell_bytes(self.room_bytes)} are left of the "
                f"{spell_bytes(self.allowed_bytes)} that may be taken: raise --memory "
                "(memory_bytes)."
            )
        return needed


def judging_memory(facts: dict[str, Any], model_bytes: int, wanted: int | None) -> JudgingMemory:
    """The memory for images beside a model.

    Args:
        facts: what the model file says of itself.
        model_bytes: its size.
        wanted: what the process may take; by default half of the machine's memory, or of what the
            container has.

    Raises:
        SettingError: the model alone takes more than is wanted.
    """
    settings = facts["detector"].get("settings", {})
    size = settings.get("image_size") or 256
    size_hw = (size, size) if isinstance(size, int) else (size[0], size[1])
    working = WorkingSize(size_hw, settings.get("fit", "stretch"), MULTIPLE_PX)
    fixed = RUNTIME_BYTES + MODEL_COPIES * model_bytes
    least = fixed + 2 * WORKING_PIXEL_BYTES * size_hw[0] * size_hw[1]
    if wanted is None:
        allowed = allowed_bytes() // 2
        return JudgingMemory(allowed, max(allowed, least) - fixed, working)
    if wanted < least:
        raise SettingError(
            f"'memory_bytes' (--memory) must be at least {spell_bytes(least)} for this model; got "
            f"{spell_bytes(wanted)}."
        )
    return JudgingMemory(wanted, wanted - fixed, working)


def spell_bytes(count: int) -> str:
    """A size as a user types it: `2.4 GB`, `350 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
