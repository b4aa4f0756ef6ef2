"""EfficientNet-Lite as a feature graph, batch norm folded, from a state dict.

Tan & Le 2019 (arXiv:1905.11946); the Lite variants (no squeeze-and-excitation, ReLU6) are
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. Names of the
weights are those of the PyPI package `efficientnet_lite_pytorch`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from okng.domain.errors import BadBackbone
from okng.graphs.builder import GraphBuilder
from okng.graphs.weights import Weights

_BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Stage:
    """One row of table 1 of the paper, at depth 1.0: `repeats` blocks, the first with `stride`."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


OUTPUTS = {1: "stride4", 2: "stride8", 4: "stride16"}
"""Which stages become outputs, and their names; deeper ones lose what is small."""

MULTIPLE = BORDER_PX = 16
"""The deepest output's stride, and as much reflected border: zero padding ends at its stride."""

_DEPTHS = (1.0, 1.1, 1.4, 1.8)  # of Lite0, Lite1 and 2, Lite3, Lite4, by their numbers of blocks


def is_efficientnet_lite(weights: Weights) -> bool:
    """Tell whether a state dict is of this family, by its names."""
    return "_conv_stem.weight" in weights and "_blocks.0._depthwise_conv.weight" in weights


def depth_of(weights: Weights) -> float:
    """Return the depth coefficient of a state dict's network, checked to be whole.

    Raises:
        BadBackbone: it has another number of blocks, or a tensor that is needed is missing.
    """
    found = {int(m[1]) for name in weights if (m := re.match(r"_blocks\.(\d{1,3})\.", name))}
    for depth in _DEPTHS:
        repeats = [_repeats(index, depth) for index in range(len(STAGES))]
        if sum(repeats) == len(found) == max(found) + 1:
            _check(weights, sum(repeats[: max(OUTPUTS) + 1]))
            return depth
    raise BadBackbone(f"an EfficientNet-Lite of {len(found)} blocks is not known: take Lite0 to 4")


def feature_graph(weights: Weights, depth: float, outputs: Mapping[int, str]) -> onnx.ModelProto:
    """Build the network up to the last wanted stage.

    Args:
        weights: the state dict, float32.
        depth: the depth coefficient (Lite0 1.0, Lite1 1.1, Lite2 1.2). As in every Lite, the
            first and last stage are not deepened and widths stay as they are below Lite2.
        outputs: index into `STAGES` -> name of the output that the stage's features become.

    Returns:
        Input `image`: float32 `[N, 3, H, W]`, RGB, 0 to 255, H and W multiples of the deepest
        stride. Outputs: float32 `[N, C, H / stride, W / stride]`.
    """
    graph = GraphBuilder("efficientnet_lite")
    x = graph.input("image", "float32", ("n", 3, "height", "width"))
    half = graph.constant(np.float32(127.5))
    x = graph.node("Div", graph.node("Sub", x, half), half)
    x = _convolution(graph, x, weights, "_conv_stem", "_bn0", stride=2)
    x = _relu6(graph, x)
    block, stride = 0, 2
    for index in range(max(outputs) + 1):
        stage = STAGES[index]
        stride *= stage.stride
        for repeat in range(_repeats(index, depth)):
            x = _block(graph, x, weights, f"_blocks.{block}", stage, first=repeat == 0)
            block += 1
        if index in outputs:
            channels = weights[f"_blocks.{block - 1}._project_conv.weight"].shape[0]
            name = outputs[index]
            graph.output(x, name, ("n", channels, f"height/{stride}", f"width/{stride}"))
    return graph.build()


def _repeats(index: int, depth: float) -> int:
    deepened = 0 < index < len(STAGES) - 1
    return math.ceil(STAGES[index].repeats * depth) if deepened else STAGES[index].repeats


def _check(weights: Weights, blocks: int) -> None:
    """Make sure that the tensors of the stem and so many blocks are there, and fit each other."""
    layers = [("_conv_stem", "_bn0", 4)]
    for block in range(blocks):
        prefix = f"_blocks.{block}"
        layers += [(f"{prefix}._expand_conv", f"{prefix}._bn0", 4)] * (block > 0)
        layers += [(f"{prefix}._depthwise_conv", f"{prefix}._bn1", 4)]
        layers += [(f"{prefix}._project_conv", f"{prefix}._bn2", 4)]
    channels = 3
    for convolution, norm, rank in layers:
        kernel = weights.get(f"{convolution}.weight")
        if kernel is None or kernel.ndim != rank or kernel.shape[2] != kernel.shape[3]:
            raise BadBackbone(f"these weights are not whole: {convolution}.weight is missing")
        if kernel.shape[1] != (1 if "depthwise" in convolution else channels):
            raise BadBackbone(f"{convolution}.weight does not fit what comes before it")
        channels = kernel.shape[0]
        for part in ("weight", "bias", "running_mean", "running_var"):
            if (values := weights.get(f"{norm}.{part}")) is None or values.shape != (channels,):
                raise BadBackbone(f"these weights are not whole: {norm}.{part} is missing")


def _block(
    graph: GraphBuilder, x: str, weights: Weights, prefix: str, stage: Stage, *, first: bool
) -> str:
    """Add one inverted residual block: expand, depthwise, project, and the skip where it fits."""
    y = x
    if stage.expand != 1:
        y = _convolution(graph, y, weights, f"{prefix}._expand_conv", f"{prefix}._bn0")
        y = _relu6(graph, y)
    stride = stage.stride if first else 1
    depthwise = f"{prefix}._depthwise_conv"
    y = _relu6(graph, _convolution(graph, y, weights, depthwise, f"{prefix}._bn1", stride))
    y = _convolution(graph, y, weights, f"{prefix}._project_conv", f"{prefix}._bn2")
    # Only the first block of a stage changes the number of channels.
    return y if first else graph.node("Add", y, x)


def _convolution(
    graph: GraphBuilder, x: str, weights: Weights, convolution: str, norm: str, stride: int = 1
) -> str:
    """Add a convolution with its batch norm folded in and TensorFlow's SAME padding.

    Sizes are even wherever the stride is 2, so SAME pads `kernel - stride` in all, the odd pixel
    at the end.
    """
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    variance = weights[f"{norm}.running_var"].astype(np.float64)
    scale = weights[f"{norm}.weight"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    folded = (kernel * scale[:, None, None, None]).astype(np.float32)
    size = kernel.shape[2]
    padding = size - stride if size > 1 else 0
    before, after = padding // 2, padding - padding // 2
    return graph.node(
        "Conv",
        x,
        graph.constant(folded),
        graph.constant(bias.astype(np.float32)),
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[before, before, after, after],
        group=kernel.shape[0] if kernel.shape[1] == 1 and size > 1 else 1,
    )


def _relu6(graph: GraphBuilder, x: str) -> str:
    low, high = graph.constant(np.float32(0)), graph.constant(np.float32(6))
    return graph.node("Clip", x, low, high)
