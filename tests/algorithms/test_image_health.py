"""Sharpness, exposure, and what stands out of a set."""

import cv2
import numpy as np
import pytest

from okng.algorithms.image_health import deviations, image_health
from okng.testing.images import good_part


def test_blur_lowers_sharpness_by_far_light_does_not() -> None:
    """Sharpness falls with blur, and stays nearly the same under other light."""
    part = good_part(0)
    sharp = image_health(part).sharpness
    blurred = cv2.GaussianBlur(part, (0, 0), 3)
    assert image_health(blurred).sharpness < sharp / 2
    dimmed = (part * 0.7).astype(np.uint8)
    assert image_health(dimmed).sharpness == pytest.approx(sharp, rel=0.1)


def test_exposure_is_measured_in_grey_levels_and_shares() -> None:
    """Brightness is the mean grey level; what has no shade left counts as black or white."""
    pixels = np.full((10, 10, 3), 100, np.uint8)
    pixels[:2], pixels[2:3] = 255, 0
    health = image_health(pixels)
    assert health.brightness == pytest.approx(0.2 * 255 + 0.7 * 100)
    assert (health.white, health.black) == (pytest.approx(0.2), pytest.approx(0.1))


def test_one_pixel_and_flat_images_are_measured() -> None:
    """No image is too small or too flat."""
    for shape in ((1, 1, 3), (1, 50, 3), (40, 40, 3)):
        assert image_health(np.full(shape, 7, np.uint8)).sharpness == 0


def test_deviations_are_robust() -> None:
    """A few values far off do not hide themselves, and the usual ones stay within some sigma."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(50, 2, 200), [90, 10, 95]])
    found = deviations(values, 0.1)
    assert np.abs(found[:200]).max() < 5
    assert found[200] > 15
    assert found[201] < -15


def test_deviations_have_a_floor() -> None:
    """Where nearly all are equal, a tiny difference is none."""
    assert np.abs(deviations(np.array([5.0] * 20 + [5.001]), 0.1)).max() < 0.1
    assert deviations(np.zeros(0), 1.0).tolist() == []
