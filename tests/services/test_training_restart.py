"""The whole way of a training job, with a real database and real processes."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from okng.adapters.compute.training_process import TrainingProcess
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.job_queue import SqlJobQueue
from okng.adapters.stores.sql.jobs import SqlJobLogs, SqlJobs
from okng.adapters.stores.sql.products import SqlProducts
from okng.domain.records import DatasetRecord, Job, JobState, ProductRecord
from okng.services.training_curves import TrainingCurves
from okng.services.training_runner import TrainingRunner
from okng.testing.images import write_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")

KILLED_SERVICE = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from okng.services import training_runner
from test_training_restart import open_runner

training_runner._WRITE_SECONDS = 0

class Dies:
    def __init__(self, queue):
        self.queue = queue
    def __getattr__(self, name):
        return getattr(self.queue, name)
    def progress(self, job_id, stage, done, total):
        going = self.queue.progress(job_id, stage, done, total)
        if stage:
            os.kill(os.getpid(), 9)
        return going

database, runner = open_runner(Path({home!r}))
runner._jobs = Dies(runner._jobs)
runner.start()
runner._thread.join()
"""


def now() -> datetime:
    return datetime.now(UTC)


def open_runner(home: Path) -> tuple[Database, TrainingRunner]:
    """Assemble what runs trainings in the data folder `home`."""
    database = Database(home / "okng.db")
    runner = TrainingRunner(
        SqlJobQueue(database),
        SqlJobLogs(database),
        SqlDatasets(database),
        TrainingProcess({"home": str(home), "runtime": "onnxruntime"}),
        database.session,
        SqlAuditLog(database),
        now,
        lambda product: None,
        lambda dataset: (Path(dataset.folder), Path(dataset.folder)),
        TrainingCurves(),
    )
    return database, runner


def test_a_killed_service_trains_again(tmp_path: Path) -> None:
    """After kill -9 during a training the next start trains again; one model results, the attempts
    are counted and the log tells it."""
    home = tmp_path / "home"
    home.mkdir()
    folder = write_folder(tmp_path / "flange", good=8, size=64)
    database, runner = open_runner(home)
    database.migrate()
    SqlProducts(database).add(ProductRecord("flange", "Flange", now()))
    dataset = DatasetRecord(new_id(), "flange", "first", str(folder), "mvtec", {}, now(), "eva")
    SqlDatasets(database).add(dataset)
    options = {"size": [64, 64], "config": {"bank_size": 64}}
    queued = Job(new_id(), "flange", dataset.id, options, JobState.QUEUED, "eva", now())
    job = SqlJobQueue(database).add(queued)

    code = KILLED_SERVICE.format(tests=str(Path(__file__).parent), home=str(home))
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    jobs = SqlJobs(database)
    assert (jobs.get(job.id).state, jobs.get(job.id).attempts) == (JobState.RUNNING, 1)

    runner.start()
    until = time.monotonic() + 60
    while jobs.get(job.id).state in (JobState.QUEUED, JobState.RUNNING):
        assert time.monotonic() < until
        time.sleep(0.05)
    runner.close()
    ended = jobs.get(job.id)
    assert (ended.state, ended.model, ended.error) == (JobState.DONE, "flange-1", None)
    assert ended.attempts == 2
    assert FolderModelStore(home / "models").names() == ("flange-1",)
    said = [line.text for line in SqlJobLogs(database).lines(job.id)]
    assert sum("queued again" in line for line in said) == 1
    assert "flange-1 is ready" in said[-1]
    entries = list(SqlAuditLog(database).entries())
    assert [(entry.actor, entry.action) for entry in entries] == [("eva", "training.finish")]
    database.close()
