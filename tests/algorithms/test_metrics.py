import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from okng.algorithms.metrics import (
    PixelScores,
    auroc,
    average_precision,
    f1_max,
    longest_side,
    pixel_grid,
    precision_recall_points,
    roc_points,
)

# Few distinct values, so that ties between the classes are common.
SCORES = arrays(np.float64, 24, elements=st.integers(-3, 5).map(float))
TRUTH = arrays(np.bool_, 24).filter(lambda truth: truth.any() and not truth.all())


@given(SCORES, TRUTH)
def test_auroc_is_scikit_learns(scores: np.ndarray, truth: np.ndarray) -> None:
    """The area equals scikit-learn's, ties included."""
    assert auroc(scores, truth) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@given(SCORES, TRUTH)
def test_average_precision_is_scikit_learns(scores: np.ndarray, truth: np.ndarray) -> None:
    """Average precision equals scikit-learn's, ties included."""
    expected = average_precision_score(truth, scores)
    assert average_precision(scores, truth) == pytest.approx(expected, abs=1e-12)


@given(SCORES, TRUTH)
def test_best_f1_is_the_best_of_all(scores: np.ndarray, truth: np.ndarray) -> None:
    """No threshold beats the best F1, and the threshold named attains it."""
    best = f1_max(scores, truth)
    assert best is not None
    every = [f1_score(truth, scores >= threshold) for threshold in np.unique(scores)]
    assert best[0] == pytest.approx(max(every), abs=1e-12)
    assert f1_score(truth, scores >= best[1]) == pytest.approx(best[0], abs=1e-12)


@given(SCORES, TRUTH)
def test_roc_points_draw_scikit_learns_curve(scores: np.ndarray, truth: np.ndarray) -> None:
    """The corners start at the origin, end at (1, 1) and lie on scikit-learn's curve."""
    curve = roc_points(scores, truth)
    assert curve is not None
    false, true = curve
    assert (false[0], true[0], false[-1], true[-1]) == (0.0, 0.0, 1.0, 1.0)
    full_false, full_true, _ = roc_curve(truth, scores, drop_intermediate=False)
    ours = set(zip(false.tolist(), true.tolist(), strict=True))
    assert ours <= set(zip(full_false.tolist(), full_true.tolist(), strict=True))
    area = float(np.trapezoid(true, false))
    assert area == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)


@given(SCORES, TRUTH)
def test_precision_and_recall_are_scikit_learns(scores: np.ndarray, truth: np.ndarray) -> None:
    """Each point lies on scikit-learn's curve; in steps they hold the average precision."""
    points = precision_recall_points(scores, truth)
    assert points is not None
    recall, precision = points
    assert recall[-1] == 1.0
    assert (np.diff(recall) > 0).all()
    theirs, full, _ = precision_recall_curve(truth, scores)
    assert set(zip(recall.tolist(), precision.tolist(), strict=True)) <= set(
        zip(full.tolist(), theirs.tolist(), strict=True)
    )
    area = float(np.sum(np.diff(recall, prepend=0) * precision))
    assert area == pytest.approx(average_precision(scores, truth), abs=1e-12)


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_a_missing_class_gives_none(truth: list[bool]) -> None:
    """With one class alone no figure is made up."""
    scores = np.array([1.0, 2.0])
    for metric in (auroc, average_precision, f1_max, roc_points, precision_recall_points):
        assert metric(scores, np.array(truth)) is None


def test_no_scores_give_none() -> None:
    """An empty sample has no figures."""
    for metric in (auroc, average_precision, f1_max, roc_points):
        assert metric(np.empty(0), np.empty(0, np.bool_)) is None


def _slow_aupro(maps: list[np.ndarray], masks: list[np.ndarray], limit: float) -> float:
    """Follow Bergmann et al. 2021 to the letter: one threshold after the other."""
    components = []
    for map_, mask in zip(maps, masks, strict=True):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        components += [map_[labels == i] for i in range(1, count)]
    good = np.concatenate([m[~k] for m, k in zip(maps, masks, strict=True)])
    thresholds = np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]
    false, overlap = [0.0], [0.0]
    for threshold in thresholds:
        false.append(float(np.mean(good >= threshold)))
        overlap.append(float(np.mean([np.mean(c >= threshold) for c in components])))
    at_limit = np.interp(limit, false, overlap)
    kept = [i for i, rate in enumerate(false) if rate < limit]
    x = [false[i] for i in kept] + [limit]
    y = [overlap[i] for i in kept] + [float(at_limit)]
    return float(np.trapezoid(y, x)) / limit


def _maps(seed: int, levels: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return maps of several sizes, coarse enough for ties, and masks: good, one, several."""
    rng = np.random.default_rng(seed)
    maps, masks = [], []
    for i, (height, width) in enumerate([(20, 30), (24, 16), (32, 32), (9, 40)]):
        mask = np.zeros((height, width), np.bool_)
        for _ in range(i):
            y, x = rng.integers(0, height - 3), rng.integers(0, width - 3)
            mask[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = True
        values = rng.normal(size=mask.shape) + 1.2 * mask
        maps.append((np.round(values * levels) / levels).astype(np.float32))
        masks.append(mask)
    return maps, masks


@pytest.mark.parametrize("levels", [1, 3, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pixel_figures_equal_their_definition(seed: int, levels: int) -> None:
    """Pixel AUROC is scikit-learn's and AUPRO is the slow definition's, with and without ties."""
    maps, masks = _maps(seed, levels)
    pixels = PixelScores(sum(m.size for m in maps))
    for map_, mask in zip(maps, masks, strict=True):
        pixels.add(map_, mask)
    figures = pixels.figures()
    truth = np.concatenate([m.ravel() for m in masks])
    flat = np.concatenate([m.ravel() for m in maps])
    assert figures.auroc == pytest.approx(roc_auc_score(truth, flat), abs=1e-9)
    assert figures.aupro == pytest.approx(_slow_aupro(maps, masks, 0.3), abs=1e-9)


def test_a_perfect_map_has_full_aupro() -> None:
    """Maps that score every defective pixel above every good one reach 1."""
    mask = np.zeros((8, 8), np.bool_)
    mask[2:4, 2:4] = mask[6, 6] = True
    pixels = PixelScores(64)
    pixels.add(mask.astype(np.float32), mask)
    figures = pixels.figures()
    assert (figures.auroc, figures.aupro, figures.components) == (1.0, 1.0, 2)


def test_touching_corners_are_one_component() -> None:
    """Components are 8-connected."""
    pixels = PixelScores(16)
    pixels.add(np.zeros((4, 4), np.float32), np.eye(4, dtype=np.bool_))
    assert pixels.figures().components == 1


def test_pixel_figures_need_both_classes() -> None:
    """Good pixels alone give None."""
    pixels = PixelScores(4)
    pixels.add(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.bool_))
    assert pixels.figures().auroc is None
    assert pixels.figures().aupro is None


@given(st.integers(1, 5000), st.integers(1, 10_000_000))
def test_resolution_keeps_within_the_capacity(images: int, capacity: int) -> None:
    """As many squares as there are images fit the capacity, unless each is a single pixel."""
    side = longest_side(images, capacity, 256)
    assert 1 <= side <= 256
    assert side == 1 or images * side**2 <= capacity


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 256))
def test_grid_fits_and_is_never_enlarged(height: int, width: int, longest: int) -> None:
    """A grid has the longest side at most, and no side longer than the original."""
    grid = pixel_grid(height, width, longest)
    assert max(grid) <= longest
    assert 1 <= grid[0] <= height
    assert 1 <= grid[1] <= width
