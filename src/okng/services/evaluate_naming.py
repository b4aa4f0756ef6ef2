"""Evaluate names: which classes a model tells apart, and whether it is as sure as it is right."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from okng.algorithms.binomial import clopper_pearson
from okng.algorithms.class_metrics import class_figures, confusion_matrix, overall
from okng.algorithms.class_scores import sureness
from okng.algorithms.logistic import Labels
from okng.domain.model import ClassCard
from okng.domain.naming import ClassResult, Naming
from okng.domain.rates import Rate

MISNAMED_OF_EACH = 4
"""Images of a class that are shown because they got another's name."""
MOST_MISNAMED = 24
_NEVER = 1e-300
"""In place of a probability of 0, which has no logarithm."""


@dataclass(frozen=True)
class Named:
    """One image that got a verdict: its label, and the probability of each class."""

    label: str
    classes: Mapping[str, float]


def naming(found: Sequence[Named], card: ClassCard) -> Naming | None:
    """Count how the images of known classes were named; None where there are none."""
    known = [one for one in found if one.label in card.names and one.classes]
    if not known:
        return None
    names = card.names
    shares = np.array([[one.classes[name] for name in names] for one in known])
    truth: Labels = np.array([names.index(one.label) for one in known], np.int64)
    confusion = confusion_matrix(truth, shares.argmax(axis=1), len(names), len(names))
    right, sums = int(confusion.trace()), overall(confusion)
    # Back from probabilities to the class scores, but for a constant that changes nothing.
    class_scores = card.temperature * np.log(np.maximum(shares, _NEVER))
    results = zip(names, class_figures(confusion), strict=True)
    return Naming(
        names=names,
        accuracy=Rate(right, len(known), *clopper_pearson(right, len(known))),
        precision=sums.precision,
        recall=sums.recall,
        f1=sums.f1,
        classes=tuple(ClassResult(name, **vars(one)) for name, one in results),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        temperature=card.temperature,
        uncalibrated=sureness(class_scores, truth, 1.0),
        calibrated=sureness(class_scores, truth, card.temperature),
        strangers=dict(Counter(one.label for one in found if one.label not in names)),
    )


def misnamed(found: Sequence[Named]) -> list[int]:
    """Choose images that got another class's name, by kind, those first of which it was surest."""
    wrong: dict[str, list[tuple[float, int]]] = {}
    for index, one in enumerate(found):
        if one.label not in one.classes:
            continue
        name = max(one.classes, key=one.classes.__getitem__)
        if name != one.label:
            wrong.setdefault(one.label, []).append((-one.classes[name], index))
    chosen = [i for label in sorted(wrong) for _, i in sorted(wrong[label])[:MISNAMED_OF_EACH]]
    return chosen[:MOST_MISNAMED]


def stranger_note(found: Sequence[Named], card: ClassCard) -> str:
    """Say which labels the model has not learned; empty where it has learned all."""
    strangers = Counter(one.label for one in found if one.label not in card.names)
    if not strangers:
        return ""
    kinds = ", ".join(f"{label} ({number})" for label, number in sorted(strangers.items()))
    return (
        f"The model has not learned these classes, so their images are in no figure of names: "
        f"{kinds}."
    )
