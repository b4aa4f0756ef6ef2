from collections.abc import Callable

import pytest

from okng import plugins
from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.testing.detectors import DETECTOR_CHECKS, DetectorTrial
from okng.testing.plugins import check_config


@pytest.fixture(scope="module")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(OnnxRuntime.Config())


@pytest.fixture(params=plugins.names("detector"), scope="module")
def trial(request: pytest.FixtureRequest, runtime: OnnxRuntime) -> DetectorTrial:
    """Return a trial of each detector that is shipped, in turn, as it comes."""
    detector = plugins.load("detector", request.param)
    return DetectorTrial(lambda on: detector(detector.Config(), on), runtime, size=96)


@pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=lambda check: check.__name__)
def test_every_detector_conforms(
    trial: DetectorTrial, check: Callable[[DetectorTrial], None]
) -> None:
    """Each detector that is shipped does what the conformance suite asks."""
    check(trial)


@pytest.mark.parametrize("name", plugins.names("detector"))
def test_every_detectors_settings_are_described(name: str) -> None:
    """Each setting has a default, a title and a description, and unknown ones are refused."""
    check_config(plugins.load("detector", name))


@pytest.mark.parametrize("name", plugins.names("detector"))
def test_every_detector_has_a_seed(name: str) -> None:
    """okng hands each detector its seed."""
    assert plugins.load("detector", name).Config(seed=5).seed == 5
