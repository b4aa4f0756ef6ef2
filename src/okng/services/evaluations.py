"""Evaluations of the service's models: started by people, one at a time, kept with their report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from okng.algorithms.pictures import thumbnail_jpeg
from okng.domain.arrays import Pixels
from okng.domain.errors import NotFound
from okng.domain.model import ModelEntry
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.ports import Progress
from okng.domain.records import DatasetRecord, JobState
from okng.services.checkups import LoadWithin
from okng.services.one_at_a_time import Going, OneAtATime, Unfinished

PICTURE_PX = 640


@dataclass(frozen=True)
class Measured:
    """What an evaluation came to: a page for people, the same as plain values, its images' paths.

    `result["images"]` and `paths` have the same order.
    """

    html: str
    result: Mapping[str, Any]
    paths: tuple[str, ...]


class Models(Protocol):
    """Knows models."""

    def entry(self, reference: str) -> ModelEntry: ...


class Evaluated(Protocol):
    """Knows datasets, and says which folder nothing of them may lead out of."""

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def place(self, record: DatasetRecord) -> tuple[Path, Path]: ...


class EvaluationStore(Protocol):
    """Keeps the newest evaluation of each model on each dataset."""

    def put(self, model: str, dataset_id: str, measured: Measured) -> None: ...

    def page(self, model: str, dataset_id: str) -> bytes | None: ...

    def result(self, model: str, dataset_id: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True)
class EvaluationRecord:
    """How far an evaluation is; `result` is that of the last one that was done.

    `state` is None before anybody has asked for one.
    """

    model: str
    dataset_id: str
    state: JobState | None
    done: int = 0
    total: int = 0
    error: str | None = None
    result: Mapping[str, Any] | None = None


class Evaluations:
    """Measures models on the test images of datasets.

    `measure` does it, given the model's name, the dataset's place and the folder that nothing of
    it may lead out of. What waits or runs when the service ends begins anew by `resume`.
    """

    def __init__(
        self,
        models: Models,
        datasets: Evaluated,
        store: EvaluationStore,
        measure: Callable[[str, Path, Path, Progress], Measured],
        load: LoadWithin,
        transactions: Transactions,
        audit: AuditLog,
        unfinished: Unfinished,
    ) -> None:
        self._models = models
        self._datasets = datasets
        self._store = store
        self._measure = measure
        self._load = load
        self._transactions = transactions
        self._audit = audit
        self._work = OneAtATime("evaluation", unfinished)

    def start(self, model: str, dataset_id: str, by: Principal) -> EvaluationRecord:
        """Begin an evaluation, or return the one that waits or runs already.

        Raises:
            NotFound: there is no such model or dataset, or the dataset is deleted.
        """
        by.require(Right.TEACH)
        name = self._models.entry(model).name
        self._datasets.place(self._datasets.get(dataset_id, by))
        key = _key(name, dataset_id)
        going = self._work.of(key)
        if going is None or not going.is_open:
            with self._transactions():
                self._audit.append(by.name, "model.evaluate", name, {"dataset": dataset_id})
        facts = {"model": name, "dataset_id": dataset_id, "actor": by.name}
        begun = self._work.start(key, facts, self._made_of(facts))
        return _record(name, dataset_id, begun, None)

    def resume(self) -> None:
        """Begin anew what the service's end interrupted."""
        self._work.resume(self._made_of)

    def get(self, model: str, dataset_id: str, by: Principal) -> EvaluationRecord:
        """Return how far an evaluation is, with the newest result.

        Raises:
            NotFound: there is no such model or dataset.
        """
        by.require(Right.READ)
        self._models.entry(model)
        self._datasets.get(dataset_id, by)
        going = self._work.of(_key(model, dataset_id))
        kept = self._store.result(model, dataset_id)
        return _record(model, dataset_id, going, kept)

    def page(self, model: str, dataset_id: str, by: Principal) -> bytes:
        """Return the newest report, HTML that needs nothing else.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.READ)
        self._datasets.get(dataset_id, by)
        page = self._store.page(model, dataset_id)
        if page is None:
            raise NotFound(f"{model} has no report on this dataset: start an evaluation")
        return page

    def picture(self, model: str, dataset_id: str, number: int, by: Principal) -> bytes:
        """Return an image of the newest evaluation, by its number, as a small JPEG.

        Raises:
            NotFound: there is no such evaluation or number, or the dataset is deleted.
            BadImage: it cannot be read any more.
        """
        return thumbnail_jpeg(self.image(model, dataset_id, number, by), PICTURE_PX)

    def image(self, model: str, dataset_id: str, number: int, by: Principal) -> Pixels:
        """Return the same at its own size, uint8 `[H, W, 3]`, RGB."""
        by.require(Right.READ)
        within = self._datasets.place(self._datasets.get(dataset_id, by))[1]
        kept = self._store.result(model, dataset_id)
        paths = [] if kept is None else kept["paths"]
        if not 0 <= number < len(paths):
            raise NotFound(f"the evaluation of {model} shows no image {number}")
        return self._load(Path(paths[number]), within)

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._work.close()

    def _made_of(self, facts: Mapping[str, str]) -> Callable[[Progress], None]:
        """Return the work that somebody was allowed to ask for."""
        model, dataset_id = facts["model"], facts["dataset_id"]
        by = Principal(facts["actor"], frozenset({Right.READ}))

        def work(progress: Progress) -> None:
            place, within = self._datasets.place(self._datasets.get(dataset_id, by))
            self._store.put(model, dataset_id, self._measure(model, place, within, progress))

        return work


def _key(model: str, dataset_id: str) -> str:
    return f"{model}@{dataset_id}"


def _record(
    model: str, dataset_id: str, going: Going | None, kept: Mapping[str, Any] | None
) -> EvaluationRecord:
    result = None if kept is None else kept["result"]
    if going is None:
        state = None if kept is None else JobState.DONE
        return EvaluationRecord(model, dataset_id, state, result=result)
    return EvaluationRecord(
        model, dataset_id, going.state, going.done, going.total, going.error, result
    )
