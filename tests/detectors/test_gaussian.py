import numpy as np
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.detectors.gaussian import Gaussian
from okng.domain.errors import BadSetting
from okng.domain.ports import silent
from okng.graphs.backbone import load_backbone
from okng.graphs.features import feature_graph
from okng.testing.images import ArrayImages, good_part, good_parts

RUNTIME = OnnxRuntime(OnnxRuntime.Config())
SIZE = 64


def features_of(pictures: np.ndarray) -> np.ndarray:
    """Return float64 `[n, cells, channels]`."""
    graph = feature_graph(load_backbone("efficientnet_lite0"), ("stride4",), 16, SIZE, SIZE).graph
    session = RUNTIME.load(graph.SerializeToString())
    found = session.run({"image": pictures})["features"].astype(float)
    return found.reshape(*found.shape[:2], -1).transpose(0, 2, 1)


@pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
def test_the_map_is_the_distance_to_each_positions_own_gaussian(shrinkage: float) -> None:
    """Means and regularised covariances are those of numpy, position by position."""
    pictures, ridge = good_parts(8, SIZE), 0.05
    config = Gaussian.Config(
        stages=("stride4",), channels=100, shrinkage=shrinkage, ridge=ridge, blur_cells=0
    )
    trained = Gaussian(config, RUNTIME).train(ArrayImages(pictures), None, silent)
    assert trained.facts["channels"] == 24
    new = good_part(100, SIZE)[None]
    found = RUNTIME.load(trained.graph).run({"image": new})["anomaly_map"][0].ravel()
    seen, x = features_of(pictures), features_of(new)[0]
    covariances = np.array([np.cov(seen[:, p].T, bias=True) for p in range(seen.shape[1])])
    pooled = covariances.mean(axis=0)
    for p, value in enumerate(found):
        covariance = (1 - shrinkage) * covariances[p] + shrinkage * pooled
        covariance += ridge * np.trace(pooled) / len(pooled) * np.eye(len(pooled))
        away = x[p] - seen[:, p].mean(axis=0)
        assert value == pytest.approx(np.sqrt(away @ np.linalg.solve(covariance, away)), rel=5e-3)


def test_channels_are_chosen_by_the_seed() -> None:
    """Another seed takes other channels."""
    images = ArrayImages(good_parts(4, SIZE))
    first, again, other = (
        Gaussian(Gaussian.Config(channels=10, seed=seed), RUNTIME).train(images, None, silent).graph
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_graph_that_would_be_huge_is_refused() -> None:
    """Too many cells with too many channels are refused before any work, with the knobs named."""
    config = Gaussian.Config(cell_px=4, channels=152)
    with pytest.raises(BadSetting, match="cell_px"):
        Gaussian(config, RUNTIME).train(ArrayImages(good_parts(2, 256)), None, silent)
