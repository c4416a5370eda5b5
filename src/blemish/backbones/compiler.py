"""Without the folder that torch makes for compiled code, where nothing is compiled.

Optimizers and the ONNX exporter load torch's compiler, and on being loaded it makes an empty folder
among the temporary files, which stays.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = "TORCHINDUCTOR_CACHE_DIR"


@contextmanager
def no_compiler_folder() -> Iterator[None]:
    """Have torch's compiler, if it is loaded meanwhile, find a folder that is there already.

    What a program compiles later goes where torch would put it anyway.
    """
    if os.environ.get(FOLDER):
        yield
        return
    os.environ[FOLDER] = tempfile.gettempdir()
    try:
        yield
    finally:
        del os.environ[FOLDER]
