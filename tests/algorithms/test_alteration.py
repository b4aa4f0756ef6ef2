import numpy as np
import pytest

from okng.algorithms.alteration import (
    MOST_DEGREES,
    MOST_GAIN,
    MOST_SHIFT,
    Alteration,
    altered,
    is_unmoved,
    mild_alterations,
)
from okng.testing.images import good_part

PICTURE = good_part(0, 64)


@pytest.mark.parametrize("quarters", range(-1, 5))
def test_quarter_turns_of_squares_change_no_pixel(quarters: int) -> None:
    """They are those of numpy, counter-clockwise."""
    assert np.array_equal(altered(PICTURE, Alteration(90 * quarters)), np.rot90(PICTURE, quarters))


def test_half_turns_change_no_pixel_whatever_the_shape() -> None:
    """A picture that is no square is turned upside down exactly."""
    oblong = PICTURE[:40]
    assert np.array_equal(altered(oblong, Alteration(180)), oblong[::-1, ::-1])


def test_a_spot_goes_counter_clockwise() -> None:
    """What lies to the right of the middle lies above it after 90, halfway there after 45."""
    plane = np.zeros((65, 65, 3), np.uint8)
    plane[32, 57] = 255
    found = altered(plane, Alteration(45.0))[:, :, 0]
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert (y, x) == pytest.approx((32 - 25 / np.sqrt(2), 32 + 25 / np.sqrt(2)), abs=1)


def test_corners_are_reflected_not_black() -> None:
    """A grey picture stays grey all over."""
    grey = np.full((48, 64, 3), 130, np.uint8)
    assert (altered(grey, Alteration(30.0)) == 130).all()


def test_there_and_back_is_nearly_the_same() -> None:
    """Turned by an angle and back, the middle of a smooth part is as it was."""
    smooth = np.repeat(np.add.outer(np.arange(64), np.arange(64))[:, :, None], 3, 2)
    pixels = smooth.astype(np.uint8)
    back = altered(altered(pixels, Alteration(30.0)), Alteration(-30.0))
    middle = slice(24, 40)
    assert np.abs(back[middle, middle].astype(int) - pixels[middle, middle]).max() <= 2


def test_a_disc_is_unmoved_and_a_half_is_not() -> None:
    """Masks allow the turns that leave them as they are."""
    y, x = np.mgrid[:64, :64] - 31.5
    disc = np.hypot(y, x) < 25
    assert is_unmoved(disc, 45.0)
    upper = np.zeros((64, 64), bool)
    upper[:32] = True
    assert not is_unmoved(upper, 180.0)
    assert is_unmoved(upper | upper[::-1], 45.0)
    band = np.zeros((64, 64), bool)
    band[16:48] = True
    assert is_unmoved(band, 180.0)
    assert not is_unmoved(band, 90.0)


def test_shifts_are_shares_of_the_sides() -> None:
    """A quarter to the right and an eighth down."""
    plane = np.zeros((32, 64, 3), np.uint8)
    plane[10, 20] = 255
    found = altered(plane, Alteration(right=0.25, down=0.125))[:, :, 0]
    assert np.unravel_index(found.argmax(), found.shape) == (14, 36)


def test_gain_is_clipped() -> None:
    """Light parts stay within what a pixel can hold."""
    grey = np.full((4, 4, 3), 200, np.uint8)
    assert (altered(grey, Alteration(gain=1.1)) == 220).all()
    assert (altered(grey, Alteration(gain=2.0)) == 255).all()


def test_mild_alterations_keep_their_bounds() -> None:
    """None is more than what two pictures of one part differ by."""
    for one in mild_alterations(200, np.random.default_rng(0)):
        assert abs(one.degrees) <= MOST_DEGREES
        assert max(abs(one.right), abs(one.down)) <= MOST_SHIFT
        assert abs(one.gain - 1) <= MOST_GAIN
