"""Reads, verifies and anchors the audit log."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from okng.algorithms.audit_chain import verify
from okng.domain.errors import BadRequest
from okng.domain.people import Anchor, AuditCheck, AuditEntry, Principal, Right
from okng.domain.people_ports import AnchorFile, AnchorStore, AuditFilter, Transactions
from okng.domain.records import Page

_MOST_ON_A_PAGE = 500


@dataclass(frozen=True)
class Audit:
    """The audit log, for administrators."""

    store: AnchorStore
    transaction: Transactions
    anchors: AnchorFile | None = None
    interval: timedelta = timedelta(hours=1)

    def page(
        self, by: Principal, wanted: AuditFilter, cursor: str | None = None, limit: int = 50
    ) -> Page[AuditEntry]:
        """Return entries, newest first.

        Raises:
            Forbidden: it takes an administrator.
            BadRequest: the cursor is not one.
        """
        by.require(Right.ADMINISTER)
        limit = max(1, min(limit, _MOST_ON_A_PAGE))
        found = self.store.newest(wanted, _number(cursor), limit + 1)
        more = len(found) > limit
        return Page(tuple(found[:limit]), str(found[limit - 1].number) if more else None)

    def verify(self, by: Principal) -> AuditCheck:
        """Compare every entry with the chain, and with the anchors where there are any.

        Raises:
            Forbidden: it takes an administrator.
            BadSetting: the anchors cannot be read.
        """
        by.require(Right.ADMINISTER)
        anchors = self.anchors.read() if self.anchors is not None else []
        return verify(self.store.entries(), anchors)

    def anchor_if_due(self, now: datetime) -> Anchor | None:
        """Copy the log's head to the anchor file, where an interval has passed and it is new.

        To be called now and then; several processes may. Returns what was written.

        Raises:
            BadSetting: the file cannot be written.
        """
        if self.anchors is None:
            return None
        with self.transaction():
            last, head = self.store.hold_anchor(), self.store.head()
            if head is None or (
                last is not None and (last.hash == head.hash or abs(now - last.at) < self.interval)
            ):
                return None
            anchor = Anchor(now, head.number, head.hash)
            self.anchors.append(anchor)
            self.store.set_anchor(anchor)
            return anchor


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise BadRequest("this cursor comes from no page of the audit log: begin without one")
    return int(cursor)
