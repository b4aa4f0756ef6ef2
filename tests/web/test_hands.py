"""Everything that is drawn or dragged, by a keyboard alone, and by fingers."""

import base64
import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from okng.algorithms.pixels import decode_mask
from okng.domain.people import Principal, Right, Role
from okng.domain.records import InspectionFilter, Order
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))
TABLET = {"width": 820, "height": 1180}
SIDE_PX = 128


@pytest.fixture(scope="module")
def site(make_site, tmp_path_factory):
    """A site of this file's own: trainings are queued in it, and its thresholds are moved."""
    with make_site(tmp_path_factory.mktemp("hands")) as own:
        yield own


@pytest.fixture(scope="module")
def dataset(site):
    return site.service.datasets.list("flange", ADMIN)[0].id


@pytest.fixture
def waiting(site):
    """Let one bad image wait for a review, and nothing else; return its id."""
    everything = InspectionFilter(product="flange", reviewed=False)
    for left in site.service.search.page(everything, Order.NEWEST, 200, None, ADMIN).items:
        site.service.reviews.review(left.id, Verdict.OK, None, "", ADMIN)
    trigger = Trigger(site.bad.read_bytes(), "bad.png")
    return site.service.inspect.inspect("flange", trigger, ADMIN).record.id


def reach(page, name):
    """Go to a button by Tab alone, and press it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        here = page.evaluate("() => document.activeElement.innerText")
        if here.strip().startswith(name):
            page.keyboard.press("Enter")
            return
    pytest.fail(f"no Tab leads to {name}")


def step(page, right, down):
    """Move the cross, pixel by pixel of the image."""
    for count, keys in ((right, ("ArrowLeft", "ArrowRight")), (down, ("ArrowUp", "ArrowDown"))):
        for _ in range(abs(count)):
            page.keyboard.press(f"Shift+{keys[count > 0]}")


class Fingers:
    """Touches that Chromium takes for those of a screen; in pixels of the viewer's picture."""

    def __init__(self, page):
        self.page = page
        self.devtools = page.context.new_cdp_session(page)
        viewer = page.locator("#viewer canvas")
        self.frame = viewer.bounding_box() if viewer.count() else None

    def rest(self):
        """Wait as a hand does: what follows at once would be one gesture with what was before."""
        self.page.wait_for_timeout(400)

    def at(self, x, y):
        side = min(self.frame["width"], self.frame["height"])
        left = self.frame["x"] + (self.frame["width"] - side) / 2
        top = self.frame["y"] + (self.frame["height"] - side) / 2
        return left + x * side / SIDE_PX, top + y * side / SIDE_PX

    def send(self, kind, *places):
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def drag(self, *places):
        self.drag_on_screen(*(self.at(*place) for place in places))

    def drag_on_screen(self, *places):
        self.send("touchStart", places[0])
        for before, after in pairwise(places):
            for share in (0.25, 0.5, 0.75, 1):
                here = [a + share * (b - a) for a, b in zip(before, after, strict=True)]
                self.send("touchMove", here)
        self.send("touchEnd")
        self.rest()

    def tap(self, x, y):
        self.send("touchStart", self.at(x, y))
        self.send("touchEnd")
        self.rest()

    def press(self, locator):
        """Tap a button; playwright's own taps, from another session, get in each other's way."""
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        self.send("touchStart", (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        self.send("touchEnd")
        self.rest()


def queued(site, page):
    """Start the training that the page describes; return what reached it, and cancel it."""
    page.wait_for_url("**/products/product*")
    job = site.service.jobs.page(ADMIN, "flange").items[0]
    site.service.jobs.cancel(job.id, ADMIN)
    mask = decode_mask(base64.b64decode(job.options["mask_png"]))
    return job.options["roi"], mask


def marked(site, inspection):
    (review,) = site.service.reviews.of(inspection, ADMIN)
    assert (review.verdict, review.defect) == (Verdict.NG, "hole")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(review.mask_png)))) > 0


def test_a_view_is_drawn_by_keyboard_alone(visit, site, dataset):
    """Tab, arrows, Space and Enter draw a region, a stroke, an area, and start the training."""
    page = visit(Role.ENGINEER, f"/products/train?dataset={dataset}")
    page.locator(".tile[aria-pressed=true]").wait_for()
    reach(page, "Region")
    assert page.evaluate("() => document.activeElement.tagName") == "CANVAS"
    step(page, -54, -54)
    page.keyboard.press("Space")
    step(page, 100, 90)
    page.keyboard.press("Space")
    page.keyboard.press("Shift+Tab")
    reach_back(page, "Hide area")
    for right, down in ((-24, -24), (20, 0), (0, 20), (-20, 0)):
        step(page, right, down)
        page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    reach_back(page, "Hide")
    step(page, 30, 30)
    page.keyboard.press("Space")
    page.keyboard.press("Escape")  # not this one
    page.keyboard.press("Space")
    step(page, 6, 0)
    page.keyboard.press("Space")
    reach(page, "Start training")
    roi, mask = queued(site, page)
    assert roi == {"x": 10, "y": 10, "width": 100, "height": 90}
    assert not mask[42:58, 42:58].any()
    assert not mask[94, 94:100].any()
    assert mask[64, 70:].all()


