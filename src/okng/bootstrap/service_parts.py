"""The larger parts of the service, each built of its adapters."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from okng.adapters.compute.detector_process import DetectorProcess
from okng.adapters.compute.training_process import TrainingProcess
from okng.adapters.datasets import read_dataset
from okng.adapters.datasets.containment import is_below
from okng.adapters.security.signatures import read_public_key, verify_archive
from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.dataset_archive import DatasetRules
from okng.adapters.stores.evaluation_folder import EvaluationFolder
from okng.adapters.stores.file_lock import locked_if_free
from okng.adapters.stores.model_archive import Imported, import_archive
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.result_folder import ResultFolder
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.job_queue import SqlJobQueue
from okng.adapters.stores.sql.jobs import SqlJobLogs, SqlJobs
from okng.adapters.stores.sql.kept_images import SqlKeptImages
from okng.adapters.stores.sql.uploads import SqlUploads
from okng.adapters.stores.upload_folder import UploadFolder
from okng.algorithms.pixels import decode_file, read
from okng.bootstrap.backup import REMOVING
from okng.bootstrap.doctor import examine_dataset
from okng.bootstrap.judging import evaluate, labelled_tests, read_as_trained, report_page
from okng.bootstrap.judging import load as load_model
from okng.bootstrap.tiers import TierTime, measure_tiers
from okng.bootstrap.training_options import TrainingOptions
from okng.domain.arrays import Pixels
from okng.domain.dataset import Dataset
from okng.domain.doctor import Diagnosis
from okng.domain.errors import NotFound
from okng.domain.model import Model
from okng.domain.ports import Progress
from okng.domain.records import ProductRecord
from okng.domain.retention import RetentionRules
from okng.services.calibrate import Wish
from okng.services.checkups import Checkups, LoadWithin
from okng.services.dataset_trash import DatasetTrash
from okng.services.datasets import Datasets, KnownProducts
from okng.services.evaluations import Evaluations, Measured
from okng.services.inspection_pool import PoolOptions
from okng.services.products import Products
from okng.services.retention import Retention
from okng.services.sample_scores import PARTS, Judging, SampleScores
from okng.services.tier_times import TierTimes
from okng.services.training_curves import TrainingCurves
from okng.services.training_runner import TrainingRunner
from okng.services.uploads import UploadLimits, Uploads
from okng.settings import Settings

_TRAINING_SETTINGS = {
    "home", "runtime", "device", "precision", "threads", "plugins", "max_pixels", "dataset_roots",
}  # fmt: skip
"""What the process of a training is told; the database's password is not for it."""
_TYPICAL_IMAGES = 200
"""Learned, for which tiers are measured; a graph's time hardly depends on it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Intake:
    """What takes in datasets, keeps them, and lets deleted ones go."""

    datasets: Datasets
    uploads: Uploads
    trash: DatasetTrash


def build_intake(
    settings: Settings, database: Database, audit: SqlAuditLog, products: KnownProducts
) -> Intake:
    known, kept, home = SqlDatasets(database), SqlUploads(database), settings.home.absolute()
    datasets = Datasets(
        known,
        products,
        database.session,
        audit,
        read_dataset,
        home,
        settings.dataset_roots,
        new_id,
        utc_now,
    )
    rules = DatasetRules(
        archive_bytes=settings.max_upload_bytes,
        total_bytes=settings.max_upload_bytes,
        files=settings.max_upload_files,
        pixels=settings.max_pixels,
    )
    files = UploadFolder(home, rules)
    uploads = Uploads(
        kept,
        known,
        products,
        files,
        database.session,
        audit,
        read_dataset,
        home,
        new_id,
        utc_now,
        UploadLimits(settings.max_upload_bytes, settings.max_upload_part_bytes),
    )
    trash = DatasetTrash(known, kept, files, database.session, audit, utc_now)
    return Intake(datasets, uploads, trash)


def build_checkups(
    settings: Settings, database: Database, audit: SqlAuditLog, datasets: Datasets
) -> Checkups:
    def examine(dataset: Dataset, progress: Progress) -> Diagnosis:
        return examine_dataset(dataset, Wish(), settings, progress=progress).diagnosis

    kept = ResultFolder(settings.home / "checkups", frozenset({"diagnosis", "paths"}))
    return Checkups(
        datasets,
        kept,
        examine,
        load_within(settings),
        database.session,
        audit,
        _unfinished(settings, "checkups"),
    )


def build_sample_scores(
    settings: Settings,
    database: Database,
    audit: SqlAuditLog,
    datasets: Datasets,
    registry: FolderModelStore,
) -> SampleScores:
    def begin(model: str, place: Path, within: Path) -> Judging:
        inspector = load_model(model, settings=settings)
        dataset = read_as_trained(place, inspector.model.manifest, within)
        return Judging(dataset, lambda path: read(path, settings.max_pixels), inspector.inspect)

    kept = ResultFolder(settings.home / "scores", PARTS)
    return SampleScores(
        datasets,
        registry,
        kept,
        begin,
        load_within(settings),
        database.session,
        audit,
        _unfinished(settings, "scores"),
    )


def _unfinished(settings: Settings, kind: str) -> ResultFolder:
    """Return notes of what was begun and is not done."""
    return ResultFolder(settings.home / "unfinished" / kind, frozenset({"facts", "attempts"}))


def load_within(settings: Settings) -> LoadWithin:
    """Return what reads an image that must lie in a folder, wherever links lead."""

    def load_image(path: Path, within: Path) -> Pixels:
        if not is_below(path, within):
            raise NotFound("the image is no longer in the dataset: examine it anew")
        return decode_file(path, settings.max_pixels)

    return load_image


def build_evaluations(
    settings: Settings,
    database: Database,
    audit: SqlAuditLog,
    registry: FolderModelStore,
    datasets: Datasets,
) -> Evaluations:
    def measure(model: str, place: Path, within: Path, progress: Progress) -> Measured:
        inspector = load_model(model, settings=settings)
        dataset = read_as_trained(place, inspector.model.manifest, within)
        samples = labelled_tests(Path(dataset.name), dataset)
        found = evaluate(dataset, samples, inspector, settings, progress, beside=None)
        paths = tuple(str(dataset.root / one.image) for one in found.images)
        return Measured(report_page(found, settings), found.record(), paths)

    kept = EvaluationFolder(settings.home / "evaluations")
    return Evaluations(
        registry,
        datasets,
        kept,
        measure,
        load_within(settings),
        database.session,
        audit,
        _unfinished(settings, "evaluations"),
    )


def build_tier_times(settings: Settings) -> TierTimes:
    def measure(progress: Progress) -> Sequence[TierTime]:
        return measure_tiers(TrainingOptions(), settings, _TYPICAL_IMAGES, progress)

    return TierTimes(measure)


def build_detector_process(settings: Settings) -> DetectorProcess:
    own = {"OKNG_HOME": str(settings.home), "OKNG_PLUGINS": json.dumps(settings.plugins)}
    return DetectorProcess(os.environ | own)


def build_runner(
    settings: Settings,
    database: Database,
    audit: SqlAuditLog,
    datasets: Datasets,
    changed: Callable[[str], None],
    curves: TrainingCurves,
) -> TrainingRunner:
    told = settings.model_dump(mode="json", include=_TRAINING_SETTINGS)
    return TrainingRunner(
        SqlJobQueue(database),
        SqlJobLogs(database),
        SqlDatasets(database),
        TrainingProcess(told),
        database.session,
        audit,
        utc_now,
        changed,
        datasets.place,
        curves,
    )


def build_retention(
    settings: Settings,
    database: Database,
    contents: ContentFolder,
    audit: SqlAuditLog,
    chores: Sequence[Callable[[], object]],
) -> Retention:
    rules = RetentionRules(
        settings.keep_ok_days,
        settings.keep_thumbnails_days,
        settings.keep_ng_days,
        settings.max_kept_bytes,
    )
    lock = settings.home / REMOVING
    return Retention(
        SqlKeptImages(database),
        contents,
        audit,
        rules,
        utc_now,
        lambda: locked_if_free(lock),
        chores,
    )


def pool_options(settings: Settings) -> PoolOptions:
    return PoolOptions(
        workers=settings.workers,
        queue_size=settings.queue_size,
        deadline_ms=1000 * settings.queue_seconds,
        idle_seconds=settings.model_idle_s,
        most_models=settings.max_models,
        max_pixels=settings.max_pixels,
    )


@dataclass(frozen=True)
class TakeIn:
    """Takes in a model's archive that `approve` has nothing against.

    It must be signed where there are keys that sign models.
    """

    registry: FolderModelStore
    keys: tuple[str, ...]
    approve: Callable[[Model], object]

    def __post_init__(self) -> None:
        for key in self.keys:
            read_public_key(key)  # a wrong one is to be told at the start

    def __call__(self, archive: Path, product: str | None, signature: str | None) -> Imported:
        if self.keys:
            verify_archive(archive.read_bytes(), signature, self.keys)
        return import_archive(archive, self.registry, product, approve=self.approve)


@dataclass(frozen=True)
class Known:
    """Finds products, also those that the command line has trained."""

    products: Products

    def get(self, name: str) -> ProductRecord:
        return self.products.find(name)


class Jobs(SqlJobQueue):
    """Queues jobs, and shows them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        shown = SqlJobs(database)
        self.get, self.page = shown.get, shown.page
