"""Statistical process control: is the share of bad parts what it was, and which defects matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

SIGMAS = 3.0
"""Where Shewhart set control limits: a stable process is outside in about 3 of 1,000 periods."""


@dataclass(frozen=True)
class ControlPoint:
    """One period of a p-chart; `share` and the limits are None where nothing was inspected."""

    share: float | None
    lower: float | None
    upper: float | None

    @property
    def is_signal(self) -> bool:
        """Whether the share lies outside the limits: look for a cause."""
        if self.share is None or self.lower is None or self.upper is None:
            return False
        return not self.lower <= self.share <= self.upper


@dataclass(frozen=True)
class ControlChart:
    """A p-chart: `centre` is the share over all periods, None where nothing was inspected."""

    centre: float | None
    points: tuple[ControlPoint, ...]


def p_chart(bad: Sequence[int], inspected: Sequence[int]) -> ControlChart:
    """Chart the share of bad parts of each period, with limits for its own number of parts.

    Montgomery, Introduction to Statistical Quality Control, 7.2.2 (variable sample size): the
    limits of a period of n parts are p +- 3 sqrt(p (1 - p) / n), kept within 0 and 1.

    Raises:
        ValueError: the numbers of periods differ, or more parts are bad than were inspected.
    """
    if any(not 0 <= b <= n for b, n in zip(bad, inspected, strict=True)):
        raise ValueError("in each period 0 <= bad <= inspected must hold")
    total = sum(inspected)
    if not total:
        return ControlChart(None, tuple(ControlPoint(None, None, None) for _ in inspected))
    centre = sum(bad) / total
    return ControlChart(
        centre, tuple(_point(b, n, centre) for b, n in zip(bad, inspected, strict=True))
    )


def _point(bad: int, inspected: int, centre: float) -> ControlPoint:
    if not inspected:
        return ControlPoint(None, None, None)
    reach = SIGMAS * sqrt(centre * (1.0 - centre) / inspected)
    return ControlPoint(bad / inspected, max(0.0, centre - reach), min(1.0, centre + reach))


@dataclass(frozen=True)
class ParetoBar:
    """One kind of defect; `cumulative` is the share of all that it and those before it make up."""

    name: str
    count: int
    cumulative: float


def pareto(counts: Mapping[str, int]) -> tuple[ParetoBar, ...]:
    """Sort kinds by how often they occur, the most frequent first, ties by name."""
    total = sum(counts.values())
    bars, so_far = [], 0
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        so_far += count
        bars.append(ParetoBar(name, count, so_far / total if total else 0.0))
    return tuple(bars)
