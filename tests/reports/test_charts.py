import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.domain.rates import Rate
from okng.reports.charts import histogram, interval, precision_recall, roc

SCORES = st.lists(st.floats(-1e6, 1e6), max_size=40)


def _rects(svg: str, css: str) -> list[ElementTree.Element]:
    return [r for r in ElementTree.fromstring(svg).iter("rect") if r.get("class") == css]


@given(SCORES, SCORES, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_histogram_counts_every_score_once(
    good: list[float], bad: list[float], review: float, beyond: float
) -> None:
    """Whatever the scores, the bars' counts add up to their number and stay in the drawing."""
    svg = histogram(good, bad, review, review + beyond)
    for css, scores in (("good", good), ("bad", bad)):
        bars = _rects(svg, css)
        tips = [next(bar.iter("title")).text or "" for bar in bars]
        assert sum(int(tip.split()[0]) for tip in tips) == len(scores)
        for bar in bars:
            assert 0 <= float(bar.get("x", "nan")) <= 760
            assert 0 <= float(bar.get("y", "nan")) <= 340


def test_histogram_labels_both_thresholds() -> None:
    """Both thresholds are dashed lines with their values."""
    svg = histogram([0.2, 0.3], [0.9], 0.4, 0.6)
    assert svg.count('class="threshold"') == 2
    assert "REVIEW above 0.4" in svg
    assert "NG above 0.6" in svg
    assert "logarithmic" not in svg


def test_far_scores_get_a_logarithmic_axis() -> None:
    """Where defects score many times higher, good scores keep their room."""
    svg = histogram([1.0, 1.2, 1.4], [2.0, 80.0], 1.5, 2.0)
    assert "logarithmic" in svg
    assert re.search(r">10<", svg)
    assert max(float(bar.get("x", 0)) for bar in _rects(svg, "good")) > 80


def test_good_scores_alone_have_no_lower_half() -> None:
    """Without defective scores nobody is told of them."""
    svg = histogram([0.1, 0.2], [], 0.4, 0.6)
    assert ">defective<" not in svg


def test_roc_marks_both_thresholds_where_they_lie() -> None:
    """A threshold that stops all defects and no good part is marked at the upper left."""
    svg = roc([(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)], (0.0, 1.0), (0.0, 0.5))
    review, ng = (
        next(p for p in ElementTree.fromstring(svg).iter("path") if p.get("class") == css)
        for css in ("mark review", "mark ng")
    )
    assert (review.get("d") or "").startswith("M60.0 5.0")
    assert "50.0% of defective" in (next(ng.iter("title")).text or "")


def test_precision_and_recall_are_stairs_with_the_thresholds_on_them() -> None:
    """Precision falls at once where recall rises no further; what stops nothing is not marked."""
    svg = precision_recall([(0.5, 1.0), (1.0, 0.8)], (1.0, 0.8), None)
    root = ElementTree.fromstring(svg)
    paths = {path.get("class"): path.get("d") or "" for path in root.iter("path")}
    assert paths["curve"] == "M60.0 12.0L60.0 12.0L203.0 12.0L203.0 69.2L346.0 69.2"
    assert paths["mark review"].startswith("M346.0 62.2")
    assert "mark ng" not in paths
    assert "80.0% of the stopped defective" in svg


@pytest.mark.parametrize("rate", [Rate(0, 0, 0.0, 1.0), Rate(0, 9, 0.0, 0.3), Rate(9, 9, 0.7, 1.0)])
def test_interval_stays_within_its_track(rate: Rate) -> None:
    """From nothing to everything the bar fits, and nothing is drawn where nothing was counted."""
    svg = interval(rate)
    bars = _rects(svg, "good")
    assert len(bars) == (1 if rate.total else 0)
    assert all(0 <= float(bar.get("width", "nan")) <= 270 for bar in bars)
