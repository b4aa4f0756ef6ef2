"""Images that show the same part again."""

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from okng.algorithms.duplicates import group_near_duplicates, thumbnail
from okng.algorithms.pixels import decode, decode_file


def parts(n: int, seed: int = 0, sigma: float = 6.0) -> np.ndarray:
    """Make `n` images `[256, 256, 3]` of one disc, alike but for their own surface."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256] - 128
    disc = np.where(np.hypot(x, y) < 95, 170.0, 40.0)
    coarse = rng.normal(0, sigma, (n, 32, 32)).repeat(8, axis=1).repeat(8, axis=2)
    images = (disc + coarse)[..., None] + rng.normal(0, 2, (n, 256, 256, 3))
    return np.clip(images, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60)
    return decode(file.getvalue())


def noisy(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * 1.03 + 4, 0, 255).astype(np.uint8)


def groups_of(images: list[np.ndarray] | np.ndarray) -> list[int]:
    return group_near_duplicates(np.stack([thumbnail(image) for image in images])).tolist()


def test_thumbnail_is_grey_and_small() -> None:
    """A thumbnail is float32 64 x 64 in grey levels, whatever the image's shape."""
    small = thumbnail(np.full((90, 300, 3), 77, np.uint8))
    assert small.shape == (64, 64)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, 77, rtol=1e-5)


def test_no_image_gives_no_group() -> None:
    """An empty set has no groups; one image is one group."""
    assert group_near_duplicates(np.zeros((0, 64, 64), np.float32)).tolist() == []
    assert group_near_duplicates(np.ones((1, 64, 64), np.float32)).tolist() == [0]


def test_different_parts_stay_apart() -> None:
    """Parts that look alike but have their own surfaces are all different."""
    assert groups_of(parts(60)) == list(range(60))


@pytest.mark.parametrize("copy", [np.copy, jpeg, noisy, brighter])
def test_copies_join_their_source(copy: Callable[[np.ndarray], np.ndarray]) -> None:
    """Exact, re-encoded, noisy and brighter copies each join the image they come from only."""
    images = list(parts(20))
    assert groups_of([*images, *map(copy, images[:7])]) == [*range(20), *range(7)]


def test_parts_of_smooth_material_stay_apart() -> None:
    """Parts that differ by less than a grey level, under drifting light, are still different."""
    rng = np.random.default_rng(0)
    plates = 128 + rng.normal(0, 5, (300, 1, 1)) + rng.normal(0, 0.3, (300, 64, 64))
    assert len(set(group_near_duplicates(plates.astype(np.float32)).tolist())) == 300


def test_identical_images_are_one_part() -> None:
    """A set of one image again and again, even of two, is one part."""
    assert groups_of([parts(1)[0]] * 2) == [0, 0]
    assert groups_of([parts(1)[0]] * 30) == [0] * 30


def test_many_copies_of_few_parts_are_few_parts() -> None:
    """Where most images repeat one part, that part is still one."""
    images = list(parts(6))
    assert groups_of([*images, *[noisy(images[0])] * 3, *[jpeg(images[0])] * 20]) == [
        *range(6),
        *[0] * 23,
    ]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(14)))
def test_grouping_does_not_depend_on_the_order(order: list[int]) -> None:
    """Shuffled images fall into the same groups, numbered by first appearance."""
    ids = groups_of([SHUFFLED[k] for k in order])
    assert {frozenset(k for k, i in zip(order, ids, strict=True) if i == g) for g in ids} == {
        *(frozenset({k, k + 10}) for k in range(4)),
        *(frozenset({k}) for k in range(4, 10)),
    }
    assert list(dict.fromkeys(ids)) == list(range(10))


SHUFFLED = [*parts(10), *map(jpeg, parts(10)[:4])]


def test_half_precision_finds_the_same() -> None:
    """Thumbnails kept as float16 fall into the groups of float32, on smooth material too, where
    repetitions differ by a fraction of a grey level."""
    rng = np.random.default_rng(0)
    plates = 150 + rng.normal(0, 0.5, (60, 64, 64))
    plates[40:] = plates[:20] + rng.normal(0, 0.06, (20, 64, 64))
    full = plates.astype(np.float32)
    found = group_near_duplicates(full.astype(np.float16))
    assert found.tolist() == group_near_duplicates(full).tolist() == [*range(40), *range(20)]


@pytest.mark.parametrize("sigma", [8.0, 1.0])
def test_memory_grows_little_with_the_images(sigma: float) -> None:
    """Beside the thumbnails, a thousand images more take a few kilobytes each, not copies of them,
    though on smooth material every pair must be compared."""

    def peak(n: int) -> int:
        rng = np.random.default_rng(0)
        images = (128 + rng.standard_normal((n, 64, 64), np.float32) * sigma).astype(np.float16)
        tracemalloc.start()
        try:
            group_near_duplicates(images)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert (peak(2600) - peak(1600)) / 1000 < 4096


def test_blocks_of_rows_see_each_other() -> None:
    """Copies are found across the blocks in which a large set is compared."""
    rng = np.random.default_rng(0)
    images = rng.normal(128, 10, (1200, 16, 16)).astype(np.float32)
    images[1100] = images[3] + rng.normal(0, 0.2, (16, 16))
    images[600] = images[1199] + rng.normal(0, 0.2, (16, 16))
    ids = group_near_duplicates(images)
    assert len(set(ids.tolist())) == 1198
    assert ids[1100] == ids[3]
    assert ids[600] == ids[1199]


def test_real_bottles_are_different_and_their_copies_are_not(okng_data: Path) -> None:
    """Of 209 real bottles none is merged, and 60 re-encoded copies all are."""
    bottles = [decode_file(path) for path in sorted((okng_data / "bottle/train/good").iterdir())]
    assert groups_of([*bottles, *map(jpeg, bottles[:60])]) == [*range(209), *range(60)]
