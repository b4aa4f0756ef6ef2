"""Products and models: from a ZIP of images to a model that inspects, and back."""

import io
import re
import shutil
import zipfile
from base64 import b64decode, b64encode
from uuid import uuid4

import pytest

import okng
from okng.algorithms.pixels import decode_mask
from okng.domain.people import Principal, Right, Role
from okng.testing.images import write_folder

ADMIN = Principal("admin", frozenset(Right))
DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: "application/zip" }));
    document.getElementById("drop").dispatchEvent(
        new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A folder of small images of a part."""
    return write_folder(tmp_path_factory.mktemp("cap") / "cap", 8, 2, 2, 64)


@pytest.fixture(scope="module")
def archive(parts):
    """The same as a ZIP file's bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(parts.rglob("*.png")):
            archive.write(path, path.relative_to(parts.parent))
    return packed.getvalue()


@pytest.fixture(scope="module")
def twice(site, parts):
    """A product with images and two models; its name and its dataset's id."""
    folder = site.images.parent / "parts" / "twice"
    shutil.copytree(parts, folder)
    for seed in (0, 1):
        options = okng.TrainingOptions(size=(64, 64), config={"bank_size": 64}, seed=seed)
        okng.train(folder, "twice", options=options, settings=site.service.settings)
    site.service.products.list(ADMIN)
    return "twice", site.service.datasets.register("twice", "cap", str(folder), ADMIN).id


def test_from_a_zip_to_a_verdict(visit, site, archive, check_axe):
    """Add a product, drop a ZIP file, train, watch it, and inspect an image."""
    page = visit(Role.ENGINEER, "/products")
    check_axe(page)
    page.get_by_role("button", name="Add a product").first.click()
    title = f"Cap {uuid4().hex[:6]}x"
    page.get_by_label("Name").fill(title)
    name = title.lower().replace(" ", "-")
    page.get_by_text(f"files: {name}").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/products/product?product={name}")
    check_axe(page)
    page.evaluate(DROP, ["cap.zip", b64encode(archive).decode()])
    page.get_by_role("link", name="Train").click()
    page.wait_for_url("**/products/train?dataset=*")
    page.locator("[data-tier=fast] output").get_by_text("ms").wait_for()
    page.get_by_text("8 good images").wait_for()
    check_axe(page)
    page.get_by_text("More options").click()
    page.get_by_label("Size that the model sees").select_option("224")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/products/product*")
    page.locator(".training progress").wait_for()
    page.locator(".training .log").get_by_text("good images, read as").wait_for()
    check_axe(page)
    page.locator(f"[data-model={name}-1]").wait_for(timeout=60_000)
    page.get_by_text("inspects", exact=True).wait_for()
    page.locator("#jobs summary").click()
    page.locator("#jobs .log").get_by_text(f"{name}-1 is ready").wait_for()
    (job,) = site.service.jobs.page(ADMIN, name).items
    assert job.options["tier"] == "fast"
    page.get_by_role("link", name="Inspect").last.click()
    page.wait_for_url(f"**/inspect?product={name}")


def test_a_detector_is_set_and_watched_while_it_learns(visit, site, parts, check_axe):
    """Its settings are a form made of its Config; what it learns is drawn epoch by epoch."""
    name = f"cap-{uuid4().hex[:6]}x"
    site.service.products.create(name, "", ADMIN)
    folder = site.images.parent / "parts" / name
    shutil.copytree(parts, folder)
    dataset = site.service.datasets.register(name, "cap", str(folder), ADMIN)
    page = visit(Role.ENGINEER, f"/products/train?dataset={dataset.id}")
    page.get_by_text("More options").click()
    page.locator("#detector").select_option("autoencoder")
    page.get_by_label("Epochs", exact=True).wait_for(timeout=60_000)
    check_axe(page)
    page.get_by_label("Epochs", exact=True).fill("400")
    page.get_by_text("It learns from 8 good images").wait_for()
    page.get_by_label("Fewest steps").fill("1")
    page.get_by_label("Loss", exact=True).select_option("ssim")
    page.get_by_label("Size that the model sees").select_option("224")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/products/product*")
    (job,) = site.service.jobs.page(ADMIN, name).items
    assert job.options["detector"] == "autoencoder"
    assert job.options["config"] == {"epochs": 400, "steps": 1, "loss": "ssim"}
    page.locator(".curves canvas").wait_for(timeout=60_000)
    said = page.locator(".training").get_by_text("after epoch").inner_text()
    assert said.startswith("Learning, after epoch")
    assert "validation loss" in said
    page.locator(".progress-row", has_text=re.compile(r"of 400, \d+ (sec|min) left")).wait_for()
    check_axe(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("cancelled").wait_for(timeout=30_000)


def test_promote_and_roll_back(visit, site, twice):
    """The champion inspects; what was promoted wrongly is taken back."""
    name, _ = twice
    page = visit(Role.ENGINEER, f"/products/product?product={name}")
    active = page.locator("[data-active] .line-name")
    assert active.inner_text() == "twice-2"
    for version in (1, 2):
        row = page.locator(f"[data-model=twice-{version}]")
        row.get_by_role("button", name="Promote").click()
        page.locator(f"[data-model=twice-{version}] .alias").wait_for()
        assert active.inner_text() == f"twice-{version}"
    page.get_by_role("button", name="Roll back").click()
    page.locator("[data-model=twice-1] .alias").wait_for()
    assert site.service.models.aliases(name, ADMIN) == {"champion": "twice-1"}


def test_what_is_deleted_can_be_restored(visit, site, twice):
    """A model, images and a product go out of sight and come back."""
    name, dataset = twice
    site.service.models.promote(name, "champion", "twice-1", ADMIN)
    page = visit(Role.ENGINEER, f"/products/product?product={name}")
    for place in ("[data-model=twice-2]", f"[data-dataset='{dataset}']"):
        page.locator(place).get_by_role("button", name="Delete").click()
        page.locator(place).wait_for(state="detached")
        page.get_by_text("1 deleted").click()
        page.get_by_role("button", name="Restore", exact=True).click()
        page.locator(place).wait_for()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/products")
    assert page.get_by_role("link", name=name).count() == 0
    page.get_by_text("deleted product").click()
    page.locator(f"[data-path='/products/{name}/restore']").click()
    page.get_by_role("link", name=name).wait_for()


def test_a_model_is_measured_in_the_page(visit, twice, check_axe):
    """Its report stands in the page, where nothing of it can run; two lie side by side."""
    name, _ = twice
    page = visit(Role.ENGINEER, "/products/model?model=twice-2")
    page.get_by_role("button", name="Evaluate").click()
    report = page.frame_locator("#report")
    report.get_by_text("defective parts were stopped").wait_for()
    check_axe(page)
    page.goto(f"/products/compare?product={name}&first=twice-1&second=twice-2")
    assert page.locator("#first").input_value() == "twice-1"
    page.get_by_text("judged differently").wait_for()  # one image is, or some are
    assert page.locator("#images tbody tr").count() == 4
    name = page.locator("#images button").last.inner_text()
    page.locator("#images button").last.click()
    page.get_by_role("heading", name=name).wait_for()
    check_axe(page)
    views = page.locator(".pair canvas")
    before = [shown(view) for view in views.all()]
    views.last.focus()
    for key in ("+", "+", "+", "ArrowLeft"):  # what is looked at in one is looked at in both
        page.keyboard.press(key)
    after = [shown(view) for view in views.all()]
    assert all(a != b for a, b in zip(after, before, strict=True))
    page.get_by_role("button", name="Whole picture").click()
    assert [shown(view) for view in views.all()] == before


def shown(view):
    """Return what a canvas shows, as a data URL, once it was drawn."""
    return view.evaluate("""async canvas => {
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        return canvas.toDataURL();
    }""")


def test_a_checkup_in_pictures(visit, twice, parts, site, check_axe):
    """A test image that is a training image is shown beside it."""
    folder = site.images.parent / "parts" / "leaking"
    shutil.copytree(parts, folder)
    shutil.copy(folder / "train" / "good" / "002.png", folder / "test" / "good" / "copy.png")
    dataset = site.service.datasets.register("twice", "leaking", str(folder), ADMIN).id
    page = visit(Role.ENGINEER, f"/products/dataset?dataset={dataset}")
    page.get_by_role("button", name="Check the images").click()
    page.get_by_text("Mend this before training").wait_for(timeout=30_000)
    finding = page.locator(".finding[data-verdict=NG]").first
    names = finding.locator("figcaption").all_inner_texts()
    assert names == ["test/good/copy.png", "train/good/002.png"]
    page.wait_for_function(
        "() => document.querySelector('.finding img').naturalWidth > 0", timeout=10_000
    )
    check_axe(page)
    site.service.datasets.delete(dataset, ADMIN)


def test_where_the_model_looks_is_drawn(visit, site, twice):
    """A box by dragging or by numbers, and hidden areas; they reach the training."""
    name, dataset = twice
    page = visit(Role.ENGINEER, f"/products/train?dataset={dataset}")
    page.locator(".tile[aria-pressed=true]").wait_for()
    box = page.locator("#viewer canvas").bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2

    def at(x, y):
        return left + x * side / 64, top + y * side / 64

    page.get_by_role("button", name="Region").click()
    page.mouse.move(*at(8, 8))
    page.mouse.down()
    page.mouse.move(*at(56, 48), steps=4)
    page.mouse.up()
    page.get_by_text("More options").click()
    drawn = [page.get_by_label(side).input_value() for side in ("Left", "Top", "Height")]
    assert drawn == ["8", "8", "40"]
    page.get_by_role("spinbutton", name="Width").fill("40")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Hide area").click()
    for corner in ((16, 16), (32, 16), (32, 32), (16, 32)):
        page.mouse.click(*at(*corner))
    page.locator("#viewer canvas").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Size that the model sees").select_option("224")
    page.get_by_role("checkbox", name="without colour").check()
    page.get_by_role("checkbox", name="local contrast").check()
    page.get_by_role("spinbutton", name="local contrast").fill("3.5")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/products/product*")
    job = site.service.jobs.page(ADMIN, name).items[0]
    assert job.options["prepare"] == ["grey", "clahe=3.5"]
    examples = page.locator("img.examples")
    examples.wait_for(timeout=30_000)
    drawn = "async (image) => { await image.decode(); return image.naturalWidth; }"
    assert examples.evaluate(drawn) > 300
    assert job.options["roi"] == {"x": 8, "y": 8, "width": 40, "height": 40}
    mask = decode_mask(b64decode(job.options["mask_png"]))
    assert mask.shape == (64, 64)
    assert not mask[18:30, 18:30].any()
    assert mask[:15].all()
    assert mask[34:].all()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("cancelled").wait_for(timeout=30_000)


def test_an_upload_goes_on_where_it_broke_off(visit, site, archive):
    """What had arrived is not sent again; a folder of images becomes the same ZIP."""
    name = f"cap-{uuid4().hex[:6]}x"
    site.service.products.create(name, "", ADMIN)
    begun = site.service.uploads.begin(name, "cap", len(archive), ADMIN)
    site.service.uploads.append(begun.id, 0, archive[:1000], ADMIN)
    page = visit(Role.ENGINEER, f"/products/product?product={name}")
    page.get_by_text("cap broke off at").wait_for()
    starts = []
    page.on("request", lambda sent: starts.append(sent.headers.get("upload-offset")))
    zipped = {"name": "cap.zip", "mimeType": "application/zip", "buffer": archive}
    page.locator("#zip").set_input_files(zipped)
    page.locator(".dataset").wait_for()
    assert [start for start in starts if start] == ["1000"]
    assert site.service.uploads.get(begun.id, ADMIN).dataset_id == begun.id


def test_a_folder_becomes_a_dataset(visit, site, parts):
    """The browser packs it; labels are read from the folders in it."""
    name = f"cap-{uuid4().hex[:6]}x"
    site.service.products.create(name, "", ADMIN)
    page = visit(Role.ENGINEER, f"/products/product?product={name}")
    page.locator("#folder").set_input_files(parts)
    page.get_by_text("10 good, 2 defective").wait_for()


def test_an_operator_changes_nothing(visit, site, twice):
    """Who may only read sees products, images, models and reports, and no way to change them."""
    name, dataset = twice
    page = visit(Role.OPERATOR, "/products")
    assert page.get_by_role("button", name="Add").count() == 0
    for path in (
        f"/products/product?product={name}",
        f"/products/dataset?dataset={dataset}",
        "/products/model?model=twice-1",
        f"/products/compare?product={name}",
    ):
        page.goto(path)
        assert page.locator("h1").is_visible()
        words = "Train|Delete|Promote|Roll back|Restore|Evaluate|Check|Choose|Measure"
        assert page.locator("main").get_by_role("button", name=re.compile(words)).count() == 0
    assert page.goto(f"/products/train?dataset={dataset}").status == 403
    visit.faults.clear()  # the browser notes the 403, and what nobody has measured yet
