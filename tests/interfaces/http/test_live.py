"""Inspections as events: in order, from where one was cut off, to so many listeners at most."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from okng.domain.errors import BadSetting, TooMany
from okng.domain.people import Principal, Right
from okng.domain.records import Context
from okng.interfaces.http import event_stream
from okng.interfaces.http.event_stream import live_response
from okng.services.live import Listener, Scene, read_shifts, shift_around
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))


def inspected(service, image, station):
    trigger = Trigger(image, "x.png", Context(station=station), None)
    return service.inspect.inspect("flange", trigger, ADMIN).record.id


async def events(service, scene, count, last=None, act=None, check=lambda: None):
    """Return the first `count` pieces of a stream; `act` is done when the past has been told."""
    request = SimpleNamespace(headers={} if last is None else {"Last-Event-ID": last})
    stream = live_response(request, service.live, scene, check, 60.0).body_iterator
    found = []
    async for piece in stream:
        text = piece.decode()
        found.append(text)
        if text.startswith("event: shift") and act is not None:
            doing, act = act, None
            await anyio.to_thread.run_sync(doing)
        if len(found) == count:
            break
    await stream.aclose()
    return found


def told(*asked):
    """Ask in a thread of its own: the browser's tests keep a loop in this one."""
    with start_blocking_portal() as portal:
        return portal.call(events, *asked)


def ids(pieces):
    return [one.split("id: ")[1].split("\n")[0] for one in pieces if "event: inspection" in one]


def test_events_go_on_where_they_were_cut_off(running, good, bad):
    """The past comes first, without what `Last-Event-ID` says was had; new ones follow."""
    service, scene = running.service, Scene("flange", "cut-off")
    first, second = (inspected(service, image, "cut-off") for image in (good, bad))
    inspected(service, bad, "elsewhere")
    late = []

    def act():
        late.append(inspected(service, good, "cut-off"))
        inspected(service, good, "elsewhere")

    whole = told(service, scene, 6, None, act)
    assert whole[0].startswith("retry: ")
    assert ids(whole) == [first, second, *late]
    shifts = [json.loads(one.split("data: ")[1]) for one in whole if "event: shift" in one]
    assert [sum(one["counts"].values()) for one in shifts] == [2, 3]
    again = told(service, scene, 3, first)
    assert ids(again) == [second, *late]
    assert ids(told(service, scene, 2, late[0])) == []


def test_a_right_that_is_gone_ends_the_events(running, monkeypatch):
    """It is looked at with each heartbeat, and whoever listened is told no more."""
    monkeypatch.setattr(event_stream, "HEARTBEAT_S", 0.01)
    before = len(running.service.live._listeners)
    asked = []

    def check():
        asked.append(None)
        if len(asked) > 1:
            raise TooMany("gone", 1)

    found = told(running.service, Scene("flange", "gone"), 9, None, None, check)
    assert [one.split("\n")[0] for one in found[2:]] == [
        ": still here",
        "event: shift",
        "event: bye",
    ]
    assert len(running.service.live._listeners) == before


def test_only_so_many_may_listen(running, monkeypatch):
    """One more is told to come back later; the stream is not even begun."""
    live = running.service.live
    monkeypatch.setattr(live, "_most", 1)
    listener = Listener(Scene("flange"), lambda _: None)
    live.listen(listener)
    try:
        answer = running.ask("GET", "/products/flange/live")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    finally:
        live.leave(listener)
    live.check_room()


def test_shifts():
    """The running shift began at the last of its times, maybe yesterday."""
    starts = read_shifts("14:00, 06:00,22:00")
    night = datetime(2026, 1, 2, 1, 30)
    assert shift_around(night, starts) == (datetime(2026, 1, 1, 22), datetime(2026, 1, 2, 6))
    noon = datetime(2026, 1, 2, 14)
    assert shift_around(noon, starts) == (noon, datetime(2026, 1, 2, 22))
    assert shift_around(noon, read_shifts("07:30"))[1] - noon == timedelta(hours=17, minutes=30)
    for wrong in ("", "6", "25:00", "06:00;14:00"):
        with pytest.raises(BadSetting, match="OKNG_SHIFT_STARTS"):
            read_shifts(wrong)


def test_kiosks_are_made_and_revoked_by_engineers(running):
    """Names are checked, the audit log has both ends, and no secret is ever listed."""
    made = running.ask("POST", "/kiosks", json={"name": "hall-2", "product": "flange"})
    assert made.status_code == 201
    secret = made.headers["Set-Cookie"].split(";")[0].split("=")[1]
    listed = running.ask("GET", "/kiosks")
    assert secret not in listed.text
    assert "hash" not in listed.text
    running.client.cookies.clear()
    kiosk = running.client.get("/kiosk", headers={"Cookie": f"okng_kiosk={secret}"})
    assert kiosk.status_code == 200
    wrong = running.ask("POST", "/kiosks", json={"name": "No Name", "product": "flange"})
    assert wrong.status_code == 400
    assert running.ask("DELETE", f"/kiosks/{made.json()['id']}").json() == made.json()
    assert running.ask("DELETE", f"/kiosks/{made.json()['id']}").status_code == 404
    gone = running.client.get("/kiosk", headers={"Cookie": f"okng_kiosk={secret}"})
    assert gone.status_code == 303
    actions = [one["action"] for one in running.ask("GET", "/audit").json()["items"]]
    assert actions.index("kiosk.revoke") < actions.index("kiosk.create")
