"""Live: inspections as they happen, for whoever watches a product or one of its stations."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from okng.domain.errors import BadSetting, NotFound, TooMany
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.records import InspectionFilter, InspectionRecord, Order, Page
from okng.domain.verdict import Verdict

SHOWN = 10
"""Inspections that a listener gets when it begins, or has missed, at most."""
_FULL_SECONDS = 30


@dataclass(frozen=True)
class Scene:
    """What is watched; `station` is None for all of the product's."""

    product: str
    station: str | None = None

    def has(self, record: InspectionRecord) -> bool:
        same = record.inspection.product == self.product
        return same and self.station in (None, record.context.station)


@dataclass
class Shift:
    """The running shift: what was inspected since it began, by verdict."""

    begun: datetime
    ends: datetime
    counts: dict[Verdict, int]


class InspectionPages(Protocol):
    """Finds inspections."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]: ...


class KnownInspections(Protocol):
    """Gives inspections back."""

    def get(self, inspection_id: str) -> InspectionRecord: ...


class Watching(Protocol):
    """Counts inspections, and takes note of doubts."""

    def counts(
        self, product: str, station: str | None, since: datetime
    ) -> Mapping[Verdict, int]: ...

    def doubt(self, inspection_id: str) -> None: ...


@dataclass(frozen=True, eq=False)
class Listener:
    """Somebody who watches; `tell` gets each inspection, or None when the service ends.

    `tell` is called by the threads that inspect: it must neither wait nor fail.
    """

    scene: Scene
    tell: Callable[[InspectionRecord | None], None] = field(repr=False)


class Live:
    """Tells listeners of inspections, and what the shift has brought.

    `clock` gives the time in the zone in which shifts begin.
    """

    def __init__(
        self,
        inspections: KnownInspections,
        pages: InspectionPages,
        watching: Watching,
        transactions: Transactions,
        audit: AuditLog,
        clock: Callable[[], datetime],
        shift_starts: str,
        most: int,
    ) -> None:
        self._inspections = inspections
        self._pages = pages
        self._watching = watching
        self._transactions = transactions
        self._audit = audit
        self._clock = clock
        self._starts = read_shifts(shift_starts)
        self._most = most
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()

    def publish(self, record: InspectionRecord) -> None:
        """Tell whoever watches of an inspection that was just stored."""
        with self._lock:
            listeners = [one for one in self._listeners if one.scene.has(record)]
        for listener in listeners:
            listener.tell(record)

    def check_room(self) -> None:
        """Make sure that one more may watch.

        Raises:
            TooMany: there are as many as the settings allow.
        """
        with self._lock:
            if len(self._listeners) >= self._most:
                raise TooMany(
                    f"{self._most} pages watch already: close some, or allow more "
                    "(OKNG_MAX_LISTENERS)",
                    _FULL_SECONDS,
                )

    def listen(self, listener: Listener) -> None:
        """Begin to tell somebody.

        Raises:
            TooMany: there are as many as the settings allow.
        """
        self.check_room()
        with self._lock:
            self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        """Tell somebody no more."""
        with self._lock:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Send everybody away."""
        with self._lock:
            listeners, self._listeners = self._listeners, set()
        for listener in listeners:
            listener.tell(None)

    def missed(self, scene: Scene, last_id: str | None) -> tuple[InspectionRecord, ...]:
        """Return the newest inspections, oldest first: those after `last_id`, if it is known."""
        wanted = InspectionFilter(product=scene.product, station=scene.station)
        newest = self._pages.page(wanted, Order.NEWEST, SHOWN).items
        # Ids sort by the time of their making.
        return tuple(one for one in reversed(newest) if last_id is None or one.id > last_id)

    def shift(self, scene: Scene) -> Shift:
        """Count the running shift."""
        begun, ends = shift_around(self._clock(), self._starts)
        found = self._watching.counts(scene.product, scene.station, begun)
        return Shift(begun, ends, {verdict: found.get(verdict, 0) for verdict in Verdict})

    def is_over(self, shift: Shift) -> bool:
        return self._clock() >= shift.ends

    def seen(self, scene: Scene, inspection_id: str) -> InspectionRecord:
        """Return an inspection of what is watched.

        Raises:
            NotFound: there is none, or it is another one's.
        """
        record = self._inspections.get(inspection_id)
        if not scene.has(record):
            raise NotFound(f"there is no inspection {inspection_id}")
        return record

    def doubt(self, inspection_id: str, actor: str) -> None:
        """Send an inspection to review: somebody says that its verdict is wrong.

        Raises:
            NotFound: there is no such inspection.
        """
        with self._transactions():
            verdict = self._inspections.get(inspection_id).inspection.verdict
            self._watching.doubt(inspection_id)
            self._audit.append(actor, "inspection.doubt", inspection_id, {"verdict": verdict})


def read_shifts(text: str) -> tuple[timedelta, ...]:
    """Read when shifts begin, as in `06:00,14:00,22:00`; sorted.

    Raises:
        BadSetting: it is no list of times of the day.
    """
    try:
        times = [datetime.strptime(part.strip(), "%H:%M") for part in text.split(",")]
    except ValueError as error:
        raise BadSetting(
            f"OKNG_SHIFT_STARTS says when shifts begin, as in 06:00,14:00,22:00, not {text!r}"
        ) from error
    return tuple(sorted({timedelta(hours=one.hour, minutes=one.minute) for one in times}))


def shift_around(now: datetime, starts: tuple[timedelta, ...]) -> tuple[datetime, datetime]:
    """Return when the running shift began and when it ends, in the zone of `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    around = [midnight + timedelta(days=day) + start for day in (-1, 0, 1) for start in starts]
    return max(one for one in around if one <= now), min(one for one in around if one > now)
