"""The back of a graph that names classes: a linear head on pooled features, and where it looked.

A head is `features` float32 `[N, C, h, w]` -> `score`, `anomaly_map`, `class_scores`. The mean over
the cells and the linear head may change places, so each cell has class scores of its own whose mean
is the image's: the class activation map of Zhou et al. 2016, arXiv:1512.04150, equation 2.
"""

from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from okng.domain.arrays import Array, Mask
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import Features

PEAK_SHARE = 0.03
"""Share of the map, its highest cells, whose mean is the score where a class is good."""


def pooled_graph(features: Features, inspected: Mask) -> ModelProto:
    """Build `image` -> `pooled` float32 `[N, 2 C]`: means over the inspected cells.

    First of the features, then of their squares, which tell how much they vary over the image.
    """
    graph = GraphBuilder("pooled")
    image = graph.input("image", "uint8", ("N", features.height, features.width, 3))
    values = graph.splice(features.graph, {"image": image})
    size = 2 * features.channels
    cells = graph.node("Reshape", _squared(graph, values["features"]), graph.ints(0, size, -1))
    mean = graph.node("MatMul", cells, _mean_weights(graph, inspected))
    graph.output(graph.node("Reshape", mean, graph.ints(0, size)), "pooled", ("N", size))
    return graph.build()


