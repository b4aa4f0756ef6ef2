"""Signing in by a browser: cookies, CSRF, the first password, throttling and the pages."""

import re

import pytest

from okng.interfaces.http.app import create_app

PASSWORD = "four unrelated plain words"
CSRF = "X-CSRF-Token"


@pytest.fixture
def browser(running, in_process):
    """A client without a token, and without cookies yet."""
    with in_process(create_app(running.service)) as client:
        yield client


def sign_in(browser, name="the-engineer", password="another set of words"):
    return browser.post("/api/v1/session", json={"name": name, "password": password})


@pytest.fixture
def person(running):
    """Somebody with a password of his own."""
    return person_of(running, "engineer")


def person_of(running, role, name=None):
    from uuid import uuid4

    name = name or f"p-{uuid4().hex[:12]}"
    made = running.ask("POST", "/people", json={"name": name, "role": role})
    assert made.status_code == 201
    return name, made.json()["password"]


def settled(browser, person):
    """Sign in, choose a password and return the CSRF token."""
    name, first = person
    csrf = sign_in(browser, name, first).json()["csrf"]
    body = {"old": first, "new": PASSWORD}
    changed = browser.post("/api/v1/session/password", json=body, headers={CSRF: csrf})
    assert changed.status_code == 200
    return changed.json()["csrf"]


def test_first_password_opens_nothing_but_its_change(browser, person):
    """Until one's own password is chosen there are no rights; then those of the role."""
    name, first = person
    answer = sign_in(browser, name, first)
    assert (answer.status_code, answer.json()["must_change"]) == (201, True)
    for what in ("products", "tokens"):
        refused = browser.get(f"/api/v1/{what}")
        assert refused.status_code == 403
        assert "choose a password of your own first" in refused.json()["detail"]
    assert browser.get("/api/v1/session").json()["rights"] == []
    body = {"old": first, "new": PASSWORD}
    csrf = {CSRF: answer.json()["csrf"]}
    assert browser.post("/api/v1/session/password", json=body, headers=csrf).status_code == 200
    assert browser.get("/api/v1/products").status_code == 200
    assert "teach" in browser.get("/api/v1/session").json()["rights"]


def test_cookies_are_for_this_site_and_no_script(browser, person):
    """Cookies are HttpOnly and SameSite=Strict."""
    cookies = sign_in(browser, *person).headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie


def test_cookies_over_tls_are_secure(running, in_process, person):
    """Over TLS they are Secure and bound to the host, and browsers are told to stay with TLS."""
    with in_process(create_app(running.service, tls=True)) as client:
        answer = sign_in(client, *person)
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "Secure" in cookie
        assert "max-age=" in answer.headers["Strict-Transport-Security"]


