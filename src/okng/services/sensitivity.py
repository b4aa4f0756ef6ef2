"""Sensitivity: all scores of a model whose truth is known, to set its thresholds by."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from okng.domain.calibration import Calibration
from okng.domain.dataset import GOOD
from okng.domain.people import Principal, Right
from okng.domain.records import InspectionFilter, InspectionRecord, Order, Page
from okng.domain.verdict import Verdict
from okng.services.sample_scores import SampleScores, Scoring

MOST_REVIEWED = 2000
_AT_A_TIME = 200


class Source(StrEnum):
    """Where the truth of a score comes from.

    `calibration`: good parts that stand behind the promise, told without their images. `sample`:
    labelled images of a dataset. `review`: inspections that a person has looked at.
    """

    CALIBRATION = "calibration"
    SAMPLE = "sample"
    REVIEW = "review"


@dataclass(frozen=True)
class KnownScore:
    """A raw score and what the part really was; `label` is `good` or a defect's name, if known.

    `id` names the sample or the inspection whose picture can be shown; None where there is none.
    """

    score: float
    good: bool
    source: Source
    label: str | None = None
    name: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Sensitivity:
    """What thresholds can be set by. `more_reviewed`: there are older reviewed inspections."""

    model: str
    calibrations: tuple[Calibration, ...]
    scoring: Scoring
    scores: tuple[KnownScore, ...]
    more_reviewed: bool


class Calibrations(Protocol):
    """Gives a model's calibrations, oldest first."""

    def calibrations(self, reference: str) -> tuple[Calibration, ...]: ...


class InspectionPages(Protocol):
    """Finds inspections."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order = Order.NEWEST,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InspectionRecord]: ...


class KnownScores:
    """Gathers what is known: good scores of the calibration, labelled samples, reviews."""

    def __init__(
        self, models: Calibrations, samples: SampleScores, inspections: InspectionPages
    ) -> None:
        self._models = models
        self._samples = samples
        self._inspections = inspections

    def of(self, product: str, version: int, by: Principal) -> Sensitivity:
        """Return a model's scores whose truth is known; the number of each kind is bounded.

        Raises:
            NotFound: there is no such model.
        """
        by.require(Right.READ)
        name = f"{product}-{version}"
        calibrations = self._models.calibrations(name)
        scoring = self._samples.of(product, version, by)
        reviewed, more = self._reviewed(product, name, calibrations[-1].graph_sha256)
        scores = [KnownScore(one, True, Source.CALIBRATION) for one in calibrations[-1].good_scores]
        scores += [
            KnownScore(one.score, one.label == GOOD, Source.SAMPLE, one.label, one.name, one.id)
            for one in scoring.samples
        ]
        return Sensitivity(name, calibrations, scoring, (*scores, *reviewed), more)

    def _reviewed(self, product: str, model: str, graph: str) -> tuple[list[KnownScore], bool]:
        """Return the newest reviewed inspections by a model, and whether there are more."""
        wanted = InspectionFilter(product=product, model=model, reviewed=True)
        found: list[KnownScore] = []
        cursor = None
        while len(found) < MOST_REVIEWED:
            page = self._inspections.page(wanted, Order.NEWEST, _AT_A_TIME, cursor)
            found += [_of_review(one) for one in page.items if _is_scored(one, graph)]
            cursor = page.cursor
            if cursor is None:
                return found, False
        return found[:MOST_REVIEWED], True


def _is_scored(record: InspectionRecord, graph: str) -> bool:
    """Tell whether it is a score of this very graph: a name can come back with another one."""
    return record.inspection.score is not None and record.inspection.graph_sha256 == graph


def _of_review(record: InspectionRecord) -> KnownScore:
    score = record.inspection.score
    assert score is not None
    shown = record.id if record.thumbnail or record.image else None
    good = record.reviewed is Verdict.OK
    name = record.context.part_id or record.inspection.image or None
    return KnownScore(score, good, Source.REVIEW, GOOD if good else None, name, shown)
