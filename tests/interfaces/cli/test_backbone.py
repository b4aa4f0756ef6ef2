"""`okng backbone`, as its user types it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

CHANNELS, HIDDEN, PATCH, GRID = 64, 96, 14, 4


def small_dinov2(blocks: int = 3) -> dict[str, NDArray[np.float16]]:
    """Make weights of a DINOv2 that is small, but for its patches."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (CHANNELS, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (CHANNELS,),
        "pos_embed": (1, GRID**2 + 1, CHANNELS),
        "cls_token": (1, 1, CHANNELS),
    }
    for i in range(blocks):
        shapes |= {
            f"blocks.{i}.attn.qkv.weight": (3 * CHANNELS, CHANNELS),
            f"blocks.{i}.attn.qkv.bias": (3 * CHANNELS,),
            f"blocks.{i}.attn.proj.weight": (CHANNELS, CHANNELS),
            f"blocks.{i}.attn.proj.bias": (CHANNELS,),
            f"blocks.{i}.mlp.fc1.weight": (HIDDEN, CHANNELS),
            f"blocks.{i}.mlp.fc1.bias": (HIDDEN,),
            f"blocks.{i}.mlp.fc2.weight": (CHANNELS, HIDDEN),
            f"blocks.{i}.mlp.fc2.bias": (CHANNELS,),
        }
    state = {name: rng.normal(0, 0.1, sides) for name, sides in shapes.items()}
    for name in ("norm", *(f"blocks.{i}.norm{n}" for i in range(blocks) for n in (1, 2))):
        state |= {f"{name}.weight": np.ones(CHANNELS), f"{name}.bias": np.zeros(CHANNELS)}
    for i in range(blocks):
        state |= {f"blocks.{i}.ls{n}.gamma": np.ones(CHANNELS) for n in (1, 2)}
    return {name: values.astype(np.float16) for name, values in state.items()}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    save_file(small_dinov2(), path)
    return path


def test_a_backbone_of_ones_own_from_file_to_verdict(
    fresh: Callable[..., Any], weights: Path, bolt: Path
) -> None:
    """It is added, listed, trained with at its own size, and inspects on when it is removed."""
    added = fresh("backbone", "add", "small", "--from", weights, "--licence", "MIT", "--json").json
    assert [stage["name"] for stage in added["stages"]] == ["block1", "block2", "block3"]
    assert {(s["stride"], s["channels"]) for s in added["stages"]} == {(PATCH, CHANNELS)}
    assert added["licence"] == "MIT"
    (listed,) = (
        one
        for one in fresh("backbone", "list", "--no-speed", "--json").json["backbones"]
        if one["name"] == "small"
    )
    assert listed["licence"] == "MIT"
    assert listed["milliseconds"] is None
    done = fresh("train", bolt, "--set", "backbone=small", "--set", "bank_size=48")
    assert done.code == 0, done.err
    manifest = fresh("models", "show", "bolt", "--json").json["manifest"]
    assert manifest["backbones"] == [{"name": "small", "sha256": added["sha256"], "licence": "MIT"}]
    assert manifest["config"]["stages"] == ["block1", "block2", "block3"]
    assert manifest["config"]["cell_px"] == PATCH
    assert (manifest["view"]["width"], manifest["map_width"]) == (252, 18)
    (alone,) = {
        run["backbone"] is None for run in fresh("bench", "--runs", 1, "--json").json["runs"]
    }
    assert not alone
    assert fresh("backbone", "remove", "small").code == 0
    inspected = fresh("inspect", bolt / "test" / "spot" / "00.png", "--json")
    assert inspected.json["inspections"][0]["verdict"] in {"OK", "NG", "REVIEW"}
    without = fresh("bench", "--runs", 1)
    assert "backbone alone cannot be measured" in without.out
    assert fresh("train", bolt, "--set", "backbone=small").code == 2


def test_the_list_measures_and_says_what_can_be_had(fresh: Callable[..., Any]) -> None:
    """The backbone that comes with okng has its time here; DINOv2 the way to get it."""
    found = {one["name"]: one for one in fresh("backbone", "list", "--json").json["backbones"]}
    assert found["efficientnet_lite0"]["milliseconds"] > 0
    assert found["efficientnet_lite0"]["tier"] == "fast"
    assert not found["dinov2-small"]["installed"]
    assert found["dinov2-small"]["place"] == "okng backbone pull dinov2-small"
    assert (
        found["efficientnet-lite1"]["place"] == "okng backbone add efficientnet-lite1 --from FILE"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["add", "efficientnet_lite0", "--from", "small.safetensors"], 5, "comes with okng"),
        (["add", "UPPER/evil", "--from", "small.safetensors"], 2, "cannot be a backbone"),
        (["add", "x", "--from", "missing.safetensors"], 5, "is no file"),
        (["add", "x", "--from", "weights.pth"], 5, "no PyTorch file of plain weights"),
        (["add", "x", "--from", "weights.ckpt"], 2, "of no kind that can be added"),
        (["add", "x", "--from", "broken.safetensors"], 5, "no safetensors file, or damaged"),
        (["add", "x", "--from", "other.safetensors"], 5, "no weights of a vision transformer"),
        (["add", "x", "--from", "cut.safetensors"], 5, "norm.bias is missing"),
        (["remove", "efficientnet_lite0"], 2, "comes with okng"),
        (["remove", "nothing"], 5, "no backbone 'nothing' was added"),
        (["remove", "Models/x"], 5, "was added"),
    ],
)
def test_what_cannot_be_added_or_removed(
    fresh: Callable[..., Any], weights: Path, arguments: list[str], code: int, reason: str
) -> None:
    """Each is refused with one line that says why, and nothing is kept."""
    folder = weights.parent
    for name in ("weights.pth", "weights.ckpt"):
        (folder / name).write_bytes(b"\x80\x02}q\x00.")
    (folder / "broken.safetensors").write_bytes(weights.read_bytes()[:1000])
    save_file({"weight": np.ones((3, 3), np.float32)}, folder / "other.safetensors")
    cut = {name: values for name, values in small_dinov2().items() if name != "norm.bias"}
    save_file(cut, folder / "cut.safetensors")
    done = fresh("backbone", *(folder / a if Path(a).suffix else a for a in arguments))
    assert (done.code, done.out) == (code, "")
    assert reason in done.err
    assert "Traceback" not in done.err
    found = fresh("backbone", "list", "--no-speed", "--json").json["backbones"]
    assert "x" not in [one["name"] for one in found]


def test_a_name_that_is_taken(fresh: Callable[..., Any], weights: Path) -> None:
    """A second backbone of a name is refused until the first is removed."""
    for code in (0, 5):
        assert fresh("backbone", "add", "small", "--from", weights).code == code
    assert fresh("backbone", "remove", "small").code == 0
    assert fresh("backbone", "add", "small", "--from", weights).code == 0
