"""The command line as a process of its own: exit codes, streams and signals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from okng.version import __version__

Okng = Callable[..., Any]


def test_version(process: Okng) -> None:
    """`okng --version` says name and version, and nothing else."""
    done = process("--version")
    assert (done.code, done.out, done.err) == (0, f"okng {__version__}\n", "")


def test_worst_verdict_decides_the_exit_code(process: Okng, mixed: Path) -> None:
    """An ERROR among OK and NG ends in 4, and every image has its line and its verdict."""
    done = process("inspect", mixed)
    assert done.code == 4
    words = sorted(
        line.split()[1] for line in done.out.splitlines() if ".png" in line or ".jpg" in line
    )
    assert words == ["ERROR", "NG", "OK"]
    assert "3 images:  1 OK  0 REVIEW  1 NG  1 ERROR" in done.out
    assert done.err == ""


def test_failure_is_one_clear_line(process: Okng) -> None:
    """A folder that is not there ends in 5 with one line on standard error and no traceback."""
    done = process("train", "/not/there", "--json")
    assert done.code == 5
    assert done.err.count("\n") == 1
    assert done.err.startswith("Error: /not/there: ")
    assert json.loads(done.out)["error"]["code"] == "bad-dataset"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_interrupt_is_said_and_leaves_nothing(starting: Okng, tmp_path: Path) -> None:
    """Ctrl-C while the demo renders ends in 130, says so in one line and removes its files."""
    folder = tmp_path / "demo"
    running = starting("demo", "--folder", folder, "--images", "3000")
    while running.poll() is None and not any(tmp_path.glob(".okng-demo-*/demo/train/good/*")):
        sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (130, "Error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_fault_of_okng_is_no_verdict() -> None:
    """An exception that nobody expected ends in 70, with its traceback; never in 1, which is NG."""
    code = (
        "import sys; from okng.interfaces.cli import app, models\n"
        "def broken(*_): raise KeyError('surprise')\n"
        "models._list = broken; sys.argv = ['okng', 'models']; app.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 70
    assert "KeyError: 'surprise'" in done.stderr
    assert "report it" in done.stderr


def test_closed_pipe_is_quiet(starting: Okng, bolt: Path) -> None:
    """A reader that has seen enough, as `head` does, gets no traceback and 141, never 1."""
    with starting("inspect", bolt) as running:
        running.stdout.close()
        err = running.stderr.read()
    assert (running.returncode, err) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["models"], ["models", "--json"]])
def test_full_disk_behind_standard_output_is_one_line(
    trained_home: Path, arguments: list[str]
) -> None:
    """What cannot be printed ends in 5, with the place and the remedy and no traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "okng.interfaces.cli.app", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env=os.environ | {"OKNG_HOME": str(trained_home)},
        )  # fmt: skip
    expected = "Error: standard output: No space left on device: make room where it goes\n"
    assert (done.returncode, done.stderr) == (5, expected)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
def test_interrupted_json_is_whole(starting: Okng, tmp_path: Path, draw: Okng) -> None:
    """Ctrl-C closes the document after the images that were judged, with the error in it."""
    first = draw(tmp_path / "many" / "000.png", 3)
    for i in range(1, 3000):
        (tmp_path / "many" / f"{i:04d}.png").write_bytes(first.read_bytes())
    table = tmp_path / "t.csv"
    running = starting("inspect", tmp_path / "many", "--json", "--csv", table)
    with running:
        begun = "".join(running.stdout.readline() for _ in range(3))
        running.send_signal(signal.SIGINT)
        answer = json.loads(begun + running.stdout.read())
        err = running.stderr.read()
    assert running.returncode == 130
    assert answer["error"] == {"code": "interrupted", "message": "interrupted"}
    assert 2 <= len(answer["inspections"]) < 3000
    assert not table.exists()
    assert "t.csv.partial has what was inspected" in err
    assert (tmp_path / "t.csv.partial").read_text().startswith("image,verdict")
