"""`okng bench` and `okng demo`."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
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
    done = fresh("demo", "--folder", folder, "--images", "20", "--no-serve")
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
    other = fresh("demo", "--folder", folder, "--images", "21", "--no-serve")
    assert other.code == 5
    assert "--folder" in other.err


def test_demo_ends_in_a_browser(tmp_path: Path) -> None:
    """It serves its product, says where and how to sign in, and its samples are there to try."""
    code = (
        "import sys\n"
        "from okng.bootstrap import demo\n"
        "from okng.interfaces.cli.app import main\n"
        "demo.DEMO_TEST_GOOD, demo.DEMO_PER_DEFECT = 2, 1\n"
        "sys.argv = ['okng', *sys.argv[1:]]\n"
        "main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "demo", "--images", "20", "--port", "0"],
        env={**os.environ, "OKNG_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C ends it" in line:
                break
        url = re.search(r"Open (http://127.0.0.1:\d+)/inspect", told)
        password = re.search(r"Password\s+(\S+)", told)
        assert url, told
        assert password, told
        with httpx.Client(base_url=url[1]) as browser:
            body = {"name": "admin", "password": password[1]}
            signed_in = browser.post("/api/v1/session", json=body)
            body = {"old": password[1], "new": "four unrelated plain words"}
            csrf = {"X-CSRF-Token": signed_in.json()["csrf"]}
            browser.post("/api/v1/session/password", json=body, headers=csrf)
            assert browser.get("/inspect").status_code == 200
            samples = browser.get("/api/v1/products/flange/samples").json()["items"]
        assert {sample["label"] for sample in samples} > {"good", "dent"}
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
