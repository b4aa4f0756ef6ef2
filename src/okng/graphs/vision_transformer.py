"""A vision transformer of the DINOv2 family as a feature graph, from a state dict.

Dosovitskiy et al. 2021 (arXiv:2010.11929); Oquab et al. 2024 (arXiv:2304.07193). Names of the
weights are upstream's (`blocks.0.attn.qkv.weight`, ...); those that `transformers` gives them are
understood, too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from okng.domain.errors import BadBackbone
from okng.graphs.builder import GraphBuilder
from okng.graphs.weights import Weights

HEAD_CHANNELS = 64
"""Channels of one attention head, in every DINOv2."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of RGB from 0 to 1: what the network was trained with."""

_EPSILON = 1e-6
_MOST_BLOCKS = 64

_Array = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """What a state dict says of its network. `grid` is the side of the learned positions."""

    channels: int
    blocks: int
    patch_px: int
    grid: int
    hidden: int


def upstream_names(weights: Weights) -> dict[str, _Array]:
    """Return the state dict under upstream's names, whichever of both it came with."""
    if not any(name.endswith("embeddings.position_embeddings") for name in weights):
        return dict(weights)
    renamed: dict[str, _Array] = {}
    parts: dict[str, dict[str, _Array]] = {}
    for name, values in weights.items():
        plain = name.removeprefix("dinov2.")
        if match := _QUERY_KEY_VALUE.fullmatch(plain):
            whole = f"blocks.{match['block']}.attn.qkv.{match['kind']}"
            parts.setdefault(whole, {})[match["part"][0]] = values
            continue
        for pattern, replacement in _TRANSFORMERS_NAMES:
            plain = re.sub(pattern, replacement, plain)
        renamed[plain] = values
    for name, found in parts.items():
        if len(found) == 3:
            renamed[name] = np.concatenate([found[part] for part in "qkv"])
    return renamed


# Published files have the first of two ways; version 5 of `transformers` has the second in memory.
_QUERY_KEY_VALUE = re.compile(
    r"encoder\.layer\.(?P<block>\d+)\.attention\."
    r"(attention\.(?=query|key|value))?(?P<part>query|key|value|[qkv]_proj)\.(?P<kind>weight|bias)"
)
_TRANSFORMERS_NAMES = (
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.(cls_token|mask_token)$", r"\1"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^encoder\.layer\.(\d+)\.attention\.(output\.dense|o_proj)\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (r"^encoder\.layer\.(\d+)\.", r"blocks.\1."),
    (r"^layernorm\.", "norm."),
)


def shape_of(weights: Weights, head_channels: int = HEAD_CHANNELS) -> Shape:
    """Read the network's dimensions from a state dict with upstream's names, and check it whole.

    Raises:
        BadBackbone: it is of another family, or a tensor is missing or of a wrong shape.
    """
    numbers = {int(m[1]) for name in weights if (m := re.match(r"blocks\.(\d{1,4})\.", name))}
    patches, positions = weights.get("patch_embed.proj.weight"), weights.get("pos_embed")
    if patches is None or positions is None or not numbers:
        raise BadBackbone(
            "these are no weights of a vision transformer of the DINOv2 family: there is no "
            "patch_embed.proj.weight, pos_embed or blocks.0..."
        )
    hidden = weights.get("blocks.0.mlp.fc1.weight")
    if hidden is None:
        raise BadBackbone("only networks with a plain MLP can be built: there is no mlp.fc1")
    if patches.ndim != 4 or positions.ndim != 3 or hidden.ndim != 2:
        raise BadBackbone("patch_embed.proj.weight, pos_embed or mlp.fc1.weight has a wrong shape")
    side = round((positions.shape[1] - 1) ** 0.5)
    shape = Shape(patches.shape[0], len(numbers), patches.shape[2], side, hidden.shape[0])
    if shape.channels % head_channels or not shape.channels:
        raise BadBackbone(f"{shape.channels} channels are no multiple of {head_channels}")
    if shape.blocks > _MOST_BLOCKS or not 1 <= shape.patch_px <= 64 or side < 1:
        raise BadBackbone(f"a network of these dimensions cannot be built: {shape}")
    _check(weights, shape)
    return shape


def default_outputs(blocks: int) -> tuple[int, ...]:
    """Return which blocks become outputs: the ends of the network's four quarters."""
    return tuple(sorted({max(1, round(blocks * quarter / 4)) for quarter in (1, 2, 3, 4)}))


