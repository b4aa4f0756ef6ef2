import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from okng.domain.ports import Runtime
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import Features
from okng.graphs.heads import MapScoring, gaussian_head, join, nearest_neighbour_head
from okng.graphs.signature import check_signature

ROWS, COLUMNS, CHANNELS = 6, 9, 5
ALL = np.ones((ROWS, COLUMNS), bool)


def features_of(seed: int, count: int = 2, channels: int = CHANNELS) -> np.ndarray:
    shape = (count, channels, ROWS, COLUMNS)
    return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def bank_of(seed: int, size: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (size, CHANNELS)).astype(np.float32)


def run(runtime: Runtime, head: ModelProto, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outputs = runtime.load(head.SerializeToString()).run({"features": features})
    return outputs["score"], outputs["anomaly_map"]


def reference(head: ModelProto, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    score, anomaly_map = ReferenceEvaluator(head).run(
        ["score", "anomaly_map"], {"features": features}
    )
    return score, anomaly_map


def nearest_by_hand(features: np.ndarray, bank: np.ndarray) -> np.ndarray:
    cells = features.transpose(0, 2, 3, 1).reshape(-1, features.shape[1])
    away = cdist(cells.astype(float), bank.astype(float)).min(axis=1)
    return away.reshape(len(features), ROWS, COLUMNS)


@pytest.mark.parametrize("size", [40, 4096, 9000])
def test_nearest_neighbour_is_the_nearest(runtime: Runtime, size: int) -> None:
    """Without blur the map is the distance to the nearest bank feature, searched one by one."""
    features, bank = features_of(0), bank_of(1, size)
    score, anomaly_map = run(runtime, nearest_neighbour_head(bank, MapScoring(0, 0, ALL)), features)
    expected = nearest_by_hand(features, bank)
    assert anomaly_map == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert score == pytest.approx(expected.max(axis=(1, 2)), rel=1e-4)


def test_a_feature_of_the_bank_is_no_distance_away(runtime: Runtime) -> None:
    """A feature of the bank itself is at the stated floor, a thousandth of its length."""
    bank = features_of(3, 1)[0].reshape(CHANNELS, -1).T + np.float32(10)
    features = features_of(3, 1) + np.float32(10)
    _, anomaly_map = run(runtime, nearest_neighbour_head(bank, MapScoring(0, 0, ALL)), features)
    length = np.linalg.norm(features.reshape(CHANNELS, -1), axis=0).reshape(anomaly_map[0].shape)
    assert np.isfinite(anomaly_map).all()
    assert (anomaly_map[0] <= 1.5e-3 * length).all()
    assert (anomaly_map[0] >= 0.99e-3 * length).all()


def test_gaussian_is_the_mahalanobis_distance(runtime: Runtime) -> None:
    """Each position's map value is the Mahalanobis distance to its own mean and covariance."""
    rng = np.random.default_rng(5)
    chosen = np.array([0, 2, 4])
    roots = rng.normal(0, 1, (ROWS * COLUMNS, 3, 3)) + 2 * np.eye(3)
    covariance = roots @ roots.transpose(0, 2, 1)
    mean = rng.normal(0, 2, (ROWS * COLUMNS, 3)).astype(np.float32)
    factor = np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)
    features = features_of(6)
    head = gaussian_head(CHANNELS, chosen, mean, factor, MapScoring(0, 0, ALL))
    score, anomaly_map = run(runtime, head, features)
    for n in range(len(features)):
        cells = features[n].reshape(CHANNELS, -1)[chosen].T.astype(float)
        for i, (x, m) in enumerate(zip(cells, mean, strict=True)):
            expected = np.sqrt((x - m) @ np.linalg.solve(covariance[i], x - m))
            assert anomaly_map[n].flat[i] == pytest.approx(expected, rel=2e-3)
        assert score[n] == pytest.approx(anomaly_map[n].max())


def test_blur_is_gaussian(runtime: Runtime) -> None:
    """The map is smoothed by a Gaussian of the sigma asked for, mirrored at the border."""
    features, bank = features_of(0), bank_of(1)
    _, found = run(runtime, nearest_neighbour_head(bank, MapScoring(0, 0.8, ALL)), features)
    plain = nearest_by_hand(features, bank)
    expected = np.stack([gaussian_filter(p, 0.8, mode="mirror", radius=2) for p in plain])
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.0, 4.0])
def test_blur_keeps_what_is_even(runtime: Runtime, sigma: float) -> None:
    """An even map stays even, however wide the blur, also beside a mask."""
    features = np.zeros((1, CHANNELS, ROWS, COLUMNS), np.float32)
    bank = np.array([[2, 0, 0, 0, 0]], np.float32)
    mask = ALL.copy()
    mask[:, 6:] = False
    mask[0, 0] = False
    for inspected in (ALL, mask):
        scoring = MapScoring(0.5, sigma, inspected)
        score, found = run(runtime, nearest_neighbour_head(bank, scoring), features)
        assert found[0][inspected] == pytest.approx(2, rel=1e-5)
        assert not found[0][~inspected].any()
        assert score == pytest.approx(2, rel=1e-5)


