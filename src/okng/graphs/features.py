"""The front of every frozen-feature graph: pixels in, one feature vector for each map cell out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

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
    backbone: Backbone,
    stages: Sequence[str],
    cell_px: int,
    height: int,
    width: int,
    neighbourhood: int = 3,
) -> Features:
    """Build the graph that turns pixels into features on a grid of `cell_px` cells.

    A size that does not fit the backbone is resized in the graph to the nearest one that does;
    cells are then those of that size. Where the network pads with zeros, which would make the
    border look abnormal, the image is padded by reflection and the features are cropped. Each
    stage is averaged over its neighbours (the locally aware patch features of Roth et al. 2022,
    arXiv:2106.08265, section 3.1), brought to the grid and concatenated.

    Args:
        backbone: the network.
        stages: names of its stages, at least one.
        cell_px: side of a map cell, in pixels of what the backbone sees.
        height: of the graph's input, in pixels.
        width: of the graph's input, in pixels.
        neighbourhood: side of the square that is averaged over, in places of each stage: 1 or 3.

    Raises:
        BadSetting: the sizes or stages do not fit the backbone.
    """
    chosen = [backbone.stage(name) for name in stages]
    seen = seen_size(backbone, chosen, cell_px, height, width)
    graph = GraphBuilder("features")
    image = graph.input("image", "uint8", ("N", height, width, 3))
    shown = _shown(graph, image, backbone, (height, width), seen)
    values = graph.splice(load_model_from_string(backbone.onnx), {"image": shown})
    to_grid = _ToGrid(graph, backbone.border_px, cell_px, *seen, neighbourhood)
    parts = [to_grid(values[stage.name], stage) for stage in chosen]
    features = graph.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    channels = sum(stage.channels for stage in chosen)
    rows, columns = (side // cell_px for side in seen)
    graph.output(features, "features", ("N", channels, rows, columns))
    return Features(graph.build(), channels, rows, columns, height, width)


def backbones_alone(networks: Sequence[tuple[Backbone, Sequence[str]]], view: View) -> bytes:
    """Build the graph from `image` to raw outputs of stages: the floor of every latency."""
    graph = GraphBuilder("backbones_alone")
    image = graph.input("image", "uint8", ("N", view.height, view.width, 3))
    for number, (backbone, stages) in enumerate(networks):
        chosen = [backbone.stage(name) for name in stages]
        seen = seen_size(backbone, chosen, backbone.multiple, view.height, view.width)
        shown = _shown(graph, image, backbone, (view.height, view.width), seen)
        values = graph.splice(load_model_from_string(backbone.onnx), {"image": shown})
        for stage in chosen:
            rows, columns = ((side + 2 * backbone.border_px) // stage.stride for side in seen)
            shape = ("N", stage.channels, rows, columns)
            graph.output(values[stage.name], f"{stage.name}_{number}", shape)
    return bytes(graph.build().SerializeToString())


def seen_size(
    backbone: Backbone, stages: Sequence[StageInfo], cell_px: int, height: int, width: int
) -> tuple[int, int]:
    """Return the height and width that the backbone sees: the nearest to these that fit.

    Raises:
        BadSetting: the image is too small, or the cell does not fit the stages.
    """
    strides = [stage.stride for stage in stages]
    if any(max(cell_px, stride) % min(cell_px, stride) for stride in strides):
        raise BadSetting(f"a cell of {cell_px} px does not fit the strides {strides}")
    if backbone.fixed_size is not None:
        if any(side % cell_px for side in backbone.fixed_size):
            rows, columns = backbone.fixed_size
            raise BadSetting(
                f"a cell of {cell_px} px does not fit the {columns}x{rows} px that {backbone.name} "
                "takes"
            )
        return backbone.fixed_size
    step = lcm(backbone.multiple, cell_px)
    seen = tuple(step * ((side + step // 2) // step) for side in (height, width))
    if min(seen) < 2 * step:
        raise BadSetting(
            f"the size {width}x{height} is too small for {backbone.name}: both sides must have at "
            f"least {2 * step} px"
        )
    return seen[0], seen[1]


def _shown(
    graph: GraphBuilder,
    image: str,
    backbone: Backbone,
    given: tuple[int, int],
    seen: tuple[int, int],
) -> str:
    """Turn uint8 `[N, H, W, 3]` into the float32 `[N, 3, H + 2 p, W + 2 p]` of the backbone."""
    x = graph.node("Cast", image, to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    if seen != given:
        sizes = graph.ints(*seen)
        x = graph.node("Resize", x, "", "", sizes, mode="linear", axes=[2, 3])
    if not (p := backbone.border_px):
        return x
    return graph.node("Pad", x, graph.ints(0, 0, p, p, 0, 0, p, p), mode="reflect")


@dataclass(frozen=True)
class _ToGrid:
    """Brings a stage to the grid: cropped, averaged over its neighbours, and resized."""

    graph: GraphBuilder
    border_px: int
    cell_px: int
    height: int
    width: int
    neighbourhood: int

    def __call__(self, value: str, stage: StageInfo) -> str:
        value = self._averaged(value, stage)
        if stage.stride < self.cell_px:
            step = self.cell_px // stage.stride
            square = {"kernel_shape": [step, step], "strides": [step, step]}
            return self.graph.node("AveragePool", value, **square)
        if stage.stride > self.cell_px:
            factor = stage.stride / self.cell_px
            scales = self.graph.constant(np.array([1, 1, factor, factor], np.float32))
            return self.graph.node("Resize", value, "", scales, mode="linear")
        return value

    def _averaged(self, value: str, stage: StageInfo) -> str:
        graph, skip = self.graph, self.border_px // stage.stride
        reach = self.neighbourhood // 2
        square = {"kernel_shape": [self.neighbourhood] * 2, "strides": [1, 1]}
        if not skip:
            if not reach:
                return value
            return graph.node("AveragePool", value, pads=[reach] * 4, count_include_pad=0, **square)
        rows, columns = self.height // stage.stride, self.width // stage.stride
        # A little more than the crop on every side, so that the mean needs no padding of its own.
        starts = graph.ints(skip - reach, skip - reach)
        ends = graph.ints(skip + rows + reach, skip + columns + reach)
        value = graph.node("Slice", value, starts, ends, graph.ints(2, 3))
        return graph.node("AveragePool", value, **square) if reach else value
