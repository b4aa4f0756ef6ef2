"""Learn step by step: seeded, watched, stopped in time, and resumable at every epoch.

Each epoch draws its random numbers from the seed and its own number alone, and the learning rate
is a function of the step. So a training that goes on from an epoch's end does exactly what it would
have done without the interruption; what is kept is numbers only, see `okng.learning.saved_state`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf, isfinite
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from okng.domain.arrays import Array
from okng.domain.errors import TrainingFailed
from okng.domain.learning import Interrupted, LearningCurve, Watching
from okng.domain.ports import Progress
from okng.learning.optimizers import build_optimizer, rate_share, set_rate
from okng.learning.saved_state import (
    Progressed,
    Saved,
    Weights,
    optimizer_tensors,
    restore_optimizer,
)
from okng.learning.settings import LearningConfig

LOSS, VALIDATION = "loss", "validation loss"


class Task(Protocol):
    """What is learned."""

    @property
    def network(self) -> nn.Module:
        """All that has weights."""
        ...

    @property
    def fabric(self) -> Fabric:
        """What computes it."""
        ...

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:
        """Return the loss of one batch, a scalar.

        Args:
            chosen: int64 `[batch]`, which of the examples.
            rng: for all that is random in it.
        """
        ...

    def validate(self) -> Mapping[str, float]:
        """Return figures of examples that are not learned; `VALIDATION` is among them."""
        ...


Group = tuple[nn.Module, float]
"""What learns, and its share of the learning rate."""


@runtime_checkable
class Graded(Protocol):
    """A task whose network does not learn everywhere at the same rate."""

    @property
    def groups(self) -> Sequence[Group]: ...


@dataclass(frozen=True)
class Fitted:
    """How a training went; the task's network has the best weights."""

    figures: list[dict[str, float]]
    best_epoch: int
    notes: tuple[str, ...]

    def curves(self, prefix: str = "") -> tuple[LearningCurve, ...]:
        """Return each figure over the epochs."""
        rows = list(enumerate(self.figures, 1))
        names = dict.fromkeys(name for _, row in rows for name in row)
        return tuple(
            LearningCurve(prefix + name, tuple((float(i), row[name]) for i, row in rows))
            for name in names
        )


def fit(
    task: Task,
    count: int,
    config: LearningConfig,
    saved: Saved,
    progress: Progress,
    stage: str = "learn",
) -> Fitted:
    """Learn from `count` examples until the epochs are over or nothing gets better.

    Args:
        task: its network is on its device, and ends with the weights of the best epoch.
        count: how many examples there are.
        config: how.
        saved: where an epoch's end is kept; begins with what is there.
        progress: is told each step as the stage `stage` and, if it watches, each epoch's figures.
        stage: its name.

    Raises:
        TrainingFailed: the loss was no finite number before an epoch was done.
        Interrupted: somebody broke it off.
        OSError: there is no room for what is kept; what was kept before is still there.
    """
    run = _Run(task, count, config, saved, progress, stage)
    try:
        with _deterministic():
            return run.go()
    except Interrupted:
        raise
    except KeyboardInterrupt as error:
        raise Interrupted(run.broken_off()) from error


