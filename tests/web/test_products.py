"""Products and models: from a ZIP of images to a model that inspects, and back."""

import io
import time
import zipfile
from base64 import b64encode
from uuid import uuid4

import pytest

from okng.domain.people import Role
from okng.testing.images import write_folder

OPTIONS = {"size": [64, 64], "config": {"bank_size": 64}}
"""Of trainings that are over soon."""

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


@pytest.fixture
def product(site):
    """A product of one's own, without anything."""
    name = f"cap-{uuid4().hex[:8]}"
    site.service.products.create(name, name, admin())
    return name


def admin():
    from okng.domain.people import Principal, Right

    return Principal("admin", frozenset(Right))


def trained(site, product, parts):
    """Let a product have images and one more model; return the dataset's id."""
    service = site.service
    known = service.datasets.list(product, admin())
    folder = site.images.parent / "parts" / product
    if not known:
        write_folder(folder, 8, 2, 2, 64)
    dataset = (known or (service.datasets.register(product, "cap", str(folder), admin()),))[0]
    job = service.jobs.start(product, dataset.id, OPTIONS, admin())
    until = time.monotonic() + 60
    while service.jobs.get(job.id, admin()).model is None:
        state = service.jobs.get(job.id, admin())
        assert state.error is None, state.error
        assert time.monotonic() < until, state
        time.sleep(0.1)
    return dataset.id


def test_from_a_zip_to_a_verdict(visit, site, archive, check_axe):
    """Add a product, drop a ZIP file, train, watch it, and inspect an image."""
    page = visit(Role.ENGINEER, "/products")
    check_axe(page)
    page.get_by_role("button", name="Add a product").first.click()
    title = f"Cap {uuid4().hex[:6]}"
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
    (job,) = site.service.jobs.page(admin(), name).items
    assert job.options["tier"] == "fast"
    page.get_by_role("link", name="Inspect").last.click()
    page.wait_for_url(f"**/inspect?product={name}")
