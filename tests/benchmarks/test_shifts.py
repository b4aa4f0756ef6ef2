import cv2
import numpy as np
import pytest
from benchmarks.robustness_report import first_failure
from benchmarks.shifts import SHIFTS, blur, contrast, light, noise, position, scale, turn

from okng.testing.images import good_part


def picture(size: int = 256) -> np.ndarray:
    """Return a white square of a quarter of the width, in the middle of a dark picture."""
    pixels = np.full((size, size, 3), 40, np.uint8)
    pixels[3 * size // 8 : 5 * size // 8, 3 * size // 8 : 5 * size // 8] = 200
    return pixels


def centre(pixels: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(pixels[..., 0] > 120)
    return np.array([x.mean(), y.mean()])


@pytest.mark.parametrize("name", SHIFTS)
def test_shift_keeps_size_and_type_and_leaves_the_original_alone(name: str) -> None:
    """Every shift at every level gives uint8 of the same size and does not touch its input."""
    pixels = good_part(0, 256)
    before = pixels.copy()
    for level in SHIFTS[name].levels:
        shifted = SHIFTS[name].apply(pixels, level)
        assert shifted.shape == pixels.shape
        assert shifted.dtype == np.uint8
        assert (shifted != pixels).any()
    assert (pixels == before).all()


def test_light_and_contrast_scale_grey_levels() -> None:
    """Light scales from black, contrast from the mean; both clip."""
    assert light(picture(), 20).max() == 240
    assert light(picture(), 40).max() == 255
    assert light(picture(), -50).min() == 20
    spread = np.ptp(contrast(picture(), -50).astype(int))
    assert spread == pytest.approx(80, abs=1)
    assert contrast(picture(), -50).mean() == pytest.approx(picture().mean(), abs=0.5)


@pytest.mark.parametrize("size", [256, 512])
def test_noise_has_its_sigma_where_the_graph_sees_it(size: int) -> None:
    """After the camera's picture is reduced to 256 pixels, the noise has the level's sigma."""
    grey = np.full((size, size, 3), 128, np.uint8)
    seen = cv2.resize(noise(grey, 8), (256, 256), interpolation=cv2.INTER_AREA)
    assert seen.std() == pytest.approx(8, rel=0.05)
    assert (noise(grey, 8) == noise(grey, 8)).all()


@pytest.mark.parametrize("size", [256, 512])
def test_position_turn_and_scale_move_the_part_by_the_level(size: int) -> None:
    """A move is a share of the width, a turn is about the centre, a scale changes the area."""
    pixels = picture(size)
    moved = centre(position(pixels, 4)) - centre(pixels)
    assert moved == pytest.approx([0.04 * size] * 2, abs=0.6)
    assert centre(turn(pixels, 15)) == pytest.approx(centre(pixels), abs=0.6)
    assert (turn(pixels, 90) == pixels).mean() > 0.99
    areas = [(shown[..., 0] > 120).sum() for shown in (scale(pixels, 8), pixels)]
    assert areas[0] / areas[1] == pytest.approx(1.08**2, rel=0.03)


def test_blur_is_of_the_seen_picture() -> None:
    """The same level softens an edge over twice the pixels in a picture of twice the width."""
    widths = []
    for size in (256, 512):
        row = blur(picture(size), 2)[size // 2, : size // 2, 0].astype(float)
        widths.append(((row > 60) & (row < 180)).sum())
    assert widths[1] == pytest.approx(2 * widths[0], abs=2)


def test_first_failure_goes_outwards_and_says_why() -> None:
    """The first level away from 0 that is worse than allowed counts, on its own side only."""
    base = {"auroc": 0.99, "good": 20, "ng": 0, "review": 0, "defective": 20, "escapes": 1}
    levels = {
        -2.0: base,
        2.0: base | {"ng": 1},
        4.0: base | {"ng": 1, "review": 1},
        8.0: base | {"auroc": 0.97},
    }
    assert first_failure(base, levels, 1) == (2.0, 4.0, "good not OK")
    assert first_failure(base, levels, -1) == (-2.0, -np.inf, "")
    assert first_failure(base, {1.0: base | {"auroc": 0.97}}, 1) == (0.0, 1.0, "AUROC")
    assert first_failure(base, {1.0: base | {"escapes": 3}}, 1) == (0.0, 1.0, "escapes")
