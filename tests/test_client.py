"""The client, against answers that a service may give."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

import okng
from okng.client import Client, ServiceFault
from okng.domain import errors
from okng.domain.verdict import Verdict

ANSWER = {
    "id": "1", "at": "2026-01-31T12:00:00.000+00:00", "actor": "a", "image": "x", "verdict": "NG",
    "product": "bottle", "model": "bottle-3", "graph_sha256": "0" * 64, "calibration": 1,
    "review_threshold": 1.0, "ng_threshold": 2.0, "time": "", "score": 3.0, "p_value": 0.1,
    "image_width": 8, "image_height": 8, "error": None, "key": None, "reviewed": None,
    "timing": {"decode_ms": 1, "view_ms": 1, "graph_ms": 1, "decide_ms": 1, "total_ms": 4},
    "kind": "scratch", "classes": {"good": 0.1, "scratch": 0.9},
    "regions": [{"box": {"x": 1, "y": 2, "width": 3, "height": 4}, "area_px": 5,
                 "peak_score": 3.0, "kind": None}],
    "part_id": "p", "lot": None, "view": None, "camera": None, "station": None,
}  # fmt: skip


class Service:
    """Answers with what it was given, one after another, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okng.client.time.sleep", lambda _: None)


def client_of(service: Service) -> Client:
    return Client("http://okng.test", "okng_x", transport=httpx.MockTransport(service))


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "why"}, headers=headers)


def test_an_answer_has_types() -> None:
    """Verdict, regions, timing and time are okng's own types."""
    service = Service(httpx.Response(201, json=ANSWER))
    with client_of(service) as client:
        answer = client.inspect("bottle", b"image", part_id="p", model="bottle-3")
    assert answer.verdict is Verdict.NG
    assert answer.regions == (okng.Region(okng.Box(1, 2, 3, 4), 5, 3.0),)
    assert answer.timing is not None
    assert answer.timing.total_ms == 4
    assert (answer.kind, answer.classes) == ("scratch", {"good": 0.1, "scratch": 0.9})
    assert answer.at.tzinfo is not None
    assert dict(service.asked[0].url.params) == {"part_id": "p", "model": "bottle-3"}
    assert service.asked[0].headers["Authorization"] == "Bearer okng_x"


def test_an_inspection_is_tried_again_under_the_same_key() -> None:
    """No connection and 503 are tried again with one key, so that nothing is inspected twice."""
    service = Service(
        httpx.ConnectError("away"),
        refusal(503, "unavailable"),
        refusal(429, "too-many-requests", **{"Retry-After": "2"}),
        httpx.Response(201, json=ANSWER),
    )
    with client_of(service) as client:
        client.inspect("bottle", b"image")
    keys = {request.headers["Idempotency-Key"] for request in service.asked}
    assert (len(service.asked), len(keys)) == (4, 1)


def test_a_change_is_not_tried_again() -> None:
    """What has no key is sent once: it may have been done."""
    service = Service(refusal(503, "unavailable"), httpx.Response(201, json={}))
    with client_of(service) as client, pytest.raises(errors.Unavailable):
        client.create_product("x")
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(404, "not-found", errors.NotFound), (403, "forbidden", errors.Forbidden),
     (401, "not-signed-in", errors.NotSignedIn), (422, "invalid", errors.BadRequest),
     (409, "conflict", errors.Conflict), (418, "teapot", ServiceFault)],
)  # fmt: skip
def test_errors_come_back_as_what_they_were(status: int, code: str, kind: type) -> None:
    """A problem's code becomes the error of that code, with its words."""
    with client_of(Service(refusal(status, code))) as client, pytest.raises(kind, match="why"):
        client.products()


def test_what_is_no_okng() -> None:
    """Something else at that address is one clear error."""
    service = Service(httpx.Response(404, text="<html>"))
    with client_of(service) as client, pytest.raises(ServiceFault, match="is this okng"):
        client.products()


def test_nobody_there() -> None:
    """An address where nobody answers is Unavailable, after some tries."""
    service = Service(*[httpx.ConnectError("refused")] * 9)
    with client_of(service) as client, pytest.raises(errors.Unavailable, match="refused"):
        client.products()
    assert len(service.asked) == 5


def test_pixels_are_sent_with_their_shape() -> None:
    """An array goes as raw bytes; one of another type is refused before it is sent."""
    service = Service(httpx.Response(201, json=ANSWER))
    with client_of(service) as client:
        client.inspect("bottle", np.zeros((4, 6, 3), np.uint8))
        with pytest.raises(errors.BadImage):
            client.inspect("bottle", np.zeros((4, 6), np.float32))
    assert service.asked[0].headers["X-Image-Shape"] == "4,6,3"
    assert len(service.asked[0].content) == 72


def test_names_cannot_leave_their_place() -> None:
    """Slashes in names stay within their part of the address."""
    service = Service(httpx.Response(200, json={"verdict": "OK"}))
    with client_of(service) as client:
        client.part_verdict("bottle", "a/../../people")
    path = service.asked[0].url.raw_path
    assert path == b"/api/v1/products/bottle/parts/a%2F..%2F..%2Fpeople"


def test_pages_are_fetched_as_they_are_needed() -> None:
    """All pages come, one request each."""
    pages = [{"items": [ANSWER], "cursor": cursor} for cursor in ("next", None)]
    service = Service(*(httpx.Response(200, json=page) for page in pages))
    with client_of(service) as client:
        assert len(list(client.inspections(product="bottle", reviewed=False))) == 2
    assert service.asked[0].url.params["reviewed"] == "false"
    assert service.asked[1].url.params["cursor"] == "next"


def test_an_upload_goes_on_after_an_interruption(tmp_path: Path) -> None:
    """A part whose answer was lost is asked for, and the upload goes on where it stands."""
    (tmp_path / "x.zip").write_bytes(b"0123456789")
    begun = {"id": "u", "received": 0}
    service = Service(
        httpx.Response(201, json=begun),
        httpx.ReadError("cut"),
        httpx.Response(200, json=begun | {"received": 4}),
        httpx.Response(200, json=begun | {"received": 10}),
        httpx.Response(200, json={"dataset": {"id": "d"}, "notes": []}),
    )
    with client_of(service) as client:
        assert client.upload_dataset("bottle", tmp_path / "x.zip") == "d"
    parts = [request for request in service.asked if request.method == "PATCH"]
    assert [part.headers["Upload-Offset"] for part in parts] == ["0", "4"]
    assert parts[1].content == b"456789"
    assert json.loads(service.asked[0].content)["size"] == 10


@pytest.mark.parametrize("state", ["failed", "open"])
def test_an_upload_that_stands_still_is_given_up(tmp_path: Path, state: str) -> None:
    """A part that is refused again and again, or at once for good, ends in the service's error."""
    (tmp_path / "x.zip").write_bytes(b"0123456789")
    begun = {"id": "u", "received": 0, "state": state}
    refused = [refusal(409, "conflict"), httpx.Response(200, json=begun)] * 5
    service = Service(httpx.Response(201, json=begun), *refused)
    with client_of(service) as client, pytest.raises(errors.Conflict, match="why"):
        client.upload_dataset("bottle", tmp_path / "x.zip")
    assert len(service.answers) == (8 if state == "failed" else 0)
