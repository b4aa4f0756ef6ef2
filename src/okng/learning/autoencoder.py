"""`autoencoder`: what a network that can only draw good parts does not draw right.

A convolutional autoencoder with a narrow middle, trained by squared error or by structural
similarity (Bergmann et al. 2019, arXiv:1807.02011). The map is the difference of each pixel.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

import kornia.metrics
import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from okng.detectors.frozen import BlurCells, Grid, ScoreShare, inspected_cells
from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.learning import Checkpoints, NoCheckpoints
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, ignore_map
from okng.graphs.builder import GraphBuilder
from okng.graphs.heads import MapScoring, finish
from okng.learning.augmentation import CORRUPTIONS, augment, augmented_pixels
from okng.learning.devices import fabric_of
from okng.learning.engine import VALIDATION, fit
from okng.learning.pictures import batch_of, front, seen_size, to_tensor
from okng.learning.settings import LearningConfig
from okng.learning.to_onnx import write
from okng.learning.training import Keeping, Learned, Training, validation_split

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
"""Wang et al. 2004, Image quality assessment: from error visibility to structural similarity."""


class AutoencoderConfig(LearningConfig):
    """Settings of the `autoencoder` detector."""

    loss: Annotated[
        Literal["mse", "ssim"],
        Field(
            title="Loss",
            description="mse: squared difference of each pixel. ssim: structural similarity of its "
            "surroundings. Both training and map go by it.",
        ),
    ] = "mse"
    levels: Annotated[
        int,
        Field(
            title="Levels",
            description="How often the image is halved on the way to the middle.",
            ge=1,
            le=8,
        ),
    ] = 5
    width: Annotated[
        int,
        Field(
            title="Width",
            description="Channels at the first level; each further level has twice as many, up to "
            "four times.",
            ge=1,
            le=512,
        ),
    ] = 16
    code: Annotated[
        int,
        Field(
            title="Code",
            description="Channels in the middle: the fewer, the less it can draw but good parts.",
            ge=1,
            le=1024,
        ),
    ] = 16
    cell_px: Annotated[
        int,
        Field(
            title="Cell",
            description="Side of a map cell, over whose pixels the differences are averaged.",
            ge=1,
            le=64,
        ),
    ] = 4
    score_share: ScoreShare = 0.01
    blur_cells: BlurCells = 1.0

    @property
    def multiple(self) -> int:
        """What sides of what is seen are multiples of; the map has 2 x 2 cells at least."""
        return int(np.lcm(2**self.levels, 2 * self.cell_px))


class Autoencoder:
    """The reconstructing detector; see `AutoencoderConfig`."""

    Config: ClassVar = AutoencoderConfig

    def __init__(
        self,
        config: AutoencoderConfig,
        runtime: Runtime,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._checkpoints = checkpoints or NoCheckpoints()

    def resuming(self, checkpoints: Checkpoints) -> Self:
        """Return the same, keeping there how far it is; see `okng.domain.ports.Resumable`."""
        return type(self)(self._config, self._runtime, checkpoints)

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Learn to draw good parts; see `okng.domain.ports.Detector`."""
        said = {"detector": "autoencoder", **self._config.model_dump(mode="json")}
        training = Training(self, said, self._runtime, self._checkpoints)
        return training.train(images, folds, progress, take_map)

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        """Show how images are changed while it learns; see `okng.domain.ports.Augmenting`."""
        return augmented_pixels(pixels, self._config.augmentation, inspected, count, seed)

    def learn(
        self,
        images: Images,
        chosen: Sequence[int],
        keeping: Keeping,
        progress: Progress,
        which: str,
    ) -> Learned:
        """Learn one network; see `okng.learning.training.Learner`."""
        config = self._config
        task = _Drawing(Chosen(images, chosen), config)
        saved = keeping.saved("autoencoder")
        fitted = fit(task, len(task.learned), config, saved, progress, f"learn{which}")
        facts: dict[str, float | int | str] = {
            "loss": config.loss,
            "epochs": len(fitted.figures),
            "best_epoch": fitted.best_epoch,
            "validation_loss": fitted.figures[fitted.best_epoch - 1][VALIDATION],
            "parameters": sum(p.numel() for p in task.network.parameters()),
        }
        graph = graph_of(task.network, config, images.inspected)
        return Learned(graph, facts, fitted.curves(), fitted.notes)


