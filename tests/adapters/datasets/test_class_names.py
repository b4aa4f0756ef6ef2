"""Words for good and defective."""

import pytest

from okng.adapters.datasets.class_names import Quality, good_among, quality_of

GOOD = (
    "good Good GOOD ok OK ok_front front-OK normal pass Passed iO i.O. gut okFront good_2 no_defect"
)
GOOD += " defect_free defect-free DefectFree not_defective no_anomaly OK.parts"
DEFECTIVE = (
    "ng NG nok NOK n.i.O. nio niO bad defect Defects defective def_front def-front fail FAILED"
)
DEFECTIVE += (
    " anomaly anomalous Anomalies abnormal not_ok NotOK not-good no_good nicht_ok nOK scrap"
)
DEFECTIVE += " reject non-ok notok Ausschuss ng_001"
NEITHER = "scratch crack front images goodness broken_large pass_fail ok_defect default undefined 1"


@pytest.mark.parametrize("name", GOOD.split())
def test_words_for_good(name: str) -> None:
    """A name that says good is good, whatever its case and separators."""
    assert quality_of(name) is Quality.GOOD


@pytest.mark.parametrize("name", DEFECTIVE.split())
def test_words_for_defective(name: str) -> None:
    """A name that says defective, a negated good included, is never good."""
    assert quality_of(name) is Quality.DEFECTIVE


@pytest.mark.parametrize("name", [*NEITHER.split(), ""])
def test_other_words_say_nothing(name: str) -> None:
    """A defect's name, a word that merely contains another, and a contradiction say nothing."""
    assert quality_of(name) is None


def test_a_plain_good_wins_over_a_name_that_says_more() -> None:
    """Beside good/, a folder such as good_side_scratch is a defect's name."""
    assert good_among(["good", "good_side_scratch", "crack"]) == {"good"}
    assert good_among(["ok_front", "def_front"]) == {"ok_front"}
    assert good_among(["crack", "ng"]) == set()
