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


def shown(page):
    """Return the name of the image that is shown, when it is there."""
    page.locator("#loading").wait_for(state="hidden")
    return page.locator("#said dd").last.inner_text()


def reviewed(site, ids):
    return {one: site.service.search.get(one, ADMIN).reviewed for one in ids}


def test_ten_by_keyboard_and_undo(visit, site, waiting, check_axe):
    """O, N with a name, N with a number, arrows and U do all of it; what is said is kept."""
    page = visit(Role.REVIEWER, "/review?product=flange")
    page.locator("#left", has_text="12").wait_for()
    assert shown(page) == "11.png"
    check_axe(page)
    page.keyboard.press("o")
    page.locator("#left", has_text="11").wait_for()
    page.keyboard.press("n")
    page.keyboard.type("deep scratch")
    check_axe(page)
    page.keyboard.press("Enter")
    page.locator("#left", has_text="10").wait_for()
    for left in range(9, 5, -1):
        page.keyboard.press("n")
        page.keyboard.press("1")
        page.locator("#left", has_text=str(left)).wait_for()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#back:not(:disabled)')")
    assert shown(page) == "4.png"
    page.keyboard.press("o")
    page.locator("#left", has_text="5").wait_for()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('#back:disabled')")
    assert shown(page) == "5.png"
    for left in range(4, 1, -1):
        page.keyboard.press("o")
        page.locator("#left", has_text=str(left)).wait_for()
    page.keyboard.press("u")
    page.locator("#left", has_text="3").wait_for()
    said = reviewed(site, waiting)
    assert [said[one] for one in waiting] == [None] * 3 + [Verdict.OK] * 3 + [Verdict.NG] * 5 + [
        Verdict.OK
    ]
    named = site.service.search.get(waiting[10], ADMIN).defect
    assert named == site.service.search.get(waiting[6], ADMIN).defect == "deep scratch"


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
    one.locator("#left", has_text="1").wait_for()


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
    page.locator("#left", has_text="11").wait_for()
    (review,) = site.service.reviews.of(waiting[11], ADMIN)
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(review.mask_png)))) > 0
    assert mask.shape == (128, 128)
    assert mask[40:60, 40:60].all()
    assert mask[98, 98]
    assert not mask[:28].any()
    assert not mask[70:90, 30:60].any()
