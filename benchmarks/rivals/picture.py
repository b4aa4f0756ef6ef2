"""A picture of ratios as bars on a logarithmic axis, as SVG for documents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2933}.name{font-weight:600}"
    ".title{font-size:15px;font-weight:600}.grid{stroke:#cbd2d9}.one{stroke:#1f2933}"
    ".b0{fill:#9aa5b1}.b1{fill:#2b6cb0}.b2{fill:#63a4e0}.range{stroke:#1f2933;stroke-width:1.5}"
    ".paper{fill:#fff}"
)
_WIDTH = 860
_LEFT = 330
_RIGHT = 90
_TOP = 52
_ROW = 22
_GAP = 14


@dataclass(frozen=True)
class Bar:
    """A ratio with its least and most; bars of one group stand together."""

    group: str
    label: str
    ratio: float
    least: float
    most: float


def bars(title: str, found: Sequence[Bar]) -> str:
    """Draw each bar from 1 (as good as okng) to its ratio, with a whisker from least to most."""
    low = min(0, floor(log10(min(bar.least for bar in found))))
    high = max(1, ceil(log10(max(bar.most for bar in found))))

    def x(ratio: float) -> float:
        return _LEFT + (log10(ratio) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    labels = list(dict.fromkeys(bar.label for bar in found))
    groups = list(dict.fromkeys(bar.group for bar in found))
    bottom = _TOP + len(found) * _ROW + len(groups) * _GAP
    parts = [f'<text class="title" x="12" y="24">{escape(title)}</text>']
    for power in range(low, high + 1):
        at, css = x(10.0**power), "one" if power == 0 else "grid"
        parts.append(f'<path class="{css}" d="M{at:.1f} {_TOP - 6}V{bottom}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{10.0**power:g} x</text>'
        )
    y = float(_TOP)
    for group in groups:
        parts.append(f'<text class="name" x="12" y="{y + 15:.0f}">{escape(group)}</text>')
        for bar in (bar for bar in found if bar.group == group):
            parts += _bar(bar, labels.index(bar.label) % 3, y, x)
            y += _ROW
        y += _GAP
    height = bottom + 30
    said = "; ".join(f"{b.group}, {b.label}: {b.ratio:.3g}" for b in found)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}"><title>{escape(title)}</title>'
        f"<desc>{escape(said)}</desc><style>{_STYLE}</style>"
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>{"".join(parts)}</svg>\n'
    )


def _bar(bar: Bar, colour: int, y: float, x: Callable[[float], float]) -> list[str]:
    start, end = sorted((x(1.0), x(bar.ratio)))
    middle = y + _ROW / 2
    return [
        f'<text x="{_LEFT - 10}" y="{y + 15:.0f}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="b{colour}" x="{start:.1f}" y="{y + 3:.0f}" width="{end - start:.1f}" '
        f'height="{_ROW - 6}"/>',
        f'<path class="range" d="M{x(bar.least):.1f} {middle:.0f}H{x(bar.most):.1f}"/>',
        f'<text x="{max(x(bar.most), end) + 6:.1f}" y="{y + 15:.0f}">{bar.ratio:.3g} x</text>',
    ]
