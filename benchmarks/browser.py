"""A page of a service of its own, in this machine's Chromium."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from benchmarks.service import Running, folder_with_model, start

_PASSWORD = "a benchmark's own password"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@contextmanager
def served_page(path: str) -> Iterator[tuple[Page, list[Path]]]:
    """Serve a model of bottle, sign in and open a page; gives it and the test images."""
    chromium = os.environ.get("OKNG_CHROMIUM") or shutil.which("chromium")
    with folder_with_model() as (home, images):
        running = start(home, None)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
                page = browser.new_page(base_url=running.url)
                _sign_in(page, running)
                page.goto(path)
                yield page, images
                browser.close()
        finally:
            running.process.terminate()
            running.process.wait(60)


def _sign_in(page: Page, running: Running) -> None:
    """Begin a session."""
    assert running.password is not None
    with httpx.Client(base_url=running.url, timeout=60) as client:
        body = {"name": "admin", "password": running.password}
        csrf = client.post("/api/v1/session", json=body).json()["csrf"]
        body = {"old": running.password, "new": _PASSWORD}
        client.post("/api/v1/session/password", json=body, headers={"X-CSRF-Token": csrf})
        cookie = {"name": "okng_session", "value": client.cookies["okng_session"]}
    page.context.add_cookies([{**cookie, "url": running.url}])
