"""What an evaluation found: how a model does on samples whose truth is known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from okng.domain.arrays import Floats
from okng.domain.calibration import Calibration
from okng.domain.masks import MaskSource
from okng.domain.model import Manifest
from okng.domain.naming import Naming
from okng.domain.rates import Rate
from okng.domain.verdict import Verdict


@dataclass(frozen=True)
class ImageResult:
    """One image's outcome. `image` is its path below the dataset's root.

    Where the model names classes, `named` is what it called the image, and `share` how probable.
    """

    image: str
    label: str
    verdict: Verdict
    score: float | None
    p_value: float | None
    error: str | None = None
    named: str | None = None
    share: float | None = None


@dataclass(frozen=True)
class KindResult:
    """How the model does on one kind of defect.

    `stopped` counts what was not called OK, `called_ng` what was called NG, both among the
    images that got a verdict. `auroc` is against all good images.
    """

    kind: str
    stopped: Rate
    called_ng: Rate
    auroc: float | None

    def record(self) -> dict[str, object]:
        rates = {"stopped": self.stopped.record(), "called_ng": self.called_ng.record()}
        return {"kind": self.kind, **rates, "auroc": self.auroc}


@dataclass(frozen=True)
class PixelResult:
    """How well the maps find the defect's pixels, over `images` images.

    Judged over the region of interest at `longest_side_px` at most. Defective images without a
    mask, or with an empty one, tell nothing of pixels and are left out.
    """

    auroc: float | None
    aupro: float | None
    images: int
    components: int
    longest_side_px: int
    without_mask: int
    empty_mask: int


@dataclass(frozen=True)
class Latency:
    """Percentiles over all images that were inspected."""

    p50_ms: float
    p99_ms: float


class Shelf(StrEnum):
    """Why an image is shown."""

    MISS = "miss"
    FALSE_CALL = "false call"
    CATCH = "catch"
    MISNAMED = "misnamed"


@dataclass(frozen=True)
class Exhibit:
    """An image worth looking at. `anomaly_map` is float32 `[h, w]` over the region of interest."""

    shelf: Shelf
    result: ImageResult
    path: Path
    masks: tuple[MaskSource, ...]
    anomaly_map: Floats = field(repr=False, compare=False)


@dataclass(frozen=True)
class Beside:
    """What another model makes of the same images, at its own thresholds.

    `same_images` is False where one of the two was made from images that the other judged.
    """

    model: str
    detector: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    overkill: Rate
    good_reviewed: Rate
    escapes: Rate
    graph_ms: float | None
    same_images: bool = True

    def record(self) -> dict[str, object]:
        rates = {name: getattr(self, name).record() for name in _RATES}
        return {**self.__dict__, **rates}


_RATES = ("overkill", "good_reviewed", "escapes")

Confusion = Mapping[str, Mapping[Verdict, int]]
"""Number of images by truth (`good`, `defective`) and verdict; every verdict is present."""


@dataclass(frozen=True)
class Evaluation:
    """A model's results on a dataset, at the thresholds of one calibration.

    `parts` is the number of physical parts that the images show. `roc` holds corners of the curve
    as (false, true positive rate), `precision_recall` (recall, precision) wherever recall rises.
    `f1_threshold`: at or above it an image counts as defective.
    Rates are over images that got a verdict; `ERROR` is counted in `confusion` alone. `left_out`
    names the images that were not used because the model was made from them. `naming` is there
    where the model names classes; `beside` has the figures of other models.
    """

    dataset: str
    created: str
    manifest: Manifest
    calibration: Calibration
    runtime: str
    images: tuple[ImageResult, ...]
    parts: int
    image_auroc: float | None
    average_precision: float | None
    f1_max: float | None
    f1_threshold: float | None
    roc: tuple[tuple[float, float], ...]
    pixels: PixelResult | None
    confusion: Confusion
    overkill: Rate
    good_reviewed: Rate
    escapes: Rate
    kinds: tuple[KindResult, ...]
    total_latency: Latency | None
    graph_latency: Latency | None
    notes: tuple[str, ...] = ()
    exhibits: tuple[Exhibit, ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = ()
    naming: Naming | None = None
    precision_recall: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    beside: tuple[Beside, ...] = ()

    @property
    def model(self) -> str:
        return f"{self.manifest.product}-{self.manifest.version}"

    @property
    def errors(self) -> tuple[ImageResult, ...]:
        return tuple(result for result in self.images if result.verdict is Verdict.ERROR)

    @property
    def in_short(self) -> Beside:
        """Return the figures by which models are compared."""
        return Beside(
            model=self.model,
            detector=self.manifest.detector,
            image_auroc=self.image_auroc,
            pixel_auroc=self.pixels.auroc if self.pixels else None,
            aupro=self.pixels.aupro if self.pixels else None,
            overkill=self.overkill,
            good_reviewed=self.good_reviewed,
            escapes=self.escapes,
            graph_ms=self.graph_latency.p50_ms if self.graph_latency else None,
        )

    def record(self) -> dict[str, object]:
        """Return plain, finite values for JSON: all that the report says."""
        return {
            "dataset": self.dataset,
            "created": self.created,
            "product": self.manifest.product,
            "model": self.model,
            "runtime": self.runtime,
            "counts": {
                "images": len(self.images),
                "parts": self.parts,
                **{truth: sum(row.values()) for truth, row in self.confusion.items()},
                "errors": len(self.errors),
            },
            "image_auroc": self.image_auroc,
            "average_precision": self.average_precision,
            "f1_max": self.f1_max,
            "f1_threshold": self.f1_threshold,
            "roc": [list(point) for point in self.roc],
            "precision_recall": [list(point) for point in self.precision_recall],
            "pixels": asdict(self.pixels) if self.pixels else None,
            "confusion": {
                truth: {verdict.value: count for verdict, count in row.items()}
                for truth, row in self.confusion.items()
            },
            "overkill": self.overkill.record(),
            "good_reviewed": self.good_reviewed.record(),
            "escapes": self.escapes.record(),
            "kinds": [kind.record() for kind in self.kinds],
            "naming": self.naming.record() if self.naming else None,
            "latency": {
                "total": asdict(self.total_latency) if self.total_latency else None,
                "graph": asdict(self.graph_latency) if self.graph_latency else None,
            },
            "beside": [other.record() for other in self.beside],
            "calibration": _calibration_record(self.calibration),
            "card": _card_record(self.manifest),
            "exhibits": [{"shelf": e.shelf.value, "image": e.result.image} for e in self.exhibits],
            "images": [asdict(result) for result in self.images],
            "left_out": list(self.left_out),
            "notes": list(self.notes),
        }


def _calibration_record(calibration: Calibration) -> dict[str, object]:
    """Return a calibration without its scores; the model keeps those."""
    counts = {name: len(getattr(calibration, name)) for name in ("good_scores", "defect_scores")}
    plain = {**calibration.__dict__, **counts}
    plain["promises"] = [asdict(p) | {"text": str(p)} for p in calibration.promises]
    return plain


def _card_record(manifest: Manifest) -> dict[str, object]:
    """Return what the model card shows."""
    view = asdict(manifest.view)
    view["masked"] = view.pop("mask_png") is not None
    view["prepare"] = [str(step) for step in manifest.view.prepare]
    return {
        "detector": manifest.detector,
        "created": manifest.created,
        "okng": manifest.okng,
        "trained_on": manifest.trained_on,
        "backbones": [asdict(backbone) for backbone in manifest.backbones],
        "data": manifest.data.record(),
        "view": view,
        "map": {"height": manifest.map_height, "width": manifest.map_width},
        "config": dict(manifest.config),
        "facts": dict(manifest.facts),
        "classes": asdict(manifest.classes) if manifest.classes else None,
        "tolerance": manifest.tolerance,
        "files": dict(manifest.files),
        "graph_sha256": manifest.calibration.graph_sha256,
    }
