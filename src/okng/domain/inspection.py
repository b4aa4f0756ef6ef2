"""One image inspected."""

from dataclasses import asdict, dataclass, field

from okng.domain.dataset import GOOD
from okng.domain.verdict import Prediction, Region, Verdict


@dataclass(frozen=True)
class Timing:
    """Milliseconds by stage: reading and decoding, the view, the graph, regions and decision."""

    decode_ms: float
    view_ms: float
    graph_ms: float
    decide_ms: float

    @property
    def total_ms(self) -> float:
        return self.decode_ms + self.view_ms + self.graph_ms + self.decide_ms


@dataclass(frozen=True)
class Inspection:
    """The answer for one image; exactly one for every trigger.

    For `ERROR` the figures are None and `error` says what went wrong. `p_value` is the share of
    good parts that look at least as abnormal. `image_width` and `image_height` are of the image
    as decoded and turned upright.
    """

    image: str
    verdict: Verdict
    product: str
    model: str
    graph_sha256: str
    calibration: int
    review_threshold: float
    ng_threshold: float
    time: str
    score: float | None = None
    p_value: float | None = None
    image_width: int | None = None
    image_height: int | None = None
    timing: Timing | None = None
    error: str | None = None
    prediction: Prediction | None = field(default=None, repr=False, compare=False)

    @property
    def kind(self) -> str | None:
        """The defect's name, where the part is not OK and the model names one."""
        if self.verdict is Verdict.OK or self.prediction is None:
            return None
        defects = {k: v for k, v in self.prediction.classes.items() if k != GOOD}
        return max(defects, key=defects.__getitem__) if defects else None

    @property
    def regions(self) -> tuple[Region, ...]:
        return self.prediction.regions if self.prediction else ()

    def record(self) -> dict[str, object]:
        """Return plain values for JSON, without the map."""
        plain = {k: v for k, v in self.__dict__.items() if k not in ("prediction", "timing")}
        plain["verdict"] = self.verdict.value
        plain["kind"] = self.kind
        plain["classes"] = dict(self.prediction.classes) if self.prediction else {}
        plain["regions"] = [asdict(region) for region in self.regions]
        timing = self.timing
        plain["timing"] = None if timing is None else asdict(timing) | {"total_ms": timing.total_ms}
        return plain
