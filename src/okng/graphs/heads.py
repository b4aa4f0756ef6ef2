"""The back of every frozen-feature graph: features in, score and anomaly map out.

A head is a graph of its own, `features` float32 `[N, C, h, w]` -> `score` `[N]`, `anomaly_map`
`[N, h, w]` and, where it names classes, `class_scores` `[N, K]`, so that cross-fitting scores
stored features without the backbone. `join` makes the whole model of both.
"""

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from okng.domain.arrays import Array, Floats, Mask
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import Features

_AT_ONCE = 4096
"""Features of a bank that are compared at once: their products need memory."""


@dataclass(frozen=True)
class MapScoring:
    """How distances become a map, and a map a score.

    `blur_cells` is the sigma of a Gaussian over the map, in cells (0: none). The score is the mean
    of the highest `share` of the map's cells (0: the maximum). `inspected` is bool `[h, w]`; other
    cells are 0 in the map and take no part.
    """

    share: float
    blur_cells: float
    inspected: Mask


def nearest_neighbour_head(bank: Floats, scoring: MapScoring) -> ModelProto:
    """Build the head whose map is the distance to the nearest feature of the bank.

    Exact: ||x - b||^2 = ||x||^2 - 2 x.b + ||b||^2, the products in one matrix multiplication for
    each `_AT_ONCE` features; a distance below a thousandth of ||x|| counts as that.

    Args:
        bank: float32 `[M, C]`.
        scoring: how the map is smoothed and scored.
    """
    graph = GraphBuilder("nearest_neighbour")
    x = _cells(graph, bank.shape[1], scoring)
    least = []
    for at in range(0, len(bank), _AT_ONCE):
        part = bank[at : at + _AT_ONCE]
        products = graph.node("MatMul", x, graph.constant(np.float32(-2) * part.T))
        shifted = graph.node("Add", products, graph.constant((part * part).sum(axis=1)))
        least.append(graph.node("ReduceMin", shifted, graph.ints(2), keepdims=0))
    nearest = graph.node("Min", *least) if len(least) > 1 else least[0]
    own = graph.node("ReduceSum", graph.node("Mul", x, x), graph.ints(2), keepdims=0)
    # Below this the difference of the large terms is rounding alone, and runtimes would disagree.
    floor = graph.node("Mul", own, graph.constant(np.float32(1e-6)))
    squared = graph.node("Max", graph.node("Add", nearest, own), floor)
    return finish(graph, graph.node("Sqrt", squared), scoring)


def gaussian_head(
    channels: int, chosen: Array, mean: Floats, whitening: Floats, scoring: MapScoring
) -> ModelProto:
    """Build the head whose map is the Mahalanobis distance to each position's own Gaussian.

    Args:
        channels: C of the features.
        chosen: int64 `[D]`, which channels take part.
        mean: float32 `[h * w, D]`.
        whitening: float32 `[h * w, D, D]`; (x - mean) @ whitening has unit covariance.
        scoring: how the map is smoothed and scored.
    """
    graph = GraphBuilder("gaussian")
    x = _cells(graph, channels, scoring)
    x = graph.node("Gather", x, graph.constant(chosen.astype(np.int64)), axis=2)
    centred = graph.node("Sub", x, graph.constant(mean))
    by_position = graph.node("Transpose", centred, perm=[1, 0, 2])
    white = graph.node("MatMul", by_position, graph.constant(whitening))
    squared = graph.node("ReduceSum", graph.node("Mul", white, white), graph.ints(2), keepdims=0)
    return finish(graph, graph.node("Sqrt", graph.node("Transpose", squared, perm=[1, 0])), scoring)


def join(features: Features, head: ModelProto) -> ModelProto:
    """Make one graph of both: `image` in, all outputs of the head out."""
    graph = GraphBuilder("okng")
    image = graph.input("image", "uint8", ("N", features.height, features.width, 3))
    values = graph.splice(features.graph, {"image": image})
    outputs = graph.splice(head, {"features": values["features"]})
    graph.output(outputs["score"], "score", ("N",))
    graph.output(outputs["anomaly_map"], "anomaly_map", ("N", features.rows, features.columns))
    if "class_scores" in outputs:
        classes = head.graph.output[2].type.tensor_type.shape.dim[1].dim_value
        graph.output(outputs["class_scores"], "class_scores", ("N", classes))
    return graph.build()


def _cells(graph: GraphBuilder, channels: int, scoring: MapScoring) -> str:
    """Declare the input and turn it into `[N, h * w, C]`."""
    rows, columns = scoring.inspected.shape
    x = graph.input("features", "float32", ("N", channels, rows, columns))
    x = graph.node("Reshape", x, graph.ints(0, channels, rows * columns))
    return graph.node("Transpose", x, perm=[0, 2, 1])


def finish(graph: GraphBuilder, distances: str, scoring: MapScoring) -> ModelProto:
    """Turn distances `[N, h * w]` into the map and the score, and build."""
    rows, columns = scoring.inspected.shape
    plane = graph.node("Reshape", distances, graph.ints(-1, 1, rows, columns))
    kernel = _gaussian_kernel(scoring.blur_cells, min(rows, columns))
    if scoring.inspected.all():
        plane = _blur(graph, plane, kernel)
    else:
        # Cells outside the mask are taken out before the blur, and the blur's weights that they
        # would have had are given back to the others.
        keep = scoring.inspected.astype(np.float64)
        weights = keep / np.maximum(_blurred(keep, kernel), np.finfo(np.float32).tiny)
        plane = graph.node("Mul", plane, graph.constant(keep.astype(np.float32)[None, None]))
        plane = _blur(graph, plane, kernel)
        plane = graph.node("Mul", plane, graph.constant(weights.astype(np.float32)[None, None]))
    flat = graph.node("Reshape", plane, graph.ints(-1, rows * columns))
    count = max(1, round(scoring.share * int(scoring.inspected.sum())))
    highest = graph.highest(flat, count)
    graph.output(graph.node("ReduceMean", highest, graph.ints(1), keepdims=0), "score", ("N",))
    anomaly_map = graph.node("Reshape", plane, graph.ints(-1, rows, columns))
    graph.output(anomaly_map, "anomaly_map", ("N", rows, columns))
    return graph.build()


def _gaussian_kernel(sigma: float, side: int) -> Array:
    """Return a kernel `[2 r + 1, 2 r + 1]` that sums to 1; `[1, 1]` where sigma is 0."""
    if sigma <= 0:
        return np.ones((1, 1))
    radius = min(max(1, round(3 * sigma)), side - 1)
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel: Array = np.outer(line, line) / line.sum() ** 2
    return kernel


def _blur(graph: GraphBuilder, plane: str, kernel: Array) -> str:
    size = kernel.shape[0]
    if size == 1:
        return plane
    radius = size // 2
    pads = graph.ints(0, 0, radius, radius, 0, 0, radius, radius)
    padded = graph.node("Pad", plane, pads, mode="reflect")
    weights = graph.constant(kernel.astype(np.float32)[None, None])
    return graph.node("Conv", padded, weights, kernel_shape=[size, size])


def _blurred(plane: Array, kernel: Array) -> Array:
    """Do in numpy what `_blur` does in the graph."""
    padded = np.pad(plane, kernel.shape[0] // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    blurred: Array = (windows * kernel).sum(axis=(2, 3))
    return blurred
