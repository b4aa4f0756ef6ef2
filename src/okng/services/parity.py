"""Parity: the golden images must get the same score and verdict on every runtime."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from okng.algorithms.logistic import softmax
from okng.algorithms.pixels import MAX_PIXELS
from okng.domain.errors import OkngError, ParityError
from okng.domain.inspection import Inspection
from okng.domain.model import Golden, Model
from okng.domain.ports import Runtime
from okng.domain.verdict import Verdict
from okng.services.inspect import Inspector

PROBABILITY_TOLERANCE = 5e-3
"""How far a class's probability may differ between runtimes."""


@dataclass(frozen=True)
class Parity:
    """The largest difference of a golden image's score on one runtime."""

    runtime: str
    difference: float


def check_parity(
    model: Model, runtimes: Sequence[Runtime], max_pixels: int = MAX_PIXELS
) -> tuple[Parity, ...]:
    """Run the golden images through each runtime.

    Raises:
        ParityError: a score is further from the manifest's than its tolerance, or the verdicts
            differ, or a runtime cannot run the graph.
    """
    if not model.manifest.golden:
        raise ParityError(f"{model.name} has no golden images, so nothing can be compared")
    verdicts: dict[str, tuple[str, Verdict]] = {}
    return tuple(_check(model, runtime, verdicts, max_pixels) for runtime in runtimes)


def _check(
    model: Model, runtime: Runtime, verdicts: dict[str, tuple[str, Verdict]], max_pixels: int
) -> Parity:
    try:
        inspector = Inspector(model, runtime.load(model.graph), max_pixels=max_pixels)
    except OkngError as error:
        raise ParityError(f"{runtime.label} cannot run {model.name}: {error}") from error
    largest = 0.0
    for golden in model.manifest.golden:
        found = inspector.inspect(model.golden[golden.file], golden.file)
        _check_classes(model, golden, found, runtime)
        if found.score is None:
            raise ParityError(f"{golden.file} cannot be inspected: {found.error}")
        difference = abs(found.score - golden.score)
        if not difference <= model.manifest.tolerance:
            raise ParityError(
                f"{runtime.label} gives {golden.file} the score {found.score:.6g}, the manifest "
                f"says {golden.score:.6g}; they may differ by {model.manifest.tolerance:.2g}. "
                f"Take the runtime that the model was trained on ({model.manifest.trained_on}; "
                "OKNG_RUNTIME, OKNG_DEVICE and OKNG_PRECISION choose it), or train with this one"
            )
        other, verdict = verdicts.setdefault(golden.file, (runtime.label, found.verdict))
        if verdict is not found.verdict:
            raise ParityError(
                f"{golden.file} is {found.verdict} on {runtime.label}, but {verdict} on {other}"
            )
        largest = max(largest, difference)
    return Parity(runtime.label, largest)


def _check_classes(model: Model, golden: Golden, found: Inspection, runtime: Runtime) -> None:
    """Hold probabilities against those of the class scores that the manifest states.

    Raises:
        ParityError: one is further off than `PROBABILITY_TOLERANCE`.
    """
    card = model.manifest.classes
    if card is None or found.prediction is None or not golden.class_scores:
        return
    wanted = softmax(np.array(golden.class_scores) / card.temperature)
    stated = dict(zip(card.names, wanted.tolist(), strict=True))
    off = max(abs(found.prediction.classes[name] - share) for name, share in stated.items())
    if not off <= PROBABILITY_TOLERANCE:
        raise ParityError(
            f"{runtime.label} gives {golden.file} probabilities that are off by {off:.2g}; "
            f"{PROBABILITY_TOLERANCE:.2g} is allowed. Take the runtime that the model was trained "
            f"on ({model.manifest.trained_on}), or train with this one"
        )
