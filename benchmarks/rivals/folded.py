"""Batch normalization given back to a network whose exporter folded it into the convolutions."""

from collections.abc import Mapping

import numpy as np

EPSILON = 1e-5


def unfold(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a state dict under torchvision's names from the initializers of a ResNet in ONNX.

    A folded convolution has a bias, `<name>.weight_bias`, and its normalization is gone. Here that
    normalization is the identity but for the bias: its running mean is 0, its weight 1, and its
    running variance 1 - `EPSILON`, to which normalizing adds `EPSILON`.
    """
    state = {}
    for name, weight in arrays.items():
        if not name.endswith(".weight") or weight.ndim != 4:
            continue
        normalization = _normalization(name.removesuffix(".weight"))
        width = len(weight)
        state[name] = weight
        state[f"{normalization}.weight"] = np.ones(width, np.float32)
        state[f"{normalization}.bias"] = arrays[f"{name}_bias"]
        state[f"{normalization}.running_mean"] = np.zeros(width, np.float32)
        state[f"{normalization}.running_var"] = np.full(width, 1 - EPSILON, np.float32)
    return state


def _normalization(convolution: str) -> str:
    if convolution.endswith("downsample.0"):
        return convolution.removesuffix("0") + "1"
    return convolution.replace("conv", "bn")
