"""Vision transformers: the graph is what the reference network computes, from any state dict."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import erf, softmax

from okng.domain.errors import BadBackbone
from okng.domain.ports import Runtime
from okng.graphs.vision_transformer import (
    default_outputs,
    feature_graph,
    shape_of,
    upstream_names,
)
from okng.graphs.weights import read_weights

State = dict[str, NDArray[np.float32]]
CHANNELS, HEAD, BLOCKS, PATCH, GRID, HIDDEN = 12, 4, 3, 4, 5, 20
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def tiny(seed: int = 0) -> State:
    """Make a small network's state dict, of any values, named as upstream does."""
    rng = np.random.default_rng(seed)
    state: State = {}

    def add(name: str, *sides: int, around: float = 0) -> None:
        state[name] = rng.normal(around, 0.3, sides).astype(np.float32)

    def linear(name: str, out: int, into: int) -> None:
        add(f"{name}.weight", out, into)
        add(f"{name}.bias", out)

    def norm(name: str) -> None:
        add(f"{name}.weight", CHANNELS, around=1)
        add(f"{name}.bias", CHANNELS)

    add("patch_embed.proj.weight", CHANNELS, 3, PATCH, PATCH)
    add("patch_embed.proj.bias", CHANNELS)
    add("pos_embed", 1, GRID**2 + 1, CHANNELS)
    add("cls_token", 1, 1, CHANNELS)
    add("mask_token", 1, CHANNELS)
    norm("norm")
    for i in range(BLOCKS):
        norm(f"blocks.{i}.norm1")
        norm(f"blocks.{i}.norm2")
        linear(f"blocks.{i}.attn.qkv", 3 * CHANNELS, CHANNELS)
        linear(f"blocks.{i}.attn.proj", CHANNELS, CHANNELS)
        linear(f"blocks.{i}.mlp.fc1", HIDDEN, CHANNELS)
        linear(f"blocks.{i}.mlp.fc2", CHANNELS, HIDDEN)
        add(f"blocks.{i}.ls1.gamma", CHANNELS, around=1)
        add(f"blocks.{i}.ls2.gamma", CHANNELS, around=1)
    return state


