"""Quality over time: yield, overkill, escapes, a control chart and the defects by frequency."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from okng.algorithms.binomial import clopper_pearson
from okng.algorithms.spc import ControlPoint, ParetoBar, p_chart, pareto
from okng.domain.errors import BadRequest
from okng.domain.people import Principal, Right
from okng.domain.quality import ReviewedCount, VerdictCount
from okng.domain.verdict import Verdict

MOST_PERIODS = 400
CONFIDENCE = 0.95

_NO_NAME = ""


class Period(StrEnum):
    """How long the periods are that inspections are counted by; all begin in UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def length(self) -> timedelta:
        return {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[
            self.value
        ]


class Counts(Protocol):
    """Counts inspections by period."""

    def verdicts(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[VerdictCount, ...]: ...

    def reviewed(
        self, product: str | None, since: datetime, until: datetime, period: timedelta
    ) -> tuple[ReviewedCount, ...]: ...

    def defects(
        self, product: str | None, since: datetime, until: datetime
    ) -> dict[str | None, int]: ...


@dataclass(frozen=True)
class Share:
    """A share with the counts behind it and its exact 95 % interval; None without any."""

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class PeriodQuality:
    """One period; `control` is its place in the chart of what is not OK.

    `overkill` counts parts that reviewers found good among those called NG or REVIEW that they
    have seen; `escapes` parts that they found bad among the random sample of those called OK.
    """

    start: datetime
    verdicts: dict[str, int]
    control: ControlPoint
    overkill: Share
    escapes: Share

    @property
    def judged(self) -> int:
        return sum(self.verdicts.values()) - self.verdicts[Verdict.ERROR.value]

    @property
    def passed(self) -> float | None:
        """The yield: the share of OK among what could be judged."""
        return self.verdicts[Verdict.OK.value] / self.judged if self.judged else None


@dataclass(frozen=True)
class QualityReport:
    """All periods, oldest first; `centre` is the chart's line, the shares are over all of them."""

    periods: tuple[PeriodQuality, ...]
    centre: float | None
    overkill: Share
    escapes: Share
    defects: tuple[ParetoBar, ...]


class Quality:
    """Counts what was inspected and reviewed, for whoever may read."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def report(
        self, product: str | None, since: datetime, until: datetime, period: Period, by: Principal
    ) -> QualityReport:
        """Return the quality of a product, or of all, by period from `since` on.

        Raises:
            BadRequest: `until` is not after `since`, or there are too many periods.
        """
        by.require(Right.READ)
        since = _begin(since, period)
        number = -((since - until) // period.length)
        if not 1 <= number <= MOST_PERIODS:
            raise BadRequest(
                f"from {since:%Y-%m-%d} to {until:%Y-%m-%d} there are {max(0, number)} periods: "
                f"choose 1 to {MOST_PERIODS}"
            )
        length = period.length
        counted = Counter[tuple[int, Verdict]]()
        for one in self._counts.verdicts(product, since, until, length):
            counted[one.period, one.verdict] += one.count
        reviewed = self._counts.reviewed(product, since, until, length)
        bad = [sum(counted[i, v] for v in (Verdict.REVIEW, Verdict.NG)) for i in range(number)]
        judged = [bad[i] + counted[i, Verdict.OK] for i in range(number)]
        chart = p_chart(bad, judged)
        periods = tuple(
            PeriodQuality(
                since + i * length,
                {verdict.value: counted[i, verdict] for verdict in Verdict},
                chart.points[i],
                _overkill([one for one in reviewed if one.period == i]),
                _escapes([one for one in reviewed if one.period == i]),
            )
            for i in range(number)
        )
        found = self._counts.defects(product, since, until)
        named = {name or _NO_NAME: count for name, count in found.items()}
        return QualityReport(
            periods, chart.centre, _overkill(reviewed), _escapes(reviewed), pareto(named)
        )


def _begin(at: datetime, period: Period) -> datetime:
    """Return when the period begins that a time lies in."""
    at = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if period is Period.HOUR:
        return at
    at = at.replace(hour=0)
    return at if period is Period.DAY else at - timedelta(days=at.weekday())


def _overkill(counts: list[ReviewedCount] | tuple[ReviewedCount, ...]) -> Share:
    called = [one for one in counts if one.verdict in (Verdict.REVIEW, Verdict.NG)]
    return _share(sum(one.count for one in called if one.said is Verdict.OK), called)


def _escapes(counts: list[ReviewedCount] | tuple[ReviewedCount, ...]) -> Share:
    passed = [one for one in counts if one.verdict is Verdict.OK and one.sampled]
    return _share(sum(one.count for one in passed if one.said is Verdict.NG), passed)


def _share(count: int, among: list[ReviewedCount]) -> Share:
    of = sum(one.count for one in among)
    return Share(count, of, *clopper_pearson(count, of, CONFIDENCE))
