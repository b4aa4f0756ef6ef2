"""From a prediction to a verdict: the one place where OK and NG are decided."""

from dataclasses import dataclass
from enum import StrEnum

from okng.domain.arrays import Floats
from okng.domain.calibration import Calibration
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
    `score`. `regions` are sorted by `peak_score`, highest first.
    """

    score: float
    anomaly_map: Floats
    regions: tuple[Region, ...]


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
    """Answer OK, REVIEW or NG; never less severe for a higher score."""
    if prediction.score <= calibration.review_threshold:
        return Verdict.OK
    largest = max((region.area_px for region in prediction.regions), default=0)
    beyond = prediction.score > calibration.ng_threshold and largest >= policy.min_area_px
    return Verdict.NG if beyond or not policy.review else Verdict.REVIEW
