import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime


@pytest.fixture(scope="session")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(OnnxRuntime.Config())
