"""What all tests share: the public datasets and weights, where there are any."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Learned on one thread: the networks of tests are too small for more, and workers share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Properties are not about time: a busy machine must not fail them.
settings.register_profile(
    "okng", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("okng")


@pytest.fixture(scope="session")
def okng_data() -> Path:
    """Return the folder of the public datasets; skip without it, fail where CI promised it."""
    return _promised("OKNG_DATA", "data", "datasets", "bottle, casting, ...")


@pytest.fixture(scope="session")
def okng_backbones() -> Path:
    """Return the folder of published weights; skip without it, fail where CI promised it."""
    return _promised("OKNG_BACKBONES", "backbones", "weights", "dinov2_vits14_fp16.safetensors")


def _promised(variable: str, name: str, what: str, content: str) -> Path:
    folder = Path(os.environ.get(variable) or ROOT.parent / "shared" / name)
    if folder.is_dir():
        return folder
    reason = f"no {what} at {folder}: set {variable} to the folder that holds {content}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for datasets or weights, so that `-m 'not data'` leaves it out."""
    for item in items:
        if {"okng_data", "okng_backbones"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("data")
