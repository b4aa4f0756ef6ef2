"""The page Results: the list, one inspection's story, and the charts."""

import csv
import io

import pytest

from okng.domain.people import Principal, Right, Role
from okng.domain.records import Context
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))


@pytest.fixture(scope="module")
def inspected(site):
    """Inspect three good and two bad images of a lot of this test's own; return their ids."""
    made = []
    for number, kind in enumerate(("good", "good", "bad", "good", "bad")):
        content = sorted((site.images / kind).iterdir())[0].read_bytes()
        context = Context(part_id=f"R-{number}", lot="the-lot", station="line-9", camera="top")
        trigger = Trigger(content, f"{kind}-{number}.png", context)
        made.append(site.service.inspect.inspect("flange", trigger, ADMIN).record)
    site.service.reviews.review(made[2].id, Verdict.NG, "hole", "at the rim", ADMIN)
    return [one.id for one in made]


def rows(page):
    """Wait for the list, and return its lines."""
    page.wait_for_function("() => !document.getElementById('table').hasAttribute('aria-busy')")
    return page.locator("#rows tr").all_inner_texts()


def test_the_list_is_searched(visit, site, inspected, check_axe):
    """By lot, verdict and review; what was asked is in the address, and comes as CSV."""
    page = visit(Role.OPERATOR, "/results?product=flange&lot=the-lot")
    assert len(rows(page)) == 5
    assert "R-4" in rows(page)[0]
    check_axe(page)
    page.get_by_label("Verdict").select_option("NG")
    page.get_by_text("2 inspections").wait_for()
    page.get_by_label("Reviewed").select_option("true")
    page.get_by_text("1 inspection", exact=True).wait_for()
    (only,) = rows(page)
    assert "hole" in only
    assert "line-9 · top" in only
    page.reload()
    assert len(rows(page)) == 1
    with page.expect_download() as table:
        page.get_by_role("link", name="CSV").click()
    lines = list(csv.DictReader(io.StringIO(table.value.path().read_text("utf-8"))))
    assert [line["id"] for line in lines] == [inspected[2]]
    page.get_by_label("Part").fill("nothing")
    page.keyboard.press("Enter")
    page.get_by_text("No inspection fits").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("() => document.querySelectorAll('#rows tr').length > 1")


def test_the_order_and_more(visit, site, inspected):
    """Highest scores come first if wished; a page ends, and the next one is fetched."""
    page = visit(Role.OPERATOR, "/results?product=flange&lot=the-lot&order=highest-score")
    scores = [float(line.split("\t")[2]) for line in rows(page)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


def test_the_whole_story(visit, site, inspected, check_axe):
    """An engineer sees what was judged, by what and who said what; reviewing adds to it."""
    page = visit(Role.ENGINEER, "/results?product=flange&lot=the-lot&reviewed=true")
    rows(page)
    page.get_by_role("link", name="the whole story").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/results/{inspected[2]}")
    text = page.locator("main").inner_text()
    for said in ("flange-1", "REVIEW above", "the-lot", "R-2", "line-9", "hole", "at the rim"):
        assert said in text
    assert "good parts are not called OK" in page.locator("#promises").inner_text()
    assert "Audit trail" not in text
    page.wait_for_function("() => document.querySelector('#viewer canvas').width > 0")
    check_axe(page)
    page.get_by_role("button", name="OK", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('#reviews li').length === 2")
    assert site.service.search.get(inspected[2], ADMIN).reviewed is Verdict.OK


def test_administrators_see_the_audit_trail(visit, site, inspected):
    """It tells what was done to this inspection; an operator can neither see it nor review."""
    page = visit(Role.ADMINISTRATOR, f"/results/{inspected[2]}")
    assert "inspection.review" in page.locator("main").inner_text()
    page = visit(Role.OPERATOR, f"/results/{inspected[2]}")
    assert page.get_by_text("What is it really?").count() == 0
    assert "inspection.review" not in page.locator("main").inner_text()


def test_an_inspection_that_is_not_there(visit, inspected):
    """It is said in words."""
    page = visit(Role.OPERATOR, "/results/019a9f5e-7c00-7000-8000-000000000000")
    page.get_by_text("There is no such thing").wait_for()
    visit.faults.clear()  # the browser notes the 404


def test_charts(visit, site, inspected, check_axe):
    """Yield, control chart, rates and defects are drawn, and told in numbers."""
    page = visit(Role.OPERATOR, "/results/charts?product=flange")
    page.locator("#control canvas").wait_for()
    assert "of" in page.locator("#figures").inner_text()
    assert page.locator("#yield canvas").count() == page.locator("#rates canvas").count() == 1
    assert "outside of the limits" in page.locator("#signals").inner_text()
    page.get_by_text("Numbers", exact=True).click()
    assert page.locator("#numbers tr").count() == 30
    check_axe(page)
    page.get_by_label("Time").select_option("hour")
    page.wait_for_function("() => document.querySelectorAll('#numbers tr').length === 48")
