"""Exact binomial tails and the intervals that follow from them.

Written in log space with `math` alone: thresholds and reports need a handful of these numbers, and
exactness at k = 0, k = n and n of a million matters more than speed.
"""

from math import exp, lgamma, log, log1p

_HALVINGS = 200
_NEGLIGIBLE = 1e-18


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return P(X <= k) for X ~ Binomial(n, p).

    The tail that is away from the mean is summed, outwards from its largest term, so that a small
    probability keeps its digits and the sum may stop once its terms no longer count.

    Raises:
        ValueError: n is negative or p is outside [0, 1].
    """
    _check(n, p)
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return _lower_tail(k, n, p) if k < n * p else 1.0 - _upper_tail(k + 1, n, p)


def binomial_sf(k: int, n: int, p: float) -> float:
    """Return P(X > k) for X ~ Binomial(n, p), precise where it is small.

    Raises:
        ValueError: n is negative or p is outside [0, 1].
    """
    _check(n, p)
    if k < 0:
        return 1.0
    if k >= n:
        return 0.0
    return _upper_tail(k + 1, n, p) if k + 1 > n * p else 1.0 - _lower_tail(k, n, p)


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a proportion; (0, 1) where there were no trials.

    Clopper & Pearson 1934, The use of confidence or fiducial limits illustrated in the case of
    the binomial, Biometrika 26.

    Raises:
        ValueError: the counts are impossible or the confidence is outside (0, 1).
    """
    tail = (1.0 - confidence) / 2.0
    return _lower_limit(successes, trials, tail), _upper_limit(successes, trials, tail)


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """Return the exact one-sided upper bound of a proportion (Clopper & Pearson 1934).

    Raises:
        ValueError: the counts are impossible or the confidence is outside (0, 1).
    """
    return _upper_limit(successes, trials, 1.0 - confidence)


def _upper_limit(successes: int, trials: int, tail: float) -> float:
    """Return the p at which as few as `successes` have probability `tail`."""
    _check_counts(successes, trials, tail)
    if successes == trials:
        return 1.0
    low, high = successes / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if binomial_cdf(successes, trials, middle) > tail:
            low = middle
        else:
            high = middle
    return high


def _lower_limit(successes: int, trials: int, tail: float) -> float:
    """Return the p at which as many as `successes` have probability `tail`."""
    _check_counts(successes, trials, tail)
    if successes == 0:
        return 0.0
    low, high = 0.0, successes / trials
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if binomial_sf(successes - 1, trials, middle) > tail:
            high = middle
        else:
            low = middle
    return low


def _lower_tail(k: int, n: int, p: float) -> float:
    """Sum P(X = i) for i from k down to 0, for k below the mean: the terms only fall."""
    term = total = _pmf(k, n, p)
    odds = (1.0 - p) / p
    for i in range(k, 0, -1):
        term *= i / (n - i + 1) * odds
        total += term
        if term <= _NEGLIGIBLE * total:
            break
    return min(1.0, total)


def _upper_tail(k: int, n: int, p: float) -> float:
    """Sum P(X = i) for i from k up to n, for k above the mean: the terms only fall."""
    term = total = _pmf(k, n, p)
    if p == 1.0:
        return total
    odds = p / (1.0 - p)
    for i in range(k, n):
        term *= (n - i) / (i + 1) * odds
        total += term
        if term <= _NEGLIGIBLE * total:
            break
    return min(1.0, total)


def _pmf(k: int, n: int, p: float) -> float:
    """Return P(X = k)."""
    if p in (0.0, 1.0):
        return float(k == n * int(p))
    choose = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(choose + k * log(p) + (n - k) * log1p(-p))


def _check(n: int, p: float) -> None:
    if n < 0 or not 0.0 <= p <= 1.0:
        raise ValueError(f"a binomial needs n >= 0 and 0 <= p <= 1, not n={n}, p={p}")


def _check_counts(successes: int, trials: int, tail: float) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a possible count")
    if not 0.0 < tail < 1.0:
        raise ValueError("the confidence must lie strictly between 0 and 1")
