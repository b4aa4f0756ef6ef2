import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from okng.algorithms.regions import find_regions
from okng.domain.view import Box

maps = arrays(
    np.float32,
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    elements=st.floats(-10, 10, width=32),
)
places = st.builds(
    Box, st.integers(0, 500), st.integers(0, 500), st.integers(1, 900), st.integers(1, 900)
)
FULL = Box(0, 0, 256, 256)


def blob(rows: int, columns: int, row: slice, column: slice, value: float = 5.0) -> np.ndarray:
    anomaly_map = np.zeros((rows, columns), np.float32)
    anomaly_map[row, column] = value
    return anomaly_map


@settings(deadline=None, max_examples=60)
@given(anomaly_map=maps, place=places, threshold=st.floats(-10, 10))
def test_regions_of_any_map(anomaly_map: np.ndarray, place: Box, threshold: float) -> None:
    """There is a region exactly where the map exceeds the threshold; all lie within the place."""
    regions = find_regions(anomaly_map, threshold, place)
    assert bool(regions) == (float(anomaly_map.max()) > threshold)
    peaks = [region.peak_score for region in regions]
    assert peaks == sorted(peaks, reverse=True)
    for region in regions:
        box = region.box
        assert place.x <= box.x < box.x + box.width <= place.x + place.width
        assert place.y <= box.y < box.y + box.height <= place.y + place.height
        assert 1 <= region.area_px <= box.width * box.height
        assert threshold < region.peak_score <= float(anomaly_map.max()) + 1e-5


def test_nothing_above_the_threshold() -> None:
    """A map that only reaches the threshold has no region."""
    assert find_regions(np.full((4, 4), 2.0, np.float32), 2.0, FULL) == ()


def test_everything_above_the_threshold() -> None:
    """A map that is above it all over is one region: the whole place."""
    place = Box(40, 30, 500, 300)
    (region,) = find_regions(np.full((16, 16), 3.0, np.float32), 2.0, place)
    assert region.box == place
    assert region.area_px == pytest.approx(500 * 300, rel=0.01)
    assert region.peak_score == 3.0


def test_box_and_area_of_a_planted_blob() -> None:
    """Box and area of a block of cells are its own, within half a cell at each side."""
    anomaly_map = blob(16, 16, slice(4, 8), slice(10, 12))
    (region,) = find_regions(anomaly_map, 2.5, Box(0, 0, 512, 512))
    cell = 32
    box = region.box
    assert abs(box.x - 10 * cell) <= cell / 2
    assert abs(box.y - 4 * cell) <= cell / 2
    assert abs(box.width - 2 * cell) <= cell
    assert abs(box.height - 4 * cell) <= cell
    assert region.area_px == pytest.approx(8 * cell * cell, rel=0.15)
    assert region.peak_score == pytest.approx(5)
    assert region.kind is None


def test_place_moves_and_scales_the_box() -> None:
    """The same map over a place elsewhere, half as large, gives the box there, half as large."""
    anomaly_map = blob(16, 16, slice(4, 8), slice(10, 12))
    (whole,) = find_regions(anomaly_map, 2.5, Box(0, 0, 256, 256))
    (moved,) = find_regions(anomaly_map, 2.5, Box(300, 70, 128, 128))
    assert moved.box.x - 300 == pytest.approx(whole.box.x / 2, abs=1)
    assert moved.box.y - 70 == pytest.approx(whole.box.y / 2, abs=1)
    assert moved.box.width == pytest.approx(whole.box.width / 2, abs=2)
    assert moved.area_px == pytest.approx(whole.area_px / 4, rel=0.1)


def test_two_blobs_are_two_regions() -> None:
    """Places that do not touch are regions of their own, the higher peak first."""
    anomaly_map = blob(16, 16, slice(2, 4), slice(2, 4), 4.0)
    anomaly_map[12:14, 9:12] = 6.0
    first, second = find_regions(anomaly_map, 2.0, FULL)
    assert (round(first.peak_score), round(second.peak_score)) == (6, 4)
    assert first.box.y > second.box.y


def test_a_lone_cell_just_above_the_threshold_is_found() -> None:
    """A cell that sinks below the threshold between its neighbours still makes a region."""
    anomaly_map = blob(16, 16, slice(7, 8), slice(3, 4), 2.01)
    (region,) = find_regions(anomaly_map, 2.0, Box(0, 0, 100, 100))
    assert region.box.x <= 3.5 * 100 / 16 <= region.box.x + region.box.width
    assert region.box.y <= 7.5 * 100 / 16 <= region.box.y + region.box.height


def test_a_place_smaller_than_the_map() -> None:
    """In a picture of fewer pixels than the map has cells, boxes do not leave the picture."""
    (region,) = find_regions(blob(32, 32, slice(31, 32), slice(31, 32)), 2.0, Box(5, 5, 10, 10))
    assert region.box == Box(14, 14, 1, 1)
    assert region.area_px == 1
