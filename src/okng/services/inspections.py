"""Inspect and keep: an image in, an answer out, which is stored before it is given."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import numpy as np

from okng.algorithms.pictures import png, thumbnail_jpeg
from okng.domain.arrays import Pixels
from okng.domain.errors import Conflict, OkngError, TooLarge, Unavailable
from okng.domain.inspection import Inspection
from okng.domain.people import Principal, Right
from okng.domain.records import InspectionRecord, is_sampled
from okng.domain.verdict import Policy, Verdict
from okng.services.inspection_pool import Answer, InspectionPool
from okng.services.trigger import Trigger

_ANSWER_SECONDS = 120.0
_BATCH_THREADS = 1
"""More than the pool's workers: one more image is on its way while the others are inspected."""


class KeptInspections(Protocol):
    """Keeps inspections."""

    def add(self, record: InspectionRecord) -> InspectionRecord:
        """Keep a record; return it, or the earlier one of the same actor and key."""
        ...

    def by_key(self, actor: str, key: str) -> InspectionRecord | None: ...


class Images(Protocol):
    """Keeps images by their SHA-256."""

    def put(self, data: bytes) -> str: ...


@dataclass(frozen=True)
class Keep:
    """Which inspections keep their image as it came, and which a thumbnail, by verdict.

    Those of the sample that people review keep their image whatever the verdict is.
    An image that cannot be decoded is not kept: nobody could look at it.
    """

    images: frozenset[Verdict] = frozenset({Verdict.REVIEW, Verdict.NG, Verdict.ERROR})
    thumbnails: frozenset[Verdict] = frozenset({Verdict.OK})
    thumbnail_px: int = 256


@dataclass(frozen=True)
class Kept:
    """The answer to one trigger.

    `inspection` has the map and `pixels` the image, for whoever wants to draw them, unless
    `repeated`: then an earlier request with the same key had this answer, and it was kept.
    """

    record: InspectionRecord
    inspection: Inspection
    pixels: Pixels | None = field(repr=False, compare=False, default=None)
    repeated: bool = False


