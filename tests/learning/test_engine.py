import errno
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from okng.domain.arrays import Array
from okng.domain.errors import TrainingFailed
from okng.domain.learning import Interrupted
from okng.domain.ports import Progress, silent
from okng.learning.devices import fabric_of
from okng.learning.engine import LOSS, VALIDATION, Fitted, fit
from okng.learning.optimizers import build_optimizer, rate_share
from okng.learning.saved_state import Saved
from okng.learning.settings import LearningConfig
from okng.testing.stores import MemoryCheckpoints

EXAMPLES = 12
QUICK = LearningConfig(epochs=6, steps=4, batch=4, learning_rate=0.01)


class Line:
    """Fits a small network with dropout to a sum of its inputs; a `Task`."""

    def __init__(self, spoil_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.fabric = fabric_of(QUICK)
        self.network = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1)
        )
        rng = np.random.default_rng(0)
        self._x = torch.from_numpy(rng.normal(size=(EXAMPLES + 4, 3)).astype(np.float32))
        self._spoil_at, self._steps = spoil_at, 0

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:
        self._steps += 1
        x = self._x[torch.from_numpy(chosen)] * float(rng.uniform(0.9, 1.1))
        loss = (self.network(x).squeeze(1) - x.sum(1)).square().mean()
        return loss * float("nan") if self._steps == self._spoil_at else loss

    def validate(self) -> Mapping[str, float]:
        x = self._x[EXAMPLES:]
        return {VALIDATION: float((self.network(x).squeeze(1) - x.sum(1)).square().mean())}

    def validated(self) -> float:
        with torch.no_grad():
            return self.validate()[VALIDATION]


def run(
    task: Line,
    config: LearningConfig = QUICK,
    checkpoints: MemoryCheckpoints | None = None,
    progress: Progress = silent,
) -> Fitted:
    return fit(task, EXAMPLES, config, Saved(checkpoints or MemoryCheckpoints(), "line"), progress)


def weights(task: Line) -> list[bytes]:
    return [value.numpy().tobytes() for value in task.network.state_dict().values()]


def break_at(step: int) -> Progress:
    def progress(stage: str, done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "warm-up"])
def test_same_seed_same_weights_and_it_learns(optimizer: str, schedule: str) -> None:
    """Two trainings with one seed end at the same weights, and better than they began."""
    config = QUICK.model_copy(update={"optimizer": optimizer, "schedule": schedule})
    first, second = Line(), Line()
    fitted, again = run(first, config), run(second, config)
    assert weights(first) == weights(second)
    assert fitted.figures == again.figures
    assert fitted.best_epoch > 1


def test_another_seed_gives_other_weights() -> None:
    """The seed decides what is drawn."""
    first, second = Line(), Line()
    run(first)
    run(second, QUICK.model_copy(update={"seed": 1}))
    assert weights(first) != weights(second)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("step", [9, 12])
def test_resumed_training_ends_where_an_uninterrupted_one_does(optimizer: str, step: int) -> None:
    """Broken off within or at the end of an epoch and begun again, it ends at the same weights."""
    config = QUICK.model_copy(update={"optimizer": optimizer, "schedule": "warm-up", "l1": 1e-4})
    whole = Line()
    expected = run(whole, config)
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Interrupted, match="after epoch 2 of 6; the same command goes on from"):
        run(Line(), config, checkpoints, break_at(step))
    resumed = Line()
    found = run(resumed, config, checkpoints)
    assert weights(resumed) == weights(whole)
    assert (found.figures, found.best_epoch) == (expected.figures, expected.best_epoch)
    assert found.notes == ("went on after epoch 2 of 6, where an earlier training was interrupted",)


def test_interrupted_before_an_epoch_is_done() -> None:
    """Then there is nothing to go on from, and that is said."""
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Interrupted, match="before the first epoch was done"):
        run(Line(), checkpoints=checkpoints, progress=break_at(2))
    assert not checkpoints.states


def test_what_is_done_is_not_done_again() -> None:
    """A training whose last epoch is kept gives the same without a step."""
    checkpoints, task = MemoryCheckpoints(), Line()
    expected = run(task, checkpoints=checkpoints)
    again, steps = Line(), []
    found = run(again, checkpoints=checkpoints, progress=lambda *step: steps.append(step))
    assert weights(again) == weights(task)
    assert (found.figures, found.notes, steps) == (expected.figures, (), [("learn", 24, 24)])


@pytest.mark.parametrize("spoilt", [b"", b"\0" * 64, b"\x10" + b"\0" * 7 + b'{"a": 1}       '])
def test_a_damaged_state_is_passed_over(spoilt: bytes) -> None:
    """What cannot be read is as if it were not there: it learns anew."""
    checkpoints, task, whole = MemoryCheckpoints(), Line(), Line()
    checkpoints.states["line"] = spoilt
    run(task, checkpoints=checkpoints)
    run(whole)
    assert weights(task) == weights(whole)


