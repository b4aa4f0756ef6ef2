"""Review: what a person says of an inspection."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from okng.domain.dataset import GOOD
from okng.domain.errors import BadRequest
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.product import is_reserved
from okng.domain.records import InspectionRecord, Review
from okng.domain.verdict import Verdict

LONGEST_DEFECT = 64
LONGEST_NOTE = 2000

_DEFECT = re.compile(r"[^\W_](?:[\w .-]*[\w])?")


class KnownInspections(Protocol):
    """Gives inspections back."""

    def get(self, inspection_id: str) -> InspectionRecord: ...


class ReviewStore(Protocol):
    """Keeps reviews."""

    def add_review(self, review: Review) -> Review: ...

    def reviews(self, inspection_id: str) -> tuple[Review, ...]: ...


class Reviews:
    """Takes note of reviews; a later one replaces an earlier one, both are kept."""

    def __init__(
        self,
        inspections: KnownInspections,
        store: ReviewStore,
        transactions: Transactions,
        audit: AuditLog,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._inspections = inspections
        self._store = store
        self._transactions = transactions
        self._audit = audit
        self._new_id = new_id
        self._clock = clock

    def review(
        self, inspection_id: str, verdict: Verdict, defect: str | None, note: str, by: Principal
    ) -> Review:
        """Say what a part really was: OK or NG, and with which defect.

        Raises:
            Forbidden: the right to review is not there.
            NotFound: there is no such inspection.
            BadRequest: it is neither, or the defect's name or the note cannot be kept.
        """
        by.require(Right.REVIEW)
        if verdict not in (Verdict.OK, Verdict.NG):
            raise BadRequest(f"a review says OK or NG, not {verdict.value}")
        if defect is not None and verdict is Verdict.OK:
            raise BadRequest("a part that is OK has no defect: leave the defect out, or say NG")
        defect = None if defect is None else defect_name(defect)
        note = _checked_note(note)
        review = Review(
            self._new_id(), inspection_id, self._clock(), by.name, verdict, defect, note
        )
        with self._transactions():
            before = self._inspections.get(inspection_id).reviewed
            kept = self._store.add_review(review)
            details = {"verdict": verdict.value, "defect": defect, "before": before}
            self._audit.append(by.name, "inspection.review", inspection_id, details)
        return kept

    def of(self, inspection_id: str, by: Principal) -> tuple[Review, ...]:
        """Return an inspection's reviews, oldest first.

        Raises:
            NotFound: there is no such inspection.
        """
        by.require(Right.READ)
        self._inspections.get(inspection_id)
        return self._store.reviews(inspection_id)


def defect_name(text: str) -> str:
    """Return a defect's name as it is kept: it may become a folder of a dataset.

    Letters of any script, digits, blanks and `- _ .`, blanks single, in Unicode's form NFC.

    Raises:
        BadRequest: it cannot be one.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if len(name) > LONGEST_DEFECT or not _DEFECT.fullmatch(name) or is_reserved(name):
        raise BadRequest(
            f"{text[:100]!r} cannot be a defect's name: use up to {LONGEST_DEFECT} letters, "
            "digits, blanks, '-', '_' and '.', starting with a letter or digit"
        )
    if name.casefold() == GOOD:
        raise BadRequest(f"{name!r} is no defect: say OK instead")
    return name


def _checked_note(note: str) -> str:
    """Return a note without blanks around it; it may have several lines.

    Raises:
        BadRequest: it is too long, or holds control characters.
    """
    note = note.replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise BadRequest(f"the note has {len(note)} characters: at most {LONGEST_NOTE} are kept")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in note):
        raise BadRequest("the note holds control characters: send plain text")
    return note
