"""`okng bench` and `okng demo`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from okng.bootstrap import demo

Okng = Callable[..., Any]


def test_every_installed_runtime_is_measured(read: Okng) -> None:
    """Each runtime has backbone, graph and file to verdict, with the ratio to the backbone."""
    answer = read("bench", "--runs", "3", "--json").json
    assert answer["model"] == "bolt-1"
    assert {"onnxruntime"} <= {one["runtime"].split()[0] for one in answer["runs"]}
    for one in answer["runs"]:
        graph, backbone = one["graph"], one["backbone"]
        assert graph["ratio"] == pytest.approx(graph["p50_ms"] / backbone["p50_ms"])
        assert one["verdict"]["p50_ms"] > 0


def test_bench_table(read: Okng, mixed: Path) -> None:
    """The table names what was measured, on the image that was named."""
    done = read("bench", "bolt", "--image", mixed / "good.png", "--runs", "2")
    assert "file to verdict" in done.out
    assert str(mixed / "good.png") in done.out
    assert read("bench", "--image", mixed / "broken.jpg", "--runs", "2").code == 5
    assert read("bench", "nut").code == 5


def test_demo_tells_its_story(fresh: Okng, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo renders, trains, evaluates and inspects; then its images serve again."""
    monkeypatch.setattr(demo, "DEMO_TEST_GOOD", 2)
    monkeypatch.setattr(demo, "DEMO_PER_DEFECT", 1)
    folder = tmp_path / "flange"
    done = fresh("demo", "--folder", folder, "--images", "20")
    assert done.code == 0
    for part in (
        "rendered into",
        "flange-1 is ready",
        "Report:",
        "4  Inspect",
        "okng train FOLDER",
    ):
        assert part in done.out
    again = fresh("demo", "--folder", folder, "--images", "20", "--json").json
    assert again["training"]["model"] == "flange-2"
    assert len(again["inspections"]) == 6
    assert Path(again["report"]).is_file()
    other = fresh("demo", "--folder", folder, "--images", "21")
    assert other.code == 5
    assert "--folder" in other.err
