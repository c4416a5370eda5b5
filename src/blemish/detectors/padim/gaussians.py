"""Gaussians of good features, and how far each training image lies from those of all others.

The distance is Mahalanobis'. An image is left out exactly, without another look at the others:
what it adds to the sums that mean and covariance are made of is taken away again. Of one image on
its own that has a closed form: with n images, r the distance from their mean, A the covariance as
it would be of n - 1 images and A - c r r' that without the image, c = n / ((n - 1)(n - 2)), the
squared distance is (n / (n - 1))^2 q / (1 - c q), q = r' A^-1 r (Sherman and Morrison, 1950).

The regularisation is that of all images, whoever is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Gaussians of vectors of D dimensions, one for each of P positions or one for all (P = 1).

    Attributes:
        mean: P x D.
        whitening: P x D x D; a difference to the mean times it is as long as it is far.
    """

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]


def fit_positions(
    vectors: Array, ridge: float, groups: Sequence[Sequence[int]]
) -> tuple[Gaussians, Array]:
    """A Gaussian for each position, and the distances of images left out.

    Args:
        vectors: N x P x D, of N images.
        ridge: what each covariance has more on its diagonal.
        groups: numbers of the images that are left out together; each in one.

    Returns:
        The Gaussians, and N x P distances; NaN where the only group cannot be left out.
    """
    count = len(vectors)
    at_positions = vectors.transpose(1, 0, 2)  # P x N x D
    mean = at_positions.mean(axis=1)
    apart = at_positions - mean[:, None]
    scatter = apart.transpose(0, 2, 1) @ apart
    distances = np.full((vectors.shape[1], count), np.nan)
    alone = [group[0] for group in groups if len(group) == 1]
    if alone and len(groups) > 1:
        distances[:, alone] = _left_out_alone(apart[:, alone], scatter, ridge, count)
    for group in groups if len(groups) > 1 else ():
        if len(group) > 1:
            distances[:, group] = _left_out_together(apart, scatter, ridge, group)
    return Gaussians(*_single(mean, _whitening(scatter, ridge, count))), distances.T


def fit_global(
    vectors_of: Callable[[int], Array], ridge: float, groups: Sequence[Sequence[int]]
) -> tuple[Gaussians, list[Array]]:
    """One Gaussian of the vectors of all images, and the distances of images left out.

    Args:
        vectors_of: gives those of an image, C x D; asked three times for each.
        ridge: what the covariance has more on its diagonal.
        groups: numbers of the images that are left out together; each in one.

    Returns:
        The Gaussian, and C distances for each image; NaN where the only group cannot be left out.
    """

    def sums_of(group: Sequence[int]) -> _Sums:
        return _added(_Sums.of(vectors_of(image)) for image in group)

    whole = _added(map(sums_of, groups))
    distances: dict[int, Array] = {}
    for group in groups:
        rest = whole - sums_of(group)
        for image in group:
            vectors = vectors_of(image)
            distances[image] = (
                rest.far(vectors, ridge) if rest.count else np.full(len(vectors), np.nan)
            )
    whitening = _whitening(whole.scatter, ridge, whole.count)
    gaussian = Gaussians(*_single(whole.mean[None], whitening[None]))
    return gaussian, [distances[image] for image in range(len(distances))]


@dataclass(frozen=True, eq=False)
class _Sums:
    """What mean and covariance of vectors are made of: they can be added and taken away."""

    count: int
    total: Array
    products: Array

    @classmethod
    def of(cls, vectors: Array) -> _Sums:
        return cls(len(vectors), vectors.sum(axis=0), vectors.T @ vectors)

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.count + other.count, self.total + other.total, self.products + other.products
        )

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.count - other.count, self.total - other.total, self.products - other.products
        )

    @property
    def mean(self) -> Array:
        mean: Array = self.total / self.count
        return mean

    @property
    def scatter(self) -> Array:
        scatter: Array = self.products - self.count * np.outer(self.mean, self.mean)
        return scatter

    def far(self, vectors: Array, ridge: float) -> Array:
        return _far(vectors - self.mean, _whitening(self.scatter, ridge, self.count))


def _added(several: Iterable[_Sums]) -> _Sums:
    return reduce(lambda one, other: one + other, several)


def _left_out_alone(apart: Array, scatter: Array, ridge: float, count: int) -> Array:
    """Distances, P x N, of images each of which is left out on its own."""
    q = _far(apart, _whitening(scatter, ridge, count - 1)) ** 2
    c = count / ((count - 1) * max(1, count - 2))
    squared: Array = (count / (count - 1)) ** 2 * q / np.maximum(1 - c * q, np.finfo(float).tiny)
    return np.sqrt(squared)


def _left_out_together(apart: Array, scatter: Array, ridge: float, group: Sequence[int]) -> Array:
    """Distances, P x N, of images that are left out together."""
    own = apart[:, list(group)]
    rest = apart.shape[1] - len(group)
    mean = -own.sum(axis=1) / rest  # of the others: all of `apart` adds up to nothing
    scatter = scatter - own.transpose(0, 2, 1) @ own - rest * mean[:, :, None] * mean[:, None]
    return _far(own - mean[:, None], _whitening(scatter, ridge, rest))


def _whitening(scatter: Array, ridge: float, count: int) -> Array:
    """What makes distances of differences: the inverse of a root of each covariance."""
    covariance = scatter / max(1, count - 1) + ridge * np.eye(scatter.shape[-1])
    root = np.linalg.cholesky(covariance)
    return np.swapaxes(np.linalg.inv(root), -1, -2)


def _far(apart: Array, whitening: Array) -> Array:
    lengths: Array = np.linalg.norm(apart @ whitening, axis=-1)
    return lengths


def _single(*arrays: Array) -> Iterator[NDArray[np.float32]]:
    return (array.astype(np.float32) for array in arrays)
