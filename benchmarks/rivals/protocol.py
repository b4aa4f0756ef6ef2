"""How a side is spoken to: a line of JSON in, a line of JSON out. The standard library only."""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

THREADS = 1
_FOR_LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")

Answer = dict[str, Any]


def one_thread() -> dict[str, str]:
    """Return the environment that holds every numerical library to `THREADS`."""
    return {f"{name}_NUM_THREADS": str(THREADS) for name in _FOR_LIBRARIES}


def serve(handlers: Mapping[str, Callable[..., Answer]]) -> None:
    """Answer until there are no more questions, each with the peak of resident memory so far.

    Whatever libraries print goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        answer = handlers[question.pop("verb")](**question)
        answers.write(json.dumps({**answer, "peak_mib": peak_mib()}) + "\n")
        answers.flush()


class Clock:
    """Reads the time that passed, and the processor's time that this process used, in seconds.

    With one thread the two agree on an idle machine; on a busy one the second is the steadier.
    """

    def __init__(self) -> None:
        self._start = perf_counter(), process_time()

    def read(self) -> tuple[float, float]:
        passed, used = self._start
        return perf_counter() - passed, process_time() - used


def timed(predict: Callable[[Path], float], files: list[str]) -> Answer:
    """Predict the first file untimed, then all: milliseconds and scores of each."""
    predict(Path(files[0]))
    times, scores = [], []
    for file in files:
        clock = Clock()
        score = predict(Path(file))
        times.append(clock.read())
        scores.append(score)
    passed, used = ([1000 * seconds for seconds in each] for each in zip(*times, strict=True))
    return {"ms": passed, "cpu_ms": used, "scores": scores}


def peak_mib() -> float:
    """Return the peak of this process alone.

    `ru_maxrss` also counts the parent's memory before the program was started, so Linux's own
    figure goes first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
