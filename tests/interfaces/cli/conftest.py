"""A small product on disk, a model of it, and two ways to call the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from okng.interfaces.cli.app import app

SMALL = ["--size", "64", "--set", "bank_size=48"]


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Okng = Callable[..., Result]


def part(index: int, defect: bool = False) -> NDArray[np.uint8]:
    """Draw a part of 64 x 64: a disc on a ground, no two alike; the defect is a bright square."""
    dice = np.random.default_rng(index)
    y, x = np.mgrid[:64, :64] - 31.5 + dice.normal(0, 0.7, (2, 1, 1))
    picture = np.where(np.hypot(x, y) < 22, 150.0, 60.0) + dice.normal(0, 8) + 0.4 * x
    picture += dice.normal(0, 6, (64, 64))
    if defect:
        row, column = dice.integers(20, 34, 2)
        picture[row : row + 12, column : column + 12] = 250
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def bolt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset in the layout of MVTec AD: 24 good to train on, 5 good and 5 bad to test."""
    root = tmp_path_factory.mktemp("data") / "bolt"
    for i in range(24):
        save(root / "train" / "good" / f"{i:02d}.png", part(i))
    for i in range(5):
        save(root / "test" / "good" / f"{i:02d}.png", part(100 + i))
        save(root / "test" / "spot" / f"{i:02d}.png", part(200 + i, defect=True))
        mask = part(200 + i, defect=True) == 250
        save(root / "ground_truth" / "spot" / f"{i:02d}_mask.png", mask.astype(np.uint8) * 255)
    return root


def call(home: Path, *arguments: object) -> Result:
    """Run the command line in this process."""
    runner = CliRunner(env={"OKNG_HOME": str(home), "OKNG_RUNTIME": "onnxruntime"})
    done = runner.invoke(app, [str(argument) for argument in arguments], prog_name="okng")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Result(done.exit_code, done.stdout, done.stderr)


def environment(home: Path) -> dict[str, str]:
    source = str(Path(sys.modules["okng"].__path__[0]).parent)
    own = {"OKNG_HOME": str(home), "OKNG_RUNTIME": "onnxruntime", "PYTHONPATH": source}
    return os.environ | own | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}


def _heed_interrupts() -> None:
    """Undo what shells do to jobs in the background: they ignore Ctrl-C, and so would a child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(home: Path, *arguments: object) -> "subprocess.Popen[str]":
    """Start the command line as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "okng.interfaces.cli.app", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=environment(home), preexec_fn=None if os.name == "nt" else _heed_interrupts,
    )  # fmt: skip


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory, bolt: Path) -> Path:
    """A data folder with the model bolt-1; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    done = call(home, "train", bolt, *SMALL)
    assert done.code == 0, done.err
    return home


@pytest.fixture(scope="session")
def read(trained_home: Path) -> Okng:
    """Call a command that changes nothing."""
    return lambda *arguments: call(trained_home, *arguments)


@pytest.fixture
def okng(tmp_path: Path, trained_home: Path) -> Okng:
    """Call a command on a data folder of the test's own, with the model bolt-1."""
    home = tmp_path / "home"
    shutil.copytree(trained_home, home)
    return lambda *arguments: call(home, *arguments)


@pytest.fixture
def fresh(tmp_path: Path) -> Okng:
    """Call a command on an empty data folder."""
    return lambda *arguments: call(tmp_path / "home", *arguments)


@pytest.fixture
def process(trained_home: Path) -> Okng:
    """Run a command as a process of its own."""

    def run(*arguments: object) -> Result:
        running = start(trained_home, *arguments)
        out, err = running.communicate(timeout=60)
        return Result(running.returncode, out, err)

    return run


@pytest.fixture
def starting(trained_home: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start a command as a process of its own, and go on."""
    return lambda *arguments: start(trained_home, *arguments)


@pytest.fixture
def draw() -> Callable[..., Path]:
    """Write a picture of a part: draw(path, index, defect=False)."""
    return lambda path, index, defect=False: save(path, part(index, defect))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a good part, a bad one below, and a file that is no image inside."""
    folder = tmp_path / "in"
    save(folder / "good.png", part(3))
    save(folder / "deep" / "bad.png", part(201, defect=True))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    return folder
