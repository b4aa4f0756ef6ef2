"""Masks drawn from polygons and runs, and read from pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from okng.algorithms.masks import draw, load_mask
from okng.domain.errors import BadImage
from okng.domain.masks import ColouredMask, DrawnMask, Polygon, Runs


def test_a_box_covers_its_pixels_and_no_others() -> None:
    """Corners on whole pixels mark exactly what lies between them."""
    box = Polygon(((2, 1), (6, 1), (6, 4), (2, 4)))
    mask = draw(DrawnMask(8, 5, (box,)))
    wanted = np.zeros((5, 8), np.bool_)
    wanted[1:4, 2:6] = True
    np.testing.assert_array_equal(mask, wanted)


@pytest.mark.parametrize("seed", range(20))
def test_polygons_agree_with_opencv_point_by_point(seed: int) -> None:
    """A pixel is marked if and only if its centre lies in the polygon, wherever its corners lie."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
    radii = rng.uniform(4, 24, len(angles))
    points = np.stack([20 + radii * np.cos(angles), 15 + radii * np.sin(angles)], axis=1)
    if seed % 2:
        points = points[::-1]
    mask = draw(DrawnMask(40, 30, (Polygon(tuple(map(tuple, points))),)))
    contour = points.astype(np.float32)[:, None]
    for y, x in np.ndindex(30, 40):
        inside = cv2.pointPolygonTest(contour, (x + 0.5, y + 0.5), measureDist=True)
        if abs(inside) > 1e-3:
            assert mask[y, x] == (inside > 0), (x, y)


def test_a_line_is_not_lost() -> None:
    """A scratch thinner than a pixel marks the pixels under its corners."""
    mask = draw(DrawnMask(10, 10, (Polygon(((2.6, 2.6), (7.6, 2.6), (7.6, 2.7))),)))
    assert {(2, 2), (2, 7)} <= set(map(tuple, np.argwhere(mask)))


def test_areas_are_united_and_cut_at_the_border() -> None:
    """What lies outside of the image is left away."""
    left = Polygon(((-5, -5), (2, -5), (2, 20), (-5, 20)))
    away = Polygon(((50, 50), (60, 50), (60, 60)))
    runs = Runs((5, 1))
    mask = draw(DrawnMask(3, 2, (left, away, runs)))
    np.testing.assert_array_equal(mask, [[1, 1, 0], [1, 1, 1]])


def test_runs_go_along_rows_or_down_columns() -> None:
    """The same lengths mean another area in either direction."""
    np.testing.assert_array_equal(draw(DrawnMask(3, 2, (Runs((1, 2, 3)),))), [[0, 1, 1], [0, 0, 0]])
    by_columns = Runs((1, 2, 3), by_columns=True)
    np.testing.assert_array_equal(draw(DrawnMask(3, 2, (by_columns,))), [[0, 1, 0], [1, 0, 0]])


def test_what_cannot_be_drawn_is_refused() -> None:
    """Runs of another image, and images beyond the limit."""
    with pytest.raises(BadImage, match="cover 5 pixels of 3 x 2"):
        draw(DrawnMask(3, 2, (Runs((1, 4)),)))
    with pytest.raises(BadImage, match="more than 10 pixels"):
        draw(DrawnMask(4, 3, ()), max_pixels=10)


def test_pictures(tmp_path: Path) -> None:
    """Non-zero pixels count, or all that are of another colour than the background."""
    picture = np.full((2, 3, 3), 255, np.uint8)
    picture[0, 1] = 44, 160, 44
    Image.fromarray(picture).save(tmp_path / "m.png")
    assert load_mask(tmp_path / "m.png").all()
    coloured = ColouredMask(tmp_path / "m.png", (255, 255, 255))
    np.testing.assert_array_equal(load_mask(coloured), [[0, 1, 0], [0, 0, 0]])
