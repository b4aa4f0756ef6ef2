import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from okng.algorithms.binomial import binomial_cdf, binomial_sf, clopper_pearson, upper_bound

TRIALS = (0, 1, 2, 5, 20, 63, 299, 1000, 100_000, 1_000_000)
CONFIDENCES = (0.5, 0.9, 0.95, 0.99, 0.9999)


def _successes(n: int) -> list[int]:
    return sorted({0, 1, n // 3, n // 2, n - 1, n} & set(range(n + 1)))


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("n", TRIALS)
def test_intervals_are_the_beta_quantiles(n: int, confidence: float) -> None:
    """The limits equal scipy's Beta quantiles, from no trials to a million."""
    tail = (1 - confidence) / 2
    for k in _successes(n):
        low = beta.ppf(tail, k, n - k + 1) if k else 0.0
        high = beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
        bound = beta.ppf(confidence, k + 1, n - k) if k < n else 1.0
        assert clopper_pearson(k, n, confidence) == pytest.approx((low, high), rel=1e-8)
        assert upper_bound(k, n, confidence) == pytest.approx(bound, rel=1e-8)


@pytest.mark.parametrize("n", TRIALS)
@pytest.mark.parametrize("p", [0.0, 1e-9, 1e-3, 0.01, 0.3, 0.5, 0.999, 1.0])
def test_tails_are_scipys(n: int, p: float) -> None:
    """Both tails equal scipy's, also where they are tiny."""
    for k in {*_successes(n), int(n * p), min(n, int(n * p) + 5)}:
        assert binomial_cdf(k, n, p) == pytest.approx(binom.cdf(k, n, p), rel=1e-6, abs=1e-300)
        assert binomial_sf(k, n, p) == pytest.approx(binom.sf(k, n, p), rel=1e-6, abs=1e-300)


def test_outside_the_support() -> None:
    """Fewer than none is impossible, and more than all is certain."""
    assert binomial_cdf(-1, 10, 0.3) == 0.0
    assert binomial_cdf(11, 10, 0.3) == 1.0
    assert binomial_sf(-1, 10, 0.3) == 1.0
    assert binomial_sf(10, 10, 0.3) == 0.0


def test_nothing_is_known_without_trials() -> None:
    """No trials leave the whole interval open."""
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert upper_bound(0, 0, 0.95) == 1.0


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_estimate(counts: tuple[int, int]) -> None:
    """The interval holds k/n, lies in [0, 1] and mirrors when failures become successes."""
    k, n = counts
    low, high = clopper_pearson(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
    mirrored = clopper_pearson(n - k, n)
    assert np.allclose((1 - high, 1 - low), mirrored, atol=1e-10)


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 3, 0.9), (4, 3, 0.9), (1, 3, 1.0)])
def test_impossible_counts_are_refused(k: int, n: int, confidence: float) -> None:
    """Impossible counts and certain intervals are errors, not numbers."""
    with pytest.raises(ValueError, match=r"possible count|strictly between"):
        upper_bound(k, n, confidence)


def test_impossible_probability_is_refused() -> None:
    """A probability above one is an error."""
    with pytest.raises(ValueError, match="0 <= p <= 1"):
        binomial_cdf(1, 3, 1.5)
