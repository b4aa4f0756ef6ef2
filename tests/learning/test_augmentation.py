from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from okng.domain.errors import BadSetting
from okng.domain.view import MASKED
from okng.learning.augmentation import (
    AUGMENTATIONS,
    augment,
    augmented_pixels,
    parse_augmentations,
)
from okng.learning.autoencoder import AutoencoderConfig
from okng.learning.settings import LearningConfig
from okng.learning.student import StudentConfig
from okng.testing.images import good_parts

EVERYTHING = ",".join(AUGMENTATIONS)


def batch(count: int = 6, height: int = 24, width: int = 32) -> Tensor:
    return torch.from_numpy(np.random.default_rng(3).random((count, 3, height, width), np.float32))


def drawn(text: str, x: Tensor, seed: int = 0, inspected: np.ndarray | None = None) -> Tensor:
    return augment(x, parse_augmentations(text), np.random.default_rng(seed), inspected)


def equal_to(one: Tensor, others: Sequence[Tensor]) -> bool:
    return any(torch.allclose(one, other, atol=1e-5) for other in others)


@pytest.mark.parametrize("name", [*AUGMENTATIONS, EVERYTHING])
def test_every_step_changes_pictures_within_bounds(name: str) -> None:
    """Each step gives pictures of the same shape, from 0 to 1, that are not the same any more."""
    x = batch()
    found = drawn(name, x)
    assert (found.shape, found.dtype) == (x.shape, torch.float32)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert (found - x).abs().flatten(1).amax(1).gt(0.004).sum() >= 2


def test_same_generator_same_pictures() -> None:
    """The generator alone decides what is drawn, to the bit."""
    assert torch.equal(drawn(EVERYTHING, batch()), drawn(EVERYTHING, batch()))
    assert not torch.equal(drawn(EVERYTHING, batch()), drawn(EVERYTHING, batch(), seed=1))


def test_without_steps_nothing_is_drawn() -> None:
    """No step leaves pictures and generator as they are, so older trainings go on."""
    x, rng = batch(), np.random.default_rng(0)
    assert augment(x, (), rng) is x
    assert rng.random() == np.random.default_rng(0).random()


def test_flips_mirror_exactly() -> None:
    """A flip gives the picture or its mirror image, to the pixel, and both occur."""
    x = batch(16)
    for name, axis in (("flip", 3), ("flip-vertical", 2)):
        found = drawn(name, x)
        mirrored = [
            equal_to(one, [whole.flip(axis - 1)]) for one, whole in zip(found, x, strict=True)
        ]
        same = [equal_to(one, [whole]) for one, whole in zip(found, x, strict=True)]
        assert all(a or b for a, b in zip(mirrored, same, strict=True))
        assert 0 < sum(mirrored) < 16


def test_rotation_keeps_the_middle_and_its_scale() -> None:
    """A disc in the middle of a picture that is not square stays where it is, and round."""
    rows, columns = np.mgrid[:40, :60]
    disc = ((rows - 19.5) ** 2 + (columns - 29.5) ** 2 < 100).astype(np.float32)
    x = torch.from_numpy(np.tile(disc, (4, 3, 1, 1)))
    found = drawn("rotate=180", x)
    assert float((found - x).abs().mean()) < 0.02


def test_geometry_is_reflected_at_the_borders() -> None:
    """What moves in from outside is the picture's own content, never black."""
    x = torch.full((8, 3, 20, 20), 0.8)
    found = drawn("rotate=180,shift=0.5,zoom=0.5,perspective=0.25", x)
    assert torch.allclose(found, x, atol=1e-4)


def test_shift_moves_by_no_more_than_declared() -> None:
    """A line in the middle stays within the declared share of the side."""
    x = torch.zeros(32, 3, 40, 40)
    x[..., 20] = 1
    places = drawn("shift=0.1", x).mean((1, 2)).argmax(1)
    assert places.unique().numel() > 3
    assert int((places - 20).abs().max()) <= 5


