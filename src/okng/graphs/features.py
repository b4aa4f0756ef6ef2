"""The front of every frozen-feature graph: pixels in, one feature vector for each map cell out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, TensorProto, load_model_from_string

from okng.domain.errors import BadSetting
from okng.domain.view import View
from okng.graphs.backbone import Backbone, StageInfo
from okng.graphs.builder import GraphBuilder


@dataclass(frozen=True)
class Features:
    """A graph `image` uint8 `[N, H, W, 3]` -> `features` float32 `[N, channels, rows, columns]`."""

    graph: ModelProto
    channels: int
    rows: int
    columns: int
    height: int
    width: int


def feature_graph(
    backbone: Backbone, stages: Sequence[str], cell_px: int, height: int, width: int
) -> Features:
    """Build the graph that turns pixels into features on a grid of `cell_px` cells.

    The image is padded by reflection and the features are cropped, since a network's own zero
    padding makes the border look abnormal. Each stage is averaged over 3x3 neighbours (the locally
    aware patch features of Roth et al. 2022, arXiv:2106.08265, section 3.1), brought to the grid
    and concatenated.

    Args:
        backbone: the network.
        stages: names of its stages, at least one.
        cell_px: side of a map cell, in pixels of the graph's input.
        height: of the graph's input, in pixels.
        width: of the graph's input, in pixels.

    Raises:
        BadSetting: the sizes or stages do not fit the backbone.
    """
    chosen = [backbone.stage(name) for name in stages]
    _check_size(backbone, chosen, cell_px, height, width)
    graph = GraphBuilder("features")
    image = graph.input("image", "uint8", ("N", height, width, 3))
    values = graph.splice(
        load_model_from_string(backbone.onnx), {"image": _bordered(graph, image, backbone)}
    )
    padding = padding_px(backbone)
    parts = [_to_grid(graph, values[s.name], s, padding, cell_px, height, width) for s in chosen]
    features = graph.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    channels = sum(stage.channels for stage in chosen)
    rows, columns = height // cell_px, width // cell_px
    graph.output(features, "features", ("N", channels, rows, columns))
    return Features(graph.build(), channels, rows, columns, height, width)


def backbone_alone(backbone: Backbone, stages: Sequence[str], view: View) -> bytes:
    """Build the graph from `image` to the raw outputs of the stages: the floor of every latency."""
    graph = GraphBuilder("backbone_alone")
    image = graph.input("image", "uint8", ("N", view.height, view.width, 3))
    values = graph.splice(
        load_model_from_string(backbone.onnx), {"image": _bordered(graph, image, backbone)}
    )
    padding = 2 * padding_px(backbone)
    for stage in map(backbone.stage, stages):
        rows, columns = ((side + padding) // stage.stride for side in (view.height, view.width))
        graph.output(values[stage.name], stage.name, ("N", stage.channels, rows, columns))
    return bytes(graph.build().SerializeToString())


def padding_px(backbone: Backbone) -> int:
    """Return how far the image is reflected at each border: one step of the deepest stage."""
    return backbone.multiple


def _bordered(graph: GraphBuilder, image: str, backbone: Backbone) -> str:
    """Turn uint8 `[N, H, W, 3]` into float32 `[N, 3, H + 2 p, W + 2 p]` with a reflected border."""
    x = graph.node("Cast", image, to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    p = padding_px(backbone)
    return graph.node("Pad", x, graph.ints(0, 0, p, p, 0, 0, p, p), mode="reflect")


def _to_grid(
    graph: GraphBuilder,
    value: str,
    stage: StageInfo,
    padding: int,
    cell_px: int,
    height: int,
    width: int,
) -> str:
    skip, rows, columns = padding // stage.stride, height // stage.stride, width // stage.stride
    # One more cell than the crop on every side, so that the 3x3 mean needs no padding of its own.
    starts, ends = graph.ints(skip - 1, skip - 1), graph.ints(skip + rows + 1, skip + columns + 1)
    value = graph.node("Slice", value, starts, ends, graph.ints(2, 3))
    value = graph.node("AveragePool", value, kernel_shape=[3, 3], strides=[1, 1])
    if stage.stride < cell_px:
        step = cell_px // stage.stride
        return graph.node("AveragePool", value, kernel_shape=[step, step], strides=[step, step])
    if stage.stride > cell_px:
        factor = stage.stride / cell_px
        scales = graph.constant(np.array([1, 1, factor, factor], np.float32))
        return graph.node("Resize", value, "", scales, mode="linear")
    return value


def _check_size(
    backbone: Backbone, stages: Sequence[StageInfo], cell_px: int, height: int, width: int
) -> None:
    step = max(backbone.multiple, cell_px)
    if height % step or width % step or min(height, width) < 2 * step:
        raise BadSetting(
            f"the size {width}x{height} does not fit: both sides must be multiples of {step} px "
            f"and at least {2 * step} px"
        )
    strides = [stage.stride for stage in stages]
    if any(max(cell_px, stride) % min(cell_px, stride) for stride in strides):
        raise BadSetting(f"a cell of {cell_px} px does not fit the strides {strides}")
