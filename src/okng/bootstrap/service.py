"""Builds everything that `okng serve` needs, and starts and ends it in order."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from shutil import rmtree

from okng.adapters.compute.detector_process import DetectorProcess
from okng.adapters.stores.durable_files import writing
from okng.adapters.stores.file_lock import locked_if_free
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.quality import SqlQuality
from okng.adapters.stores.sql.review_queue import SqlReviewQueue
from okng.adapters.stores.sql.stored_values import SqlStoredValues
from okng.adapters.stores.written_dataset import write_dataset
from okng.bootstrap import load, read_as_trained, score_defects
from okng.bootstrap.service_ground import (
    build_inspect,
    build_jobs,
    build_live,
    build_models,
    chores,
    lay_ground,
)
from okng.bootstrap.service_parts import (
    build_checkups,
    build_detector_process,
    build_evaluations,
    build_retention,
    build_runner,
    build_sample_scores,
    build_tier_times,
    utc_now,
)
from okng.domain.calibration import Calibration
from okng.domain.errors import Conflict
from okng.domain.inspection import Inspection
from okng.domain.model import CHAMPION
from okng.domain.people import Principal
from okng.domain.people_ports import PasswordHashing
from okng.domain.view import Box
from okng.services.audit import Audit
from okng.services.checkups import Checkups
from okng.services.datasets import Datasets
from okng.services.defects import DefectScores, chosen_defects
from okng.services.evaluations import Evaluations
from okng.services.inspect_again import InspectAgain
from okng.services.inspection_pool import InspectionPool
from okng.services.inspection_search import InspectionSearch
from okng.services.inspections import InspectAndKeep
from okng.services.kiosks import Kiosks
from okng.services.labels import Labels
from okng.services.live import Live
from okng.services.models import Models
from okng.services.people import People
from okng.services.products import Products
from okng.services.quality import Quality
from okng.services.retention import Retention
from okng.services.review_queue import ReviewQueue
from okng.services.reviews import Reviews
from okng.services.sample_scores import SampleScores
from okng.services.samples import Samples
from okng.services.sensitivity import KnownScores
from okng.services.sign_in import SignIn
from okng.services.stories import Stories
from okng.services.tier_times import TierTimes
from okng.services.tokens import Tokens
from okng.services.train_again import TrainAgain
from okng.services.training_curves import TrainingCurves
from okng.services.training_jobs import TrainingJobs
from okng.services.training_runner import TrainingRunner
from okng.services.uploads import Uploads
from okng.settings import Settings


@dataclass(frozen=True)
class Overview:
    """A product in short; `images` are those of its datasets."""

    name: str
    title: str
    images: int
    models: int
    champion: str | None


@dataclass(frozen=True)
class Service:
    """Everything that the interface of the service stands on."""

    settings: Settings
    started: datetime
    scratch: Path
    database: Database
    registry: FolderModelStore
    pool: InspectionPool
    inspect: InspectAndKeep
    search: InspectionSearch
    again: InspectAgain
    products: Products
    models: Models
    reviews: Reviews
    review_queue: ReviewQueue
    labels: Labels
    stories: Stories
    quality: Quality
    datasets: Datasets
    samples: Samples
    sample_scores: SampleScores
    known_scores: KnownScores
    live: Live
    kiosks: Kiosks
    uploads: Uploads
    checkups: Checkups
    evaluations: Evaluations
    jobs: TrainingJobs
    train_again: TrainAgain
    tier_times: TierTimes
    detectors: DetectorProcess
    people: People
    sign_in: SignIn
    tokens: Tokens
    audit: Audit
    runner: TrainingRunner
    retention: Retention
    _held: ExitStack = field(repr=False)

    def start(self) -> str | None:
        """Begin to train and to tidy up; return the first administrator's one-time password.

        None where there are people already. What the service's end interrupted begins anew.
        """
        first = self.people.first_start(utc_now())
        for interrupted in (self.checkups, self.evaluations, self.sample_scores):
            interrupted.resume()
        self.runner.start()
        every = self.settings.retention_interval_s
        if self.settings.anchor_file is not None:
            every = min(every, self.settings.anchor_interval_s)
        self.retention.start(every)
        return None if first is None else first[1]

    def close(self) -> None:
        """Answer what is waiting, stop what runs, and let go of everything."""
        self.live.close()
        self.pool.close()
        self.checkups.close()
        self.evaluations.close()
        self.tier_times.close()
        self.sample_scores.close()
        self.runner.close()
        self.retention.stop()
        self.database.close()
        self._held.close()

    def check_ready(self) -> None:
        """Make sure that images can be inspected and stored.

        Raises:
            Unavailable: the database does not answer.
        """
        self.database.check()

    def overview(self, by: Principal) -> list[Overview]:
        """Return what the start page shows of each product."""
        found, images = [], Counter[str]()
        for dataset in self.datasets.list(None, by):
            images[dataset.product] += sum(dataset.counts.values())
        for product in self.products.list(by):
            name = product.name
            names = self.registry.names(name)
            champion = self.models.aliases(name, by).get(CHAMPION)
            found.append(Overview(name, product.title, images[name], len(names), champion))
        return found

    def shown_by(self, inspection: Inspection) -> tuple[Calibration, Box | None]:
        """Return what a picture of an inspection needs: its calibration, and where it looked."""
        calibration = self.registry.calibration(inspection.model, inspection.calibration)
        return calibration, self.registry.manifest(inspection.model).view.roi

    def score_defects(self, model: str, dataset_id: str, by: Principal) -> DefectScores:
        """Return what a model makes of a dataset's labelled defects."""
        place, within = self.datasets.place(self.datasets.get(dataset_id, by))
        inspector = load(model, settings=self.settings)
        dataset = read_as_trained(place, inspector.model.manifest, within, defects=True)
        return score_defects(chosen_defects(dataset)[0], inspector, self.settings)