def test_a_change_needs_the_csrf_token(browser, person):
    """By cookie nothing is changed without the session's token, or with another one's."""
    csrf = settled(browser, person)
    body = {"name": f"csrf-{person[0]}"}
    for headers in ({}, {CSRF: "0" * 64}, {CSRF: ""}):
        refused = browser.post("/api/v1/products", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert browser.post("/api/v1/products", json=body, headers={CSRF: csrf}).status_code == 201


def test_signing_out_ends_the_session(browser, person):
    """The cookie is worth nothing afterwards, even to whoever kept it."""
    csrf = settled(browser, person)
    kept = dict(browser.cookies)
    answer = browser.request("DELETE", "/api/v1/session", headers={CSRF: csrf})
    assert answer.status_code == 204
    said = {"Cookie": "; ".join(f"{name}={value}" for name, value in kept.items())}
    assert browser.get("/api/v1/products", headers=said).status_code == 401


def test_guessing_is_slowed(browser, person):
    """After some wrong passwords one must wait, and is told for how long; right or wrong."""
    name, right = person
    statuses = [sign_in(browser, name, f"wrong {i}").status_code for i in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    answer = sign_in(browser, name, right)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_token_cannot_make_tokens(running):
    """Only a person who is signed in can: a stolen token does not multiply."""
    body = {"name": "more", "rights": ["read"]}
    assert running.ask("POST", "/tokens", json=body).status_code == 403


@pytest.mark.parametrize("expires", ["2026-12-01T00:00:00", "9999-12-31T23:59:59-14:00", "soon"])
def test_token_with_an_odd_expiry_is_refused(browser, person, expires):
    """A time without a zone, or beyond all time, is one clear error."""
    csrf = {CSRF: settled(browser, person)}
    body = {"name": "short", "rights": ["read"], "expires": expires}
    answer = browser.post("/api/v1/tokens", json=body, headers=csrf)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "/body/expires" in answer.json()["detail"]


def test_token_is_shown_once(browser, person):
    """A token's secret is in the answer to its making and nowhere else; it works."""
    csrf = settled(browser, person)
    body = {"name": "line-1", "rights": ["read", "inspect"]}
    made = browser.post("/api/v1/tokens", json=body, headers={CSRF: csrf})
    secret = made.json()["secret"]
    assert secret not in browser.get("/api/v1/tokens").text
    said = {"Authorization": f"Bearer {secret}"}
    session = browser.get("/api/v1/session", headers=said).json()
    assert (session["name"], session["rights"]) == (f"{person[0]}:line-1", ["inspect", "read"])


def test_pages_for_strangers_hold_no_data(browser):
    """Strangers are led to sign in, and nothing there tells what is in okng."""
    for path in ("/", "/about", "/password"):
        answer = browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/login")
    page = browser.get("/login")
    assert "flange" not in page.text
    assert "Sign in" in page.text


def test_pages(browser, person):
    """By the forms: sign in with the first password, choose one, see what runs, sign out."""
    name, first = person
    fields = {"name": name, "password": first, "csrf": hidden(browser.get("/login"))}
    answer = browser.post("/login", data=fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/password")
    assert browser.get("/about").headers["Location"] == "/password"
    fields = {"old": first, "new": "short", "csrf": hidden(browser.get("/password"))}
    assert browser.post("/password", data=fields).status_code == 422
    assert browser.post("/password", data=fields | {"new": PASSWORD}).status_code == 303
    page = browser.get("/about")
    assert name in page.text
    assert "flange" in page.text
    assert browser.post("/logout", data={"csrf": "x"}).status_code == 403
    assert browser.post("/logout", data={"csrf": hidden(page)}).status_code == 303
    assert browser.get("/about").status_code == 303


@pytest.mark.parametrize(
    ("asked", "led"),
    [("/about?x=1", "/about?x=1"), ("//elsewhere.example", "/"), ("https://elsewhere.example", "/"),
     ("/\\elsewhere.example", "/"), ("javascript:alert(1)", "/"), ("/" + "a" * 600, "/")],
)  # fmt: skip
def test_signing_in_leads_back_and_nowhere_else(browser, person, asked, led):
    """Whoever was on his way to a page of okng gets there; no other site can be the way's end."""
    settled(browser, person)
    browser.cookies.clear()
    page = browser.get("/login", params={"next": asked})
    fields = {"name": person[0], "password": PASSWORD, "csrf": hidden(page), "next": asked}
    assert browser.post("/login", data=fields).headers["Location"] == led


def test_login_form_from_elsewhere_is_refused(browser, person):
    """A form that does not come from the page, or comes from another site, signs nobody in."""
    fields = {"name": person[0], "password": person[1], "csrf": "x"}
    assert browser.post("/login", data=fields).status_code == 403
    fields["csrf"] = hidden(browser.get("/login"))
    foreign = browser.post("/login", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert not {name for name in browser.cookies if "session" in name}


def test_wrong_password_in_the_form(browser):
    """It says so without saying what was wrong, and what was typed is shown as text."""
    fields = {"name": "<script>", "password": "x", "csrf": hidden(browser.get("/login"))}
    answer = browser.post("/login", data=fields)
    assert answer.status_code == 401
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def hidden(page) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