def feature_graph(
    weights: Weights, outputs: Sequence[int], head_channels: int = HEAD_CHANNELS
) -> onnx.ModelProto:
    """Build the network up to the last wanted block.

    Each output is the patch tokens after a block, the network's final norm applied, as upstream's
    `get_intermediate_layers` gives them: so the scales of all blocks are alike.

    Args:
        weights: the state dict, float32, with upstream's names.
        outputs: which blocks become outputs, counted from 1; block 9 becomes `block9`.
        head_channels: channels of one attention head.

    Returns:
        Input `image`: float32 `[N, 3, H, W]`, RGB, 0 to 255, H and W multiples of the patch.
        Outputs: float32 `[N, C, H / patch, W / patch]`.

    Raises:
        BadBackbone: the state dict is not whole.
    """
    shape = shape_of(weights, head_channels)
    graph = GraphBuilder("vision_transformer")
    image = graph.input("image", "float32", ("n", 3, "height", "width"))
    patches = _patches(graph, image, weights, shape)
    grid = graph.node("Shape", patches, start=2, end=4)
    x = _tokens(graph, patches, grid, weights, shape)
    for number in range(1, max(outputs) + 1):
        x = _block(graph, x, weights, f"blocks.{number - 1}", shape.channels // head_channels)
        if number in outputs:
            size = (f"height/{shape.patch_px}", f"width/{shape.patch_px}")
            value = _plane(graph, _norm(graph, x, weights, "norm"), grid, shape)
            graph.output(value, f"block{number}", ("n", shape.channels, *size))
    return graph.build()


def _check(weights: Weights, shape: Shape) -> None:
    c, hidden, patch = shape.channels, shape.hidden, shape.patch_px
    expected: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (c, 3, patch, patch),
        "patch_embed.proj.bias": (c,),
        "pos_embed": (1, shape.grid**2 + 1, c),
        "cls_token": (1, 1, c),
        "norm.weight": (c,),
        "norm.bias": (c,),
    }
    of_block: dict[str, tuple[int, ...]] = {
        "norm1.weight": (c,), "norm1.bias": (c,), "norm2.weight": (c,), "norm2.bias": (c,),
        "attn.qkv.weight": (3 * c, c), "attn.qkv.bias": (3 * c,),
        "attn.proj.weight": (c, c), "attn.proj.bias": (c,), "ls1.gamma": (c,),
        "mlp.fc1.weight": (hidden, c), "mlp.fc1.bias": (hidden,),
        "mlp.fc2.weight": (c, hidden), "mlp.fc2.bias": (c,), "ls2.gamma": (c,),
    }  # fmt: skip
    for i in range(shape.blocks):
        expected |= {f"blocks.{i}.{name}": sides for name, sides in of_block.items()}
    for name, sides in expected.items():
        if name not in weights:
            raise BadBackbone(f"these weights are not whole: {name} is missing")
        if weights[name].shape != sides:
            raise BadBackbone(
                f"{name} has the shape {list(weights[name].shape)}, not {list(sides)}"
            )
    unknown = sorted(set(weights) - set(expected) - {"mask_token"})
    if unknown:
        raise BadBackbone(f"these weights are of another network: it has no {unknown[0][:100]}")


def _patches(graph: GraphBuilder, image: str, weights: Weights, shape: Shape) -> str:
    """Embed patches, `[N, C, rows, columns]`; the colours' normalisation is in the kernel."""
    deviation = np.array(IMAGENET_DEVIATION)[:, None, None]
    mean = np.array(IMAGENET_MEAN)[:, None, None]
    kernel = weights["patch_embed.proj.weight"].astype(np.float64) / deviation
    bias = weights["patch_embed.proj.bias"] - (kernel * mean).sum(axis=(1, 2, 3))
    side = [shape.patch_px, shape.patch_px]
    weight, offset = (graph.constant(a.astype(np.float32)) for a in (kernel / 255, bias))
    return graph.node("Conv", image, weight, offset, kernel_shape=side, strides=side)