def build_service(settings: Settings, hashing: PasswordHashing | None = None) -> Service:
    """Build the service on its database and data folder, and bring the tables up to date.

    Raises:
        BadSetting: a setting cannot work.
        Conflict: another service uses this data folder.
        Unavailable: the database does not answer.
    """
    held = ExitStack()
    scratch = _take_home(settings.home, held)
    try:
        database = Database(settings.database_url)
        held.callback(database.close)
        database.migrate()
        return _assemble(settings, database, scratch, hashing, held)
    except BaseException:
        held.close()
        raise


def _assemble(
    settings: Settings,
    database: Database,
    scratch: Path,
    hashing: PasswordHashing | None,
    held: ExitStack,
) -> Service:
    on = lay_ground(settings, database, hashing, held)
    registry, audit, people, session = on.registry, on.audit, on.people, database.session
    datasets = on.intake.datasets
    curves = TrainingCurves()
    runner = build_runner(settings, database, audit, datasets, on.changed, curves)
    models, live = build_models(on), build_live(on)
    jobs = build_jobs(on, runner, models, curves)
    search = InspectionSearch(on.inspections, on.pages, on.contents, audit)
    scored = build_sample_scores(settings, database, audit, datasets, registry)
    labels = Labels(on.pages, on.reviews, on.contents, audit)
    said = Reviews(on.inspections, on.reviews, session, audit, new_id, utc_now)
    write = partial(write_dataset, settings.home.absolute())
    return Service(
        settings=settings,
        started=utc_now(),
        scratch=scratch,
        database=database,
        registry=registry,
        pool=on.pool,
        inspect=build_inspect(on, live),
        search=search,
        again=InspectAgain(search, on.pool),
        products=on.products,
        models=models,
        reviews=said,
        stories=Stories(search, said, registry, people.audit),
        quality=Quality(SqlQuality(database)),
        review_queue=ReviewQueue(SqlReviewQueue(database), on.reviews, datasets, utc_now),
        labels=labels,
        datasets=datasets,
        samples=Samples(datasets, registry, settings.max_image_bytes),
        sample_scores=scored,
        known_scores=KnownScores(registry, scored, on.pages),
        live=live,
        kiosks=Kiosks(SqlStoredValues(database), on.products, session, audit),
        uploads=on.intake.uploads,
        checkups=build_checkups(settings, database, audit, datasets),
        evaluations=build_evaluations(settings, database, audit, registry, datasets),
        jobs=jobs,
        train_again=TrainAgain(labels, datasets, jobs, registry, search, write, new_id, utc_now),
        tier_times=build_tier_times(settings),
        detectors=build_detector_process(settings),
        people=people.people,
        sign_in=people.sign_in,
        tokens=people.tokens,
        audit=people.audit,
        runner=runner,
        retention=build_retention(settings, database, on.contents, audit, chores(on)),
        _held=held,
    )


def _take_home(home: Path, held: ExitStack) -> Path:
    """Make sure that no other service uses the data folder; return an empty folder of it."""
    with writing(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not held.enter_context(locked_if_free(home / ".service.lock")):
            raise Conflict(
                f"another okng serve uses the data folder {home}: end it, or choose another "
                "(OKNG_HOME)"
            )
        scratch = home / "tmp"
        rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
    return scratch.absolute()
