import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from okng.domain.calibration import Calibration, Method
from okng.domain.verdict import Policy, Prediction, Region, Verdict, decide
from okng.domain.view import Box

numbers = st.floats(-1e6, 1e6)
regions = st.lists(
    st.builds(Region, st.just(Box(0, 0, 5, 5)), st.integers(1, 10_000), numbers), max_size=4
).map(tuple)
policies = st.builds(Policy, st.integers(0, 12_000), st.booleans())


def calibration(review: float, ng: float) -> Calibration:
    return Calibration(1, "a" * 64, review, ng, (), (), Method.MANUAL, "", "")


def prediction(score: float, places: tuple[Region, ...] = ()) -> Prediction:
    return Prediction(score, np.zeros((1, 1), np.float32), places)


@given(one=numbers, other=numbers, first=numbers, second=numbers, places=regions, policy=policies)
def test_a_higher_score_is_never_less_severe(
    one: float,
    other: float,
    first: float,
    second: float,
    places: tuple[Region, ...],
    policy: Policy,
) -> None:
    """For any thresholds, regions and policy the verdict only rises with the score."""
    low, high = sorted((one, other))
    at = calibration(*sorted((first, second)))
    mild = decide(prediction(low, places), at, policy)
    severe = decide(prediction(high, places), at, policy)
    assert mild.severity <= severe.severity


@given(score=numbers, first=numbers, second=numbers, third=numbers, policy=policies)
def test_lower_thresholds_are_never_less_severe(
    score: float, first: float, second: float, third: float, policy: Policy
) -> None:
    """Lowering either threshold never turns a verdict milder."""
    low, middle, high = sorted((first, second, third))
    before = decide(prediction(score), calibration(middle, high), policy)
    for lowered in (calibration(low, high), calibration(low, middle), calibration(middle, middle)):
        assert decide(prediction(score), lowered, policy).severity >= before.severity


@given(score=numbers, review=numbers, ng=numbers, places=regions, policy=policies)
def test_a_verdict_is_never_an_error(
    score: float, review: float, ng: float, places: tuple[Region, ...], policy: Policy
) -> None:
    """What has a score is OK, REVIEW or NG; without reviewers never REVIEW."""
    assume(review <= ng)
    found = decide(prediction(score, places), calibration(review, ng), policy)
    assert found is not Verdict.ERROR
    assert policy.review or found is not Verdict.REVIEW
    assert (found is Verdict.OK) == (score <= review)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.9, Verdict.OK),
        (1.0, Verdict.OK),
        (1.1, Verdict.REVIEW),
        (2.0, Verdict.REVIEW),
        (2.1, Verdict.NG),
    ],
)
def test_a_score_at_a_threshold_does_not_exceed_it(score: float, verdict: Verdict) -> None:
    """Only what lies above a threshold is beyond it."""
    assert decide(prediction(score), calibration(1.0, 2.0), Policy()) is verdict


@pytest.mark.parametrize(
    ("areas", "verdict"),
    [((), Verdict.REVIEW), ((49, 30), Verdict.REVIEW), ((10, 50), Verdict.NG)],
)
def test_least_area(areas: tuple[int, ...], verdict: Verdict) -> None:
    """A part is NG only where one region is as large as asked for; else a person looks."""
    places = tuple(Region(Box(0, 0, 9, 9), area, 3.0) for area in areas)
    policy = Policy(min_area_px=50)
    assert decide(prediction(3.0, places), calibration(1.0, 2.0), policy) is verdict


def test_severity() -> None:
    """From OK over REVIEW and NG to ERROR it gets worse."""
    order = [Verdict.OK, Verdict.REVIEW, Verdict.NG, Verdict.ERROR]
    assert sorted(Verdict, key=lambda verdict: verdict.severity) == order
