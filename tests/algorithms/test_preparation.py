from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from okng.algorithms.preparation import prepared
from okng.algorithms.view import Preparer, mask_png_from
from okng.domain.arrays import Pixels
from okng.domain.errors import BadSetting
from okng.domain.view import MASKED, PREPARATIONS, Box, View, parse_preparations


def noise(height: int = 40, width: int = 56, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def grey_ramp(low: int, high: int) -> Pixels:
    line = np.linspace(low, high, 96).astype(np.uint8)
    return np.repeat(np.tile(line, (64, 1))[..., None], 3, axis=2)


def through(pixels: Pixels, *texts: str) -> Pixels:
    return prepared(pixels, parse_preparations(texts))


@pytest.mark.parametrize("name", PREPARATIONS)
@pytest.mark.parametrize("size", [(40, 56), (1, 1), (3, 200), (300, 9)])
def test_every_step_gives_pixels_of_the_same_size(name: str, size: tuple[int, int]) -> None:
    """Of images of any size, the same each time, and the given ones stay as they are."""
    pixels = noise(*size)
    before = pixels.copy()
    found = through(pixels, name)
    assert (found.shape, found.dtype) == (pixels.shape, np.uint8)
    assert np.array_equal(found, through(pixels, name))
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("name", PREPARATIONS)
def test_part_of_a_larger_array(name: str) -> None:
    """A region of interest, whose rows lie apart in memory, is prepared as a copy of it is."""
    whole = noise()
    part = whole[5:30, 7:50]
    assert np.array_equal(through(part, name), through(part.copy(), name))


@pytest.mark.parametrize("name", ["grey", "clahe", "illumination", "normalise"])
def test_grey_images_stay_grey(name: str) -> None:
    """No step brings colour into an image that has none."""
    found = through(grey_ramp(10, 200), name)
    assert np.array_equal(found[..., 0], found[..., 1])
    assert np.array_equal(found[..., 0], found[..., 2])


def test_grey_is_luma_in_whole_numbers() -> None:
    """Grey is 0.299 red, 0.587 green and 0.114 blue in 15 bits, rounded, as the camera's graph
    reckons it."""
    pixels = noise(200, 200)
    luma = (pixels.astype(np.int64) @ np.array([9798, 19235, 3735]) + 2**14) >> 15
    assert np.array_equal(through(pixels, "grey"), np.repeat(luma[..., None], 3, axis=2))


def test_clahe_spreads_low_contrast() -> None:
    """What differs by few levels differs by more afterwards, with a higher limit by still more."""
    faint = (120 + noise(64, 64) // 32).astype(np.uint8)
    spreads = [float(through(faint, f"clahe={limit}").std()) for limit in (2, 8)]
    assert float(faint.std()) < spreads[0] < spreads[1]


def test_denoise_smooths_noise_and_keeps_edges() -> None:
    """Noise becomes less; a step of many levels keeps its place and height."""
    rng = np.random.default_rng(0)
    clean = np.full((40, 40, 3), 60.0)
    clean[:, 20:] = 180
    found = through((clean + rng.normal(0, 5, clean.shape)).astype(np.uint8), "denoise=30")
    assert found[:, :18].std() < 3
    assert abs(float(found[:, 21].mean()) - float(found[:, 19].mean()) - 120) < 4


def test_illumination_evens_out_a_slope() -> None:
    """Light that falls from one side to the other is evened out; the mean stays."""
    slope = grey_ramp(80, 200)
    found = through(slope, "illumination=0.1")
    assert np.ptp(found[32, 16:-16, 0]) < 0.25 * np.ptp(slope[32, 16:-16, 0])
    assert abs(float(found.mean()) - float(slope.mean())) < 6


def test_illumination_of_black() -> None:
    """An image without light is left as dark as it is."""
    assert not through(np.zeros((20, 30, 3), np.uint8), "illumination").any()


def test_normalise_takes_away_what_the_light_did() -> None:
    """Images of the same part in another light become the same, at the spread asked for."""
    part = 60 + noise(64, 64) // 4
    dim, bright = (part * 0.6).astype(np.uint8), (part * 1.4 + 20).astype(np.uint8)
    found = [through(one, "normalise=40").astype(float) for one in (dim, bright)]
    assert np.abs(found[0] - found[1]).mean() < 2
    for one in found:
        assert (one @ [0.299, 0.587, 0.114]).std() == pytest.approx(40, abs=1)
        assert one.mean() == pytest.approx(127.5, abs=1)


def test_normalise_makes_no_noise_of_an_even_image() -> None:
    """Contrast is raised eight times at most, so that an empty image stays one."""
    even = np.full((20, 30, 3), 90, np.uint8)
    assert np.ptp(through(even, "normalise")) == 0
    even[::2] += 1
    assert np.ptp(through(even, "normalise")) <= 8


def test_steps_come_in_their_order() -> None:
    """The list is an order: denoising before a contrast gives another image than after it."""
    pixels = (100 + noise() // 8).astype(np.uint8)
    one, other = through(pixels, "denoise", "clahe"), through(pixels, "clahe", "denoise")
    assert not np.array_equal(one, other)


def test_the_view_prepares_between_resize_and_mask() -> None:
    """Crop and resize come before the steps, and what is hidden has its grey after them."""
    mask = np.ones((40, 56), bool)
    mask[:, :28] = False
    steps = parse_preparations(["grey", "illumination=0.3"])
    roi, pixels = Box(0, 4, 48, 32), noise()
    view = View(24, 16, roi, mask_png_from(mask, 24, 16, roi), steps)
    found = Preparer(view)(pixels)
    wanted = prepared(Preparer(View(24, 16, roi))(pixels), steps)
    hidden = ~Preparer(view).mask
    assert (found[hidden] == MASKED).all()
    assert np.array_equal(found[~hidden], wanted[~hidden])


def test_pixels_of_the_right_size_are_not_written_over() -> None:
    """Nothing to resize, a mask and steps: the given pixels stay as they are all the same."""
    pixels = noise(16, 16)
    before, mask = pixels.copy(), np.eye(16, dtype=bool)
    for texts in ([], ["grey"], ["denoise"]):
        view = View(16, 16, None, mask_png_from(mask, 16, 16), parse_preparations(texts))
        Preparer(view)(pixels)
        assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            ["gray"],
            "prepare: there is no 'gray'; there is grey, denoise, illumination, clahe, normalise",
        ),
        (["grey=1"], "grey takes no number"),
        (["clahe=0"], "above 0 and at most 40, as in clahe=2"),
        (["denoise=lots"], "above 0 and at most 100"),
        (["clahe", "clahe=3"], "clahe is there twice"),
    ],
)
def test_what_cannot_be_is_refused(texts: Sequence[str], said: str) -> None:
    """A wrong step is refused with what there is, or with its bounds."""
    with pytest.raises(BadSetting, match=said):
        parse_preparations(texts)


def test_the_view_says_all_that_it_does() -> None:
    """In its order, defaults written out."""
    steps = parse_preparations(["grey", "clahe"])
    view = View(64, 32, Box(1, 2, 3, 4), "x", steps)
    assert str(view) == "64 x 32 px of the region 3 x 4 at 1,2, grey, clahe=2, masked"


def test_every_step_is_documented() -> None:
    """The table in docs/cli.md has each step with its meaning, usual amount and bound."""
    table = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, kind in PREPARATIONS.items():
        numbers = ["" if n is None else f"{n:g}" for n in (kind.usual, kind.most)]
        row = f"| `{name}` | {kind.meaning} | {numbers[0]} | {numbers[1]} |"
        assert row.replace("|  |", "| |").replace("|  |", "| |") in table
