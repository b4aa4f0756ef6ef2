"""How well classes are told apart: what scikit-learn calls the classification report.

A figure that cannot be known is None, not 0: precision where nothing was given the name, recall
where nothing has it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.logistic import Labels

Counts = NDArray[np.int64]


def confusion_matrix(truth: Labels, named: Labels, rows: int, columns: int) -> Counts:
    """Count images by their true class (row) and the class that was named (column).

    `truth` and `named` int64 `[n]`; returns int64 `[rows, columns]`.
    """
    counts = np.zeros((rows, columns), np.int64)
    np.add.at(counts, (truth, named), 1)
    return counts


@dataclass(frozen=True)
class ClassFigures:
    """Of one class: precision, recall, their harmonic mean, and how many images are of it."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Overall:
    """Of all classes: the share named rightly, and the plain means over classes that occur."""

    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None


def class_figures(confusion: Counts) -> tuple[ClassFigures, ...]:
    """Return the figures of each class; `confusion` int64 `[K, K]`."""
    return tuple(
        ClassFigures(
            _share(right, given),
            _share(right, of_it),
            _share(2 * right, given + of_it),
            of_it,
        )
        for right, given, of_it in zip(
            confusion.diagonal().tolist(),
            confusion.sum(axis=0).tolist(),
            confusion.sum(axis=1).tolist(),
            strict=True,
        )
    )


def overall(confusion: Counts) -> Overall:
    """Return accuracy and the means over classes that occur or were named; int64 `[K, K]`.

    As in scikit-learn's macro average, what cannot be known counts as 0 there.
    """
    occur = [one for one in class_figures(confusion) if one.f1 is not None]
    if not occur:
        return Overall(None, None, None, None)
    right, total = int(confusion.trace()), int(confusion.sum())
    means = (
        sum(value or 0.0 for value in values) / len(occur)
        for values in zip(*((one.precision, one.recall, one.f1) for one in occur), strict=True)
    )
    return Overall(_share(right, total), *means)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
