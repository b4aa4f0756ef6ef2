"""Fit: train a detector, and score parts that the scoring graph has not seen."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.alteration import mild_alterations
from okng.algorithms.calibration import deal_groups, hold_out, worst_by_group
from okng.detectors.images import Chosen, Copy, WithCopies
from okng.domain.arrays import Array, Scores
from okng.domain.calibration import Evidence, Subject
from okng.domain.errors import BadSetting
from okng.domain.model import ClassCard
from okng.domain.ports import Detector, Progress, Runtime, Trained
from okng.services.calibrate import Wish
from okng.services.prepare import PreparedImages
from okng.services.training_plan import CalibrationPlan, TrainingPlan

FOLDS, FEW_FOLDS = 5, 3
"""Folds of a cross-fitting; fewer from `MANY_PARTS` on, where two thirds teach nearly as much."""
MANY_PARTS = 300
ONE_PART_COPIES = 16
"""Altered copies that are scored where there is one part alone."""
ENOUGH_HELD_OUT = Wish().parts_needed
"""Parts that are held out at least, whatever the wish: another may come later."""
HELD_OUT_SHARE = 0.3
"""Of the parts that are held out where that is more."""


@dataclass(frozen=True)
class Fitted:
    """What was trained, and what it made of images that the scoring graph had not seen.

    `parts` has a raw score for each part that thresholds are set by, ascending; `scores` one for
    each image, float64 `[n]`, NaN where an image has none; `is_defective` is bool `[n]`, None where
    all are good. `defects` are the lowest scores of defective parts, `classes` what the class
    scores mean, where the detector learned of them.
    """

    trained: Trained
    parts: Scores
    scores: Scores
    evidence: Evidence
    defects: Scores = field(default_factory=lambda: np.empty(0))
    classes: ClassCard | None = None
    subject: Subject = Subject.GOOD
    note: str = ""
    is_defective: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, trained: Trained, scores: Scores, groups: Array, evidence: Evidence) -> Self:
        has_one = np.isfinite(scores)
        return cls(trained, worst_by_group(scores[has_one], groups[has_one]), scores, evidence)

    @property
    def scored(self) -> list[int]:
        """Return the indices of the images that have a score."""
        return [int(i) for i in np.flatnonzero(np.isfinite(self.scores))]


def fit_good(
    images: PreparedImages,
    groups: Array,
    detector: Detector,
    plan: TrainingPlan,
    runtime: Runtime,
    progress: Progress,
) -> Fitted:
    """Train on good images, and score some that the scoring graph has not seen."""
    rng = np.random.default_rng(plan.seed)
    parts = len(np.unique(groups))
    if parts == 1:
        return _fit_one_part(images, detector, plan.detector_name, rng, progress)
    wanted = max(plan.wish.parts_needed, ENOUGH_HELD_OUT)
    everyone = list(range(len(images)))
    enough = parts >= 2 * wanted
    split = plan.calibration is CalibrationPlan.SPLIT or (
        plan.calibration is CalibrationPlan.AUTO and (enough or plan.is_slow)
    )
    if not split:
        folds = deal_groups(groups, min(FOLDS if parts < MANY_PARTS else FEW_FOLDS, parts), rng)
        chosen = Chosen(images, everyone)
        trained = detector.train(chosen, [int(fold) for fold in folds], progress)
        if trained.cross_fitted is None:
            raise BadSetting(
                f"{plan.detector_name} cannot be cross-fitted: take --calibration split"
            )
        return Fitted.of(trained, trained.cross_fitted, groups, Evidence.CROSS_FITTED)
    share = max(1, round(HELD_OUT_SHARE * parts))
    # What is slow to train would otherwise learn from half of few parts, unasked.
    asked = share if plan.is_slow and not enough else max(wanted, share)
    held = hold_out(groups, min(asked, parts // 2), rng)
    kept, out = [i for i in everyone if not held[i]], [i for i in everyone if held[i]]
    trained = detector.train(Chosen(images, kept), None, progress)
    session = runtime.load(trained.graph)
    scores = np.full(len(images), np.nan)
    for done, i in enumerate(out, start=1):
        scores[i] = float(session.run({"image": images[i][None]})["score"][0])
        progress("calibrate", done, len(out))
    return Fitted.of(trained, scores, groups, Evidence.HELD_OUT)


def _fit_one_part(
    images: PreparedImages,
    detector: Detector,
    name: str,
    rng: np.random.Generator,
    progress: Progress,
) -> Fitted:
    """Train on the images of one single part and on altered copies of them, and score these.

    A graph that has seen the images alone scores the copies; nothing better can be had.
    """
    count = len(images)
    alterations = mild_alterations(max(ONE_PART_COPIES, count), rng)
    copies = [Copy(place % count, one) for place, one in enumerate(alterations)]
    folds = [0] * count + [1] * len(copies)
    trained = detector.train(WithCopies(images, copies), folds, progress)
    if trained.cross_fitted is None:
        raise BadSetting(f"{name} cannot learn from one single part: take memory")
    copied = np.sort(trained.cross_fitted[count:])
    return Fitted(trained, copied, np.full(count, np.nan), Evidence.ALTERED)
