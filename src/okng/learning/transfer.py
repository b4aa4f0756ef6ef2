"""`transfer`: a pretrained network that learns labelled defects.

First the head alone, on the network as it comes (frozen), then the head and the network's last
stages together, these at a lower rate (Yosinski et al. 2014, How transferable are features in deep
neural networks?, arXiv:1411.1792). EfficientNet-Lite comes with okng; see `okng.learning.from_onnx`
for what other backbones may be built of, and `Transfer.trunk` for a network of one's own.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Annotated, ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from okng.detectors.frozen import Network
from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.errors import BadSetting
from okng.domain.learning import Checkpoints, Layer, NoCheckpoints
from okng.domain.ports import Images, Progress, Runtime, Trained, Truth
from okng.graphs.backbone import SHIPPED, Backbones
from okng.learning.augmentation import augmented_pixels
from okng.learning.classification import (
    ClassificationConfig,
    Classifying,
    Dropout,
    graph_of,
    learned_classes,
)
from okng.learning.devices import fabric_of
from okng.learning.engine import VALIDATION, Fitted, Group, fit
from okng.learning.from_onnx import Trunk, trunk_of
from okng.learning.frozen_part import FrozenPart, Remembered
from okng.learning.layers import Part, layers_of
from okng.learning.pictures import seen_size
from okng.learning.saved_state import Saved
from okng.learning.to_onnx import Affine, Crop
from okng.learning.training import Keeping, Learned, Training, labels_digest

_HALF = 127.5
"""Half of white: pictures come from -1 to 1, trunks take 0 to 255."""


class TransferConfig(ClassificationConfig):
    """Settings of the `transfer` detector."""

    side_px: ClassVar[int] = 192
    """Of the graph's input, unless somebody says otherwise."""

    epochs: Annotated[
        int,
        Field(
            title="Epochs",
            description="How often every image is shown while the last stages learn, too.",
            ge=1,
            le=100_000,
        ),
    ] = 8
    backbone: Annotated[
        str,
        Field(
            title="Backbone",
            description="The pretrained network; empty where a subclass brings its own.",
        ),
    ] = "efficientnet_lite0"
    frozen_epochs: Annotated[
        int,
        Field(
            title="Frozen epochs",
            description="How often every image is shown before, while the head learns alone.",
            ge=0,
            le=100_000,
        ),
    ] = 10
    from_stage: Annotated[
        str | None,
        Field(
            title="From stage",
            description="The first stage of the network that learns, too; those before it stay as "
            "they come. The last one unless given.",
        ),
    ] = None
    fine_rate: Annotated[
        float,
        Field(
            title="Fine rate",
            description="Learning rate of these stages, as a share of the head's.",
            gt=0,
            le=1,
        ),
    ] = 0.3
    dropout: Dropout = 0.2

    @property
    def networks(self) -> tuple[Network, ...]:
        return (Network(self.backbone, None),) if self.backbone else ()

    def completed(self, backbones: Backbones) -> Self:
        """Return the same with the backbone's last stage; see `StandsOnBackbones`."""
        if not self.backbone or self.from_stage:
            return self
        stages = backbones.load(self.backbone).stages
        deepest = max(stages, key=lambda stage: stage.stride)
        return self.model_copy(update={"from_stage": deepest.name})


