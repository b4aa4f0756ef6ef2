"""The check that an exported graph scores as its model does."""

from dataclasses import replace

import pytest

from okng.algorithms.view import Preparer
from okng.domain.errors import ParityError
from okng.domain.model import Golden, Model
from okng.domain.ports import Runtime
from okng.domain.view import View
from okng.graphs.camera import camera_graph
from okng.graphs.resize import Size
from okng.services.export import check_export
from okng.testing.models import tiny_model
from okng.testing.runtimes import SkewedRuntime


def exported(model: Model, size: Size) -> bytes:
    view = model.manifest.view
    return camera_graph(model.graph, view, Preparer(view).mask, size)


def test_the_cameras_size_is_the_golden_images(runtime: Runtime) -> None:
    """Golden images of the camera's own size must get the manifest's score, and do."""
    model = tiny_model(height=12, width=16)
    checked, (agreement,) = check_export(
        model, exported(model, Size(12, 16)), Size(12, 16), "rgb", [runtime]
    )
    assert [one.score for one in checked] == [golden.score for golden in model.manifest.golden]
    assert all(one.is_original for one in checked)
    assert agreement.score_difference <= model.manifest.tolerance


def test_another_size(runtime: Runtime) -> None:
    """Others are resized, and held against the normal path."""
    model = tiny_model()
    size = Size(30, 50)
    checked, _ = check_export(model, exported(model, size), size, "rgb", [runtime])
    assert not any(one.is_original for one in checked)
    assert {one.pixels.shape for one in checked} == {(30, 50, 3)}
    session = runtime.load(model.graph)
    for one in checked:
        prepared = Preparer(View(8, 8))(one.pixels)
        assert one.score == session.run({"image": prepared[None]})["score"][0]


def test_a_graph_that_scores_otherwise(runtime: Runtime) -> None:
    """A graph that is not the model's is refused, and so is a runtime that is off."""
    model = tiny_model(gain=1.0)
    size = Size(30, 50)
    other = exported(tiny_model(gain=1.01), size)
    with pytest.raises(ParityError, match=r"0\.png the score .* by the exported"):
        check_export(model, other, size, "rgb", [runtime])
    off = SkewedRuntime(runtime, 0.01)
    with pytest.raises(ParityError, match="Nothing was written"):
        check_export(model, exported(model, size), size, "rgb", [runtime, off])


def test_the_manifests_score_counts(runtime: Runtime) -> None:
    """At the original size a score that the manifest does not state is refused."""
    model = tiny_model()
    wrong = replace(model.manifest, golden=(Golden("0.png", 0.123),))
    size = Size(8, 8)
    with pytest.raises(ParityError, match=r"but 0\.123 by the model"):
        check_export(replace(model, manifest=wrong), exported(model, size), size, "rgb", [runtime])


def test_nothing_to_compare(runtime: Runtime) -> None:
    """Without golden images nothing is exported; one that cannot be read is named."""
    model = tiny_model(golden=0)
    size = Size(8, 8)
    with pytest.raises(ParityError, match="no golden images"):
        check_export(model, exported(model, size), size, "rgb", [runtime])
    model = tiny_model()
    broken = replace(model, golden={**model.golden, "0.png": b"?"})
    with pytest.raises(ParityError, match=r"0\.png cannot be used"):
        check_export(broken, exported(model, size), size, "rgb", [runtime])
