from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest

from okng.domain.calibration import Calibration, Evidence, Method
from okng.domain.errors import BadSetting
from okng.services.calibrate import (
    DefectWish,
    Wish,
    calibrate,
    calibrate_on_defects,
    recalibrate,
    set_thresholds,
)

GOOD = np.arange(1, 301) / 300  # 300 good scores, .0033 to 1
HASH = "a" * 64


def held_out(wish: Wish | None = None) -> Calibration:
    return calibrate(GOOD, wish or Wish(), Evidence.HELD_OUT, HASH)


def text_of(calibration: Calibration) -> str:
    return " | ".join(str(promise) for promise in calibration.promises)


def test_enough_held_out_parts_promise_exactly() -> None:
    """300 held-out good parts promise 1 % at 95 %, in so many words."""
    calibration = held_out()
    assert calibration.method is Method.SPLIT_CONFORMAL
    assert calibration.review_threshold == 1.0
    assert text_of(calibration) == (
        "at most 0.99% of good parts are not called OK, with 95% confidence "
        "(split-conformal, n=300)"
    )


def test_few_parts_say_what_they_can_and_what_is_missing() -> None:
    """50 cross-fitted parts promise less, approximately, and tell how many more are needed."""
    calibration = calibrate(GOOD[:50], Wish(), Evidence.CROSS_FITTED, HASH)
    assert calibration.method is Method.CROSS_FITTED
    assert text_of(calibration) == (
        "approximately at most 5.82% of good parts are not called OK, with 95% confidence "
        "(cross-fitted, n=50); 1.00% would need 249 more good parts"
    )


def test_scores_are_kept_sorted() -> None:
    """The good scores behind a calibration are kept, ascending, as plain numbers."""
    shuffled = np.random.default_rng(0).permutation(GOOD)
    calibration = calibrate(shuffled, Wish(), Evidence.HELD_OUT, HASH, version=4)
    assert calibration.good_scores == tuple(float(score) for score in GOOD)
    assert all(type(score) is float for score in calibration.good_scores)
    assert (calibration.version, calibration.graph_sha256) == (4, HASH)


def test_ng_lies_beyond_every_good_score() -> None:
    """The NG threshold is the highest good score and a stated margin, however loose the wish."""
    for wish in (Wish(), Wish(max_overkill=0.3), Wish(margin=2)):
        calibration = held_out(wish)
        median = float(np.median(GOOD))
        assert calibration.ng_threshold == pytest.approx(1 + wish.margin * (1 - median))
        assert calibration.ng_threshold > max(calibration.good_scores)
        assert calibration.ng_rule.startswith(f"{wish.margin:.0%} further")
        assert "300 good scores" in calibration.ng_rule


def test_a_looser_wish_lowers_the_review_threshold() -> None:
    """Allowing 10 % overkill gives a lower threshold, and the scores above it are that few."""
    calibration = held_out(Wish(max_overkill=0.1))
    (promise,) = calibration.promises
    above = int((calibration.review_threshold < GOOD).sum())
    assert calibration.review_threshold < 1
    assert 0 < above < 30
    assert promise.rate <= 0.1


def test_recalibrating_is_calibrating_again() -> None:
    """A new wish on the kept scores gives what a training with that wish would have given."""
    wish = Wish(0.05, 0.9, 0.5)
    again = recalibrate(held_out(), wish, 2)
    direct = calibrate(GOOD, wish, Evidence.HELD_OUT, HASH, 2)
    assert replace(again, created="") == replace(direct, created="")


def test_recalibrating_keeps_the_evidence() -> None:
    """After a detour by hand the promise of cross-fitted scores is still called approximate."""
    cross = calibrate(GOOD, Wish(), Evidence.CROSS_FITTED, HASH)
    by_hand = set_thresholds(cross, 0.5, None, Wish(), 2)
    back = recalibrate(by_hand, Wish(), 3)
    assert back.evidence is Evidence.CROSS_FITTED
    assert back.method is Method.CROSS_FITTED
    assert not back.promises[0].exact


def test_threshold_by_hand() -> None:
    """A chosen threshold is taken as it is, and says what it promises on the good scores."""
    calibration = set_thresholds(held_out(), 0.9, None, Wish(), 2)
    assert (calibration.version, calibration.review_threshold) == (2, 0.9)
    assert calibration.method is Method.MANUAL
    (promise,) = calibration.promises
    assert not promise.exact
    assert 0.1 < promise.rate < 0.15  # 30 of 300 are above
    assert calibration.good_scores == held_out().good_scores
    assert "approximately at most" in text_of(calibration)
    assert "(manual, n=300)" in text_of(calibration)


def test_both_thresholds_by_hand() -> None:
    """A chosen NG threshold is taken too, and the rule says where it comes from."""
    calibration = set_thresholds(held_out(), 0.9, 0.95, Wish(), 2)
    assert calibration.ng_threshold == 0.95
    assert calibration.ng_rule == "chosen by hand"


def test_a_high_threshold_by_hand_takes_ng_along() -> None:
    """A review threshold beyond the old NG threshold moves that one up."""
    calibration = set_thresholds(held_out(), 7.5, None, Wish(), 2)
    assert calibration.ng_threshold == 7.5


@pytest.mark.parametrize(
    ("review", "ng", "reason"),
    [
        (nan, None, "finite"),
        (inf, None, "finite"),
        (0.5, nan, "finite"),
        (0.5, inf, "finite"),
        (0.5, 0.4, r"NG threshold \(0.4\) must not be below the review threshold \(0.5\)"),
    ],
)
def test_thresholds_that_cannot_work(review: float, ng: float | None, reason: str) -> None:
    """Thresholds that are no numbers, or the wrong way round, are refused."""
    with pytest.raises(BadSetting, match=reason):
        set_thresholds(held_out(), review, ng, Wish(), 2)


