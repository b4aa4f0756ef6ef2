"""The page Inspect: images in, verdicts out."""

import io
import zipfile
from base64 import b64encode
from csv import DictReader

from PIL import Image

from okng.domain.people import Role

DROP = """([kind, files]) => {
    const transfer = new DataTransfer();
    for (const [name, data] of files) {
        const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: "image/png" }));
    }
    const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
    document.getElementById("stage").dispatchEvent(event);
}"""


def give(page, *paths, kind="drop"):
    """Drop or paste images onto the page."""
    files = [[path.name, b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(DROP, [kind, files])


def verdict(page):
    """Wait for the verdict in large, and return its word."""
    return page.locator(".verdict strong").inner_text()


def test_dropping_an_image(visit, site, check_axe):
    """Its verdict appears with score, thresholds, promise, places, model and time."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    give(page, site.bad)
    assert verdict(page) == "NG"
    panel = page.locator("#result")
    for said in ("Not good", "Score", "of good parts", "flange-1, calibration 1", "ms"):
        assert said in panel.inner_text()
    page.get_by_text("confidence").wait_for()
    scale = page.get_by_role("img", name="REVIEW above")
    assert scale.is_visible()
    assert page.locator("button.region").count() >= 1
    page.locator("button.region").first.click()
    check_axe(page)
    give(page, site.good)
    page.locator('.verdict[data-verdict="OK"]').wait_for()


def test_heat_lies_where_the_defect_is(visit, site):
    """The picture changes where the hole is and nowhere else, and not when the heat is off."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    give(page, site.bad)
    verdict(page)
    canvas = page.locator("#viewer canvas")
    page.get_by_role("button", name="Regions on or off").click()
    with_heat = pixels(page)
    canvas.focus()
    page.keyboard.press("h")
    plain = pixels(page)
    assert plain["hole"] != with_heat["hole"]
    assert plain["corner"] == with_heat["corner"]
    page.get_by_role("slider").fill("10")
    faint = pixels(page)
    assert faint["hole"] not in (plain["hole"], with_heat["hole"])


def pixels(page):
    """Return the colours at the middle of the hole and near a corner of the image."""
    return page.evaluate("""async () => {
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        const canvas = document.querySelector("#viewer canvas");
        const side = Math.min(canvas.width, canvas.height);
        const left = (canvas.width - side) / 2, top = (canvas.height - side) / 2;
        const at = (x, y) => [...canvas.getContext("2d")
            .getImageData(left + x * side, top + y * side, 1, 1).data].join();
        return { hole: at(0.3, 0.35), corner: at(0.97, 0.97) };
    }""")


def test_zoom_and_pan(visit, site):
    """By wheel, drag and keys; 0 shows the whole again."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    give(page, site.good)
    verdict(page)
    whole = pixels(page)
    box = page.locator("#viewer canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)
    closer = pixels(page)
    assert closer != whole
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 100, steps=3)
    page.mouse.up()
    assert pixels(page) != closer
    page.locator("#viewer canvas").focus()
    page.keyboard.press("0")
    assert pixels(page) == whole
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    assert pixels(page) != whole


def test_start_by_enter(visit, site):
    """With `start at once` off, images wait until Enter is pressed."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.get_by_label("Start at once").uncheck()
    give(page, site.bad, kind="paste")
    page.get_by_text("press Start").wait_for()
    assert page.locator(".verdict").count() == 0
    page.locator("#viewer canvas").focus()
    page.keyboard.press("Enter")
    assert verdict(page) == "NG"
    assert page.locator("#start").is_disabled()
    page.reload()
    assert not page.get_by_label("Start at once").is_checked()


def test_samples_of_the_product(visit, site):
    """The strip shows images of the product's dataset; choosing one inspects it."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.locator(".tile").first.wait_for()
    labels = page.locator(".tile span").all_inner_texts()
    assert labels == ["good"] * 3 + ["hole"] * 3
    page.locator(".tile").last.click()
    assert verdict(page) == "NG"


def test_camera(visit, site):
    """The camera's picture is shown; Enter takes one and inspects it, and then the next."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.get_by_role("button", name="Camera", exact=True).click()
    page.wait_for_function("() => document.getElementById('camera').videoWidth > 0")
    page.get_by_role("button", name="Start").click()
    assert verdict(page) == "NG"
    first = page.locator("#result .break").inner_text()
    assert first.startswith("camera-")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "first => document.querySelector('#result .verdict') && "
        "document.querySelector('#result .break').innerText !== first",
        arg=first,
    )
    page.get_by_role("button", name="Camera", exact=True).click()
    assert not page.locator("#camera").is_visible()


def test_a_batch(visit, site, check_axe):
    """Many images fill a table that sorts; their results can be taken away."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    good, bad = sorted(site.good.parent.iterdir()), sorted(site.bad.parent.iterdir())
    broken = site.images / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno image")
    give(page, *good, *bad, broken)
    page.get_by_text("9 of 9").wait_for()
    assert page.locator("#rows tr").count() == 9
    assert "4" in page.locator(".counts").inner_text()
    page.get_by_role("button", name="Verdict").click()
    words = page.locator("#rows .badge").all_inner_texts()
    rank = ["ERROR", "NG", "REVIEW", "OK"]
    assert words == sorted(words, key=rank.index)
    assert words[0] == "ERROR"
    page.locator("#rows button").nth(1).click()
    assert verdict(page) == "NG"
    name = page.locator("#result .break").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator("#result .break").inner_text() != name
    check_axe(page)
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV").click()
    rows = list(DictReader(table.value.path().read_text("utf-8").splitlines()))
    assert [row["image"] for row in rows] == [path.name for path in [*good, *bad, broken]]
    with page.expect_download() as pictures:
        page.get_by_role("button", name="Pictures").click()
    with zipfile.ZipFile(io.BytesIO(pictures.value.path().read_bytes())) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert archive.read(names[1])[:2] == b"\xff\xd8"
    assert len([name for name in names if name.startswith("NG/")]) == 4
    page.get_by_role("button", name="Clear").click()
    assert not page.locator("#batch").is_visible()


def test_an_image_that_browsers_cannot_show(visit, site, tmp_path):
    """A TIFF file is inspected too, and shown as the service sends it."""
    Image.open(site.bad).save(tmp_path / "part.tiff")
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.set_input_files("#files", tmp_path / "part.tiff")
    assert verdict(page) == "NG"
    page.wait_for_function(
        "() => document.querySelector('#viewer canvas').getContext('2d')"
        ".getImageData(400, 200, 1, 1).data[3] === 255"
    )


def test_what_is_no_image_is_left_out(visit, site, tmp_path):
    """It is named, and nothing is sent."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.set_input_files(
        "#files", [{"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}]
    )
    page.get_by_text("notes.txt").wait_for()
    assert page.locator(".verdict").count() == 0


def test_without_a_session_one_signs_in_and_comes_back(visit, site):
    """When the session has ended meanwhile, the page leads to the sign-in and from there back."""
    page = visit(Role.OPERATOR, "/inspect?product=flange")
    page.context.clear_cookies()
    give(page, site.good)
    page.wait_for_url("**/login?next=*")
    assert "next=%2Finspect%3Fproduct%3Dflange" in page.url
    visit.faults.clear()


def test_what_a_model_that_names_defects_takes_it_for(visit, site):
    """Each class with how probable it is, the likeliest first; most models name none."""

    def with_classes(route):
        answer = route.fetch()
        one = answer.json()
        one["classes"] = {"good": 0.02, "dent": 0.07, "hole": 0.91}
        route.fulfill(response=answer, json=one)

    page = visit(Role.OPERATOR, "/inspect?product=flange")
    give(page, site.bad)
    assert verdict(page) == "NG"
    assert page.locator(".class-shares").count() == 0
    page.route("**/inspections?*", with_classes)
    give(page, site.bad)
    page.locator(".class-shares li").first.wait_for()
    rows = [" ".join(row.split()) for row in page.locator(".class-shares li").all_inner_texts()]
    assert rows == ["hole 91.0%", "dent 7.0%", "good 2.0%"]
