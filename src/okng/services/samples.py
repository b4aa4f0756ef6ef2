"""A few images of each product to try it with: of its datasets, else those that its model keeps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Protocol

from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import NotFound, OkngError, TooLarge
from okng.domain.model import Manifest, Model
from okng.domain.people import Principal, Right
from okng.domain.records import DatasetRecord

MOST = 24
_MOST_OF_A_LABEL = 4
_KEPT_LISTS = 64
_ID_CHARACTERS = 16


class KnownDatasets(Protocol):
    """Finds a product's datasets and reads them."""

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def list(self, product: str | None, by: Principal) -> tuple[DatasetRecord, ...]: ...

    def read(self, record: DatasetRecord) -> Dataset: ...


class Models(Protocol):
    """Gives models by reference."""

    def manifest(self, reference: str) -> Manifest: ...

    def load(self, reference: str) -> Model: ...


@dataclass(frozen=True)
class TrySample:
    """An image to try a product with; `label` is `good`, a defect's name, or None."""

    id: str
    name: str
    label: str | None
    content: bytes | Path = field(repr=False)


class Samples:
    """Images to try products with, for whoever may read.

    A dataset's own test images come first, some of each label; where there is no dataset that can
    be read, the golden images of the model that inspects stand in.
    """

    def __init__(self, datasets: KnownDatasets, models: Models, max_bytes: int) -> None:
        self._datasets = datasets
        self._models = models
        self._max_bytes = max_bytes
        self._lists: dict[object, tuple[TrySample, ...]] = {}

    def of(self, product: str, by: Principal) -> tuple[TrySample, ...]:
        """Return a product's samples, good ones first; none where it has neither data nor model."""
        by.require(Right.READ)
        for record in self._datasets.list(product, by):
            try:
                found = self._of_dataset(record)
            except OkngError:
                continue  # moved, deleted from the disk, or no longer allowed: the next may do
            if found:
                return found
        try:
            return self._of_model(product)
        except OkngError:
            return ()

    def of_dataset(self, dataset_id: str, by: Principal) -> tuple[TrySample, ...]:
        """Return samples of one dataset, good ones first.

        Raises:
            NotFound: there is no such dataset, or it is deleted.
            BadDataset: it cannot be read any more.
        """
        by.require(Right.READ)
        return self._of_dataset(self._datasets.get(dataset_id, by))

    def image_of_dataset(self, dataset_id: str, sample_id: str, by: Principal) -> bytes:
        """Return the content of a file of `of_dataset`.

        Raises:
            OkngError: as `of_dataset` and `image`.
        """
        return self._image(self.of_dataset(dataset_id, by), sample_id)

    def image(self, product: str, sample_id: str, by: Principal) -> bytes:
        """Return the content of a sample's file.

        Raises:
            NotFound: there is no such sample, or its file is gone.
            TooLarge: the file is larger than an image may be.
        """
        return self._image(self.of(product, by), sample_id)

    def _image(self, samples: Sequence[TrySample], sample_id: str) -> bytes:
        for sample in samples:
            if sample.id == sample_id:
                return self._read(sample)
        raise NotFound(f"there is no sample {sample_id} any more: load the page again")

    def _of_dataset(self, record: DatasetRecord) -> tuple[TrySample, ...]:
        """Return what was chosen of a dataset; chosen once until it is counted anew."""
        key = (record.id, record.folder, tuple(sorted(record.counts.items())))
        return self._remembered(key, lambda: _chosen(self._datasets.read(record), record.id))

    def _of_model(self, product: str) -> tuple[TrySample, ...]:
        name = f"{product}-{self._models.manifest(product).version}"

        def choose() -> tuple[TrySample, ...]:
            golden = list(self._models.load(name).golden.items())[:MOST]
            return tuple(TrySample(_id(name, file), file, None, data) for file, data in golden)

        return self._remembered(name, choose)

    def _remembered(
        self, key: object, choose: Callable[[], tuple[TrySample, ...]]
    ) -> tuple[TrySample, ...]:
        if key not in self._lists:
            if len(self._lists) >= _KEPT_LISTS:
                self._lists.clear()
            self._lists[key] = choose()
        return self._lists[key]

    def _read(self, sample: TrySample) -> bytes:
        if isinstance(sample.content, bytes):
            return sample.content
        try:
            if sample.content.stat().st_size > self._max_bytes:
                raise TooLarge(f"{sample.name} has more than {self._max_bytes:,} bytes")
            return sample.content.read_bytes()
        except OSError as error:
            raise NotFound(f"{sample.name} is no longer there: count the dataset anew") from error


def _chosen(dataset: Dataset, place: str) -> tuple[TrySample, ...]:
    """Choose some of each label: test images where there are any, good ones first."""
    samples = dataset.of(Split.TEST) or dataset.of(Split.TRAIN)
    ordered = sorted(samples, key=lambda one: (not one.is_good, one.label or "~", str(one.path)))
    groups = [list(group) for _, group in groupby(ordered, key=lambda one: one.label)]
    each = max(1, min(_MOST_OF_A_LABEL, MOST // max(1, len(groups))))
    some = [sample for group in groups for sample in _spread(group, each)][:MOST]
    return tuple(
        TrySample(_id(place, str(sample.path)), _name(sample), sample.label, sample.path)
        for sample in some
    )


def _spread(samples: Sequence[Sample], count: int) -> Iterator[Sample]:
    """Yield `count` of the samples, from all over the list."""
    count = min(count, len(samples))
    return (samples[i * len(samples) // count] for i in range(count))


def _name(sample: Sample) -> str:
    """Return a name that tells images of different labels apart, which often have equal files."""
    return sample.path.name if sample.label is None else f"{sample.label}/{sample.path.name}"


def _id(place: str, name: str) -> str:
    return sha256(f"{place}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()[:_ID_CHARACTERS]
