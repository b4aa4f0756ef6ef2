"""The report of a check-up: one HTML file that needs nothing else, and the same as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from okng.domain.arrays import Pixels
from okng.domain.counting import chosen, counted
from okng.domain.doctor import Case, Check, Diagnosis, Finding, Shown, Urgency
from okng.domain.errors import OkngError
from okng.reports.gallery import data_uri, thumbnail
from okng.reports.pages import encodable, environment
from okng.version import __version__

MOST_CASES = 12
"""Of each finding, shown as pictures; the JSON has all."""
MOST_KINDS = 4
"""Of cases, that are shown one after the other; the worst cases alone where there are more."""
MOST_IMAGES = 6
"""Of each case."""

_PICTURE_PX = 260

TITLES = {
    Check.LEAKS: "Trained on and tested",
    Check.CONTRADICTIONS: "One picture, two labels",
    Check.UNREADABLE: "Cannot be read",
    Check.DISPUTED: "One part, good and defective",
    Check.SUSPECTS: "Good, but unlike the others",
    Check.SIZES: "Sizes",
    Check.MODES: "Grey and colour",
    Check.BLURRED: "Blurred",
    Check.EXPOSURE: "Too bright or too dark",
    Check.TOO_FEW: "What so many parts can promise",
    Check.UNUSUAL: "The most unusual good images",
    Check.IDENTICAL: "Copies",
    Check.REPEATED: "Parts that are there more than once",
}

URGENCIES = {
    Urgency.FIX: ("To fix", "before training"),
    Urgency.LOOK: ("To look at", "a person decides"),
    Urgency.KNOW: ("To know", "it counts in what is promised"),
}
"""What each urgency is called, and what it asks for."""

_BADGE = {Urgency.FIX: "NG", Urgency.LOOK: "REVIEW", Urgency.KNOW: "ERROR", None: "OK"}


@dataclass(frozen=True)
class _Picture:
    """An image of a case; `uri` is empty where it cannot be shown, and `note` says why."""

    shown: Shown
    uri: str = ""
    note: str = ""


@dataclass(frozen=True)
class _ShownCase:
    text: str
    pictures: tuple[_Picture, ...]
    more: int


@dataclass(frozen=True)
class _Section:
    """A finding with its pictures; `more` cases are in the JSON alone."""

    finding: Finding
    title: str
    cases: tuple[_ShownCase, ...]
    more: int


def to_json(diagnosis: Diagnosis) -> str:
    """Return the findings as JSON, with every case; in ASCII, which any file's name survives."""
    return json.dumps(diagnosis.record(), indent=2, allow_nan=False) + "\n"


def to_html(diagnosis: Diagnosis, load_image: Callable[[Path], Pixels]) -> str:
    """Return one self-contained HTML page; the images that it shows are read again."""
    page = environment().get_template("doctor.html.j2")
    text = page.render(
        diagnosis=diagnosis,
        version=__version__,
        headline=headline(diagnosis),
        summary=summary(diagnosis),
        sections=[_section(finding, load_image) for finding in diagnosis.findings],
        urgencies=URGENCIES,
        Urgency=Urgency,
        titles=TITLES,
        badge_of=_BADGE,
        counts=_by_label(diagnosis),
    )
    return encodable(text)


def headline(diagnosis: Diagnosis) -> str:
    """Say in one sentence what is to be done."""
    fix, look = (len(diagnosis.of(urgency)) for urgency in (Urgency.FIX, Urgency.LOOK))
    if fix:
        first = diagnosis.of(Urgency.FIX)[0].headline
        return first if fix == 1 else f"{counted(fix, 'thing')} to fix before training. {first}"
    if look:
        return f"Nothing must be fixed; {counted(look, 'thing')} to look at."
    return "Nothing stands against training on these images."


def summary(diagnosis: Diagnosis) -> str:
    """Say what was looked at."""
    good = counted(diagnosis.good_images, "good image")
    return (
        f"{counted(diagnosis.images, 'image')} {chosen(diagnosis.images, 'shows', 'show')} "
        f"{counted(diagnosis.parts, 'different part')}. {good} of "
        f"{counted(diagnosis.good_parts, 'part')} {chosen(diagnosis.good_images, 'is', 'are')} "
        "there to train on."
    )


def _section(finding: Finding, load_image: Callable[[Path], Pixels]) -> _Section:
    cases = tuple(_shown(case, load_image) for case in _spread(finding.cases))
    more = max(0, len(finding.cases) - MOST_CASES)
    return _Section(finding, TITLES[finding.check], cases, more)


def _spread(cases: Sequence[Case]) -> list[Case]:
    """Choose what is shown: of each kind in turn, by the first words of its text."""
    kinds: dict[str, list[Case]] = {}
    for case in cases:
        kinds.setdefault(case.text.partition(",")[0], []).append(case)
    if len(kinds) > MOST_KINDS:
        return list(cases[:MOST_CASES])
    each = -(-MOST_CASES // len(kinds)) if kinds else 0
    picked = [case for own in kinds.values() for case in own[:each]]
    return picked[:MOST_CASES]


def _shown(case: Case, load_image: Callable[[Path], Pixels]) -> _ShownCase:
    pictures = tuple(_picture(shown, load_image) for shown in case.images[:MOST_IMAGES])
    return _ShownCase(case.text, pictures, max(0, len(case.images) - MOST_IMAGES))


def _picture(shown: Shown, load_image: Callable[[Path], Pixels]) -> _Picture:
    """Draw an image; one that cannot be read does not spoil the page."""
    try:
        return _Picture(shown, data_uri(thumbnail(load_image(shown.path), _PICTURE_PX)))
    except (OkngError, OSError) as error:
        return _Picture(shown, note=str(error))


def _by_label(diagnosis: Diagnosis) -> dict[str, dict[str, int]]:
    """Return the number of samples by label, then by split."""
    table: dict[str, dict[str, int]] = {}
    for name, number in diagnosis.counts.items():
        split, _, label = name.partition("/")
        table.setdefault(label, {})[split] = number
    return dict(sorted(table.items(), key=lambda row: (row[0] != "good", row[0])))
