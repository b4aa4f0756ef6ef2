"""What all tests share: the public datasets, where there are any."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def okng_data() -> Path:
    """Return the folder of the public datasets; skip without it, fail where CI promised it."""
    folder = Path(os.environ.get("OKNG_DATA") or ROOT.parent / "shared" / "data")
    if folder.is_dir():
        return folder
    reason = f"no datasets at {folder}: set OKNG_DATA to the folder that holds bottle, casting, ..."
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the datasets, so that `-m 'not data'` leaves it out."""
    for item in items:
        if "okng_data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
