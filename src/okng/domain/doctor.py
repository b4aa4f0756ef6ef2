"""What a check-up of a dataset finds, before anything is trained on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from okng.domain.dataset import Sample


class Check(StrEnum):
    """What is looked at, the worst first."""

    LEAKS = "leaks"
    CONTRADICTIONS = "contradictions"
    UNREADABLE = "unreadable"
    DISPUTED = "disputed"
    SUSPECTS = "suspects"
    SIZES = "sizes"
    MODES = "modes"
    BLURRED = "blurred"
    EXPOSURE = "exposure"
    TOO_FEW = "too-few"
    UNUSUAL = "unusual"
    IDENTICAL = "identical"
    REPEATED = "repeated"


class Urgency(StrEnum):
    """`fix`: a model or its figures would be wrong. `look`: a person should. `know`: it counts."""

    FIX = "fix"
    LOOK = "look"
    KNOW = "know"


URGENCY: Mapping[Check, Urgency] = {
    Check.LEAKS: Urgency.FIX,
    Check.CONTRADICTIONS: Urgency.FIX,
    Check.DISPUTED: Urgency.LOOK,
    Check.UNREADABLE: Urgency.FIX,
    Check.TOO_FEW: Urgency.KNOW,
    Check.UNUSUAL: Urgency.KNOW,
    Check.SUSPECTS: Urgency.LOOK,
    Check.SIZES: Urgency.LOOK,
    Check.MODES: Urgency.LOOK,
    Check.BLURRED: Urgency.LOOK,
    Check.EXPOSURE: Urgency.LOOK,
    Check.IDENTICAL: Urgency.KNOW,
    Check.REPEATED: Urgency.KNOW,
}


@dataclass(frozen=True)
class Shown:
    """An image of a case: its name below the dataset's root, what is said of it, where it lies."""

    name: str
    label: str
    split: str
    path: Path

    @classmethod
    def of(cls, sample: Sample, root: Path) -> "Shown":
        path = sample.path
        name = path.relative_to(root) if path.is_relative_to(root) else path
        return cls(name.as_posix(), sample.label or "unlabelled", sample.split.value, path)


@dataclass(frozen=True)
class Case:
    """One instance of a finding: the images that it is about, and what is the matter with them.

    `value` ranks it among the others where there is a measure.
    """

    images: tuple[Shown, ...]
    text: str
    value: float | None = None


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    `headline` says it in a sentence, `mend` what to do; `cases` are ranked, the worst first.
    """

    check: Check
    headline: str
    mend: str
    cases: tuple[Case, ...] = ()

    @property
    def urgency(self) -> Urgency:
        return URGENCY[self.check]


@dataclass(frozen=True)
class Diagnosis:
    """What a check-up came to.

    `images` were read, `parts` different ones are on them; `good_parts` are those that a training
    learns from. `skipped` says what was not looked at, and why.
    """

    dataset: str
    root: Path
    layout: str
    created: str
    images: int
    parts: int
    good_images: int
    good_parts: int
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def urgency(self) -> Urgency | None:
        """The most urgent of all findings; None where there is none."""
        found = {finding.urgency for finding in self.findings}
        return next((urgency for urgency in Urgency if urgency in found), None)

    def of(self, urgency: Urgency) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.urgency is urgency)

    def record(self) -> dict[str, object]:
        """Return all of it as plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "layout": self.layout,
            "created": self.created,
            "images": self.images,
            "parts": self.parts,
            "good_images": self.good_images,
            "good_parts": self.good_parts,
            "counts": dict(self.counts),
            "urgency": self.urgency.value if self.urgency else None,
            "findings": [_finding(finding) for finding in self.findings],
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check.value,
        "urgency": finding.urgency.value,
        "headline": finding.headline,
        "mend": finding.mend,
        "cases": [_case(case) for case in finding.cases],
    }


def _case(case: Case) -> dict[str, object]:
    images = [{"image": s.name, "label": s.label, "split": s.split} for s in case.images]
    return {"text": case.text, "value": case.value, "images": images}
