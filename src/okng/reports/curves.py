"""Small multiples of curves, and the picture file of their own that documents show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, log10

from okng.reports.drawing import Scale, svg, text

_PANEL_WIDTH, _PANEL_HEIGHT = 330, 264
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 50, 44
_LEGEND = 30
_MANY_TICKS = 6


@dataclass(frozen=True)
class Curve:
    """Points that are joined in order; `series` chooses the colour, 0 to 4, over all panels.

    `steps` joins them by a staircase, `dots` marks each of them.
    """

    name: str
    points: Sequence[tuple[float, float]]
    series: int = 0
    dashed: bool = False
    steps: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis with its label; `low` and `high` hold at least what is given, and all points.

    `whole`: ticks stand at whole numbers alone."""

    label: str
    is_log: bool = False
    percent: bool = False
    low: float | None = None
    high: float | None = None
    whole: bool = False

    def ticks(self, scale: Scale, about: int) -> list[float]:
        """Return round numbers; whole ones alone, where parts mean nothing."""
        return [tick for tick in scale.ticks(about) if not self.whole or tick == round(tick)]

    def scale(self, values: Sequence[float], start: float, end: float) -> Scale:
        """Return where values lie between two places, in pixels."""
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        low, high = min([*values, *bounds]), max([*values, *bounds])
        if self.is_log:
            low, high = log10(low), log10(high)
        air = (high - low) * 0.03 or max(abs(low), 1.0) * 0.05
        return Scale(low - air, high + air, self.is_log, start, end)

    def words(self, tick: float) -> str:
        return f"{100 * tick:g} %" if self.percent else f"{tick:,g}".replace(",", "\N{THIN SPACE}")


@dataclass(frozen=True)
class Panel:
    """One small chart. `marks` are labelled dashed lines across it, at values of x."""

    title: str
    x: Axis
    y: Axis
    curves: Sequence[Curve]
    marks: Sequence[tuple[float, str]] = field(default=())


def small_multiples(title: str, description: str, panels: Sequence[Panel], columns: int) -> str:
    """Draw panels in rows of `columns`, with one legend for all of them above.

    Raises:
        ValueError: a panel has no points.
    """
    rows = ceil(len(panels) / columns)
    parts = _legend(panels)
    for i, panel in enumerate(panels):
        if not any(curve.points for curve in panel.curves):
            raise ValueError(f"the panel {panel.title!r} has no points")
        left, top = i % columns * _PANEL_WIDTH, _LEGEND + i // columns * _PANEL_HEIGHT
        parts += _panel(panel, left, top)
    size = columns * _PANEL_WIDTH, _LEGEND + rows * _PANEL_HEIGHT
    return svg(*size, escape(title), escape(description), parts)


def picture_file(chart: str) -> str:
    """Make a chart a file of its own: with its colours, for light pages and dark ones."""
    opening = '<svg xmlns="http://www.w3.org/2000/svg" '
    head, body = chart.removeprefix("<svg ").split(">", 1)
    paper = '<rect class="paper" width="100%" height="100%"/>'
    return f"{opening}{head}><style>{_STYLE}</style>{paper}{body}\n"


def _legend(panels: Sequence[Panel]) -> list[str]:
    """Name each curve once, in the order in which they come."""
    curves = {curve.name: curve for panel in panels for curve in panel.curves if curve.name}
    parts, x = [], float(_LEFT)
    for name, curve in curves.items():
        parts.append(f'<path class="{_css(curve)}" d="M{x:.1f} 14h22"/>')
        parts.append(text(x + 28, 18, escape(name), "start", "name"))
        x += 28 + 7.0 * len(name) + 18
    return parts


