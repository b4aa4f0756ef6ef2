from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from okng.algorithms.calibration import (
    best_by_group,
    cost_threshold,
    deal_groups,
    escape_threshold,
    hold_out,
    margin_threshold,
    overkill_threshold,
    parts_needed,
    worst_by_group,
)

rates = st.floats(0.002, 0.9)
confidences = st.floats(0.5, 0.999)
scores = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=60).map(np.array)
few_levels = st.lists(st.integers(0, 6), min_size=1, max_size=40).map(
    lambda values: np.array(values, np.float64)
)


def test_the_default_wish_needs_299_parts() -> None:
    """1 % at 95 % confidence needs 299 good parts."""
    assert parts_needed(0.01, 0.95) == 299


@given(rate=rates, confidence=confidences)
def test_parts_needed_is_the_fewest(rate: float, confidence: float) -> None:
    """With that many parts the highest score keeps the rate, with one fewer it does not."""
    n = parts_needed(rate, confidence)
    assert beta.cdf(rate, 1, n) >= confidence - 1e-9
    assert n == 1 or beta.cdf(rate, 1, n - 1) < confidence


@pytest.mark.parametrize(("rate", "confidence"), [(0.01, 0.95), (0.05, 0.9), (0.001, 0.99)])
def test_exactly_enough_parts_keep_the_rate(rate: float, confidence: float) -> None:
    """The promise is kept from `parts_needed` parts on, and one part is missing just before."""
    n = parts_needed(rate, confidence)
    enough = overkill_threshold(np.arange(n, dtype=float), rate, confidence)
    assert (enough.kept, enough.missing, enough.order) == (True, 0, n)
    assert enough.rate <= rate
    short = overkill_threshold(np.arange(n - 1, dtype=float), rate, confidence)
    assert (short.kept, short.missing, short.order) == (False, 1, n - 1)
    assert short.rate > rate


def by_beta_law(good: np.ndarray, rate: float, confidence: float) -> tuple[int, bool]:
    """Try every order: overkill at S_(k) is Beta(n + 1 - k, k)."""
    n = len(good)
    kept = [k for k in range(1, n + 1) if beta.cdf(rate, n + 1 - k, k) >= confidence]
    return (min(kept), True) if kept else (n, False)


@settings(deadline=None)
@given(good=scores, rate=rates, confidence=confidences)
def test_overkill_threshold_is_the_lowest_that_keeps_the_rate(
    good: np.ndarray, rate: float, confidence: float
) -> None:
    """The order is the smallest that the Beta law allows, or the highest score where none is."""
    n = len(good)
    near = [abs(beta.cdf(rate, n + 1 - k, k) - confidence) for k in range(1, n + 1)]
    assume(min(near) > 1e-9)
    found = overkill_threshold(good, rate, confidence)
    assert (found.order, found.kept) == by_beta_law(good, rate, confidence)
    assert found.threshold == np.sort(good)[found.order - 1]
    assert found.n == n
    assert found.rate == pytest.approx(beta.ppf(confidence, n + 1 - found.order, found.order))
    assert found.kept == (found.rate <= rate)
    assert (found.missing == 0) == found.kept
    assert found.kept or n + found.missing == parts_needed(rate, confidence)


def test_promised_overkill_is_kept_as_often_as_promised() -> None:
    """In repeated calibrations the true overkill passes the bound in about 10 %, as allowed."""
    rng = np.random.default_rng(0)
    rate, confidence, n, runs = 0.05, 0.9, 60, 1200
    broken = 0
    for _ in range(runs):
        found = overkill_threshold(rng.random(n), rate, confidence)
        broken += 1 - found.threshold > found.rate  # of uniform scores, exactly this share is above
    low, high = binom.ppf([1e-4, 1 - 1e-4], runs, 1 - confidence)
    assert low <= broken <= high


def test_ties_only_make_the_promise_safer() -> None:
    """With scores in a few steps the bound is passed no more often than allowed."""
    rng = np.random.default_rng(1)
    runs, broken = 1000, 0
    for _ in range(runs):
        found = overkill_threshold(rng.integers(0, 30, 100).astype(float), 0.08, 0.9)
        broken += (29 - found.threshold) / 30 > found.rate
    assert broken <= binom.ppf(1 - 1e-4, runs, 0.1)


@given(good=scores, confidence=confidences, one=rates, other=rates)
def test_a_looser_wish_never_raises_the_threshold(
    good: np.ndarray, confidence: float, one: float, other: float
) -> None:
    """Who allows more overkill gets a threshold that is no higher."""
    strict, loose = sorted((one, other))
    at_strict = overkill_threshold(good, strict, confidence)
    at_loose = overkill_threshold(good, loose, confidence)
    assert at_loose.threshold <= at_strict.threshold
    assert at_loose.kept or not at_strict.kept


@pytest.mark.parametrize("rate", [0.01, 0.96])
def test_one_part(rate: float) -> None:
    """A single score is the threshold, and promises what one part can: 95 % at 95 %."""
    found = overkill_threshold(np.array([3.5]), rate, 0.95)
    assert (found.threshold, found.order, found.n) == (3.5, 1, 1)
    assert found.rate == pytest.approx(0.95)
    assert found.kept == (rate > 0.95)


