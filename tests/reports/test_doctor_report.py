"""The report of a check-up."""

import json
from pathlib import Path

import numpy as np
import pytest

from okng.domain.arrays import Pixels
from okng.domain.doctor import Case, Check, Diagnosis, Finding, Shown, Urgency
from okng.domain.errors import BadImage
from okng.reports.doctor import MOST_CASES, TITLES, headline, summary, to_html, to_json

NASTY = "<script>alert('x')</script>"


def shown(name: str, label: str = "good", split: str = "train") -> Shown:
    return Shown(name, label, split, Path("/data") / name)


def diagnosis(*findings: Finding) -> Diagnosis:
    return Diagnosis(
        dataset=NASTY,
        root=Path("/data"),
        layout="MVTec AD",
        created="2026-01-31T12:00:00+00:00",
        images=30,
        parts=20,
        good_images=15,
        good_parts=10,
        counts={"train/good": 15, "test/good": 5, f"test/{NASTY}": 10},
        findings=findings,
        notes=(f"a note {NASTY}",),
    )


def finding(check: Check, cases: int = 1, text: str = "the same file") -> Finding:
    pair = (shown(f"{NASTY}.png", NASTY, "test"), shown("a.png"))
    return Finding(check, f"{check.value} was found.", "Mend it.", (Case(pair, text),) * cases)


def load(path: Path) -> Pixels:
    if path.name == "a.png":
        raise BadImage(f"{path}: gone")
    return np.full((300, 600, 3), 128, np.uint8)


def test_page_shows_every_finding_with_pictures() -> None:
    """Each finding has its title, its words and its pictures; what cannot be read is a note."""
    page = to_html(diagnosis(*(finding(check) for check in Check)), load)
    for check in Check:
        assert TITLES[check] in page
        assert f"{check.value} was found." in page
        assert f'id="{check.value}"' in page
    assert page.count("data:image/jpeg;base64,") == len(Check)
    assert page.count("it cannot be read") == len(Check)


def test_names_cannot_run() -> None:
    """Whatever a user named is escaped, and the page forbids scripts."""
    page = to_html(diagnosis(finding(Check.LEAKS, text=NASTY)), load)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_names_that_are_no_text_can_be_written() -> None:
    """A file's name of bytes that are no text is escaped, in the page and in JSON."""
    odd = Finding(Check.BLURRED, "x", "y", (Case((shown("\udcff.png"),), "z"),))
    to_html(diagnosis(odd), load).encode()
    assert json.loads(to_json(diagnosis(odd)))["findings"][0]["cases"][0]["images"]


def test_page_is_bounded_and_json_is_whole() -> None:
    """The page shows some cases and says how many more there are; the JSON has all."""
    many = diagnosis(finding(Check.LEAKS, cases=1000))
    assert to_html(many, load).count("data:image/jpeg") == MOST_CASES
    assert f"And {1000 - MOST_CASES} more" in to_html(many, load)
    assert len(json.loads(to_json(many))["findings"][0]["cases"]) == 1000


def test_each_kind_of_case_is_shown() -> None:
    """Where cases are of several kinds, the first kind does not fill the page."""
    same, turned = finding(Check.LEAKS, 50), finding(Check.LEAKS, 50, "the same part, turned")
    mixed = Finding(Check.LEAKS, "x", "y", (*same.cases, *turned.cases))
    page = to_html(diagnosis(mixed), load)
    assert page.count("the same file") == page.count("the same part, turned") == MOST_CASES / 2


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((), "Nothing stands against training"),
        ((Check.TOO_FEW,), "Nothing stands against training"),
        ((Check.BLURRED, Check.SIZES), "Nothing must be fixed; 2 things to look at."),
        ((Check.LEAKS, Check.BLURRED), "leaks was found."),
        ((Check.LEAKS, Check.UNREADABLE), "2 things to fix before training. leaks was found."),
    ],
)
def test_headline_says_what_to_do(checks: tuple[Check, ...], said: str) -> None:
    """One sentence says what is to be done first."""
    assert headline(diagnosis(*map(finding, checks))).startswith(said)


def test_summary_counts_parts() -> None:
    """What was looked at is counted in images and in parts."""
    assert summary(diagnosis()) == (
        "30 images show 20 different parts. 15 good images of 10 parts are there to train on."
    )


def test_urgency_is_that_of_the_worst() -> None:
    """Fix goes before look, look before know."""
    assert diagnosis().urgency is None
    assert diagnosis(finding(Check.TOO_FEW)).urgency is Urgency.KNOW
    assert diagnosis(finding(Check.TOO_FEW), finding(Check.LEAKS)).urgency is Urgency.FIX
