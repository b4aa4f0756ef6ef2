import pytest

from okng.domain.rates import Rate


@pytest.mark.parametrize(("count", "total", "value"), [(0, 0, None), (0, 4, 0.0), (1, 4, 0.25)])
def test_rate_has_a_value_only_where_something_was_counted(
    count: int, total: int, value: float | None
) -> None:
    """A share of nothing is None, in the record too."""
    rate = Rate(count, total, 0.0, 1.0)
    assert rate.value == value
    assert rate.record() == {
        "count": count,
        "total": total,
        "low": 0.0,
        "high": 1.0,
        "value": value,
    }
