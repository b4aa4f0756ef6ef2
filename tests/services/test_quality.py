"""Quality over time, against figures calculated by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from okng.domain.errors import BadRequest, Forbidden
from okng.domain.people import Principal, Role
from okng.domain.quality import ReviewedCount, VerdictCount
from okng.domain.verdict import Verdict
from okng.services.quality import Period, Quality

READER = Principal("ann", Role.OPERATOR.rights)
OK, REVIEW, NG, ERROR = Verdict.OK, Verdict.REVIEW, Verdict.NG, Verdict.ERROR
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class Counted:
    """Counts as a store would give them: 96 of 100 OK, then 16 of 25, and an ERROR."""

    def verdicts(self, product, since, until, period):
        self.asked = (product, since, until, period)
        return (
            VerdictCount(0, OK, 96), VerdictCount(0, NG, 3), VerdictCount(0, REVIEW, 1),
            VerdictCount(1, OK, 16), VerdictCount(1, NG, 9), VerdictCount(1, ERROR, 5),
        )  # fmt: skip

    def reviewed(self, product, since, until, period):
        return (
            ReviewedCount(0, NG, OK, False, 1), ReviewedCount(0, REVIEW, NG, False, 1),
            ReviewedCount(1, NG, NG, False, 2), ReviewedCount(0, OK, OK, True, 9),
            ReviewedCount(0, OK, NG, True, 1), ReviewedCount(0, OK, NG, False, 7),
        )  # fmt: skip

    def defects(self, product, since, until):
        return {"crack": 3, None: 1}


def test_a_report_by_hand() -> None:
    """Errors are not judged; overkill is among what was called bad, escapes among the sample."""
    counted = Counted()
    report = Quality(counted).report("part", MONDAY, MONDAY + timedelta(days=2), Period.DAY, READER)
    assert counted.asked == ("part", MONDAY, MONDAY + timedelta(days=2), timedelta(days=1))
    first, second = report.periods
    assert (first.passed, second.passed) == (0.96, 0.64)
    assert second.verdicts == {"OK": 16, "REVIEW": 0, "NG": 9, "ERROR": 5}
    assert report.centre == pytest.approx(13 / 125)
    assert (first.control.is_signal, second.control.is_signal) == (False, True)
    assert (report.overkill.count, report.overkill.of, report.overkill.share) == (1, 4, 0.25)
    assert (report.escapes.count, report.escapes.of, report.escapes.share) == (1, 10, 0.1)
    # Clopper-Pearson's 95 % interval of 1 in 10, as in tables: 0.25 % to 44.5 %.
    assert (report.escapes.low, report.escapes.high) == pytest.approx((0.00253, 0.44502), abs=1e-5)
    assert second.escapes.share is None
    assert [(bar.name, bar.cumulative) for bar in report.defects] == [("crack", 0.75), ("", 1.0)]


@pytest.mark.parametrize(
    ("period", "begin"), [(Period.HOUR, "04T10"), (Period.DAY, "04T00"), (Period.WEEK, "02T00")]
)
def test_periods_begin_on_the_clock(period: Period, begin: str) -> None:
    """Hours at the full hour, days at midnight, weeks on Monday, in UTC."""
    counted = Counted()
    since = datetime(2026, 3, 4, 10, 59, tzinfo=UTC)
    until = since + 2 * period.length
    Quality(counted).report(None, since, until, period, READER)
    assert counted.asked[1].strftime("%dT%H:%M") == f"{begin}:00"


@pytest.mark.parametrize("days", [-1, 0, 500])
def test_spans_that_cannot_be(days: int) -> None:
    """A report has 1 to 400 periods; and it takes the right to read."""
    until = MONDAY + timedelta(days=days)
    with pytest.raises(BadRequest, match="1 to 400"):
        Quality(Counted()).report(None, MONDAY, until, Period.DAY, READER)
    with pytest.raises(Forbidden):
        Quality(Counted()).report(None, MONDAY, until, Period.DAY, Principal("x", frozenset()))