def class_head(weights: Array, bias: Array, inspected: Mask, knows_good: bool) -> ModelProto:
    """Build the head, which answers as `answer` says.

    Args:
        weights: float `[2 C, K]`, for features and their squares.
        bias: float `[K]`.
        inspected: bool `[h, w]`.
        knows_good: the first class is good.
    """
    rows, columns = inspected.shape
    size, classes = weights.shape
    graph = GraphBuilder("class_head")
    x = graph.input("features", "float32", ("N", size // 2, rows, columns))
    x = _squared(graph, x)
    kernel = graph.constant(weights.T.astype(np.float32)[:, :, None, None])
    planes = graph.node("Conv", x, kernel, graph.constant(bias.astype(np.float32)))
    return answer(graph, planes, classes, inspected, knows_good)


def answer(
    graph: GraphBuilder, planes: str, classes: int, inspected: Mask, knows_good: bool
) -> ModelProto:
    """Turn the cells' class scores into the three outputs, and build.

    The class scores of the image are the means over the inspected cells. Where the first class is
    good, `score` is the log-odds of any defect against it, and the map is the same of each cell,
    weighted over the kinds as the image is and shifted so that the mean of its highest cells is the
    score: no place of a good part stands out. Where no class is good, `score` is the doubt, and the
    map shows what speaks for the named kind: the mean of the map is the doubt. Cells that are not
    inspected get the map's lowest value.

    Args:
        graph: where to.
        planes: float32 `[N, K, h, w]`.
        classes: K.
        inspected: bool `[h, w]`.
        knows_good: the first class is good.
    """
    rows, columns = inspected.shape
    head = _Head(graph, graph.node("Reshape", planes, graph.ints(0, classes, -1)), inspected)
    class_scores = graph.node("Reshape", head.mean(head.planes), graph.ints(0, classes))
    score, cells = (head.against_good if knows_good else head.among_kinds)(class_scores, classes)
    graph.output(graph.node("Reshape", score, graph.ints(-1)), "score", ("N",))
    shown = graph.node(
        "Reshape", lowest_where_hidden(graph, cells, inspected), graph.ints(-1, rows, columns)
    )
    graph.output(shown, "anomaly_map", ("N", rows, columns))
    graph.output(class_scores, "class_scores", ("N", classes))
    return graph.build()


@dataclass(frozen=True)
class _Head:
    """Writes the head's parts; `planes` are the cells' class scores `[N, K, h * w]`."""

    graph: GraphBuilder
    planes: str
    inspected: Mask

    def mean(self, planes: str) -> str:
        """Return the mean over the inspected cells: `[..., 1]`."""
        return self.graph.node("MatMul", planes, _mean_weights(self.graph, self.inspected))

    def against_good(self, class_scores: str, classes: int) -> tuple[str, str]:
        """Return the log-odds of any defect `[N, 1]` and each cell's `[N, h * w]`."""
        graph = self.graph
        against = graph.node("Sub", *self._split(class_scores, 1, classes))
        highest = graph.node("ReduceMax", against, graph.ints(1))
        powers = graph.node("Exp", graph.node("Sub", against, highest))
        total = graph.node("ReduceSum", powers, graph.ints(1))
        score = graph.node("Add", highest, graph.node("Log", total))
        cells = graph.node("Sub", *self._split(self.planes, 1, classes))
        weighted = self._weighted(cells, graph.node("Div", powers, total))
        some = graph.node("Gather", weighted, self._indices(), axis=1)
        count = max(1, round(PEAK_SHARE * int(self.inspected.sum())))
        peak = graph.node("ReduceMean", graph.highest(some, count), graph.ints(1))
        return score, graph.node("Add", weighted, graph.node("Sub", score, peak))

    def among_kinds(self, class_scores: str, classes: int) -> tuple[str, str]:
        """Return the doubt `[N, 1]` and what each cell says for the named kind `[N, h * w]`."""
        graph = self.graph
        falling = graph.highest(class_scores, classes)
        first, second = self._slice(falling, 0, 1), self._slice(falling, 1, 2)
        others = self._slice(falling, 1, classes)
        powers = graph.node("Exp", graph.node("Sub", others, first))
        total = graph.node("ReduceSum", powers, graph.ints(1))
        one = graph.constant(np.float32(1))
        doubt = graph.node("Div", total, graph.node("Add", total, one))
        named = graph.node("Cast", graph.node("GreaterOrEqual", class_scores, first), to=1)
        below = graph.node(
            "Min", graph.node("Sub", class_scores, second), graph.constant(np.float32(0))
        )
        rest = graph.node("Mul", graph.node("Exp", below), graph.node("Sub", one, named))
        for_named, for_rest = self._shared(named), self._shared(rest)
        cells = self._weighted(self.planes, graph.node("Sub", for_named, for_rest))
        return doubt, graph.node("Add", graph.node("Sub", cells, self.mean(cells)), doubt)

    def _indices(self) -> str:
        return self.graph.constant(np.flatnonzero(self.inspected))

    def _shared(self, weights: str) -> str:
        """Divide weights `[N, K]` by their sum; where all are 0 they stay so."""
        total = self.graph.node("ReduceSum", weights, self.graph.ints(1))
        least = self.graph.constant(np.float32(1e-6))
        return self.graph.node("Div", weights, self.graph.node("Max", total, least))

    def _weighted(self, planes: str, weights: str) -> str:
        """Return the sum of planes `[N, K, h * w]`, each times its weight `[N, K]`."""
        graph = self.graph
        weighted = graph.node("Mul", planes, graph.node("Unsqueeze", weights, graph.ints(2)))
        return graph.node("ReduceSum", weighted, graph.ints(1), keepdims=0)

    def _split(self, values: str, at: int, end: int) -> tuple[str, str]:
        return self._slice(values, at, end), self._slice(values, 0, at)

    def _slice(self, values: str, start: int, end: int) -> str:
        graph = self.graph
        return graph.node("Slice", values, graph.ints(start), graph.ints(end), graph.ints(1))


def lowest_where_hidden(graph: GraphBuilder, cells: str, inspected: Mask) -> str:
    """Give cells `[N, h * w]` that are not inspected the lowest value of those that are."""
    if inspected.all():
        return cells
    keep = inspected.ravel().astype(np.float32)[None]
    some = graph.node("Gather", cells, graph.constant(np.flatnonzero(inspected)), axis=1)
    lowest = graph.node("ReduceMin", some, graph.ints(1))
    kept = graph.node("Mul", cells, graph.constant(keep))
    return graph.node("Add", kept, graph.node("Mul", lowest, graph.constant(1 - keep)))


def _squared(graph: GraphBuilder, features: str) -> str:
    """Return the features `[N, C, h, w]` with their squares behind them: `[N, 2 C, h, w]`."""
    return graph.node("Concat", features, graph.node("Mul", features, features), axis=1)


def _mean_weights(graph: GraphBuilder, inspected: Mask) -> str:
    """Return `[h * w, 1]` whose product is the mean over the inspected cells."""
    share = inspected.ravel().astype(np.float32)[:, None]
    return graph.constant(share / np.float32(share.sum()))
