"""A service of its own for a benchmark: a process, a data folder, a model of bottle, a token."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.setting import data_folder
from okng.adapters.datasets import read_dataset
from okng.bootstrap import TrainingOptions, train_dataset
from okng.domain.dataset import Split
from okng.domain.ports import silent
from okng.settings import Settings

PRODUCT = "bottle"
_PASSWORD = "a benchmark's own password"


def prepare(home: Path) -> list[Path]:
    """Train bottle into `home`; return its test images."""
    dataset = read_dataset(data_folder() / PRODUCT)
    train_dataset(dataset, PRODUCT, TrainingOptions(), Settings(home=home), silent)
    return [sample.path for sample in dataset.of(Split.TEST)]


@dataclass
class Running:
    """A service that answers; `kill` is kill -9."""

    process: subprocess.Popen[str]
    url: str
    password: str | None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def token(self) -> str:
        """Sign in for the first time, add the product, and return a token for everything."""
        assert self.password is not None
        with httpx.Client(base_url=self.url, timeout=60) as browser:
            body = {"name": "admin", "password": self.password}
            csrf = browser.post("/api/v1/session", json=body).json()["csrf"]
            body = {"old": self.password, "new": _PASSWORD}
            headers = {"X-CSRF-Token": csrf}
            answer = browser.post("/api/v1/session/password", json=body, headers=headers)
            headers = {"X-CSRF-Token": answer.json()["csrf"]}
            made = browser.post("/api/v1/products", json={"name": PRODUCT}, headers=headers)
            assert made.status_code in (201, 409), made.text
            wish = {"name": "benchmark", "rights": ["read", "inspect"]}
            secret: str = browser.post("/api/v1/tokens", json=wish, headers=headers).json()[
                "secret"
            ]
            return secret


def start(home: Path, database: str | None) -> Running:
    """Start `okng serve` on a free port and wait until it answers."""
    chosen = ["--database", database] if database else []
    command = [sys.executable, "-m", "okng.interfaces.cli.app", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, *chosen],
        env={**os.environ, "OKNG_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            break
    said = json.loads(text)
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return Running(process, said["url"], (said["administrator"] or {}).get("password"))


@contextmanager
def folder_with_model() -> Iterator[tuple[Path, list[Path]]]:
    """Give a data folder with a model of bottle, and the test images."""
    with tempfile.TemporaryDirectory(prefix="okng-benchmark-") as place:
        home = Path(place)
        yield home, prepare(home)
