"""How well scores tell defective from good, by image and by pixel.

Every function returns None where a class is missing: a figure that cannot be known is not 0.
"""

from dataclasses import dataclass
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Floats, Mask, Scores

AUPRO_LIMIT = 0.3
"""False positive rate up to which AUPRO integrates, as the MVTec AD papers do."""
_CHUNK = 1 << 20


def auroc(scores: Scores, defective: NDArray[np.bool_]) -> float | None:
    """Return the chance that a defective one scores above a good one, ties counting half.

    `scores` `[n]`, `defective` bool `[n]`. The Mann-Whitney form of the area under the ROC curve:
    Hanley & McNeil 1982, Radiology 143.
    """
    good, bad = np.sort(scores[~defective]), scores[defective]
    if not len(good) or not len(bad):
        return None
    return float(_areas(*_false_rates(good, bad), 1.0).mean())


def average_precision(scores: Scores, defective: NDArray[np.bool_]) -> float | None:
    """Return the sum of precision times gain in recall over the distinct thresholds.

    `scores` `[n]`, `defective` bool `[n]`; not interpolated, as scikit-learn defines it.
    """
    if not defective.any() or defective.all():
        return None
    _, true, false = _counts_at_thresholds(scores, defective)
    precision = true / (true + false)
    return float(np.sum(np.diff(true, prepend=0) * precision) / true[-1])


def f1_max(scores: Scores, defective: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Return the best F1 over all thresholds, and the highest threshold that attains it.

    `scores` `[n]`, `defective` bool `[n]`; whoever scores at or above the threshold is called
    defective.
    """
    if not defective.any() or defective.all():
        return None
    thresholds, true, false = _counts_at_thresholds(scores, defective)
    f1 = 2.0 * true / (true + false + true[-1])
    best = int(np.argmax(f1))
    return float(f1[best]), float(thresholds[best])


def roc_points(
    scores: Scores, defective: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return false and true positive rates, both from 0 to 1, at the corners of the ROC curve.

    `scores` `[n]`, `defective` bool `[n]`. Points on a straight line between others are left out.
    """
    if not defective.any() or defective.all():
        return None
    _, true, false = _counts_at_thresholds(scores, defective)
    true, false = np.concatenate([[0], true]), np.concatenate([[0], false])
    turn = np.diff(true)[1:] * np.diff(false)[:-1] != np.diff(true)[:-1] * np.diff(false)[1:]
    corners = np.concatenate([[True], turn, [True]])
    return false[corners] / false[-1], true[corners] / true[-1]


def precision_recall_points(
    scores: Scores, defective: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return recall, rising to 1, and precision at every threshold that stops one more.

    `scores` `[n]`, `defective` bool `[n]`; whoever scores at or above the threshold is called
    defective. Points are not to be joined by straight lines: Davis & Goadrich 2006, The
    Relationship Between Precision-Recall and ROC Curves, section 4.
    """
    if not defective.any() or defective.all():
        return None
    _, true, false = _counts_at_thresholds(scores, defective)
    more = np.diff(true, prepend=0) > 0
    return true[more] / true[-1], true[more] / (true + false)[more]


@dataclass(frozen=True)
class PixelFigures:
    """What the maps are worth, pixel by pixel; None where a class is missing."""

    auroc: float | None
    aupro: float | None
    components: int


class PixelScores:
    """Gathers the pixels of many maps and judges them exactly, in bounded memory.

    At most `capacity` pixels of four bytes each are held. Defective pixels are kept by connected
    component of their mask, because AUPRO weighs every component alike.
    """

    def __init__(self, capacity: int) -> None:
        self._good = np.empty(capacity, np.float32)
        self._used = 0
        self._components: list[Floats] = []

    def add(self, anomaly_map: Floats, mask: Mask) -> None:
        """Take one map, float32 `[h, w]`, and the truth about it, bool `[h, w]`."""
        good = anomaly_map[~mask]
        self._good[self._used : self._used + len(good)] = good
        self._used += len(good)
        if mask.any():
            count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
            inside = labels[mask]
            values = anomaly_map[mask][np.argsort(inside, kind="stable")]
            sizes = np.bincount(inside, minlength=count)[1:]
            self._components += np.split(values, np.cumsum(sizes)[:-1])

    def figures(self) -> PixelFigures:
        """Return pixel AUROC and AUPRO to 30 % FPR.

        AUPRO: the area under the mean overlap of the components as a function of the false
        positive rate, up to `AUPRO_LIMIT` and divided by it; Bergmann et al. 2021, The MVTec
        Anomaly Detection Dataset, IJCV 129, section 6.1. Area and mean may change places, so it
        is the mean of the components' own areas, and no threshold has to be sampled.
        """
        good = self._good[: self._used]
        good.sort()
        if not len(good) or not self._components:
            return PixelFigures(None, None, len(self._components))
        sizes = np.array([len(component) for component in self._components])
        whole, short = np.zeros(len(sizes)), np.zeros(len(sizes))
        owners = np.repeat(np.arange(len(sizes)), sizes)
        bad = np.concatenate(self._components)
        for start in range(0, len(bad), _CHUNK):
            part, owner = bad[start : start + _CHUNK], owners[start : start + _CHUNK]
            order = np.argsort(part)
            owner, bounds = owner[order], _false_rates(good, part[order])
            whole += np.bincount(owner, _areas(*bounds, 1.0), len(sizes))
            short += np.bincount(owner, _areas(*bounds, AUPRO_LIMIT), len(sizes))
        aupro = float(np.mean(short / sizes)) / AUPRO_LIMIT
        return PixelFigures(float(whole.sum() / sizes.sum()), aupro, len(sizes))


def pixel_grid(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return the height and width at which a region of interest is judged; never enlarged."""
    shrink = min(1.0, longest / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def longest_side(images: int, capacity: int, wanted: int) -> int:
    """Return the longest side, `wanted` at most, at which `images` squares fit `capacity` px."""
    return max(1, min(wanted, isqrt(capacity // max(1, images))))


def _false_rates(
    good: NDArray[np.floating], bad: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each defective score, the share of good ones above it, and at or above it.

    `good` is sorted; where `bad` is sorted too, the search is many times faster.
    """
    above = 1.0 - np.searchsorted(good, bad, side="right") / len(good)
    return above, 1.0 - np.searchsorted(good, bad, side="left") / len(good)


def _areas(
    above: NDArray[np.float64], at_or_above: NDArray[np.float64], limit: float
) -> NDArray[np.float64]:
    """Return what each defective score adds to the area under the curve from 0 to `limit`.

    It lifts the curve by one from the false positive rate `at_or_above` on, and linearly up to
    there from `above`: the curve is a straight line across a tie.
    """
    ramp = np.clip(limit - above, 0.0, None)
    tie = at_or_above - above
    partly = ramp < tie
    area = np.clip(limit - at_or_above, 0.0, None) + tie / 2.0
    area[partly] = ramp[partly] ** 2 / (2.0 * tie[partly])
    return area


def _counts_at_thresholds(
    scores: Scores, defective: NDArray[np.bool_]
) -> tuple[Scores, NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct scores, falling, with the defective and the good at or above each."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    true = np.cumsum(defective[order], dtype=np.int64)[last]
    return falling[last], true, last + 1 - true
