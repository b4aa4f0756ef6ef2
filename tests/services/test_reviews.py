from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.domain.errors import BadRequest, Forbidden, NotFound
from okng.domain.inspection import Inspection
from okng.domain.people import AuditEntry, Principal, Role
from okng.domain.records import InspectionRecord, Review
from okng.domain.verdict import Verdict
from okng.services.reviews import Reviews, defect_name

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REVIEWER = Principal("rob", Role.REVIEWER.rights)
OPERATOR = Principal("otto", Role.OPERATOR.rights)


class House:
    """The service with one inspection, `i-1`, and its reviews in memory."""

    def __init__(self) -> None:
        inspection = Inspection("a", Verdict.NG, "p", "p-1", "0", 1, 0.5, 0.6, NOW.isoformat())
        self.record = InspectionRecord("i-1", NOW, "line", inspection)
        self.kept: list[Review] = []
        self.audited: list[tuple[str, str, str, Mapping[str, object]]] = []
        numbers = count(1)
        self.service = Reviews(
            self, self, nullcontext, self, lambda: f"r-{next(numbers)}", lambda: NOW
        )

    def get(self, inspection_id: str) -> InspectionRecord:
        if inspection_id != "i-1":
            raise NotFound("there is no such inspection")
        return self.record

    def add_review(self, review: Review) -> Review:
        self.kept.append(review)
        return review

    def reviews(self, inspection_id: str) -> tuple[Review, ...]:
        return tuple(self.kept)

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        self.audited.append((actor, action, subject, details))
        return AuditEntry(1, NOW, actor, action, subject, "{}", "", "")


@pytest.fixture
def house() -> House:
    return House()


def test_a_review_is_kept_and_noted(house: House) -> None:
    """What a reviewer says is kept under his name and in the audit log."""
    review = house.service.review("i-1", Verdict.NG, " deep  scratch ", "at the rim\r\n", REVIEWER)
    assert review == Review("r-1", "i-1", NOW, "rob", Verdict.NG, "deep scratch", "at the rim")
    assert house.service.of("i-1", OPERATOR) == (review,)
    details = {"verdict": "NG", "defect": "deep scratch", "before": None}
    assert house.audited == [("rob", "inspection.review", "i-1", details)]


def test_who_may_review(house: House) -> None:
    """An operator does not judge the machine's verdicts; nothing is kept of the attempt."""
    with pytest.raises(Forbidden):
        house.service.review("i-1", Verdict.OK, None, "", OPERATOR)
    with pytest.raises(NotFound):
        house.service.review("i-2", Verdict.OK, None, "", REVIEWER)
    assert house.kept == house.audited == []


@pytest.mark.parametrize(
    ("verdict", "defect", "note", "said"),
    [
        (Verdict.REVIEW, None, "", "OK or NG"),
        (Verdict.ERROR, None, "", "OK or NG"),
        (Verdict.OK, "crack", "", "no defect"),
        (Verdict.NG, "", "", "cannot be a defect"),
        (Verdict.NG, "../crack", "", "cannot be a defect"),
        (Verdict.NG, ".hidden", "", "cannot be a defect"),
        (Verdict.NG, "crack.", "", "cannot be a defect"),
        (Verdict.NG, "a/b", "", "cannot be a defect"),
        (Verdict.NG, "a\0b", "", "cannot be a defect"),
        (Verdict.NG, "con", "", "cannot be a defect"),
        (Verdict.NG, "x" * 65, "", "cannot be a defect"),
        (Verdict.NG, "<b>", "", "cannot be a defect"),
        (Verdict.NG, "Good", "", "say OK"),
        (Verdict.NG, None, "x" * 2001, "note"),
        (Verdict.NG, None, "a\x1b[2J", "note"),
    ],
)
def test_what_a_review_cannot_say(
    house: House, verdict: Verdict, defect: str | None, note: str, said: str
) -> None:
    """A review says OK or NG; a defect's name could be a folder's; a note is plain text."""
    with pytest.raises(BadRequest, match=said):
        house.service.review("i-1", verdict, defect, note, REVIEWER)
    assert house.kept == []


@pytest.mark.parametrize("name", ["crack", "Kratzer tief", "划痕", "größe_2", "a.b-c", "7"])
def test_names_of_defects(name: str) -> None:
    """Letters of any script, digits, blanks and a few signs name a defect."""
    assert defect_name(name) == name


@given(st.text(max_size=70))
def test_a_kept_name_stays(text: str) -> None:
    """A name that was taken is taken again unchanged, and could be a folder's."""
    try:
        name = defect_name(text)
    except BadRequest:
        return
    assert defect_name(name) == name
    assert 1 <= len(name) <= 64
    assert not set(name) & set('/\\:*?"<>|\0\n')