def _tokens(graph: GraphBuilder, patches: str, grid: str, weights: Weights, shape: Shape) -> str:
    """Turn patches into tokens `[N, 1 + rows * columns, C]` with their positions added.

    Learned positions are resized to the grid bicubically, as `transformers` does.
    """
    positions, first = weights["pos_embed"][0], weights["cls_token"][0]
    plane = positions[1:].T.reshape(1, shape.channels, shape.grid, shape.grid)
    channels = graph.ints(1, shape.channels)
    sizes = graph.node("Concat", channels, grid, axis=0)
    resized = graph.node(
        "Resize",
        graph.constant(plane),
        "",
        "",
        sizes,
        mode="cubic",
        cubic_coeff_a=-0.75,
        coordinate_transformation_mode="half_pixel",
    )
    placed = graph.node("Add", patches, resized)
    rows = graph.node("Reshape", placed, graph.ints(0, shape.channels, -1))
    rows = graph.node("Transpose", rows, perm=[0, 2, 1])
    whole = graph.node("Shape", patches, start=0, end=1)
    sizes = graph.node("Concat", whole, graph.ints(1, shape.channels), axis=0)
    leading = graph.node("Expand", graph.constant((first + positions[:1])[None]), sizes)
    return graph.node("Concat", leading, rows, axis=1)


def _block(graph: GraphBuilder, x: str, weights: Weights, prefix: str, heads: int) -> str:
    """Add attention and MLP, each after a norm and scaled by its layer scale, to the tokens."""
    gain = weights[f"{prefix}.ls1.gamma"]
    y = _attention(graph, _norm(graph, x, weights, f"{prefix}.norm1"), weights, prefix, heads)
    x = graph.node("Add", x, _linear(graph, y, *_pair(weights, f"{prefix}.attn.proj", gain)))
    gain = weights[f"{prefix}.ls2.gamma"]
    y = _norm(graph, x, weights, f"{prefix}.norm2")
    y = _gelu(graph, _linear(graph, y, *_pair(weights, f"{prefix}.mlp.fc1")))
    return graph.node("Add", x, _linear(graph, y, *_pair(weights, f"{prefix}.mlp.fc2", gain)))


def _attention(graph: GraphBuilder, x: str, weights: Weights, prefix: str, heads: int) -> str:
    """Softmax(Q K^T / sqrt(d)) V by heads, side by side; Vaswani et al. 2017, equation 1."""
    weight, bias = _pair(weights, f"{prefix}.attn.qkv")
    channels = len(bias) // 3
    each = channels // heads
    scale = np.ones(3 * channels, np.float32)
    scale[:channels] = each**-0.5
    weight, bias = weight * scale[:, None], bias * scale
    split = []
    for part, perm in zip(range(3), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True):
        own = slice(part * channels, (part + 1) * channels)
        y = _linear(graph, x, weight[own], bias[own])
        y = graph.node("Reshape", y, graph.ints(0, 0, heads, each))
        split.append(graph.node("Transpose", y, perm=perm))
    query, key, value = split
    likeness = graph.node("Softmax", graph.node("MatMul", query, key), axis=-1)
    y = graph.node("Transpose", graph.node("MatMul", likeness, value), perm=[0, 2, 1, 3])
    return graph.node("Reshape", y, graph.ints(0, 0, channels))


def _plane(graph: GraphBuilder, x: str, grid: str, shape: Shape) -> str:
    """Turn tokens into `[N, C, rows, columns]`, without the leading one."""
    x = graph.node("Slice", x, graph.ints(1), graph.ints(2**31 - 1), graph.ints(1))
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    sizes = graph.node("Concat", graph.ints(0, shape.channels), grid, axis=0)
    return graph.node("Reshape", x, sizes)


def _pair(weights: Weights, name: str, gain: _Array | None = None) -> tuple[_Array, _Array]:
    """Return weight and bias of a linear layer, what follows it as a factor multiplied in."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return (weight, bias) if gain is None else (weight * gain[:, None], bias * gain)


def _linear(graph: GraphBuilder, x: str, weight: _Array, bias: _Array) -> str:
    y = graph.node("MatMul", x, graph.constant(weight.T))
    return graph.node("Add", y, graph.constant(bias))


def _norm(graph: GraphBuilder, x: str, weights: Weights, name: str) -> str:
    gain, bias = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.node("LayerNormalization", x, gain, bias, axis=-1, epsilon=_EPSILON)


def _gelu(graph: GraphBuilder, x: str) -> str:
    """x Phi(x), exact: Hendrycks & Gimpel 2016, equation 2."""
    inner = graph.node("Erf", graph.node("Div", x, graph.constant(np.float32(2**0.5))))
    doubled = graph.node("Add", inner, graph.constant(np.float32(1)))
    return graph.node("Mul", graph.node("Mul", x, doubled), graph.constant(np.float32(0.5)))