@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_masked_cells_have_no_say(runtime: Runtime, sigma: float) -> None:
    """What lies behind the mask changes neither score nor map, however abnormal."""
    mask = ALL.copy()
    mask[2:4, 3:7] = False
    head = nearest_neighbour_head(bank_of(1), MapScoring(0.2, sigma, mask))
    features = features_of(0)
    spoiled = features.copy()
    spoiled[:, :, ~mask] = 100
    before, after = run(runtime, head, features), run(runtime, head, spoiled)
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert not after[1][:, ~mask].any()
    assert (after[1][:, mask] > 0).all()


@settings(max_examples=25)
@given(share=st.floats(0, 1), seed=st.integers(0, 99), masked=st.integers(0, 40))
def test_score_is_the_mean_of_the_highest_share(share: float, seed: int, masked: int) -> None:
    """0 gives the maximum, 1 the mean, anything between the mean of that many cells."""
    mask = ALL.copy()
    mask.flat[np.random.default_rng(seed).permutation(mask.size)[:masked]] = False
    head = nearest_neighbour_head(bank_of(seed), MapScoring(share, 0.8, mask))
    score, anomaly_map = reference(head, features_of(seed, 1))
    cells = np.sort(anomaly_map[0][mask])[::-1]
    count = max(1, round(share * len(cells)))
    assert score[0] == pytest.approx(cells[:count].mean(), rel=1e-4)


@pytest.mark.parametrize(("share", "kind"), [(0.0, np.max), (1.0, np.mean)])
def test_ends_of_the_share(runtime: Runtime, share: float, kind: object) -> None:
    """Share 0 is the maximum of the map, share 1 its mean."""
    head = nearest_neighbour_head(bank_of(1), MapScoring(share, 0.8, ALL))
    score, anomaly_map = run(runtime, head, features_of(0))
    assert score == pytest.approx([kind(plane) for plane in anomaly_map], rel=1e-5)


def test_joined_graph_has_the_signature() -> None:
    """Features and head become one graph from pixels to score and map."""
    graph = GraphBuilder("front")
    x = graph.input("image", "uint8", ("N", 12, 18, 3))
    x = graph.node("Transpose", graph.node("Cast", x, to=1), perm=[0, 3, 1, 2])
    x = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    graph.output(x, "features", ("N", 3, ROWS, COLUMNS))
    front = Features(graph.build(), 3, ROWS, COLUMNS, 12, 18)
    bank = np.array([[10, 20, 30]], np.float32)
    whole = join(front, nearest_neighbour_head(bank, MapScoring(0, 0, ALL)))
    signature = check_signature(whole.SerializeToString())
    assert (signature.height, signature.width) == (12, 18)
    assert (signature.map_height, signature.map_width) == (ROWS, COLUMNS)
    pixels = np.zeros((1, 12, 18, 3), np.uint8)
    pixels[0, 4:6, 8:10] = (10, 20, 30)
    score, anomaly_map = ReferenceEvaluator(whole).run(["score", "anomaly_map"], {"image": pixels})
    assert anomaly_map[0, 2, 4] == pytest.approx(0, abs=2e-3 * np.sqrt(1400))
    assert score[0] == pytest.approx(np.sqrt(1400), rel=1e-4)
