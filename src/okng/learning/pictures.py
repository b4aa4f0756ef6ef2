"""Pictures as tensors, and the front of a graph that does the same."""

from collections.abc import Sequence

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor
from torch.nn import functional

from okng.domain.arrays import Array, Pixels
from okng.domain.errors import BadSetting
from okng.domain.ports import Images
from okng.graphs.builder import GraphBuilder


def seen_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Return the height and width that a network sees: the nearest multiples to these.

    Raises:
        BadSetting: that would be nothing.
    """
    seen = [multiple * ((side + multiple // 2) // multiple) for side in (height, width)]
    if not all(seen):
        raise BadSetting(
            f"the size {width}x{height} is too small: both sides must have at least "
            f"{multiple // 2} px"
        )
    return seen[0], seen[1]


def to_tensor(pixels: Array, seen: tuple[int, int], device: torch.device) -> Tensor:
    """Turn uint8 `[N, H, W, 3]` into float32 `[N, 3, h, w]` from -1 to 1, at the size seen."""
    x = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()
    if tuple(x.shape[2:]) != seen:
        x = functional.interpolate(x, seen, mode="bilinear", align_corners=False)
    return x / 127.5 - 1


def front(graph: GraphBuilder, height: int, width: int, seen: tuple[int, int]) -> str:
    """Declare the input `image` and do in the graph what `to_tensor` does."""
    x = graph.input("image", "uint8", ("N", height, width, 3))
    x = graph.node("Cast", x, to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    if (height, width) != seen:
        x = graph.node("Resize", x, "", "", graph.ints(*seen), mode="linear", axes=[2, 3])
    x = graph.node("Div", x, graph.constant(np.float32(127.5)))
    return graph.node("Sub", x, graph.constant(np.float32(1)))


def batch_of(images: Images, chosen: Sequence[int] | Array) -> Pixels:
    """Return images, uint8 `[n, H, W, 3]`."""
    return np.stack([images[int(i)] for i in chosen])
