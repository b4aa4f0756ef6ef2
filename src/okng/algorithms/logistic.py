"""Softmax regression with a ridge: the linear head of a classifier.

Why not scikit-learn or SciPy: together they weigh 200 MB, a third of what the base install may,
and this one convex problem takes a page. The tests hold it against scikit-learn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Array

Labels = NDArray[np.int64]

_NEWTON_STEPS = 100
_CG_STEPS = 250
_SHORTEST = 1e-10
"""Step length below which nothing more is gained: rounding alone is left."""


@dataclass(frozen=True)
class Linear:
    """`weights` float64 `[D, K]` and `bias` `[K]`: class scores are `x @ weights + bias`."""

    weights: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        """Return the class scores of `x` `[n, D]`: float64 `[n, K]`."""
        scores: Array = x @ self.weights + self.bias
        return scores


def softmax(scores: Array) -> Array:
    """Return probabilities along the last axis; float64."""
    shifted = np.exp(np.asarray(scores, np.float64) - np.max(scores, axis=-1, keepdims=True))
    probabilities: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def log_loss(scores: Array, labels: Labels, weights: Array | None = None) -> float:
    """Return the mean of -log(probability of the true class), in nats.

    `scores` `[n, K]`; `labels` int64 `[n]`; `weights` `[n]` of the images, equal unless given.
    """
    return float(np.average(_losses(np.asarray(scores, np.float64), labels), weights=weights))


def class_weights(labels: Labels, classes: int) -> Array:
    """Return a weight for each image, so that all classes count alike; their mean is 1.

    King & Zeng 2001, Logistic Regression in Rare Events Data, section 4.2.
    """
    counts = np.bincount(labels, minlength=classes)
    present = int((counts > 0).sum())
    weights: Array = len(labels) / (present * counts[labels])
    return weights


def fit_logistic(
    x: Array,
    labels: Labels,
    classes: int,
    l2: float,
    weights: Array | None = None,
    start: Linear | None = None,
    tolerance: float = 1e-6,
) -> Linear:
    """Minimise the mean log loss + `l2` / 2 times the sum of squared weights; the bias is free.

    Newton's method: each step solves the Hessian's equations by conjugate gradients, as far as
    pays, and is halved until it gains (Nocedal & Wright 2006, Numerical Optimization, algorithm
    7.1). The problem is convex, so the minimum is the only one, whatever the start.

    Args:
        x: float64 `[n, D]`.
        labels: int64 `[n]`, below `classes`.
        classes: K.
        l2: above 0.
        weights: float64 `[n]` of the images, equal unless given; only their ratios count.
        start: where to begin; a solution for a neighbouring `l2` saves steps.
        tolerance: the largest component of the gradient at which to stop.
    """
    problem = _Problem(x, labels, classes, l2, weights)
    point = problem.pack(start)
    value, probabilities = problem.value(point)
    for _ in range(_NEWTON_STEPS):
        gradient = problem.gradient(point, probabilities)
        if np.abs(gradient).max() <= tolerance:
            break
        step = _solve(problem.curvature(probabilities), gradient)
        slope, length = float((gradient * step).sum()), 1.0
        while length > _SHORTEST:
            tried = point + length * step
            found, at_tried = problem.value(tried)
            if found <= value + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break
        point, value, probabilities = tried, found, at_tried
    return Linear(point[:-1], point[-1] - point[-1].mean())


class _Problem:
    """The function to minimise, of a point float64 `[D + 1, K]` whose last row is the bias."""

    def __init__(
        self, x: Array, labels: Labels, classes: int, l2: float, weights: Array | None
    ) -> None:
        self._x = np.hstack([x, np.ones((len(x), 1))])
        self._labels = labels
        self._l2 = l2
        share = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
        self._share = share / share.sum()
        self._truth = np.eye(classes)[labels]

    def pack(self, start: Linear | None) -> Array:
        if start is None:
            return np.zeros((self._x.shape[1], self._truth.shape[1]))
        return np.vstack([start.weights, start.bias])

    def value(self, point: Array) -> tuple[float, Array]:
        """Return the value, and the probabilities `[n, K]` there."""
        scores = self._x @ point
        loss = float(self._share @ _losses(scores, self._labels))
        return loss + 0.5 * self._l2 * float((point[:-1] ** 2).sum()), softmax(scores)

    def gradient(self, point: Array, probabilities: Array) -> Array:
        away = self._share[:, None] * (probabilities - self._truth)
        gradient: Array = self._x.T @ away + self._ridge(point)
        return gradient

    def curvature(self, probabilities: Array) -> Callable[[Array], Array]:
        """Return the Hessian there, as what it makes of a direction `[D + 1, K]`."""

        def times(direction: Array) -> Array:
            moved = self._x @ direction
            mean = (probabilities * moved).sum(axis=1, keepdims=True)
            pulled = self._share[:, None] * probabilities * (moved - mean)
            bent: Array = self._x.T @ pulled + self._ridge(direction)
            return bent

        return times

    def _ridge(self, point: Array) -> Array:
        pulled = self._l2 * point
        pulled[-1] = 0
        return pulled


def _solve(curvature: Callable[[Array], Array], gradient: Array) -> Array:
    """Solve curvature(step) = -gradient by conjugate gradients, the closer the smaller it is."""
    step = np.zeros_like(gradient)
    residual = -gradient
    direction, size = residual, float((residual**2).sum())
    enough = size * min(0.25, size**0.5)
    for _ in range(_CG_STEPS):
        bent = curvature(direction)
        bend = float((direction * bent).sum())
        if bend <= 0:  # flat but for rounding: along the bias that all classes share
            break
        step = step + size / bend * direction
        residual = residual - size / bend * bent
        previous, size = size, float((residual**2).sum())
        if size <= enough:
            break
        direction = residual + size / previous * direction
    return step if step.any() else -gradient


def _losses(scores: Array, labels: Labels) -> Array:
    highest = scores.max(axis=1)
    total = np.log(np.exp(scores - highest[:, None]).sum(axis=1)) + highest
    losses: Array = total - scores[np.arange(len(labels)), labels]
    return losses
