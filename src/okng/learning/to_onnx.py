"""Write a network of PyTorch layers as nodes of a graph, for inspection."""

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np
from torch import Tensor, nn

from okng.domain.arrays import Floats
from okng.graphs.builder import GraphBuilder


class Residual(nn.Module):
    """Adds what goes in to what comes out."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.inner(x)
        return found + x


class Affine(nn.Module):
    """Multiplies by a number, then adds one; neither is learned."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class Crop(nn.Module):
    """Cuts so many rows and columns off at each border."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        c = self.cells
        return x[:, :, c : x.shape[2] - c, c : x.shape[3] - c]


def write(graph: GraphBuilder, x: str, network: nn.Module) -> str:
    """Add a network to a graph; returns the name of what it gives.

    Args:
        graph: where to.
        x: float32 `[N, C, H, W]`, or `[N, C]` for fully connected layers.
        network: as it is when it inspects: dropout does nothing, batch norm has its own means.

    Raises:
        TypeError: a layer of it cannot be written.
    """
    if isinstance(network, nn.Sequential):
        for layer in network:
            x = write(graph, x, layer)
        return x
    if isinstance(network, Residual):
        return graph.node("Add", write(graph, x, network.inner), x)
    writer = _WRITERS.get(type(network))
    if writer is None:
        raise TypeError(f"a layer {type(network).__name__} cannot be written to a graph")
    return writer(graph, x, network)


def values(tensor: Tensor | None) -> Floats:
    """Return a tensor's numbers, float32."""
    assert tensor is not None
    found: Floats = tensor.detach().cpu().float().numpy()
    return found


def _convolution(graph: GraphBuilder, x: str, layer: Any) -> str:
    down, across = layer.padding
    if layer.padding_mode == "reflect":
        x, down, across = _reflected(graph, x, down, across), 0, 0
    elif layer.padding_mode != "zeros":
        raise TypeError(f"a padding {layer.padding_mode!r} cannot be written to a graph")
    inputs = [graph.constant(values(layer.weight))]
    if layer.bias is not None:
        inputs.append(graph.constant(values(layer.bias)))
    return graph.node(
        "Conv",
        x,
        *inputs,
        kernel_shape=list(layer.kernel_size),
        strides=list(layer.stride),
        pads=[down, across, down, across],
        dilations=list(layer.dilation),
        group=layer.groups,
    )


def _reflected(graph: GraphBuilder, x: str, down: int, across: int) -> str:
    if not (down or across):
        return x
    return graph.node("Pad", x, graph.ints(0, 0, down, across, 0, 0, down, across), mode="reflect")


def _reflection(graph: GraphBuilder, x: str, layer: Any) -> str:
    left, _, top, _ = layer.padding
    return _reflected(graph, x, top, left)


def _zeros(graph: GraphBuilder, x: str, layer: Any) -> str:
    left, right, top, bottom = layer.padding
    return graph.node("Pad", x, graph.ints(0, 0, top, left, 0, 0, bottom, right))


def _affine(graph: GraphBuilder, x: str, layer: Any) -> str:
    x = graph.node("Mul", x, graph.constant(np.float32(layer.scale)))
    return graph.node("Add", x, graph.constant(np.float32(layer.shift)))


def _crop(graph: GraphBuilder, x: str, layer: Any) -> str:
    starts, ends = graph.ints(layer.cells, layer.cells), graph.ints(-layer.cells, -layer.cells)
    return graph.node("Slice", x, starts, ends, graph.ints(2, 3))


def _batch_norm(graph: GraphBuilder, x: str, layer: Any) -> str:
    parts = (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    constants = [graph.constant(values(part)) for part in parts]
    return graph.node("BatchNormalization", x, *constants, epsilon=layer.eps)


def _linear(graph: GraphBuilder, x: str, layer: Any) -> str:
    products = graph.node("MatMul", x, graph.constant(values(layer.weight).T.copy()))
    if layer.bias is None:
        return products
    return graph.node("Add", products, graph.constant(values(layer.bias)))


def _silu(graph: GraphBuilder, x: str, _: Any) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _gelu(graph: GraphBuilder, x: str, _: Any) -> str:
    """0.5 x (1 + erf(x / sqrt 2)); Hendrycks & Gimpel 2016, arXiv:1606.08415."""
    halves = graph.node("Mul", x, graph.constant(np.float32(0.5)))
    error = graph.node("Erf", graph.node("Mul", x, graph.constant(np.float32(1 / sqrt(2)))))
    return graph.node("Mul", halves, graph.node("Add", error, graph.constant(np.float32(1))))


def _relu6(graph: GraphBuilder, x: str, _: Any) -> str:
    low, high = graph.constant(np.float32(0)), graph.constant(np.float32(6))
    return graph.node("Clip", x, low, high)


def _pool(op: str) -> Callable[[GraphBuilder, str, Any], str]:
    def add(graph: GraphBuilder, x: str, layer: Any) -> str:
        kernel, stride = _pair(layer.kernel_size), _pair(layer.stride)
        down, across = _pair(layer.padding)
        pads = [down, across, down, across]
        extra = {"count_include_pad": 1} if op == "AveragePool" else {}
        return graph.node(op, x, kernel_shape=kernel, strides=stride, pads=pads, **extra)

    return add


def _upsample(graph: GraphBuilder, x: str, layer: Any) -> str:
    factor = float(layer.scale_factor)
    scales = graph.constant(np.array([1, 1, factor, factor], np.float32))
    if layer.mode == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
        return graph.node("Resize", x, "", scales, nearest_mode="floor", **how)
    return graph.node("Resize", x, "", scales, mode="linear")


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


_WRITERS: Mapping[type[nn.Module], Callable[[GraphBuilder, str, Any], str]] = {
    nn.Conv2d: _convolution,
    nn.ReflectionPad2d: _reflection,
    nn.ZeroPad2d: _zeros,
    Affine: _affine,
    Crop: _crop,
    nn.BatchNorm2d: _batch_norm,
    nn.Linear: _linear,
    nn.ReLU: lambda graph, x, _: graph.node("Relu", x),
    nn.ReLU6: _relu6,
    nn.SiLU: _silu,
    nn.GELU: _gelu,
    nn.Sigmoid: lambda graph, x, _: graph.node("Sigmoid", x),
    nn.MaxPool2d: _pool("MaxPool"),
    nn.AvgPool2d: _pool("AveragePool"),
    nn.AdaptiveAvgPool2d: lambda graph, x, _: graph.node("GlobalAveragePool", x),
    nn.AdaptiveMaxPool2d: lambda graph, x, _: graph.node("GlobalMaxPool", x),
    nn.Upsample: _upsample,
    nn.Flatten: lambda graph, x, _: graph.node("Flatten", x, axis=1),
    nn.Dropout: lambda _, x, __: x,
    nn.Dropout2d: lambda _, x, __: x,
    nn.Identity: lambda _, x, __: x,
}
