"""Parity: the golden images must get the same score and verdict on every runtime."""

from collections.abc import Sequence
from dataclasses import dataclass

from okng.algorithms.pixels import MAX_PIXELS
from okng.domain.errors import OkngError, ParityError
from okng.domain.model import Model
from okng.domain.ports import Runtime
from okng.domain.verdict import Verdict
from okng.services.inspect import Inspector


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
