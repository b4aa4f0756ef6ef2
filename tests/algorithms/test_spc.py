"""Control charts and Pareto counts against values calculated by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.algorithms.spc import ControlPoint, p_chart, pareto


def test_a_p_chart_by_hand() -> None:
    """30 bad of 300: p = 0.1. 100 parts reach 3 sqrt(0.09 / 100) = 0.09, 25 parts 0.18."""
    chart = p_chart([4, 16, 2, 8], [100, 100, 75, 25])
    assert chart.centre == pytest.approx(0.1)
    first, second, third, last = chart.points
    assert (first.share, first.lower, first.upper) == pytest.approx((0.04, 0.01, 0.19))
    assert (second.share, second.is_signal) == (0.16, False)
    reach = 0.10392304845413264  # 3 sqrt(0.0012)
    assert (third.lower, third.upper) == pytest.approx((0.0, 0.1 + reach))
    assert (last.share, last.lower, last.upper) == pytest.approx((0.32, 0.0, 0.28))
    assert [point.is_signal for point in chart.points] == [False, False, False, True]


def test_a_share_below_the_lower_limit_is_a_signal() -> None:
    """200 bad of 2000: p = 0.1, n = 1000: 0.1 - 0.02846 = 0.07154; 60 of 1000 lie below it."""
    chart = p_chart([60, 140], [1000, 1000])
    assert chart.points[0].lower == pytest.approx(0.0715395, abs=1e-6)
    assert [point.is_signal for point in chart.points] == [True, True]


def test_periods_without_parts_have_no_point() -> None:
    """They neither count nor signal; without any part there is no centre."""
    chart = p_chart([1, 0], [10, 0])
    assert (chart.centre, chart.points[1]) == (0.1, ControlPoint(None, None, None))
    assert p_chart([0], [0]).centre is None
    assert not p_chart([0], [0]).points[0].is_signal


@pytest.mark.parametrize(
    ("bad", "inspected", "said"),
    [([2], [1], "0 <= bad"), ([-1], [1], "0 <= bad"), ([1, 1], [5], "shorter")],
)
def test_counts_that_cannot_be(bad: list[int], inspected: list[int], said: str) -> None:
    """More bad than inspected, less than none, or periods that do not match."""
    with pytest.raises(ValueError, match=said):
        p_chart(bad, inspected)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=20))
def test_limits_hold_the_centre(pairs: list[tuple[int, int]]) -> None:
    """Wherever parts were inspected, 0 <= lower <= centre <= upper <= 1."""
    chart = p_chart([min(p) for p in pairs], [max(p) for p in pairs])
    for point in chart.points:
        if point.lower is not None and point.upper is not None and chart.centre is not None:
            assert 0 <= point.lower <= chart.centre <= point.upper <= 1


def test_pareto_by_hand() -> None:
    """The most frequent first, ties by name; 6 + 3 of 12 are three quarters."""
    bars = pareto({"dent": 3, "scratch": 6, "burr": 3})
    assert [(bar.name, bar.count) for bar in bars] == [("scratch", 6), ("burr", 3), ("dent", 3)]
    assert [bar.cumulative for bar in bars] == [0.5, 0.75, 1.0]
    assert pareto({}) == ()