class _Run:
    """One training on its way."""

    def __init__(
        self,
        task: Task,
        count: int,
        config: LearningConfig,
        saved: Saved,
        progress: Progress,
        stage: str,
    ) -> None:
        self._task, self._config, self._saved = task, config, saved
        self._progress, self._stage = progress, stage
        self._network = task.network
        self._count = count
        self._per_epoch = max(ceil(count / config.batch), config.steps)
        self._total = self._per_epoch * config.epochs
        groups = task.groups if isinstance(task, Graded) else ((task.network, 1.0),)
        self._optimizer = build_optimizer(config, groups)
        self._state = Progressed(0, [], {}, _copy(self._network), {}, 0)
        self._notes: list[str] = []

    def go(self) -> Fitted:
        if (before := self._saved.read()) is not None:
            self._resume(before)
        while not self._state.ended:
            self._state = self._epoch(self._state.epoch)
            self._saved.write(self._state)
        self._progress(self._stage, self._total, self._total)
        self._network.load_state_dict(dict(self._state.best))
        self._network.eval()
        notes = [*self._notes, self._state.ended] if self._state.ended != "done" else self._notes
        return Fitted(self._state.figures, self._state.best_epoch, tuple(notes))

    def broken_off(self) -> str:
        """Say what is kept and how to go on."""
        done, epochs = self._state.epoch, self._config.epochs
        if not done:
            return "interrupted before the first epoch was done; the same command begins anew"
        return f"interrupted after epoch {done} of {epochs}; the same command goes on from there"

    def _resume(self, before: Progressed) -> None:
        self._network.load_state_dict(dict(before.network))
        restore_optimizer(self._optimizer, before.optimizer)
        self._state = before
        for epoch, figures in enumerate(before.figures, 1):
            self._tell(epoch, figures)
        if not before.ended:
            self._notes.append(
                f"went on after epoch {before.epoch} of {self._config.epochs}, where an earlier "
                "training was interrupted"
            )

    def _tell(self, epoch: int, figures: Mapping[str, float]) -> None:
        if isinstance(self._progress, Watching):
            told = list(figures.items())
            self._progress.learned(self._stage, epoch, self._config.epochs, told)

    def _epoch(self, epoch: int) -> Progressed:
        """Do one epoch; return the state at its end."""
        rng = np.random.default_rng([self._config.seed, epoch])
        torch.manual_seed(int(rng.integers(2**31)))
        self._network.train()
        losses = []
        for step, chosen in enumerate(self._batches(rng)):
            at = epoch * self._per_epoch + step
            set_rate(self._optimizer, rate_share(self._config.schedule, at, self._total))
            loss = self._step(chosen, rng)
            if not isfinite(loss):
                return self._lost(epoch)
            losses.append(loss)
            self._progress(self._stage, at + 1, self._total)
        self._network.eval()
        with torch.no_grad():
            figures = {LOSS: float(np.mean(losses)), **self._task.validate()}
        if not isfinite(figures[VALIDATION]):
            return self._lost(epoch)
        return self._judged(epoch + 1, figures)

    def _batches(self, rng: np.random.Generator) -> Iterator[Array]:
        """Yield each batch: everybody once, and again where an epoch has more steps."""
        batch = min(self._config.batch, self._count)
        needed = self._per_epoch * batch
        rounds = [rng.permutation(self._count) for _ in range(ceil(needed / self._count))]
        order = np.concatenate(rounds)[:needed]
        yield from order.reshape(self._per_epoch, batch)

    def _step(self, chosen: Array, rng: np.random.Generator) -> float:
        config = self._config
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._task.loss(chosen, rng)
        value = float(loss.detach())
        if not isfinite(value):
            return value
        if config.l1:
            weights = (p for p in self._network.parameters() if p.requires_grad)
            loss = loss + config.l1 * torch.stack([p.abs().sum() for p in weights]).sum()
        self._task.fabric.backward(loss)
        self._optimizer.step()
        return value

    def _judged(self, done: int, figures: dict[str, float]) -> Progressed:
        """Return the state after an epoch, with its weights as the best ones if they are."""
        rows = [*self._state.figures, figures]
        lowest = min((row[VALIDATION] for row in self._state.figures), default=inf)
        better = figures[VALIDATION] < lowest
        best_epoch = done if better else self._state.best_epoch
        network = _copy(self._network)
        ended = "done" if done == self._config.epochs else ""
        if not ended and self._config.patience and done - best_epoch >= self._config.patience:
            ended = (
                f"stopped after epoch {done} of {self._config.epochs}: nothing had got better "
                f"since epoch {best_epoch}, whose weights are taken"
            )
        self._tell(done, figures)
        return Progressed(
            epoch=done,
            figures=rows,
            network=network,
            best=network if better else self._state.best,
            optimizer=optimizer_tensors(self._optimizer),
            best_epoch=best_epoch,
            ended=ended,
        )

    def _lost(self, epoch: int) -> Progressed:
        """Keep the last good weights where the loss is no finite number any more.

        Raises:
            TrainingFailed: there are none.
        """
        mend = f"take a lower learning rate than {self._config.learning_rate:g}"
        if not self._state.best_epoch:
            raise TrainingFailed(
                f"the loss is no finite number any more in epoch {epoch + 1}, before there were "
                f"weights worth keeping: {mend}"
            )
        state = self._state
        return Progressed(
            epoch=state.epoch,
            figures=state.figures,
            network=state.network,
            best=state.best,
            optimizer=state.optimizer,
            best_epoch=state.best_epoch,
            ended=f"stopped in epoch {epoch + 1} of {self._config.epochs}: the loss was no finite "
            f"number any more; the weights of epoch {state.best_epoch} are taken; {mend}",
        )


@contextmanager
def _deterministic() -> Iterator[None]:
    """Let every operation give the same numbers each time; the process is left as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    was_benchmark = torch.backends.cudnn.benchmark
    state = torch.get_rng_state()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = was_benchmark
        torch.set_rng_state(state)


def _copy(network: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
