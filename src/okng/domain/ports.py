"""What the services need from the world."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from okng.domain.arrays import Array, Floats, Mask, Pixels, Scores
from okng.domain.calibration import Calibration
from okng.domain.dataset import Dataset
from okng.domain.learning import Checkpoints, Layer, LearningCurve
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
    """What a detector makes of the images that it learns from.

    `graph` is ONNX with the one signature. `cross_fitted` holds a raw score for each image by a
    graph like this one that saw no image of the same fold, or None where no folds were asked for.
    `class_scores` is the same of the graph's `class_scores`, float32 `[n, K]`, where it has them.
    `curves` show how the learning went, `notes` what its user should hear of it, `layers` what the
    network is made of.
    """

    graph: bytes = field(repr=False)
    cross_fitted: Scores | None
    facts: Mapping[str, float | int | str]
    class_scores: Floats | None = field(default=None, repr=False)
    curves: tuple[LearningCurve, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()


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


@dataclass(frozen=True)
class Truth:
    """What is known of images to learn from.

    `names` are the classes: `good` first where there is one, then the kinds of defect, sorted.
    `labels` has each image's class as an index into them, `parts` the part that each shows: what
    is held out within a training to choose something keeps images of a part together.
    """

    names: tuple[str, ...]
    labels: Sequence[int] = field(repr=False)
    parts: Sequence[int] = field(repr=False)

    def of(self, chosen: Sequence[int]) -> Self:
        """Return what is known of some of the images, by index."""
        labels = [self.labels[i] for i in chosen]
        return replace(self, labels=labels, parts=[self.parts[i] for i in chosen])


@runtime_checkable
class Classifier(Protocol):
    """How a model is trained that learns from labelled images, defects included.

    Its graph has `class_scores` `[N, K]`, in the order of the names: softmax of them, divided by
    a temperature, gives probabilities. Where the first class is `good`, `score` is the log-odds of
    any defect (`okng.algorithms.class_scores.log_odds`); where no class is, it is the doubt, 1 -
    the highest probability.
    """

    @property
    def cross_fits(self) -> bool:
        """Folds may be asked for; what takes long to train may refuse them."""
        ...

    def train_labelled(
        self,
        images: Images,
        truth: Truth,
        folds: Sequence[int] | None,
        progress: Progress,
    ) -> Trained:
        """Learn from labelled images.

        Args:
            images: at the size of the view.
            truth: of each image; every class has two parts at least.
            folds: the fold of each image, to cross-fit: without any one of them all classes are
                left. None to train one graph on all.
            progress: is told how far the work is.

        Returns:
            The graph and, where folds were asked for, scores and class scores of each image.

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


@runtime_checkable
class Layered(Protocol):
    """A detector that learns a network of layers, which its user may see before."""

    def layers(self, height: int, width: int, classes: int) -> tuple[Layer, ...]:
        """Return the layers for images of such a size, in order.

        Raises:
            BadSetting: the configuration does not fit the size.
        """
        ...


@runtime_checkable
class Resumable(Protocol):
    """A detector, of either kind, whose training takes minutes.

    It goes on where one ended, and is not cross-fitted unless somebody asks for it.
    """

    def resuming(self, checkpoints: Checkpoints) -> Self:
        """Return the same detector or classifier, which keeps there how far it has come."""
        ...


class Pictures(Protocol):
    """Pictures of anything and of one size, fetched one at a time.

    `digest` is what only the same pictures have; `notes` what their user should hear of them.
    """

    @property
    def digest(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Pixels:
        """Return uint8 `[H, W, 3]`, RGB."""
        ...


class PictureSource(Protocol):
    """Where pictures lie that have nothing to do with a product."""

    def sized(
        self, height: int, width: int, progress: Progress
    ) -> AbstractContextManager[Pictures]:
        """Read them at a size, in pixels; progress hears the stage `read others`.

        Raises:
            BadDataset: there is none that can be read.
        """
        ...


@runtime_checkable
class Widening(Protocol):
    """A detector that may learn from pictures that have nothing to do with the product, too."""

    def beside(self, others: PictureSource) -> Self:
        """Return the same detector, which learns from these beside its images."""
        ...


@runtime_checkable
class Augmenting(Protocol):
    """A detector that may show its images changed at random while it learns."""

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        """Return `count` changed versions of an image, so that a person can look at them.

        Args:
            pixels: uint8 `[H, W, 3]`, as the view prepares it.
            inspected: bool `[H, W]`.
            count: how many.
            seed: of all that is random.

        Returns:
            Uint8 `[count, H, W, 3]`.
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
