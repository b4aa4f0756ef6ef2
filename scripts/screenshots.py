"""Picture every page of the service, in light and dark, wide and on a tablet.

    python scripts/screenshots.py FOLDER [PAGE ...]

It serves the demo's product from a data folder of its own (or that of OKNG_SCREENSHOT_HOME, which
is kept for the next time) and drives the Chromium of this machine, or that of OKNG_CHROMIUM.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.bootstrap.demo import show_demo
from okng.bootstrap.service import Service, build_service
from okng.domain.people import CONSOLE
from okng.domain.records import Context, InspectionFilter, InspectionRecord, Order, is_sampled
from okng.domain.verdict import Verdict
from okng.services.trigger import Trigger
from okng.settings import Settings

PASSWORD = "four unrelated plain words"
OKNG = (sys.executable, "-m", "okng.interfaces.cli.app")
SIZES = {"wide": (1280, 800), "tablet": (820, 1180)}
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def _with_samples(page: Any) -> None:
    # Those that are out of sight load when they come into it.
    page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('.tile img')].slice(0, 4);"
        " return all.length > 0 && all.every(img => img.complete && img.naturalWidth) }"
    )


def _one_inspected(page: Any) -> None:
    _with_samples(page)
    page.locator(".tile").last.click()
    page.locator(".verdict").wait_for()


def _batch_inspected(page: Any) -> None:
    _with_samples(page)
    for tile in page.locator(".tile").all()[::2]:
        tile.click()
    page.locator("#batch").wait_for()
    page.wait_for_function(
        "() => document.querySelectorAll('#rows .badge').length === "
        "Math.ceil(document.querySelectorAll('.tile').length / 2)"
    )
    page.locator("[data-sort=verdict] button").click()
    page.locator("#rows button").first.click()


def _to_train(page: Any) -> None:
    page.get_by_role("link", name="Train", exact=True).first.click()
    _with_samples(page)
    page.locator("#tiers-said").get_by_text("this machine").wait_for()


def _drawn(page: Any) -> None:
    _to_train(page)
    box = page.locator("#viewer canvas").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reach = 0.42 * min(box["width"], box["height"])

    def drag(*points: tuple[float, float]) -> None:
        page.mouse.move(middle[0] + points[0][0] * reach, middle[1] + points[0][1] * reach)
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(middle[0] + x * reach, middle[1] + y * reach, steps=8)
        page.mouse.up()

    page.get_by_role("button", name="Hide", exact=True).click()
    drag((-0.6, -0.6), (-0.1, -0.75), (0.4, -0.6))
    page.get_by_role("button", name="Region", exact=True).click()
    drag((-0.85, -0.9), (0.85, 0.9))


def _detector_chosen(page: Any, name: str = "cnn") -> None:
    _to_train(page)
    page.get_by_text("More options").click()
    page.locator("#detector").select_option(name)
    page.locator("#setting-epochs").wait_for(timeout=120_000)
    page.locator("#detector").scroll_into_view_if_needed()


def _learning(page: Any) -> None:
    """Watch a training for some epochs, and cancel what was watched before."""
    for job in page.request.get("/api/v1/jobs?product=flange&state=running").json()["items"]:
        token = page.evaluate("() => JSON.parse(document.body.getAttribute('hx-headers') || '{}')")
        page.request.post(f"/api/v1/jobs/{job['id']}/cancel", headers=token)
    _detector_chosen(page, "autoencoder")
    page.locator("#setting-epochs").fill("300")
    page.locator("#setting-steps").fill("4")
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("after epoch 12").wait_for(timeout=300_000)


def _line_moved(page: Any) -> None:
    page.locator(".uplot").wait_for()
    score = page.get_by_role("button", name="Score the labelled images")
    if score.count():
        score.click()
    page.locator("[data-source=sample]").wait_for(timeout=120_000)
    page.get_by_role("slider", name="REVIEW above").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.change-tile img')].every(img => img.complete)"
    )


def _checked(page: Any) -> None:
    page.get_by_role("link", name="Check", exact=True).first.click()
    page.locator("#state, .finding").first.wait_for()
    if page.locator(".finding").count() == 0:
        page.get_by_role("button", name="Check the images").click()
    page.locator("#state .note").wait_for(timeout=300_000)


def _reported(page: Any) -> None:
    if page.locator("#report").is_hidden():
        page.get_by_role("button", name="Evaluate").click()
    page.locator("#report").wait_for(timeout=300_000)
    page.wait_for_timeout(500)


def _ten_shown(page: Any) -> None:
    page.goto("/inspect")
    _batch_inspected(page)
    page.goto("/live")
    page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('.live-one img')];"
        " return all.length >= 8 && all.every(img => img.complete && img.naturalWidth) }"
    )


def _compared(page: Any) -> None:
    page.locator("#images tbody tr").first.wait_for(timeout=300_000)
    page.locator(".pair figcaption .badge").first.wait_for()


def _reviewed(page: Any) -> None:
    page.locator("#said .verdict").wait_for()
    page.locator("#loading").wait_for(state="hidden")


def _marked(page: Any) -> None:
    _reviewed(page)
    page.keyboard.press("b")
    page.keyboard.press("Space")
    for key in ("ArrowRight", "ArrowDown") * 8:
        page.keyboard.press(key)
    page.keyboard.press("Space")
    page.keyboard.press("n")


def _listed(page: Any) -> None:
    page.wait_for_function("() => !document.getElementById('table').hasAttribute('aria-busy')")
    page.wait_for_load_state("networkidle")


def _told(page: Any) -> None:
    _listed(page)
    page.locator("#rows a").first.click()
    page.wait_for_url("**/results/*")
    page.locator("#said .verdict").wait_for()


def _charted(page: Any) -> None:
    page.locator("#charts:not([hidden]) .uplot").first.wait_for()


def _trained_again(page: Any) -> None:
    """Train again once, and come back to the candidate of then."""
    jobs = page.request.get("/api/v1/jobs?product=flange&state=done").json()["items"]
    if jobs:
        page.goto(f"/review/train?product=flange&job={jobs[0]['id']}")
    else:
        page.get_by_role("button", name="Train again").click()
    page.locator("#promote:not(:disabled)").wait_for(timeout=600_000)
    page.locator("#pair figcaption .badge").first.wait_for(timeout=60_000)
    page.locator("#comparison").scroll_into_view_if_needed()


def _as_kiosk(page: Any) -> None:
    page.context.clear_cookies()  # a kiosk ends the session that makes it: not everybody's
    page.goto("/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav")
    page.goto("/live")
    page.get_by_label("Name of the screen").fill("hall-1")
    page.get_by_role("button", name="Make this screen a kiosk").click()
    page.wait_for_url("**/kiosk")
    page.locator("#counts div").first.wait_for()


PAGES: dict[str, tuple[str, Callable[[Any], None] | None]] = {
    "login": ("/login", None),
    "password": ("/password", None),
    "about": ("/about", None),
    "inspect": ("/inspect", _with_samples),
    "inspect-one": ("/inspect", _one_inspected),
    "inspect-batch": ("/inspect", _batch_inspected),
    "products": ("/products", None),
    "product": ("/products/product", None),
    "train": ("/products/product", _to_train),
    "train-drawn": ("/products/product", _drawn),
    "train-detector": ("/products/product", _detector_chosen),
    "training": ("/products/product", _learning),
    "sensitivity": ("/sensitivity", _line_moved),
    "dataset": ("/products/product", _checked),
    "model": ("/products/model", _reported),
    "review": ("/review?product=flange", _reviewed),
    "review-marked": ("/review?product=flange", _marked),
    "train-again": ("/review/train?product=flange", _trained_again),
    "compare": ("/products/compare?product=flange", _compared),
    "results": ("/results?product=flange", _listed),
    "story": ("/results?product=flange", _told),
    "charts": ("/results/charts?product=flange", _charted),
    "live": ("/live", _ten_shown),
    "kiosk": ("/live", _as_kiosk),
    "fault": ("/results/00000000-0000-7000-8000-000000000000", None),
}
"""By name: the path, and what is done there before the picture is taken."""


def provide(home: Path) -> str:
    """Make sure that a data folder has the demo's product with its images; return a password.

    It works once, to choose another.
    """
    environment = {**os.environ, "OKNG_HOME": str(home)}
    if not (home / "demo").exists():
        demo = [*OKNG, "demo", "--images", "60", "--no-serve"]
        subprocess.run(demo, env=environment, check=True)
    service = build_service(Settings(home=home))
    try:
        first = service.start()
        show_demo(service, home / "demo" / "flange", "flange")
        if not service.search.page(InspectionFilter(), Order.NEWEST, 1, None, CONSOLE).items:
            _let_a_month_pass(service, home / "demo" / "flange" / "test")
    finally:
        service.close()
    if first is not None:
        return first
    reset = [*OKNG, "users", "reset-password", "admin", "--json"]
    done = subprocess.run(reset, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["password"]


def _let_a_month_pass(service: Service, place: Path) -> None:
    """Inspect test images, and let many like these be inspected and reviewed in the last weeks."""
    chance, now = random.Random(0), datetime.now(UTC)
    images = {folder.name: sorted(folder.iterdir()) for folder in sorted(place.iterdir())}
    made: dict[str, list[InspectionRecord]] = {}
    for label, files in images.items():
        for path in files[:6]:
            trigger = Trigger(path.read_bytes(), f"{label}-{path.name}")
            record = service.inspect.inspect("flange", trigger, CONSOLE).record
            made.setdefault(label, []).append(record)
    past = []
    for number in range(4000):
        at = now - timedelta(minutes=10 * number + chance.randrange(10))
        label = "good" if chance.random() < (0.97 if number % 900 > 60 else 0.9) else ""
        one = chance.choice(made[label or chance.choice([name for name in made if name != "good"])])
        context = Context(f"P-{5000 - number}", f"L-{at:%m%d}", "top", "cam-1", "press-2")
        past.append((replace(one, id=new_id(), at=at, context=context), label))
    SqlInspections(service.database).add_many([record for record, _ in past])
    for record, label in past:
        unsure = record.inspection.verdict is not Verdict.OK
        if record.at < now - timedelta(hours=6) and (unsure or is_sampled(record.id)):
            defect = (record.inspection.image or "").rpartition("-")[0]
            said = (Verdict.OK, None) if label == "good" else (Verdict.NG, defect)
            service.reviews.review(record.id, *said, "", CONSOLE)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve a data folder; gives the URL."""
    process = subprocess.Popen(
        [*OKNG, "serve", "--port", "0", "--json"],
        env={**os.environ, "OKNG_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line == "}\n":
                break
        yield json.loads(said)["url"]
    finally:
        process.terminate()
        process.wait(60)


def sign_in(page: Any, first: str) -> None:
    """Sign in as the administrator with a one-time password."""
    page.goto("/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    page.get_by_label("Password until now").fill(first)
    page.get_by_label("New password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav")


def main() -> None:
    """Write `PAGE-SIZE-THEME.png` for every page, or for those that are named."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or list(PAGES)
    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("OKNG_CHROMIUM") or shutil.which("chromium")
    with TemporaryDirectory() as own, sync_playwright() as playwright:
        home = Path(os.environ.get("OKNG_SCREENSHOT_HOME", own)).absolute()
        known = provide(home)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        with served(home) as url:
            opened = browser.new_context(base_url=url)
            sign_in(opened.new_page(), known)
            kept = opened.storage_state()
            for name in wanted:
                for picture in pictures(browser, url, kept, name):
                    picture_path = folder / f"{name}-{picture[0]}.png"
                    picture[1].screenshot(path=picture_path)
                    print(picture_path)
        browser.close()


def pictures(browser: Any, url: str, kept: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield a page in every size and theme, ready to be pictured, with what tells it apart."""
    path, prepare = PAGES[name]
    for size, (width, height) in SIZES.items():
        context = browser.new_context(
            base_url=url,
            storage_state=None if name == "login" else kept,
            viewport={"width": width, "height": height},
            has_touch=size == "tablet",
        )
        page = context.new_page()
        page.goto(path)
        if prepare is not None:
            prepare(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_timeout(200)
            yield f"{size}-{theme}", page
        context.close()


if __name__ == "__main__":
    main()
