"""What several parts of the service stand on, and the parts that stand on little else."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.model_archive import archive_bytes
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.jobs import SqlJobLogs
from okng.adapters.stores.sql.products import SqlProducts
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.adapters.stores.sql.watching import SqlWatching
from okng.bootstrap import approval, runtime, store
from okng.bootstrap.people import PeopleServices, people_services
from okng.bootstrap.preview import newest_sheet
from okng.bootstrap.service_parts import (
    Intake,
    Jobs,
    Known,
    TakeIn,
    build_intake,
    pool_options,
    utc_now,
)
from okng.domain.people_ports import PasswordHashing
from okng.domain.verdict import Verdict
from okng.services.inspection_pool import InspectionPool
from okng.services.inspections import InspectAndKeep, Keep
from okng.services.live import Live
from okng.services.models import Models
from okng.services.products import Products
from okng.services.training_curves import TrainingCurves
from okng.services.training_jobs import TrainingJobs
from okng.services.training_runner import TrainingRunner
from okng.settings import Settings


@dataclass(frozen=True)
class Ground:
    """What several services stand on."""

    settings: Settings
    database: Database
    audit: SqlAuditLog
    registry: FolderModelStore
    inspections: SqlInspections
    pages: SqlInspectionPages
    reviews: SqlReviews
    contents: ContentFolder
    pool: InspectionPool
    people: PeopleServices
    products: Products
    intake: Intake

    def changed(self, _product: str) -> None:
        """Let the pool look again which model inspects."""
        self.pool.invalidate()


def lay_ground(
    settings: Settings, database: Database, hashing: PasswordHashing | None, held: ExitStack
) -> Ground:
    """Build what several services stand on; `held` closes it again."""
    audit, registry = SqlAuditLog(database), store(settings)
    contents = ContentFolder(settings.home / "images")
    contents.clean()
    pool = InspectionPool(registry, runtime(settings), pool_options(settings))
    held.callback(pool.close)
    people = people_services(database, settings, hashing=hashing, now=utc_now)
    products = Products(SqlProducts(database), database.session, audit, registry.products, utc_now)
    return Ground(
        settings,
        database,
        audit,
        registry,
        SqlInspections(database),
        SqlInspectionPages(database),
        SqlReviews(database),
        contents,
        pool,
        people,
        products,
        build_intake(settings, database, audit, Known(products)),
    )


def build_models(on: Ground) -> Models:
    return Models(
        on.registry,
        on.database.session,
        on.audit,
        TakeIn(on.registry, on.settings.signing_keys, approval(on.settings)),
        lambda name: archive_bytes(on.registry.load(name), on.registry.calibrations(name)[1:]),
        on.changed,
        on.pool.prepare,
    )


def build_jobs(
    on: Ground, runner: TrainingRunner, models: Models, curves: TrainingCurves
) -> TrainingJobs:
    database = on.database
    return TrainingJobs(
        Jobs(database),
        SqlJobLogs(database),
        SqlDatasets(database),
        database.session,
        on.audit,
        new_id,
        utc_now,
        runner.wake,
        models.keep_champion,
        curves,
        partial(newest_sheet, on.settings),
    )


def build_live(on: Ground) -> Live:
    return Live(
        on.inspections,
        on.pages,
        SqlWatching(on.database),
        on.database.session,
        on.audit,
        lambda: utc_now().astimezone(),
        on.settings.shift_starts,
        on.settings.max_listeners,
    )


def build_inspect(on: Ground, live: Live) -> InspectAndKeep:
    return InspectAndKeep(
        on.pool,
        on.inspections,
        on.contents,
        new_id,
        utc_now,
        Keep(images=frozenset(Verdict)) if on.settings.keep_ok_images else Keep(),
        on.settings.max_batch_images,
        live.publish,
    )


def chores(on: Ground) -> Sequence[Callable[[], object]]:
    """Return what retention tidies up besides images."""
    return (
        on.intake.uploads.expire,
        on.intake.trash.empty,
        lambda: on.people.sign_in.purge(utc_now()),
        lambda: on.people.audit.anchor_if_due(utc_now()),
    )
