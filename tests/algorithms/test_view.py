import cv2
import numpy as np
import pytest

from okng.algorithms.view import Preparer, mask_png_from
from okng.domain.errors import BadImage, BadModel, BadSetting
from okng.domain.view import MASKED, Box, View

MARKED = np.zeros((6, 7), bool)
MARKED[2:4, 1:3] = True


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_preparer_leaves_a_fitting_image_alone() -> None:
    """Without a crop, a resize or a mask, pixels pass unchanged."""
    array = noise(8, 12, 3)
    np.testing.assert_array_equal(Preparer(View(12, 8))(array), array)


def test_preparer_crops_then_resizes() -> None:
    """The region of interest is cut from the original image and then scaled to the view."""
    array = np.zeros((40, 40, 3), np.uint8)
    array[10:20, 20:40] = 200
    prepared = Preparer(View(10, 5, roi=Box(20, 10, 20, 10)))(array)
    assert prepared.shape == (5, 10, 3)
    assert (prepared == 200).all()
    assert prepared.flags.c_contiguous


def test_preparer_shrinks_by_area_averaging() -> None:
    """Half the size in both directions is the mean of each block of 2 x 2."""
    array = noise(8, 8, 3)
    blocks = array.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(Preparer(View(4, 4))(array) - blocks).max() <= 0.5


@pytest.mark.parametrize(("width", "height"), [(16, 16), (4, 16), (16, 8)])
def test_preparer_grows_bilinearly(width: int, height: int) -> None:
    """Where either side grows, the resize is cv2's bilinear one."""
    array = noise(8, 8, 3)
    np.testing.assert_array_equal(
        Preparer(View(width, height))(array),
        cv2.resize(array, (width, height), interpolation=cv2.INTER_LINEAR),
    )


@pytest.mark.parametrize("size", [(6, 7), (12, 14)])
def test_masked_pixels_are_grey_and_the_input_is_untouched(size: tuple[int, int]) -> None:
    """What the mask hides becomes MASKED, the rest stays, and the caller's array is its own."""
    array = np.full((*size, 3), 9, np.uint8)
    prepare = Preparer(View(7, 6, mask_png=mask_png_from(MARKED, 7, 6)))
    prepared = prepare(array)
    assert prepare.mask is not None
    np.testing.assert_array_equal(prepare.mask, MARKED)
    np.testing.assert_array_equal(prepared[..., 0] == 9, MARKED)
    np.testing.assert_array_equal(prepared[..., 2] == MASKED, ~MARKED)
    assert (array == 9).all()


def test_small_image_is_refused_with_both_sizes() -> None:
    """An image that lacks the region of interest is refused, not padded."""
    with pytest.raises(BadImage, match=r"50 x 40.*100 x 60"):
        Preparer(View(8, 8, roi=Box(0, 0, 100, 60)))(noise(40, 50, 3))


@pytest.mark.parametrize(
    "mask_png",
    ["?", "AAAA", mask_png_from(MARKED, 8, 8), mask_png_from(MARKED, 7, 6)[:60]],
    ids=["no base64", "no image", "other size", "truncated"],
)
def test_bad_view_masks_are_bad_models(mask_png: str) -> None:
    """A damaged or ill-fitting mask is refused when the view is taken up, not at inspection."""
    with pytest.raises(BadModel, match="mask"):
        Preparer(View(7, 6, mask_png=mask_png))


@pytest.mark.parametrize(
    "view", [View(0, 5), View(5, 5, roi=Box(-1, 0, 5, 5)), View(5, 5, roi=Box(0, 0, 5, 0))]
)
def test_impossible_views_are_refused(view: View) -> None:
    """Sizes below 1 and places below 0 are refused."""
    with pytest.raises(BadSetting, match="at least"):
        Preparer(view)


def test_mask_is_cropped_and_scaled_as_the_pixels_are() -> None:
    """A mask over the original image follows the region of interest; halves count as shown."""
    mask = np.zeros((20, 20), bool)
    mask[4:8, 4:10] = True
    png = mask_png_from(mask, 4, 4, roi=Box(4, 4, 8, 8))
    shown = Preparer(View(4, 4, mask_png=png)).mask
    assert shown is not None
    assert shown.astype(int).tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [0] * 4, [0] * 4]


def test_mask_that_hides_everything_is_refused() -> None:
    """Nothing left to inspect is a mistake, and is said."""
    with pytest.raises(BadSetting, match="hides everything"):
        mask_png_from(np.zeros((8, 8), bool), 4, 4)
