"""What an evaluation found of a model that names classes: good, and kinds of defect."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from okng.domain.rates import Rate


@dataclass(frozen=True)
class ClassResult:
    """How one class is named. A figure is None where nothing was there to tell it.

    `precision`: of the images that got its name, the share that bears it; `recall`: of those that
    bear it, the share that got it; `f1`: their harmonic mean; `support`: how many bear it.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class SureBin:
    """Images about which the model was similarly sure: `sure` on the mean, `right` of them so."""

    count: int
    sure: float
    right: float


@dataclass(frozen=True)
class Sureness:
    """Whether a model is as sure as it is right.

    `error` is the mean distance between both, weighted by the images; `log_loss` in nats.
    """

    bins: tuple[SureBin, ...]
    error: float
    log_loss: float


@dataclass(frozen=True)
class Naming:
    """How a model names the images of classes that it has learned, by the highest probability.

    `precision`, `recall` and `f1` are plain means over the classes that occur. `confusion` has a
    row for each true class and a column for each name, both in the order of `names`. `strangers`
    counts images by labels that the model has not learned; they are in none of these figures.
    `uncalibrated` is without the temperature.
    """

    names: tuple[str, ...]
    accuracy: Rate
    precision: float | None
    recall: float | None
    f1: float | None
    classes: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    temperature: float
    uncalibrated: Sureness
    calibrated: Sureness
    strangers: Mapping[str, int]

    def record(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self) | {"accuracy": self.accuracy.record()}