def test_brightness_and_contrast_do_what_they_say() -> None:
    """Brightness moves the mean alone; contrast the spread alone."""
    x = 0.4 + 0.2 * batch()
    lighter, harder = drawn("brightness=0.1", x), drawn("contrast=0.5", x)
    assert torch.allclose(lighter.std((1, 2, 3)), x.std((1, 2, 3)), atol=1e-4)
    assert float((lighter.mean((1, 2, 3)) - x.mean((1, 2, 3))).abs().max()) > 0.02
    assert torch.allclose(harder.mean((1, 2, 3)), x.mean((1, 2, 3)), atol=1e-4)
    assert float((harder.std((1, 2, 3)) - x.std((1, 2, 3))).abs().max()) > 0.01


def test_blur_of_tiny_pictures() -> None:
    """A blur wider than the picture is as wide as the picture allows."""
    found = drawn("blur=10", batch(4, 4, 5))
    assert bool(torch.isfinite(found).all())


def test_what_is_hidden_stays_hidden() -> None:
    """Pixels that are not inspected have the grey that they have at inspection."""
    inspected = np.ones((24, 32), bool)
    inspected[:, :10] = False
    found = drawn(EVERYTHING, batch(), inspected=inspected)
    assert torch.allclose(found[..., :10], torch.tensor(MASKED / 255))
    assert not torch.allclose(found[..., 10:], torch.tensor(MASKED / 255), atol=0.1)


def test_examples_to_look_at() -> None:
    """Examples are pixels again, each another, and the same for the same seed."""
    pixels, steps = good_parts(1, 32)[0], parse_augmentations("rotate=40,brightness=0.3")
    found = augmented_pixels(pixels, steps, np.ones((32, 32), bool), 3, seed=1)
    assert (found.shape, found.dtype) == ((3, 32, 32, 3), np.uint8)
    assert not np.array_equal(found[0], found[1])
    again = augmented_pixels(pixels, steps, np.ones((32, 32), bool), 3, seed=1)
    assert np.array_equal(found, again)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spin=3", "there is no 'spin'; there is rotate, flip"),
        ("rotate=200", "above 0 and at most 180, as in rotate=10"),
        ("rotate=much", "above 0 and at most 180"),
        ("zoom=nan", "above 0 and at most 0.5"),
        ("flip=2", "takes no number"),
        ("flip,flip", "flip is there twice"),
        ("flip,,zoom", "there is no ''"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    """A wrong step is refused with what there is, or with its bounds."""
    with pytest.raises(BadSetting, match=said):
        LearningConfig(augment=text)


def test_settings_hold_the_completed_list() -> None:
    """What was left to the default is written out, so that a model's card says all."""
    config = AutoencoderConfig(augment=" flip, rotate ,zoom=0.10")
    assert config.augment == "flip,rotate=10,zoom=0.1"
    assert [step.name for step in config.augmentation] == ["flip", "rotate", "zoom"]
    assert LearningConfig().augmentation == ()


def test_every_step_is_documented() -> None:
    """The table in docs/learned.md has each step with its meaning, usual amount and bound."""
    table = (Path(__file__).parents[2] / "docs" / "learned.md").read_text(encoding="utf-8")
    for name, kind in AUGMENTATIONS.items():
        numbers = ["" if n is None else f"{n:g}" for n in (kind.usual, kind.most)]
        row = f"| `{name}` | {kind.meaning} | {numbers[0]} | {numbers[1]} |"
        assert row.replace("|  |", "| |").replace("|  |", "| |") in table


def test_a_student_is_not_shown_cut_outs_as_good() -> None:
    """Cut-outs look like defects, so a student refuses them; an autoencoder draws over them."""
    with pytest.raises(BadSetting, match="leave cutout out"):
        StudentConfig(augment="flip,cutout")
    assert AutoencoderConfig(augment="cutout").augment == "cutout=0.2"
