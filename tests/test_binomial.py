from __future__ import annotations

import pytest
from scipy.stats import beta

from blemish.binomial import rate_at_most, rate_range


@pytest.mark.parametrize(("hits", "trials"), [(0, 33), (3, 190), (189, 190), (190, 190)])
def test_rate_at_most_is_that_of_clopper_and_pearson(hits, trials):
    expected = beta.ppf(0.95, hits + 1, trials - hits) if hits < trials else 1.0
    assert rate_at_most(hits, trials, confidence=0.95) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 33, 0.0, 0.10576), (1, 33, 0.00077, 0.15759), (33, 33, 0.89424, 1.0)],
)
def test_binomial_ranges_are_those_of_the_beta_distribution(
    hits: int, total: int, low: float, high: float
) -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs SciPy")
    found = rate_range(hits, total, confidence=0.95)
    assert found == pytest.approx((low, high), abs=1e-5)
    exact = stats.binomtest(hits, total).proportion_ci(0.95, method="exact")
    assert found == pytest.approx((exact.low, exact.high), abs=1e-9)