def network_of(config: AutoencoderConfig) -> nn.Sequential:
    """Build the network: float32 `[N, 3, h, w]`, -1 to 1, to the same."""
    widths = [min(config.width * 2**level, 4 * config.width) for level in range(config.levels)]
    layers: list[nn.Module] = []
    channels = 3
    for width in widths:
        layers += [nn.Conv2d(channels, width, 4, 2, 1), nn.ReLU()]
        channels = width
    layers += [nn.Conv2d(channels, config.code, 1), nn.ReLU(), nn.Conv2d(config.code, channels, 1)]
    for width in [*widths[-2::-1], widths[0]]:
        layers += [nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(channels, width, 3, 1, 1)]
        channels = width
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(channels, 3, 3, 1, 1))


class _Drawing:
    """Learns to draw what it is shown; a `Task`. What is not inspected counts for nothing."""

    def __init__(self, images: Images, config: AutoencoderConfig) -> None:
        self._images, self._config = images, config
        self.fabric = fabric_of(config)
        self._device = self.fabric.device
        height, width = images.inspected.shape
        self._seen = seen_size(height, width, config.multiple)
        self.learned, self._held = validation_split(
            len(images), config.validation_share, config.seed
        )
        torch.manual_seed(config.seed)
        self.network = network_of(config)
        self._forward = self.fabric.setup_module(self.network)
        counts = torch.from_numpy(images.inspected[None, None].astype(np.float32))
        self._weight = nn.functional.interpolate(counts, self._seen, mode="area").to(self._device)

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:
        """Return the mean difference of a batch; see `Task`.

        What noise or a cut-out takes away is to be drawn all the same (Vincent et al. 2008,
        Extracting and Composing Robust Features with Denoising Autoencoders).
        """
        x, hides = self._pictures([self.learned[int(i)] for i in chosen]), self._images.inspected
        steps = self._config.augmentation
        if not steps:
            return self._difference(x, x)
        kept = [step for step in steps if step.name not in CORRUPTIONS]
        lost = [step for step in steps if step.name in CORRUPTIONS]
        wanted = augment((x + 1) / 2, kept, rng, hides)
        shown = augment(wanted, lost, rng, hides)
        return self._difference(2 * shown - 1, 2 * wanted - 1)

    def validate(self) -> Mapping[str, float]:
        """Return the mean difference of what is not learned; see `Task`."""
        size = self._config.batch
        parts = [self._held[at : at + size] for at in range(0, len(self._held), size)]
        shown = ((part, self._pictures(part)) for part in parts)
        total = sum(len(part) * float(self._difference(x, x)) for part, x in shown)
        return {VALIDATION: total / len(self._held)}

    def _pictures(self, chosen: Sequence[int]) -> Tensor:
        return to_tensor(batch_of(self._images, chosen), self._seen, self._device)

    def _difference(self, shown: Tensor, wanted: Tensor) -> Tensor:
        """Return how far what is drawn of some pictures is from others, on the mean."""
        found = difference(wanted, self._forward(shown), self._config.loss)
        return (found * self._weight).sum() / (len(shown) * self._weight.sum())


