from dataclasses import replace

import pytest

from okng.domain.errors import ParityError
from okng.domain.model import Golden, Model
from okng.domain.ports import Runtime
from okng.services.parity import check_parity
from okng.testing.models import tiny_model
from okng.testing.runtimes import SkewedRuntime


def with_tolerance(tolerance: float, model: Model | None = None) -> Model:
    model = model or tiny_model()
    return replace(model, manifest=replace(model.manifest, tolerance=tolerance))


def test_runtimes_that_agree(runtime: Runtime) -> None:
    """Each runtime's largest difference is told, in their order."""
    skewed = SkewedRuntime(runtime, 5e-5)
    first, second = check_parity(tiny_model(), [runtime, skewed])
    assert (first.runtime, second.runtime) == (runtime.label, skewed.label)
    assert first.difference < 1e-6
    assert second.difference == pytest.approx(5e-5, rel=0.05)


@pytest.mark.parametrize("offset", [2e-4, -2e-4, float("nan")])
def test_a_runtime_that_is_off(runtime: Runtime, offset: float) -> None:
    """A score further away than the tolerance, in either direction, is refused."""
    with pytest.raises(ParityError, match=r"skewed|0\.png"):
        check_parity(tiny_model(), [runtime, SkewedRuntime(runtime, offset)])


def test_verdicts_must_be_equal(runtime: Runtime) -> None:
    """Scores within the tolerance but on two sides of a threshold are refused, with both."""
    model = with_tolerance(0.1)
    score = model.manifest.golden[0].score
    calibration = replace(
        model.manifest.calibration, review_threshold=score + 0.01, ng_threshold=score + 5
    )
    model = replace(model, manifest=replace(model.manifest, calibration=calibration))
    with pytest.raises(ParityError, match=r"0\.png is REVIEW on skewed .* but OK on onnxruntime"):
        check_parity(model, [runtime, SkewedRuntime(runtime, 0.02)])


def test_the_manifests_score_counts(runtime: Runtime) -> None:
    """A single runtime is held against the score that the manifest states."""
    model = tiny_model()
    wrong = replace(model.manifest, golden=(Golden("0.png", 0.123),))
    with pytest.raises(ParityError, match=r"the manifest says 0\.123"):
        check_parity(replace(model, manifest=wrong), [runtime])


def test_golden_image_that_is_broken(runtime: Runtime) -> None:
    """A golden image that cannot be decoded is named."""
    model = tiny_model()
    with pytest.raises(ParityError, match=r"0\.png cannot be inspected"):
        check_parity(replace(model, golden={**model.golden, "0.png": b"?"}), [runtime])


def test_no_golden_images(runtime: Runtime) -> None:
    """Without golden images nothing can be said."""
    with pytest.raises(ParityError, match="no golden images"):
        check_parity(tiny_model(golden=0), [runtime])


def test_pixel_limit_is_the_callers(runtime: Runtime) -> None:
    """Golden images are read within the limit that the training had."""
    with pytest.raises(ParityError, match="63 pixels"):
        check_parity(tiny_model(), [runtime], max_pixels=63)
