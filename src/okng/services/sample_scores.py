"""What a model makes of labelled images that it has not learned: scored once, kept, looked at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from okng.algorithms.pictures import thumbnail_jpeg
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset, BadImage, NotFound
from okng.domain.inspection import Inspection
from okng.domain.model import Manifest
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.ports import Progress
from okng.domain.records import DatasetRecord, JobState
from okng.services.checkups import LoadWithin
from okng.services.one_at_a_time import OneAtATime, Unfinished

MOST = 4000
"""Images that are scored; of more, as many from all over the list."""
PICTURE_PX = 192
PARTS = frozenset({"dataset_id", "images"})
"""What a kept result has at least."""
_ID_CHARACTERS = 16


class LabelledDatasets(Protocol):
    """Knows a product's datasets, newest first, and which folder nothing of them may leave."""

    def list(self, product: str | None, by: Principal) -> tuple[DatasetRecord, ...]: ...

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def place(self, record: DatasetRecord) -> tuple[Path, Path]: ...


class ResultStore(Protocol):
    """Keeps the newest result of each model, as plain values."""

    def put(self, name: str, content: Mapping[str, Any]) -> None: ...

    def get(self, name: str) -> Mapping[str, Any] | None: ...


class Manifests(Protocol):
    """Gives models' cards."""

    def manifest(self, reference: str) -> Manifest: ...


@dataclass(frozen=True)
class Judging:
    """A model at work on a dataset: `read` gives a file's bytes, `inspect` judges them."""

    dataset: Dataset
    read: Callable[[Path], bytes]
    inspect: Callable[[bytes], Inspection]


class BeginJudging(Protocol):
    """Loads a model and reads a dataset as in the model's training; nothing leaves `within`."""

    def __call__(self, model: str, place: Path, within: Path) -> Judging: ...


@dataclass(frozen=True)
class ScoredSample:
    """An image whose truth is known, with its raw score; `label` is `good` or a defect's name."""

    id: str
    name: str
    label: str
    score: float


@dataclass(frozen=True)
class Scoring:
    """How far the scoring by a model is; `samples` are those of the last one that was done.

    `state` is None where nobody has asked for one, `dataset` the name of what was scored, `newest`
    that of the dataset which the next scoring would take, None where there is none. `left_out`
    counts the images that the model was made from, that failed, or that were too many.
    """

    state: JobState | None
    stage: str = ""
    done: int = 0
    total: int = 0
    error: str | None = None
    dataset: str | None = None
    newest: str | None = None
    samples: tuple[ScoredSample, ...] = ()
    left_out: int = 0


