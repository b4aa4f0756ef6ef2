"""Resize pixels inside a graph as OpenCV does outside of it."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from okng.domain.arrays import Array, Floats
from okng.graphs.builder import GraphBuilder

_BLOCK = 8  # rows of the result that one matrix product makes
_CHUNK = 1_500_000  # floats that are in memory at once: what a core's cache holds
_FIXED_POINT = 2048  # OpenCV's bilinear weights are whole numbers of this part


@dataclass(frozen=True)
class Size:
    height: int
    width: int


def resize(graph: GraphBuilder, image: str, source: Size, target: Size) -> str:
    """Resize uint8 `[N, H, W, 3]` to float32 `[N, h, w, 3]` of whole grey levels, 0 to 255.

    As cv2.resize does for uint8: INTER_AREA where neither side grows, else INTER_LINEAR. Where a
    mean lies midway between two grey levels, sums in another order may fall on the other one.
    """
    if target.height > source.height or target.width > source.width:
        return _linear(graph, image, source, target)
    if source.height % target.height == 0 and source.width % target.width == 0:
        return _whole_blocks(graph, image, source, target)
    rows = _area_weights(source.height, target.height)
    columns = _area_weights(source.width, target.width)
    return graph.node("Round", _weighted(graph, image, source, target, rows, columns))


def _whole_blocks(graph: GraphBuilder, image: str, source: Size, target: Size) -> str:
    """Average blocks of whole pixels; their sums are exact in float32, so every mean is OpenCV's.

    OpenCV rounds half to even, but the mean of 2 x 2 half up.
    """
    rows, columns = source.height // target.height, source.width // target.width
    sums = _weighted(
        graph,
        image,
        source,
        target,
        np.repeat(np.eye(target.height, dtype=np.float32), rows, axis=1),
        np.repeat(np.eye(target.width, dtype=np.float32), columns, axis=1),
    )
    means = graph.node("Mul", sums, graph.constant(np.float32(1 / (rows * columns))))
    if rows == columns == 2:
        return graph.node("Floor", graph.node("Add", means, graph.constant(np.float32(0.5))))
    return graph.node("Round", means)


def _weighted(
    graph: GraphBuilder, image: str, source: Size, target: Size, rows: Floats, columns: Floats
) -> str:
    """Return `rows` X `columns`^T of each channel X: float32 `[N, h, w, 3]`, not rounded.

    `rows` is `[h, H]`, `columns` `[w, W]`.
    """
    flat = graph.node("Reshape", image, graph.ints(0, source.height, source.width * 3))
    short = _banded_product(graph, rows, flat, source.width * 3)
    short = graph.node("Reshape", short, graph.ints(0, target.height, source.width, 3))
    turned = graph.node("Transpose", short, perm=[0, 2, 1, 3])
    turned = graph.node("Reshape", turned, graph.ints(0, source.width, target.height * 3))
    small = _banded_product(graph, columns, turned, target.height * 3)
    small = graph.node("Reshape", small, graph.ints(0, target.width, target.height, 3))
    return graph.node("Transpose", small, perm=[0, 2, 1, 3])


def _banded_product(graph: GraphBuilder, weights: Floats, values: str, columns: int) -> str:
    """Multiply `weights` `[m, n]`, whose rows differ from 0 in a narrow band, by `[N, n, columns]`.

    A block of rows needs a window of the values alone, so the work grows with the image and not
    with its area times the view's side; the windows go through memory a few at a time.
    """
    windows, blocks = _bands(weights)
    count = max(1, _CHUNK // (windows.shape[1] * columns))
    parts = []
    for start in range(0, len(windows), count):
        chosen = slice(start, start + count)
        part = graph.node("Gather", values, graph.constant(windows[chosen]), axis=1)
        part = graph.node("Cast", part, to=TensorProto.FLOAT)
        part = graph.node("MatMul", graph.constant(blocks[chosen]), part)
        parts.append(graph.node("Reshape", part, graph.ints(0, -1, columns)))
    product = graph.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    if len(weights) % _BLOCK:
        ends = graph.ints(len(weights))
        product = graph.node("Slice", product, graph.ints(0), ends, graph.ints(1))
    return product


def _bands(weights: Floats) -> tuple[Array, Floats]:
    """Return each block's window, int64 `[b, k]`, and its weights there, `[b, _BLOCK, k]`."""
    starts = range(0, len(weights), _BLOCK)
    spans = [np.flatnonzero(weights[s : s + _BLOCK].any(axis=0))[[0, -1]] for s in starts]
    width = max(int(last - first) + 1 for first, last in spans)
    windows = np.empty((len(spans), width), np.int64)
    blocks = np.zeros((len(spans), _BLOCK, width), np.float32)
    for block, (start, (first, _)) in enumerate(zip(starts, spans, strict=True)):
        begin = min(int(first), weights.shape[1] - width)
        windows[block] = np.arange(begin, begin + width)
        rows = weights[start : start + _BLOCK, begin : begin + width]
        blocks[block, : len(rows)] = rows
    return windows, blocks