def test_loss_that_is_no_number_keeps_the_last_good_weights() -> None:
    """It stops, says so, and has the weights of the best epoch before."""
    spoilt, short = Line(spoil_at=4 * 3 + 2), Line()
    found = run(spoilt)
    run(short, progress=silent)
    assert len(found.figures) == 3
    assert "stopped in epoch 4 of 6: the loss was no finite number" in found.notes[0]
    assert "take a lower learning rate than 0.01" in found.notes[0]
    assert spoilt.validated() == min(row[VALIDATION] for row in found.figures)


def test_loss_that_is_no_number_at_once() -> None:
    """Without weights worth keeping the training fails, with the mend."""
    with pytest.raises(TrainingFailed, match=r"epoch 1, .*take a lower learning rate than 0\.01"):
        run(Line(spoil_at=1))


def test_early_stopping_takes_the_best_weights() -> None:
    """With patience it stops where nothing gets better, says so, and takes the best weights."""
    config = LearningConfig(
        epochs=50, steps=1, batch=4, learning_rate=0.3, optimizer="sgd", patience=2,
        schedule="constant",
    )  # fmt: skip
    task = Line()
    found = run(task, config)
    assert len(found.figures) < 50
    assert found.notes[0].startswith(f"stopped after epoch {len(found.figures)} of 50")
    assert len(found.figures) == found.best_epoch + 2
    assert task.validated() == found.figures[found.best_epoch - 1][VALIDATION]


class FullDisk(MemoryCheckpoints):
    """Has room for so many states."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def save(self, name: str, state: bytes) -> None:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device", name)
        self.room -= 1
        super().save(name, state)


def test_full_disk_loses_no_epoch() -> None:
    """It fails with the system's reason, and goes on from the last epoch once there is room."""
    whole, resumed = Line(), Line()
    run(whole)
    checkpoints = FullDisk(2)
    with pytest.raises(OSError, match="No space left"):
        run(Line(), checkpoints=checkpoints)
    checkpoints.room = 10
    assert "after epoch 2 of 6" in run(resumed, checkpoints=checkpoints).notes[0]
    assert weights(resumed) == weights(whole)


class Listener:
    """A progress that watches."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.heard: list[tuple[int, int, list[str]]] = []

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.steps.append(done)

    def learned(
        self, stage: str, epoch: int, epochs: int, figures: Sequence[tuple[str, float]]
    ) -> None:
        assert stage == "learn"
        self.heard.append((epoch, epochs, [name for name, _ in figures]))


def test_progress_hears_each_step_and_each_epoch() -> None:
    """Steps come in order to the end, and each epoch's losses are told once."""
    listener = Listener()
    fitted = run(Line(), progress=listener)
    assert listener.steps == [*range(1, 25), 24]
    assert listener.heard == [(epoch, 6, [LOSS, VALIDATION]) for epoch in range(1, 7)]
    curves = fitted.curves("teacher: ")
    assert [curve.name for curve in curves] == ["teacher: loss", "teacher: validation loss"]
    assert [x for x, _ in curves[0].points] == [1, 2, 3, 4, 5, 6]


def test_rates() -> None:
    """Each schedule begins at the whole rate or rises to it, and falls as it says."""
    assert [rate_share("constant", step, 10) for step in (0, 9)] == [1, 1]
    assert rate_share("cosine", 0, 10) == 1
    assert rate_share("cosine", 5, 10) == pytest.approx(0.5)
    assert rate_share("step", 10, 30) == pytest.approx(0.1)
    warm = [rate_share("warm-up", step, 100) for step in range(100)]
    assert warm[0] < warm[5] < max(warm)
    assert max(warm) <= 1
    assert warm[-1] < 0.01


def test_l1_makes_weights_smaller() -> None:
    """With L1 the weights' sum ends lower than without."""

    def weight(l1: float) -> float:
        task = Line()
        run(task, QUICK.model_copy(update={"l1": l1}))
        return sum(p.abs().sum().item() for p in task.network.parameters())

    assert weight(0.1) < weight(0.0)


def test_weight_decay_reaches_every_optimizer() -> None:
    """Each optimizer has the learning rate and the decay of the settings."""
    for name in ("sgd", "adam", "adamw", "rmsprop"):
        config = LearningConfig(optimizer=name, l2=0.25, learning_rate=0.125)
        group = build_optimizer(config, [(nn.Linear(1, 1), 1.0)]).param_groups[0]
        assert (group["weight_decay"], group["lr"]) == (0.25, 0.125)


def test_the_process_is_left_as_it_was() -> None:
    """Neither PyTorch's random numbers nor its switches are changed by a training."""
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    task = Line()
    torch.manual_seed(5)
    run(task)
    assert torch.equal(torch.rand(1), expected)
    assert not torch.are_deterministic_algorithms_enabled()
