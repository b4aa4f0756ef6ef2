"""From a prediction to a verdict: the one place where OK and NG are decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from okng.domain.arrays import Floats
from okng.domain.calibration import Calibration, Subject
from okng.domain.view import Box


class Verdict(StrEnum):
    OK = "OK"
    REVIEW = "REVIEW"
    NG = "NG"
    ERROR = "ERROR"

    @property
    def severity(self) -> int:
        """Rank from OK (0) to ERROR (3); a part's verdict is its inspections' worst."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Region:
    """A connected place where the map exceeds the review threshold.

    `box` and `area_px` are in pixels of the original image, `peak_score` is the map's maximum
    there, in the units of the score. `kind` is a defect's name where the model knows one.
    """

    box: Box
    area_px: int
    peak_score: float
    kind: str | None = None


@dataclass(frozen=True)
class Prediction:
    """What a graph says of one image, before anybody decides.

    `score` is raw. `anomaly_map` is float32 `[h, w]` over the region of interest, in the units of
    `score`. `regions` are sorted by `peak_score`, highest first. `classes` has the probability of
    each class that the model names, `good` or a kind of defect; empty where it names none.
    """

    score: float
    anomaly_map: Floats
    regions: tuple[Region, ...]
    classes: Mapping[str, float] = field(default_factory=dict)

    @property
    def named(self) -> str | None:
        """The most probable class; None where the model names none."""
        return max(self.classes, key=self.classes.__getitem__) if self.classes else None


@dataclass(frozen=True)
class Policy:
    """How a product wants doubt handled.

    `min_area_px`: a part is NG only if one region is at least this large; otherwise what would
    have been NG goes to REVIEW. `review`: False where nobody is there to look, so that REVIEW
    becomes NG.
    """

    min_area_px: int = 0
    review: bool = True


def decide(prediction: Prediction, calibration: Calibration, policy: Policy) -> Verdict:
    """Answer OK, REVIEW or NG; never less severe for a higher score.

    A model that knows kinds of defect alone cannot say OK: what it is sure of is NG, of that kind,
    and what it doubts is REVIEW.
    """
    if calibration.subject is Subject.KIND:
        doubts = prediction.score > calibration.review_threshold
        return Verdict.REVIEW if doubts and policy.review else Verdict.NG
    if prediction.score <= calibration.review_threshold:
        return Verdict.OK
    largest = max((region.area_px for region in prediction.regions), default=0)
    beyond = prediction.score > calibration.ng_threshold and largest >= policy.min_area_px
    return Verdict.NG if beyond or not policy.review else Verdict.REVIEW
