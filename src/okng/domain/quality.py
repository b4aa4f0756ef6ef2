"""How well inspection and production go over time, as counted."""

from dataclasses import dataclass

from okng.domain.verdict import Verdict


@dataclass(frozen=True)
class VerdictCount:
    """Inspections of one period with one verdict."""

    period: int
    verdict: Verdict
    count: int


@dataclass(frozen=True)
class ReviewedCount:
    """Reviewed inspections of one period: their verdict, and what people `said` that they are.

    `sampled` ones were chosen at random; others because of their verdict, or by somebody.
    """

    period: int
    verdict: Verdict
    said: Verdict
    sampled: bool
    count: int