def test_zero_and_negative_thresholds() -> None:
    """Raw scores have no fixed range: 0 and below are thresholds like others."""
    calibration = set_thresholds(held_out(), -1.0, 0.0, Wish(), 2)
    assert (calibration.review_threshold, calibration.ng_threshold) == (-1.0, 0.0)


def test_bound_on_escapes() -> None:
    """The threshold lies below the defects as the bound asks, and the promise says so."""
    defective = np.linspace(2, 3, 60)
    calibration = calibrate_on_defects(
        held_out(), defective, DefectWish(max_escapes=0.1), Wish(), 2
    )
    escapes, overkill = calibration.promises
    assert calibration.method is Method.ESCAPE_BOUND
    assert (escapes.of, escapes.exact, escapes.n, escapes.wanted) == ("defective", True, 60, 0.1)
    escaped = int((defective <= calibration.review_threshold).sum())
    assert 0 < escaped < 6
    assert escapes.rate <= 0.1
    assert (overkill.of, overkill.exact) == ("good", False)
    assert text_of(calibration).startswith("at most ")
    assert "of defective parts are called OK, with 95% confidence (escape-bound, n=60)" in str(
        escapes
    )


def test_too_few_defects_for_the_bound() -> None:
    """Too few defects are refused with what they can promise and how many are missing."""
    with pytest.raises(BadSetting, match=r"20 defective parts .* 13\.91% .* add 279 more"):
        calibrate_on_defects(
            held_out(), np.linspace(2, 3, 20), DefectWish(max_escapes=0.01), Wish(), 2
        )


def test_cost() -> None:
    """The threshold lies between good and defective parts where these are apart."""
    calibration = calibrate_on_defects(
        held_out(), np.array([2.0, 3.0, 4.0]), DefectWish(escape_cost=20), Wish(), 2
    )
    escapes, overkill = calibration.promises
    assert calibration.method is Method.COST
    assert calibration.review_threshold == 1.5
    assert calibration.ng_threshold >= 1.5
    assert not escapes.exact
    assert escapes.n == 3
    assert (overkill.of, overkill.n) == ("good", 300)
    assert calibration.note == (
        "least cost where an escape costs 20 overkills and 5.00% of the parts are defective"
    )


def test_dearer_escapes_lower_the_threshold() -> None:
    """Where good and defective parts overlap, the cost decides."""
    defective = np.linspace(0.5, 2, 50)
    cheap, dear = (
        calibrate_on_defects(held_out(), defective, DefectWish(escape_cost=cost), Wish(), 2)
        for cost in (1, 1000)
    )
    assert dear.review_threshold < 0.5 < cheap.review_threshold
    assert dear.ng_threshold == cheap.ng_threshold > 1


def test_note_of_a_cost_does_not_outlive_it() -> None:
    """A later calibration does not carry an earlier one's note."""
    by_cost = calibrate_on_defects(
        held_out(), np.array([2.0]), DefectWish(escape_cost=20), Wish(), 2
    )
    assert set_thresholds(by_cost, 0.9, None, Wish(), 3).note == ""
    assert recalibrate(by_cost, Wish(), 3).note == ""


def test_no_defects() -> None:
    """Without labelled defects there is nothing to set the threshold by."""
    with pytest.raises(BadSetting, match="no labelled defects"):
        calibrate_on_defects(held_out(), np.array([]), DefectWish(escape_cost=2), Wish(), 2)


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({"max_overkill": 0}, "max_overkill"),
        ({"max_overkill": 1}, "max_overkill"),
        ({"max_overkill": nan}, "max_overkill"),
        ({"confidence": 1}, "confidence"),
        ({"confidence": -0.1}, "confidence"),
        ({"margin": -1}, "margin"),
        ({"margin": nan}, "margin"),
        ({"margin": inf}, "margin"),
    ],
)
def test_wishes_that_cannot_be(wish: dict[str, float], word: str) -> None:
    """A wish outside its range is refused by name."""
    with pytest.raises(BadSetting, match=word):
        Wish(**wish)


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        ({}, "either"),
        ({"escape_cost": 5, "max_escapes": 0.1}, "not both"),
        ({"escape_cost": 0}, "above 0"),
        ({"escape_cost": nan}, "above 0"),
        ({"escape_cost": inf}, "cost of an escape"),
        ({"max_escapes": 1}, "max_escapes"),
        ({"escape_cost": 5, "defect_rate": 0}, "defect_rate"),
        ({"escape_cost": 5, "defect_rate": nan}, "defect_rate"),
    ],
)
def test_wishes_about_defects_that_cannot_be(wish: dict[str, float], word: str) -> None:
    """Defects move the threshold by a cost or by a bound, within their ranges."""
    with pytest.raises(BadSetting, match=word):
        DefectWish(**wish)


@pytest.mark.parametrize("name", ["max_overkill", "confidence"])
@pytest.mark.parametrize("value", [0.0, 1e-20, 1.0, float(np.nextafter(1, 0)), float("nan")])
def test_a_share_that_is_none_is_refused(name: str, value: float) -> None:
    """Also one that rounding would make 0 or 1."""
    with pytest.raises(BadSetting, match=f"{name} must lie between 0 and 1"):
        Wish(**{name: value})
