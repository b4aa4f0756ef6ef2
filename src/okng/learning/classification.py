"""Learn classes: what every network that names defects shares.

A network gives each cell of the image a score for each class, `[N, K, h, w]`; the image's class
scores are their means (global average pooling behind the head: Lin et al. 2014, Network In Network,
arXiv:1312.4400, section 3.2). So the class activation map is exact however deep the head is: its
parts add up to the score, as those of `probe` do.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from okng.algorithms.logistic import class_weights
from okng.algorithms.splitting import grouped_split
from okng.detectors.frozen import Grid, inspected_cells
from okng.domain.arrays import Array, Mask
from okng.domain.dataset import GOOD
from okng.domain.learning import Layer, LearningCurve
from okng.domain.ports import Images, Truth
from okng.graphs.builder import GraphBuilder
from okng.graphs.class_head import answer
from okng.learning.augmentation import augment
from okng.learning.devices import fabric_of
from okng.learning.engine import VALIDATION, Fitted, Group
from okng.learning.frozen_part import FrozenPart
from okng.learning.pictures import batch_of, front, to_tensor
from okng.learning.settings import Batch, LearningConfig
from okng.learning.to_onnx import write
from okng.learning.training import Learned

ACCURACY, VALIDATION_ACCURACY = "accuracy", "validation accuracy"


Dropout = Annotated[
    float,
    Field(
        title="Dropout",
        description="Share of channels before the head that are left out at each step.",
        ge=0,
        lt=1,
    ),
]


class ClassificationConfig(LearningConfig):
    """Settings of every detector that learns classes step by step."""

    batch: Batch = 16
    weighting: Annotated[
        Literal["balanced", "none"],
        Field(
            title="Class weights",
            description="balanced: all classes count alike, however many images each has. none: "
            "every image counts alike, so that rare classes count little.",
        ),
    ] = "balanced"
    focal: Annotated[
        float,
        Field(
            title="Focal",
            description="How much less an image counts the surer the network is of its class; 0 "
            "is plain cross entropy, 2 what the focal loss was published with.",
            ge=0,
            le=10,
        ),
    ] = 0.0
    label_smoothing: Annotated[
        float,
        Field(
            title="Label smoothing",
            description="Share of the truth that is spread over all classes, against labels that "
            "are wrong and a network that is too sure.",
            ge=0,
            lt=1,
        ),
    ] = 0.0


class Classifying:
    """Learns the classes of images; a `Task`."""

    def __init__(
        self,
        network: nn.Module,
        images: Images,
        truth: Truth,
        seen: tuple[int, int],
        config: ClassificationConfig,
        before: FrozenPart | None = None,
        groups: Sequence[Group] = (),
    ) -> None:
        """Begin.

        Args:
            network: float32 `[N, 3, *seen]`, -1 to 1, or what `before` makes of that, to class
                scores `[N, K, rows, columns]`.
            images: of the view's size.
            truth: of each.
            seen: height and width.
            config: how.
            before: layers that stay as they are.
            groups: what of the network learns at which share of the rate; all of it unless given.
        """
        self._images, self._truth, self.seen, self._config = images, truth, seen, config
        self.fabric = fabric_of(config)
        self._device = self.fabric.device
        # Channels last is how processors convolve fastest; numbers are the same.
        self.network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._forward = self.fabric.setup_module(network)
        self.groups = groups or ((network, 1.0),)
        self._before = before
        self.learned, self._held = parted_split(truth, config.validation_share, config.seed)
        with torch.no_grad():
            x = torch.zeros(1, 3, *seen, device=self._device)
            planes = network.eval()(x if before is None else before(x))
        self.cells = inspected_cells(images.inspected, Grid(*planes.shape[2:]))
        share = self.cells.astype(np.float32) / np.float32(self.cells.sum())
        self._share = torch.from_numpy(share).to(self._device)
        self._criterion = Criterion(truth.of(self.learned), config)
        self._right = self._count = 0

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:
        """Return the mean loss of a batch; see `Task`."""
        rows = [self.learned[int(i)] for i in chosen]
        scores = self._class_scores(self._shown(rows, rng))
        labels = self._labels(rows)
        self._right += int((scores.argmax(1) == labels).sum())
        self._count += len(rows)
        return self._criterion(scores, labels)

    def validate(self) -> Mapping[str, float]:
        """Return loss and accuracy of what is not learned, and the epoch's own accuracy."""
        size, loss, right = self._config.batch, 0.0, 0
        for at in range(0, len(self._held), size):
            rows = self._held[at : at + size]
            scores, labels = self._class_scores(self._shown(rows)), self._labels(rows)
            loss += len(rows) * float(self._criterion(scores, labels))
            right += int((scores.argmax(1) == labels).sum())
        accuracy, self._right, self._count = self._right / max(self._count, 1), 0, 0
        return {
            VALIDATION: loss / len(self._held),
            ACCURACY: accuracy,
            VALIDATION_ACCURACY: right / len(self._held),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which classes nothing shows the progress of."""
        held = {self._truth.labels[i] for i in self._held}
        absent = [name for k, name in enumerate(self._truth.names) if k not in held]
        if not absent:
            return ()
        return (
            f"no image was left to show how well {', '.join(absent)} is learned while it learns: "
            "all images of it show one part; with a second one this would be seen",
        )

    def _shown(self, rows: Sequence[int], rng: np.random.Generator | None = None) -> Tensor:
        """Return what the network is shown of pictures; `rng` for those that are learned."""
        steps = self._config.augmentation
        if rng is None or not steps:
            if self._before is None:
                return self._pictures(rows)
            with self.fabric.autocast():
                return self._before.remembered(rows, lambda row: self._pictures([row]))
        x = 2 * augment((self._pictures(rows) + 1) / 2, steps, rng, self._images.inspected) - 1
        with self.fabric.autocast():
            return x if self._before is None else self._before(x)

    def _pictures(self, rows: Sequence[int]) -> Tensor:
        return to_tensor(batch_of(self._images, rows), self.seen, self._device)

    def _class_scores(self, x: Tensor) -> Tensor:
        planes = self._forward(x.contiguous(memory_format=torch.channels_last))
        scores: Tensor = (planes * self._share).sum((2, 3))
        return scores

    def _labels(self, rows: Sequence[int]) -> Tensor:
        return torch.tensor([self._truth.labels[i] for i in rows], device=self._device)


class Criterion:
    """Cross entropy of class scores, weighted by class, focal and smoothed where that is wanted.

    With two classes it is the binary cross entropy of their difference, which is the log-odds of a
    defect: one formula serves good against defective and any number of kinds. Focal: Lin et al.
    2017, arXiv:1708.02002, equation 4. Smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7.
    """

    def __init__(self, truth: Truth, config: ClassificationConfig) -> None:
        labels, classes = np.asarray(truth.labels, np.int64), len(truth.names)
        weights = np.ones(classes)
        if config.weighting == "balanced":
            weights[labels] = class_weights(labels, classes)
        self._weights = torch.from_numpy(weights.astype(np.float32))
        self._focal, self._smoothing = config.focal, config.label_smoothing

    def __call__(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss, a scalar, of scores `[n, K]` and labels int64 `[n]`."""
        logs = functional.log_softmax(scores, 1)
        truth = functional.one_hot(labels, scores.shape[1]).float()
        truth = truth * (1 - self._smoothing) + self._smoothing / scores.shape[1]
        if self._focal:
            truth = truth * (1 - logs.exp()).clamp_min(1e-6) ** self._focal
        each = -(truth * logs).sum(1)
        found: Tensor = (self._weights.to(scores.device)[labels] * each).mean()
        return found


def parted_split(truth: Truth, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return which images are learned, and which show how well it goes.

    Images of a part stay together, and every class of two parts or more is on both sides. Where
    there would be nothing on one of them, all images are on both.
    """
    held: NDArray[np.bool_] = grouped_split(truth.parts, truth.labels, share, seed)
    if held.all() or not held.any():
        everyone = list(range(len(held)))
        return everyone, everyone
    return np.flatnonzero(~held).tolist(), np.flatnonzero(held).tolist()


def learned_classes(
    graph: bytes,
    layers: tuple[Layer, ...],
    fitted: Fitted,
    curves: tuple[LearningCurve, ...],
    notes: tuple[str, ...],
) -> Learned:
    """Sum up a training; `fitted` is the stage whose weights are taken."""
    best = fitted.figures[fitted.best_epoch - 1]
    facts: dict[str, float | int | str] = {
        "epochs": len(fitted.figures),
        "best_epoch": fitted.best_epoch,
        "validation_loss": best[VALIDATION],
        "validation_accuracy": best[VALIDATION_ACCURACY],
        "parameters": sum(layer.parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
    }
    return Learned(graph, facts, curves, notes, layers)


def graph_of(
    network: nn.Module, seen: tuple[int, int], inspected: Mask, cells: Mask, names: Sequence[str]
) -> bytes:
    """Build the graph of inspection: the view's pixels in, class scores and where they are from."""
    graph = GraphBuilder("okng")
    height, width = inspected.shape
    x = front(graph, height, width, seen)
    planes = write(graph, x, network)
    model = answer(graph, planes, len(names), cells, names[0] == GOOD)
    return bytes(model.SerializeToString(deterministic=True))
