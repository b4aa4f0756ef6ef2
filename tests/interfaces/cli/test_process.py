"""The command line as a process of its own: exit codes, streams and signals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
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
        pass
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
    """A reader that has seen enough, as `head` does, gets no traceback in return."""
    with starting("inspect", bolt) as running:
        running.stdout.close()
        err = running.stderr.read()
    assert "Traceback" not in err
