from pathlib import Path

import numpy as np
import pytest

from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.dataset import GOOD, Sample, Split
from okng.domain.view import View, parse_preparations
from okng.services.preview import VERSIONS, look_ahead
from okng.testing.images import good_parts, save


class Darkening:
    """Makes each version a little darker; an `Augmenting`."""

    def augmented(self, pixels: Pixels, inspected: Mask, count: int, seed: int) -> Array:
        return np.stack([pixels // (i + 2) for i in range(count)])


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Seven good images, one of them broken, and one with a defect."""
    paths = save(tmp_path, good_parts(8, 32))
    paths[2].write_bytes(b"no image")
    good = [Sample(path, GOOD, Split.TRAIN) for path in paths[:7]]
    return [*good, Sample(paths[7], "dent", Split.TRAIN)]


def test_each_class_is_shown(samples: list[Sample]) -> None:
    """Examples come from every class, good first; what cannot be read is passed over."""
    labels = [example.label for example in look_ahead(samples, View(16, 16), None)]
    assert labels == [GOOD, GOOD, GOOD, "dent"]


def test_an_example_is_shown_as_it_is_prepared_and_changed(samples: list[Sample]) -> None:
    """First as it is, then prepared, then changed; all of the view's size."""
    view = View(16, 12, prepare=parse_preparations(["grey"]))
    example = look_ahead(samples, view, Darkening())[0]
    names = [name for name, _ in example.versions]
    assert names == ["as it is", "prepared", *(f"changed {i + 1}" for i in range(VERSIONS))]
    assert {pixels.shape for _, pixels in example.versions} == {(12, 16, 3)}
    plain, prepared, changed = (example.versions[i][1] for i in range(3))
    assert np.ptp(plain, axis=2).any()
    assert not np.ptp(prepared, axis=2).any()
    assert np.array_equal(changed, prepared // 2)


def test_nothing_is_said_to_be_prepared_that_is_not(samples: list[Sample]) -> None:
    """Without steps, mask or changes there is one column alone."""
    (versions,) = {tuple(n for n, _ in e.versions) for e in look_ahead(samples, View(8, 8), None)}
    assert versions == ("as it is",)