def by_hand(state: State, image: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Compute the patch tokens after each block by the definition, in float64, for `[3, H, W]`.

    Without resizing of positions: the image has GRID x GRID patches.
    """
    state64 = {name: values.astype(np.float64) for name, values in state.items()}
    x = (image / 255 - np.array(MEAN)[:, None, None]) / np.array(DEVIATION)[:, None, None]
    patches = x.reshape(3, GRID, PATCH, GRID, PATCH).transpose(1, 3, 0, 2, 4).reshape(GRID**2, -1)
    kernel = state64["patch_embed.proj.weight"].reshape(CHANNELS, -1)
    tokens = patches @ kernel.T + state64["patch_embed.proj.bias"]
    tokens = np.concatenate([state64["cls_token"][0], tokens]) + state64["pos_embed"][0]

    def norm(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * state64[f"{name}.weight"] + state64[f"{name}.bias"]

    def linear(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return x @ state64[f"{name}.weight"].T + state64[f"{name}.bias"]

    found = {}
    for i in range(BLOCKS):
        name = f"blocks.{i}"
        qkv = linear(norm(tokens, f"{name}.norm1"), f"{name}.attn.qkv")
        query, key, value = qkv.reshape(-1, 3, CHANNELS // HEAD, HEAD).transpose(1, 2, 0, 3)
        weights = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(HEAD), axis=-1)
        heads = (weights @ value).transpose(1, 0, 2).reshape(-1, CHANNELS)
        tokens = tokens + state64[f"{name}.ls1.gamma"] * linear(heads, f"{name}.attn.proj")
        wide = linear(norm(tokens, f"{name}.norm2"), f"{name}.mlp.fc1")
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        tokens = tokens + state64[f"{name}.ls2.gamma"] * linear(wide, f"{name}.mlp.fc2")
        found[f"block{i + 1}"] = norm(tokens, "norm")[1:].T.reshape(CHANNELS, GRID, GRID)
    return found


def picture(height: int, width: int) -> NDArray[np.float32]:
    """Return `[1, 3, H, W]`, 0 to 255: a gradient with noise and a disc."""
    y, x = np.mgrid[:height, :width]
    planes = np.stack([255 * x / width, 255 * y / height, 128 + 0 * x])
    planes += np.random.default_rng(0).normal(0, 20, planes.shape)
    planes[:, (y - height / 2) ** 2 + (x - width / 3) ** 2 < (height / 5) ** 2] = 30
    return np.clip(planes, 0, 255).astype(np.float32)[None]


def test_a_small_network_computes_what_the_paper_says(runtime: Runtime) -> None:
    """Every block's tokens are those of the definition, written down anew in float64."""
    state, image = tiny(), picture(GRID * PATCH, GRID * PATCH)
    graph = feature_graph(state, (1, 2, 3), HEAD)
    found = runtime.load(graph.SerializeToString()).run({"image": image})
    for name, expected in by_hand(state, image[0]).items():
        assert np.abs(found[name][0] - expected).max() < 1e-4 * np.abs(expected).max()


def test_blocks_that_nobody_wants_are_not_built() -> None:
    """The graph ends with the last block asked for, and has those asked for as outputs."""
    graph = feature_graph(tiny(), (2,), HEAD).graph
    assert [output.name for output in graph.output] == ["block2"]
    assert sum(node.op_type == "Softmax" for node in graph.node) == 2
    assert default_outputs(12) == (3, 6, 9, 12)
    assert default_outputs(2) == (1, 2)


def transformers_names(state: State) -> State:
    """Name a state dict as a file published by `transformers` names it."""
    renamed: State = {}
    for name, values in state.items():
        if ".attn.qkv." in name:
            layer, kind = name.split(".")[1], name.rpartition(".")[2]
            for part, own in zip(("query", "key", "value"), np.split(values, 3), strict=True):
                renamed[f"encoder.layer.{layer}.attention.attention.{part}.{kind}"] = own
            continue
        for old, new in (
            ("pos_embed", "embeddings.position_embeddings"),
            ("cls_token", "embeddings.cls_token"),
            ("mask_token", "embeddings.mask_token"),
            ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
            ("blocks", "encoder.layer"),
            ("attn.proj", "attention.output.dense"),
            ("ls1.gamma", "layer_scale1.lambda1"),
            ("ls2.gamma", "layer_scale2.lambda1"),
        ):
            name = name.replace(old, new)
        renamed["layernorm" + name[4:] if name.startswith("norm.") else name] = values
    return renamed


@pytest.mark.parametrize("prefix", ["", "dinov2."])
def test_both_ways_of_naming_weights_give_the_same_graph(prefix: str) -> None:
    """Weights under the names of `transformers` are the same network."""
    state = tiny()
    other = {prefix + name: values for name, values in transformers_names(state).items()}
    assert not set(other) & set(state)
    built = [feature_graph(upstream_names(s), (3,), HEAD) for s in (state, other)]
    assert built[0].SerializeToString() == built[1].SerializeToString()


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("norm.bias", None, "norm.bias is missing"),
        ("blocks.1.attn.qkv.weight", None, "blocks.1.attn.qkv.weight is missing"),
        ("blocks.1.ls2.gamma", np.ones(5), r"blocks.1.ls2.gamma has the shape \[5\], not \[12\]"),
        ("pos_embed", np.ones((1, 25, 12)), "pos_embed has the shape"),
        ("pos_embed", np.ones(5), "wrong shape"),
        ("blocks.0.mlp.fc1.weight", None, "plain MLP"),
        ("patch_embed.proj.weight", None, "no weights of a vision transformer"),
        ("register_tokens", np.ones((1, 4, 12)), "another network: it has no register_tokens"),
        ("blocks.7.norm1.weight", np.ones(12), "blocks.3.norm1.weight is missing"),
    ],
)
def test_weights_that_are_not_whole(name: str, values: NDArray | None, reason: str) -> None:  # type: ignore[type-arg]
    """A missing, misshapen or unknown tensor is named."""
    state = tiny()
    state.pop(name, None)
    if values is not None:
        state[name] = values.astype(np.float32)
    with pytest.raises(BadBackbone, match=reason):
        shape_of(state, HEAD)


