"""Who may do what: every route against every role, and the ways to say who one is."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from okng.domain.people import Principal, Right, Role

OPEN = None
KNOWN = "known"
"""Whoever is signed in."""

KIOSK = "kiosk"
"""A screen by its cookie; no token and no session opens it."""

READ, INSPECT, REVIEW, TEACH, ADMINISTER = Right

TABLE: dict[tuple[str, str], Right | str | None] = {
    ("GET", "/"): OPEN,
    ("GET", "/login"): OPEN,
    ("POST", "/login"): OPEN,
    ("POST", "/logout"): OPEN,
    ("GET", "/password"): OPEN,
    ("POST", "/password"): OPEN,
    ("GET", "/kiosk"): OPEN,
    ("GET", "/static/{asked}/{name:path}"): OPEN,
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): READ,
    ("GET", "/api/v1/openapi.json"): READ,
    ("POST", "/api/v1/session"): OPEN,
    ("GET", "/api/v1/session"): KNOWN,
    ("DELETE", "/api/v1/session"): KNOWN,
    ("POST", "/api/v1/session/password"): KNOWN,
    ("GET", "/api/v1/products"): READ,
    ("POST", "/api/v1/products"): TEACH,
    ("GET", "/api/v1/products/{product}"): READ,
    ("DELETE", "/api/v1/products/{product}"): TEACH,
    ("POST", "/api/v1/products/{product}/restore"): TEACH,
    ("GET", "/api/v1/products/{product}/datasets"): READ,
    ("POST", "/api/v1/products/{product}/datasets/folder"): TEACH,
    ("POST", "/api/v1/products/{product}/datasets/archive"): TEACH,
    ("GET", "/api/v1/datasets/{dataset_id}"): READ,
    ("GET", "/api/v1/datasets/{dataset_id}/samples"): READ,
    ("GET", "/api/v1/datasets/{dataset_id}/samples/{sample_id}/image"): READ,
    ("GET", "/api/v1/datasets/{dataset_id}/samples/{sample_id}/thumbnail"): READ,
    ("POST", "/api/v1/datasets/{dataset_id}/recount"): TEACH,
    ("POST", "/api/v1/datasets/{dataset_id}/doctor"): TEACH,
    ("GET", "/api/v1/datasets/{dataset_id}/doctor"): READ,
    ("GET", "/api/v1/datasets/{dataset_id}/doctor/images/{number}"): READ,
    ("DELETE", "/api/v1/datasets/{dataset_id}"): TEACH,
    ("POST", "/api/v1/datasets/{dataset_id}/restore"): TEACH,
    ("POST", "/api/v1/products/{product}/uploads"): TEACH,
    ("GET", "/api/v1/uploads"): TEACH,
    ("GET", "/api/v1/uploads/{upload_id}"): TEACH,
    ("PATCH", "/api/v1/uploads/{upload_id}"): TEACH,
    ("POST", "/api/v1/uploads/{upload_id}/complete"): TEACH,
    ("DELETE", "/api/v1/uploads/{upload_id}"): TEACH,
    ("POST", "/api/v1/products/{product}/jobs"): TEACH,
    ("GET", "/api/v1/products/{product}/preview"): READ,
    ("POST", "/api/v1/tiers"): TEACH,
    ("GET", "/api/v1/tiers"): READ,
    ("GET", "/api/v1/jobs"): READ,
    ("GET", "/api/v1/jobs/{job_id}"): READ,
    ("GET", "/api/v1/jobs/{job_id}/curves"): READ,
    ("GET", "/api/v1/detectors"): READ,
    ("GET", "/api/v1/jobs/{job_id}/log"): READ,
    ("POST", "/api/v1/jobs/{job_id}/cancel"): TEACH,
    ("GET", "/api/v1/models"): READ,
    ("POST", "/api/v1/models/import"): TEACH,
    ("GET", "/api/v1/products/{product}/models/deleted"): READ,
    ("GET", "/api/v1/products/{product}/models/{version}"): READ,
    ("DELETE", "/api/v1/products/{product}/models/{version}"): TEACH,
    ("POST", "/api/v1/products/{product}/models/{version}/restore"): TEACH,
    ("GET", "/api/v1/products/{product}/models/{version}/archive"): TEACH,
    ("POST", "/api/v1/products/{product}/models/{version}/evaluations"): TEACH,
    ("GET", "/api/v1/products/{product}/models/{version}/evaluations/{dataset_id}"): READ,
    ("GET", "/api/v1/products/{product}/models/{version}/evaluations/{dataset_id}/report"): READ,
    ("GET", "/api/v1/products/{product}/models/{version}/evaluations/{dataset_id}"
     "/images/{number}"): READ,
    ("GET", "/api/v1/products/{product}/models/{version}/evaluations/{dataset_id}"
     "/images/{number}/map"): INSPECT,
    ("GET", "/api/v1/products/{product}/models/{version}/calibrations"): READ,
    ("POST", "/api/v1/products/{product}/models/{version}/calibrations"): TEACH,
    ("GET", "/api/v1/products/{product}/models/{version}/scores"): READ,
    ("POST", "/api/v1/products/{product}/models/{version}/scores"): TEACH,
    ("GET", "/api/v1/products/{product}/models/{version}/scores/{sample_id}/thumbnail"): READ,
    ("GET", "/api/v1/products/{product}/aliases"): READ,
    ("PUT", "/api/v1/products/{product}/aliases/{alias}"): TEACH,
    ("DELETE", "/api/v1/products/{product}/aliases/{alias}"): TEACH,
    ("POST", "/api/v1/products/{product}/aliases/{alias}/roll-back"): TEACH,
    ("POST", "/api/v1/products/{product}/inspections"): INSPECT,
    ("POST", "/api/v1/products/{product}/inspections/batch"): INSPECT,
    ("GET", "/api/v1/inspections"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}/image"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}/thumbnail"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}/reviews"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}/map"): READ,
    ("GET", "/api/v1/inspections/{inspection_id}/again"): READ,
    ("GET", "/api/v1/products/{product}/train-again"): READ,
    ("POST", "/api/v1/products/{product}/train-again"): TEACH,
    ("POST", "/api/v1/inspections/{inspection_id}/reviews"): REVIEW,
    ("POST", "/api/v1/inspections/{inspection_id}/reviews/{review_id}/withdraw"): REVIEW,
    ("GET", "/api/v1/inspections/{inspection_id}/reviews/{review_id}/mask"): READ,
    ("POST", "/api/v1/products/{product}/review-queue"): REVIEW,
    ("GET", "/api/v1/products/{product}/live"): READ,
    ("POST", "/api/v1/inspections/{inspection_id}/doubts"): INSPECT,
    ("GET", "/api/v1/kiosks"): TEACH,
    ("POST", "/api/v1/kiosks"): TEACH,
    ("DELETE", "/api/v1/kiosks/{kiosk_id}"): TEACH,
    ("GET", "/api/v1/kiosk/events"): KIOSK,
    ("GET", "/api/v1/kiosk/inspections/{inspection_id}/thumbnail"): KIOSK,
    ("POST", "/api/v1/kiosk/inspections/{inspection_id}/doubts"): KIOSK,
    ("GET", "/api/v1/exports/inspections"): READ,
    ("POST", "/api/v1/exports/inspections"): READ,
    ("GET", "/api/v1/exports/labels"): READ,
    ("GET", "/api/v1/quality"): READ,
    ("GET", "/api/v1/products/{product}/samples"): READ,
    ("GET", "/api/v1/products/{product}/samples/{sample_id}/image"): READ,
    ("GET", "/api/v1/products/{product}/samples/{sample_id}/thumbnail"): READ,
    ("GET", "/api/v1/parts"): READ,
    ("GET", "/api/v1/products/{product}/parts/{part_id:path}"): READ,
    ("GET", "/api/v1/people"): ADMINISTER,
    ("POST", "/api/v1/people"): ADMINISTER,
    ("GET", "/api/v1/people/{name}"): ADMINISTER,
    ("PUT", "/api/v1/people/{name}/role"): ADMINISTER,
    ("POST", "/api/v1/people/{name}/disable"): ADMINISTER,
    ("POST", "/api/v1/people/{name}/enable"): ADMINISTER,
    ("POST", "/api/v1/people/{name}/password"): ADMINISTER,
    ("GET", "/api/v1/tokens"): KNOWN,
    ("GET", "/api/v1/tokens/all"): ADMINISTER,
    ("POST", "/api/v1/tokens"): KNOWN,
    ("DELETE", "/api/v1/tokens/{token_id}"): KNOWN,
    ("GET", "/api/v1/audit"): ADMINISTER,
    ("POST", "/api/v1/audit/verify"): ADMINISTER,
    ("POST", "/api/v1/audit/anchor"): ADMINISTER,
}  # fmt: skip

PAGES: dict[str, Right] = {
    "/about": READ,
    "/inspect": INSPECT,
    "/review": REVIEW,
    "/review/train": TEACH,
    "/products": READ,
    "/products/product": READ,
    "/products/dataset": READ,
    "/products/train": TEACH,
    "/sensitivity": TEACH,
    "/live": READ,
    "/results": READ,
    "/results/charts": READ,
    "/products/model": READ,
    "/products/compare": READ,
}
"""Pages, which lead strangers to sign in and tell in words what is in the way."""

STORY = "/results/{inspection_id}"
"""One inspection's page, which needs one: `test_story` looks at it."""

