"""What pages are made of: whole, unchanged, with licences, and nothing from elsewhere."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from okng.interfaces.http.pages import assets
from okng.interfaces.http.pages.assets import STATIC, edition

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = {
    "client-zip/index.js": "28c957c53d8e5290951d4b45ccff8ab8c9c37219da08b9d537bbdd595a75706d",
    "htmx/htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "uplot/uPlot.esm.js": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    "uplot/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""SHA-256 of the files as their packages have them; a new version changes its line."""


NAMED = re.compile(r"(?:from |import\(|url\()[\"']?([^\"')\s]+)[\"')]")


def own() -> list[Path]:
    return [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]


def test_libraries_are_as_they_were_published():
    """Nobody has changed a file of a library, and each is known here."""
    vendor = STATIC / "vendor"
    files = {
        path.relative_to(vendor).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.suffix in assets.TYPES
    }
    assert files == PUBLISHED


@pytest.mark.parametrize("library", sorted((STATIC / "vendor").iterdir()), ids=lambda p: p.name)
def test_libraries_have_licence_and_version(library):
    """Each says what it may be used for and which one it is; NOTICE names it."""
    assert "ermission" in (library / "LICENSE").read_text("utf-8")
    name, version = (library / "VERSION").read_text("utf-8").split()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f"{name} {version}" in (ROOT / "NOTICE").read_text("utf-8")


def test_files_are_kept_for_good(running):
    """Of this edition a browser may keep a file; of another it is today's and not to be kept."""
    now = running.client.get(f"/static/{edition()}/okng.css")
    assert "immutable" in now.headers["Cache-Control"]
    assert now.headers["Content-Type"].startswith("text/css")
    old = running.client.get("/static/0123456789abcdef/okng.css")
    assert (old.content, old.headers["Cache-Control"]) == (now.content, "no-cache")


@pytest.mark.parametrize(
    "name",
    ["nothing.js", "../pages/assets.py", "%2e%2e/app.py", "vendor/htmx/LICENSE", "", "a%00b"],
)
def test_nothing_else_is_served(running, name):
    """Only files of the pages can be had, by the names that they have."""
    assert running.client.get(f"/static/x/{name}").status_code == 404


def test_everything_a_file_names_is_there():
    """Modules import, and the stylesheet names, only what comes with okng."""
    for path in own():
        if path.suffix == ".svg":
            continue
        text = path.read_text("utf-8")
        for name in re.findall(
            r"(?:from|import\()\s*[\"'](.+?)[\"']|url\([\"']?(.+?)[\"']?\)", text
        ):
            named = "".join(name)
            assert named.startswith("."), f"{path.name}: {named}"
            assert (path.parent / named).is_file(), f"{path.name}: {named}"
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), path.name


def test_modules_are_small():
    """A module can be read in a sitting."""
    for path in own():
        if path.suffix == ".js":
            assert len(path.read_text("utf-8").splitlines()) <= 400, path.name


def test_pages_run_nothing_inline(running):
    """The policy of every page allows no inline script or style, and no eval."""
    policy = running.client.get("/login").headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    for template in (ROOT / "src/okng/interfaces/http/templates").glob("*.j2"):
        text = template.read_text("utf-8")
        assert not re.search(r"\son\w+=|\sstyle=|<style|hx-on|javascript:", text), template.name