def reach_back(page, name):
    for _ in range(60):
        if page.evaluate("() => document.activeElement.innerText.trim()") == name:
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Shift+Tab")
    pytest.fail(f"no Shift+Tab leads to {name}")


def test_a_mark_by_keyboard_alone(visit, site, waiting):
    """B puts the cross into the picture; what it marks is kept with the review."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    page.locator("#reviewing[aria-busy=false]").wait_for()
    page.keyboard.press("b")
    step(page, -34, -34)
    page.keyboard.press("Space")
    step(page, 30, 20)
    page.keyboard.press("Space")
    page.keyboard.press("n")
    page.keyboard.type("hole")
    page.keyboard.press("Enter")
    page.get_by_text("All is reviewed").wait_for()
    mask = marked(site, waiting)
    assert mask[31:49, 31:59].all()
    assert mask.sum() == pytest.approx(600, abs=60)


def test_a_view_is_drawn_by_fingers(visit, site, dataset):
    """One finger draws region and stroke, taps set corners, two enlarge what is drawn on."""
    page = visit(
        Role.ENGINEER, f"/products/train?dataset={dataset}", viewport=TABLET, has_touch=True
    )
    page.locator(".tile[aria-pressed=true]").wait_for()
    hand = Fingers(page)
    hand.press(page.locator("button[data-tool=box]"))
    hand.drag((10, 10), (110, 100))
    hand.press(page.locator("button[data-tool=polygon]"))
    for corner in ((40, 40), (60, 40), (60, 60), (40, 60), (40, 40)):
        hand.tap(*corner)
    hand.press(page.locator("button[data-tool=brush]"))
    hand.drag((90, 90), (100, 90))
    scale = "() => document.querySelector('#viewer canvas').toDataURL()"
    before = page.evaluate(scale)
    hand.send("touchStart", hand.at(50, 64), hand.at(78, 64))
    hand.send("touchMove", hand.at(30, 64), hand.at(98, 64))
    hand.send("touchEnd")
    page.wait_for_function(f"before => ({scale})() !== before", arg=before)
    hand.press(page.get_by_role("button", name="Start training"))
    roi, mask = queued(site, page)
    assert roi == pytest.approx({"x": 10, "y": 10, "width": 100, "height": 90}, abs=1)
    assert not mask[42:58, 42:58].any()
    assert not mask[90, 91:99].any()
    assert mask[64, 70:].all()  # two fingers have drawn nothing


def test_a_review_by_fingers(visit, site, waiting):
    """A finger marks the place, taps say what it is."""
    page = visit(Role.REVIEWER, "/review?product=flange", viewport=TABLET, has_touch=True)
    page.locator("#reviewing[aria-busy=false]").wait_for()
    hand = Fingers(page)
    hand.press(page.locator("#mark-box"))
    hand.drag((30, 30), (60, 50))
    hand.press(page.locator("#say-ng"))
    page.locator("#defect").fill("hole")
    hand.press(page.get_by_role("button", name="Save"))
    page.get_by_text("All is reviewed").wait_for()
    assert marked(site, waiting)[32:48, 32:58].all()


def test_a_threshold_by_a_finger(visit, site):
    """The line follows the finger, and the page does not scroll away under it."""
    page = visit(Role.ENGINEER, "/sensitivity?product=flange", viewport=TABLET, has_touch=True)
    line = page.get_by_role("slider", name="REVIEW above").first
    line.wait_for()
    line.scroll_into_view_if_needed()
    box = line.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    value = page.locator("#review-value")
    before, scrolled = float(value.input_value()), page.evaluate("() => scrollY")
    Fingers(page).drag_on_screen(middle, (middle[0] - 60, middle[1] + 40))
    assert float(value.input_value()) < before
    assert page.evaluate("() => scrollY") == scrolled


def test_inspecting_by_fingers(visit, site):
    """A tap on a sample inspects it; one on a place shows it large."""
    page = visit(Role.OPERATOR, "/inspect", viewport=TABLET, has_touch=True)
    page.locator(".tile").first.wait_for()
    page.locator(".tile").last.tap()
    page.locator('.verdict[data-verdict="NG"]').wait_for()
    page.locator("button.region").first.tap()
