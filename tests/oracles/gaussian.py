"""Mahalanobis distances by the plain definition, one vector at a time."""

from __future__ import annotations

import numpy as np


def mahalanobis(vectors, others, ridge):
    """How far each of some vectors lies from a Gaussian of the others, C x D and M x D."""
    mean = others.mean(axis=0)
    spread = np.zeros((vectors.shape[1],) * 2)
    if len(others) > 1:
        spread = np.cov(others, rowvar=False).reshape(spread.shape)
    inverse = np.linalg.inv(spread + ridge * np.eye(len(spread)))
    return np.array([np.sqrt((v - mean) @ inverse @ (v - mean)) for v in vectors])
