from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okng.algorithms.coreset import greedy_k_center, projection_matrix


def points_of(seed: int, n: int, d: int, clusters: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 10, (clusters, d))
    return (centres[rng.integers(0, clusters, n)] + rng.normal(0, 1, (n, d))).astype(np.float32)


def distances(points: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return each point's distance to the nearest chosen one, in double precision."""
    points = points.astype(np.float64)
    return np.sqrt(((points[:, None] - points[chosen][None]) ** 2).sum(axis=2)).min(axis=1)


def radius(points: np.ndarray, chosen: np.ndarray) -> float:
    return float(distances(points, chosen).max())


def one_at_a_time(points: np.ndarray, count: int, first: int) -> np.ndarray:
    """Choose the farthest point again and again, with nothing saved."""
    chosen = [first]
    while len(chosen) < count:
        away = distances(points, np.array(chosen))
        away[chosen] = -1
        chosen.append(int(away.argmax()))
    return np.array(chosen)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 700),
    d=st.integers(1, 12),
    count=st.integers(1, 400),
    copies=st.booleans(),
)
def test_coreset_is_a_subset(seed: int, n: int, d: int, count: int, copies: bool) -> None:
    """The choice has the size that was asked for and no point twice, whatever the points."""
    points = points_of(seed, n, d)
    if copies:
        points = points[np.random.default_rng(seed).integers(0, max(1, n // 3), n)]
    chosen = greedy_k_center(points, count, np.random.default_rng(seed))
    assert len(chosen) == min(count, n)
    assert len(set(chosen.tolist())) == len(chosen)
    assert chosen.min() >= 0
    assert chosen.max() < n


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), n=st.integers(300, 900), count=st.integers(2, 80))
def test_coreset_is_that_of_choosing_one_at_a_time(seed: int, n: int, count: int) -> None:
    """Bringing the distances up to date for many choices at once changes nothing but near ties."""
    points = points_of(seed, n, 6)
    chosen = greedy_k_center(points, count, np.random.default_rng(seed))
    naive = one_at_a_time(points, count, int(chosen[0]))
    assert radius(points, chosen) == pytest.approx(radius(points, naive), rel=1e-3)
    same = np.array(chosen) == np.array(naive)
    first = len(same) if same.all() else int(same.argmin())
    away = np.linalg.norm(points[:, None] - points[chosen[:first]][None], axis=2).min(axis=1)
    if first < len(same):
        assert away[chosen[first]] == pytest.approx(away[naive[first]], rel=1e-4)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 9), count=st.integers(1, 4))
def test_coreset_radius_is_at_most_twice_the_best(seed: int, n: int, count: int) -> None:
    """No other choice of that size halves the radius (Gonzalez 1985)."""
    points = points_of(seed, n, 2, clusters=3)
    chosen = greedy_k_center(points, count, np.random.default_rng(seed))
    best = min(radius(points, np.array(c)) for c in combinations(range(n), min(count, n)))
    assert radius(points, chosen) <= 2 * best + 1e-4


def test_coreset_takes_what_differs_before_copies() -> None:
    """Of a few different points with many copies each is taken once before any twice."""
    different = points_of(3, 20, 4)
    points = np.repeat(different, 30, axis=0)
    chosen = greedy_k_center(points, 20, np.random.default_rng(0))
    assert len(np.unique(points[chosen], axis=0)) == 20


def test_coreset_of_one_point_repeated() -> None:
    """Where all points are equal there are still as many different indices as asked for."""
    points = np.full((600, 8), 3.3, np.float32)
    chosen = greedy_k_center(points, 400, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 400


@pytest.mark.parametrize("count", [10, 11, 1000])
def test_coreset_of_everything(count: int) -> None:
    """All points are taken where no fewer are asked for than there are."""
    chosen = greedy_k_center(points_of(0, 10, 3), count, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == list(range(10))


def test_coreset_depends_on_the_seed_alone() -> None:
    """The same generator gives the same choice, another one another."""
    points = points_of(1, 500, 5)
    first, again, other = (
        greedy_k_center(points, 40, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_projection_keeps_distances_on_average() -> None:
    """Squared distances after the projection are, on average, those before."""
    points = points_of(0, 60, 200)
    projected = points @ projection_matrix(200, 64, np.random.default_rng(0))
    assert projected.shape == (60, 64)
    assert projected.dtype == np.float32
    i, j = np.triu_indices(60, 1)
    ratio = ((projected[i] - projected[j]) ** 2).sum(1) / ((points[i] - points[j]) ** 2).sum(1)
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    assert ratio.std() < 0.4


def test_projection_to_as_many_dimensions_is_none() -> None:
    """Points that have no more dimensions stay as they are."""
    points = points_of(0, 10, 8)
    assert np.array_equal(points @ projection_matrix(8, 8, np.random.default_rng(0)), points)
