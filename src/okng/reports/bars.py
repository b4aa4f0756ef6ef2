"""Ratios as bars on a logarithmic axis, in groups, each with what it spreads over."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from okng.reports.drawing import Scale, svg, text

_WIDTH = 860
_LEFT, _RIGHT = 330, _WIDTH - 90
_TOP = 52
_ROW, _GAP = 22, 14
_COLOURS = 5


@dataclass(frozen=True)
class Bar:
    """A ratio with its least and most; bars of one group stand together, labels have colours."""

    group: str
    label: str
    ratio: float
    least: float
    most: float


def ratio_bars(title: str, bars: Sequence[Bar]) -> str:
    """Draw each bar from 1 to its ratio, with a whisker from least to most.

    Raises:
        ValueError: there are no bars, or a ratio is not positive.
    """
    if not bars or min(bar.least for bar in bars) <= 0:
        raise ValueError("bars of ratios need ratios, all of them above 0")
    low = min(0, floor(log10(min(bar.least for bar in bars))))
    high = max(1, ceil(log10(max(bar.most for bar in bars))))
    scale = Scale(low, high, True, _LEFT, _RIGHT)
    groups = list(dict.fromkeys(bar.group for bar in bars))
    labels = list(dict.fromkeys(bar.label for bar in bars))
    bottom = _TOP + len(bars) * _ROW + len(groups) * _GAP
    parts = [text(12, 24, escape(title), "start", "key"), *_axis(scale, bottom)]
    y = float(_TOP)
    for group in groups:
        parts.append(text(12, y + 15, escape(group), "start", "key"))
        for bar in (bar for bar in bars if bar.group == group):
            parts += _bar(bar, labels.index(bar.label) % _COLOURS, scale, y)
            y += _ROW
        y += _GAP
    said = "; ".join(f"{bar.group}, {bar.label}: {bar.ratio:.3g}" for bar in bars)
    return svg(_WIDTH, bottom + 30, escape(title), escape(said), parts)


def _axis(scale: Scale, bottom: int) -> list[str]:
    parts = []
    for power in range(int(scale.low), int(scale.high) + 1):
        ratio = 10.0**power
        kind = "axis" if power == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{scale.at(ratio):.1f} {_TOP - 6}V{bottom}"/>')
        parts.append(text(scale.at(ratio), bottom + 18, f"{ratio:g} x", "middle"))
    return parts


def _bar(bar: Bar, colour: int, scale: Scale, y: float) -> list[str]:
    start, end = sorted((scale.at(1.0), scale.at(bar.ratio)))
    least, most = scale.at(bar.least), scale.at(bar.most)
    return [
        text(_LEFT - 10, y + 15, escape(bar.label), "end"),
        f'<rect class="bar s{colour}" x="{start:.1f}" y="{y + 3:.1f}" '
        f'width="{end - start:.1f}" height="{_ROW - 6}"/>',
        f'<path class="whisker" d="M{least:.1f} {y + _ROW / 2:.1f}H{most:.1f}"/>',
        text(max(most, end) + 6, y + 15, f"{bar.ratio:.3g} x", "start", "name"),
    ]
