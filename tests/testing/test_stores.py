from dataclasses import replace

import pytest

from okng.domain.errors import BadModel, NotFound
from okng.testing.models import tiny_calibration, tiny_model
from okng.testing.stores import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    """Return a store with bottle-1, bottle-2 (another graph) and cap-1."""
    store = MemoryStore()
    store.add("bottle", lambda version: tiny_model("bottle", version))
    store.add("bottle", lambda version: tiny_model("bottle", version, gain=2))
    store.add("cap", lambda version: tiny_model("cap", version))
    return store


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("bottle", "bottle-2"),
        ("bottle-1", "bottle-1"),
        ("bottle@1", "bottle-1"),
        ("cap", "cap-1"),
    ],
)
def test_references(store: MemoryStore, reference: str, name: str) -> None:
    """A product alone means its newest model while it has no champion."""
    assert store.load(reference).name == name


def test_aliases(store: MemoryStore) -> None:
    """An alias names the version that it was set to, and the champion stands for the product."""
    store.aliases["bottle", "champion"] = 1
    store.aliases["bottle", "candidate"] = 2
    assert store.load("bottle").name == "bottle-1"
    assert store.load("bottle@candidate").name == "bottle-2"


@pytest.mark.parametrize(
    "reference", ["bottle-3", "bottle@0", "bottle@x", "jar", "jar-1", "", "-1"]
)
def test_what_is_not_there(store: MemoryStore, reference: str) -> None:
    """A reference to nothing is refused."""
    with pytest.raises(NotFound):
        store.load(reference)


def test_models_of_another_version_are_refused(store: MemoryStore) -> None:
    """What was built must be the version that was asked for; nothing is kept otherwise."""
    with pytest.raises(BadModel, match="cap-7"):
        store.add("cap", lambda version: tiny_model("cap", 7))
    assert len(store.models["cap"]) == 1


def test_calibrations(store: MemoryStore) -> None:
    """Calibrations are numbered on, the newest is active, and those of another graph refused."""
    first = store.calibration("cap")
    second = store.add_calibration("cap", lambda number: replace(first, version=number, note="2"))
    assert second.version == 2
    assert store.calibration("cap") == second
    assert store.calibration("cap", 1) == first
    with pytest.raises(NotFound):
        store.calibration("cap", 3)
    with pytest.raises(BadModel):
        store.add_calibration("cap", tiny_calibration("0" * 64))
