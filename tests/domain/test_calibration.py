from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.domain.calibration import Calibration, Method, Promise


def calibration(good: tuple[float, ...] = (), review: float = 1.0, ng: float = 2.0) -> Calibration:
    return Calibration(1, "a" * 64, review, ng, (), good, Method.MANUAL, "", "")


@given(
    good=st.lists(st.integers(-5, 5), max_size=30),
    score=st.integers(-6, 6),
)
def test_p_value(good: list[int], score: int) -> None:
    """It is (1 + the number of good scores at least as high) / (n + 1), ties included."""
    found = calibration(tuple(float(g) for g in sorted(good))).p_value(float(score))
    assert found == (1 + sum(g >= score for g in good)) / (len(good) + 1)
    assert 0 < found <= 1


@given(
    good=st.lists(st.floats(-9, 9), min_size=1, max_size=30),
    one=st.floats(-10, 10),
    other=st.floats(-10, 10),
)
def test_p_value_falls_with_the_score(good: list[float], one: float, other: float) -> None:
    """A more abnormal part never has a higher p-value."""
    judge = calibration(tuple(sorted(good)))
    low, high = sorted((one, other))
    assert judge.p_value(low) >= judge.p_value(high)


def test_p_values_of_good_parts_are_valid() -> None:
    """Of good parts at most a share p has a p-value of p or less."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        scores = rng.normal(size=60)
        judge = calibration(tuple(np.sort(scores[:-1]).tolist()))
        found.append(judge.p_value(float(scores[-1])))
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) <= level + 3 * np.sqrt(level / 300)


@pytest.mark.parametrize(("review", "ng"), [(2.0, 1.0), (nan, 1.0), (1.0, nan), (nan, nan)])
def test_thresholds_the_wrong_way_round(review: float, ng: float) -> None:
    """An NG threshold below the review threshold, or no number, cannot exist."""
    with pytest.raises(ValueError, match="ng_threshold"):
        calibration((), review, ng)


def test_equal_thresholds() -> None:
    """Both thresholds may be the same: then nothing is for review."""
    assert calibration((), 1.0, 1.0).ng_threshold == 1.0


@pytest.mark.parametrize(
    ("promise", "text"),
    [
        (
            Promise("good", 0.0099, 0.95, True, Method.SPLIT_CONFORMAL, 300, 0.01),
            "at most 0.99% of good parts are not called OK, with 95% confidence "
            "(split-conformal, n=300)",
        ),
        (
            Promise("good", 0.15, 0.9, False, Method.CROSS_FITTED, 14, 0.01, 216),
            "approximately at most 15.00% of good parts are not called OK, with 90% confidence "
            "(cross-fitted, n=14); 1.00% would need 216 more good parts",
        ),
        (
            Promise("defective", 0.05, 0.95, True, Method.ESCAPE_BOUND, 60, 0.05),
            "at most 5.00% of defective parts are called OK, with 95% confidence "
            "(escape-bound, n=60)",
        ),
    ],
)
def test_promises_in_words(promise: Promise, text: str) -> None:
    """A promise says rate, class, confidence, method and n, and what it lacks."""
    assert str(promise) == text
