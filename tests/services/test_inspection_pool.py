import io
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.arrays import Array, Floats
from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel, BadSetting, NotFound, OkngError, TooMany, Unavailable
from okng.domain.model import CHAMPION, Model
from okng.domain.ports import Runtime, Session
from okng.domain.verdict import Policy, Verdict
from okng.services.inspect import Inspector
from okng.services.inspection_pool import Answer, InspectionPool, PoolOptions
from okng.testing.models import tiny_calibration, tiny_model
from okng.testing.stores import MemoryStore

Start = Callable[..., InspectionPool]


def plain(level: int) -> np.ndarray:
    return np.full((8, 8, 3), level, np.uint8)


def png(level: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(plain(level)).save(file, "PNG")
    return file.getvalue()


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class HeldRuntime:
    """Runs graphs as `inner` does, but only while `go` is set; counts loads and running threads."""

    name = label = "held"

    def __init__(self, inner: Runtime) -> None:
        self._inner = inner
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Semaphore(0)
        self.loads = 0
        self.fault: Exception | None = None

    def load(self, graph: bytes) -> Session:
        self.loads += 1
        session, held = self._inner.load(graph), self

        class Held:
            owner: int | None = None

            def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
                held.entered.release()
                assert held.go.wait(10)
                if held.fault is not None:
                    raise held.fault
                self.owner = self.owner or threading.get_ident()
                assert self.owner == threading.get_ident(), "a session is used by two threads"
                return session.run(inputs)

        return Held()


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.add("tiny", lambda version: tiny_model(version=version))
    return store


@pytest.fixture
def held(runtime: Runtime) -> HeldRuntime:
    return HeldRuntime(runtime)


@pytest.fixture
def start(store: MemoryStore, held: HeldRuntime) -> Iterator[Start]:
    """Return what starts a pool; all are closed at the end."""
    pools: list[InspectionPool] = []

    def begin(clock: Callable[[], float] = time.monotonic, **options: float) -> InspectionPool:
        pools.append(InspectionPool(store, held, PoolOptions(**options), clock))  # type: ignore[arg-type]
        return pools[-1]

    yield begin
    held.go.set()
    for pool in pools:
        pool.close(5)


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def errors_of(answers: list["Future[Answer]"]) -> list[str | None]:
    return [answer.result(5).inspection.error for answer in answers]


def test_an_answer_is_what_the_inspector_says(
    start: Start, store: MemoryStore, runtime: Runtime
) -> None:
    """The pool adds nothing to an inspection and takes nothing away, decoding time included."""
    model = store.load("tiny")
    for level in (150, 200, 230):
        answer = start().submit("tiny", png(level), "a.png").result(5)
        bare = Inspector(model, runtime.load(model.graph)).inspect(png(level), "a.png")
        found = answer.inspection
        assert replace(found, time=bare.time, timing=bare.timing) == bare
        assert found.timing is not None
        assert found.timing.decode_ms > 0
        assert answer.queue_ms >= 0
        assert answer.pixels is not None
        assert (answer.pixels == level).all()


def test_concurrent_requests_are_not_mixed_up(start: Start, held: HeldRuntime) -> None:
    """Each of many requests from many threads gets the answer to its own image."""
    pool = start(workers=3, queue_size=1000)
    levels = [random.Random(1).randrange(256) for _ in range(300)]
    answers = [pool.submit("tiny", plain(level), str(i)) for i, level in enumerate(levels)]
    for i, (level, answer) in enumerate(zip(levels, answers, strict=True)):
        found = answer.result(10).inspection
        assert found.image == str(i)
        assert found.score == pytest.approx(abs(level / 127.5 - 1), abs=1e-6)
    statistics = pool.statistics()
    assert sum(statistics.verdicts.values()) == 300
    assert statistics.stages["graph"].count == 300
    assert statistics.stages["queue"].count == 300
    assert held.loads <= 3
    assert (statistics.queued, statistics.busy) == (0, 0)


def test_the_alias_moves_under_load(start: Start, store: MemoryStore) -> None:
    """No request fails while the champion changes, and no score comes from another model than
    the inspection names."""
    store.add("tiny", lambda version: tiny_model(version=version, gain=2.0))
    store.aliases["tiny", CHAMPION] = 1
    pool = start(workers=2, queue_size=10_000)
    ended = threading.Event()
    answers: list[Future[Answer]] = []

    def send() -> None:
        while not ended.is_set():
            answers.append(pool.submit("tiny", plain(150)))
            time.sleep(0.0005)

    sender = threading.Thread(target=send)
    sender.start()
    for version in (2, 1, 2, 1, 2):
        time.sleep(0.05)
        pool.prepare(f"tiny-{version}")
        store.aliases["tiny", CHAMPION] = version
        pool.invalidate()
        after = pool.submit("tiny", plain(150)).result(5).inspection
        assert after.model == f"tiny-{version}"
    ended.set()
    sender.join()
    scores = {"tiny-1": 22.5 / 127.5, "tiny-2": 2 * 22.5 / 127.5}
    graphs = {name: store.load(name).manifest.calibration.graph_sha256 for name in scores}
    seen = set()
    for answer in answers:
        found = answer.result(5).inspection
        assert found.error is None
        assert found.score == pytest.approx(scores[found.model], abs=1e-5)
        assert found.graph_sha256 == graphs[found.model]
        seen.add(found.model)
    assert seen == set(scores)


def test_promotion_and_roll_back_on_disk(held: HeldRuntime, tmp_path: Path) -> None:
    """With the real store, promotion, roll-back, deletion and calibration count at once."""
    store = FolderModelStore(tmp_path)
    for gain in (1.0, 2.0, 3.0):
        store.add("tiny", lambda version, gain=gain: tiny_model(version=version, gain=gain))
    pool = InspectionPool(store, held, PoolOptions(workers=2, refresh_seconds=60))
    answers = []

    def after(change: Callable[[], object]) -> tuple[str, int]:
        answers.extend(pool.submit("tiny", plain(150)) for _ in range(20))
        change()
        pool.invalidate()
        found = pool.submit("tiny", plain(150)).result(5).inspection
        return found.model, found.calibration

    graph = store.manifest("tiny-2").calibration.graph_sha256
    assert after(lambda: None) == ("tiny-3", 1)
    assert after(lambda: store.promote("tiny-1")) == ("tiny-1", 1)
    assert after(lambda: store.promote("tiny-2")) == ("tiny-2", 1)
    new = tiny_calibration(graph, threshold=0.3)
    assert after(lambda: store.add_calibration("tiny-2", new)) == ("tiny-2", 2)
    assert after(lambda: store.roll_back("tiny")) == ("tiny-1", 1)
    assert after(lambda: store.set_aside("tiny-1", force=True)) == ("tiny-3", 1)
    assert errors_of(answers) == [None] * 120
    pool.close()


def test_a_request_in_flight_ends_on_the_old_model(
    start: Start, store: MemoryStore, held: HeldRuntime
) -> None:
    """What a worker has begun when the alias moves is answered by the model it began with."""
    store.add("tiny", lambda version: tiny_model(version=version, gain=2.0))
    store.aliases["tiny", CHAMPION] = 1
    pool = start()
    held.go.clear()
    begun = pool.submit("tiny", plain(150))
    assert held.entered.acquire(timeout=5)
    later = pool.submit("tiny", plain(150))
    store.aliases["tiny", CHAMPION] = 2
    pool.invalidate()
    held.go.set()
    assert begun.result(5).inspection.model == "tiny-1"
    assert later.result(5).inspection.model == "tiny-2"


def test_a_foreign_change_is_seen_in_time(start: Start, store: MemoryStore) -> None:
    """An alias that another process moves counts once the refresh time has passed."""
    store.add("tiny", lambda version: tiny_model(version=version, gain=2.0))
    store.aliases["tiny", CHAMPION] = 1
    clock = Clock()
    pool = start(clock, refresh_seconds=1.0)
    assert pool.submit("tiny", plain(150)).result(5).inspection.model == "tiny-1"
    store.aliases["tiny", CHAMPION] = 2
    assert pool.submit("tiny", plain(150)).result(5).inspection.model == "tiny-1"
    clock.now += 1.5
    assert pool.submit("tiny", plain(150)).result(5).inspection.model == "tiny-2"


def test_a_new_calibration_needs_no_new_session(
    start: Start, store: MemoryStore, held: HeldRuntime
) -> None:
    """A new calibration decides from the next request on; the graph is not loaded again."""
    pool = start()
    assert pool.submit("tiny", plain(150)).result(5).inspection.verdict is Verdict.OK
    graph = store.load("tiny").manifest.calibration.graph_sha256
    store.add_calibration("tiny-1", tiny_calibration(graph, threshold=0.1))
    pool.invalidate()
    found = pool.submit("tiny", plain(150)).result(5).inspection
    assert (found.verdict, found.calibration) == (Verdict.NG, 2)
    old = pool.submit("tiny", plain(150), calibration=1).result(5).inspection
    assert (old.verdict, old.calibration) == (Verdict.OK, 1)
    assert held.loads == 1


def test_policies_do_not_meet(start: Start) -> None:
    """Requests for one model with different policies are decided each by its own."""
    pool = start()
    doubtful = plain(200)
    strict = Policy(review=False)
    for _ in range(3):
        assert pool.submit("tiny", doubtful).result(5).inspection.verdict is Verdict.REVIEW
        answer = pool.submit("tiny", doubtful, policy=strict).result(5)
        assert answer.inspection.verdict is Verdict.NG


def test_a_full_queue_refuses_at_once(start: Start, held: HeldRuntime) -> None:
    """Beyond its size the queue takes nothing, says when to try again, and loses nothing."""
    pool = start(queue_size=3)
    held.go.clear()
    answers = [pool.submit("tiny", plain(150))]
    assert held.entered.acquire(timeout=5)
    answers += [pool.submit("tiny", plain(150)) for _ in range(3)]
    with pytest.raises(TooMany, match="try again in 1 s") as refused:
        pool.submit("tiny", plain(150))
    assert refused.value.retry_seconds == 1
    assert pool.statistics().refused == 1
    assert pool.statistics().queued == 3
    held.go.set()
    assert errors_of(answers) == [None] * 4


def test_what_waited_too_long_is_an_error(start: Start, held: HeldRuntime) -> None:
    """A request whose time runs out while every worker is stuck gets its ERROR meanwhile."""
    clock = Clock()
    pool = start(clock, deadline_ms=500)
    held.go.clear()
    begun = pool.submit("tiny", plain(150), "begun")
    assert held.entered.acquire(timeout=5)
    late = pool.submit("tiny", plain(150), "late")
    patient = pool.submit("tiny", plain(150), "patient", deadline_ms=60_000)
    clock.now += 0.6
    found = late.result(5).inspection
    assert not begun.done()
    assert (found.verdict, found.image, found.model) == (Verdict.ERROR, "late", "tiny-1")
    assert found.score is None
    assert found.error is not None
    assert "waited 600 ms" in found.error
    held.go.set()
    assert errors_of([begun, patient]) == [None, None]
    assert pool.statistics().expired == 1


def test_a_damaged_model_hurts_nobody_else(
    start: Start, store: MemoryStore, held: HeldRuntime, runtime: Runtime
) -> None:
    """A graph that cannot be loaded is an ERROR for each request of it; others go on."""
    sound = tiny_model("bad")
    store.models["bad"] = [replace(sound, graph=b"no graph")]
    store._calibrations["bad-1"] = [sound.manifest.calibration]
    clock = Clock()
    pool = start(clock)
    for _ in range(3):
        found = pool.submit("bad", plain(150)).result(5).inspection
        assert found.verdict is Verdict.ERROR
        assert found.error is not None
        assert "cannot load this graph" in found.error
        assert pool.submit("tiny", plain(150)).result(5).inspection.verdict is Verdict.OK
    assert held.loads == 2  # tried once, not for each request
    store.models["bad"] = [sound]
    clock.now += 10
    assert pool.submit("bad", plain(150)).result(5).inspection.verdict is Verdict.OK


def test_an_unknown_model_is_no_inspection(start: Start) -> None:
    """Nothing was inspected where there is no such model or calibration: the error says so."""
    pool = start()
    with pytest.raises(NotFound):
        pool.submit("nothing", plain(150)).result(5)
    with pytest.raises(NotFound):
        pool.submit("tiny", plain(150), calibration=9).result(5)
    assert pool.statistics().verdicts == {}


def test_a_broken_image_is_an_error(start: Start) -> None:
    """Bytes that are no image, and pixels of a wrong shape, get the verdict ERROR."""
    pool = start()
    answers = [
        pool.submit("tiny", b"no image").result(5),
        pool.submit("tiny", png(150)[:40]).result(5),
        pool.submit("tiny", np.zeros((8, 8), np.uint8)).result(5),
    ]
    for answer in answers:
        assert answer.inspection.verdict is Verdict.ERROR
        assert answer.inspection.error
        assert answer.pixels is None


@pytest.mark.filterwarnings("default")
def test_a_fault_in_the_runtime_is_an_error(start: Start, held: HeldRuntime) -> None:
    """What nobody foresaw becomes an ERROR that names it, and the worker lives on."""
    pool = start()
    held.fault = ZeroDivisionError("by nobody")
    found = pool.submit("tiny", plain(150)).result(5).inspection
    assert found.verdict is Verdict.ERROR
    assert found.error is not None
    assert "ZeroDivisionError: by nobody" in found.error
    held.fault = None
    assert pool.submit("tiny", plain(150)).result(5).inspection.verdict is Verdict.OK


def test_idle_models_are_unloaded(start: Start, store: MemoryStore, held: HeldRuntime) -> None:
    """A model not used for long goes, one in use stays, and the one gone comes back if needed."""
    store.add("other", lambda version: tiny_model("other", version, gain=3.0))
    clock = Clock()
    pool = start(clock, idle_seconds=100)
    pool.submit("tiny", plain(150)).result(5)
    clock.now += 60
    pool.submit("other", plain(150)).result(5)
    assert set(pool.statistics().models) == {"tiny-1", "other-1"}
    clock.now += 60
    pool.submit("other", plain(150)).result(5)
    eventually(lambda: set(pool.statistics().models) == {"other-1"})
    assert pool.submit("tiny", plain(150)).result(5).inspection.error is None
    assert held.loads == 3


def test_a_pool_at_rest_unloads(start: Start) -> None:
    """Models go without any request coming."""
    pool = start(idle_seconds=0.05)
    pool.submit("tiny", plain(150)).result(5)
    eventually(lambda: not pool.statistics().models)


def test_no_more_models_than_allowed(start: Start, store: MemoryStore) -> None:
    """A worker keeps the models used last, up to the limit."""
    for name in ("b", "c"):
        store.add(name, lambda version, name=name: tiny_model(name, version))
    clock = Clock()
    pool = start(clock, most_models=2)
    for name in ("tiny", "b", "tiny", "c"):
        clock.now += 1
        assert pool.submit(name, plain(150)).result(5).inspection.error is None
    assert set(pool.statistics().models) == {"tiny-1", "c-1"}


def test_a_graph_is_read_once_for_all_workers(held: HeldRuntime) -> None:
    """Each worker has a session of its own, all from one reading of the file."""
    model, reads = tiny_model(), []

    class Served:
        def resolve(self, reference: str) -> str:
            return "tiny-1"

        def calibration(self, reference: str, version: int | None = None) -> Calibration:
            return model.manifest.calibration

        def load(self, reference: str) -> Model:
            reads.append(reference)
            return model

    pool = InspectionPool(Served(), held, PoolOptions(workers=3))
    assert pool.prepare("tiny") == "tiny-1"
    assert pool.statistics().models == {"tiny-1": 3}
    assert (held.loads, reads) == (3, ["tiny-1"])
    pool.close()


def test_prepare_says_what_is_wrong(start: Start, store: MemoryStore) -> None:
    """A model that cannot be loaded is refused before anybody relies on it."""
    sound = tiny_model("bad")
    store.models["bad"] = [replace(sound, graph=b"no graph")]
    store._calibrations["bad-1"] = [sound.manifest.calibration]
    with pytest.raises(BadModel, match="cannot load"):
        start().prepare("bad")


def test_closing_drains(start: Start, held: HeldRuntime) -> None:
    """What was taken is answered before the workers end; afterwards nothing is taken."""
    pool = start(workers=2)
    held.go.clear()
    answers = [pool.submit("tiny", plain(150)) for _ in range(20)]
    closing = threading.Thread(target=pool.close)
    closing.start()
    eventually(lambda: pool._closing)
    with pytest.raises(Unavailable, match="shutting down"):
        pool.submit("tiny", plain(150))
    held.go.set()
    closing.join(10)
    assert errors_of(answers) == [None] * 20
    assert pool.statistics().models == {}


def test_closing_does_not_wait_for_ever(start: Start, held: HeldRuntime) -> None:
    """What still waits when the time to close is over gets an ERROR."""
    pool = start()
    held.go.clear()
    pool.submit("tiny", plain(150))
    assert held.entered.acquire(timeout=5)
    left = pool.submit("tiny", plain(150))
    pool.close(0.05)
    assert errors_of([left]) == ["the service was shut down before its turn came"]


def test_a_cancelled_request_is_skipped(start: Start, held: HeldRuntime) -> None:
    """Whoever hangs up before his turn costs no inference."""
    pool = start()
    held.go.clear()
    first = pool.submit("tiny", plain(150))
    assert held.entered.acquire(timeout=5)
    gone, last = pool.submit("tiny", plain(150)), pool.submit("tiny", plain(150))
    assert gone.cancel()
    held.go.set()
    wait([first, last], 5)
    assert pool.statistics().stages["graph"].count == 2


@pytest.mark.parametrize("option", ["workers", "queue_size", "deadline_ms", "idle_seconds"])
def test_options_that_cannot_work(option: str) -> None:
    """A pool without workers, room or time is refused."""
    with pytest.raises(BadSetting, match=option):
        PoolOptions(**{option: 0})


def test_many_threads_and_models(start: Start, store: MemoryStore) -> None:
    """Requests for several products from several threads all get their own product's answer."""
    for i in range(4):
        store.add(f"p{i}", lambda v, i=i: tiny_model(f"p{i}", v, gain=1.0 + i))
    pool = start(workers=2, queue_size=10_000, most_models=2)
    faults: list[OkngError | str] = []

    def send(i: int) -> None:
        for _ in range(40):
            found = pool.submit(f"p{i}", plain(150)).result(10).inspection
            if found.product != f"p{i}" or abs((found.score or 0) - (1 + i) * 0.17647) > 1e-3:
                faults.append(repr(found))

    threads = [threading.Thread(target=send, args=(i,)) for i in range(4) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
