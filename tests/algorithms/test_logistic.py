import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as reference_loss

from okng.algorithms.logistic import class_weights, fit_logistic, log_loss, softmax


def blobs(classes: int, count: int = 90, size: int = 5, seed: int = 0) -> tuple:
    """Return overlapping classes: x `[n, size]` and labels `[n]`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    labels[:classes] = range(classes)
    centres = rng.normal(0, 1.2, (classes, size))
    return centres[labels] + rng.normal(0, 1, (count, size)), labels


@pytest.mark.parametrize("classes", [2, 3, 6])
@pytest.mark.parametrize("l2", [1e-3, 1e-1])
def test_the_minimum_is_scikit_learns(classes: int, l2: float) -> None:
    """Our Newton method and scikit-learn's find the same weights."""
    x, labels = blobs(classes)
    found = fit_logistic(x, labels, classes, l2, tolerance=1e-10)
    # For two classes scikit-learn has one vector, the difference of ours: half the penalty.
    strength = l2 / 2 if classes == 2 else l2
    reference = LogisticRegression(C=1 / (strength * len(x)), tol=1e-10, max_iter=10_000)
    reference.fit(x, labels)
    shares = softmax(found(x))
    assert np.allclose(shares, reference.predict_proba(x), atol=1e-6)
    if classes > 2:
        assert np.allclose(found.weights.T, reference.coef_, atol=1e-5)


def test_class_weights_are_scikit_learns() -> None:
    """With balanced weights the minimum is that of class_weight='balanced'."""
    x, labels = blobs(3)
    some = np.flatnonzero((labels != 2) | (np.arange(len(labels)) % 5 == 2))
    x, labels = x[some], labels[some]
    weights = class_weights(labels, 3)
    found = fit_logistic(x, labels, 3, 1e-2, weights, tolerance=1e-10)
    reference = LogisticRegression(
        C=1 / (1e-2 * len(x)), class_weight="balanced", tol=1e-10, max_iter=10_000
    )
    reference.fit(x, labels)
    assert np.allclose(softmax(found(x)), reference.predict_proba(x), atol=1e-6)
    assert weights.mean() == pytest.approx(1)


def test_the_loss_is_scikit_learns() -> None:
    """The mean log loss is that of scikit-learn, however large the scores are."""
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(0, 30, (50, 4)), rng.integers(0, 4, 50)
    labels[:4] = range(4)
    # scikit-learn cuts probabilities off at the smallest number.
    mild = scores / 10
    assert log_loss(mild, labels) == pytest.approx(reference_loss(labels, softmax(mild)))
    assert np.isfinite(log_loss(scores * 100, labels))


def test_a_start_changes_nothing() -> None:
    """The minimum is the only one: another start leads to it."""
    x, labels = blobs(4)
    plain = fit_logistic(x, labels, 4, 1e-2, tolerance=1e-9)
    warm = fit_logistic(x, labels, 4, 1e-2, None, fit_logistic(x, labels, 4, 1.0), 1e-9)
    assert np.allclose(plain.weights, warm.weights, atol=1e-6)


@settings(max_examples=30)
@given(st.integers(2, 5), st.floats(1e-6, 1e3), st.integers(0, 99), st.floats(0.01, 100))
def test_what_can_be_told_apart_stays_finite(
    classes: int, l2: float, seed: int, spread: float
) -> None:
    """Classes that do not overlap, features without spread and any ridge give finite weights."""
    rng = np.random.default_rng(seed)
    labels = np.arange(4 * classes) % classes
    x = np.hstack([np.eye(classes)[labels] * spread, rng.normal(0, 1, (len(labels), 3))])
    x[:, -1] = 0
    found = fit_logistic(x, labels, classes, l2)
    assert np.isfinite(found.weights).all()
    assert np.isfinite(found.bias).all()
    assert log_loss(found(x), labels) <= np.log(classes) + 1e-9