class SampleScores:
    """Scores the labelled images of a product's newest dataset by a model, in the background."""

    def __init__(
        self,
        datasets: LabelledDatasets,
        models: Manifests,
        store: ResultStore,
        begin: BeginJudging,
        load: LoadWithin,
        transactions: Transactions,
        audit: AuditLog,
        unfinished: Unfinished,
    ) -> None:
        self._datasets = datasets
        self._models = models
        self._store = store
        self._begin = begin
        self._load = load
        self._transactions = transactions
        self._audit = audit
        self._work = OneAtATime("scoring", unfinished)

    def start(self, product: str, version: int, by: Principal) -> Scoring:
        """Begin a scoring, or return the one that waits or runs already.

        Raises:
            NotFound: there is no such model, or the product has no labelled test images.
        """
        by.require(Right.TEACH)
        manifest = self._manifest(product, version)
        record = self._newest(product, by)
        if record is None:
            raise NotFound(
                f"{product} has no dataset with labelled test images: add one with images in "
                "test/good and in test/<name of the defect>"
            )
        key, model = manifest.calibration.graph_sha256, f"{product}-{version}"
        self._datasets.place(record)
        going = self._work.of(key)
        if going is None or not going.is_open:
            with self._transactions():
                self._audit.append(by.name, "model.score", model, {"dataset": record.id})
        facts = {"model": model, "dataset_id": record.id, "actor": by.name}
        self._work.start(key, facts, self._made_of(facts))
        return self.of(product, version, by)

    def resume(self) -> None:
        """Begin anew what the service's end interrupted."""
        self._work.resume(self._made_of)

    def of(self, product: str, version: int, by: Principal) -> Scoring:
        """Return how far the scoring is, with what the last one found.

        Raises:
            NotFound: there is no such model.
        """
        by.require(Right.READ)
        key = self._manifest(product, version).calibration.graph_sha256
        going, kept = self._work.of(key), self._store.get(key)
        newest = self._newest(product, by)
        facts: dict[str, Any] = {"state": None if kept is None else JobState.DONE}
        if going is not None:
            facts = dict(vars(going))
        if kept is not None:
            facts["dataset"], facts["left_out"] = kept["dataset"], kept["left_out"]
            facts["samples"] = tuple(
                ScoredSample(one["id"], one["name"], one["label"], one["score"])
                for one in kept["images"]
            )
        return Scoring(**facts, newest=None if newest is None else newest.name)

    def picture(self, product: str, version: int, sample_id: str, by: Principal) -> bytes:
        """Return an image of the last scoring as a small JPEG.

        Raises:
            NotFound: there is no such model or image, or its dataset is deleted.
            BadImage: it cannot be read any more.
        """
        by.require(Right.READ)
        kept = self._store.get(self._manifest(product, version).calibration.graph_sha256)
        images = () if kept is None else kept["images"]
        path = next((one["path"] for one in images if one["id"] == sample_id), None)
        if kept is None or path is None:
            raise NotFound(f"{product}-{version} has scored no image {sample_id}: score them anew")
        within = self._datasets.place(self._datasets.get(kept["dataset_id"], by))[1]
        return thumbnail_jpeg(self._load(Path(path), within), PICTURE_PX)

    def close(self) -> None:
        """Leave what runs and what waits."""
        self._work.close()

    def _made_of(self, asked: Mapping[str, str]) -> Callable[[Progress], None]:
        """Return the work that somebody was allowed to ask for."""
        model, by = asked["model"], Principal(asked["actor"], frozenset({Right.READ}))

        def work(progress: Progress) -> None:
            manifest = self._models.manifest(model)
            record = self._datasets.get(asked["dataset_id"], by)
            place, within = self._datasets.place(record)
            learned = frozenset(manifest.data.digests)
            found = score_samples(self._begin(model, place, within), learned, progress)
            facts = {"dataset_id": record.id, "dataset": record.name}
            self._store.put(manifest.calibration.graph_sha256, facts | found)

        return work

    def _manifest(self, product: str, version: int) -> Manifest:
        return self._models.manifest(f"{product}-{version}")

    def _newest(self, product: str, by: Principal) -> DatasetRecord | None:
        """Return the newest dataset that counts test images with a label."""
        for record in self._datasets.list(product, by):
            if any(_is_wanted(*key.split("/", 1)) for key, n in record.counts.items() if n):
                return record
        return None


def score_samples(judging: Judging, learned: frozenset[str], progress: Progress) -> dict[str, Any]:
    """Score what has a label and is there to test, or is defective; return plain values.

    Args:
        judging: the model at work.
        learned: SHA-256, hexadecimal, of the files that the model was made from.
        progress: is told how far the work is.

    Raises:
        BadDataset: there is no such image, or none got a score.
    """
    dataset = judging.dataset
    every = [one for one in dataset.samples if one.label and _is_wanted(one.split, one.label)]
    chosen = _spread(every, MOST)
    images = []
    for done, sample in enumerate(chosen, start=1):
        score = _score(judging, sample, learned)
        if score is not None:
            name = _name(sample, dataset.root)
            images.append(
                {"id": _id(name), "name": name, "label": sample.label, "score": score}
                | {"path": str(sample.path)}
            )
        progress("score", done, len(chosen))
    if not images:
        raise BadDataset(
            f"none of the {len(every)} labelled images of {dataset.name} can be scored: the model "
            "was made from them, or they cannot be read"
        )
    return {"images": images, "left_out": len(every) - len(images)}


def _score(judging: Judging, sample: Sample, learned: frozenset[str]) -> float | None:
    """Return a sample's score; None where the model was made from it, or it gets none."""
    try:
        data = judging.read(sample.path)
    except BadImage:
        return None
    return None if sha256(data).hexdigest() in learned else judging.inspect(data).score


def _is_wanted(split: str, label: str) -> bool:
    return label not in ("", "unlabelled") and (split == Split.TEST or label != "good")


def _spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    count = min(most, len(samples))
    return [samples[i * len(samples) // count] for i in range(count)]


def _name(sample: Sample, root: Path) -> str:
    try:
        return sample.path.relative_to(root).as_posix()
    except ValueError:
        return sample.path.name


def _id(name: str) -> str:
    return sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_CHARACTERS]
