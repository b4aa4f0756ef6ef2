import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okng.algorithms.tiles import TileGrid, lay_tiles
from okng.domain.errors import BadSetting


def everywhere(height: int, width: int, tile: int = 64, stride: int = 48) -> TileGrid:
    return lay_tiles(np.ones((height, width), bool), tile, stride, 16)


sides = st.integers(64, 400)
strides = st.sampled_from([16, 32, 48, 64])


@given(sides, sides, strides)
@settings(deadline=None, max_examples=60)
def test_tiles_cover_every_pixel(height: int, width: int, stride: int) -> None:
    """Whatever the size, each pixel is in a tile, and tiles are no further apart than asked."""
    grid = everywhere(height, width, stride=stride)
    for axis in (grid.down, grid.across):
        assert set(axis.pixels().ravel()) == set(range(axis.length_px))
        assert set(axis.windows().ravel()) == set(range(axis.cells))
        assert (np.diff(axis.starts) <= stride // 16).all()
        assert (np.diff(axis.starts) > 0).all()


@given(sides, strides)
@settings(deadline=None, max_examples=60)
def test_a_cells_weights_sum_to_one(length: int, stride: int) -> None:
    """Blending tiles that agree changes nothing: also at borders, where one tile is alone."""
    axis = everywhere(length, 64, stride=stride).down
    weights = axis.blending()
    assert weights.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (weights >= 0).all()
    agreed = np.arange(axis.cells, dtype=np.float32)[axis.windows().ravel()]
    assert weights @ agreed == pytest.approx(np.arange(axis.cells), abs=1e-4)


def test_weights_fall_to_a_tiles_ends() -> None:
    """Where two tiles overlap the weight passes from one to the other in even steps."""
    axis = everywhere(112, 64, stride=48).down
    assert axis.starts == (0, 3)
    first = axis.blending()[:, : axis.tile]
    assert first[3].sum() == pytest.approx(0.5)
    axis = everywhere(96, 64, stride=32).down
    second = axis.blending()[:, axis.tile :].sum(axis=1)
    assert second[2:4] == pytest.approx([0.25, 0.75])


def test_a_tiles_outermost_cells_give_way_to_another_tile() -> None:
    """Where the overlap allows it, what a backbone saw beside its own padding does not count."""
    axis = lay_tiles(np.ones((384, 256), bool), 256, 128, 16).down
    assert axis.starts == (0, 8)
    second = axis.blending()[:, axis.tile :].sum(axis=1)
    assert second[8:16] == pytest.approx([0, 0, 0, 0.25, 0.75, 1, 1, 1], abs=1e-5)
    assert second[:8] == pytest.approx(0)
    assert second[16:] == pytest.approx(1)


def test_a_side_that_is_no_whole_cells_is_reflected_at_both_ends() -> None:
    """The few pixels that are lacking are mirrored, half at either end."""
    axis = everywhere(100, 64).down
    assert axis.cells == 7
    assert axis.before_px == 6
    pixels = axis.pixels()
    assert pixels[0, :8].tolist() == [6, 5, 4, 3, 2, 1, 0, 1]
    assert pixels[-1, -8:].tolist() == [98, 99, 98, 97, 96, 95, 94, 93]


def test_cutting_gives_the_pixels_of_a_tile() -> None:
    """Tile by tile, the image's own pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (128, 160, 3)).astype(np.uint8)
    grid = everywhere(128, 160, stride=32)
    assert len(grid.kept) == 3 * 4
    assert (grid.cut(pixels, 5) == pixels[32:96, 32:96]).all()


def test_tiles_that_show_nothing_inspected_are_left_out() -> None:
    """Only tiles with an inspected cell are kept, and cells know what is inspected."""
    inspected = np.zeros((192, 192), bool)
    inspected[10, 190] = True
    grid = lay_tiles(inspected, 64, 64, 16)
    assert grid.kept == (2,)
    assert grid.inspected.sum() == 1
    assert grid.inspected[0, 11]


@pytest.mark.parametrize(
    ("size", "tile", "stride", "said"),
    [
        ((60, 200), 64, 48, "larger than what is looked at, 200 x 60"),
        ((200, 200), 72, 48, "do not fit cells of 16 px"),
        ((200, 200), 64, 40, "do not fit cells of 16 px"),
        ((200, 200), 64, 80, "no longer than a tile"),
    ],
)
def test_what_does_not_fit_is_refused(
    size: tuple[int, int], tile: int, stride: int, said: str
) -> None:
    """Tiles larger than the image, gaps and broken cells are each named."""
    with pytest.raises(BadSetting, match=said):
        lay_tiles(np.ones(size, bool), tile, stride, 16)
