"""What a network is made of: its layers with what they give, hold and cost."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from okng.domain.learning import Layer
from okng.learning.to_onnx import Affine, Crop


class Part(nn.Sequential):
    """Layers that count as one in a summary, under a name."""

    def __init__(self, title: str, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.title = title


def layers_of(network: nn.Module, seen: tuple[int, int]) -> tuple[Layer, ...]:
    """Return the layers of a network for one image, float32 `[1, 3, *seen]`, in order."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    found = []
    with torch.no_grad():
        x = torch.zeros(1, 3, *seen, device=device)
        for layer in _unpacked(network):
            x, multiply_adds = _counted(layer, x)
            parameters = sum(p.numel() for p in layer.parameters())
            found.append(Layer(_name(layer), tuple(x.shape[1:]), parameters, multiply_adds))
    network.train(was_training)
    return tuple(found)


def _unpacked(network: nn.Module) -> Iterator[nn.Module]:
    if isinstance(network, nn.Sequential) and not isinstance(network, Part):
        for layer in network:
            yield from _unpacked(layer)
    else:
        yield network


def _counted(layer: nn.Module, x: Tensor) -> tuple[Tensor, int]:
    """Return what a layer gives, and the multiply-adds that it took."""
    counts: list[int] = []

    def count(part: Any, _: object, given: Tensor) -> None:
        # Each output value takes one for each weight that reaches it.
        counts.append(given.numel() * prod(part.weight.shape[1:]))

    weighing = (part for part in layer.modules() if isinstance(part, nn.Conv2d | nn.Linear))
    hooks = [part.register_forward_hook(count) for part in weighing]
    try:
        return layer(x), sum(counts)
    finally:
        for hook in hooks:
            hook.remove()


def _convolution(layer: Any) -> str:
    text = f"convolution {layer.kernel_size[0]} x {layer.kernel_size[1]}"
    if 1 < layer.groups == layer.in_channels:
        text = f"depthwise {text}"
    if layer.dilation[0] > 1:
        text += f", dilated {layer.dilation[0]}"
    if layer.stride[0] > 1:
        text += f", stride {layer.stride[0]}"
    return text


_NAMES: Mapping[type[nn.Module], str | Callable[[Any], str]] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: "batch norm",
    nn.MaxPool2d: lambda layer: f"max pool {layer.kernel_size} x {layer.kernel_size}",
    nn.AvgPool2d: lambda layer: f"average pool {layer.kernel_size} x {layer.kernel_size}",
    nn.Dropout2d: lambda layer: f"dropout {layer.p:g}",
    nn.ReflectionPad2d: "border, reflected",
    Affine: "brightness scaled",
    Crop: "border cut off",
    Part: lambda layer: layer.title,
}


def _name(layer: nn.Module) -> str:
    named = _NAMES.get(type(layer), type(layer).__name__)
    return named if isinstance(named, str) else named(layer)
