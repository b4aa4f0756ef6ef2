"""What the services need from the world."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from okng.domain.arrays import Array, Floats, Mask, Pixels, Scores
from okng.domain.calibration import Calibration
from okng.domain.dataset import Dataset
from okng.domain.model import Model


class Session(Protocol):
    """A graph, ready to run on one worker."""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        """Run the graph on inputs by name; return its outputs by name, float32.

        Raises:
            BadModel: the graph does not run on them.
        """
        ...


class Runtime(Protocol):
    """Something that runs ONNX graphs."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str:
        """Name, version, device and precision, for people."""
        ...

    def load(self, graph: bytes) -> Session:
        """Prepare a graph.

        Raises:
            BadModel: the runtime cannot run this graph.
        """
        ...


class Progress(Protocol):
    """Is told how far a named stage of the work has come."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress."""


class Layout(Protocol):
    """A way to lay out a dataset on disk."""

    @property
    def name(self) -> str: ...

    def read(self, root: Path) -> Dataset | None:
        """Read `root` if it is laid out this way; None if it is not.

        Raises:
            BadDataset: it is laid out this way, but cannot be used.
        """
        ...


class Images(Protocol):
    """Pictures that have passed the view, fetched one at a time: only one is in memory."""

    @property
    def inspected(self) -> Mask:
        """bool `[H, W]`, False where the view's mask hides the part."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Pixels:
        """Return uint8 `[H, W, 3]`, RGB."""
        ...


@dataclass(frozen=True)
class Trained:
    """What a detector makes of good images.

    `graph` is ONNX with the one signature. `cross_fitted` holds a raw score for each image by a
    graph like this one that saw no image of the same fold, or None where no folds were asked for.
    """

    graph: bytes = field(repr=False)
    cross_fitted: Scores | None
    facts: Mapping[str, float | int | str]


TakeMap = Callable[[int, Floats], None]
"""Is handed an image's index and its raw anomaly map, float32 `[h, w]`."""


def ignore_map(index: int, anomaly_map: Floats) -> None:
    """Let a map go."""


class Detector(Protocol):
    """How a model is trained."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Learn from good images.

        Args:
            images: all of them good, at the size of the view.
            folds: the fold of each image, to cross-fit; None to train one graph on all.
            progress: is told how far the work is.
            take_map: is handed each image's cross-fitted map, once, in any order.

        Raises:
            BadSetting: the configuration does not fit the images.
        """
        ...


class Sketched(Protocol):
    """A detector that can make a graph to be timed before it is trained."""

    def sketch(self, inspected: Mask, images: int) -> Trained:
        """Make a graph as large as training makes it; what it answers means nothing.

        Args:
            inspected: bool `[H, W]`, as of the images.
            images: how many will be learned.

        Raises:
            BadSetting: the configuration does not fit the size.
        """
        ...


@dataclass(frozen=True)
class Frame:
    """One image from a source; `name` tells it from the others of the same source."""

    name: str
    pixels: Pixels = field(repr=False)


class Source(Protocol):
    """Where images come from."""

    def frames(self) -> Iterator[Frame]:
        """Yield images, one for each trigger, until the source ends."""
        ...


class ModelStore(Protocol):
    """Keeps models by product and version."""

    def add(self, product: str, build: Callable[[int], Model]) -> Model:
        """Store what `build` makes of the product's next version number, and return it completed.

        Raises:
            BadModel: it is not a sound model of that product and version.
        """
        ...

    def load(self, reference: str) -> Model:
        """Return the model that `product`, `product-3`, `product@3` or `product@alias` names.

        A product alone means its champion or, while it has none, its newest model.

        Raises:
            NotFound: there is no such model.
            BadModel: it is damaged.
        """
        ...


class CalibrationStore(Protocol):
    """Keeps the calibrations of stored models."""

    def calibration(self, reference: str, version: int | None = None) -> Calibration:
        """Return the model's active calibration: the newest, unless a version is named.

        Raises:
            NotFound: there is no such model or calibration.
            BadModel: it is damaged.
        """
        ...

    def add_calibration(
        self, reference: str, calibration: Calibration | Callable[[int], Calibration]
    ) -> Calibration:
        """Store a calibration under the model's next calibration number, and return it.

        Raises:
            BadModel: it belongs to another graph.
        """
        ...
