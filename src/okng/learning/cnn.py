"""`cnn`: a network of our own, built from a few settings and learned from labelled images.

Levels of convolution and pooling, then a head that scores each cell; see
`okng.learning.classification`. Borders are reflected, so that nothing is learned of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import nn

from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.errors import BadSetting
from okng.domain.learning import Checkpoints, Layer, NoCheckpoints
from okng.domain.ports import Images, Progress, Runtime, Trained, Truth
from okng.learning.augmentation import augmented_pixels
from okng.learning.classification import (
    ClassificationConfig,
    Classifying,
    Dropout,
    graph_of,
    learned_classes,
)
from okng.learning.engine import fit
from okng.learning.layers import layers_of
from okng.learning.pictures import seen_size
from okng.learning.settings import LearningRate
from okng.learning.training import Keeping, Learned, Training, labels_digest

_MOST_WIDENING = 8
_DILATION = 2


class CnnConfig(ClassificationConfig):
    """Settings of the `cnn` detector."""

    side_px: ClassVar[int] = 128
    """Of the graph's input, unless somebody says otherwise."""

    learning_rate: LearningRate = 3e-3
    depth: Annotated[
        int,
        Field(
            title="Depth",
            description="Levels; each halves the image, so a map cell has 2^depth pixels of side.",
            ge=1,
            le=7,
        ),
    ] = 4
    width: Annotated[
        int,
        Field(
            title="Width",
            description="Channels of the first level; each further level has twice as many, up to "
            "eight times.",
            ge=1,
            le=512,
        ),
    ] = 16
    convolution: Annotated[
        Literal["ordinary", "separable", "dilated"],
        Field(
            title="Convolution",
            description="ordinary. separable: each channel by itself, then across channels; fewer "
            "weights. dilated: every other pixel, so that each place sees further.",
        ),
    ] = "ordinary"
    pooling: Annotated[
        Literal["max", "average"],
        Field(title="Pooling", description="What is kept of 2 x 2 places."),
    ] = "max"
    activation: Annotated[
        Literal["relu", "silu", "gelu"],
        Field(title="Activation", description="What stands between layers."),
    ] = "relu"
    batch_norm: Annotated[
        bool,
        Field(title="Batch norm", description="Brings what layers give to mean 0 and spread 1."),
    ] = True
    dropout: Dropout = 0.2
    hidden: Annotated[
        int,
        Field(
            title="Hidden",
            description="Size of a fully connected layer in the head, which stands on each cell; 0 "
            "is none: then the head is linear.",
            ge=0,
            le=4096,
        ),
    ] = 0

    @property
    def least_cells(self) -> int:
        """Of the map's side: what the last convolution can reflect."""
        return _DILATION + 1 if self.convolution == "dilated" else 2


class Cnn:
    """A network of convolutions; see `CnnConfig`. A `Classifier`."""

    Config: ClassVar = CnnConfig
    cross_fits = True

    def __init__(
        self, config: CnnConfig, runtime: Runtime, checkpoints: Checkpoints | None = None
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._checkpoints = checkpoints or NoCheckpoints()

    def resuming(self, checkpoints: Checkpoints) -> Self:
        """Return the same, keeping there how far it is; see `okng.domain.ports.Resumable`."""
        return type(self)(self._config, self._runtime, checkpoints)

    def layers(self, height: int, width: int, classes: int) -> tuple[Layer, ...]:
        """Return what the network is made of; see `okng.domain.ports.Layered`."""
        seen = size_seen(self._config, height, width)
        return layers_of(network_of(self._config, classes), seen)

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        """Show how images are changed while it learns; see `okng.domain.ports.Augmenting`."""
        return augmented_pixels(pixels, self._config.augmentation, inspected, count, seed)

    def train_labelled(
        self, images: Images, truth: Truth, folds: Sequence[int] | None, progress: Progress
    ) -> Trained:
        """Learn the classes; see `okng.domain.ports.Classifier`."""
        said = {"detector": "cnn", "truth": labels_digest(truth)}
        said |= self._config.model_dump(mode="json")
        learner = _Learning(self._config, truth)
        return Training(learner, said, self._runtime, self._checkpoints).train(
            images, folds, progress
        )


@dataclass(frozen=True)
class _Learning:
    """Learns one network; a `Learner`."""

    config: CnnConfig
    truth: Truth

    def learn(
        self,
        images: Images,
        chosen: Sequence[int],
        keeping: Keeping,
        progress: Progress,
        which: str,
    ) -> Learned:
        config, truth = self.config, self.truth.of(chosen)
        seen = size_seen(config, *images.inspected.shape)
        torch.manual_seed(config.seed)
        network = network_of(config, len(truth.names))
        task = Classifying(network, Chosen(images, chosen), truth, seen, config)
        saved = keeping.saved("cnn")
        fitted = fit(task, len(task.learned), config, saved, progress, f"learn{which}")
        graph = graph_of(task.network, seen, images.inspected, task.cells, truth.names)
        layers = layers_of(network, seen)
        notes = (*task.notes, *fitted.notes)
        return learned_classes(graph, layers, fitted, fitted.curves(), notes)


def size_seen(config: CnnConfig, height: int, width: int) -> tuple[int, int]:
    """Return the height and width that the network sees.

    Raises:
        BadSetting: the map would have too few cells.
    """
    step = 2**config.depth
    seen = seen_size(height, width, step)
    if min(seen) < config.least_cells * step:
        raise BadSetting(
            f"the size {width}x{height} is too small for a depth of {config.depth}: both sides "
            f"must have at least {config.least_cells * step} px, or take a smaller depth"
        )
    return seen


def network_of(config: CnnConfig, classes: int) -> nn.Sequential:
    """Build the network: float32 `[N, 3, h, w]`, -1 to 1, to `[N, classes, h/2^depth, ...]`."""
    layers: list[nn.Module] = []
    channels = 3
    for level in range(config.depth):
        width = config.width * min(2**level, _MOST_WIDENING)
        layers += [*_convolved(config, channels, width), _pool(config)]
        channels = width
    layers += _convolved(config, channels, channels)
    if config.hidden:
        layers += [_dropout(config), nn.Conv2d(channels, config.hidden, 1), _activation(config)]
        channels = config.hidden
    return nn.Sequential(*layers, _dropout(config), nn.Conv2d(channels, classes, 1))


def _convolved(config: CnnConfig, before: int, after: int) -> list[nn.Module]:
    """Return a convolution with what follows it; three colours are never separated."""
    bias = not config.batch_norm
    reach = _DILATION if config.convolution == "dilated" else 1

    def across(after: int, groups: int, bias: bool) -> nn.Module:
        return nn.Conv2d(
            before, after, 3, padding=reach, dilation=reach, groups=groups, bias=bias,
            padding_mode="reflect",
        )  # fmt: skip

    if config.convolution == "separable" and before > 3:
        layers: list[nn.Module] = [
            across(before, before, False),
            nn.Conv2d(before, after, 1, bias=bias),
        ]
    else:
        layers = [across(after, 1, bias)]
    norm = [nn.BatchNorm2d(after)] if config.batch_norm else []
    return [*layers, *norm, _activation(config)]


def _activation(config: CnnConfig) -> nn.Module:
    known: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}
    return known[config.activation]()


def _pool(config: CnnConfig) -> nn.Module:
    return nn.MaxPool2d(2) if config.pooling == "max" else nn.AvgPool2d(2)


def _dropout(config: CnnConfig) -> nn.Module:
    return nn.Dropout2d(config.dropout)
