"""Images that show the same part turned."""

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from okng.algorithms.pixels import decode, decode_file
from okng.algorithms.turned_duplicates import SKETCH, Turns, find_turned, sketch, unite
from okng.testing.images import good_parts

SIZE = 200


def turned(
    pixels: np.ndarray, degrees: float, scale: float = 1.0, mirrored: bool = False
) -> np.ndarray:
    """Mirror left to right, turn clockwise about the centre, and save as JPEG."""
    height, width = pixels.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    moved = cv2.warpAffine(
        pixels[:, ::-1] if mirrored else pixels,
        cv2.getRotationMatrix2D(centre, -degrees, scale),
        (width, height),
        borderMode=cv2.BORDER_REFLECT,
    )
    file = cv2.imencode(".jpg", moved[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return decode(file.tobytes())


def pairs_of(images: list[np.ndarray]) -> set[tuple[int, int]]:
    sketches = np.stack([sketch(image) for image in images])
    found = find_turned(Turns(sketches), np.arange(len(images)))
    return {(min(p.first, p.second), max(p.first, p.second)) for p in found}


@pytest.fixture(scope="module")
def parts() -> list[np.ndarray]:
    """Parts of one outline, each with a grain of its own."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 12, (16, SIZE // 4, SIZE // 4)).astype(np.float32)
    fine = np.stack([cv2.resize(one, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for one in grain])
    return list(np.clip(good_parts(16, SIZE) + fine[..., None], 0, 255).astype(np.uint8))


def test_sketch_keeps_proportions() -> None:
    """A sketch is the central square, so that a circle stays one in a wide image."""
    wide = np.zeros((120, 300, 3), np.uint8)
    cv2.circle(wide, (150, 60), 40, (255, 255, 255), -1)
    small = sketch(wide) > 127
    assert small.shape == (SKETCH, SKETCH)
    assert np.ptp(np.flatnonzero(small.any(axis=0))) == np.ptp(np.flatnonzero(small.any(axis=1)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0, 270.0, 7.0, 133.0])
def test_a_turned_copy_joins_its_source_only(
    parts: list[np.ndarray], degrees: float, mirrored: bool
) -> None:
    """Copies that were turned by any angle, mirrored, scaled a little and saved anew are found;
    different parts stay apart."""
    copies = [turned(part, degrees, 1.03, mirrored) for part in parts[:3]]
    assert pairs_of([*parts, *copies]) == {(0, 16), (1, 17), (2, 18)}


def test_different_parts_stay_apart(parts: list[np.ndarray]) -> None:
    """Without copies, nothing is joined."""
    assert pairs_of(parts) == set()


@pytest.mark.parametrize(("degrees", "mirrored"), [(30.0, False), (-120.0, False), (45.0, True)])
def test_a_pair_says_how_it_was_turned(
    parts: list[np.ndarray], degrees: float, mirrored: bool
) -> None:
    """The second image is the first, mirrored left to right where it says so, turned clockwise."""
    images = [parts[0], turned(parts[0], degrees, mirrored=mirrored)]
    pair = Turns(np.stack([sketch(image) for image in images])).compare(0, 1)
    assert pair is not None
    assert pair.likeness > 0.9
    assert pair.mirrored == mirrored
    assert pair.degrees == pytest.approx(degrees, abs=1.5)


def test_nearest_names_the_source(parts: list[np.ndarray]) -> None:
    """Of several, the one that was turned is named, with its turn to a step of the search."""
    images = [*parts, turned(parts[5], 68.0)]
    turns = Turns(np.stack([sketch(image) for image in images]))
    pair = turns.nearest(5, np.arange(6, 17))
    assert pair.second == 16
    assert pair.degrees == pytest.approx(68, abs=6)


def test_known_groups_are_compared_once(parts: list[np.ndarray]) -> None:
    """What is known to belong together is not found again, and joins as a whole."""
    images = [*parts[:6], turned(parts[0], 40), turned(parts[0], 40)]
    sketches = np.stack([sketch(image) for image in images])
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 6])
    found = find_turned(Turns(sketches), groups)
    assert [(pair.first, pair.second) for pair in found] == [(0, 6)]
    assert unite(groups, found).tolist() == [0, 1, 2, 3, 4, 5, 0, 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_images_are_no_set(n: int) -> None:
    """Nothing can be told from fewer than three images, and that is no error."""
    images = good_parts(3, 64)[:n]
    sketches = np.array([sketch(image) for image in images], np.uint8).reshape(-1, SKETCH, SKETCH)
    assert find_turned(Turns(sketches), np.arange(n)) == []


def test_flat_images_are_not_joined() -> None:
    """Images without any structure give no pairs, and no warning."""
    flat = np.full((8, SKETCH, SKETCH), 128, np.uint8)
    flat[:, 0, 0] = np.arange(8)
    assert find_turned(Turns(flat), np.arange(8)) == []


def test_real_bottles_and_their_turned_copies(okng_data: Path) -> None:
    """Of 60 real bottles, which share their outlines, none is merged; 12 turned copies all are."""
    files = sorted((okng_data / "bottle/train/good").iterdir())[:60]
    bottles = [decode_file(file) for file in files]
    angles = np.random.default_rng(0).uniform(0, 360, 12)
    copies = [turned(b, a, 1.02, bool(a > 180)) for b, a in zip(bottles, angles, strict=False)]
    assert pairs_of([*bottles, *copies]) == {(k, 60 + k) for k in range(12)}


def test_memory_grows_with_the_images_alone() -> None:
    """No list of all pairs is made: 2,000 images take some megabytes, their pairs would take 32."""
    turns = Turns(np.full((2000, SKETCH, SKETCH), 128, np.uint8))
    tracemalloc.start()
    try:
        assert find_turned(turns, np.arange(2000)) == []
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()
