"""Every page: who may see it, that it offers nobody what is not his, and that axe is content."""

import pytest

from okng.domain.people import Principal, Right, Role
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))
READ, INSPECT, REVIEW, TEACH, ADMINISTER = Right
PAGES = {
    "/about": READ,
    "/inspect": INSPECT,
    "/products": READ,
    "/products/product": READ,
    "/products/dataset": READ,
    "/products/train": TEACH,
    "/products/model": READ,
    "/products/compare": READ,
    "/sensitivity": TEACH,
    "/review": REVIEW,
    "/review/train": TEACH,
    "/results": READ,
    "/results/charts": READ,
    "/results/{inspection_id}": READ,
    "/live": READ,
}
"""Pages by their path, with the right that opens them."""
OPEN = {"/", "/login", "/logout", "/password", "/kiosk"}
"""What begins before one is signed in; tests of their own look at these."""
OTHERS = {
    REVIEW: "#say, a[href^='/review'], a[href*='exports/labels']",
    TEACH: "[data-ask], #drop, #zip, #folder-form, #train-form, #make-kiosk, [data-kiosk], "
    "#choice .primary, #start-evaluation, a[href*='/products/train'], a[href*='/review/train'], "
    "a[href^='/sensitivity'], #save-button, #check, #add, #promote",
    ADMINISTER: ".story-columns h2:text-is('Audit trail')",
}
"""What only those with a right are offered."""


@pytest.fixture(scope="module")
def inspection(site):
    """An inspection with a review, so that every page has something to show."""
    trigger = Trigger(site.bad.read_bytes(), "bad.png")
    record = site.service.inspect.inspect("flange", trigger, ADMIN).record
    site.service.reviews.review(record.id, Verdict.NG, "hole", "at the rim", ADMIN)
    return record.id


@pytest.fixture
def places(inspection):
    """Return where the pages are, of the site's product."""
    return {path: path.format(inspection_id=inspection) + "?product=flange" for path in PAGES}


def test_the_table_has_every_page(site):
    """A page that is added must say here who may see it."""
    assert {path for path in site.pages if not path.startswith("/static")} == set(PAGES) | OPEN


@pytest.mark.parametrize("role", list(Role))
def test_nobody_sees_what_is_not_his(visit, role, places):
    """Each page opens for those with its right alone, offers no more, and no link is a dead end."""
    page = visit(role, "/about")
    links = set()
    for path, right in PAGES.items():
        answer = page.goto(places[path])
        if right not in role.rights:
            assert answer.status == 403, path
            page.get_by_text("This is not yours to do").wait_for()
            continue
        assert answer.status == 200, path
        page.wait_for_load_state("networkidle") if path != "/live" else page.wait_for_timeout(300)
        for other, offered in OTHERS.items():
            if other not in role.rights:
                assert page.locator(offered).count() == 0, (path, other)
        found = page.locator("a[href]").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        links |= {link for link in found if link.startswith("/")}
    for link in sorted(links):
        assert page.request.get(link).status == 200, link
    visit.faults.clear()  # the browser notes the 403s


def test_a_stranger_sees_the_sign_in_alone(visit, places):
    """Every page leads to it and back; pictures and data behind it answer nothing."""
    page = visit(None, "/login")
    for place in places.values():
        page.goto(place)
        assert "/login?next=" in page.url
        assert page.locator("nav").count() == 0
    one = places["/results/{inspection_id}"].partition("?")[0].rpartition("/")[2]
    for path in ("image", "thumbnail", "map"):
        assert page.request.get(f"/api/v1/inspections/{one}/{path}").status == 401
    visit.faults.clear()


def test_axe_finds_nothing_serious_anywhere(visit, places, check_axe):
    """Every page, with something to show, in light and in dark, and none wider than a tablet."""
    page = visit(
        Role.ADMINISTRATOR, "/about", viewport={"width": 820, "height": 1180}, has_touch=True
    )
    for place in ("/password", *places.values()):
        assert page.goto(place).status == 200
        if not place.startswith("/live"):
            page.wait_for_load_state("networkidle")
        check_axe(page)
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{place} is wider than a tablet"
    assert page.goto("/results/00000000-0000-7000-8000-000000000000").status == 404
    check_axe(page)
    visit.faults.clear()  # the browser notes the 404
