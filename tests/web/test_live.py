"""The page Live, and the screen that shows nothing else."""

from datetime import UTC, datetime

import pytest

from okng.domain.people import Principal, Right, Role
from okng.domain.records import Context
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))


def inspect(site, path, station=None, part="P-7"):
    """Inspect an image as a program at the line does; return its id."""
    trigger = Trigger(path.read_bytes(), path.name, Context(station=station, part_id=part), None)
    return site.service.inspect.inspect("flange", trigger, ADMIN).record.id


def shown(page):
    return page.locator("#live").get_attribute("data-verdict")


def test_an_inspection_appears_by_itself(visit, site, check_axe):
    """Verdict, picture, the last ten and the shift follow; nothing is asked for again and again."""
    page = visit(Role.OPERATOR, "/live")
    page.locator("#counts div").first.wait_for()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    inspect(site, site.bad, part="P-8")  # an earlier one may be NG, too
    page.locator("#last-said", has_text="P-8").wait_for()
    assert shown(page) == page.locator("#last-word").inner_text() == "NG"
    page.wait_for_function("() => document.getElementById('last-picture').naturalWidth > 0")
    before = int(page.locator('#counts [data-verdict="OK"] dd').inner_text())
    inspect(site, site.good)
    page.locator('#live[data-verdict="OK"]').wait_for()
    page.locator(f'#counts [data-verdict="OK"] dd:text-is("{before + 1}")').wait_for()
    assert "%" in page.locator("#yield").inner_text()
    assert page.locator("#ten li").count() >= 2
    check_axe(page)
    assert [url for url in asked if "/live" in url] == []
    page.locator(".live-one").nth(1).click()
    assert shown(page) == "NG"


def test_a_wrong_verdict_goes_to_review(visit, site):
    """Whoever stands there says so, is asked once, and it is in the queue."""
    page = visit(Role.OPERATOR, "/live?station=press")
    page.locator("#counts div").first.wait_for()
    inspection = inspect(site, site.good, "press")
    inspect(site, site.bad, "oven")
    page.locator('#live[data-verdict="OK"]').wait_for()
    assert page.locator("#ten li").count() == 1
    page.get_by_role("button", name="This verdict is wrong").click()
    page.get_by_role("button", name="Yes").click()
    page.get_by_text("Sent to review").first.wait_for()
    handed = site.service.review_queue.take("flange", (), 200, ADMIN)
    assert inspection in [record.id for record in handed.items]


@pytest.fixture
def screen(visit, site):
    """A browser that an engineer has made a kiosk."""
    page = visit(Role.ENGINEER, "/live?station=press")
    page.get_by_label("Name of the screen").fill("hall-1")
    page.get_by_role("button", name="Make this screen a kiosk").click()
    page.wait_for_url("**/kiosk")
    page.locator("#counts div").first.wait_for()
    return page


def test_a_kiosk_sees_its_page_alone(screen, site, visit, check_axe):
    """Its cookie opens events and pictures of its own station, and nothing that people may see."""
    own = inspect(site, site.bad, "press")
    other = inspect(site, site.bad, "oven")
    screen.locator(f'[data-id="{own}"]').wait_for()
    screen.wait_for_function("() => document.getElementById('last-picture').naturalWidth > 0")
    assert screen.locator(f'[data-id="{other}"]').count() == 0
    assert screen.locator("nav").count() == 0
    check_axe(screen)
    request = screen.context.request
    for path in (
        "/api/v1/products", "/api/v1/inspections", f"/api/v1/inspections/{own}",
        f"/api/v1/inspections/{own}/thumbnail", "/api/v1/products/flange/live",
        "/api/v1/kiosks", "/api/v1/session",
    ):  # fmt: skip
        assert request.get(path).status == 401, path
    for path in ("/about", "/inspect", "/live", "/review"):
        assert "/login" in request.get(path).url
    assert request.get(f"/api/v1/kiosk/inspections/{own}/thumbnail").status == 200
    assert request.get(f"/api/v1/kiosk/inspections/{other}/thumbnail").status == 404
    assert request.post(f"/api/v1/kiosk/inspections/{own}/doubts").status == 403
    screen.get_by_role("button", name="This verdict is wrong").click()
    screen.get_by_role("button", name="Yes").click()
    screen.get_by_text("Sent to review").first.wait_for()


def test_a_kiosk_outlives_its_session_until_it_is_revoked(screen, site, visit):
    """A new browser with that cookie alone goes on; revoked, it is led to sign in."""
    cookies = [one for one in screen.context.cookies() if one["name"] == "okng_kiosk"]
    assert cookies[0]["httpOnly"]
    assert cookies[0]["expires"] > datetime.now(UTC).timestamp() + 300 * 86400
    later = visit(None, "/login")
    later.context.add_cookies(cookies)
    later.goto("/kiosk")
    later.locator("#counts div").first.wait_for()
    engineer = visit(Role.ENGINEER, "/live")
    while engineer.get_by_role("button", name="Revoke the kiosk hall-1").count():
        count = engineer.locator("[data-kiosk]").count()
        engineer.get_by_role("button", name="Revoke the kiosk hall-1").first.click()
        engineer.wait_for_function(
            "n => document.querySelectorAll('[data-kiosk]').length < n", arg=count
        )
    later.goto("/kiosk")
    assert "/login" in later.url
    visit.faults.clear()
