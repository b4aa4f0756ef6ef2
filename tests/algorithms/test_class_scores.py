import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from okng.algorithms.class_scores import doubt, fit_temperature, log_odds, score_of, sureness
from okng.algorithms.logistic import log_loss, softmax


def scores_of(count: int = 400, classes: int = 4, seed: int = 0) -> tuple:
    """Return class scores `[n, K]` and labels that are drawn from their probabilities."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (count, classes))
    labels = np.array([rng.choice(classes, p=softmax(row)) for row in scores])
    return scores, labels


def test_log_odds_weigh_all_defects_against_good() -> None:
    """The score of a defect's presence is log(P(any defect) / P(good))."""
    scores, _ = scores_of()
    shares = softmax(scores)
    wanted = np.log(shares[:, 1:].sum(axis=1) / shares[:, 0])
    assert np.allclose(log_odds(scores), wanted)
    assert np.allclose(log_odds(1000 * scores)[:5], logsumexp(1000 * scores[:5, 1:], axis=1)
                       - 1000 * scores[:5, 0])  # fmt: skip


def test_doubt_is_exact_where_it_is_tiny() -> None:
    """1 - the highest probability does not drown in rounding where the model is all but sure."""
    scores, _ = scores_of()
    assert np.allclose(doubt(scores), 1 - softmax(scores).max(axis=1))
    sure = np.array([[0.0, 60.0], [0.0, 61.0]])
    assert doubt(sure) == pytest.approx(np.exp([-60.0, -61.0]), rel=1e-9)


def test_the_score_depends_on_whether_good_is_known() -> None:
    """Log-odds with a good class, doubt without."""
    scores, _ = scores_of(5)
    assert np.array_equal(score_of(scores, knows_good=True), log_odds(scores))
    assert np.array_equal(score_of(scores, knows_good=False), doubt(scores))


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_the_temperature_has_the_least_loss(factor: float) -> None:
    """It is what SciPy finds, and takes back a factor that made the scores too sure."""
    scores, labels = scores_of()
    found = fit_temperature(factor * scores, labels)
    count, classes = scores.shape
    targets = (count * np.eye(classes)[labels] + 1) / (count + classes)

    def loss(log_temperature: float) -> float:
        shares = log_softmax(factor * scores / np.exp(log_temperature), axis=1)
        return -float((targets * shares).sum(axis=1).mean())

    wanted = minimize_scalar(loss, bounds=(-4, 4), method="bounded")
    assert np.log(found) == pytest.approx(wanted.x, abs=1e-3)
    assert found == pytest.approx(factor, rel=0.2)


@pytest.mark.parametrize("count", [3, 30, 300])
def test_few_images_named_rightly_do_not_make_sure(count: int) -> None:
    """Where all are named rightly, the model may be as sure as their number allows."""
    labels = np.arange(count) % 3
    scores = 50 * np.eye(3)[labels]
    sure = softmax(scores / fit_temperature(scores, labels)).max(axis=1)
    assert sure == pytest.approx((count + 1) / (count + 3), abs=1e-6)


def test_the_temperature_is_bounded() -> None:
    """Where all are named wrongly, the model is hardly sure of anything."""
    assert fit_temperature(np.eye(3), np.array([1, 2, 0])) == pytest.approx(1e2)


def test_sureness_sets_right_against_sure() -> None:
    """Probabilities that are true have a small error; the same made too sure have a large one."""
    scores, labels = scores_of(4000)
    fair, brash = (sureness(scores, labels, temperature) for temperature in (1.0, 0.2))
    assert fair.error < 0.03 < 0.1 < brash.error
    assert sum(one.count for one in fair.bins) == 4000
    assert fair.log_loss == pytest.approx(log_loss(scores, labels))
    right = sum(one.count * one.right for one in fair.bins) / 4000
    assert right == pytest.approx((scores.argmax(axis=1) == labels).mean())
