import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

import numpy as np
import pytest
from PIL import Image

from okng.domain.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    OkngError,
    TooLarge,
    TooMany,
    Unavailable,
)
from okng.domain.people import Principal, Right, Role
from okng.domain.ports import Runtime
from okng.domain.records import Context, InspectionRecord
from okng.domain.verdict import Verdict
from okng.services.inspection_pool import InspectionPool, PoolOptions
from okng.services.inspections import InspectAndKeep, Keep, Kept
from okng.services.trigger import Trigger
from okng.testing.models import tiny_model
from okng.testing.stores import MemoryStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = Principal("line", Role.OPERATOR.rights)
OTHER = Principal("other", Role.OPERATOR.rights)
OK_LEVEL, REVIEW_LEVEL, NG_LEVEL = 150, 200, 230


def png(level: int, side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


class Records:
    """Keeps inspections in memory; `fault` is raised instead where it is set."""

    def __init__(self) -> None:
        self.kept: list[InspectionRecord] = []
        self.fault: OkngError | None = None
        self.hide_keys = False
        self._lock = threading.Lock()

    def add(self, record: InspectionRecord) -> InspectionRecord:
        with self._lock:
            if self.fault is not None:
                raise self.fault
            earlier = self._find(record.actor, record.key)
            if earlier is not None:
                return earlier
            self.kept.append(record)
            return record

    def by_key(self, actor: str, key: str) -> InspectionRecord | None:
        with self._lock:
            return None if self.hide_keys else self._find(actor, key)

    def _find(self, actor: str, key: str | None) -> InspectionRecord | None:
        found = (r for r in self.kept if key is not None and (r.actor, r.key) == (actor, key))
        return next(found, None)


class Contents(dict[str, bytes]):
    def put(self, data: bytes) -> str:
        digest = sha256(data).hexdigest()
        self[digest] = data
        return digest


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def contents() -> Contents:
    return Contents()


@pytest.fixture
def pool(runtime: Runtime) -> Iterator[InspectionPool]:
    store = MemoryStore()
    store.add("tiny", lambda version: tiny_model(version=version))
    pool = InspectionPool(store, runtime, PoolOptions(workers=2))
    yield pool
    pool.close()


@pytest.fixture
def service(pool: InspectionPool, records: Records, contents: Contents) -> InspectAndKeep:
    return make(pool, records, contents)


def make(
    pool: InspectionPool, records: Records, contents: Contents, keep: Keep | None = None
) -> InspectAndKeep:
    numbers = count(1)
    return InspectAndKeep(
        pool, records, contents, lambda: f"id-{next(numbers)}", lambda: NOW, keep, most_in_batch=4
    )


def inspections_of(pool: InspectionPool) -> int:
    return pool.statistics().stages["graph"].count


def test_an_answer_is_stored_before_it_is_given(service: InspectAndKeep, records: Records) -> None:
    """The answer is the stored record, with its context; the map is for the asker alone."""
    context = Context(part_id=" P-17 ", lot="", camera="top")
    kept = service.inspect("tiny", Trigger(png(NG_LEVEL), "a.png", context), LINE)
    assert records.kept == [kept.record]
    assert kept.record.context == Context(part_id="P-17", camera="top")
    assert (kept.record.actor, kept.record.at, kept.record.id) == ("line", NOW, "id-1")
    assert kept.inspection == kept.record.inspection
    assert kept.inspection.verdict is Verdict.NG
    assert kept.inspection.prediction is not None
    assert kept.inspection.prediction.anomaly_map.shape == (8, 8)
    assert kept.record.inspection.prediction is not None
    assert kept.record.inspection.prediction.anomaly_map.size == 0
    assert kept.record.inspection.regions == kept.inspection.regions != ()


@pytest.mark.parametrize(
    ("level", "keeps_image", "keeps_thumbnail"),
    [(OK_LEVEL, False, True), (REVIEW_LEVEL, True, False), (NG_LEVEL, True, False)],
)
def test_what_is_kept_of_an_image(
    service: InspectAndKeep,
    contents: Contents,
    level: int,
    keeps_image: bool,
    keeps_thumbnail: bool,
) -> None:
    """Of a good part a small picture is kept, of others the image as it came."""
    image = png(level, 600)
    record = service.inspect("tiny", Trigger(image), LINE).record
    assert (record.image is not None, record.thumbnail is not None) == (
        keeps_image,
        keeps_thumbnail,
    )
    if record.image is not None:
        assert contents[record.image] == image
    if record.thumbnail is not None:
        small = Image.open(io.BytesIO(contents[record.thumbnail]))
        assert (small.format, small.size) == ("JPEG", (256, 256))
        assert small.getpixel((100, 100)) == pytest.approx((level, level, level), abs=2)


def test_the_keep_policy_decides(
    pool: InspectionPool, records: Records, contents: Contents
) -> None:
    """Nothing is kept where the policy keeps nothing; all of it where it keeps all."""
    nothing = make(pool, records, contents, Keep(frozenset(), frozenset()))
    assert nothing.inspect("tiny", Trigger(png(NG_LEVEL)), LINE).record.image is None
    assert contents == {}
    everything = make(pool, records, contents, Keep(frozenset(Verdict), frozenset(Verdict), 4))
    record = everything.inspect("tiny", Trigger(png(OK_LEVEL)), LINE).record
    assert set(contents) == {record.image, record.thumbnail}


def test_raw_pixels_are_kept_whole(service: InspectAndKeep, contents: Contents) -> None:
    """Pixels that came without a file are kept as PNG, each as it was."""
    pixels = np.random.default_rng(1).integers(230, 256, (9, 7, 3)).astype(np.uint8)
    record = service.inspect("tiny", Trigger(pixels), LINE).record
    assert record.inspection.verdict is Verdict.NG
    assert record.image is not None
    assert (np.array(Image.open(io.BytesIO(contents[record.image]))) == pixels).all()


def test_a_broken_image_is_recorded_and_not_kept(
    service: InspectAndKeep, records: Records, contents: Contents
) -> None:
    """What cannot be decoded is an ERROR on record; its bytes are nobody's picture."""
    kept = service.inspect("tiny", Trigger(b"<svg onload='x'/>", "x.png"), LINE)
    assert kept.record.inspection.verdict is Verdict.ERROR
    assert records.kept == [kept.record]
    assert contents == {}


def test_without_the_right_nothing_happens(service: InspectAndKeep, records: Records) -> None:
    """Whoever may only read cannot inspect, alone or in a batch."""
    reader = Principal("reader", frozenset({Right.READ}))
    with pytest.raises(Forbidden):
        service.inspect("tiny", Trigger(png(OK_LEVEL)), reader)
    with pytest.raises(Forbidden):
        service.inspect_batch("tiny", [], reader)
    assert records.kept == []


def test_an_answer_that_is_not_stored_is_not_given(
    service: InspectAndKeep, records: Records
) -> None:
    """Where storing fails the caller gets the error; the same key may be tried again."""
    records.fault = Unavailable("the disk is full")
    with pytest.raises(Unavailable, match="the disk is full"):
        service.inspect("tiny", Trigger(png(OK_LEVEL), key="k"), LINE)
    records.fault = None
    assert not service.inspect("tiny", Trigger(png(OK_LEVEL), key="k"), LINE).repeated


def test_a_repeated_key_is_not_inspected_again(
    service: InspectAndKeep, records: Records, pool: InspectionPool
) -> None:
    """A retry gets the first answer; another actor's key is another key."""
    first = service.inspect("tiny", Trigger(png(NG_LEVEL), key="k1"), LINE)
    again = service.inspect("tiny", Trigger(png(NG_LEVEL), key="k1"), LINE)
    assert again.repeated
    assert not first.repeated
    assert again.record == first.record
    assert inspections_of(pool) == 1
    assert not service.inspect("tiny", Trigger(png(NG_LEVEL), key="k1"), OTHER).repeated
    assert len(records.kept) == 2


def test_concurrent_requests_with_one_key_inspect_once(
    service: InspectAndKeep, records: Records, pool: InspectionPool
) -> None:
    """However many send the same key at the same time, one inspection is made and all get it."""
    ready = threading.Barrier(8)

    def send(_: int) -> Kept:
        ready.wait()
        return service.inspect("tiny", Trigger(png(OK_LEVEL), key="same"), LINE)

    for round_ in range(5):
        records.kept.clear()
        with ThreadPoolExecutor(8) as executor:
            answers = list(executor.map(send, range(8)))
        assert inspections_of(pool) == round_ + 1
        assert len({answer.record.id for answer in answers}) == len(records.kept) == 1
        assert sum(not answer.repeated for answer in answers) == 1
    assert service._turns._turns == {}


def test_the_store_has_the_last_word_on_a_key(service: InspectAndKeep, records: Records) -> None:
    """Where another process was faster with the key, its answer is given."""
    first = service.inspect("tiny", Trigger(png(OK_LEVEL), key="k"), LINE)
    records.hide_keys = True
    again = service.inspect("tiny", Trigger(png(OK_LEVEL), key="k"), LINE)
    assert again.repeated
    assert again.record == first.record
    assert len(records.kept) == 1


def test_a_key_stands_for_one_image(service: InspectAndKeep) -> None:
    """A key that was used for another image or product is refused, not answered wrongly."""
    service.inspect("tiny", Trigger(png(NG_LEVEL), key="k"), LINE)
    with pytest.raises(Conflict, match="new key"):
        service.inspect("tiny", Trigger(png(NG_LEVEL + 1), key="k"), LINE)
    with pytest.raises(Conflict, match="new key"):
        service.inspect("cap", Trigger(png(NG_LEVEL), key="k"), LINE)
    assert service.inspect("tiny@champion", Trigger(png(NG_LEVEL), key="k"), LINE).repeated


def test_a_batch_answers_each(
    service: InspectAndKeep, records: Records, pool: InspectionPool
) -> None:
    """Each image of a batch has its own answer, in order; one that is refused spoils no other."""
    triggers = [
        Trigger(png(OK_LEVEL), "0", key="a"),
        Trigger(b"broken", "1"),
        Trigger(png(NG_LEVEL), "2"),
        Trigger(png(OK_LEVEL), "3", key="a"),
    ]
    answers = service.inspect_batch("tiny", triggers, LINE)
    kept = [answer for answer in answers if isinstance(answer, Kept)]
    assert [answer.record.inspection.image for answer in kept] == ["0", "1", "2", "0"]
    assert [answer.record.inspection.verdict.value for answer in kept] == [
        "OK",
        "ERROR",
        "NG",
        "OK",
    ]
    assert len(records.kept) == 3
    assert service.inspect_batch("tiny", [], LINE) == ()
    with pytest.raises(TooLarge, match="at most 4"):
        service.inspect_batch("tiny", [*triggers, Trigger(png(OK_LEVEL))], LINE)
    missing = service.inspect_batch("nothing", triggers[1:3], LINE)
    assert [type(answer) for answer in missing] == [NotFound, NotFound]


def test_a_full_queue_comes_through(
    service: InspectAndKeep, pool: InspectionPool, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the pool has no room the sender learns it; nothing is recorded."""

    def full(*_: object, **__: object) -> None:
        raise TooMany("the queue is full", 2)

    monkeypatch.setattr(pool, "submit", full)
    with pytest.raises(TooMany):
        service.inspect("tiny", Trigger(png(OK_LEVEL)), LINE)
    assert records.kept == []


@pytest.mark.parametrize("field", ["part_id", "lot", "view", "camera", "station"])
@pytest.mark.parametrize("text", ["x" * 201, "a\nb", "a\0", "\x1b[2J", "\u202eabc", "\ud800"])
def test_context_that_cannot_be_kept(field: str, text: str) -> None:
    """Too long texts and control characters in the context are refused, and the field is named."""
    with pytest.raises(BadRequest, match=field):
        Trigger(b"", context=replace(Context(), **{field: text}))


def test_context_that_can_be_kept() -> None:
    """Any script and 200 characters are fine; blanks around go, and empty is None."""
    context = Context("ü" * 200, " 批次 7 ", "   ", "<b>top</b>")
    assert Trigger(b"", context=context).context == Context("ü" * 200, "批次 7", None, "<b>top</b>")


@pytest.mark.parametrize("key", ["", " ", "k" * 201, "a\tb"])
def test_keys_that_cannot_be(key: str) -> None:
    """An idempotency key is a short line of text."""
    with pytest.raises(BadRequest, match="idempotency key"):
        Trigger(b"", key=key)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.png", "a.png"),
        ("/etc/passwd", "passwd"),
        ("C:\\images\\a.png", "a.png"),
        ("../..", ".."),
        ("a\nb\x00.png", "a?b?.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("<img src=x>.png", "<img src=x>.png"),
    ],
)
def test_names_are_for_people_only(name: str, kept: str) -> None:
    """Of a file's name the last part is kept, printable; it is text, never a path."""
    assert Trigger(b"", name).name == kept
