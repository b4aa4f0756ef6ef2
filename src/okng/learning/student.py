"""`student`: what a small network that knows good parts alone says otherwise than its teacher.

After EfficientAD (Batzner et al. 2024, arXiv:2303.14535), made for a processor: teacher and student
see pictures in cells of 8 px and have few channels. The teacher is distilled from a frozen backbone
on the user's own pictures, distorted and patched, and on made-up ones; the same pictures keep the
student from knowing more than good parts.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import torch
from pydantic import Field, field_validator

from okng.detectors.frozen import BlurCells, Grid, Network, ScoreShare, inspected_cells
from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.errors import BadSetting
from okng.domain.learning import Checkpoints, NoCheckpoints
from okng.domain.ports import (
    Images,
    Pictures,
    PictureSource,
    Progress,
    Runtime,
    TakeMap,
    Trained,
    ignore_map,
)
from okng.graphs.backbone import SHIPPED, Backbone, Backbones
from okng.graphs.features import feature_graph
from okng.graphs.heads import MapScoring
from okng.learning.augmentation import augmented_pixels
from okng.learning.engine import VALIDATION, fit
from okng.learning.pictures import seen_size
from okng.learning.settings import Epochs, LearningConfig
from okng.learning.student_networks import (
    MULTIPLE,
    STRIDE,
    Pupils,
    describer,
    inspection_graph,
)
from okng.learning.teacher import Distilling, Source, draw_pool
from okng.learning.teaching import Teaching
from okng.learning.training import Keeping, Learned, Training


class StudentConfig(LearningConfig):
    """Settings of the `student` detector."""

    epochs: Epochs = 60
    backbone: Annotated[
        str, Field(title="Backbone", description="What the teacher is distilled from.")
    ] = "efficientnet_lite0"
    stages: Annotated[
        tuple[str, ...] | None,
        Field(
            title="Stages",
            description="Outputs of the backbone that the teacher learns; its own default unless "
            "given.",
            min_length=1,
            max_length=8,
        ),
    ] = None
    channels: Annotated[
        int,
        Field(title="Channels", description="With which a patch is described.", ge=1, le=1024),
    ] = 64
    width: Annotated[
        int,
        Field(
            title="Width",
            description="Channels within the networks; time for an image grows with the square.",
            ge=2,
            le=1024,
        ),
    ] = 64
    code: Annotated[
        int,
        Field(
            title="Code",
            description="Channels in the middle of the autoencoder that guesses a patch from its "
            "place.",
            ge=1,
            le=1024,
        ),
    ] = 32
    strange: Annotated[
        int,
        Field(
            title="Strange pictures",
            description="How many are made for the teacher to learn from, and for the student to "
            "fail on.",
            ge=2,
            le=100_000,
        ),
    ] = 1024
    unrelated: Annotated[
        str,
        Field(
            title="Unrelated pictures",
            description="A folder of pictures of anything but the product: half of what is made up "
            "or pasted in then comes from them. Empty: all of it is made up.",
            max_length=1000,
        ),
    ] = ""
    teacher_epochs: Annotated[
        int,
        Field(
            title="Epochs of the teacher",
            description="How often it is shown every strange picture.",
            ge=1,
            le=10_000,
        ),
    ] = 6
    score_share: ScoreShare = 0.01
    blur_cells: BlurCells = 0.4

    @field_validator("augment")
    @classmethod
    def _nothing_hidden(cls, text: str) -> str:
        if "cutout" in text:
            raise BadSetting(
                "augment: a student that is shown cut-outs as good parts would miss defects that "
                "look like one; leave cutout out"
            )
        return text

    @property
    def cell_px(self) -> int:
        """Side of a map cell in pixels of what is seen."""
        return STRIDE

    @property
    def networks(self) -> tuple[Network, ...]:
        return (Network(self.backbone, self.stages),)

    def completed(self, backbones: Backbones) -> Self:
        """Return the same with the backbone's default; see `StandsOnBackbones`."""
        defaults = backbones.load(self.backbone).defaults
        return self.model_copy(update={"stages": self.stages or defaults.stages})


