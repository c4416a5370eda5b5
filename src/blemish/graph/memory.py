"""What judging images takes of memory, told from their headers before anything is decoded.

The constants are upper bounds of the resident memory of `blemish predict` at its highest, over
images of 0.1, 24 and 99 megapixels, grey and colour, one by one and several at once, with
`--overlay` and without: up to 27 bytes a pixel for one image alone; up to 36 for those that follow,
since ONNX Runtime keeps part of what the one before took, and whoever asked has its map. What the
backbone takes goes with its weights: 14 MB an image for a model file of 4 MB, 195 MB for one of
33 MB (ResNet-50), at 256 x 256; 60 MB for EfficientAd at 512 x 512.
"""

from __future__ import annotations

from dataclasses import dataclass

from blemish.errors import ImageError, SettingError
from blemish.graph.facts import Facts
from blemish.graph.preprocessing import WorkingSize
from blemish.images.header import spell_size
from blemish.memory import allowed_bytes

RUNTIME_BYTES = 130 * 10**6  # interpreter, libraries
MODEL_COPIES = 7  # the file, and what each of two sessions makes of it
DECODED_PIXEL_BYTES = {8: 37, 16: 50}  # decoded, turned, as floats, and the map
WORKING_COPIES = 8 / (256 * 256)  # of the model file, for each pixel of the resized image
LEAST_WORKING_BYTES = 256  # for each such pixel, however small the model
ORDINARY_PIXELS = 10**6  # of an image that is judged on every machine
MULTIPLE_PX = 32  # to which working images are padded at most


@dataclass(frozen=True)
class JudgingMemory:
    """How much memory images may take together, and how large they become.

    Attributes:
        allowed_bytes: what the process may take.
        room_bytes: what is left of it for images.
        working: how they are resized.
        bytes_a_working_pixel: what is taken inside the graph.
    """

    allowed_bytes: int
    room_bytes: int
    working: WorkingSize
    bytes_a_working_pixel: float

    def weigh(self, size_hw: tuple[int, int], bit_depth: int = 8) -> int:
        """Bytes that an image takes from its file to its verdict.

        Raises:
            ImageError: it alone takes more than there is room for.
        """
        height, width = self.working.working_hw(size_hw)[1]
        decoded = DECODED_PIXEL_BYTES[bit_depth] * size_hw[0] * size_hw[1]
        needed = decoded + int(self.bytes_a_working_pixel * height * width)
        if needed > self.room_bytes:
            raise ImageError(
                f"is {spell_size(size_hw)}; judging it takes about {spell_bytes(needed)} of memory,"
                f" and {spell_bytes(self.room_bytes)} are left of the "
                f"{spell_bytes(self.allowed_bytes)} that may be taken: raise --memory "
                "(memory_bytes)."
            )
        return needed


def judging_memory(facts: Facts, model_bytes: int, wanted: int | None) -> JudgingMemory:
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
    inside = max(WORKING_COPIES * model_bytes, LEAST_WORKING_BYTES)
    least = fixed + int(inside * size_hw[0] * size_hw[1])
    least += DECODED_PIXEL_BYTES[8] * ORDINARY_PIXELS
    if wanted is None:
        allowed = allowed_bytes() // 2
        return JudgingMemory(allowed, max(allowed, least) - fixed, working, inside)
    if wanted < least:
        raise SettingError(
            f"'memory_bytes' (--memory) must be at least {spell_bytes(least)} for this model; got "
            f"{spell_bytes(wanted)}."
        )
    return JudgingMemory(wanted, wanted - fixed, working, inside)


def spell_bytes(count: int) -> str:
    """A size as a user types it: `2.4 GB`, `350 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
