"""What every chart is drawn with: a scale with round ticks, text, and the SVG around it.

No text is escaped here: whoever hands in what a user named escapes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np

from okng.domain.arrays import Scores

_TINY = 1e-250
"""Below this, with some air, a logarithmic axis would end at 0."""
FAR = 8.0
"""Ratio of the highest to the lowest value from which an axis is logarithmic."""


@dataclass(frozen=True)
class Scale:
    """Where scores lie between `left` and `right`; `low` and `high` are logarithms if `is_log`."""

    low: float
    high: float
    is_log: bool
    left: float
    right: float

    @classmethod
    def over(cls, scores: Sequence[float], left: float, right: float) -> "Scale":
        """Hold all scores with a little air; never empty."""
        low, high = min(scores), max(scores)
        is_log = low > _TINY and high / low > FAR
        if is_log:
            low, high = log10(low), log10(high)
        air = (high - low) * 0.03 or max(abs(low), 1.0) * 0.05
        return cls(low - air, high + air, is_log, left, right)

    def at(self, score: float) -> float:
        value = log10(score) if self.is_log else score
        return self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)

    def edges(self, bins: int) -> Scores:
        values = np.linspace(self.low, self.high, bins + 1)
        return 10.0**values if self.is_log else values

    def ticks(self, about: int) -> list[float]:
        """Return round numbers; on a logarithmic axis 1, 2 and 5 times powers of ten."""
        if not self.is_log:
            return round_ticks(self.low, self.high, about)
        powers = range(floor(self.low), ceil(self.high) + 1)
        ticks = [float(f"{m}e{power}") for power in powers for m in (1, 2, 5)]
        return [tick for tick in ticks if self.low <= log10(tick) <= self.high]


def svg(width: int, height: int, title: str, description: str, parts: Sequence[str]) -> str:
    inner = "".join(parts)
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" '
        f'style="max-width:{width}px"><title>{title}</title><desc>{description}</desc>'
        f"{inner}</svg>"
    )


def text(x: float, y: float, words: str, anchor: str = "start", css: str = "") -> str:
    kind = f' class="{css}"' if css else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def round_ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers within a range: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = max(m * power for m in (1, 2, 5) if m * power <= raw * 1.001)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
