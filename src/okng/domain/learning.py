"""What a training of many steps tells and keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class LearningCurve:
    """How a figure changed while a network learned: `points` are (epoch, value), the first 1."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layer:
    """One layer of a network, for one image.

    `shape` is what it gives, without the batch: channels, then rows and columns. `multiply_adds`
    are those of convolutions and fully connected layers, where nearly all the work is.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


class Interrupted(KeyboardInterrupt):
    """A training that somebody broke off; its text says what is kept, and how to go on."""


@runtime_checkable
class Watching(Protocol):
    """A progress that also wants to hear how well the learning goes."""

    def learned(
        self, stage: str, epoch: int, epochs: int, figures: Sequence[tuple[str, float]]
    ) -> None:
        """Be told an epoch's figures by name, the losses first.

        A training that goes on tells the epochs again that an earlier one did.
        """
        ...


class Checkpoints(Protocol):
    """Keeps how far trainings have come, each under a name that says what is learned from what."""

    def load(self, name: str) -> bytes | None:
        """Return what was saved last; None where there is nothing that is whole."""
        ...

    def save(self, name: str, state: bytes) -> None:
        """Keep a state in the place of the one before, whole or not at all.

        Raises:
            OSError: there is no room; the one before is still there.
        """
        ...

    def remove(self, name: str) -> None:
        """Let it go; nothing happens where it is not there."""
        ...


class NoCheckpoints:
    """Keeps nothing."""

    def load(self, name: str) -> bytes | None:  # noqa: ARG002 - the port's name
        return None

    def save(self, name: str, state: bytes) -> None:
        """Let the state go."""

    def remove(self, name: str) -> None:
        """Do nothing."""
