"""What class scores say: probabilities, the score of an image, and how sure they may be."""

from math import exp, log

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.logistic import Labels, log_loss, softmax
from okng.domain.arrays import Array, Scores
from okng.domain.naming import SureBin, Sureness

COOLEST, HOTTEST = 1e-2, 1e2
"""Between which temperatures are looked for."""
_HALVINGS = 60


def log_odds(class_scores: Array) -> Scores:
    """Return the log-odds of any defect against good, which is the first class.

    log(sum over kinds of exp(score)) - score of good, before any temperature.

    Args:
        class_scores: float `[n, K]`, K >= 2.

    Returns:
        float64 `[n]`.
    """
    against = np.asarray(class_scores, np.float64)[:, 1:] - class_scores[:, :1]
    highest = against.max(axis=1)
    odds: Scores = np.log(np.exp(against - highest[:, None]).sum(axis=1)) + highest
    return odds


def doubt(class_scores: Array) -> Scores:
    """Return 1 - the highest probability, exact where that is nearly 1; float64 `[n]`.

    `class_scores` float `[n, K]`, K >= 2, before any temperature.
    """
    falling = -np.sort(-np.asarray(class_scores, np.float64), axis=1)
    others = np.exp(falling[:, 1:] - falling[:, :1]).sum(axis=1)
    found: Scores = others / (1 + others)
    return found


def fit_temperature(class_scores: Array, labels: Labels) -> float:
    """Return the temperature at which the probabilities of these images have the least log loss.

    Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599, section 4.2. Each
    image counts as its class n times, and once as every class: n images that were all named rightly
    do not tell that the next will be (Platt 1999, Probabilistic Outputs for Support Vector
    Machines, section 2.2). The loss is convex in 1 / temperature; it is found by halving, between
    `COOLEST` and `HOTTEST`.

    Args:
        class_scores: float `[n, K]` of images that were not learned.
        labels: int64 `[n]`.
    """
    scores = np.asarray(class_scores, np.float64)
    count, classes = scores.shape
    own = scores[np.arange(count), labels]
    truth = (count * own + scores.sum(axis=1)) / (count + classes)
    low, high = log(1 / HOTTEST), log(1 / COOLEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # Slope of the mean log loss by 1 / temperature.
        slope = (softmax(exp(middle) * scores) * scores).sum(axis=1).mean() - truth.mean()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return exp(-(low + high) / 2)


def sureness(class_scores: Array, labels: Labels, temperature: float, bins: int = 10) -> Sureness:
    """Set how sure the model was of what it named against how often it was right.

    The error is the expected calibration error of Guo et al. 2017, equation 3. Bins hold equally
    many images, so that each says something.

    Args:
        class_scores: float `[n, K]`, n >= 1.
        labels: int64 `[n]`.
        temperature: as in `okng.domain.model.ClassCard`.
        bins: how many at most.
    """
    scores = np.asarray(class_scores, np.float64) / temperature
    probabilities = softmax(scores)
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    found = tuple(_bin(sure[part], right[part]) for part in parts)
    error = sum(one.count * abs(one.sure - one.right) for one in found) / len(order)
    return Sureness(found, error, log_loss(scores, labels))


def _bin(sure: Scores, right: NDArray[np.bool_]) -> SureBin:
    return SureBin(len(sure), float(sure.mean()), float(right.mean()))


def score_of(class_scores: Array, knows_good: bool) -> Scores:
    """Return what the graph's `score` is: log-odds of any defect, or doubt; float64 `[n]`."""
    return log_odds(class_scores) if knows_good else doubt(class_scores)