@given(defective=few_levels, rate=rates, confidence=confidences)
def test_escape_threshold_is_the_mirror_image(
    defective: np.ndarray, rate: float, confidence: float
) -> None:
    """It lies just below the defective score of the mirrored order, with the mirrored bound."""
    found = escape_threshold(defective, rate, confidence)
    mirrored = overkill_threshold(-defective, rate, confidence)
    assert nextafter(found.threshold, inf) == -mirrored.threshold
    assert np.sort(defective)[found.order - 1] == -mirrored.threshold
    assert (found.rate, found.kept, found.missing) == (
        mirrored.rate,
        mirrored.kept,
        mirrored.missing,
    )
    # No more than the order says escape, and one more would pass the rate.
    assert (defective <= found.threshold).sum() <= found.order - 1


def test_promised_escapes_are_kept_as_often_as_promised() -> None:
    """In repeated calibrations the true escape rate passes the bound no more often than allowed."""
    rng = np.random.default_rng(2)
    runs, broken = 1000, 0
    for _ in range(runs):
        found = escape_threshold(rng.random(90), 0.06, 0.9)
        broken += found.threshold > found.rate
    low, high = binom.ppf([1e-4, 1 - 1e-4], runs, 0.1)
    assert low <= broken <= high


def cost_at(
    threshold: float, good: np.ndarray, defective: np.ndarray, cost: float, rate: float
) -> float:
    return float(
        (1 - rate) * (good > threshold).mean() + rate * cost * (defective <= threshold).mean()
    )


@given(
    good=few_levels | scores,
    defective=few_levels | scores,
    cost=st.floats(0.1, 1000),
    rate=st.floats(0.001, 0.5),
)
def test_cost_threshold_is_the_cheapest(
    good: np.ndarray, defective: np.ndarray, cost: float, rate: float
) -> None:
    """No other threshold costs less on these scores."""
    levels = np.unique(np.concatenate([good, defective]))
    tried = [nextafter(levels[0], -inf), *levels]
    best = min(cost_at(t, good, defective, cost, rate) for t in tried)
    found = cost_threshold(good, defective, cost, rate)
    assert cost_at(found, good, defective, cost, rate) == pytest.approx(best, abs=1e-9)


def test_cost_threshold_lies_in_the_middle_of_the_gap() -> None:
    """Where good and defective parts are apart, the threshold is halfway between them."""
    found = cost_threshold(np.array([1.0, 2.0, 3.0]), np.array([7.0, 9.0]), 10, 0.05)
    assert found == 5


def test_cost_threshold_between_neighbouring_numbers() -> None:
    """Where no number lies between good and defective parts they are still told apart."""
    good = np.array([nextafter(1.0, 2.0)])
    defective = np.array([nextafter(good[0], 2.0)])
    assert good[0] <= cost_threshold(good, defective, 10, 0.05) < defective[0]


def test_dear_escapes_call_everything_not_ok() -> None:
    """Where escapes cost more than all overkill together, even the lowest score is not OK."""
    good, defective = np.array([2.0, 3.0, 4.0]), np.array([2.0, 3.0, 4.0])
    assert cost_threshold(good, defective, 1e6, 0.5) < 2.0


@pytest.mark.parametrize(
    ("good", "margin", "expected"),
    [([1.0, 2.0, 5.0], 0.5, 6.5), ([1.0, 2.0, 5.0], 0, 5.0), ([4.0], 3, 4.0), ([-3.0, -1.0], 1, 0)],
)
def test_margin_threshold(good: list[float], margin: float, expected: float) -> None:
    """It is the highest score, plus so many times its distance from the median."""
    assert margin_threshold(np.array(good), margin) == expected


@given(values=st.lists(st.tuples(st.floats(-50, 50), st.integers(-3, 5)), min_size=1, max_size=40))
def test_worst_by_group(values: list[tuple[float, int]]) -> None:
    """Each group counts once, with its highest score, and the result ascends."""
    worst: dict[int, float] = {}
    for score, group in values:
        worst[group] = max(score, worst.get(group, -inf))
    found = worst_by_group(np.array([v for v, _ in values]), [g for _, g in values])
    assert found.tolist() == sorted(worst.values())


def test_best_by_group() -> None:
    """Each group counts once, with its lowest score, and the result ascends."""
    scores = np.array([5.0, 2.0, 9.0, -1.0, 7.0])
    assert best_by_group(scores, [3, 3, 1, 0, 1]).tolist() == [-1.0, 2.0, 7.0]


@given(
    groups=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    hands=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_folds_hold_whole_groups_and_nearly_equally_many(
    groups: list[int], hands: int, seed: int
) -> None:
    """No group is in two folds, and no fold has two groups more than another."""
    folds = deal_groups(groups, hands, np.random.default_rng(seed))
    assert len(folds) == len(groups)
    pairs = set(zip(groups, folds.tolist(), strict=True))
    assert len(pairs) == len(set(groups))
    sizes = [sum(fold == hand for _, fold in pairs) for hand in range(hands)]
    assert max(sizes) - min(sizes) <= 1


@given(
    groups=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    parts=st.integers(0, 25),
    seed=st.integers(0, 99),
)
def test_holding_out_takes_whole_groups(groups: list[int], parts: int, seed: int) -> None:
    """As many groups are held out as asked for (or all), each with all of its images."""
    held = hold_out(groups, parts, np.random.default_rng(seed))
    chosen = {group for group, out in zip(groups, held, strict=True) if out}
    left = {group for group, out in zip(groups, held, strict=True) if not out}
    assert not chosen & left
    assert len(chosen) == min(parts, len(set(groups)))


def test_dealing_follows_the_seed() -> None:
    """The same seed deals the same folds, another one others."""
    groups = list(range(40))
    first, again, other = (
        deal_groups(groups, 5, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
