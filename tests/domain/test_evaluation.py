import pytest

from okng.domain.evaluation import Beside
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


def test_another_models_figures_are_plain_values() -> None:
    """What JSON gets of a model beside another: its figures, and its rates as records."""
    none, one = Rate(0, 4, 0.0, 0.6), Rate(1, 4, 0.0, 0.8)
    beside = Beside("bolt-1", "memory", 1.0, None, None, none, one, none, 7.5)
    assert beside.record() == {
        "model": "bolt-1",
        "detector": "memory",
        "image_auroc": 1.0,
        "pixel_auroc": None,
        "aupro": None,
        "overkill": none.record(),
        "good_reviewed": one.record(),
        "escapes": none.record(),
        "graph_ms": 7.5,
        "same_images": True,
    }
