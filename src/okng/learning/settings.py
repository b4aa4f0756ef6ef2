"""What may be chosen for every training of a network."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from okng.domain.steps import Step
from okng.learning.augmentation import AUGMENTATIONS, parse_augmentations

Epochs = Annotated[
    int,
    Field(
        title="Epochs",
        description="How often every image is shown. Where there are few images an epoch shows "
        "them more than once, so that it has at least `steps` steps.",
        ge=1,
        le=100_000,
    ),
]
Batch = Annotated[
    int,
    Field(title="Batch", description="Images that are learned in one step.", ge=1, le=1024),
]
LearningRate = Annotated[
    float, Field(title="Learning rate", description="Of the first steps.", gt=0, le=10)
]


class LearningConfig(BaseModel):
    """Settings of every detector that is learned step by step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs = 30
    steps: Annotated[
        int,
        Field(title="Fewest steps", description="Of an epoch, at least.", ge=1, le=100_000),
    ] = 25
    batch: Batch = 8
    optimizer: Annotated[
        Literal["sgd", "adam", "adamw", "rmsprop"],
        Field(title="Optimizer", description="sgd is with a momentum of 0.9."),
    ] = "adamw"
    learning_rate: LearningRate = 1e-3
    schedule: Annotated[
        Literal["constant", "cosine", "step", "warm-up"],
        Field(
            title="Schedule",
            description="How the learning rate falls: not; along a cosine to nothing; to a tenth "
            "after each third of the steps; or rises for a tenth of the steps, then as cosine.",
        ),
    ] = "cosine"
    l2: Annotated[
        float,
        Field(title="Weight decay", description="Keeps weights small (L2).", ge=0, le=1),
    ] = 1e-5
    l1: Annotated[
        float,
        Field(title="L1", description="Keeps weights few: times their sum.", ge=0, le=1),
    ] = 0.0
    patience: Annotated[
        int,
        Field(
            title="Patience",
            description="Epochs without a better loss on images that are not learned, after which "
            "it stops; 0 never stops early. The best weights are kept in any case.",
            ge=0,
            le=100_000,
        ),
    ] = 0
    validation_share: Annotated[
        float,
        Field(
            title="Validation",
            description="Share of the images that are not learned but show how well it goes.",
            gt=0,
            le=0.5,
        ),
    ] = 0.1
    augment: Annotated[
        str,
        Field(
            title="Augmentation",
            description="How pictures are changed at random each time they are shown, as in "
            f"flip,rotate=10,brightness=0.2: any of {', '.join(AUGMENTATIONS)}. Empty: not.",
            max_length=500,
        ),
    ] = ""
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(
            title="Device",
            description="What it learns on; auto takes a GPU where there is one.",
        ),
    ] = "auto"
    gpus: Annotated[
        int,
        Field(
            title="GPUs",
            description="How many GPUs share each step; worth it where the batch has some 16 "
            "images for each.",
            ge=1,
            le=64,
        ),
    ] = 1
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(
            title="Precision",
            description="bfloat16 is mixed precision; auto takes it on a GPU that has it. The "
            "weights stay float32.",
        ),
    ] = "auto"
    seed: Annotated[int, Field(title="Seed", description="Of every random choice.", ge=0)] = 0

    @field_validator("augment")
    @classmethod
    def _completed_steps(cls, text: str) -> str:
        return ",".join(map(str, parse_augmentations(text)))

    @property
    def augmentation(self) -> tuple[Step, ...]:
        """Return the steps of `augment`."""
        return parse_augmentations(self.augment)
