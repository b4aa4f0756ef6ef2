"""`okng ensemble`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from okng.testing.images import good_parts, save

Okng = Callable[..., Any]
SMALL = ["--size", "64", "--product", "bolt"]


def test_two_models_become_one_like_any_other(fresh: Okng, bolt: Path, tmp_path: Path) -> None:
    """The ensemble says what it promises, inspects, is evaluated, exported and shown."""
    assert fresh("train", bolt, *SMALL, "--set", "bank_size=32").code == 0
    assert fresh("train", bolt, *SMALL, "--detector", "gaussian").code == 0
    done = fresh("ensemble", "bolt-1", "bolt-2")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    for part in ("bolt-3 is ready", "24 good images by ensemble", "before it learned them",
                 "approximately at most", "Parity"):  # fmt: skip
        assert part in text
    judged = fresh("evaluate", bolt, "--model", "bolt-3", "--json").json
    assert judged["confusion"]["defective"]["OK"] == 0
    shown = fresh("models", "show", "bolt-3").out
    assert "members bolt-1+bolt-2" in shown
    assert "unseen" not in fresh("models", "show", "bolt-3", "--json").json["manifest"]
    exported = fresh("export", "bolt-3", "--input", "90x90", "--to", tmp_path / "bolt.onnx")
    assert exported.code == 0, exported.err
    assert "cannot be measured" in fresh("bench", "bolt-3", "--runs", "2").out
    fresh_good = save(tmp_path / "new", good_parts(8, 64))[0].parent
    exact = fresh("ensemble", "bolt-1", "bolt-2", "--calibrate-on", fresh_good, "--json").json
    assert exact["calibration"]["promises"][0]["exact"]
    assert exact["data"]["held_out"] == 8


def test_what_cannot_be_joined_is_said(fresh: Okng, bolt: Path) -> None:
    """Models that see images otherwise, of several products, or unknown ones end with one error."""
    for size, product in (("64", "bolt"), ("96", "bolt"), ("64", "nut")):
        options = ["--size", size, "--product", product, "--set", "bank_size=32"]
        assert fresh("train", bolt, *options).code == 0
    other = fresh("ensemble", "bolt-1", "bolt-2")
    assert other.code == 2
    assert "bolt-1: 64 x 64 px; bolt-2: 96 x 96 px" in other.err
    assert "bolt, nut): name the one" in fresh("ensemble", "bolt-1", "nut-1").err
    assert fresh("ensemble", "bolt-1", "bolt-9").code != 0
    known = fresh("ensemble", "bolt-1", "bolt-2", "--calibrate-on", bolt / "train" / "good")
    assert known.code == 2
