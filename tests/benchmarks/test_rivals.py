"""The comparison with anomalib: all of it that can be tested without anomalib."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.rivals.contest import Arena, Effort, Rival, copied, judge_in_turn
from benchmarks.rivals.environments import PROJECT
from benchmarks.rivals.folded import EPSILON, unfold
from benchmarks.rivals.okng_side import Side
from benchmarks.rivals.protocol import peak_mib
from benchmarks.rivals.report import ratios, render
from benchmarks.rivals.worker import worker
from numpy.testing import assert_allclose

from okng.adapters.datasets import read_dataset
from okng.testing.images import write_folder

PYTHON = Path(sys.executable)


def result(runtime: str, **changed: Any) -> dict[str, Any]:
    """Return what a contest would have measured."""
    found = {
        "machine": "a machine",
        "set": "bottle",
        "images": 30,
        "options": {},
        "rival": "patchcore",
        "weights": "random",
        "runtime": runtime,
        "versions": {"okng": "0.1.0", "anomalib": "2.7.0"},
        "okng_installed_mib": 500.0,
        "installed_mib": 1500.0,
        "okng_auroc": 1.0,
        "auroc": None,
        "export_cpu_s": 20.0,
        "okng_model_mib": 5.0,
        "model_mib": 100.0,
        "okng_latency_mib": 200.0,
        "latency_mib": 800.0,
        "okng_train_mib": [250.0, 250.0],
        "train_mib": [1000.0, 2000.0],
    }
    for name in ("train_s", "train_cpu_s", "latency_ms", "latency_cpu_ms"):
        found |= {f"okng_{name}": [2.0, 4.0], name: [20.0, 80.0]}
    return {**found, **changed}


def test_ratios_are_of_each_round() -> None:
    """A round's figure of the rival is divided by okng's of the same round."""
    assert ratios(result("torch"), "train_s") == [10.0, 20.0]


def test_report_states_ratios_with_their_spread(tmp_path: Path) -> None:
    """Median, least and most of the rounds; what was not measured is called so."""
    render([result("torch"), result("openvino", auroc=None)], tmp_path)
    text = (tmp_path / "rivals.md").read_text(encoding="utf-8")
    assert "| patchcore | training | 15 x (10 to 20) | 15 x (10 to 20) |" in text
    assert "| patchcore | memory, training | 6 x (4 to 8) |" in text
    assert "| patchcore | memory, judging, torch | 4 x |" in text
    assert "| patchcore | not measured | 50.0 |" in text
    assert "okng 0.1.0, anomalib 2.7.0; okng with its defaults" in text


def test_last_result_counts(tmp_path: Path) -> None:
    """Who measures again gets the newer figure."""
    render([result("torch", auroc=0.5), result("torch", auroc=0.75)], tmp_path)
    text = (tmp_path / "rivals.md").read_text(encoding="utf-8")
    assert "0.750" in text
    assert "0.500" not in text


def test_both_sides_get_the_same_images(tmp_path: Path) -> None:
    """As many good images as asked for, evenly chosen, and every labelled test image."""
    dataset = read_dataset(write_folder(tmp_path / "part", 8, 2, 3, size=32))
    with copied(dataset, 4) as images:
        chosen = [file.read_bytes() for file in sorted((images / "train" / "good").iterdir())]
        assert chosen == [dataset.train_good[i].path.read_bytes() for i in (0, 2, 4, 6)]
        assert len(list((images / "test" / "good").iterdir())) == 2
        assert len(list((images / "test" / "bad").iterdir())) == 3
    assert not images.exists()


def test_unfolded_normalization_adds_the_bias_alone() -> None:
    """A folded bias comes back as the shift of a normalization that does nothing else."""
    bias = np.array([0.5, -2.0], np.float32)
    arrays = {
        "layer2.0.downsample.0.weight": np.ones((2, 3, 1, 1), np.float32),
        "layer2.0.downsample.0.weight_bias": bias,
        "conv1.weight": np.ones((2, 3, 7, 7), np.float32),
        "conv1.weight_bias": bias,
        "val_1": np.ones(2, np.float32),
    }
    state = unfold(arrays)
    assert {name for name in state if name.endswith(".bias")} == {
        "layer2.0.downsample.1.bias",
        "bn1.bias",
    }
    x = np.array([3.0, 4.0], np.float32)
    mean, variance = state["bn1.running_mean"], state["bn1.running_var"]
    normalized = (x - mean) / np.sqrt(variance + EPSILON)
    assert_allclose(normalized * state["bn1.weight"] + state["bn1.bias"], x + bias, rtol=1e-6)


def test_rivals_side_stands_without_okng() -> None:
    """What runs in anomalib's environment imports nothing of okng."""
    for name in ("__init__", "anomalib_side", "folded", "protocol"):
        source = (PROJECT / "benchmarks" / "rivals" / f"{name}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None
                assert node.module.split(".")[0] != "okng"
                assert node.module != "benchmarks.setting"


def test_sides_are_measured_in_turn(tmp_path: Path) -> None:
    """Two processes judge the same files in turn; here okng meets itself, and agrees."""
    dataset = read_dataset(write_folder(tmp_path / "part", 8, 2, 2, size=32))
    with copied(dataset, None) as images:
        arena = Arena(PYTHON, PYTHON, images, tmp_path, {})
        told = {"folder": str(images), "options": {"size": (32, 32)}}
        for name in ("okng", "itself"):
            answer = Side().train(out=arena.out(name), **told)
            assert answer["train_s"] > 0
            assert answer["size_mib"] > 1
        rival = Rival("itself", "okng", weights="its own")
        found = judge_in_turn(arena, rival, "auto", Effort(1, 2, 1), rival_side="okng_side")
    assert len(found["okng_latency_ms"]) == len(found["latency_cpu_ms"]) == 2
    assert found["auroc"] == found["okng_auroc"] == 1.0
    json.dumps(found)


def test_last_words_of_a_side_are_shown() -> None:
    """A side that fails ends the benchmark with its own error."""
    with (
        pytest.raises(SystemExit, match=r"(?s)No module named .*no_such_side.* gave up"),
        worker(PYTHON, "no_such_side") as side,
    ):
        side.ask("train")


def test_peak_memory_is_of_this_process() -> None:
    """The peak is no less than what an array takes."""
    before = peak_mib()
    block = np.ones(64 << 20, np.uint8)
    assert block.sum() == 64 << 20
    assert peak_mib() > 64
    assert before <= peak_mib() < before + 1000