def test_weights_are_read_as_float32(tmp_path: Path) -> None:
    """Half precision on the disk becomes float32 of the same values."""
    state = {"a": np.array([[1.5, -2]], np.float16), "b": np.ones(3, np.float64)}
    save_file(state, tmp_path / "w.safetensors")
    found = read_weights(tmp_path / "w.safetensors")
    assert {name: values.dtype for name, values in found.items()} == dict.fromkeys(
        "ab", np.dtype(np.float32)
    )
    assert found["a"].tolist() == [[1.5, -2]]


def test_damaged_weights(tmp_path: Path) -> None:
    """What is no safetensors file, cut short, of integers, not finite or not there is refused."""
    good, path = tmp_path / "good.safetensors", tmp_path / "w.safetensors"
    save_file({"a": np.ones((8, 8), np.float32)}, good)
    with pytest.raises(BadBackbone, match="cannot be read"):
        read_weights(path)
    for data in (b"", b"PK\x03\x04" * 9, good.read_bytes()[:-1], b"\xff" * 64):
        path.write_bytes(data)
        with pytest.raises(BadBackbone, match="no safetensors file, or damaged"):
            read_weights(path)
    for values, reason in (
        (np.ones(3, np.int64), "I64"),
        (np.array([1, np.nan], np.float32), "no finite numbers"),
    ):
        save_file({"a": values}, path)
        with pytest.raises(BadBackbone, match=reason):
            read_weights(path)


@pytest.fixture(scope="module")
def dinov2(okng_backbones: Path) -> State:
    return upstream_names(read_weights(okng_backbones / "dinov2_vits14_fp16.safetensors"))


@pytest.mark.parametrize(("height", "width"), [(252, 252), (154, 322)])
def test_dinov2_is_what_transformers_computes(
    dinov2: State, runtime: Runtime, height: int, width: int
) -> None:
    """Chosen blocks of DINOv2 ViT-S/14 agree with `transformers` to 1e-3, whatever the shape."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    shape = shape_of(dinov2)
    network = transformers.Dinov2Model(
        transformers.Dinov2Config(
            hidden_size=shape.channels,
            num_hidden_layers=shape.blocks,
            num_attention_heads=shape.channels // 64,
            image_size=shape.grid * shape.patch_px,
            patch_size=shape.patch_px,
        )
    ).eval()
    state = {_in_memory(n): torch.tensor(v) for n, v in transformers_names(dinov2).items()}
    left = network.load_state_dict(state, strict=False)
    assert set(left.missing_keys) <= {"embeddings.mask_token"}
    assert not left.unexpected_keys
    image = picture(height, width)
    pixels = (torch.tensor(image) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(
        DEVIATION
    )[:, None, None]
    with torch.no_grad():
        hidden = network(pixels, output_hidden_states=True).hidden_states
        expected = {f"block{i}": network.layernorm(hidden[i])[0, 1:].numpy() for i in (3, 6, 9, 12)}
    graph = feature_graph(dinov2, (3, 6, 9, 12)).SerializeToString()
    found = runtime.load(graph).run({"image": image})
    for name, tokens in expected.items():
        plane = tokens.T.reshape(-1, height // 14, width // 14)
        assert np.abs(found[name][0] - plane).max() < 1e-3 * np.abs(plane).max()


def _in_memory(name: str) -> str:
    """Return the name that version 5 of `transformers` gives a published tensor in memory."""
    for part in ("query", "key", "value"):
        name = name.replace(f"attention.attention.{part}", f"attention.{part[0]}_proj")
    return name.replace("attention.output.dense", "attention.o_proj")
