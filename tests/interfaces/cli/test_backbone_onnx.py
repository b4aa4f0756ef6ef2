"""`okng backbone add` of networks that came as ONNX files, as its user types it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from okng.bootstrap.judging import load
from okng.settings import Settings

CHANNELS = 6


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    image: list[int | str],
    output: list[int | str],
    **constants: np.ndarray,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def _kernel(side: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, (CHANNELS, 3, side, side)).astype(np.float32)


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """A network of one convolution, every 8 px; the file names one size, as exporters do."""
    nodes = [
        helper.make_node("Conv", ["pixels", "k"], ["c"], strides=[8, 8], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["c"], ["out"]),
    ]
    size = [1, CHANNELS, 4, 4]
    return _save(tmp_path / "maps.onnx", nodes, [1, 3, 32, 32], size, k=_kernel(12))


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A network of 4 x 4 patches as tokens, after one of the whole image, at 64 x 64 px alone."""
    nodes = [
        helper.make_node("Conv", ["pixels", "k"], ["c"], strides=[16, 16]),
        helper.make_node("Reshape", ["c", "sides"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["rows"], ["whole"], axes=[1]),
        helper.make_node("Concat", ["whole", "rows"], ["out"], axis=1),
    ]
    sides = np.array([0, CHANNELS, 16], np.int64)
    output = ["n", 17, CHANNELS]
    return _save(
        tmp_path / "tokens.onnx", nodes, ["n", 3, 64, 64], output, k=_kernel(16), sides=sides
    )


def _trained(fresh: Callable[..., Any], bolt: Path, *settings: str) -> dict[str, Any]:
    done = fresh("train", bolt, "--set", "backbone=own", "--set", "bank_size=48", *settings)
    assert done.code == 0, done.err
    manifest: dict[str, Any] = fresh("models", "show", "bolt", "--json").json["manifest"]
    return manifest


def _score(fresh: Callable[..., Any], image: Path) -> float:
    (judged,) = fresh("inspect", image, "--json").json["inspections"]
    return float(judged["score"])


def test_feature_maps_from_file_to_verdict(
    fresh: Callable[..., Any], maps: Path, bolt: Path
) -> None:
    """It serves at any size, and both runtimes give the same score."""
    added = fresh("backbone", "add", "own", "--from", maps, "--licence", "MIT", "--json").json
    assert added["stages"] == [{"name": "out", "stride": 8, "channels": CHANNELS}]
    assert added["fixed_size"] is None
    manifest = _trained(fresh, bolt, "--size", "72x64")
    assert (manifest["map_width"], manifest["map_height"]) == (9, 8)
    assert manifest["backbones"][0]["licence"] == "MIT"
    image = bolt / "test" / "spot" / "00.png"
    first = _score(fresh, image)
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    settings = Settings(home=maps.parent / "home", runtime="openvino")
    assert load("bolt", settings=settings).inspect(image).score == pytest.approx(first, rel=1e-3)


def test_tokens_from_file_to_verdict(fresh: Callable[..., Any], tokens: Path, bolt: Path) -> None:
    """With the grid stated it serves at the size of the file, to which other images are resized."""
    add = ("backbone", "add", "own", "--from", tokens)
    refused = fresh(*add)
    assert (refused.code, refused.out) == (5, "")
    assert "for tokens, state the grid" in refused.err
    added = fresh(*add, "--grid", "4x4", "--prefix-tokens", 1, "--json").json
    assert added["fixed_size"] == [64, 64]
    assert added["defaults"]["neighbourhood"] == 1
    assert (added["defaults"]["side_px"], added["defaults"]["cell_px"]) == (64, 16)
    assert added["stages"] == [{"name": "out", "stride": 16, "channels": CHANNELS}]
    manifest = _trained(fresh, bolt, "--size", "96")
    assert (manifest["map_width"], manifest["view"]["width"]) == (4, 96)
    assert _score(fresh, bolt / "test" / "spot" / "00.png") > 0
    shown = fresh("backbone", "list", "--json").json["backbones"]
    assert next(one for one in shown if one["name"] == "own")["milliseconds"] > 0


@pytest.mark.parametrize(
    ("file", "more", "code", "reason"),
    [
        ("tokens", ["--grid", "5x5"], 5, "too few for a grid of 5 x 5"),
        ("tokens", ["--grid", "4x4", "--prefix-tokens", "2"], 5, "too few for a grid of 4 x 4"),
        ("tokens", ["--grid", "2x8"], 5, "4 places a side at least"),
        ("tokens", ["--grid", "4by4"], 2, "is not rows x columns"),
        ("tokens", ["--prefix-tokens", "1"], 2, "it goes with --grid"),
        ("maps", ["--output", "gone"], 5, "no value 'gone'"),
        ("maps", ["--mean", "1,2"], 2, "neither one number nor three"),
        ("maps", ["--std", "0,1,1"], 5, "a deviation is above 0"),
        ("maps", ["--layout", "hwc"], 2, "none of nchw, nhwc"),
        ("maps", ["--layout", "nhwc"], 5, r"must be float32 [N, H, W, 3]"),
        ("weights", ["--mean", "0"], 2, "of an ONNX file alone"),
    ],
)
def test_what_cannot_be_added(
    fresh: Callable[..., Any],
    maps: Path,
    tokens: Path,
    file: str,
    more: list[str],
    code: int,
    reason: str,
) -> None:
    """Each is refused with one sentence that says why, and nothing is kept."""
    weights = maps.parent / "weights.safetensors"
    weights.write_bytes(b"")
    path = {"maps": maps, "tokens": tokens, "weights": weights}[file]
    done = fresh("backbone", "add", "own", "--from", path, *more)
    assert (done.code, done.out) == (code, "")
    assert reason in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err
    listed = fresh("backbone", "list", "--no-speed", "--json").json["backbones"]
    assert "own" not in [one["name"] for one in listed]


def test_a_batch_of_one_is_refused(fresh: Callable[..., Any], tmp_path: Path) -> None:
    """A network that takes one image at a time, baked in, says how it must be exported."""
    nodes = [
        helper.make_node("Conv", ["pixels", "k"], ["c"], strides=[16, 16]),
        helper.make_node("Reshape", ["c", "sides"], ["out"]),
    ]
    file = _save(
        tmp_path / "one.onnx",
        nodes,
        [1, 3, 64, 64],
        [1, CHANNELS, 4, 4],
        k=_kernel(16),
        sides=np.array([1, CHANNELS, 4, 4], np.int64),
    )
    done = fresh("backbone", "add", "own", "--from", file)
    assert done.code == 5
    assert "export it with the batch's size left open" in " ".join(done.err.split())
