"""Doctor: look at a dataset before it is trained on, and say what would spoil the model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.calibration import deal_groups
from okng.algorithms.pixels import MAX_PIXELS
from okng.detectors.images import Chosen
from okng.domain.arrays import Scores
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.doctor import Check, Diagnosis, Finding
from okng.domain.errors import BadDataset
from okng.domain.ports import Detector, Progress, silent
from okng.domain.view import View
from okng.services import duplicate_checks, image_checks
from okng.services.calibrate import Wish
from okng.services.survey import Survey

FOLDS = 5
LEAST_PARTS = 5
"""Different good parts, below which nothing can be said of one that is unlike the others."""


@dataclass(frozen=True)
class CheckupPlan:
    """How a check-up is made.

    `detector` scores the good images, each by a model that has not seen its part, at the size of
    `view`; without one, nobody looks for good images that are unlike the others.
    """

    view: View
    detector: Detector | None = None
    wish: Wish = field(default_factory=Wish)
    seed: int = 0
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Checkup:
    """What a check-up came to: the diagnosis, the samples that could be read, and the part that
    each of them shows, int64 `[n]`."""

    diagnosis: Diagnosis
    samples: tuple[Sample, ...]
    parts: NDArray[np.int64]


def examine(dataset: Dataset, plan: CheckupPlan, progress: Progress = silent) -> Checkup:
    """Read every image once and make all checks.

    Raises:
        BadDataset: there is no image, or none can be read.
    """
    start = perf_counter()
    if not dataset.samples:
        raise BadDataset(f"{dataset.root} has no images to look at")
    with Survey(dataset, plan.view, plan.max_pixels, progress, plan.seed) as survey:
        if not len(survey):
            first = survey.refused[0]
            raise BadDataset(
                f"none of the {len(survey.refused)} images can be read; the first: {first.reason}"
            )
        scores, skipped = _unlikeness(survey, plan, progress)
        findings = _findings(dataset, survey, plan, scores)
        train_good = _of_training(survey)
        counts = dataset.counts()
        diagnosis = Diagnosis(
            dataset=dataset.name,
            root=dataset.root,
            layout=dataset.layout,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            images=len(survey),
            parts=len(np.unique(survey.parts)),
            good_images=len(train_good),
            good_parts=len(np.unique(survey.parts[train_good])),
            counts={f"{s.value}/{label}": n for (s, label), n in sorted(counts.items())},
            findings=findings,
            skipped=skipped,
            notes=dataset.notes,
            seconds=perf_counter() - start,
        )
        return Checkup(diagnosis, tuple(survey.samples), survey.parts)


def _findings(
    dataset: Dataset, survey: Survey, plan: CheckupPlan, scores: Scores
) -> tuple[Finding, ...]:
    """Make all checks; what was found, the worst first."""
    root = dataset.root
    good_parts = len(np.unique(survey.parts[_of_training(survey)]))
    checks: tuple[Callable[[], Finding | None], ...] = (
        lambda: duplicate_checks.leaks(survey, root),
        lambda: duplicate_checks.contradictions(survey, root),
        lambda: duplicate_checks.disputed(survey, root),
        lambda: duplicate_checks.identical(survey, root),
        lambda: duplicate_checks.repeated(survey, root),
        lambda: image_checks.unreadable(dataset, survey),
        lambda: image_checks.too_few(good_parts, plan.wish),
        lambda: image_checks.suspects(survey, scores, root),
        lambda: image_checks.sizes(survey, root),
        lambda: image_checks.modes(survey, root),
        lambda: image_checks.blurred(survey, root),
        lambda: image_checks.exposure(survey, root),
    )
    found = [finding for check in checks if (finding := check()) is not None]
    order = list(Check)
    return tuple(sorted(found, key=lambda finding: order.index(finding.check)))


def _of_training(survey: Survey) -> list[int]:
    """Return the indices of the good images that a training learns from."""
    return [i for i, s in enumerate(survey.samples) if s.is_good and s.split is not Split.TEST]


def _unlikeness(
    survey: Survey, plan: CheckupPlan, progress: Progress
) -> tuple[Scores, tuple[str, ...]]:
    """Score every good image by a model of the others; nan where an image has no score.

    Images of one part are in one fold: a mislabelled part would else vouch for itself.

    Returns:
        float64 `[n]`, and what was not looked at, with the reason.
    """
    scores = np.full(len(survey), np.nan)
    good = [i for i, sample in enumerate(survey.samples) if sample.is_good]
    parts = survey.parts[good]
    number = len(np.unique(parts))
    if plan.detector is None:
        return scores, ()
    if number < LEAST_PARTS:
        reason = f"there are only {number} different good parts; {LEAST_PARTS} are needed"
        return scores, (f"good images that are unlike the others were not looked for: {reason}",)
    rng = np.random.default_rng(plan.seed)
    folds = [int(fold) for fold in deal_groups(parts, FOLDS, rng)]
    trained = plan.detector.train(Chosen(survey.prepared, good), folds, progress)
    if trained.cross_fitted is not None:
        scores[good] = trained.cross_fitted
    return scores, ()
