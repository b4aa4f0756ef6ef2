"""Bench: how long a model takes on this machine, set against its backbone alone."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np

from okng.algorithms.pixels import MAX_PIXELS, decode
from okng.algorithms.view import Preparer
from okng.domain.errors import BadImage, BadSetting
from okng.domain.model import Model
from okng.domain.ports import Progress, Runtime, silent
from okng.services.inspect import Inspector

WARM_UP = 5


@dataclass(frozen=True)
class Timing:
    """What `runs` calls took."""

    p50_ms: float
    p99_ms: float
    runs: int

    @property
    def per_second(self) -> float:
        return 1000 / self.p50_ms if self.p50_ms else 0.0

    def record(self) -> dict[str, float]:
        return asdict(self) | {"per_second": self.per_second}


@dataclass(frozen=True)
class Bench:
    """A model's latency on one runtime.

    `backbone` is the frozen network alone, cut where the graph cuts it; None for a model without
    one. `graph` is the whole graph, `verdict` an image file's bytes to a verdict with its map.
    """

    runtime: str
    backbone: Timing | None
    graph: Timing
    verdict: Timing

    def ratio(self, timing: Timing) -> float | None:
        """Return how many times the backbone's time this is, by medians."""
        if self.backbone is None or not self.backbone.p50_ms:
            return None
        return timing.p50_ms / self.backbone.p50_ms

    def record(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "runtime": self.runtime,
            "backbone": self.backbone.record() if self.backbone else None,
            "graph": self.graph.record() | {"ratio": self.ratio(self.graph)},
            "verdict": self.verdict.record() | {"ratio": self.ratio(self.verdict)},
        }


def bench(
    model: Model,
    runtimes: Sequence[Runtime],
    backbone: bytes | None,
    image: bytes,
    runs: int,
    max_pixels: int = MAX_PIXELS,
    progress: Progress = silent,
) -> tuple[Bench, ...]:
    """Time one image on each runtime.

    Args:
        model: what is measured.
        runtimes: on which.
        backbone: its backbone as a graph of its own with the same input, to compare with.
        image: an image file's bytes.
        runs: how often each is timed.
        max_pixels: limit of the image.
        progress: is told how far the work is.

    Raises:
        BadSetting: `runs` is below 1.
        BadImage: the image cannot be inspected.
        BadModel: a runtime cannot run the graph.
    """
    if runs < 1:
        raise BadSetting(f"at least 1 run is needed, not {runs}")
    rounds = runs + WARM_UP
    found: list[Bench] = []
    for runtime in runtimes:

        def tell(done: int, before: int = len(found) * rounds) -> None:
            progress("bench", before + done, len(runtimes) * rounds)

        found.append(_bench(model, runtime, backbone, image, runs, max_pixels, tell))
    return tuple(found)


def time_calls(
    calls: Sequence[Callable[[], object]],
    runs: int,
    warm_up: int = WARM_UP,
    tell: Callable[[int], None] | None = None,
    clock: Callable[[], float] = perf_counter,
) -> tuple[Timing, ...]:
    """Time calls in turn, round by round, so that what slows the machine slows all of them.

    The first `warm_up` rounds do not count.
    """
    taken = np.zeros((len(calls), warm_up + runs))
    for round_ in range(warm_up + runs):
        for i, call in enumerate(calls):
            start = clock()
            call()
            taken[i, round_] = clock() - start
        if tell is not None:
            tell(round_ + 1)
    milliseconds = 1000 * taken[:, warm_up:]
    p50, p99 = np.percentile(milliseconds, [50, 99], axis=1)
    return tuple(Timing(float(a), float(b), runs) for a, b in zip(p50, p99, strict=True))


def _bench(
    model: Model,
    runtime: Runtime,
    backbone: bytes | None,
    image: bytes,
    runs: int,
    max_pixels: int,
    tell: Callable[[int], None],
) -> Bench:
    session = runtime.load(model.graph)
    inspector = Inspector(model, session, max_pixels=max_pixels)
    first = inspector.inspect(image)
    if first.error is not None:
        raise BadImage(f"this image cannot be inspected: {first.error}")
    inputs = {"image": Preparer(model.manifest.view)(decode(image, max_pixels))[None]}
    calls: list[Callable[[], object]] = [
        lambda: session.run(inputs),
        lambda: inspector.inspect(image),
    ]
    if backbone is not None:
        alone = runtime.load(backbone)
        calls.append(lambda: alone.run(inputs))
    graph, verdict, *rest = time_calls(calls, runs, tell=tell)
    return Bench(runtime.label, rest[0] if rest else None, graph, verdict)
