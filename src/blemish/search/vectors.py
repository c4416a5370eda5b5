"""What is searched and kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Rows of equal length, N x D."""
