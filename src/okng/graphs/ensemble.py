"""Several models in one graph: scores and maps on one scale, then their mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from okng.domain.arrays import Mask
from okng.domain.errors import BadModel
from okng.graphs.builder import OPSET, GraphBuilder
from okng.graphs.class_head import lowest_where_hidden
from okng.graphs.fusion import MapScale


@dataclass(frozen=True)
class Member:
    """A model's graph, the scale of its score and map, and its temperature where it names classes.

    `rows` and `columns` are those of its map.
    """

    name: str
    graph: bytes = field(repr=False)
    scale: MapScale
    rows: int
    columns: int
    temperature: float | None = None


def ensemble_graph(members: Sequence[Member], size: tuple[int, int], cells: Mask) -> bytes:
    """Build the graph `image` -> `score`, `anomaly_map` and, where all have them, `class_scores`.

    Score and map are the mean of the members', each `(x - centre) / spread`; class scores the mean
    of the logarithms of their tempered probabilities.

    Args:
        members: with class scores of the same classes, or without.
        size: width and height of the image.
        cells: bool `[h, w]`, what is inspected of the map, to whose grid all maps are brought.

    Raises:
        BadModel: a member is of another ONNX opset.
    """
    graph = GraphBuilder("okng")
    width, height = size
    image = graph.input("image", "uint8", ("N", height, width, 3))
    rows, columns = cells.shape
    scores, maps, classes = [], [], []
    for member in members:
        outputs = graph.splice(_loaded(member), {"image": image})
        scores.append(_scaled(graph, outputs["score"], member.scale))
        plane = _scaled(graph, outputs["anomaly_map"], member.scale)
        maps.append(_on_grid(graph, plane, member, rows, columns))
        if member.temperature is not None:
            hot = graph.constant(np.float32(member.temperature))
            tempered = graph.node("Div", outputs["class_scores"], hot)
            classes.append(graph.node("LogSoftmax", tempered, axis=1))
    graph.output(_mean(graph, scores), "score", ("N",))
    shown = lowest_where_hidden(graph, _mean(graph, maps), cells)
    shown = graph.node("Reshape", shown, graph.ints(-1, rows, columns))
    graph.output(shown, "anomaly_map", ("N", rows, columns))
    if len(classes) == len(members):
        count = _class_count(members[0])
        graph.output(_mean(graph, classes), "class_scores", ("N", count))
    return bytes(graph.build().SerializeToString(deterministic=True))


def _loaded(member: Member) -> onnx.ModelProto:
    model = onnx.load_model_from_string(member.graph)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset != OPSET:
        raise BadModel(
            f"{member.name} is of ONNX opset {opset}, this okng's are of {OPSET}, and one graph "
            "has one: train it again"
        )
    return model


def _scaled(graph: GraphBuilder, values: str, scale: MapScale) -> str:
    centred = graph.node("Sub", values, graph.constant(np.float32(scale.centre)))
    return graph.node("Div", centred, graph.constant(np.float32(scale.spread)))


def _on_grid(graph: GraphBuilder, plane: str, member: Member, rows: int, columns: int) -> str:
    """Bring a map `[N, h, w]` to the grid of all: `[N, rows * columns]`."""
    if (member.rows, member.columns) != (rows, columns):
        plane = graph.node("Reshape", plane, graph.ints(-1, 1, member.rows, member.columns))
        sizes = graph.ints(rows, columns)
        plane = graph.node("Resize", plane, "", "", sizes, mode="linear", axes=[2, 3])
    return graph.node("Reshape", plane, graph.ints(-1, rows * columns))


def _mean(graph: GraphBuilder, values: Sequence[str]) -> str:
    total = values[0]
    for value in values[1:]:
        total = graph.node("Add", total, value)
    return graph.node("Mul", total, graph.constant(np.float32(1 / len(values))))


def _class_count(member: Member) -> int:
    model = onnx.load_model_from_string(member.graph)
    value = next(one for one in model.graph.output if one.name == "class_scores")
    return int(value.type.tensor_type.shape.dim[1].dim_value)
