"""How well the running trainings learn, for whoever watches them."""

from collections.abc import Mapping
from math import isfinite
from threading import Lock

from okng.domain.learning import LearningCurve

MOST_JOBS = 20
MOST_CURVES = 60
MOST_EPOCHS = 10_000


class TrainingCurves:
    """The figures of the newest trainings, by epoch, while the service runs.

    A training that goes on after a restart tells its earlier epochs again; what it came to stands
    in the model.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[str, dict[tuple[str, str], dict[int, float]]] = {}

    def add(self, job_id: str, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        """Take down an epoch's figures; what was told of later epochs is void."""
        if not 1 <= epoch <= MOST_EPOCHS:
            return
        with self._lock:
            curves = self._jobs.setdefault(job_id, {})
            while len(self._jobs) > MOST_JOBS:
                del self._jobs[next(iter(self._jobs))]
            for name, value in figures.items():
                key = stage, name
                if isfinite(value) and (key in curves or len(curves) < MOST_CURVES):
                    before = curves.get(key, {})
                    curves[key] = {at: was for at, was in before.items() if at < epoch}
                    curves[key][epoch] = value

    def of(self, job_id: str) -> dict[str, tuple[LearningCurve, ...]]:
        """Return the curves of a job by stage, in the order in which they were told."""
        with self._lock:
            found: dict[str, tuple[LearningCurve, ...]] = {}
            for (stage, name), values in self._jobs.get(job_id, {}).items():
                points = tuple((float(at), value) for at, value in values.items())
                found[stage] = (*found.get(stage, ()), LearningCurve(name, points))
            return found
