import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.testing.images import ArrayImages, good_parts


@pytest.fixture(scope="session")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(OnnxRuntime.Config())


@pytest.fixture(scope="session")
def images() -> ArrayImages:
    """Return eight good parts of 64 pixels."""
    return ArrayImages(good_parts(8, 64))
