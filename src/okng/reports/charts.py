"""Charts as SVG text: small pure functions without scripts, coloured by the report's own CSS.

Every chart has a title and a description for those who cannot see it. All text is written by this
module from numbers; nothing that a user named gets in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Scores
from okng.domain.rates import Rate
from okng.reports.drawing import Scale, round_ticks, svg, text

NARROW = 350
_MIRROR_HEIGHT = 340
_ROC_SIDE = 340
_LEFT, _TOP, _BOTTOM = 60, 12, 42
_SPAN = _ROC_SIDE - _TOP - _BOTTOM


def histogram(
    good: Sequence[float],
    defective: Sequence[float],
    review_threshold: float,
    ng_threshold: float,
    width: int = 760,
) -> str:
    """Draw good scores above the axis and defective below, as shares of their class.

    Without defective scores there is only the upper half. Both thresholds are labelled lines.
    Where scores differ by more than a factor of `FAR`, the axis is logarithmic. `width` is the
    drawing's own; text keeps its size, so a narrow window is served by a narrow drawing.
    """
    left, right, top, bottom = 44, width - 12, 52, _MIRROR_HEIGHT - 36
    scale = Scale.over([*good, *defective, review_threshold, ng_threshold], left, right)
    edges = scale.edges(_bins(len(good) + len(defective), width))
    shares = [_shares(scores, edges) for scores in (good, defective)]
    peak = max(0.05, *(float(share.max()) for share, _ in shares))
    both = len(defective) > 0
    middle = (top + bottom) / 2 if both else float(bottom)
    half = middle - top
    parts = [_grid(left, right, middle, half / peak, peak, both)]
    parts += _bars(*shares[0], edges, scale, middle, half / peak, "good")
    parts += _bars(*shares[1], edges, scale, middle, -half / peak, "defective")
    parts.append(f'<path class="axis" d="M{left} {middle:.1f}H{right}"/>')
    for tick in scale.ticks(max(3, width // 110)):
        parts.append(text(scale.at(tick), bottom + 16, f"{tick:g}", "middle"))
    axis = "score, logarithmic" if scale.is_log else "score"
    parts.append(text(right, bottom + 34, f"{axis} \N{RIGHTWARDS ARROW}", "end"))
    if both:
        parts.append(text(right, top + 12, "good", "end", "key"))
        parts.append(text(right, bottom - 4, "defective", "end", "key"))
    for threshold, name, y, outwards in (
        (review_threshold, "REVIEW above", 16, -1),
        (ng_threshold, "NG above", 34, 1),
    ):
        label = f"{name} {threshold:.4g}"
        parts.append(_threshold(scale.at(threshold), y, bottom, label, width, outwards))
    description = (
        f"{len(good)} good scores {_range(good)}; {len(defective)} defective scores "
        f"{_range(defective)}; review above {review_threshold:.4g}, NG above {ng_threshold:.4g}."
    )
    title = "Scores of good and defective images" if both else "Scores of good images"
    return svg(width, _MIRROR_HEIGHT, title, description, parts)


def roc(
    points: Sequence[tuple[float, float]], review: tuple[float, float], ng: tuple[float, float]
) -> str:
    """Draw the ROC curve and where the two thresholds lie on it, as (false, true) rates."""
    plane = _Unit("good parts stopped", "defective parts stopped")
    parts = [f'<path class="chance" d="{plane.path([(0.0, 0.0), (1.0, 1.0)])}"/>']
    parts.append(f'<path class="area" d="{plane.path([*points, (1.0, 0.0), (0.0, 0.0)])}Z"/>')
    parts.append(f'<path class="curve" d="{plane.path(points)}"/>')
    for at, css, label in ((review, "review", "REVIEW"), (ng, "ng", "NG")):
        where = f"{label} threshold: {at[1]:.1%} of defective and {at[0]:.1%} of good beyond it"
        parts.append(plane.mark(at, css, where))
    description = (
        f"At the review threshold {review[1]:.1%} of defective and {review[0]:.1%} of good are "
        f"stopped; at the NG threshold {ng[1]:.1%} and {ng[0]:.1%}."
    )
    return plane.drawn("ROC curve", description, parts)


def precision_recall(
    points: Sequence[tuple[float, float]],
    review: tuple[float, float] | None,
    ng: tuple[float, float] | None,
) -> str:
    """Draw precision against recall, in steps, and where the two thresholds lie on it.

    A threshold that stops nothing has no precision, and no place.
    """
    plane = _Unit("defective parts stopped", "stopped parts that are defective")
    stairs = [(0.0, points[0][1])]
    for recall, precision in points:
        stairs += [(stairs[-1][0], precision), (recall, precision)]
    parts = [f'<path class="area" d="{plane.path([*stairs, (1.0, 0.0), (0.0, 0.0)])}Z"/>']
    parts.append(f'<path class="curve" d="{plane.path(stairs)}"/>')
    said = []
    for at, css, label in ((review, "review", "REVIEW"), (ng, "ng", "NG")):
        if at is None:
            continue
        where = f"{label} threshold: {at[0]:.1%} stopped, {at[1]:.1%} of the stopped defective"
        parts.append(plane.mark(at, css, where))
        said.append(where)
    return plane.drawn("Precision and recall", "; ".join(said) + ".", parts)


@dataclass(frozen=True)
class _Unit:
    """A square plane whose axes go from 0 to 100 %, with what they show."""

    x_said: str
    y_said: str

    def at(self, x: float, y: float) -> tuple[float, float]:
        return _LEFT + x * _SPAN, _TOP + (1.0 - y) * _SPAN

    def path(self, curve: Sequence[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in (self.at(*point) for point in curve))

    def mark(self, where: tuple[float, float], css: str, said: str) -> str:
        """Draw a threshold: a diamond for REVIEW, a square for NG."""
        x, y = self.at(*where)
        shape = f"M{x:.1f} {y - 7:.1f}l7 7l-7 7l-7 -7z"
        if css == "ng":
            shape = f"M{x - 5:.1f} {y - 5:.1f}h10v10h-10z"
        return f'<path class="mark {css}" d="{shape}"><title>{said}</title></path>'

    def drawn(self, title: str, description: str, parts: Sequence[str]) -> str:
        """Return the whole drawing: grid and axes below, the parts above."""
        ground = []
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            x, y = self.at(share, share)
            line = f"M{x:.1f} {_TOP}V{_TOP + _SPAN}M{_LEFT} {y:.1f}h{_SPAN}"
            ground.append(f'<path class="grid" d="{line}"/>')
            ground.append(text(x, _TOP + _SPAN + 16, f"{share:.0%}", "middle"))
            ground.append(text(_LEFT - 6, y + 4, f"{share:.0%}", "end"))
        ground.append(text(_LEFT + _SPAN / 2, _ROC_SIDE - 6, self.x_said, "middle"))
        y = _TOP + _SPAN / 2
        ground.append(
            f'<text x="11" y="{y}" text-anchor="middle" transform="rotate(-90 11 {y})">'
            f"{self.y_said}</text>"
        )
        return svg(_LEFT + _SPAN + 16, _ROC_SIDE, title, description, [*ground, *parts])


def interval(rate: Rate, css: str = "good") -> str:
    """Draw a share between 0 and 100 % as a bar, and its 95 % interval as a whisker."""
    width, height = 270, 18
    value = rate.value or 0.0

    def x(share: float) -> float:
        return 1 + share * (width - 2)

    parts = [f'<rect class="track" x="1" y="5" width="{width - 2}" height="8" rx="2"/>']
    if rate.total:
        low, high = x(rate.low), x(rate.high)
        parts.append(
            f'<rect class="{css}" x="1" y="5" width="{x(value) - 1:.1f}" height="8" rx="2"/>'
        )
        parts.append(
            f'<path class="whisker" d="M{low:.1f} 9H{high:.1f}M{low:.1f} 4v10M{high:.1f} 4v10"/>'
        )
    description = f"{rate.count} of {rate.total}, 95 % interval {rate.low:.1%} to {rate.high:.1%}"
    return svg(width, height, "Share and interval", description, parts)


def _threshold(x: float, y: float, bottom: float, label: str, width: int, outwards: int) -> str:
    """Return a dashed line with its label on the wanted side (-1: left), if there is room."""
    room = x if outwards < 0 else width - x
    side = outwards if room > 8 * len(label) else -outwards
    line = f'<path class="threshold" d="M{x:.1f} {y - 10}V{bottom}"/>'
    return line + text(x + 6 * side, y, label, "start" if side > 0 else "end", "label")


def _grid(left: float, right: float, middle: float, unit: float, peak: float, both: bool) -> str:
    """Return lines and labels at the shares above and, where wanted, below the axis."""
    parts = []
    for share in round_ticks(0.0, peak, 2):
        for side in (-1, 1) if both and share else (-1,):
            y = middle + side * share * unit
            parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
            parts.append(text(left - 6, y + 4, f"{share:.0%}", "end"))
    return "".join(parts)


def _bars(
    shares: Scores,
    counts: NDArray[np.int64],
    edges: Scores,
    scale: Scale,
    middle: float,
    unit: float,
    name: str,
) -> list[str]:
    """Return the bars of one class, upwards for a positive `unit`, each with its count."""
    bars = []
    for i in np.flatnonzero(counts):
        x, wide = scale.at(edges[i]), scale.at(edges[i + 1]) - scale.at(edges[i])
        y, tall = middle - max(0.0, unit * shares[i]), abs(unit * shares[i])
        bars.append(
            f'<rect class="{"good" if unit > 0 else "bad"}" x="{x + 0.5:.1f}" y="{y:.1f}" '
            f'width="{max(1.0, wide - 1):.1f}" height="{tall:.1f}">'
            f"<title>{counts[i]} {name}, score {edges[i]:.3g} to {edges[i + 1]:.3g}</title></rect>"
        )
    return bars


def _bins(values: int, width: int) -> int:
    """Return how many bars suit the number of values and the room there is."""
    return min(width // 14, max(18, round(3 * sqrt(values))))


def _shares(scores: Sequence[float], bins: Scores) -> tuple[Scores, NDArray[np.int64]]:
    counts, _ = np.histogram(scores, bins)
    return counts / max(1, len(scores)), counts


def _range(scores: Sequence[float]) -> str:
    return f"from {min(scores):.4g} to {max(scores):.4g}" if scores else "(none)"
