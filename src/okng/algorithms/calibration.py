"""Thresholds from scores, and what they promise. Pure order statistics: no shape is assumed.

Let S_(1) <= ... <= S_(n) be raw scores of n independent good parts that the model has not seen.
The share of good parts above S_(k) is distributed as Beta(n + 1 - k, k), or smaller where scores
are tied (Vovk 2012, Conditional validity of inductive conformal predictors, proposition 2a;
Wilks 1941). It is at most `a` with the confidence P(Binomial(n, a) > n - k).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, log1p, nextafter

import numpy as np

from okng.algorithms.binomial import upper_bound
from okng.domain.arrays import Array, Scores


@dataclass(frozen=True)
class OrderThreshold:
    """The `order`-th smallest of `n` scores, and the rate that it keeps with the confidence asked.

    `kept` tells whether the rate is at most the one that was wanted; `missing` how many more
    independent parts that would need.
    """

    threshold: float
    order: int
    n: int
    rate: float
    kept: bool
    missing: int


def parts_needed(rate: float, confidence: float) -> int:
    """Return the fewest parts with which the highest score keeps `rate`: 299 for 1 % at 95 %.

    (1 - rate)^n <= 1 - confidence.
    """
    return ceil(log1p(-confidence) / log1p(-rate) - 1e-9)


def overkill_threshold(good: Scores, rate: float, confidence: float) -> OrderThreshold:
    """Return the lowest score that at most `rate` of good parts exceed, or the highest seen.

    Args:
        good: float64 `[n]`, n >= 1, one score for each independent good part.
        rate: wanted share of good parts above the threshold, in (0, 1).
        confidence: in (0, 1).
    """
    ordered = np.sort(good)
    n = len(ordered)
    # The bound rises with the number of scores above the threshold: halve the interval.
    low, high = 0, n
    while low < high:
        above = (low + high) // 2
        if upper_bound(above, n, confidence) <= rate:
            low = above + 1
        else:
            high = above
    kept = low > 0
    above = max(low - 1, 0)
    missing = 0 if kept else max(parts_needed(rate, confidence) - n, 1)
    order = n - above
    bound = upper_bound(above, n, confidence)
    return OrderThreshold(float(ordered[order - 1]), order, n, bound, kept, missing)


def escape_threshold(defective: Scores, rate: float, confidence: float) -> OrderThreshold:
    """Return the highest threshold that at most `rate` of defective parts stay at or below.

    The mirror image of `overkill_threshold`: just below the j-th smallest defective score.
    """
    mirrored = overkill_threshold(-np.asarray(defective), rate, confidence)
    j = len(defective) + 1 - mirrored.order
    below = nextafter(-mirrored.threshold, -inf)
    return OrderThreshold(below, j, mirrored.n, mirrored.rate, mirrored.kept, mirrored.missing)


def cost_threshold(
    good: Scores, defective: Scores, escape_cost: float, defect_rate: float
) -> float:
    """Return the threshold of least expected cost on the scores given.

    An overkill costs 1, an escape `escape_cost`, and `defect_rate` of all parts are defective.
    Where a whole interval is best, its middle is taken; of several, the widest.
    """
    cuts = np.unique(np.concatenate([good, defective]))
    overkill = 1 - np.searchsorted(np.sort(good), cuts, side="right") / len(good)
    escapes = np.searchsorted(np.sort(defective), cuts, side="right") / len(defective)
    cost = (1 - defect_rate) * overkill + defect_rate * escape_cost * escapes
    # Below the lowest score of all: every part is called NG.
    nothing = 1 - defect_rate
    if nothing < cost.min():
        return float(nextafter(cuts[0], -inf))
    best = np.flatnonzero(cost <= cost.min() + 1e-12)
    following = np.append(cuts[1:], cuts[-1])
    widest = best[np.argmax((following - cuts)[best])]
    middle = float((cuts[widest] + following[widest]) / 2)
    # Between neighbouring numbers the middle may be rounded to the upper one, a part's own score.
    return middle if middle < following[widest] else float(cuts[widest])


def margin_threshold(good: Scores, margin: float) -> float:
    """Return the highest good score, plus `margin` times its distance from the median."""
    highest = float(np.max(good))
    return highest + margin * (highest - float(np.median(good)))


def worst_by_group(scores: Scores, groups: Sequence[int] | Array) -> Scores:
    """Return the highest score of each group, ascending: images of one part count once."""
    _, where = np.unique(np.asarray(groups), return_inverse=True)
    worst = np.full(where.max() + 1, -np.inf)
    np.maximum.at(worst, where, scores)
    return np.sort(worst)


def best_by_group(scores: Scores, groups: Sequence[int] | Array) -> Scores:
    """Return the lowest score of each group, ascending: what an escape of that part depends on."""
    return np.sort(-worst_by_group(-np.asarray(scores), groups))


def deal_groups(groups: Sequence[int] | Array, hands: int, rng: np.random.Generator) -> Array:
    """Deal whole groups at random into `hands` folds of nearly equal number; int64 `[n]`."""
    names, where = np.unique(np.asarray(groups), return_inverse=True)
    folds = np.arange(len(names)) % hands
    dealt: Array = rng.permutation(folds)[where]
    return dealt


def hold_out(groups: Sequence[int] | Array, parts: int, rng: np.random.Generator) -> Array:
    """Choose `parts` whole groups at random; bool `[n]`, True where an image is held out."""
    names, where = np.unique(np.asarray(groups), return_inverse=True)
    chosen: Array = (rng.permutation(len(names)) < parts)[where]
    return chosen
