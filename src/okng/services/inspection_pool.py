"""Inspect in worker threads: each with its own sessions, behind a queue that never grows long."""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from time import monotonic, perf_counter

import numpy as np

from okng.algorithms.pixels import MAX_PIXELS, decode
from okng.domain.arrays import Pixels
from okng.domain.errors import BadSetting, OkngError, TooMany, Unavailable
from okng.domain.inspection import Inspection
from okng.domain.ports import Runtime
from okng.domain.verdict import Policy, Verdict
from okng.services.inspect import Inspector
from okng.services.pool_models import InUse, Library, ServedModels, Shelf
from okng.services.pool_statistics import PoolStatistics, Tally

_log = logging.getLogger(__name__)

_WATCH_SECONDS = 0.1
_TIDY_SECONDS = 10.0


@dataclass(frozen=True)
class PoolOptions:
    """How a pool works.

    A request that waits longer than `deadline_ms` gets the verdict `ERROR`. `idle_seconds` after
    its last use a model is unloaded; each worker has at most `most_models` loaded. What an alias
    means is looked up again after `refresh_seconds`.
    """

    workers: int = 1
    queue_size: int = 64
    deadline_ms: float = 10_000.0
    idle_seconds: float = 900.0
    most_models: int = 8
    refresh_seconds: float = 1.0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        for name in ("workers", "queue_size", "deadline_ms", "idle_seconds", "most_models"):
            if not getattr(self, name) > 0:
                raise BadSetting(f"{name} must be above 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class Answer:
    """What a worker made of one image.

    `pixels` is the image as decoded, uint8 `[H, W, 3]` RGB; None where it could not be.
    """

    inspection: Inspection
    queue_ms: float
    pixels: Pixels | None = field(repr=False, compare=False, default=None)


@dataclass(eq=False)
class _Request:
    reference: str
    image: bytes | Pixels
    name: str
    calibration: int | None
    policy: Policy
    submitted: float
    deadline_ms: float
    counted: bool
    answer: "Future[Answer]" = field(default_factory=Future)


class InspectionPool:
    """Answers each request once: with an inspection, or with the error that there is no such model.

    What goes wrong with a model that is there (it cannot be loaded, the image is broken, the
    request waited too long, the runtime fails) is an inspection with the verdict `ERROR`.
    """

    def __init__(
        self,
        models: ServedModels,
        runtime: Runtime,
        options: PoolOptions | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.options = options or PoolOptions()
        self._clock = clock
        self._library = Library(models, self.options.refresh_seconds, clock)
        self._tally = Tally()
        self._waiting: deque[_Request] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._busy = 0
        self._closing = False
        self._ended = threading.Event()
        most, max_pixels = self.options.most_models, self.options.max_pixels
        self._shelves = [
            Shelf(self._library, runtime, most, max_pixels, clock)
            for _ in range(self.options.workers)
        ]
        self._threads = [
            threading.Thread(target=self._work, args=(shelf,), name=f"inspect-{i}", daemon=True)
            for i, shelf in enumerate(self._shelves, start=1)
        ]
        self._watcher = threading.Thread(target=self._watch, name="inspect-watch", daemon=True)
        for thread in (*self._threads, self._watcher):
            thread.start()

    def submit(
        self,
        reference: str,
        image: bytes | Pixels,
        name: str = "",
        *,
        calibration: int | None = None,
        policy: Policy | None = None,
        deadline_ms: float | None = None,
        counted: bool = True,
    ) -> "Future[Answer]":
        """Have an image judged by the model that `reference` means when its turn comes.

        Args:
            reference: `bottle` (its champion, or the newest), `bottle-3`, `bottle@candidate`.
            image: a file's content, or uint8 `[H, W, 3]` RGB.
            name: what the inspection calls it.
            calibration: its number; the newest unless given.
            policy: how doubt is handled.
            deadline_ms: how long it may wait for a worker; the pool's unless given.
            counted: it is an inspection of its own, not another look at an old one.

        Returns:
            The answer to come; it raises NotFound or BadModel where no such model is there.

        Raises:
            TooMany: the queue is full.
            Unavailable: the pool is closing.
        """
        request = _Request(
            reference,
            image,
            name,
            calibration,
            policy or Policy(),
            self._clock(),
            self.options.deadline_ms if deadline_ms is None else deadline_ms,
            counted,
        )
        with self._changed:
            if self._closing:
                raise Unavailable("the service is shutting down: send the image again later")
            waiting = len(self._waiting)
            if waiting < self.options.queue_size:
                self._waiting.append(request)
                self._changed.notify()
                return request.answer
        self._tally.count_refused()
        seconds = max(1, ceil(waiting * self._tally.mean_ms / self.options.workers / 1000))
        raise TooMany(
            f"{waiting} images are waiting already: try again in {seconds} s, or allow the service "
            "more workers",
            seconds,
        )

    def prepare(self, reference: str) -> str:
        """Load a model for every worker before it is needed; returns its name.

        Done before an alias moves, no request waits for the new model.

        Raises:
            OkngError: there is no such model, or it cannot be loaded.
        """
        wanted = self._library.in_use(reference, None)
        for shelf in self._shelves:
            shelf.prepare(wanted)
        return wanted.model

    def warm(self, reference: str) -> None:
        """Load a model if it can be; what is wrong with it is told to whoever inspects by it."""
        with suppress(OkngError):
            self.prepare(reference)

    def invalidate(self) -> None:
        """Let the next request see an alias or a calibration that has just changed."""
        self._library.invalidate()

    def statistics(self) -> PoolStatistics:
        with self._changed:
            queued, busy = len(self._waiting), self._busy
        return PoolStatistics(
            workers=self.options.workers,
            busy=busy,
            queued=queued,
            queue_size=self.options.queue_size,
            refused=self._tally.refused,
            expired=self._tally.expired,
            verdicts=self._tally.verdicts(),
            stages=self._tally.stages(),
            models=Counter(name for shelf in self._shelves for name in shelf.names()),
        )

    def close(self, seconds: float = 30.0) -> None:
        """Take no more, answer what is waiting, and end the workers.

        What is still waiting after `seconds` gets the verdict `ERROR`.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        until = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        for request in left:
            self._settle(request, None, "the service was shut down before its turn came")
        self._ended.set()
        self._watcher.join()
        for shelf in self._shelves:
            shelf.unload_idle(0)

    def _work(self, shelf: Shelf) -> None:
        """Answer requests until the pool closes."""
        idle_seconds = self.options.idle_seconds
        while True:
            request = self._take(min(idle_seconds, _TIDY_SECONDS))
            if request is not None:
                self._settle(request, shelf)
                with self._changed:
                    self._busy -= 1
            elif self._closing:
                return
            del request  # else the image stays in memory until the next one comes
            shelf.unload_idle(idle_seconds)

    def _take(self, timeout: float) -> _Request | None:
        """Return the next request; None where none came in time, or the pool is closing."""
        with self._changed:
            if not self._waiting and not self._closing:
                self._changed.wait(timeout)
            if not self._waiting:
                return None
            self._busy += 1
            return self._waiting.popleft()

    def _watch(self) -> None:
        """Answer requests whose time ran out while every worker was busy."""
        while not self._ended.wait(_WATCH_SECONDS):
            with self._changed:
                late = [one for one in self._waiting if self._waited_ms(one) > one.deadline_ms]
                for request in late:
                    self._waiting.remove(request)
            for request in late:
                self._settle(request, None)

    def _waited_ms(self, request: _Request) -> float:
        return (self._clock() - request.submitted) * 1000

    def _settle(self, request: _Request, shelf: Shelf | None, error: str | None = None) -> None:
        """Give a request its one answer.

        Where it has waited too long, or `error` is given, that is the verdict `ERROR`, for which
        no shelf is needed.
        """
        if not request.answer.set_running_or_notify_cancel():
            return
        queue_ms = self._waited_ms(request)
        if error is None and queue_ms > request.deadline_ms:
            self._tally.count_expired()
            error = (
                f"waited {queue_ms:.0f} ms for a worker, more than the {request.deadline_ms:.0f} "
                "ms allowed: send fewer images at a time, or allow the service more workers"
            )
        used, pixels = None, None
        try:
            used = self._library.in_use(request.reference, request.calibration)
            if error is not None or shelf is None:
                inspection = _error(request.name, used, error or "")
            else:
                inspection, pixels = _judge(
                    request, shelf.inspector(used, request.policy), self.options.max_pixels
                )
        except Exception as fault:  # noqa: BLE001 - no request may end in silence, nor the worker
            if not isinstance(fault, OkngError):
                _log.exception("an inspection by %s failed", request.reference)
            if used is None:
                request.answer.set_exception(fault)
                return
            inspection = _error(request.name, used, _reason(fault))
        if request.counted:
            self._tally.add(inspection, queue_ms)
        request.answer.set_result(Answer(inspection, queue_ms, pixels))


def _judge(
    request: _Request, inspector: Inspector, max_pixels: int
) -> tuple[Inspection, Pixels | None]:
    """Decode and inspect; the pixels are kept for whoever wants a picture of the result."""
    image = request.image
    if not isinstance(image, bytes):
        inspection = inspector.inspect(image, request.name)
        sound = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        return inspection, image if sound and image.size else None
    start = perf_counter()
    pixels = decode(image, max_pixels)
    decode_ms = (perf_counter() - start) * 1000
    inspection = inspector.inspect(pixels, request.name)
    if inspection.timing is not None:
        inspection = replace(inspection, timing=replace(inspection.timing, decode_ms=decode_ms))
    return inspection, pixels


def _reason(fault: Exception) -> str:
    if isinstance(fault, OkngError):
        return str(fault)
    return f"a fault in okng or its runtime ({type(fault).__name__}: {fault}): see the log"


def _error(name: str, used: InUse, reason: str) -> Inspection:
    return Inspection(
        image=name,
        verdict=Verdict.ERROR,
        product=used.product,
        model=used.model,
        graph_sha256=used.calibration.graph_sha256,
        calibration=used.calibration.version,
        review_threshold=used.calibration.review_threshold,
        ng_threshold=used.calibration.ng_threshold,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        error=reason,
    )
