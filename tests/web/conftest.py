"""A real server with a small product that has a model, and a real Chromium that looks at it.

`site` is the server, `visit(role)` gives a page of somebody who is signed in. Every page that a
test opened is watched: an error of a module, or something that the content policy forbids, fails
the test. `check_axe(page)` finds what keeps people out.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import cv2
import pytest
import uvicorn
from fastapi import FastAPI

import okng
from okng.adapters.security.passwords import Argon2Passwords
from okng.bootstrap.service import Service, build_service
from okng.domain.arrays import Pixels
from okng.domain.people import Principal, Right, Role
from okng.interfaces.http.app import create_app
from okng.settings import Settings
from okng.testing.images import good_parts, save, with_defect, write_folder

PASSWORD = "four unrelated plain words"
ADMIN = Principal("admin", frozenset(Right))
WIDE = {"width": 1280, "height": 800}
TABLET = {"width": 820, "height": 1180}
SIZE_PX = 128
AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
SERIOUS = ("serious", "critical")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@dataclass(frozen=True)
class Site:
    """A running service; `pages` are the paths of its pages, `images` pictures of new parts."""

    service: Service
    url: str
    pages: frozenset[str]
    images: Path

    @property
    def good(self) -> Path:
        return self.images / "good" / "000.png"

    @property
    def bad(self) -> Path:
        return self.images / "bad" / "000.png"

    def person(self, role: Role) -> tuple[str, str]:
        """Make a person whose password is `PASSWORD`; return the name and a session's cookie."""
        name, now = f"the-{role.value}-{uuid4().hex[:6]}", datetime.now(UTC)
        sign_in = self.service.sign_in
        _, first = self.service.people.create(ADMIN, name, role, now)
        begun = sign_in.sign_in(name, first, "127.0.0.1", now)
        changed = sign_in.change_password(begun.session, first, PASSWORD, "127.0.0.1", now)
        return name, changed.session


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve one product, `flange`, with one model, on a free port; many tests share it."""
    with _serving_site(tmp_path_factory.mktemp("site")) as shared:
        yield shared


@pytest.fixture(scope="session")
def make_site() -> Callable[[Path], AbstractContextManager[Site]]:
    """Return what serves such a site from a folder, for tests that must find it untouched."""
    return _serving_site


@contextmanager
def _serving_site(place: Path) -> Iterator[Site]:
    folder = write_folder(place / "parts" / "flange", 24, 3, 3, SIZE_PX)
    settings = Settings(home=place / "home", dataset_roots=(place / "parts",))
    options = okng.TrainingOptions(size=(128, 128), config={"bank_size": 2048})
    okng.train(folder, options=options, settings=settings)
    fresh = good_parts(4, SIZE_PX, start=50)
    save(place / "images" / "good", fresh)
    save(place / "images" / "bad", [with_defect(one) for one in fresh])
    service = build_service(settings, Argon2Passwords(rounds=1, memory_kib=64))
    try:
        service.start()
        service.datasets.register("flange", "first", str(folder), ADMIN)
        app = create_app(service)
        with serving(app) as url:
            yield Site(service, url, app.state.pages, place / "images")
    finally:
        service.close()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application in a thread; gives its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(30)


def missing(reason: str) -> NoReturn:
    """Skip, loudly; fail where CI promised that all is there."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def chromium() -> str:
    """Return where Chromium is."""
    found = os.environ.get("OKNG_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        missing("no Chromium: apt-get install chromium, or name it by OKNG_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for all tests; its camera sees a part with a hole."""
    film = tmp_path_factory.mktemp("camera") / "part.y4m"
    write_film(film, with_defect(good_parts(1, SIZE_PX, start=60)[0]))
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("no playwright: pip install playwright")
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        )
        yield browser
        browser.close()


def write_film(path: Path, pixels: Pixels) -> None:
    """Write one picture, uint8 `[H, W, 3]` RGB, as an uncompressed film that stands still."""
    height, width = pixels.shape[:2]
    frame = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420).tobytes()
    head = f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + 10 * (b"FRAME\n" + frame))


Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, site: Site) -> Iterator[Visit]:
    """Open pages: `visit(Role.ENGINEER, "/about")`; without a role, as a stranger.

    What goes wrong on them fails the test; of what is meant to, a test clears `visit.faults`.
    """
    contexts, faults = [], []

    def open_page(role: Role | None = None, path: str = "/", **options: Any) -> Any:
        context = browser.new_context(
            base_url=site.url,
            permissions=["camera"],
            reduced_motion="reduce",
            **({"viewport": WIDE} | options),
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        if role is not None:
            _, session = site.person(role)
            context.add_cookies([{"name": "okng_session", "value": session, "url": site.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: said.type == "error" and faults.append(said.text))
        page.goto(path)
        return page

    open_page.faults = faults  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def check_axe() -> Callable[[Any], None]:
    """Make sure that axe finds nothing serious on a page, in light and in dark."""
    rules = AXE.read_text("utf-8")

    def check(page: Any) -> None:
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            # Through the debugger: the page's own policy forbids scripts that are not its own.
            page.evaluate(f"() => {{ if (!window.axe) {{ {rules} }} }}")
            found = page.evaluate("async () => (await axe.run()).violations")
            serious = [
                (theme, one["id"], one["help"], [node["html"] for node in one["nodes"][:3]])
                for one in found
                if one["impact"] in SERIOUS
            ]
            assert serious == []

    return check
