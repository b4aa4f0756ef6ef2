"""Train again: a product's dataset with all that reviewers have said of inspected images."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np

from okng.algorithms.masks import load_mask
from okng.algorithms.pictures import mask_picture
from okng.domain.dataset import Dataset, NewSample, Sample, Split
from okng.domain.errors import BadRequest, Conflict, OkngError
from okng.domain.model import Manifest
from okng.domain.people import Principal, Right
from okng.domain.records import (
    DatasetRecord,
    InspectionFilter,
    InspectionRecord,
    Job,
    JobState,
    Order,
    Page,
)
from okng.domain.verdict import Verdict
from okng.services.datasets import LONGEST_NAME
from okng.services.ensemble import DETECTOR as ENSEMBLE
from okng.services.labels import LabelledImage

HELD_OUT = 5
"""One of so many good reviewed images is not learned, so that models are compared on it fairly."""
MOST_COMPARED = 48

_NEWEST = 500


class KnownLabels(Protocol):
    """Gives a product's labelled images."""

    def of(self, product: str) -> Iterator[LabelledImage]: ...


class KnownDatasets(Protocol):
    """Finds, reads and takes in datasets."""

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord: ...

    def read(self, record: DatasetRecord) -> Dataset: ...

    def adopt(self, product: str, name: str, folder: Path, by: Principal) -> DatasetRecord: ...


class Jobs(Protocol):
    """Starts and shows trainings."""

    def start(
        self, product: str, dataset_id: str, options: Mapping[str, object], by: Principal
    ) -> Job: ...

    def page(
        self,
        by: Principal,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]: ...


class Manifests(Protocol):
    """Says what a model is."""

    def manifest(self, reference: str) -> Manifest: ...


class Search(Protocol):
    """Finds inspections."""

    def page(
        self,
        wanted: InspectionFilter,
        order: Order,
        limit: int,
        cursor: str | None,
        by: Principal,
    ) -> Page[InspectionRecord]: ...


@dataclass(frozen=True)
class ToLearn:
    """What reviewers have said: counts among the newest, and which images to compare models on."""

    good: int
    defective: int
    compared: tuple[InspectionRecord, ...]


class TrainAgain:
    """Makes candidates from a dataset and the labels, as the model was trained that inspects."""

    def __init__(
        self,
        labels: KnownLabels,
        datasets: KnownDatasets,
        jobs: Jobs,
        models: Manifests,
        search: Search,
        write: Callable[[str, Iterable[NewSample]], Path],
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._labels = labels
        self._datasets = datasets
        self._jobs = jobs
        self._models = models
        self._search = search
        self._write = write
        self._new_id = new_id
        self._clock = clock

    def overview(self, product: str, by: Principal) -> ToLearn:
        """Return what there is to learn; images that a candidate learns are not compared."""
        by.require(Right.READ)
        wanted = InspectionFilter(product=product, reviewed=True)
        found = self._search.page(wanted, Order.NEWEST, _NEWEST, None, by).items
        kept = [one for one in found if one.image is not None]
        good = [one for one in kept if one.reviewed is Verdict.OK]
        fair = [one for one in kept if one.reviewed is Verdict.NG or _is_held_out(one)]
        return ToLearn(len(good), len(kept) - len(good), tuple(fair[:MOST_COMPARED]))

    def start(self, product: str, dataset_id: str, by: Principal) -> Job:
        """Write the extended dataset and queue a training on it.

        Raises:
            Forbidden: the right to teach is not there.
            NotFound: there is no such dataset.
            BadRequest: it is another product's.
            Conflict: no image was reviewed, or how the model was trained cannot be repeated.
        """
        by.require(Right.TEACH)
        record = self._datasets.get(dataset_id, by)
        if record.product != product:
            raise BadRequest(f"the dataset {record.name!r} belongs to {record.product}")
        if not any(True for _ in self._labels.of(product)):
            raise Conflict(f"no kept image of {product} was reviewed: review some first")
        options = self._options(product, by)
        dataset = self._datasets.read(record)
        place = self._write(self._new_id(), self._samples(product, dataset))
        ending = f" + reviews {self._clock():%Y-%m-%d %H:%M:%S}"
        name = record.name[: LONGEST_NAME - len(ending)] + ending
        extended = self._datasets.adopt(product, name, place, by)
        return self._jobs.start(product, extended.id, options, by)

    def _options(self, product: str, by: Principal) -> Mapping[str, object]:
        """Return how the model was trained that inspects: by its job, else by its manifest."""
        try:
            manifest = self._models.manifest(product)
        except OkngError:
            return {}
        name = f"{product}-{manifest.version}"
        for job in self._jobs.page(by, product, JobState.DONE, 200).items:
            if job.model == name:
                return job.options
        if manifest.detector == ENSEMBLE:
            raise Conflict(
                f"{name} is an ensemble, whose members are trained one by one: promote one of "
                "them, or train them on the page Products and join them again with okng ensemble"
            )
        view = manifest.view
        if view.mask_png is not None:
            raise Conflict(
                f"{name} was trained elsewhere, with a mask, which cannot be repeated from here: "
                "train on the page Products"
            )
        options: dict[str, object] = {
            "detector": manifest.detector,
            "config": dict(manifest.config),
            "size": [view.width, view.height],
        }
        if view.prepare:
            options["prepare"] = [str(step) for step in view.prepare]
        return options if view.roi is None else options | {"roi": vars(view.roi)}

    def _samples(self, product: str, dataset: Dataset) -> Iterator[NewSample]:
        """Yield reviewed images, then the dataset's, but for those that were reviewed too."""
        seen = set[str | None]()
        for image in self._labels.of(product):
            if image.record.image in seen:
                continue
            seen.add(image.record.image)
            learned = image.record.reviewed is Verdict.OK and not _is_held_out(image.record)
            yield NewSample(
                image.content,
                f".{image.suffix}",
                image.label,
                Split.TRAIN if learned else Split.TEST,
                image.record.context.part_id,
                image.mask,
            )
        for sample in dataset.samples:
            if sample.label is None or sha256(sample.path.read_bytes()).hexdigest() in seen:
                continue
            mask = _mask_of(sample)
            yield NewSample(
                sample.path, sample.path.suffix, sample.label, sample.split, sample.group, mask
            )


def _is_held_out(record: InspectionRecord) -> bool:
    """Choose by content, so that the same image is always on the same side."""
    return record.image is not None and int(record.image[:8], 16) % HELD_OUT == 0


def _mask_of(sample: Sample) -> bytes | None:
    if not sample.masks:
        return None
    return mask_picture(np.logical_or.reduce([load_mask(source) for source in sample.masks]))