NOBODY = "019a9f5e-7c00-7000-8000-000000000000"
FILLED = {
    "product": "nothing", "version": "99", "alias": "nobody", "name": "nobody",
    "part_id:path": "nothing", "number": "0",
    **dict.fromkeys(("token_id", "kiosk_id", "sample_id"), "0" * 16),
    **dict.fromkeys(("dataset_id", "upload_id", "job_id", "inspection_id", "review_id"), NOBODY),
}  # fmt: skip
BODIES = {
    "/api/v1/products": {"name": "Not A Name"},
    "/api/v1/products/{product}/datasets/folder": {"name": "x", "folder": "/nowhere"},
    "/api/v1/products/{product}/uploads": {"name": "x", "size": 1},
    "/api/v1/products/{product}/jobs": {"dataset_id": NOBODY},
    "/api/v1/products/{product}/models/{version}/calibrations": {},
    "/api/v1/products/{product}/models/{version}/evaluations": {"dataset_id": NOBODY},
    "/api/v1/products/{product}/aliases/{alias}": {"model": "nothing-1"},
    "/api/v1/inspections/{inspection_id}/reviews": {"verdict": "OK"},
    "/api/v1/products/{product}/review-queue": {"count": 1},
    "/api/v1/products/{product}/train-again": {"dataset_id": NOBODY},
    "/api/v1/exports/inspections": {"ids": [NOBODY]},
    "/api/v1/people": {"name": "Not A Name!", "role": "operator"},
    "/api/v1/people/{name}/role": {"role": "operator"},
    "/api/v1/session/password": {"old": "x", "new": "y"},
    "/api/v1/kiosks": {"name": "x", "product": "nothing"},
    "/api/v1/tokens": {"name": "x", "rights": ["read"]},
}


