"""Choose new thresholds for a trained model: by a promise, by hand, or by labelled defects."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from okng.domain.calibration import Calibration
from okng.domain.errors import BadSetting
from okng.services.calibrate import (
    DefectWish,
    Wish,
    calibrate_on_defects,
    recalibrate,
    set_thresholds,
)
from okng.services.defects import DefectScores

Recalibrate = Callable[[Calibration, int], Calibration]
"""Turns the active calibration into the next, given its number."""


@dataclass(frozen=True)
class ThresholdChoice:
    """How thresholds are to be set anew.

    By hand where `threshold` is given, by the defects of a dataset where `defects` is, otherwise
    by the promise in `wish` about good parts.

    Raises:
        BadSetting: it contradicts itself.
    """

    wish: Wish = field(default_factory=Wish)
    threshold: float | None = None
    ng_threshold: float | None = None
    defects: DefectWish | None = None
    dataset_id: str | None = None

    def __post_init__(self) -> None:
        if self.ng_threshold is not None and self.threshold is None:
            raise BadSetting("an NG threshold goes with a review threshold: give both")
        if self.threshold is not None and self.defects is not None:
            raise BadSetting("give thresholds or labelled defects, not both")
        if (self.defects is None) != (self.dataset_id is None):
            raise BadSetting(
                "labelled defects need a dataset, and either the cost of an escape or a bound on "
                "escapes: give both"
            )


def recalibration(
    choice: ThresholdChoice, score_defects: Callable[[str], DefectScores]
) -> Recalibrate:
    """Return what turns the active calibration into the chosen one, given its number.

    Args:
        choice: how.
        score_defects: what the model makes of the defects of a dataset, by its id.
    """
    wish, threshold = choice.wish, choice.threshold
    if choice.defects is not None and choice.dataset_id is not None:
        return by_defects(score_defects(choice.dataset_id), choice.defects, wish)
    if threshold is not None:
        ng = choice.ng_threshold
        return lambda old, version: set_thresholds(old, threshold, ng, wish, version)
    return lambda old, version: recalibrate(old, wish, version)


def kept_defects(calibration: Calibration) -> DefectScores:
    """Return the defects that the model learned from, by the scores they got unseen.

    Raises:
        BadSetting: it learned from none.
    """
    if not calibration.defect_scores:
        raise BadSetting(
            "a bound on escapes, or their cost, needs labelled defects, and this model learned "
            "from good images alone: name a folder of defective parts with --defects FOLDER"
        )
    scores = np.array(calibration.defect_scores)
    return DefectScores(scores, len(scores))


def by_defects(found: DefectScores, defects: DefectWish, wish: Wish) -> Recalibrate:
    """Return what sets the threshold by labelled defects; the calibration notes what they were."""

    def make(old: Calibration, version: int) -> Calibration:
        new = calibrate_on_defects(old, found.lowest, defects, wish, version)
        return replace(new, note="; ".join(filter(None, (new.note, found.note))))

    return make
