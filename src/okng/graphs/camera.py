"""Put a model's view before its graph: one graph that takes what the camera gives."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from okng.domain.arrays import Mask
from okng.domain.errors import BadModel, BadSetting
from okng.domain.steps import Step
from okng.domain.view import MASKED, Box, View
from okng.graphs.builder import GraphBuilder
from okng.graphs.resize import Size, resize
from okng.graphs.signature import check_signature

if TYPE_CHECKING:
    import onnx

Channels = Literal["rgb", "bgr"]

_OLDEST_OPSET = 13
_LUMA_STEPS = ("grey",)
_LUMA = (9798, 19235, 3735)
_LUMA_ONE = 32768
"""Luma of ITU-R BT.601 in whole numbers, as OpenCV reckons it; their sum."""
_UINT8 = 2  # onnx.TensorProto.UINT8


def camera_graph(
    graph: bytes,
    view: View,
    mask: Mask | None,
    source: Size,
    channels: Channels = "rgb",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return a graph of the same signature that takes images of another size.

    Its `image` is uint8 `[N, source.height, source.width, 3]` with the channels in the order named;
    it is cropped, resized, prepared and masked as `okng.algorithms.view.Preparer` does, and goes
    through `graph` unchanged.

    Args:
        graph: a model's ONNX.
        view: the model's.
        mask: bool `[view.height, view.width]`, False where the part is hidden; None: nowhere.
        source: the camera's size.
        channels: their order in the camera's images.
        metadata: what the file says of itself, by name.

    Raises:
        BadSetting: the camera's image does not contain the region of interest, or a step of
            preparation cannot be in a graph.
        BadModel: the graph is too old to be extended, or not of the one signature.
    """
    import onnx
    from onnx import compose

    check_signature(graph)
    model = onnx.load_model_from_string(graph)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset < _OLDEST_OPSET:
        raise BadModel(f"the graph is of ONNX opset {opset}; at least {_OLDEST_OPSET} is needed")
    front = compose.add_prefix(_front(view, mask, source, channels), _free_prefix(model.graph))
    image, prepared = front.graph.input[0].name, front.graph.output[0].name
    _rename(front.graph, image, "image")
    _rename(model.graph, "image", prepared)
    nodes = [*front.graph.node, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(front.graph.initializer)
    taken = next(value for value in model.graph.input if value.name == "image")
    _, height, width, _ = taken.type.tensor_type.shape.dim
    height.dim_value, width.dim_value = source.height, source.width
    onnx.helper.set_model_props(model, dict(metadata or {}))
    joined = bytes(model.SerializeToString())
    check_signature(joined)
    return joined


def _front(view: View, mask: Mask | None, source: Size, channels: Channels) -> "onnx.ModelProto":
    """Build the graph `image` `[N, H, W, 3]` -> `prepared` `[N, h, w, 3]`, both uint8."""
    graph = GraphBuilder("camera")
    value = graph.input("image", "uint8", ("N", source.height, source.width, 3))
    if view.roi is not None:
        value, source = _crop(graph, value, view.roi, source)
    target = Size(view.height, view.width)
    is_resized = source != target
    if is_resized:
        value = resize(graph, value, source, target)
    is_float = is_resized
    for step in view.prepare:
        value = value if is_float else graph.node("Cast", value, to=1)
        value, is_float = _prepared(graph, value, step, channels), True
    if mask is not None:
        hidden = (~mask)[None, :, :, None]
        value = value if is_float else graph.node("Cast", value, to=1)
        is_float = True
        grey = graph.constant(np.float32(MASKED))
        value = graph.node("Where", graph.constant(hidden), grey, value)
    if is_float:
        value = graph.node("Cast", value, to=_UINT8)
    if channels == "bgr":
        value = graph.node("Gather", value, graph.ints(2, 1, 0), axis=3)
    graph.output(value, "prepared", ("N", view.height, view.width, 3), "uint8")
    return graph.build()


def _prepared(graph: GraphBuilder, value: str, step: Step, channels: Channels) -> str:
    """Do one step on float32 `[N, h, w, 3]` of whole numbers from 0 to 255.

    Raises:
        BadSetting: it is not arithmetic that every runtime does alike.
    """
    if step.name not in _LUMA_STEPS:
        raise BadSetting(
            f"the model prepares its images by {step}, which cannot be part of an ONNX graph to "
            "the last bit: do that before the graph as okng inspect does, or train a model without "
            f"--prepare {step.name}"
        )
    weights = _LUMA if channels == "rgb" else _LUMA[::-1]
    # Sums below 2^24 and a power of two: exact in float32, which a GPU's MatMul is not.
    parts = graph.node("Mul", value, graph.constant(np.array(weights, np.float32)))
    luma = graph.node("ReduceSum", parts, graph.ints(3), keepdims=1)
    rounded = graph.node("Add", luma, graph.constant(np.float32(_LUMA_ONE / 2)))
    scaled = graph.node("Div", rounded, graph.constant(np.float32(_LUMA_ONE)))
    level = graph.node("Floor", scaled)
    return graph.node("Concat", level, level, level, axis=3)


def _crop(graph: GraphBuilder, image: str, roi: Box, source: Size) -> tuple[str, Size]:
    right, bottom = roi.x + roi.width, roi.y + roi.height
    if right > source.width or bottom > source.height:
        raise BadSetting(
            f"the model inspects x={roi.x}, y={roi.y}, {roi.width} x {roi.height}, which an input "
            f"of {source.width} x {source.height} does not contain; name the camera's size, or "
            "train with another --roi"
        )
    if (roi.height, roi.width) == (source.height, source.width):
        return image, source
    starts, ends = graph.ints(roi.y, roi.x), graph.ints(bottom, right)
    return graph.node("Slice", image, starts, ends, graph.ints(1, 2)), Size(roi.height, roi.width)


def _rename(graph: "onnx.GraphProto", old: str, new: str) -> None:
    """Let every node that takes `old` take `new`."""
    for node in _nodes(graph):
        node.input[:] = [new if value == old else value for value in node.input]


def _nodes(graph: "onnx.GraphProto") -> "Iterator[onnx.NodeProto]":
    """Yield every node, those of branches and loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _nodes(inner)


def _free_prefix(graph: "onnx.GraphProto") -> str:
    """Return a prefix that no name of the graph has."""
    names = {name for node in _nodes(graph) for name in (node.name, *node.output)}
    names |= {tensor.name for tensor in graph.initializer}
    prefix = "camera/"
    while any(name.startswith(prefix) for name in names):
        prefix = f"camera_{prefix}"
    return prefix
