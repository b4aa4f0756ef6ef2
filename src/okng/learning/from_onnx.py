"""Turn a backbone's graph into PyTorch layers, so that it can learn further.

Understood is a chain of convolutions, activations and poolings with skips that add what went in to
what comes out: EfficientNet-Lite, whose batch norms are folded, and whatever is built like it.
Folded norms have no statistics that small batches could spoil.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from okng.domain.arrays import Array
from okng.domain.errors import BadSetting
from okng.graphs.backbone import Backbone
from okng.learning.to_onnx import Affine, Residual


@dataclass(frozen=True)
class Trunk:
    """A pretrained network as layers that `okng.learning.to_onnx` can write.

    `stages` come in order, each takes what the one before gives, the first one float32
    `[N, 3, H, W]`, RGB, 0 to 255, H and W multiples of `multiple`. The last one gives `channels`
    at 1 / `stride` of the size. The image is reflected by `border_px`, a multiple of the stride,
    at each border beforehand, and what comes of that is cut off.
    """

    stages: Mapping[str, nn.Module] = field(repr=False)
    channels: int
    stride: int
    multiple: int
    border_px: int = 0


def trunk_of(backbone: Backbone) -> Trunk:
    """Turn a backbone up to its deepest stage into layers.

    Raises:
        BadSetting: its graph is built of other things.
    """
    graph = onnx.load_model_from_string(backbone.onnx).graph
    chain = _Chain(backbone.name, graph)
    for node in graph.node:
        chain.add(node)
    deepest = max(backbone.stages, key=lambda stage: stage.stride)
    stages: dict[str, nn.Module] = {}
    at = 0
    for stage in sorted(backbone.stages, key=lambda stage: stage.stride):
        end = chain.place_of(stage.name)
        stages[stage.name] = nn.Sequential(*chain.layers[at:end])
        at = end
    return Trunk(stages, deepest.channels, deepest.stride, backbone.multiple, backbone.border_px)


class _Chain:
    """Layers one behind the other, and the value that each gives."""

    def __init__(self, name: str, graph: onnx.GraphProto) -> None:
        self._name = name
        self._constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._given = [graph.input[0].name]
        self._outputs: dict[str, str] = {}
        self.layers: list[nn.Module] = []

    def add(self, node: onnx.NodeProto) -> None:
        """Add a node's layer.

        Raises:
            BadSetting: it is of another kind, or does not stand in the chain.
        """
        values = [value for value in node.input if value and value not in self._constants]
        if node.op_type == "Identity":
            self._outputs[node.output[0]] = values[0]
            return
        if node.op_type == "Add" and len(values) == 2:
            self._skip(values, node.output[0])
            return
        build = _BUILDERS.get(node.op_type)
        if build is None or values != self._given[-1:]:
            raise self._refusal(node)
        constants = [self._constants.get(value) for value in node.input]
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        layer = build(constants, attributes)
        if layer is None:
            raise self._refusal(node)
        self.layers.append(layer)
        self._given.append(node.output[0])

    def place_of(self, output: str) -> int:
        """Return how many layers lead to an output of the graph."""
        value = self._outputs.get(output, output)
        if value not in self._given:
            raise BadSetting(f"the stage {output} of {self._name} lies within a block")
        return self._given.index(value)

    def _skip(self, values: list[str], given: str) -> None:
        """Put the layers since an earlier value into one block that adds it."""
        earlier = [value for value in values if value != self._given[-1]]
        if len(earlier) != 1 or earlier[0] not in self._given:
            raise BadSetting(f"{self._name} cannot be fine-tuned: its blocks are not simple skips")
        start = self._given.index(earlier[0])
        block = Residual(*self.layers[start:])
        self.layers[start:] = [block]
        self._given[start + 1 :] = [given]

    def _refusal(self, node: onnx.NodeProto) -> BadSetting:
        return BadSetting(
            f"{self._name} cannot be fine-tuned: it is no chain of convolutions (the first that is "
            f"not understood is {node.op_type} {node.name!r}); take backbone=efficientnet_lite0, "
            "efficientnet-lite1 or efficientnet-lite2, or probe, which leaves the network as it is"
        )


Constants = list[Array | None]


def _convolution(constants: Constants, attributes: Mapping[str, Any]) -> nn.Module | None:
    kernel = constants[1]
    if kernel is None or kernel.ndim != 4:
        return None
    bias = constants[2] if len(constants) > 2 else None
    groups = int(attributes.get("group", 1))
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    even = (top, left) == (bottom, right)
    layer = nn.Conv2d(
        kernel.shape[1] * groups,
        kernel.shape[0],
        tuple(kernel.shape[2:]),
        tuple(attributes.get("strides", [1, 1])),
        (top, left) if even else 0,
        tuple(attributes.get("dilations", [1, 1])),
        groups,
        bias is not None,
    )
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(kernel.copy()))
        if layer.bias is not None and bias is not None:
            layer.bias.copy_(torch.from_numpy(bias.copy()))
    return layer if even else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), layer)


def _clip(constants: Constants, _: Mapping[str, Any]) -> nn.Module | None:
    return nn.ReLU6() if list(map(_number, constants[1:])) == [0.0, 6.0] else None


def _number(value: Array | None) -> float | None:
    return None if value is None or value.size != 1 else float(value.reshape(-1)[0])


def _shifted(op: str) -> Callable[[Constants, Mapping[str, Any]], nn.Module | None]:
    """Return a builder of `x op constant`, where the constant is one number."""

    def build(constants: Constants, _: Mapping[str, Any]) -> nn.Module | None:
        if (number := _number(constants[1])) is None:
            return None
        scale = {"Mul": number, "Div": 1 / number if number else 0.0}.get(op, 1.0)
        return Affine(scale, {"Add": number, "Sub": -number}.get(op, 0.0))

    return build


_BUILDERS: Mapping[str, Callable[[Constants, Mapping[str, Any]], nn.Module | None]] = {
    "Conv": _convolution,
    "Clip": _clip,
    "Relu": lambda _, __: nn.ReLU(),
    "Add": _shifted("Add"),
    "Sub": _shifted("Sub"),
    "Mul": _shifted("Mul"),
    "Div": _shifted("Div"),
}