def _area_weights(source: int, target: int) -> Floats:
    """Return `[target, source]`: which share of a new pixel each old one covers (INTER_AREA).

    OpenCV leaves out shares below a thousandth of an old pixel.
    """
    scale = 1 / (target / source)
    weights = np.zeros((target, source), np.float32)
    for row in range(target):
        start, end = row * scale, (row + 1) * scale
        covered = min(scale, source - start)
        last = min(int(np.floor(end)), source - 1)
        first = min(int(np.ceil(start)), last)
        if first - start > 1e-3:
            weights[row, first - 1] = (first - start) / covered
        weights[row, first:last] = 1 / covered
        if end - last > 1e-3:
            weights[row, last] = min(end - last, 1.0, covered) / covered
    return weights


def _linear(graph: GraphBuilder, image: str, source: Size, target: Size) -> str:
    """Interpolate in OpenCV's fixed point: 11 bits of weight, 4 dropped between the two passes.

    Its whole numbers are float32 here; each step's divisor is a power of two, so what is cut off
    is the same.
    """
    left, right, near, far = _linear_taps(source.width, target.width)
    across = [
        graph.node(
            "Mul",
            graph.node(
                "Cast",
                graph.node("Gather", image, graph.constant(index), axis=2),
                to=TensorProto.FLOAT,
            ),
            graph.constant(weight.reshape(1, 1, -1, 1)),
        )
        for index, weight in ((left, near), (right, far))
    ]
    lines = _floor(graph, graph.node("Add", *across), 1 / 16)
    upper, lower, near, far = _linear_taps(source.height, target.height)
    down = [
        graph.node(
            "Floor",
            graph.node(
                "Mul",
                graph.node("Gather", lines, graph.constant(index), axis=1),
                graph.constant((weight / np.float32(65536)).reshape(1, -1, 1, 1)),
            ),
        )
        for index, weight in ((upper, near), (lower, far))
    ]
    quarters = graph.node("Add", graph.node("Add", *down), graph.constant(np.float32(2)))
    return _floor(graph, quarters, 1 / 4)


def _floor(graph: GraphBuilder, values: str, factor: float) -> str:
    return graph.node("Floor", graph.node("Mul", values, graph.constant(np.float32(factor))))


def _linear_taps(source: int, target: int) -> tuple[Array, Array, Floats, Floats]:
    """Return both neighbours of each new pixel, int64 `[target]`, and their weights, of 2048.

    Beyond the border both are the border's pixel.
    """
    places = ((np.arange(target) + 0.5) * (1 / (target / source)) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int64)
    share = places - first.astype(np.float32)
    far = np.rint(share * np.float32(_FIXED_POINT))
    near = np.rint((np.float32(1) - share) * np.float32(_FIXED_POINT))
    return first.clip(0, source - 1), (first + 1).clip(0, source - 1), near, far
