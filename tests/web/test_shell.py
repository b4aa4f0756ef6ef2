"""What every page has: the way in, the way around, light and dark, and a keyboard that suffices."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from okng.domain.people import Principal, Right, Role
from okng.interfaces.http.pages.navigation import entries

ADMIN = Principal("admin", frozenset(Right))
NEW = "another set of plain words"


def test_first_sign_in(visit, site, check_axe):
    """The one-time password leads to the choice of one's own, and that into the service."""
    name = f"first-{uuid4().hex[:6]}"
    now = datetime.now(UTC)
    _, first = site.service.people.create(ADMIN, name, Role.ENGINEER, now)
    page = visit(None, "/about")
    assert "/login?next=%2Fabout" in page.url
    check_axe(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    assert "wrong" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Name").input_value() == name
    page.get_by_label("Password").fill(first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    assert page.get_by_role("navigation").count() == 0
    page.get_by_label("Password until now").fill(first)
    page.get_by_label("New password").fill(NEW)
    page.get_by_role("button", name="Change").click()
    page.get_by_text(name).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    visit.faults.clear()  # the browser notes the 401 of the wrong password


@pytest.mark.parametrize("role", list(Role))
def test_navigation_shows_what_one_may(visit, site, role):
    """Each role sees its own pages, and every one of them opens."""
    page = visit(role, "/about")
    links = page.locator("nav a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    by = Principal("x", role.rights)
    assert links == [entry.path for entry in entries(by, site.pages)]
    for link in links:
        assert page.goto(link).status == 200


def test_theme_stays(visit):
    """The toggle turns the colours at once, and the next page has them from the start."""
    page = visit(Role.OPERATOR, "/about", color_scheme="light")
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(ground) != before
    page.reload()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ground) != before


def test_keyboard_reaches_everything(visit):
    """The first tab skips to the content; menus open by Enter and close by Escape."""
    page = visit(Role.ENGINEER, "/about")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Sign out").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("button", name="Sign out").is_visible()
    assert page.evaluate("() => document.activeElement.tagName") == "SUMMARY"


def test_nothing_comes_from_elsewhere(visit, site):
    """A page asks its own server alone, and runs nothing that the policy does not know."""
    page = visit(None, "/login")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    assert asked
    assert all(url.startswith(site.url) for url in asked)


def test_an_operator_can_do_no_more_than_he_may(visit):
    """His pages offer no other, and what he asks for by hand all the same is refused."""
    page = visit(Role.OPERATOR, "/inspect")
    assert page.locator("nav").get_by_text("Review").count() == 0
    told = page.evaluate("""async () => {
        const data = JSON.parse(document.getElementById('page-data').textContent);
        const ask = (method, path) => fetch('/api/v1' + path, {
            method, headers: { 'X-CSRF-Token': data.csrf },
        }).then(answer => answer.status);
        return [data.rights, await ask('DELETE', '/products/flange'), await ask('GET', '/people')];
    }""")
    assert told == [["inspect", "read"], 403, 403]
    visit.faults.clear()  # the browser notes both refusals
