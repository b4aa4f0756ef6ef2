from collections.abc import Callable, Sequence

import numpy as np
import pytest

from okng.domain.errors import BadSetting
from okng.domain.learning import Checkpoints, Interrupted
from okng.domain.ports import (
    Augmenting,
    Detector,
    Images,
    Progress,
    Resumable,
    Runtime,
    Trained,
    silent,
)
from okng.learning.autoencoder import Autoencoder, AutoencoderConfig
from okng.learning.student import Student, StudentConfig
from okng.testing.images import ArrayImages, good_parts
from okng.testing.stores import MemoryCheckpoints

Make = Callable[[Runtime], Detector]

SHORT: dict[str, Make] = {
    "autoencoder": lambda on: Autoencoder(
        AutoencoderConfig(epochs=3, steps=3, batch=4, levels=2, width=4, code=4), on
    ),
    "autoencoder, augmented": lambda on: Autoencoder(
        AutoencoderConfig(
            epochs=3, steps=3, batch=4, levels=2, width=4, code=4, augment="rotate,noise,cutout"
        ),
        on,
    ),
    "student, augmented": lambda on: Student(
        StudentConfig(
            epochs=3,
            steps=3,
            batch=4,
            strange=12,
            teacher_epochs=3,
            width=8,
            channels=8,
            code=4,
            augment="flip,rotate,blur",
        ),
        on,
    ),
    "student": lambda on: Student(
        StudentConfig(
            epochs=3, steps=3, batch=4, strange=12, teacher_epochs=3, width=8, channels=8, code=4
        ),
        on,
    ),
}


def train(
    make: Make,
    runtime: Runtime,
    images: Images,
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
    folds: Sequence[int] | None = None,
) -> Trained:
    detector = make(runtime)
    assert isinstance(detector, Resumable)
    return detector.resuming(checkpoints or MemoryCheckpoints()).train(images, folds, progress)


def break_in(stage: str, step: int) -> Progress:
    def progress(name: str, done: int, total: int) -> None:
        if (name, done) == (stage, step):
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("autoencoder", "learn"),
        ("student", "distil"),
        ("student", "learn"),
        ("autoencoder, augmented", "learn"),
        ("student, augmented", "learn"),
    ],
)
def test_resumed_training_makes_the_same_model(
    name: str, stage: str, runtime: Runtime, images: ArrayImages
) -> None:
    """Broken off in any of its parts and begun again, a training ends at the same graph, says that
    it went on, and leaves nothing behind."""
    whole = train(SHORT[name], runtime, images)
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        train(SHORT[name], runtime, images, checkpoints, break_in(stage, 8))
    assert checkpoints.states
    resumed = train(SHORT[name], runtime, images, checkpoints)
    assert resumed.graph == whole.graph
    assert resumed.curves == whole.curves
    assert "went on after epoch 2 of 3" in resumed.notes[0]
    assert not checkpoints.states


def test_cross_fitting_goes_on_too(runtime: Runtime, images: ArrayImages) -> None:
    """Of several trainings those that are done are not done again, and scores are the same."""
    folds = [0, 0, 0, 0, 1, 1, 1, 1]
    whole = train(SHORT["autoencoder"], runtime, images, folds=folds)
    checkpoints = MemoryCheckpoints()
    broken = break_in("learn, 2 of 3", 4)
    with pytest.raises(Interrupted):
        train(SHORT["autoencoder"], runtime, images, checkpoints, broken, folds)
    steps: list[str] = []
    told = lambda stage, done, total: steps.append(stage)  # noqa: E731 - a line is enough
    resumed = train(SHORT["autoencoder"], runtime, images, checkpoints, told, folds)
    assert steps.count("learn, 1 of 3") == 1
    assert resumed.graph == whole.graph
    assert whole.cross_fitted is not None
    assert resumed.cross_fitted is not None
    assert np.array_equal(resumed.cross_fitted, whole.cross_fitted)


@pytest.mark.parametrize("name", SHORT)
def test_other_images_or_settings_are_another_training(
    name: str, runtime: Runtime, images: ArrayImages
) -> None:
    """What was kept of one training is not taken for another."""
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Interrupted):
        train(SHORT[name], runtime, images, checkpoints, break_in("learn", 8))
    others = ArrayImages(good_parts(8, 64, seed=1))
    assert train(SHORT[name], runtime, others, checkpoints).notes == ()


@pytest.mark.parametrize("name", ["autoencoder", "student"])
def test_augmentation_changes_what_is_learned(
    name: str, runtime: Runtime, images: ArrayImages
) -> None:
    """What is shown changed is learned otherwise; the examples for a person are changed as well."""
    plain = train(SHORT[name], runtime, images)
    assert train(SHORT[f"{name}, augmented"], runtime, images).graph != plain.graph
    detector = SHORT[f"{name}, augmented"](runtime)
    assert isinstance(detector, Augmenting)
    shown = detector.augmented(images[0], images.inspected, 2, seed=0)
    assert not (shown == images[0]).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize("name", SHORT)
def test_one_image_is_enough_to_begin(name: str, runtime: Runtime) -> None:
    """A single image is learned, and shows how well it goes, too."""
    trained = train(SHORT[name], runtime, ArrayImages(good_parts(1, 64)))
    assert np.isfinite([y for curve in trained.curves for _, y in curve.points]).all()


def test_student_has_curves_of_both_networks(runtime: Runtime, images: ArrayImages) -> None:
    """Teacher and student each have a loss and a validation loss, one point an epoch."""
    curves = train(SHORT["student"], runtime, images).curves
    assert [curve.name for curve in curves] == [
        "teacher: loss", "teacher: validation loss", "student: loss", "student: validation loss"
    ]  # fmt: skip
    assert {len(curve.points) for curve in curves} == {3}


@pytest.mark.parametrize("name", SHORT)
def test_too_small_a_size_is_refused(name: str, runtime: Runtime) -> None:
    """A size that the network cannot halve so often is refused with the least that it takes."""
    with pytest.raises(BadSetting, match="is too small: both sides must have at least"):
        train(SHORT[name], runtime, ArrayImages(np.zeros((2, 3, 64, 3))))