def _panel(panel: Panel, left: float, top: float) -> list[str]:
    points = [point for curve in panel.curves for point in curve.points]
    first, last = left + _LEFT, left + _PANEL_WIDTH - _RIGHT
    bottom = top + _PANEL_HEIGHT - _BOTTOM
    across = [x for x, _ in points] + [x for x, _ in panel.marks]
    x = panel.x.scale(across, first, last)
    y = panel.y.scale([value for _, value in points], bottom, top + _TOP)
    parts = [text(first, top + 20, escape(panel.title), "start", "key")]
    for tick in _few(panel.y.ticks(y, 4)):
        parts.append(f'<path class="grid" d="M{first:.1f} {y.at(tick):.1f}H{last:.1f}"/>')
        parts.append(text(first - 6, y.at(tick) + 4, panel.y.words(tick), "end"))
    for tick in _few(panel.x.ticks(x, 5)):
        parts.append(f'<path class="grid" d="M{x.at(tick):.1f} {bottom:.1f}v4"/>')
        parts.append(text(x.at(tick), bottom + 17, panel.x.words(tick), "middle"))
    parts.append(f'<path class="axis" d="M{first:.1f} {bottom:.1f}H{last:.1f}"/>')
    parts.append(text(last, bottom + 34, escape(panel.x.label), "end"))
    parts.append(text(first, top + 38, escape(panel.y.label)))
    for value, name in panel.marks:
        line = f"M{x.at(value):.1f} {top + _TOP:.1f}V{bottom:.1f}"
        parts.append(f'<path class="threshold" d="{line}"/>')
        parts.append(text(x.at(value) + 5, bottom - 8, escape(name), "start", "label"))
    for curve in panel.curves:
        parts += _curve(curve, x, y)
    return parts


def _curve(curve: Curve, x: Scale, y: Scale) -> list[str]:
    places = [(x.at(a), y.at(b)) for a, b in curve.points]
    if not places:
        return []
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for a, b in places[1:]:
        path += f"H{a:.1f}V{b:.1f}" if curve.steps else f"L{a:.1f} {b:.1f}"
    parts = [f'<path class="{_css(curve)}" d="{path}"/>']
    if curve.dots:
        css = f"dot s{curve.series}"
        parts += [f'<circle class="{css}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>' for a, b in places]
    return parts


def _css(curve: Curve) -> str:
    return f"line s{curve.series}" + (" dashed" if curve.dashed else "")


def _few(ticks: Sequence[float]) -> Sequence[float]:
    """Thin out ticks that would not stand beside each other."""
    if len(ticks) <= _MANY_TICKS:
        return ticks
    decades = [tick for tick in ticks if tick > 0 and log10(tick) % 1 == 0]
    return decades if len(decades) > 1 else ticks[:: ceil(len(ticks) / _MANY_TICKS)]


_STYLE = """
svg { --paper: #ffffff; --ink: #16181d; --soft: #5a606b; --line: #e2e3df;
  --s0: #1f6fb2; --s1: #c2500f; --s2: #3b7d3a; --s3: #7a4fa3; --s4: #8a6400;
  font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #121417; --ink: #eceef1; --soft: #9da5b1; --line: #2d3239;
    --s0: #6db3ee; --s1: #f08a4b; --s2: #83c481; --s3: #bd96e0; --s4: #e2b84a; } }
.paper { fill: var(--paper); }
text { fill: var(--soft); }
.key { font-size: 13px; font-weight: 640; fill: var(--ink); }
.name, .label { fill: var(--ink); }
.label { paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
.axis { stroke: var(--soft); }
.grid { stroke: var(--line); fill: none; }
.threshold { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 5 4; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 6 4; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
.s3 { stroke: var(--s3); } .s4 { stroke: var(--s4); }
.dot.s0 { fill: var(--s0); } .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); }
.dot.s3 { fill: var(--s3); } .dot.s4 { fill: var(--s4); }
.bar { stroke: none; }
.bar.s0 { fill: var(--s0); } .bar.s1 { fill: var(--s1); } .bar.s2 { fill: var(--s2); }
.bar.s3 { fill: var(--s3); } .bar.s4 { fill: var(--s4); }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
"""
