"""All that is chosen before a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from okng.algorithms.pixels import MAX_PIXELS
from okng.domain.model import BackboneCard
from okng.domain.ports import Classifier, Detector
from okng.domain.view import View
from okng.services.calibrate import Wish


class CalibrationPlan(StrEnum):
    """Where the good scores of the calibration come from.

    `split` holds parts out, `cross-fit` uses every part, `auto` splits where at least as many
    parts remain to train on as the wished promise, and the default one, need held out, and where
    the detector takes long to train.
    """

    AUTO = "auto"
    SPLIT = "split"
    CROSS_FIT = "cross-fit"


@dataclass(frozen=True)
class TrainingPlan:
    """All that is chosen before a training.

    `config` is the detector's configuration as plain values, for the manifest; `group_pattern` is
    what gave the samples their groups, where a pattern did. `is_slow`: the detector takes minutes
    to train, so it is not cross-fitted unless `calibration` says so.
    """

    product: str
    detector_name: str
    detector: Detector | Classifier
    config: Mapping[str, object]
    backbones: tuple[BackboneCard, ...]
    view: View
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    seed: int = 0
    max_pixels: int = MAX_PIXELS
    group_pattern: str | None = None
    is_slow: bool = False
