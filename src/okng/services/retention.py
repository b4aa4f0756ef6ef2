"""Retention: images leave when the rules say so, in small batches, while inspections go on."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from okng.domain.errors import OkngError
from okng.domain.people import AuditEntry
from okng.domain.people_ports import AuditFilter
from okng.domain.record_ports import ImageKind, ImageRule
from okng.domain.records import InspectionRecord
from okng.domain.retention import RetentionReport, RetentionRules
from okng.domain.verdict import Verdict

ACTOR = "okng"
"""Who the audit log says it was, where no person acted."""

BATCH = 50
PAUSE_S = 0.02
"""Between two batches, so that others get at the disk and the database."""
STRAYS_A_RUN = 5000

_OK = frozenset({Verdict.OK})
_OTHERS = frozenset(Verdict) - _OK
_log = logging.getLogger("okng.retention")


class KeptImages(Protocol):
    """Knows which contents inspections refer to."""

    def removable(self, rule: ImageRule, limit: int) -> tuple[InspectionRecord, ...]: ...

    def remove_images(self, kind: ImageKind, inspection_ids: Collection[str]) -> tuple[str, ...]:
        """Forget these images, but for those reviewed meanwhile; return the unused digests."""
        ...

    def images_in_use(self, digest: str) -> bool: ...


class KeptContents(Protocol):
    """Keeps bytes by their digest."""

    def size_bytes(self) -> int:
        """Return how much all contents take."""
        ...

    def digests(self) -> Iterator[str]: ...

    def delete(self, digest: str) -> bool:
        """Forget a content; False where somebody put it moments ago."""
        ...


class AuditTrail(Protocol):
    """An audit log that can be searched."""

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry: ...

    def newest(self, wanted: AuditFilter, before: int | None, limit: int) -> list[AuditEntry]: ...


class Retention:
    """Applies rules, once or at an interval in a thread of its own.

    `exclusive` gives way to whoever must not lose anything meanwhile (a backup): it yields False
    where a batch must wait for the next run. `chores` are done at the end of each run.
    """

    def __init__(
        self,
        images: KeptImages,
        contents: KeptContents,
        audit: AuditTrail,
        rules: RetentionRules,
        clock: Callable[[], datetime],
        exclusive: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._images = images
        self._contents = contents
        self._audit = audit
        self._rules = rules
        self._clock = clock
        self._exclusive = exclusive
        self._chores = chores
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._walk = contents.digests()

    def start(self, interval_s: float) -> None:
        """Run now, and then again `interval_s` after each run's end."""
        self._stop.clear()
        self._thread = threading.Thread(
            target=self._repeat, args=(interval_s,), name="okng-retention", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End after the batch that is being worked on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None

    def run(self) -> RetentionReport:
        """Apply the rules once; takes note in the audit log where something was removed.

        Raises:
            Unavailable: the store does not answer; what was done until then stays done.
        """
        report = RetentionReport()
        try:
            self._by_age(report)
            if self._rules.max_bytes:
                self._by_size(report)
            self._remove_strays(report)
        finally:
            report.stopped = self._stop.is_set()
            if report.removed:
                self._audit.append(ACTOR, "retention.run", "images", asdict(report))
        for chore in self._chores:
            with self._exclusive() as free:
                if free and not self._stop.is_set():
                    chore()
        return report

    def _repeat(self, interval_s: float) -> None:
        while True:
            try:
                report = self.run()
            except (OkngError, OSError) as error:
                _log.warning("retention did not finish, and tries again later: %s", error)
            else:
                if report.removed:
                    _log.info("retention: %s", asdict(report))
                if report.over_bytes:
                    _log.warning(
                        "kept images have %d bytes more than their limit, all of them reviewed or "
                        "audited: raise the limit, or make room",
                        report.over_bytes,
                    )
            if self._stop.wait(interval_s):
                return

    def _by_age(self, report: RetentionReport) -> None:
        now = self._clock()
        for kind, verdicts, days in (
            (ImageKind.IMAGE, _OK, self._rules.ok_days),
            (ImageKind.THUMBNAIL, _OK, self._rules.ok_thumbnail_days),
            (ImageKind.IMAGE, _OTHERS, self._rules.other_days),
            (ImageKind.THUMBNAIL, _OTHERS, self._rules.other_days),
        ):
            rule = ImageRule(kind, verdicts, now - timedelta(days=days))
            for _ in self._batches(rule, report):
                pass

    def _by_size(self, report: RetentionReport) -> None:
        """Remove the oldest until the rest fits."""
        now = self._clock()
        for verdicts in (_OK, _OTHERS):
            for kind in (ImageKind.IMAGE, ImageKind.THUMBNAIL):
                if self._over_bytes() > 0:
                    for _ in self._batches(ImageRule(kind, verdicts, now), report):
                        if self._over_bytes() <= 0:
                            break
        report.over_bytes = max(0, self._over_bytes())

    def _over_bytes(self) -> int:
        return self._contents.size_bytes() - self._rules.max_bytes

    def _batches(self, rule: ImageRule, report: RetentionReport) -> Iterator[None]:
        """Remove what a rule lets go, a batch for each step."""
        audited: set[str] = set()
        while not self._stop.is_set():
            with self._exclusive() as free:
                if not free:
                    return
                found = self._images.removable(rule, BATCH + len(audited))
                fresh = [record for record in found if record.id not in audited]
                audited |= {record.id for record in fresh if self._is_audited(record.id)}
                batch = [record for record in fresh if record.id not in audited]
                if not fresh:
                    return
                if batch:
                    self._remove(rule.kind, batch, report)
            yield
            self._stop.wait(PAUSE_S)

    def _remove(
        self, kind: ImageKind, batch: Sequence[InspectionRecord], report: RetentionReport
    ) -> None:
        digests = self._images.remove_images(kind, [record.id for record in batch])
        if kind is ImageKind.IMAGE:
            report.images += len(batch)
        else:
            report.thumbnails += len(batch)
        for digest in digests:
            report.contents += self._contents.delete(digest)

    def _is_audited(self, inspection_id: str) -> bool:
        return bool(self._audit.newest(AuditFilter(subject=inspection_id), None, 1))

    def _remove_strays(self, report: RetentionReport) -> None:
        """Delete contents that no inspection refers to; each run looks at some, in turn."""
        seen = 0
        while seen < STRAYS_A_RUN and not self._stop.is_set():
            digests = list(islice(self._walk, BATCH))
            with self._exclusive() as free:
                if not free:
                    return
                for digest in digests:
                    if not self._images.images_in_use(digest) and self._contents.delete(digest):
                        report.strays += 1
            seen += len(digests)
            if len(digests) < BATCH:
                self._walk = self._contents.digests()
                return
            self._stop.wait(PAUSE_S)