class InspectAndKeep:
    """Has images judged by the pool, and stores each inspection before it answers."""

    def __init__(
        self,
        pool: InspectionPool,
        inspections: KeptInspections,
        images: Images,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
        keep: Keep | None = None,
        most_in_batch: int = 64,
        announce: Callable[[InspectionRecord], None] = lambda _: None,
    ) -> None:
        self._pool = pool
        self._inspections = inspections
        self._images = images
        self._new_id = new_id
        self._clock = clock
        self._keep = keep or Keep()
        self.most_in_batch = most_in_batch
        self._announce = announce
        self._turns = _Turns()

    def inspect(
        self,
        reference: str,
        trigger: Trigger,
        by: Principal,
        *,
        calibration: int | None = None,
        policy: Policy | None = None,
    ) -> Kept:
        """Judge one image by the model that `reference` means, and keep the inspection.

        Two requests of one actor with the same key are one inspection, even at the same time.

        Raises:
            Forbidden: the right to inspect is not there.
            NotFound: there is no such model.
            BadModel: it is too damaged to say what it is.
            TooMany: the queue is full.
            Conflict: the key was used for something else.
            OkngError: the inspection could not be stored; then it counts as not made.
        """
        by.require(Right.INSPECT)
        if trigger.key is None:
            return self._inspect(reference, trigger, by, calibration, policy)
        with self._turns.of(by.name, trigger.key):
            earlier = self._inspections.by_key(by.name, trigger.key)
            if earlier is not None:
                return _repeated(earlier, reference, trigger)
            return self._inspect(reference, trigger, by, calibration, policy)

    def inspect_batch(
        self,
        reference: str,
        triggers: Sequence[Trigger],
        by: Principal,
        *,
        calibration: int | None = None,
        policy: Policy | None = None,
    ) -> tuple[Kept | OkngError, ...]:
        """Judge several images; each gets an answer of its own, or the error that it ran into.

        No more of them wait for a worker at a time than keep the workers busy, so that a batch
        does not fill the queue.

        Raises:
            Forbidden: the right to inspect is not there.
            TooLarge: there are too many.
        """
        by.require(Right.INSPECT)
        if len(triggers) > self.most_in_batch:
            raise TooLarge(
                f"{len(triggers)} images in one batch: send at most {self.most_in_batch} at a time"
            )

        def one(trigger: Trigger) -> Kept | OkngError:
            try:
                return self.inspect(reference, trigger, by, calibration=calibration, policy=policy)
            except OkngError as error:
                return error

        threads = self._pool.options.workers + _BATCH_THREADS
        with ThreadPoolExecutor(threads, "inspect-batch") as executor:
            return tuple(executor.map(one, triggers))

    def _inspect(
        self,
        reference: str,
        trigger: Trigger,
        by: Principal,
        calibration: int | None,
        policy: Policy | None,
    ) -> Kept:
        coming = self._pool.submit(
            reference, trigger.image, trigger.name, calibration=calibration, policy=policy
        )
        try:
            answer = coming.result(_ANSWER_SECONDS)
        except NoAnswer as error:
            raise Unavailable(
                f"no worker answered within {_ANSWER_SECONDS:.0f} s: send the image again; if that "
                "goes on, restart the service"
            ) from error
        inspection_id = self._new_id()
        image, thumbnail = self._store_images(trigger.image, answer, is_sampled(inspection_id))
        record = InspectionRecord(
            id=inspection_id,
            at=self._clock(),
            actor=by.name,
            inspection=_without_map(answer.inspection),
            context=trigger.context,
            image=image,
            thumbnail=thumbnail,
            key=trigger.key,
        )
        kept = self._inspections.add(record)
        if kept.id != record.id:  # another process was faster with this key
            return _repeated(kept, reference, trigger)
        self._announce(kept)
        return Kept(kept, answer.inspection, answer.pixels)

    def _store_images(
        self, image: bytes | Pixels, answer: Answer, sampled: bool
    ) -> tuple[str | None, str | None]:
        """Return the digests of the stored image and thumbnail.

        They are stored before the record that names them, so that no record names what is not
        there; what a crash leaves in between is retention's to find.
        """
        pixels, verdict, keep = answer.pixels, answer.inspection.verdict, self._keep
        if pixels is None:
            return None, None
        whole = thumbnail = None
        if verdict in keep.images or sampled:
            whole = self._images.put(image if isinstance(image, bytes) else png(pixels))
        if verdict in keep.thumbnails:
            thumbnail = self._images.put(thumbnail_jpeg(pixels, keep.thumbnail_px))
        return whole, thumbnail


def _repeated(record: InspectionRecord, reference: str, trigger: Trigger) -> Kept:
    """Answer with the inspection that this key stands for.

    Raises:
        Conflict: it was of another product or image.
    """
    inspection, image = record.inspection, trigger.image
    product = inspection.product
    same = reference in (product, inspection.model) or reference.startswith(f"{product}@")
    if same and record.image is not None and isinstance(image, bytes):
        same = sha256(image).hexdigest() == record.image
    if not same:
        raise Conflict(
            f"the idempotency key {trigger.key!r} was used for another inspection ({record.id}): "
            "choose a new key for each image"
        )
    return Kept(record, inspection, repeated=True)


def _without_map(inspection: Inspection) -> Inspection:
    prediction = inspection.prediction
    if prediction is None:
        return inspection
    empty = np.empty((0, 0), np.float32)
    return replace(inspection, prediction=replace(prediction, anomaly_map=empty))


class _Turns:
    """Lets requests with one key wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[tuple[str, str], tuple[threading.Lock, list[None]]] = {}

    @contextmanager
    def of(self, actor: str, key: str) -> Iterator[None]:
        """Hold the turn of a key."""
        with self._lock:
            turn, waiting = self._turns.setdefault((actor, key), (threading.Lock(), []))
            waiting.append(None)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                waiting.pop()
                if not waiting:
                    del self._turns[actor, key]
