"""The shipped backbone, and how its graph is built."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from okng.domain.errors import BadBackbone, BadModel, BadSetting
from okng.graphs.backbone import SHIPPED, Backbone, Backbones, load_backbone
from okng.graphs.efficientnet_lite import OUTPUTS, STAGES, depth_of, feature_graph
from okng.services.backbone_networks import network_of_weights

REFERENCE = Path(__file__).parent / "efficientnet_lite0_reference.npz"
EPSILON = 1e-3

Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("efficientnet_lite0")


def run(graph: bytes, image: NDArray[np.float32]) -> Arrays:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image}), strict=True))


@pytest.mark.parametrize("key", ["noise", "parts"])
def test_features_are_those_of_the_reference_network(backbone: Backbone, key: str) -> None:
    """Every stage of the shipped graph gives what the PyTorch network gave, to 1e-4."""
    reference = np.load(REFERENCE, allow_pickle=False)
    features = run(backbone.onnx, reference[f"{key}_image"][None].astype(np.float32))
    assert set(features) == {"stride4", "stride8", "stride16"}
    for name, found in features.items():
        expected = reference[f"{key}_{name}"]
        assert found[0].shape == expected.shape
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_stages_are_what_the_provenance_says(backbone: Backbone) -> None:
    """Each stage of a 64 x 96 image has the stated channels and the size that its stride gives."""
    features = run(backbone.onnx, np.zeros((2, 3, 64, 96), np.float32))
    sizes = {s.name: (2, s.channels, 64 // s.stride, 96 // s.stride) for s in backbone.stages}
    assert sizes == {name: array.shape for name, array in features.items()}
    assert [stage.channels for stage in backbone.stages] == [24, 40, 112]
    assert backbone.multiple == 16


def test_graph_holds_no_batch_norm_and_nothing_after_the_last_stage(backbone: Backbone) -> None:
    """Batch norm is folded away, and every node leads to an output."""
    graph = onnx.load_model_from_string(backbone.onnx).graph
    assert {node.op_type for node in graph.node} == {
        "Sub", "Div", "Conv", "Clip", "Add", "Identity"
    }  # fmt: skip
    used = {name for node in graph.node for name in node.input}
    outputs = {output.name for output in graph.output}
    assert {name for node in graph.node for name in node.output} <= used | outputs


def test_shipped_file_is_the_one_that_the_provenance_names() -> None:
    """The hash, the licence and the source stand beside the file."""
    folder = files("okng").joinpath("backbones")
    provenance = json.loads(folder.joinpath("efficientnet_lite0.json").read_text("utf-8"))
    graph = folder.joinpath("efficientnet_lite0.onnx").read_bytes()
    assert sha256(graph).hexdigest() == provenance["sha256"]
    assert provenance["licence"] == "Apache-2.0"
    assert re.fullmatch("[0-9a-f]{64}", provenance["source"]["sha256"])
    licence = folder.joinpath(provenance["licence_file"]).read_text("utf-8")
    assert all(line in licence for line in provenance["copyright"])


def test_unknown_backbone_lists_those_there_are() -> None:
    """A wrong name is answered with the right ones."""
    assert "efficientnet_lite0" in SHIPPED.names()
    with pytest.raises(BadSetting, match="efficientnet_lite0"):
        load_backbone("resnet18")
    with pytest.raises(BadSetting, match="choose from"):
        load_backbone("../backbones/efficientnet_lite0")


def test_unknown_stage_lists_those_there_are(backbone: Backbone) -> None:
    """A wrong stage is answered with the right ones."""
    assert backbone.stage("stride8").channels == 40
    with pytest.raises(BadSetting, match="stride4, stride8, stride16"):
        backbone.stage("stride32")


@pytest.mark.parametrize("damage", ["graph", "missing", "card", "fields"])
def test_damaged_backbone_is_refused(damage: str, tmp_path: Path, backbone: Backbone) -> None:
    """A changed graph, a missing one and a broken provenance file are BadModel, never used."""
    card = tmp_path / "own.json"
    provenance = {
        "sha256": backbone.sha256,
        "licence": "x",
        "input": {"multiple": 16, "border_px": 16},
        "stages": [],
        "defaults": {"stages": [], "cell_px": 16, "side_px": 256, "neighbourhood": 3},
    }
    card.write_text(json.dumps(provenance))
    graph = tmp_path / "own.onnx"
    graph.write_bytes(backbone.onnx)
    shelf = Backbones(tmp_path)
    assert shelf.names() == ["efficientnet_lite0", "own"]
    assert shelf.load("own").sha256 == backbone.sha256
    if damage == "graph":
        graph.write_bytes(backbone.onnx[:-1] + b"\0")
    elif damage == "missing":
        graph.unlink()
    else:
        card.write_text("{" if damage == "card" else '{"sha256": ""}')
    with pytest.raises(BadModel, match="add it again"):
        shelf.load("own")


def random_weights(seed: int, last_block: int) -> Arrays:
    """Make a state dict of the first blocks, of any values, named as the reference names them."""
    rng = np.random.default_rng(seed)
    weights: Arrays = {}

    def add(convolution: str, norm: str, *shape: int) -> None:
        weights[f"{convolution}.weight"] = rng.normal(0, 0.3, shape).astype(np.float32)
        for name, low, high in (
            ("weight", -2, 2), ("bias", -1, 1), ("running_mean", -1, 1), ("running_var", 0.01, 3),
        ):  # fmt: skip
            values = rng.uniform(low, high, shape[0]).astype(np.float32)
            weights[f"{norm}.{name}"] = values

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    channels = 32
    for index, stage in enumerate(_blocks(last_block)):
        prefix, wide = f"_blocks.{index}", channels * stage.expand
        if stage.expand != 1:
            add(f"{prefix}._expand_conv", f"{prefix}._bn0", wide, channels, 1, 1)
        add(f"{prefix}._depthwise_conv", f"{prefix}._bn1", wide, 1, stage.kernel, stage.kernel)
        add(f"{prefix}._project_conv", f"{prefix}._bn2", stage.channels, wide, 1, 1)
        channels = stage.channels
    return weights


def _blocks(last: int) -> Iterator:  # type: ignore[type-arg]
    rows = [stage for stage in STAGES for _ in range(stage.repeats)]
    return iter(rows[: last + 1])


def unfolded(x: NDArray, weights: Mapping[str, NDArray], convolution: str, norm: str, stride: int):  # type: ignore[type-arg,no-untyped-def]
    """Convolve with SAME padding, then normalise: the definition, in float64, by loops.

    `x` is `[C, H, W]`; batch norm is Ioffe & Szegedy 2015, algorithm 1, with running statistics.
    """
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    out, per_group, size, _ = kernel.shape
    _, height, width = x.shape
    pad_y = max((-(-height // stride) - 1) * stride + size - height, 0)
    pad_x = max((-(-width // stride) - 1) * stride + size - width, 0)
    x = np.pad(x, ((0, 0), (pad_y // 2, pad_y - pad_y // 2), (pad_x // 2, pad_x - pad_x // 2)))
    y = np.zeros((out, -(-height // stride), -(-width // stride)))
    for row in range(y.shape[1]):
        for column in range(y.shape[2]):
            window = x[:, row * stride :, column * stride :][:, :size, :size]
            if per_group == x.shape[0]:
                y[:, row, column] = np.tensordot(kernel, window, axes=3)
            else:
                y[:, row, column] = (kernel[:, 0] * window).sum((1, 2))
    mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
    gain, bias = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
    normal = (y - mean[:, None, None]) / np.sqrt(variance[:, None, None] + EPSILON)
    return normal * gain[:, None, None] + bias[:, None, None]


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.sampled_from([4, 8, 12]),
    width=st.sampled_from([4, 8, 12]),
)
def test_folding_batch_norm_changes_nothing(seed: int, height: int, width: int) -> None:
    """With any weights, stem and first block equal convolutions followed by batch norms."""
    weights = random_weights(seed, last_block=0)
    image = np.random.default_rng(seed).integers(0, 256, (3, height, width))
    x = np.clip(unfolded((image - 127.5) / 127.5, weights, "_conv_stem", "_bn0", 2), 0, 6)
    depthwise = unfolded(x, weights, "_blocks.0._depthwise_conv", "_blocks.0._bn1", 1)
    expected = unfolded(
        np.clip(depthwise, 0, 6), weights, "_blocks.0._project_conv", "_blocks.0._bn2", 1
    )
    graph = feature_graph(weights, 1.0, {0: "stride2"}).SerializeToString()
    found = run(graph, image[None].astype(np.float32))["stride2"][0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_equal_weights_give_equal_bytes() -> None:
    """Building twice gives the same file, byte for byte."""
    first, second = (
        feature_graph(random_weights(3, 2), 1.0, {1: "stride4"}).SerializeToString()
        for _ in range(2)
    )
    assert first == second


class _Same(torch.nn.Conv2d):
    """A convolution with TensorFlow's SAME padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, step = self.kernel_size[0], self.stride[0]
        pads = [max((-(-s // step) - 1) * step + kernel - s, 0) for s in x.shape[-2:]]
        edges = [edge for pad in reversed(pads) for edge in (pad // 2, pad - pad // 2)]
        return super().forward(torch.nn.functional.pad(x, edges))


class _Block(torch.nn.Module):
    """MBConv without squeeze-and-excitation: arXiv:1801.04381, figure 4d."""

    def __init__(self, taken: int, given: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = taken * expand
        if expand > 1:
            self._expand_conv = _Same(taken, inner, 1, bias=False)
            self._bn0 = torch.nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = _Same(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = torch.nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = _Same(inner, given, 1, bias=False)
        self._bn2 = torch.nn.BatchNorm2d(given, EPSILON)
        self._skips = stride == 1 and taken == given

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.nn.functional.relu6(self._bn0(self._expand_conv(x))) if self._has_expand else x
        y = torch.nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return y + x if self._skips else y

    @property
    def _has_expand(self) -> bool:
        return hasattr(self, "_expand_conv")


class _Lite(torch.nn.Module):
    """EfficientNet-Lite by its paper, with the names of the published weights."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self._conv_stem = _Same(3, 32, 3, 2, bias=False)
        self._bn0 = torch.nn.BatchNorm2d(32, EPSILON)
        blocks, self.ends, taken = [], {}, 32
        for index, stage in enumerate(STAGES):
            given = max(8, int(stage.channels * width + 4) // 8 * 8)
            given += 8 * (given < 0.9 * stage.channels * width)
            repeats = stage.repeats if index in (0, 6) else math.ceil(stage.repeats * depth)
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(_Block(taken, given, stage.kernel, stride, stage.expand))
                taken = given
            self.ends[len(blocks) - 1] = index
        self._blocks = torch.nn.ModuleList(blocks)
        for module in self.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
                torch.nn.init.uniform_(module.running_var, 0.5, 2)
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        self.eval()

    @torch.no_grad()
    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        x = torch.nn.functional.relu6(self._bn0(self._conv_stem((image / 255 - 0.5) / 0.5)))
        found = {}
        for number, block in enumerate(self._blocks):
            x = block(x)
            if (index := self.ends.get(number)) in OUTPUTS:
                found[OUTPUTS[index]] = x
        return found


@pytest.mark.parametrize(
    ("width", "depth", "channels"), [(1.0, 1.1, [24, 40, 112]), (1.1, 1.2, [24, 48, 120])]
)
def test_lite1_and_lite2_are_built_from_a_file(
    tmp_path: Path, width: float, depth: float, channels: list[int]
) -> None:
    """Their graphs give what a network of that width and depth gives in PyTorch, to 1e-4."""
    network = _Lite(width, depth)
    torch.save(network.state_dict(), tmp_path / "lite.pth")
    built = network_of_weights(tmp_path / "lite.pth")
    assert (built.multiple, built.border_px) == (16, 16)
    image = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)
    found, wanted = run(built.graph, image), network(torch.tensor(image))
    assert [found[name].shape[1] for name in OUTPUTS.values()] == channels
    for name, expected in wanted.items():
        tolerance = 1e-4 * float(expected.abs().max())
        np.testing.assert_allclose(found[name], expected.numpy(), rtol=0, atol=tolerance)


def test_weights_of_an_unknown_lite_are_refused() -> None:
    """Blocks in another number, a tensor that is missing, and one that does not fit."""
    whole = {name: v.numpy() for name, v in _Lite(1.0, 1.1).state_dict().items()}
    assert depth_of(whole) == 1.1
    with pytest.raises(BadBackbone, match="of 20 blocks is not known"):
        depth_of({name: v for name, v in whole.items() if "_blocks.20." not in name})
    with pytest.raises(BadBackbone, match=r"_blocks.3._bn1.running_var is missing"):
        depth_of({name: v for name, v in whole.items() if name != "_blocks.3._bn1.running_var"})
    with pytest.raises(BadBackbone, match="does not fit what comes before"):
        depth_of(whole | {"_blocks.2._expand_conv.weight": np.ones((9, 9, 1, 1), np.float32)})