class Transfer:
    """A pretrained network; see `TransferConfig`. A `Classifier`."""

    Config: ClassVar = TransferConfig
    cross_fits = True

    def __init__(
        self,
        config: TransferConfig,
        runtime: Runtime,
        backbones: Backbones = SHIPPED,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._backbones = backbones
        self._checkpoints = checkpoints or NoCheckpoints()

    def resuming(self, checkpoints: Checkpoints) -> Self:
        """Return the same, keeping there how far it is; see `okng.domain.ports.Resumable`."""
        return type(self)(self._config, self._runtime, self._backbones, checkpoints)

    def trunk(self) -> Trunk:
        """Return the pretrained network; a subclass may have one of its own.

        It is built of layers that `okng.learning.to_onnx.write` can write. Where it learns is a
        detector of its own: offered under the entry point group `okng.detectors`, and allowed in
        the settings, it is trained by its name.
        """
        return trunk_of(self._backbones.load(self._config.backbone))

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        """Show how images are changed while it learns; see `okng.domain.ports.Augmenting`."""
        return augmented_pixels(pixels, self._config.augmentation, inspected, count, seed)

    def layers(self, height: int, width: int, classes: int) -> tuple[Layer, ...]:
        """Return what the network is made of; see `okng.domain.ports.Layered`."""
        halves = Halves.of(self.trunk(), self._config, classes)
        return layers_of(halves.whole(), halves.seen(height, width))

    def train_labelled(
        self, images: Images, truth: Truth, folds: Sequence[int] | None, progress: Progress
    ) -> Trained:
        """Learn the classes; see `okng.domain.ports.Classifier`."""
        said = {"detector": type(self).__name__, "truth": labels_digest(truth)}
        said |= self._config.model_dump(mode="json") | {"weights": _digest(self.trunk())}
        with (
            tempfile.TemporaryFile(prefix="okng-features-") as of_frozen,
            tempfile.TemporaryFile(prefix="okng-features-") as of_trunk,
        ):
            learner = _Learning(self, self._config, truth, _Kept.into(of_frozen, of_trunk))
            training = Training(learner, said, self._runtime, self._checkpoints)
            return training.train(images, folds, progress)


@dataclass(frozen=True)
class _Kept:
    """What the pretrained network gives for each image, for all trainings of a cross-fitting.

    `frozen`: what the stages give that stay as they come; `trunk`: all stages, as they come.
    """

    frozen: Remembered
    trunk: Remembered

    @classmethod
    def into(cls, frozen: IO[bytes], trunk: IO[bytes]) -> Self:
        return cls(Remembered(frozen), Remembered(trunk))


@dataclass(frozen=True)
class Halves:
    """A network in three parts: what stays as it comes, what is fine-tuned, and the head."""

    trunk: Trunk
    frozen: nn.Sequential
    tuned: nn.Sequential
    head: nn.Sequential

    @classmethod
    def of(cls, trunk: Trunk, config: TransferConfig, classes: int) -> Self:
        """Divide a trunk, and put a new head on it.

        Raises:
            BadSetting: it has no such stage.
        """
        names = list(trunk.stages)
        first = config.from_stage or names[-1]
        if first not in names:
            raise BadSetting(
                f"from_stage: the network has no stage {first!r}; choose from {', '.join(names)}"
            )
        parts = [Part(f"stage {name}", stage) for name, stage in trunk.stages.items()]
        at, border = names.index(first), trunk.border_px
        before: list[nn.Module] = [Affine(_HALF, _HALF)]
        before += [nn.ReflectionPad2d(border)] if border else []
        after = [Crop(border // trunk.stride)] if border else []
        head = nn.Sequential(nn.Dropout2d(config.dropout), nn.Conv2d(trunk.channels, classes, 1))
        tuned = nn.Sequential(*parts[at:], *after)
        return cls(trunk, nn.Sequential(*before, *parts[:at]), tuned, head)

    def whole(self) -> nn.Sequential:
        return nn.Sequential(self.frozen, self.tuned, self.head)

    def seen(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that the network sees.

        Raises:
            BadSetting: the map would have too few cells, or the border could not be reflected.
        """
        multiple = self.trunk.multiple
        seen = seen_size(height, width, multiple)
        least = max(2 * self.trunk.stride, 2 * self.trunk.border_px, multiple)
        if min(seen) < least:
            raise BadSetting(
                f"the size {width}x{height} is too small: both sides must have at least {least} px"
            )
        return seen


@dataclass(frozen=True)
class _Learning:
    """Learns one network; a `Learner`."""

    detector: Transfer
    config: TransferConfig
    truth: Truth
    kept: _Kept

    def learn(
        self,
        images: Images,
        chosen: Sequence[int],
        keeping: Keeping,
        progress: Progress,
        which: str,
    ) -> Learned:
        config, truth, own = self.config, self.truth.of(chosen), Chosen(images, chosen)
        torch.manual_seed(config.seed)
        halves = Halves.of(self.detector.trunk(), config, len(truth.names))
        height, width = images.inspected.shape
        seen = halves.seen(height, width)
        device = fabric_of(config).device
        frozen = FrozenPart(halves.frozen, self.kept.frozen, chosen, device)
        trunk = FrozenPart(halves.tuned, self.kept.trunk, chosen, device, frozen)
        tuning = _Tuning(halves, own, truth, seen, config, frozen, trunk)
        alone = tuning.head_alone(keeping.saved("head"), progress, f"head{which}")
        best = tuning.whole(keeping.saved("fine-tuned"), progress, f"fine-tune{which}")
        stages = [("head: ", alone), ("fine-tuned: ", best)]
        fitted = [(prefix, one) for prefix, one in stages if one is not None]
        curves = tuple(curve for prefix, one in fitted for curve in one.curves(prefix))
        notes = [*tuning.notes, *(note for _, one in fitted for note in one.notes)]
        if alone is not None and _loss(alone) <= _loss(best):
            tuning.restore()
            best = alone
            notes.append("fine-tuning made nothing better: the head is as it learned alone")
        network = halves.whole()
        graph = graph_of(network, seen, images.inspected, tuning.cells, truth.names)
        layers = layers_of(network, seen)
        return learned_classes(graph, layers, best, curves, tuple(dict.fromkeys(notes)))


class _Tuning:
    """The two stages of one training."""

    def __init__(
        self,
        halves: Halves,
        images: Images,
        truth: Truth,
        seen: tuple[int, int],
        config: TransferConfig,
        frozen: FrozenPart,
        trunk: FrozenPart,
    ) -> None:
        self._halves, self._images, self._truth = halves, images, truth
        self._seen, self._config = seen, config
        self._frozen, self._trunk = frozen, trunk
        self._learning = nn.Sequential(halves.tuned, halves.head)
        self._before: dict[str, Tensor] = {}
        self.notes: tuple[str, ...] = ()
        self.cells: Mask

    def head_alone(self, saved: Saved, progress: Progress, stage: str) -> Fitted | None:
        """Let the head learn on the network as it comes; None where it is to have no epochs."""
        halves, config = self._halves, self._config
        if not config.frozen_epochs:
            return None
        config = config.model_copy(update={"epochs": config.frozen_epochs})
        fitted = self._fit(halves.head, self._trunk, config, (), saved, progress, stage)
        self._before = {k: v.detach().clone() for k, v in self._learning.state_dict().items()}
        return fitted

    def whole(self, saved: Saved, progress: Progress, stage: str) -> Fitted:
        """Let head and last stages learn together."""
        halves, config = self._halves, self._config
        halves.tuned.requires_grad_(True)
        groups = ((halves.head, 1.0), (halves.tuned, config.fine_rate))
        return self._fit(self._learning, self._frozen, config, groups, saved, progress, stage)

    def restore(self) -> None:
        """Go back to the weights before the last stages learned."""
        self._learning.load_state_dict(self._before)

    def _fit(
        self,
        network: nn.Module,
        before: FrozenPart,
        config: TransferConfig,
        groups: Sequence[Group],
        saved: Saved,
        progress: Progress,
        stage: str,
    ) -> Fitted:
        images, truth, seen = self._images, self._truth, self._seen
        task = Classifying(network, images, truth, seen, config, before, groups)
        self.notes, self.cells = task.notes, task.cells
        return fit(task, len(task.learned), config, saved, progress, stage)


def _digest(trunk: Trunk) -> str:
    """Return what only the same pretrained weights have."""
    found = sha256()
    for stage in trunk.stages.values():
        for value in stage.state_dict().values():
            found.update(value.numpy().tobytes())
    return found.hexdigest()


def _loss(fitted: Fitted) -> float:
    return fitted.figures[fitted.best_epoch - 1][VALIDATION]
