"""What stands around every answer: problems, headers, ids, logs, limits and metrics."""

import json
import logging
import re

import pytest
from fastapi import FastAPI

from okng.domain import errors
from okng.domain.errors import OkngError
from okng.interfaces.http.envelope import HEADERS
from okng.interfaces.http.json_logs import JsonFormatter
from okng.interfaces.http.problems import STATUS, TITLES, status_of
from okng.interfaces.http.server import Address
from okng.settings import Settings

JSON = {"Content-Type": "application/json"}


def test_every_error_has_a_status_and_a_title():
    """No error of okng's becomes a 500, and each has words for people."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, OkngError)]
    for kind in kinds:
        assert kind.code in STATUS, kind
        assert kind.code in TITLES, kind


def test_a_new_error_is_answered_as_its_parent():
    """A subclass that nobody has mapped has its parent's status."""

    class Odd(errors.NotFound):
        code = "odd"

    assert status_of(Odd("x")) == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/login", 200), ("GET", "/nothing", 404), ("PUT", "/health/live", 405),
     ("GET", "/api/v1/products", 401), ("GET", "/static/any/okng.css", 200)],
)  # fmt: skip
def test_headers_are_on_every_answer(running, method, path, status):
    """Security headers and a request id are on pages, answers and errors alike."""
    answer = running.client.request(method, path)
    assert answer.status_code == status
    assert set(HEADERS) <= {name for name in HEADERS if name in answer.headers}
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_a_fitting_request_id_is_kept(running):
    """An id that the sender chose comes back; one that could forge a log does not."""
    for given, kept in (("line-1:42", True), ("a b", False), ("x" * 65, False)):
        answer = running.client.get("/health/live", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) == kept


def test_one_line_of_log_for_each_request(running, caplog):
    """It names id, actor, route, status and time; never what was sent, nor secrets."""
    with caplog.at_level(logging.INFO, "okng.http"):
        answer = running.ask("GET", "/inspections", params={"lot": "secret-value"})
    (record,) = [one for one in caplog.records if one.name == "okng.http"]
    line = json.loads(JsonFormatter().format(record))
    assert line["request"] == answer.headers["X-Request-Id"]
    assert line["actor"] == "the-administrator:test"
    assert (line["route"], line["status"]) == ("/api/v1/inspections", 200)
    assert line["ms"] >= 0
    assert "secret-value" not in json.dumps(line)
    assert not any(token in json.dumps(line) for token in running.tokens.values())


def test_logs_are_one_line_each():
    """A message that holds a line break stays on its line."""
    record = logging.LogRecord("okng", 20, "", 0, "a\nb %s", ("\x1b[31m",), None)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "\x1b" not in text


def test_a_fault_of_okng_is_a_problem_without_details(running, monkeypatch):
    """A bug is a 500 that names the request's id and nothing else; the id is in the headers."""
    search = type(running.service.search)

    def broken(*_):
        raise RuntimeError("the secret path /srv/data")

    monkeypatch.setattr(search, "parts", broken)
    answer = running.ask("GET", "/parts")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"]


def test_a_value_that_is_wrong_is_named_and_not_repeated(running):
    """Validation says where and why; what was sent is not echoed, since it may be a password."""
    answer = running.client.post("/api/v1/session", json={"name": "a" * 100, "password": "hunter2"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid")
    assert problem["errors"][0]["pointer"] == "/body/name"
    assert "hunter2" not in answer.text
    assert "a" * 100 not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "sent", "said"),
    [
        ("GET", "/inspections?verdct=NG", {}, "unknown query parameter 'verdct': there are camera"),
        ("GET", "/products?x=1", {}, "there is none here|there are"),
        ("GET", "/inspections/12", {}, "is no id: take it from an answer"),
        ("POST", "/products", {"json": {"name": "../x"}}, "is no such name: it has 1 to 64 of a-z"),
        ("POST", "/products", {"content": b'{"name": "x"}'}, "Content-Type: application/json"),
        ("POST", "/products", {"json": None}, "send a JSON object"),
        ("POST", "/products/x/uploads", {"json": {"name": "\0", "size": 1}}, "control characters"),
        ("GET", "/audit?since=2026-01-01T00:00:00", {}, "has no time zone: give one"),
        ("GET", "/exports/inspections?since=0001-01-01T00:00:00%2B14:00", {}, "the years 1 to"),
        ("GET", "/inspections?until=9999-12-31T23:00:00-14:00", {}, "the years 1 to 9999"),
        ("PATCH", "/products", {}, "this address takes (GET|POST)"),
        ("GET", "/nowhere", {}, "okng has no such address: .*openapi.json"),
        ("GET", "/products/", {}, "okng has no such address"),
    ],
)
def test_what_is_wrong_is_said_in_words(running, method, path, sent, said):
    """Each bad value is refused with what is wrong and how to mend it, and with no pattern."""
    answer = running.ask(method, path, **sent)
    assert answer.status_code in (400, 404, 405, 422), answer.text
    assert re.search(said, answer.json()["detail"]), answer.text
    assert "^" not in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'{"name": "\\ud800"}', b"1" * 5000])
