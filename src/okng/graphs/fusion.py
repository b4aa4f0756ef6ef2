"""Several detectors in one graph: each map normalised, brought to one grid, and averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from onnx import ModelProto

from okng.domain.arrays import Array, Mask
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import Features
from okng.graphs.heads import MapScoring, finish


@dataclass(frozen=True)
class MapScale:
    """How a member's map is normalised: `(map - centre) / spread`.

    Both come from maps of good parts that the member had not seen.
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, values: Array) -> Self:
        """Return the median of values, and how far above it the highest lie.

        It is the high values that a score is made of, so their 99th percentile is the unit, and not
        the standard deviation, which the low ones decide.
        """
        centre, high = np.quantile(values, [0.5, 0.99])
        return cls(float(centre), float(max(high - centre, 1e-3 * abs(centre), 1e-6)))


def fused_maps(
    scales: Sequence[MapScale], inspected: Sequence[Mask], scoring: MapScoring
) -> ModelProto:
    """Build the graph `map_0`, `map_1`, ... -> `score`, `anomaly_map`.

    Args:
        scales: of each member.
        inspected: bool `[h, w]` of each member's own grid; `map_i` is float32 `[N, h, w]`.
        scoring: of the fused map; its grid is what all maps are brought to.
    """
    graph = GraphBuilder("fusion")
    rows, columns = scoring.inspected.shape
    normalised = []
    for number, (scale, cells) in enumerate(zip(scales, inspected, strict=True)):
        value = graph.input(f"map_{number}", "float32", ("N", *cells.shape))
        value = graph.node("Sub", value, graph.constant(np.float32(scale.centre)))
        # Cells that are not inspected count as ordinary ones, so that none bleeds over the edge.
        weight = cells.astype(np.float32) / np.float32(scale.spread * len(scales))
        value = graph.node("Mul", value, graph.constant(weight))
        value = graph.node("Reshape", value, graph.ints(-1, 1, *cells.shape))
        if cells.shape != (rows, columns):
            sizes = graph.ints(rows, columns)
            value = graph.node("Resize", value, "", "", sizes, mode="linear", axes=[2, 3])
        normalised.append(graph.node("Reshape", value, graph.ints(-1, rows * columns)))
    total = normalised[0]
    for value in normalised[1:]:
        total = graph.node("Add", total, value)
    return finish(graph, total, scoring)


def join_members(members: Sequence[tuple[Features, ModelProto]], fusion: ModelProto) -> ModelProto:
    """Make one graph of all: `image` in, `score` and `anomaly_map` out.

    `members` are fronts and heads; equal fronts are there once.
    """
    graph = GraphBuilder("okng")
    first, _ = members[0]
    image = graph.input("image", "uint8", ("N", first.height, first.width, 3))
    fronts: dict[bytes, str] = {}
    maps = {}
    for number, (features, head) in enumerate(members):
        key = features.graph.SerializeToString(deterministic=True)
        if key not in fronts:
            fronts[key] = graph.splice(features.graph, {"image": image})["features"]
        outputs = graph.splice(head, {"features": fronts[key]})
        maps[f"map_{number}"] = outputs["anomaly_map"]
    outputs = graph.splice(fusion, maps)
    rows, columns = (d.dim_value for d in fusion.graph.output[1].type.tensor_type.shape.dim[1:])
    graph.output(outputs["score"], "score", ("N",))
    graph.output(outputs["anomaly_map"], "anomaly_map", ("N", rows, columns))
    return graph.build()
