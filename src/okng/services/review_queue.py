"""The queue of inspections that people are asked to review."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from okng.domain.dataset import GOOD
from okng.domain.people import Principal, Right
from okng.domain.record_ports import ClaimWish
from okng.domain.records import DatasetRecord, InspectionRecord

CLAIM_MINUTES = 5
MOST_COUNTED = 1000
MOST_DEFECTS = 30

_NEWEST_REVIEWS = 500


class Claims(Protocol):
    """Hands out inspections, each to one person at a time."""

    def claim(
        self, product: str, holder: str, at: datetime, until: datetime, wish: ClaimWish
    ) -> tuple[InspectionRecord, ...]: ...

    def renew(
        self, inspection_ids: Collection[str], holder: str, at: datetime, until: datetime
    ) -> tuple[str, ...]: ...

    def left(self, product: str, holder: str, at: datetime, most: int) -> int: ...


class NamedDefects(Protocol):
    """Knows the names that reviewers have given."""

    def newest_defects(self, product: str, among: int) -> tuple[str, ...]: ...


class KnownDatasets(Protocol):
    """Finds a product's datasets."""

    def list(self, product: str | None, by: Principal) -> tuple[DatasetRecord, ...]: ...


@dataclass(frozen=True)
class Handed:
    """What somebody is to review; nobody else gets it for `CLAIM_MINUTES`.

    `items` are new to him, `held` those of the ones he had that are still his. `left` counts all
    that he could review, up to `MOST_COUNTED`.
    """

    items: tuple[InspectionRecord, ...]
    held: tuple[str, ...]
    left: int


class ReviewQueue:
    """Gives people different inspections to review, those that matter first."""

    def __init__(
        self,
        claims: Claims,
        named: NamedDefects,
        datasets: KnownDatasets,
        clock: Callable[[], datetime],
    ) -> None:
        self._claims = claims
        self._named = named
        self._datasets = datasets
        self._clock = clock

    def take(self, product: str, have: Collection[str], count: int, by: Principal) -> Handed:
        """Hold longer what somebody has, and give him up to `count` more.

        Raises:
            Forbidden: the right to review is not there.
        """
        by.require(Right.REVIEW)
        at = self._clock()
        until = at + timedelta(minutes=CLAIM_MINUTES)
        held = self._claims.renew(have, by.name, at, until) if have else ()
        wish = ClaimWish(count, frozenset(have))
        items = self._claims.claim(product, by.name, at, until, wish) if count else ()
        return Handed(items, held, self._claims.left(product, by.name, at, MOST_COUNTED))

    def defects(self, product: str, by: Principal) -> tuple[str, ...]:
        """Return names to choose from: those of the last reviews, then those of the datasets."""
        by.require(Right.READ)
        names = list(self._named.newest_defects(product, _NEWEST_REVIEWS))
        for record in self._datasets.list(product, by):
            for place in sorted(record.counts):
                label = place.partition("/")[2]
                if label not in (GOOD, "unlabelled") and label not in names:
                    names.append(label)
        return tuple(names[:MOST_DEFECTS])
