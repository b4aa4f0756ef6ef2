"""Review: what a person says of an inspection."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from okng.algorithms.pictures import mask_picture
from okng.algorithms.pixels import decode_mask
from okng.domain.dataset import GOOD
from okng.domain.errors import BadImage, BadRequest, Forbidden, NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.product import is_reserved
from okng.domain.records import InspectionRecord, Review
from okng.domain.verdict import Verdict

LONGEST_DEFECT = 64
LONGEST_NOTE = 2000
LONGEST_MASK = 700_000
"""Characters of base64; masks compress well: a brush's on 12 megapixels has some 50,000."""

_DEFECT = re.compile(r"[^\W_](?:[\w .-]*[\w])?")


class KnownInspections(Protocol):
    """Gives inspections back."""

    def get(self, inspection_id: str) -> InspectionRecord: ...


class ReviewStore(Protocol):
    """Keeps reviews."""

    def add_review(self, review: Review) -> Review: ...

    def reviews(self, inspection_id: str) -> tuple[Review, ...]: ...

    def withdraw(self, review_id: str, at: datetime) -> Review: ...


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
        self,
        inspection_id: str,
        verdict: Verdict,
        defect: str | None,
        note: str,
        by: Principal,
        mask_png: str | None = None,
    ) -> Review:
        """Say what a part really was: OK or NG, with which defect, and where that is.

        `mask_png` is base64 of a PNG of the image's size, not black where the defect is.

        Raises:
            Forbidden: the right to review is not there.
            NotFound: there is no such inspection.
            BadRequest: it is neither, or the defect's name, the note or the mask cannot be kept.
        """
        by.require(Right.REVIEW)
        if verdict not in (Verdict.OK, Verdict.NG):
            raise BadRequest(f"a review says OK or NG, not {verdict.value}")
        if defect is not None and verdict is Verdict.OK:
            raise BadRequest("a part that is OK has no defect: leave the defect out, or say NG")
        if mask_png is not None and verdict is Verdict.OK:
            raise BadRequest("a part that is OK has no defect to mark: leave the mask out")
        defect = None if defect is None else defect_name(defect)
        note = _checked_note(note)
        if mask_png is not None:
            mask_png = _checked_mask(mask_png, self._inspections.get(inspection_id))
        review = Review(
            self._new_id(), inspection_id, self._clock(), by.name, verdict, defect, note, mask_png
        )
        with self._transactions():
            before = self._inspections.get(inspection_id).reviewed
            kept = self._store.add_review(review)
            details: dict[str, object] = {
                "verdict": verdict.value, "defect": defect, "before": before
            }  # fmt: skip
            if mask_png is not None:
                details["marked"] = True
            self._audit.append(by.name, "inspection.review", inspection_id, details)
        return kept

    def withdraw(self, inspection_id: str, review_id: str, by: Principal) -> Review:
        """Take back what one has said oneself; it is kept, but no longer counts.

        Raises:
            Forbidden: the right to review is not there, or somebody else said it.
            NotFound: the inspection has no such review.
            Conflict: it is withdrawn already.
        """
        by.require(Right.REVIEW)
        review = self._one(inspection_id, review_id)
        if review.reviewer != by.name:
            raise Forbidden(
                f"{review.reviewer} said this, and alone can take it back: review it anew instead"
            )
        with self._transactions():
            withdrawn = self._store.withdraw(review_id, self._clock())
            details = {"review": review_id, "verdict": review.verdict.value}
            self._audit.append(by.name, "inspection.review.withdraw", inspection_id, details)
        return withdrawn

    def mask(self, inspection_id: str, review_id: str, by: Principal) -> bytes:
        """Return where a review marks the defect: a grey PNG of the image's size.

        Raises:
            NotFound: the inspection has no such review, or that marks nothing.
        """
        by.require(Right.READ)
        review = self._one(inspection_id, review_id)
        if review.mask_png is None:
            raise NotFound("this review marks no place")
        return base64.b64decode(review.mask_png)

    def _one(self, inspection_id: str, review_id: str) -> Review:
        self._inspections.get(inspection_id)
        for review in self._store.reviews(inspection_id):
            if review.id == review_id:
                return review
        raise NotFound(f"the inspection {inspection_id} has no review {review_id}")

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


def _checked_mask(mask_png: str, record: InspectionRecord) -> str:
    """Return a mask as it is kept, written anew so that nothing foreign is.

    Raises:
        BadRequest: it is no picture, marks nothing, or is not of the image's size.
    """
    if len(mask_png) > LONGEST_MASK:
        raise BadRequest(f"the mask has more than {LONGEST_MASK:,} characters: mark it coarser")
    width, height = record.inspection.image_width, record.inspection.image_height
    if width is None or height is None:
        raise BadRequest("this image was not inspected, so that nothing on it can be marked")
    try:
        mask = decode_mask(base64.b64decode(mask_png, validate=True), width * height)
    except (binascii.Error, ValueError, BadImage) as error:
        raise BadRequest(f"the mask is no PNG in base64 ({error}): draw it again") from error
    if mask.shape != (height, width):
        raise BadRequest(
            f"the mask is {mask.shape[1]} x {mask.shape[0]}, the image {width} x {height}: draw it "
            "on the image as it came"
        )
    if not mask.any():
        raise BadRequest("the mask marks nothing: leave it out")
    return base64.b64encode(mask_picture(mask)).decode("ascii")
