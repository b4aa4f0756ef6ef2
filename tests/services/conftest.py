from collections.abc import Callable
from pathlib import Path

import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.domain.dataset import GOOD, Dataset, Sample, Split
from okng.domain.ports import Runtime
from okng.testing.images import good_parts, save

MakeDataset = Callable[..., Dataset]


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    return OnnxRuntime(OnnxRuntime.Config())


@pytest.fixture(scope="session")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return 14 pictures of good parts, 64 x 64; tests leave them as they are."""
    return save(tmp_path_factory.mktemp("good"), good_parts(14, 64))


@pytest.fixture
def dataset(tmp_path: Path) -> MakeDataset:
    """Return what makes a dataset of training files, and groups by file where given."""

    def make(
        train: list[Path], test: tuple[Sample, ...] = (), groups: dict[Path, str] | None = None
    ) -> Dataset:
        samples = [Sample(p, GOOD, Split.TRAIN, group=(groups or {}).get(p)) for p in train]
        return Dataset("part", tmp_path, "by hand", (*samples, *test))

    return make
