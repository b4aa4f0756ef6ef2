"""The page Review: by keyboard, blind, with marks, and by two people at once."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from okng.domain.people import Principal, Right, Role
from okng.domain.records import InspectionFilter, Order
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger

ADMIN = Principal("admin", frozenset(Right))

IMAGES = 12


@pytest.fixture
def waiting(site):
    """Let twelve bad images be inspected, and nothing else wait; return their ids."""
    everything = InspectionFilter(product="flange", reviewed=False)
    for left in site.service.search.page(everything, Order.NEWEST, 200, None, ADMIN).items:
        if left.image:
            site.service.reviews.review(left.id, Verdict.OK, None, "", ADMIN)
    files = sorted((site.images / "bad").iterdir())
    made = []
    for number in range(IMAGES):
        content = files[number % len(files)].read_bytes()
        kept = site.service.inspect.inspect("flange", Trigger(content, f"{number}.png"), ADMIN)
        made.append(kept.record.id)
    return made


def ready(page, left=None):
    """Wait until the next image can be judged, and so many are left."""
    if left is not None:
        page.locator(f"#left:text-is('{left}')").wait_for()
    page.locator("#reviewing[aria-busy=false]").wait_for()


def shown(page):
    """Return the name of the image that is shown, when it is there."""
    ready(page)
    return page.locator("#said dd").last.inner_text()


def reviewed(site, ids):
    return {one: site.service.search.get(one, ADMIN).reviewed for one in ids}


def test_ten_by_keyboard_and_undo(visit, site, waiting, check_axe):
    """O, N with a name, N with a number, arrows and U do all of it; what is said is kept."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    ready(page, 12)
    assert shown(page) == "11.png"
    check_axe(page)
    page.keyboard.press("o")
    ready(page, 11)
    page.keyboard.press("n")
    page.keyboard.type("deep scratch")
    check_axe(page)
    page.keyboard.press("Enter")
    ready(page, 10)
    for left in range(9, 5, -1):
        page.keyboard.press("n")
        page.keyboard.press("1")
        ready(page, left)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#back:not(:disabled)')")
    assert shown(page) == "4.png"
    page.keyboard.press("o")
    ready(page, 5)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('#back:disabled')")
    assert shown(page) == "5.png"
    for left in range(4, 1, -1):
        page.keyboard.press("o")
        ready(page, left)
    page.keyboard.press("u")
    ready(page, 3)
    said = reviewed(site, waiting)
    assert [said[one] for one in waiting] == [None] * 3 + [Verdict.OK] * 3 + [Verdict.NG] * 5 + [
        Verdict.OK
    ]
    named = site.service.search.get(waiting[10], ADMIN).defect
    assert named == site.service.search.get(waiting[6], ADMIN).defect == "deep scratch"


def test_no_key_is_lost_while_the_heat_is_on_its_way(visit, site, waiting):
    """Once a picture is in front its verdict counts, though the heat over it is not there yet."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    ready(page, 12)
    page.route("**/map", lambda route: None)  # is never answered
    for left in (11, 10, 9):
        page.keyboard.press("o")
        ready(page, left)
    said = reviewed(site, waiting)
    assert [said[one] for one in waiting] == [None] * 9 + [Verdict.OK] * 3


def test_nothing_is_said_of_a_picture_that_is_not_there_yet(visit, site, waiting):
    """A key pressed twice does not judge the part whose picture is still on its way."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    ready(page, 12)
    held = []
    page.route("**/inspections/*/image", lambda route: held.append(route))
    for left in (11, 10):
        page.keyboard.press("o")
        ready(page, left)
    page.keyboard.press("o")
    page.keyboard.press("o")
    page.locator("#left:text-is('9')").wait_for()
    page.locator("#loading").wait_for()
    page.keyboard.press("o")
    page.keyboard.press("n")
    assert page.locator("#defect-form").is_hidden()
    for route in held:
        route.continue_()
    ready(page, 9)
    said = reviewed(site, waiting)
    assert [said[one] for one in waiting] == [None] * 9 + [Verdict.OK] * 3


def test_a_review_that_is_not_taken_keeps_the_marks(visit, site, waiting):
    """Where the service does not answer, the same picture stays with what was drawn on it."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    ready(page, 12)
    page.keyboard.press("b")
    frame = page.locator("#viewer canvas").bounding_box()
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 60, steps=2)
    page.mouse.up()
    page.route("**/reviews", lambda route: route.abort())
    page.keyboard.press("n")
    page.keyboard.type("hole")
    page.keyboard.press("Enter")
    page.get_by_text("does not answer").wait_for()
    assert page.locator("#defect").input_value() == "hole"
    page.unroute("**/reviews")
    visit.faults.clear()
    page.keyboard.press("Enter")
    ready(page, 11)
    (review,) = site.service.reviews.of(waiting[11], ADMIN)
    assert (review.defect, review.mask_png is None) == ("hole", False)


def test_two_people_get_different_images(visit, site, waiting):
    """While one looks at an image the other is given another one; so it goes on to the end."""
    one, other = (visit(role, "/review?product=flange") for role in (Role.REVIEWER, Role.ENGINEER))
    seen = []
    for _ in range(IMAGES // 2):
        for page in (one, other):
            page.locator("#reviewing").wait_for()
            seen.append(shown(page))
            before = page.locator("#done").inner_text()
            page.keyboard.press("o")
            page.wait_for_function(
                "before => document.getElementById('done').textContent !== before", arg=before
            )
    assert sorted(seen) == sorted(f"{number}.png" for number in range(IMAGES))
    one.get_by_text("All is reviewed").wait_for()
    other.get_by_text("All is reviewed").wait_for()
    one.keyboard.press("u")
    ready(one, 1)


def test_blind(visit, site, waiting, check_axe):
    """Neither verdict nor score nor heat is to be seen, and that stays so."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    page.locator("#said .verdict").wait_for()
    page.get_by_label("Hide what the model said").check()
    assert page.locator("#said .verdict").count() == 0
    assert "Score" not in page.locator("#said").inner_text()
    page.reload()
    page.get_by_text("does not sway you").wait_for()
    assert page.locator("#said .verdict").count() == 0
    check_axe(page)


def test_marks_by_box_and_brush(visit, site, waiting):
    """What is drawn on the picture is kept with the review, at the image's own size."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    assert shown(page) == "11.png"
    page.wait_for_function("() => document.querySelector('.verdict')")
    frame = page.locator("#viewer canvas").bounding_box()
    side = min(frame["width"], frame["height"])
    left = frame["x"] + (frame["width"] - side) / 2
    top = frame["y"] + (frame["height"] - side) / 2

    def drag(*points):
        for i, (x, y) in enumerate(points):
            page.mouse.move(left + x * side, top + y * side, steps=2)
            if i == 0:
                page.mouse.down()
        page.mouse.up()

    page.keyboard.press("b")
    drag((0.25, 0.25), (0.5, 0.5))
    page.keyboard.press("p")
    drag((0.75, 0.75), (0.8, 0.8))
    page.keyboard.press("n")
    page.keyboard.type("hole")
    page.keyboard.press("Enter")
    ready(page, 11)
    (review,) = site.service.reviews.of(waiting[11], ADMIN)
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(review.mask_png)))) > 0
    assert mask.shape == (128, 128)
    assert mask[40:60, 40:60].all()
    assert mask[98, 98]
    assert not mask[:28].any()
    assert not mask[70:90, 30:60].any()
