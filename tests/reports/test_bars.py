"""Bars of ratios."""

from xml.etree import ElementTree

import pytest

from okng.reports.bars import Bar, ratio_bars
from okng.reports.curves import picture_file

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_their_logarithms() -> None:
    """A ratio of 100 is drawn twice as long as one of 10; what users name is escaped."""
    bars = [Bar("a & b", "<i>", 10.0, 9.0, 11.0), Bar("a & b", "judging", 100.0, 90.0, 100.0)]
    picture = ElementTree.fromstring(picture_file(ratio_bars("<title>", bars)))
    drawn = [r for r in picture.iter(f"{SVG}rect") if r.get("class", "").startswith("bar")]
    ten, hundred = (float(rectangle.get("width", "nan")) for rectangle in drawn)
    assert hundred == pytest.approx(2 * ten, abs=0.2)


def test_a_ratio_below_one_goes_the_other_way() -> None:
    """What is less than 1 ends where 1 is."""
    bars = [Bar("a", "less", 0.5, 0.4, 0.6), Bar("a", "more", 2.0, 1.9, 2.1)]
    picture = ElementTree.fromstring(picture_file(ratio_bars("title", bars)))
    less, more = (r for r in picture.iter(f"{SVG}rect") if r.get("class", "").startswith("bar"))
    end = float(less.get("x", "nan")) + float(less.get("width", "nan"))
    assert end == pytest.approx(float(more.get("x", "nan")), abs=0.2)


def test_ratios_are_positive() -> None:
    """A logarithmic axis has no place for 0."""
    with pytest.raises(ValueError, match="above 0"):
        ratio_bars("title", [Bar("a", "b", 0.0, 0.0, 1.0)])
