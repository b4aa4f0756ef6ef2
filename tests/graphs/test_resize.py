"""Resizing inside a graph against OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from okng.adapters.runtimes.onnxruntime import OnnxRuntime, OnnxRuntimeConfig
from okng.graphs.builder import GraphBuilder
from okng.graphs.resize import Size, resize


def in_graph(pixels: NDArray[np.uint8], target: Size) -> NDArray[np.float32]:
    source = Size(*pixels.shape[1:3])
    graph = GraphBuilder("resize")
    image = graph.input("image", "uint8", ("N", source.height, source.width, 3))
    value = resize(graph, image, source, target)
    graph.output(value, "small", ("N", target.height, target.width, 3))
    session = OnnxRuntime(OnnxRuntimeConfig()).load(graph.build().SerializeToString())
    return np.asarray(session.run({"image": pixels})["small"])


def by_opencv(pixels: NDArray[np.uint8], target: Size) -> NDArray[np.uint8]:
    shrinks = target.height <= pixels.shape[1] and target.width <= pixels.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    size = target.width, target.height
    return np.stack([cv2.resize(one, size, interpolation=how) for one in pixels])


def noise(source: Size, seed: int, count: int = 1) -> NDArray[np.uint8]:
    dice = np.random.default_rng(seed)
    return dice.integers(0, 256, (count, source.height, source.width, 3), np.uint8)


sizes = st.builds(Size, st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=60)
@given(sizes, sizes, st.integers(0, 99))
def test_any_sizes(source: Size, target: Size, seed: int) -> None:
    """From any size to any other, pixels are OpenCV's but for single grey levels in a few."""
    pixels = noise(source, seed, count=2)
    found, wanted = in_graph(pixels, target), by_opencv(pixels, target).astype(np.float32)
    assert found.shape == wanted.shape
    difference = np.abs(found - wanted)
    assert difference.max() <= 1
    assert (difference > 0).sum() <= max(1, 0.05 * difference.size)
    if target.height > source.height or target.width > source.width:
        assert (difference > 0).sum() <= 2  # where 24 bits of a product are too few


@pytest.mark.parametrize("factor", [(2, 2), (1, 3), (4, 1), (3, 5), (4, 4), (2, 4), (7, 6)])
def test_whole_factors_are_exact(factor: tuple[int, int]) -> None:
    """Where whole pixels are averaged, every pixel is OpenCV's, halves included."""
    target = Size(24, 40)
    pixels = noise(Size(24 * factor[0], 40 * factor[1]), seed=7)
    np.testing.assert_array_equal(in_graph(pixels, target), by_opencv(pixels, target))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Size(1024, 1280), Size(512, 512)),
        (Size(960, 1280), Size(252, 336)),
        (Size(300, 200), Size(256, 256)),
        (Size(200, 700), Size(256, 224)),
    ],
)
def test_cameras_sizes(source: Size, target: Size) -> None:
    """At sizes that cameras have, at least 99 of 100 pixels are equal, the others one level off."""
    pixels = noise(source, seed=3)
    difference = np.abs(in_graph(pixels, target) - by_opencv(pixels, target))
    assert difference.max() <= 1
    assert (difference == 0).mean() >= 0.99


def test_flat_colours_stay() -> None:
    """Weights sum to one: an even image keeps its colour, black and white included."""
    for level in (0, 1, 128, 254, 255):
        pixels = np.full((1, 71, 53, 3), level, np.uint8)
        for target in (Size(32, 32), Size(96, 64), Size(71, 17)):
            assert set(np.unique(in_graph(pixels, target))) == {level}
