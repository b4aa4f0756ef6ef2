import numpy as np
import pytest

from okng.algorithms.heatmap import (
    FOUND,
    TRUTH,
    heat_limits,
    outline,
    outline_mask,
    overlay,
    upsample,
)
from okng.domain.calibration import Calibration, Method
from okng.domain.view import Box


def _near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Return where the picture has a colour, but for the soft edges of a line."""
    return (np.abs(picture.astype(int) - colour) < 60).all(axis=2)


GREY = np.full((60, 80, 3), 90, np.uint8)


def _map() -> np.ndarray:
    """Return a 4 x 4 map with one hot corner, at the lower right."""
    anomaly_map = np.zeros((4, 4), np.float32)
    anomaly_map[3, 3] = 10.0
    return anomaly_map


def test_upsampling_is_bilinear_with_half_pixel_centres() -> None:
    """Values between two cells lie on the line between their centres; borders are held."""
    row = upsample(np.array([[0.0, 4.0]], np.float32), 1, 8)[0]
    assert row == pytest.approx([0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4])


def test_low_places_stay_clean_and_the_picture_untouched() -> None:
    """Where the map is low the picture shows through unchanged; the input is not written to."""
    before = GREY.copy()
    shown = overlay(GREY, _map(), 1.0, 5.0)
    assert np.array_equal(GREY, before)
    assert np.array_equal(shown[:20, :20], GREY[:20, :20])
    assert not np.array_equal(shown[-5:, -5:], GREY[-5:, -5:])


def test_heat_grows_with_the_map() -> None:
    """A hotter place is at least as bright as a cooler one on black ground."""
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None]
    shown = overlay(np.zeros((1, 64, 3), np.uint8), ramp, 0.0, 1.0, opacity=1.0)
    brightness = shown[0] @ np.array([0.299, 0.587, 0.114])
    assert brightness[0] == 0
    assert brightness[-1] > 200
    assert (np.diff(brightness) > -2).all()


def test_map_lies_inside_the_region_of_interest() -> None:
    """With a region of interest nothing outside it changes."""
    roi = Box(20, 10, 40, 30)
    hot = np.full((2, 2), 9.0, np.float32)
    for shown in (
        overlay(GREY, hot, 1.0, 5.0, roi=roi),
        outline(GREY, hot, 5.0, roi=roi, line_px=1),
    ):
        changed = (shown != GREY).any(axis=2)
        assert changed[10:40, 20:60].any()
        changed[7:43, 17:63] = False  # half of the line lies outside
        assert not changed.any()


def test_outline_runs_where_the_map_crosses_the_threshold() -> None:
    """The border is drawn around what exceeds the threshold, not inside it, not elsewhere."""
    shown = outline(GREY, _map(), 5.0)
    drawn = _near(shown, FOUND)
    assert drawn.any()
    exceeds = upsample(_map(), 60, 80) > 5.0
    assert drawn[exceeds].sum() > drawn.sum() / 2
    assert not drawn[exceeds & (upsample(_map(), 60, 80) > 8.0)].all()
    assert not drawn[:30, :40].any()
    assert np.array_equal(outline(GREY, _map(), 11.0), GREY)


def test_mask_of_another_size_is_resized() -> None:
    """A mask at half the picture's size outlines the same place."""
    mask = np.zeros((30, 40), np.bool_)
    mask[10:20, 10:30] = True
    drawn = _near(outline_mask(GREY, mask), TRUTH)
    ys, xs = np.nonzero(drawn)
    assert (ys.min(), ys.max()) == (pytest.approx(20, abs=2), pytest.approx(39, abs=2))
    assert (xs.min(), xs.max()) == (pytest.approx(20, abs=2), pytest.approx(59, abs=2))


@pytest.mark.parametrize(
    ("good", "review", "ng"),
    [((), 2.0, 3.0), ((1.0, 1.5), 2.0, 3.0), ((5.0,), 2.0, 2.0), ((), -1.0, -1.0)],
)
def test_heat_limits_are_ordered(good: tuple[float, ...], review: float, ng: float) -> None:
    """The heat begins no higher than the review threshold, ends beyond NG and the peak."""
    calibration = Calibration(
        1, "00", review, ng, (), good, Method.MANUAL, "set by hand", "2025-01-01T00:00:00+00:00"
    )
    peak = ng + 7.0
    assert heat_limits(calibration, np.array([[peak]], np.float32))[1] >= peak
    low, high = heat_limits(calibration, np.zeros((2, 2), np.float32))
    assert low <= review
    assert low < high
    assert high >= ng
