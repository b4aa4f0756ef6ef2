from collections.abc import Iterator

import pytest
import torch

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.testing.images import ArrayImages, good_parts


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Learn on one thread: the networks of these tests are too small for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def runtime() -> OnnxRuntime:
    return OnnxRuntime(OnnxRuntime.Config())


@pytest.fixture(scope="session")
def images() -> ArrayImages:
    """Return eight good parts of 64 pixels."""
    return ArrayImages(good_parts(8, 64))