def routes(running) -> set[tuple[str, str]]:
    found = set()
    for route in running.app.routes:
        inner = getattr(route, "original_router", None)
        for one in [route] if inner is None else inner.routes:
            found |= {(method, one.path) for method in one.methods - {"HEAD"}}
    return found


def ask(running, method, path, headers):
    """Ask for what is not there, in a way that is right otherwise."""
    url = path
    for name, value in FILLED.items():
        url = url.replace("{" + name + "}", value)
    sent = {"json": BODIES[path]} if path in BODIES and method in ("POST", "PUT") else {}
    query = {"name": "x"} if path.endswith("/archive") and method == "POST" else {}
    offset = {"Upload-Offset": "0"} if method == "PATCH" else {}
    return running.client.request(method, url, params=query, headers=headers | offset, **sent)


def test_every_route_is_in_the_table(running):
    """A route that the table below does not name fails here: somebody must decide who may."""
    assert routes(running) == set(TABLE) | {("GET", path) for path in (*PAGES, STORY)}


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_led_to_sign_in(running, path):
    """A page without a session leads to the sign-in page, and from there back."""
    answer = running.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/login?next={quote(path, safe='')}"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("path", PAGES)
def test_pages_by_role(running, path, role):
    """Whoever lacks the right gets a page that says so, whoever has it the page."""
    answer = running.client.get(path, headers=running.headers(role))
    assert answer.status_code == (200 if PAGES[path] in role.rights else 403)
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("method", "path"), [key for key, right in TABLE.items() if right])
def test_strangers_are_asked_to_sign_in(running, method, path):
    """Without a token, with a wrong one or with another scheme, a route says 401 and no more."""
    wrong = f"okng_{'0' * 16}_{'A' * 43}"
    for said in ({}, {"Authorization": f"Bearer {wrong}"}, {"Authorization": "Basic YTpi"}):
        answer = ask(running, method, path, said)
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("method", "path"), [key for key, right in TABLE.items() if isinstance(right, Right)]
)
def test_roles(running, method, path, role):
    """Whoever lacks the right is refused, whoever has it is not."""
    answer = ask(running, method, path, running.headers(role))
    allowed = TABLE[method, path] in role.rights
    assert (answer.status_code != 403) == allowed, answer.text
    if not allowed:
        assert answer.json()["code"] == "forbidden"
    assert answer.status_code < 500


def test_a_token_has_its_own_rights_only(running):
    """A token that may only read cannot inspect, whatever its owner may."""
    owner = Principal("the-engineer", Role.ENGINEER.rights)
    secret = running.service.tokens.create(
        owner, "reader", frozenset({Right.READ}), datetime.now(UTC)
    )[1]
    said = {"Authorization": f"Bearer {secret}", "Content-Type": "image/png"}
    assert running.client.get("/api/v1/products", headers=said).status_code == 200
    refused = running.client.post("/api/v1/products/flange/inspections", headers=said)
    assert refused.status_code == 403


def test_an_expired_or_revoked_token_opens_nothing(running):
    """It does from then on, at once."""
    owner, now = Principal("the-engineer", Role.ENGINEER.rights), datetime.now(UTC)
    rights = frozenset({Right.READ})
    token, secret = running.service.tokens.create(
        owner, "short", rights, now - timedelta(hours=2), now - timedelta(hours=1)
    )
    said = {"Authorization": f"Bearer {secret}"}
    assert running.client.get("/api/v1/products", headers=said).status_code == 401
    token, secret = running.service.tokens.create(owner, "gone", rights, now)
    said = {"Authorization": f"Bearer {secret}"}
    assert running.client.get("/api/v1/products", headers=said).status_code == 200
    assert running.ask("DELETE", f"/tokens/{token.id}").json()["revoked"]
    assert running.client.get("/api/v1/products", headers=said).status_code == 401