def difference(x: Tensor, y: Tensor, loss: str) -> Tensor:
    """Return how far each pixel of two pictures differs, `[N, 1, h, w]`, averaged over channels.

    `x` and `y` are `[N, 3, h, w]`, -1 to 1. mse: the squared difference of pixels from 0 to 1.
    ssim: (1 - SSIM) / 2.
    """
    if loss == "mse":
        return ((x - y) / 2).square().mean(1, keepdim=True)
    found = kornia.metrics.ssim((x + 1) / 2, (y + 1) / 2, _WINDOW, eps=0.0)
    return ((1 - found) / 2).mean(1, keepdim=True)


def graph_of(network: nn.Module, config: AutoencoderConfig, inspected: Mask) -> bytes:
    """Build the graph of inspection."""
    height, width = inspected.shape
    seen = seen_size(height, width, config.multiple)
    graph = GraphBuilder("okng")
    x = front(graph, height, width, seen)
    y = write(graph, x, network)
    found = _squared(graph, x, y) if config.loss == "mse" else _dissimilarity(graph, x, y)
    plane = graph.node("ReduceMean", found, graph.ints(1), keepdims=1)
    step = config.cell_px
    rows, columns = (side // step for side in seen)
    if step > 1:
        plane = graph.node("AveragePool", plane, kernel_shape=[step] * 2, strides=[step] * 2)
    cells = inspected_cells(inspected, Grid(rows, columns))
    scoring = MapScoring(config.score_share, config.blur_cells, cells)
    return bytes(finish(graph, plane, scoring).SerializeToString(deterministic=True))


def _squared(graph: GraphBuilder, x: str, y: str) -> str:
    halves = graph.node("Mul", graph.node("Sub", x, y), graph.constant(np.float32(0.5)))
    return graph.node("Mul", halves, halves)


def _dissimilarity(graph: GraphBuilder, x: str, y: str) -> str:
    """Add (1 - SSIM) / 2 of pictures from -1 to 1; Wang et al. 2004, equation 13."""
    half = graph.constant(np.float32(0.5))
    x, y = (
        graph.node("Mul", graph.node("Add", v, graph.constant(np.float32(1))), half) for v in (x, y)
    )
    square_x, square_y, product = (graph.node("Mul", a, b) for a, b in ((x, x), (y, y), (x, y)))
    mean_x, mean_y = _blurred(graph, x), _blurred(graph, y)
    mean_xx, mean_yy, mean_xy = (
        graph.node("Mul", a, b) for a, b in ((mean_x, mean_x), (mean_y, mean_y), (mean_x, mean_y))
    )
    var_x = graph.node("Sub", _blurred(graph, square_x), mean_xx)
    var_y = graph.node("Sub", _blurred(graph, square_y), mean_yy)
    covariance = graph.node("Sub", _blurred(graph, product), mean_xy)
    c1, c2 = (graph.constant(np.float32(c)) for c in (_C1, _C2))
    upper = graph.node(
        "Mul",
        graph.node("Add", graph.node("Add", mean_xy, mean_xy), c1),
        graph.node("Add", graph.node("Add", covariance, covariance), c2),
    )
    lower = graph.node(
        "Mul",
        graph.node("Add", graph.node("Add", mean_xx, mean_yy), c1),
        graph.node("Add", graph.node("Add", var_x, var_y), c2),
    )
    similarity = graph.node("Div", upper, lower)
    one = graph.constant(np.float32(1))
    return graph.node("Mul", graph.node("Sub", one, similarity), half)


def _blurred(graph: GraphBuilder, x: str) -> str:
    """Average each of 3 channels over a Gaussian window, borders reflected."""
    reach = _WINDOW // 2
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SIGMA) ** 2)
    line = np.tile((line / line.sum()).astype(np.float32), (3, 1, 1, 1))
    x = graph.node("Pad", x, graph.ints(0, 0, reach, reach, 0, 0, reach, reach), mode="reflect")
    x = graph.node("Conv", x, graph.constant(line), kernel_shape=[1, _WINDOW], group=3)
    down = graph.constant(line.transpose(0, 1, 3, 2))
    return graph.node("Conv", x, down, kernel_shape=[_WINDOW, 1], group=3)
