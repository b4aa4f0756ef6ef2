import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from okng import plugins
from okng.domain.errors import BadSetting
from okng.testing.detectors import MeanPart

DETECTORS = ["memory", "gaussian", "fusion", "probe", "cnn", "transfer", "autoencoder", "student"]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a third-party detector, and one that cannot be imported."""
    points = [
        EntryPoint("mean", "okng.testing.detectors:MeanPart", "okng.detectors"),
        EntryPoint("evil", "no_such_module:Evil", "okng.detectors"),
    ]
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: [p for p in points if p.group == group]
    )


@pytest.mark.parametrize(("kind", "name"), plugins.SHIPPED)
def test_everything_in_the_table_can_be_loaded(kind: str, name: str) -> None:
    """Each class that the table names exists and has a Config."""
    assert hasattr(plugins.load(kind, name), "Config")


def test_names_are_in_the_order_of_preference() -> None:
    """OpenVINO stands before ONNX Runtime, memory before gaussian."""
    assert plugins.names("runtime") == ["openvino", "onnxruntime"]
    assert plugins.names("detector") == DETECTORS


def test_unknown_name() -> None:
    """A name that is not there is refused with those that are."""
    with pytest.raises(BadSetting, match=r"no detector 'patchcore': choose from memory, gaussian"):
        plugins.load("detector", "patchcore")


@pytest.mark.usefixtures("offered")
def test_third_parties_are_not_loaded_unless_allowed() -> None:
    """An installed package gets no say until the settings name it."""
    assert plugins.names("detector") == DETECTORS
    with pytest.raises(BadSetting):
        plugins.load("detector", "mean")


@pytest.mark.usefixtures("offered")
def test_third_parties_that_are_allowed() -> None:
    """A detector that the settings name is listed and loaded, others still not."""
    assert plugins.names("detector", ["mean"]) == [*DETECTORS, "mean"]
    assert plugins.load("detector", "mean", ["mean"]) is MeanPart
    assert plugins.names("runtime", ["mean"]) == ["openvino", "onnxruntime"]


def test_third_parties_cannot_take_a_shipped_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that calls itself `memory` does not replace okng's own."""
    point = EntryPoint("memory", "okng.testing.detectors:MeanPart", "okng.detectors")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    assert plugins.load("detector", "memory", ["memory"]).__name__ == "Memory"
    assert plugins.names("detector", ["memory"]).count("memory") == 1


def test_nothing_is_imported_until_asked_for() -> None:
    """Listing names imports neither detectors nor runtimes."""
    code = (
        "import sys; from okng import plugins; plugins.names('detector'); plugins.names('runtime');"
        "print([m for m in ('onnx', 'onnxruntime', 'openvino', 'okng.detectors.memory', 'cv2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