def test_bodies_that_are_no_json(running, body):
    """They are refused, whatever they are."""
    answer = running.ask(
        "POST", "/products", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


def test_a_large_body_is_refused(running):
    """JSON beyond its limit is 413 before it is parsed."""
    body = b'{"name": "' + b"a" * (2 << 20) + b'"}'
    answer = running.ask(
        "POST", "/products", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_health_is_open(running):
    """Live and ready answer strangers, and say nothing else."""
    assert running.client.get("/health/live").json() == {"status": "live"}
    assert running.client.get("/health/ready").json() == {"status": "ready"}


def test_not_ready_without_a_database(running, monkeypatch):
    """While the database is away the service is live, but not ready; strangers learn no more."""

    def away():
        raise errors.Unavailable("the database at db.plant.example does not answer")

    monkeypatch.setattr(running.service.database, "check", away)
    answer = running.client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "plant.example" not in answer.text
    assert running.client.get("/health/live").status_code == 200


def test_metrics(running, good):
    """Verdicts by product, time by stage, queue, models and requests are there for Prometheus."""
    place, headers = "/products/flange/inspections", {"Content-Type": "image/png"}
    assert running.ask("POST", place, content=good, headers=headers).status_code == 201
    text = running.client.get("/metrics", headers=running.headers()).text
    for what in (
        'okng_verdicts_total{product="flange",verdict="OK"}',
        'okng_inspection_stage_seconds_bucket{le="+Inf",stage="graph"}',
        "okng_queue_length 0.0",
        'okng_model_loaded{model="flange-',
        'route="/api/v1/products/{product}/inspections",status="201"',
    ):
        assert what in text, text


def test_unknown_routes_and_methods_make_no_series(running):
    """Whatever strangers ask for, the number of time series stays bounded."""
    for i in range(3):
        running.client.request(f"ODD{i}", f"/odd/{i}")
    text = running.client.get("/metrics", headers=running.headers()).text
    assert "odd" not in text.lower()


def test_openapi_has_examples_and_problems(running):
    """The description is for whoever may read; each operation says what can go wrong."""
    schema = running.ask("GET", "/openapi.json").json()
    assert running.app.openapi() == schema
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        for path in schema["paths"].values()
        for operation in path.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert bodies
    for name in bodies:
        assert schema["components"]["schemas"][name]["examples"], name
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "401" in operation["responses"], path


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "factory.example"])
def test_the_network_needs_tls(host):
    """Anything but loopback without TLS is refused with the reason, unless it is wanted."""
    with pytest.raises(errors.BadSetting, match="--insecure-no-tls"):
        Address(host).check()
    Address(host, insecure=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_none(host):
    """This machine's own addresses are open to this machine alone."""
    Address(host).check()


def test_half_a_certificate(tmp_path):
    """A certificate without its key, or one that is none, is refused before the start."""
    with pytest.raises(errors.BadSetting, match="go together"):
        Address(cert=tmp_path / "cert.pem").check()
    (tmp_path / "cert.pem").write_text("nonsense")
    with pytest.raises(errors.BadSetting, match="cannot be used"):
        Address(cert=tmp_path / "cert.pem", key=tmp_path / "cert.pem").check()


def test_what_a_killed_service_was_writing_goes(tmp_path):
    """Halves of images that a killed service left are removed at the next start."""
    from okng.bootstrap.service import build_service

    half = tmp_path / "home" / "images" / "drafts" / "half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"x")
    build_service(Settings(home=tmp_path / "home")).close()
    assert not half.exists()


def test_one_service_for_a_data_folder(running, settings):
    """A second service on the same data folder is refused."""
    from okng.bootstrap.service import build_service

    assert isinstance(running.app, FastAPI)
    with pytest.raises(errors.Conflict, match="another okng serve"):
        build_service(settings)
