"""Keep what Pillow and libtiff say of odd files off standard error.

Whatever matters of it is an error of ours; the rest is about metadata that nobody looks at.
"""

from __future__ import annotations

import ctypes
import logging
import warnings
from functools import cache

_PILLOW = r"PIL\."


def hush() -> None:
    """Ignore Pillow's warnings, unless the user's own filters name them; silence libtiff.

    `warnings.catch_warnings` is no way to do it: images are read by several threads. What Pillow
    logs goes to the handlers that the user has, and nowhere where there are none.
    """
    if not any(_is_ours(entry) for entry in tuple(warnings.filters)):
        warnings.filterwarnings("ignore", module=_PILLOW, append=True)
    _hush_libtiff_and_logs()


def _is_ours(entry: tuple[object, ...]) -> bool:
    module = entry[3]
    return entry[0] == "ignore" and getattr(module, "pattern", module) == _PILLOW


@cache
def _hush_libtiff_and_logs() -> None:
    """What libtiff finds wrong goes to file descriptor 2; Pillow reports it all the same."""
    from PIL import _imaging

    logging.getLogger("PIL").addHandler(logging.NullHandler())
    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):  # linked in such a way that it cannot be reached
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_handler(None)
