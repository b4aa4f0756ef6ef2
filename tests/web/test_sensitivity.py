"""The page Sensitivity: thresholds moved by hand, and saved as new calibrations."""

import json

import pytest
from benchmarks.dragging import DRAG

from okng.algorithms.binomial import clopper_pearson
from okng.domain.people import Role
from okng.interfaces.http.pages.assets import place as static

COUNTS = [(0, 0), (0, 1), (1, 1), (0, 299), (1, 299), (7, 20), (19, 20), (250, 5000), (2500, 5000)]
COUNTS += [(4999, 5000), (1, 20000), (12345, 20000)]
STATE = """() => JSON.stringify({
    review: Number(document.getElementById("review-value").value),
    cells: [...document.querySelectorAll("#confusion td")].map(cell => Number(cell.innerText)),
})"""


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    """A site of this file's own: others train new models, whose samples are not scored yet."""
    with make_site(tmp_path_factory.mktemp("sensitivity")) as own:
        yield own


@pytest.fixture
def page(visit, site):
    """The page with the labelled images of the dataset scored."""
    page = visit(Role.ENGINEER, "/sensitivity")
    page.locator(".uplot").wait_for()
    start = page.get_by_role("button", name="Score the labelled images of first")
    if start.count():
        start.click()
    page.locator("[data-source=sample]").wait_for(timeout=30_000)
    return page


def state(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return json.loads(page.evaluate(STATE))


def test_a_threshold_is_moved_by_keyboard_and_saved(page, site, visit, check_axe):
    """The line moves by arrows, all figures with it; saving adds a calibration, and says whose."""
    before = state(page)
    assert sum(before["cells"]) >= 24
    line = page.get_by_role("slider", name="REVIEW above")
    line.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    moved = state(page)
    assert moved["review"] < before["review"]
    assert moved["cells"][0] < before["cells"][0]
    assert sum(moved["cells"]) == sum(before["cells"])
    assert "judged harder" in page.locator(".changes").inner_text()
    check_axe(page)
    page.get_by_label("Why?").fill("too many\nescapes")
    page.get_by_role("button", name="Save as calibration").click()
    page.get_by_text("is in use now").wait_for()
    newest, older = page.locator("#history tr").all()[:2]
    assert "too many escapes" in newest.inner_text()
    assert "the-engineer" in newest.inner_text()
    assert "by hand" in newest.inner_text()
    kept = site.service.registry.calibrations("flange-1")
    assert kept[-1].review_threshold == moved["review"]
    assert kept[-2].review_threshold == pytest.approx(before["review"], rel=1e-5)
    assert page.get_by_role("button", name="Save as calibration").is_disabled()
    page.locator("#notices").get_by_role("button").click()
    take = older.get_by_role("button", name="Take the thresholds of calibration")
    take.evaluate("button => button.scrollIntoView({ block: 'end' })")
    edges = "([panel, history]) => [panel.bottom, history.top]"
    boxes = "['.panel', '.history'].map(one => document.querySelector(one).getBoundingClientRect())"
    panel_ends, history_begins = page.evaluate(f"() => ({edges})({boxes})")
    assert panel_ends <= history_begins  # nothing lies over what can be taken
    take.click()
    assert state(page) == before
    page.get_by_label("Why?").fill("back again")
    page.get_by_role("button", name="Save as calibration").click()
    page.get_by_text(f"Calibration {kept[-1].version + 1} is in use now").wait_for()


def test_a_line_is_dragged(page):
    """By the pointer; one line never passes the other, and parts that change sides are shown."""
    line = page.locator(".score-line-handle.review")
    line.scroll_into_view_if_needed()
    box, chart = line.bounding_box(), page.locator(".u-over").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(chart["x"] + chart["width"] - 2, y, steps=5)
    page.mouse.up()
    moved = state(page)
    assert moved["cells"][1] == moved["cells"][4] == 0
    assert float(page.locator("#ng-value").input_value()) >= moved["review"]
    assert page.locator(".change-tile img").count() >= 1
    assert "let through" not in page.locator(".changes").inner_text()
    assert "softer" in page.locator(".changes").inner_text()
    assert page.locator(".change-tile").first.get_attribute("data-truth") == "defective"
    page.wait_for_function(
        "() => [...document.querySelectorAll('.change-tile img')].every(img => img.naturalWidth)"
    )
    page.get_by_role("button", name="Back to those in use").click()
    state(page)  # it is drawn with the next picture of the screen
    assert page.locator(".change-tile:visible").count() == 0


def test_numbers_are_typed(page):
    """A field sets its line; thresholds that cannot be are not taken."""
    page.get_by_label("NG above").last.fill("1000")
    assert state(page)["cells"][2] == 0
    page.get_by_label("REVIEW above").last.fill("2000")
    page.get_by_role("button", name="Save as calibration").click()
    assert page.locator("#review-value:invalid").count() == 1
    assert page.locator(".notices .note").count() == 0


def test_intervals_agree_with_python(page):
    """The page's arithmetic is that of `algorithms/binomial.py`."""
    found = page.evaluate(
        "async ([base, counts]) => { const module = await import(`${base}/binomial.js`);"
        " return counts.map(([k, n]) => module.clopperPearson(k, n)) }",
        [static(), COUNTS],
    )
    for (k, n), (low, high) in zip(COUNTS, found, strict=True):
        assert (low, high) == pytest.approx(clopper_pearson(k, n), rel=1e-9, abs=1e-12), (k, n)


def test_dragging_with_5000_scores_counts_all_of_them(page):
    """Each move of a line counts every score anew."""
    assert page.evaluate(DRAG, 5000)["total"] == 5000
