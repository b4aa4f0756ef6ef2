"""A trained detector and the card that describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from okng.domain.calibration import Calibration
from okng.domain.learning import Layer, LearningCurve
from okng.domain.view import View

MANIFEST_FORMAT = 1
CHAMPION = "champion"
MOST_CLASSES = 1000
"""That one model may tell apart."""


@dataclass(frozen=True)
class Golden:
    """An image that travels with the model, and the score it must get.

    `class_scores` are those of the graph, where it has them.
    """

    file: str
    score: float
    class_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class ClassCard:
    """What the graph's `class_scores` mean.

    `names` are the classes in the order of the columns: `good` first where there is one, then the
    kinds of defect; `images` how many of each were learned from. The probabilities of an image are
    softmax(class_scores / temperature); the temperature makes those of `validated` images, which
    the graph (or, cross-fitted, its like) had not seen, as sure as they are right. Guo et al. 2017,
    On Calibration of Modern Neural Networks, arXiv:1706.04599, section 4.2.
    """

    names: tuple[str, ...]
    images: tuple[int, ...]
    temperature: float
    validated: int

    @property
    def counts(self) -> str:
        """Say how many of each were learned from: `42 good, 30 dent`."""
        pairs = zip(self.images, self.names, strict=True)
        return ", ".join(f"{count:,} {name}" for count, name in pairs)


@dataclass(frozen=True)
class BackboneCard:
    name: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class DataCard:
    """What a model was made from.

    `fingerprint` is the SHA-256 of the images' sorted SHA-256 digests; `digests` are these, in
    hexadecimal, ascending, those of held-out images included: what an evaluation may not use.
    `group_pattern` is the regular expression that found the parts in the files' names.
    """

    name: str
    layout: str
    fingerprint: str
    images: int
    parts: int
    held_out: int
    digests: tuple[str, ...] = field(default=(), repr=False)
    group_pattern: str | None = None

    def record(self) -> dict[str, object]:
        """Return plain values for people and programs, without the many digests."""
        return {name: value for name, value in vars(self).items() if name != "digests"}


@dataclass(frozen=True)
class Unseen:
    """What each image got from the graph, or cross-fitted its like, that had not seen it.

    All in the order of the data card's digests: `scores` are raw, None where an image was learned
    alone; `parts` number the part that each shows. `defective` are the places of those that are
    not good. With this an ensemble finds images that none of its members had seen.
    """

    scores: tuple[float | None, ...] = field(repr=False)
    parts: tuple[int, ...] = field(repr=False)
    defective: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Manifest:
    """What a model is: everything about it but the graph's bytes.

    `facts` are plain figures of the training (bank size, seconds, ...) for the model card.
    `tolerance` is how far, in the units of the score, two runtimes may differ. `files` maps
    every other file of the model to its SHA-256. `classes` is there where the
    graph has `class_scores`, `unseen` where the training kept it; `layers` and `curves` where a
    network was learned: what it is made of, and how the learning went.
    """

    product: str
    version: int
    created: str
    okng: str
    detector: str
    config: Mapping[str, object]
    backbones: tuple[BackboneCard, ...]
    view: View
    map_height: int
    map_width: int
    data: DataCard
    calibration: Calibration
    golden: tuple[Golden, ...]
    tolerance: float
    trained_on: str
    facts: Mapping[str, float | int | str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    classes: ClassCard | None = None
    layers: tuple[Layer, ...] = ()
    curves: tuple[LearningCurve, ...] = ()
    unseen: Unseen | None = None
    format: int = MANIFEST_FORMAT


@dataclass(frozen=True)
class Model:
    """A trained detector: versioned and immutable.

    `graph` is ONNX. `golden` maps file names to image files at their original size and encoding.
    `report` is HTML, or empty.
    """

    manifest: Manifest
    graph: bytes = field(repr=False)
    golden: Mapping[str, bytes] = field(repr=False, default_factory=dict)
    report: str = field(repr=False, default="")

    @property
    def name(self) -> str:
        return f"{self.manifest.product}-{self.manifest.version}"


@dataclass(frozen=True)
class ModelEntry:
    """What a list of models says of one, without its graph.

    `calibrations` are their version numbers, ascending; `images` is how many it was made from.
    `damage` says what is wrong with it; then what could not be read is empty or 0.
    """

    product: str
    version: int
    aliases: tuple[str, ...]
    size_bytes: int
    created: str = ""
    detector: str = ""
    images: int = 0
    graph_sha256: str = ""
    calibrations: tuple[int, ...] = ()
    damage: str | None = None

    @property
    def name(self) -> str:
        return f"{self.product}-{self.version}"