class Student:
    """The student-teacher detector; see `StudentConfig`."""

    Config: ClassVar = StudentConfig

    def __init__(
        self,
        config: StudentConfig,
        runtime: Runtime,
        backbones: Backbones = SHIPPED,
        checkpoints: Checkpoints | None = None,
        others: PictureSource | None = None,
    ) -> None:
        self._config = config.completed(backbones)
        self._runtime = runtime
        self._backbones = backbones
        self._checkpoints = checkpoints or NoCheckpoints()
        self._others = others

    def resuming(self, checkpoints: Checkpoints) -> Self:
        """Return the same, keeping there how far it is; see `okng.domain.ports.Resumable`."""
        config, runtime, shelf = self._config, self._runtime, self._backbones
        return type(self)(config, runtime, shelf, checkpoints, self._others)

    def beside(self, others: PictureSource) -> Self:
        """Return the same, learning from these, too; see `okng.domain.ports.Widening`."""
        config, runtime, shelf = self._config, self._runtime, self._backbones
        return type(self)(config, runtime, shelf, self._checkpoints, others)

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Distil a teacher, and teach; see `okng.domain.ports.Detector`."""
        config, runtime = self._config, self._runtime
        backbone = self._backbones.load(config.backbone)
        said = {"detector": "student", "weights": backbone.sha256}
        said |= config.model_dump(mode="json")
        with self._opened(images, progress) as others:
            if others is not None:
                said["unrelated"] = others.digest  # where they lie is all the same
            learner = _Learning(config, runtime, backbone, others)
            training = Training(learner, said, runtime, self._checkpoints)
            return training.train(images, folds, progress, take_map)

    def _opened(
        self, images: Images, progress: Progress
    ) -> AbstractContextManager[Pictures | None]:
        """Read the unrelated pictures at the size of the images; None where there are none.

        Raises:
            BadSetting: the settings name a folder, but nobody has opened it.
        """
        if self._others is not None:
            height, width = images.inspected.shape
            return self._others.sized(height, width, progress)
        if self._config.unrelated:
            raise BadSetting("unrelated: hand the pictures over by `beside`")
        return nullcontext()

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        """Show how images are changed while it learns; see `okng.domain.ports.Augmenting`."""
        return augmented_pixels(pixels, self._config.augmentation, inspected, count, seed)


@dataclass(frozen=True)
class _Learning:
    """Learns one teacher and its student; a `Learner`."""

    config: StudentConfig
    runtime: Runtime
    backbone: Backbone
    others: Pictures | None

    def learn(
        self,
        images: Images,
        chosen: Sequence[int],
        keeping: Keeping,
        progress: Progress,
        which: str,
    ) -> Learned:
        config = self.config
        images = Chosen(images, chosen)
        height, width = images.inspected.shape
        seen = seen_size(height, width, MULTIPLE)
        source = self._source(images, seen)
        torch.manual_seed(config.seed)
        teacher = describer(source.channels, config.width)
        pupils = Pupils(source.channels, config.width, config.code)
        drawing = draw_pool(
            images, self.others, config.strange, source, config.seed, progress, f"imagine{which}"
        )
        with drawing as pool:
            distilling = Distilling(teacher, pool, seen, config)
            plan = config.model_copy(update={"epochs": config.teacher_epochs, "steps": 1})
            saved, stage = keeping.saved("teacher"), f"distil{which}"
            distilled = fit(distilling, distilling.learned, plan, saved, progress, stage)
            teaching = Teaching(images, pool, teacher, pupils, seen, config)
            saved, stage = keeping.saved("student"), f"learn{which}"
            taught = fit(teaching, len(teaching.learned), config, saved, progress, stage)
        scaling = teaching.scaled()
        rows, columns = (side // STRIDE for side in seen)
        cells = inspected_cells(images.inspected, Grid(rows, columns))
        scoring = MapScoring(config.score_share, config.blur_cells, cells)
        graph = inspection_graph((height, width), seen, teacher, pupils, scaling, scoring)
        facts: dict[str, float | int | str] = {
            "teacher_loss": distilled.figures[distilled.best_epoch - 1][VALIDATION],
            "student_loss": taught.figures[taught.best_epoch - 1][VALIDATION],
            "epochs": len(taught.figures),
            "best_epoch": taught.best_epoch,
            "parameters": sum(p.numel() for net in (teacher, pupils) for p in net.parameters()),
        }
        read = () if self.others is None else self.others.notes
        return Learned(
            bytes(graph.SerializeToString(deterministic=True)),
            facts,
            (*distilled.curves("teacher: "), *taught.curves("student: ")),
            tuple(dict.fromkeys((*distilled.notes, *taught.notes, *read))),
        )

    def _source(self, images: Images, seen: tuple[int, int]) -> Source:
        """Build the frozen backbone's side."""
        config, backbone = self.config, self.backbone
        assert config.stages is not None
        cell = max(STRIDE, min(backbone.stage(name).stride for name in config.stages))
        height, width = images.inspected.shape
        features = feature_graph(backbone, config.stages, cell, height, width, 1)
        return Source.of(features, self.runtime, images, config.channels, seen)
