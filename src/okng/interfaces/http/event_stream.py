"""Inspections as server-sent events (HTML Living Standard, section 9.2): told, never asked for.

`inspection` has an inspection's id as its own, so that a browser that was cut off says in
`Last-Event-ID` where to go on. `shift` has the shift's counts. A comment is sent now and then, so
that a dead connection is noticed at both ends. `bye` says that the right to watch is over.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from okng.domain.errors import OkngError
from okng.domain.records import InspectionRecord
from okng.interfaces.http.images import json_bytes
from okng.services.live import SHOWN, Listener, Live, Scene, Shift

HEARTBEAT_S = 15.0
RETRY_MS = 2000
MOST_WAITING = 200
"""Inspections that a slow browser may be behind; then it is cut off, and catches up anew."""

_LONGEST_ID = 100


class _Inbox:
    """Hands inspections from the threads that inspect to the loop that writes to a browser."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.queue: asyncio.Queue[InspectionRecord | None] = asyncio.Queue()

    def tell(self, record: InspectionRecord | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, record)
        except RuntimeError:  # the loop has ended, and with it whoever listened
            return

    def _take(self, record: InspectionRecord | None) -> None:
        behind = self.queue.qsize() >= MOST_WAITING
        self.queue.put_nowait(None if behind else record)


def live_response(
    request: Request, live: Live, scene: Scene, check: Callable[[], object], lasts_s: float
) -> StreamingResponse:
    """Answer with what happens in `scene`; `check` raises as soon as the right to it is gone.

    `lasts_s`: after so long the stream says goodbye. Ask `live.check_room()` first.
    """
    last = request.headers.get("Last-Event-ID") or None
    last = None if last is None else last[:_LONGEST_ID]
    return StreamingResponse(
        _events(live, scene, last, check, lasts_s),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    live: Live, scene: Scene, last: str | None, check: Callable[[], object], lasts_s: float
) -> AsyncIterator[bytes]:
    inbox = _Inbox()
    listener = Listener(scene, inbox.tell)
    until = asyncio.get_running_loop().time() + lasts_s
    live.listen(listener)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        recent = await run_in_threadpool(live.missed, scene, None)
        shift = await run_in_threadpool(live.shift, scene)
        for record in recent:
            if last is None or record.id > last:
                yield _inspection(record)
        yield _shift(shift)
        seen = {record.id for record in recent}
        while asyncio.get_running_loop().time() < until:
            try:
                news = await asyncio.wait_for(inbox.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                await run_in_threadpool(check)
                yield b": still here\n\n"
            else:
                if news is None:
                    return
                if news.id not in seen:  # stored and told while the recent ones were looked up
                    shift.counts[news.inspection.verdict] += 1
                    yield _inspection(news)
            if live.is_over(shift):
                shift = await run_in_threadpool(live.shift, scene)
            yield _shift(shift)
        yield _bye()
    except OkngError:
        yield _bye()
    finally:
        live.leave(listener)


def _inspection(record: InspectionRecord) -> bytes:
    inspection = record.inspection
    shown = record.thumbnail is not None or record.image is not None
    return _event(
        "inspection",
        {
            "id": record.id,
            "at": record.at.isoformat(timespec="milliseconds"),
            "verdict": inspection.verdict.value,
            "score": inspection.score,
            "part_id": record.context.part_id,
            "station": record.context.station,
            "error": inspection.error,
            "picture": shown,
        },
        record.id,
    )


def _shift(shift: Shift) -> bytes:
    counts = {verdict.value: count for verdict, count in shift.counts.items()}
    content = {"begun": shift.begun.isoformat(timespec="seconds"), "counts": counts}
    return _event("shift", content | {"shown": SHOWN})


def _bye() -> bytes:
    return _event("bye", {})


def _event(kind: str, content: object, event_id: str | None = None) -> bytes:
    head = f"event: {kind}\n" + ("" if event_id is None else f"id: {event_id}\n")
    return head.encode() + b"data: " + json_bytes(content) + b"\n\n"
