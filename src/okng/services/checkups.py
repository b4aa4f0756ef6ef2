"""Check-ups of the service's datasets: started by people, one at a time, kept until the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from okng.algorithms.pictures import thumbnail_jpeg
from okng.domain.arrays import Pixels
from okng.domain.dataset import Dataset
from okng.domain.doctor import Diagnosis
from okng.domain.errors import NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.ports import Progress
from okng.domain.records import DatasetRecord, JobState
from okng.services.one_at_a_time import OneAtATime, Unfinished

MOST_CASES = 200
"""Of a finding, that are told; `more` says how many there are besides."""
MOST_IMAGES = 12
"""Of a case, likewise."""
PICTURE_PX = 480


class Examined(Protocol):
    """Knows datasets, reads them, and says which folder nothing of them may lead out of."""

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def read(self, record: DatasetRecord) -> Dataset: ...

    def place(self, record: DatasetRecord) -> tuple[Path, Path]: ...


class CheckupStore(Protocol):
    """Keeps the newest result of each dataset, as plain values."""

    def put(self, dataset_id: str, content: Mapping[str, Any]) -> None: ...

    def get(self, dataset_id: str) -> Mapping[str, Any] | None: ...


class LoadWithin(Protocol):
    """Reads an image, uint8 `[H, W, 3]`, that must lie in a folder, wherever links lead."""

    def __call__(self, path: Path, within: Path) -> Pixels: ...


@dataclass(frozen=True)
class CheckupRecord:
    """How far a dataset's check-up is; `diagnosis` is that of the last one that was done."""

    dataset_id: str
    state: JobState
    stage: str = ""
    done: int = 0
    total: int = 0
    error: str | None = None
    diagnosis: Mapping[str, Any] | None = None


class Checkups:
    """Starts check-ups, says how far they are, and shows the images that they speak of.

    `examine` makes one. What waits or runs when the service ends begins anew by `resume`.
    """

    def __init__(
        self,
        datasets: Examined,
        store: CheckupStore,
        examine: Callable[[Dataset, Progress], Diagnosis],
        load: LoadWithin,
        transactions: Transactions,
        audit: AuditLog,
        unfinished: Unfinished,
    ) -> None:
        self._datasets = datasets
        self._store = store
        self._examine = examine
        self._load = load
        self._transactions = transactions
        self._audit = audit
        self._work = OneAtATime("checkup", unfinished)

    def start(self, dataset_id: str, by: Principal) -> CheckupRecord:
        """Begin a check-up, or return the one that waits or runs already.

        Raises:
            NotFound: there is no such dataset, or it is deleted.
            BadDataset: it cannot be read any more.
        """
        by.require(Right.TEACH)
        record = self._datasets.get(dataset_id, by)
        self._datasets.read(record)
        going = self._work.of(dataset_id)
        if going is None or not going.is_open:
            with self._transactions():
                self._audit.append(by.name, "dataset.checkup", dataset_id, {"name": record.name})
        facts = {"dataset_id": dataset_id, "actor": by.name}
        begun = self._work.start(dataset_id, facts, self._made_of(facts))
        return CheckupRecord(dataset_id, **vars(begun))

    def resume(self) -> None:
        """Begin anew what the service's end interrupted."""
        self._work.resume(self._made_of)

    def get(self, dataset_id: str, by: Principal) -> CheckupRecord:
        """Return how far a dataset's check-up is, with the newest diagnosis.

        Raises:
            NotFound: there is no such dataset, or nobody has asked for a check-up.
        """
        by.require(Right.READ)
        record = self._datasets.get(dataset_id, by)
        going = self._work.of(dataset_id)
        kept = self._store.get(dataset_id)
        if going is None and kept is None:
            raise NotFound(f"the dataset {record.name} has had no check-up: start one")
        facts = {"state": JobState.DONE} if going is None else vars(going)
        return CheckupRecord(
            dataset_id, **facts, diagnosis=None if kept is None else kept["diagnosis"]
        )

    def picture(self, dataset_id: str, number: int, by: Principal) -> bytes:
        """Return an image of the newest diagnosis, by its number, as a small JPEG.

        Raises:
            NotFound: there is no such dataset, diagnosis or number, or the dataset is deleted.
            BadImage: it cannot be read any more.
        """
        by.require(Right.READ)
        record = self._datasets.get(dataset_id, by)
        within = self._datasets.place(record)[1]
        kept = self._store.get(dataset_id)
        paths = [] if kept is None else kept["paths"]
        if not 0 <= number < len(paths):
            raise NotFound(f"the check-up of {record.name} shows no image {number}")
        return thumbnail_jpeg(self._load(Path(paths[number]), within), PICTURE_PX)

    def _made_of(self, facts: Mapping[str, str]) -> Callable[[Progress], None]:
        """Return the work that somebody was allowed to ask for."""
        dataset_id, by = facts["dataset_id"], Principal(facts["actor"], frozenset({Right.READ}))

        def work(progress: Progress) -> None:
            dataset = self._datasets.read(self._datasets.get(dataset_id, by))
            self._store.put(dataset_id, told(self._examine(dataset, progress)))

        return work

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._work.close()


def told(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as plain values of bounded size, and where its images lie.

    Images are numbered: `number` is the place in `paths`.
    """
    numbers: dict[Path, int] = {}
    findings = []
    for finding in diagnosis.findings:
        cases = []
        for case in finding.cases[:MOST_CASES]:
            images = [
                {
                    "number": numbers.setdefault(shown.path, len(numbers)),
                    "image": shown.name,
                    "label": shown.label,
                    "split": shown.split,
                }
                for shown in case.images[:MOST_IMAGES]
            ]
            more = len(case.images) - len(images)
            cases.append({"text": case.text, "value": case.value, "images": images, "more": more})
        findings.append(
            {
                "check": finding.check.value,
                "urgency": finding.urgency.value,
                "headline": finding.headline,
                "mend": finding.mend,
                "cases": cases,
                "more": len(finding.cases) - len(cases),
            }
        )
    record = diagnosis.record()
    record.pop("root")  # where it lies on the server is nobody's business
    return {"diagnosis": record | {"findings": findings}, "paths": list(map(str, numbers))}
