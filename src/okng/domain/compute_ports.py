"""What a training job needs of whatever computes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from okng.domain.records import Job


@dataclass(frozen=True)
class TrainingTask:
    """A job and where its dataset lies; no image outside of `within` may be read."""

    job: Job
    folder: Path
    within: Path


class TrainingListener(Protocol):
    """Hears how a training goes."""

    def progress(self, stage: str, done: int, total: int) -> None: ...

    def learned(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        """Be told an epoch's figures by name."""
        ...

    def log(self, line: str) -> None: ...

    def is_wanted(self) -> bool:
        """Tell whether the training shall go on; asked several times a second."""
        ...


class TrainingCompute(Protocol):
    """Computes trainings."""

    def train(self, task: TrainingTask, listener: TrainingListener) -> str | None:
        """Train; return the stored model's name, or None where it was not wanted any more.

        Raises:
            TrainingFailed: it ended without a model; says why.
        """
        ...
