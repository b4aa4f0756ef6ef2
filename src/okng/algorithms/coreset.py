"""Choose a few points that lie close to all others."""

from collections.abc import Callable

import numpy as np

from okng.domain.arrays import Array, Floats

_CANDIDATES = 512
_BLOCK = 2048


def greedy_k_center(
    points: Floats,
    count: int,
    rng: np.random.Generator,
    told: Callable[[int], object] = int,
) -> Array:
    """Choose `count` points so that the farthest other point is near one of them.

    Farthest-first traversal (Gonzalez 1985), at most twice the optimal radius; it is the
    minimax facility location of Roth et al. 2022 (arXiv:2106.08265), equation 5 and algorithm 1.

    The order is that of choosing one at a time, but the distances of all points are brought up to
    date for many choices at once: as long as the farthest of the candidates (the points that were
    farthest at the last update) is no nearer than the nearest candidate then was, no other point
    can be farther.

    Args:
        points: float32 `[n, d]`.
        count: how many to choose; all where n is not larger.
        rng: chooses the first.
        told: is told now and then how many are chosen.

    Returns:
        int64 `[min(count, n)]`, indices in the order of choice, all different.
    """
    n = len(points)
    if count >= n:
        return np.arange(n)
    squares = np.einsum("ij,ij->i", points, points)
    nearest = np.full(n, np.inf, np.float32)
    chosen = np.array([rng.integers(n)])
    _bring_near(nearest, points, squares, chosen)
    while len(chosen) < count:
        width = min(_CANDIDATES, n)
        candidates = np.argpartition(nearest, n - width)[n - width :]
        picks = _pick(points[candidates], nearest[candidates], count - len(chosen))
        new = candidates[picks]
        _bring_near(nearest, points, squares, new)
        chosen = np.concatenate([chosen, new])
        told(len(chosen))
    return chosen


def _pick(candidates: Floats, nearest: Floats, count: int) -> list[int]:
    """Choose farthest-first among the candidates while no other point can be farther."""
    floor = nearest.min()
    squares = np.einsum("ij,ij->i", candidates, candidates)
    distances = squares[:, None] - 2 * (candidates @ candidates.T) + squares
    nearest = nearest.copy()
    picks: list[int] = []
    while len(picks) < min(count, len(candidates)):
        farthest = int(nearest.argmax())
        if picks and nearest[farthest] < floor:
            break
        picks.append(farthest)
        np.minimum(nearest, distances[farthest], out=nearest)
        nearest[farthest] = -np.inf  # rounding must not let a point be chosen twice
    return picks


def _bring_near(nearest: Floats, points: Floats, squares: Floats, new: Array) -> None:
    """Lower each point's squared distance to the nearest chosen point, given new ones."""
    centres = np.concatenate([-2 * points[new], squares[new, None]], axis=1)
    extended = np.ones((_BLOCK, centres.shape[1]), np.float32)  # each point, and 1
    for start in range(0, len(nearest), _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = extended[: len(points[block])]
        rows[:, :-1] = points[block]
        distances = (centres @ rows.T).min(axis=0) + squares[block]
        np.minimum(nearest[block], distances, out=nearest[block])
    nearest[new] = -np.inf


def projection_matrix(d: int, dimensions: int, rng: np.random.Generator) -> Floats:
    """Return what keeps distances on average in fewer dimensions (Johnson & Lindenstrauss 1984).

    Args:
        d: dimensions of the points.
        dimensions: how many to keep; the identity where d is not larger.

    Returns:
        float32 `[d, min(d, dimensions)]`, to multiply points with.
    """
    if dimensions >= d:
        return np.eye(d, dtype=np.float32)
    matrix = rng.standard_normal((d, dimensions), dtype=np.float32) / np.sqrt(dimensions)
    return np.asarray(matrix, np.float32)
