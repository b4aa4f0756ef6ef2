from collections.abc import Callable

import pytest

from okng import plugins
from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.testing.classifiers import CLASSIFIER_CHECKS, ClassifierTrial
from okng.testing.detectors import DETECTOR_CHECKS, DetectorTrial
from okng.testing.plugins import check_config

SHORT: dict[str, dict[str, object]] = {
    "autoencoder": {
        "epochs": 2, "steps": 100, "batch": 4, "levels": 3, "code": 64, "learning_rate": 0.004,
        "schedule": "constant",
    },
    "cnn": {
        "epochs": 4, "steps": 12, "batch": 6, "width": 6, "depth": 2, "learning_rate": 0.02,
    },
    "transfer": {
        "epochs": 2, "steps": 6, "frozen_epochs": 3, "batch": 8, "learning_rate": 0.003,
    },
    "student": {
        "epochs": 3, "steps": 10, "batch": 4, "strange": 24, "teacher_epochs": 2, "width": 16,
        "channels": 16, "code": 8, "learning_rate": 3e-3,
    },
}  # fmt: skip
"""What makes a training of minutes one of a second, on pictures of 64 pixels."""


@pytest.fixture(scope="module")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(OnnxRuntime.Config())


def _is_classifier(name: str) -> bool:
    return hasattr(plugins.load("detector", name), "train_labelled")


CLASSIFIERS = [name for name in plugins.names("detector") if _is_classifier(name)]
OTHERS = [name for name in plugins.names("detector") if name not in CLASSIFIERS]


@pytest.fixture(params=CLASSIFIERS, scope="module")
def labelled_trial(request: pytest.FixtureRequest, runtime: OnnxRuntime) -> ClassifierTrial:
    """Return a trial of each classifier that is shipped, in turn, as it comes or made short."""
    detector = plugins.load("detector", request.param)
    settings = SHORT.get(request.param, {})
    size = 64 if settings else 96
    return ClassifierTrial(lambda on: detector(detector.Config(**settings), on), runtime, size)


@pytest.mark.parametrize("check", CLASSIFIER_CHECKS, ids=lambda check: check.__name__)
def test_every_classifier_conforms(
    labelled_trial: ClassifierTrial, check: Callable[[ClassifierTrial], None]
) -> None:
    """Each classifier that is shipped does what the conformance suite asks."""
    check(labelled_trial)


@pytest.fixture(params=OTHERS, scope="module")
def trial(request: pytest.FixtureRequest, runtime: OnnxRuntime) -> DetectorTrial:
    """Return a trial of each detector that is shipped, in turn, as it comes or made short."""
    name = request.param
    detector, settings = plugins.load("detector", name), SHORT.get(name, {})
    size = 64 if name in SHORT else 96
    return DetectorTrial(lambda on: detector(detector.Config(**settings), on), runtime, size)


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
