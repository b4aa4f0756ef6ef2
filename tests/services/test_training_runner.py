import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from okng.domain.compute_ports import TrainingListener, TrainingTask
from okng.domain.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    TrainingFailed,
    Unavailable,
)
from okng.domain.learning import LearningCurve
from okng.domain.people import AuditEntry, Principal, Role
from okng.domain.record_ports import LogLine
from okng.domain.records import DatasetRecord, Job, JobState, Page
from okng.services.training_curves import TrainingCurves
from okng.services.training_jobs import TrainingJobs
from okng.services.training_runner import MOST_ATTEMPTS, TrainingRunner

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENGINEER = Principal("eva", Role.ENGINEER.rights)
REVIEWER = Principal("rob", Role.REVIEWER.rights)


class Jobs:
    """Keeps jobs and their logs in memory; does not answer while `away`."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.said: dict[str, list[str]] = {}
        self.away = False

    def add(self, job: Job) -> Job:
        self.jobs[job.id] = job
        return job

    def get(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise NotFound(f"there is no job {job_id}")
        return self.jobs[job_id]

    def page(
        self,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        return Page(tuple(self.jobs.values())[:limit], None)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the database does not answer")

    def claim(self, worker: str, at: datetime) -> Job | None:
        self._check()
        for job in self.jobs.values():
            if job.state is JobState.QUEUED:
                running = replace(job, state=JobState.RUNNING, attempts=job.attempts + 1)
                return self.add(running)
        return None

    def progress(self, job_id: str, stage: str, done: int, total: int) -> bool:
        self._check()
        job = self.get(job_id)
        if job.state is not JobState.RUNNING:
            return False
        self.add(replace(job, stage=stage, done=done, total=total))
        return True

    def finish(
        self,
        job_id: str,
        state: JobState,
        at: datetime,
        model: str | None = None,
        error: str | None = None,
    ) -> Job:
        self._check()
        job = self.get(job_id)
        if job.state is not JobState.RUNNING:
            return job
        return self.add(replace(job, state=state, finished=at, model=model, error=error))

    def cancel(self, job_id: str, at: datetime) -> Job:
        job = self.get(job_id)
        if job.state not in (JobState.QUEUED, JobState.RUNNING):
            raise Conflict("it has ended")
        return self.add(replace(job, state=JobState.CANCELLED, finished=at))

    def requeue(self, alive: Collection[str] = ()) -> tuple[Job, ...]:
        left = [job for job in self.jobs.values() if job.state is JobState.RUNNING]
        return tuple(self.add(replace(job, state=JobState.QUEUED)) for job in left)

    def append(self, job_id: str, lines: Sequence[str]) -> int:
        self._check()
        self.said.setdefault(job_id, []).extend(lines)
        return len(self.said[job_id])

    def lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        said = self.said.get(job_id, [])[after : after + limit]
        return tuple(LogLine(after + i, text) for i, text in enumerate(said, start=1))


class Datasets(dict[str, DatasetRecord]):
    def get(self, dataset_id: str) -> DatasetRecord:  # type: ignore[override]
        if dataset_id not in self:
            raise NotFound(f"there is no dataset {dataset_id}")
        return self[dataset_id]


class Audit:
    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str, Mapping[str, object]]] = []

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        self.entries.append((actor, action, subject, details))
        return AuditEntry(1, NOW, actor, action, subject, "{}", "", "")

    @property
    def actions(self) -> list[str]:
        return [action for _, action, _, _ in self.entries]


class Script:
    """A `TrainingCompute` that does what it is told; `tasks` are those it was given."""

    def __init__(self, play: Callable[[TrainingListener], str | None]) -> None:
        self.play = play
        self.tasks: list[TrainingTask] = []

    def train(self, task: TrainingTask, listener: TrainingListener) -> str | None:
        self.tasks.append(task)
        return self.play(listener)


class House:
    """A runner and the service beside it."""

    def __init__(self, folder: Path, play: Callable[[TrainingListener], str | None]) -> None:
        self.jobs, self.audit, self.compute = Jobs(), Audit(), Script(play)
        self.trained: list[str] = []
        self.kept: list[str] = []
        self.datasets = Datasets()
        for product in ("cap", "lid"):
            self.datasets[product] = DatasetRecord(
                product, product, "first", str(folder), "flat", {}, NOW, "eva"
            )
        numbers = count(1)
        self.curves = TrainingCurves()
        self.runner = self.new_runner()
        self.service = TrainingJobs(
            self.jobs,
            self.jobs,
            self.datasets,
            nullcontext,
            self.audit,
            lambda: f"job-{next(numbers)}",
            lambda: NOW,
            lambda: self.runner.wake(),
            lambda product, by: self.kept.append(product),
            self.curves,
            {"cap": b"png"}.get,
        )

    def new_runner(self) -> TrainingRunner:
        return TrainingRunner(
            self.jobs,
            self.jobs,
            self.datasets,
            self.compute,
            nullcontext,
            self.audit,
            lambda: NOW,
            self.trained.append,
            lambda dataset: (Path(dataset.folder), Path(dataset.folder)),
            self.curves,
        )

    def ended(self, job: Job) -> Job:
        """Wait for the end of a job."""
        until = time.monotonic() + 10
        while self.jobs.get(job.id).state in (JobState.QUEUED, JobState.RUNNING):
            assert time.monotonic() < until, "it never ended"
            time.sleep(0.005)
        return self.jobs.get(job.id)


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def begin(play: Callable[[TrainingListener], str | None], start: bool = True) -> House:
        houses.append(House(tmp_path, play))
        if start:
            houses[-1].runner.start()
        return houses[-1]

    yield begin
    for house in houses:
        house.jobs.away = False
        house.runner.close()


def until_unwanted(listener: TrainingListener) -> None:
    while listener.is_wanted():
        time.sleep(0.005)


def test_a_training_from_start_to_end(open_house: Callable[..., House], tmp_path: Path) -> None:
    """A job runs with its options, and its progress, log, model and audit are written down."""

    def play(listener: TrainingListener) -> str | None:
        listener.log("Reading images")
        listener.progress("read", 3, 9)
        listener.learned("learn", 1, {"loss": 0.5})
        assert listener.is_wanted()
        return "cap-1"

    house = open_house(play)
    job = house.service.start("cap", "cap", {"size": [64, 64], "seed": 3}, ENGINEER)
    assert house.kept == ["cap"]  # the new model does not inspect by being the newest
    assert (job.state, job.actor) == (JobState.QUEUED, "eva")
    ended = house.ended(job)
    assert (ended.state, ended.model, ended.attempts) == (JobState.DONE, "cap-1", 1)
    assert (ended.stage, ended.done, ended.total) == ("read", 3, 9)
    assert [line.text for line in house.service.log(job.id, ENGINEER)] == ["Reading images"]
    assert house.service.curves(job.id, ENGINEER) == {
        "learn": (LearningCurve("loss", ((1.0, 0.5),)),)
    }
    task = house.compute.tasks[0]
    assert (task.folder, task.within, task.job.options["seed"]) == (tmp_path, tmp_path, 3)
    assert task.job.options["detector"] == "memory"
    house.runner.close()
    assert house.trained == ["cap"]
    assert house.audit.actions == ["training.start", "training.finish"]
    assert house.audit.entries[1][3] == {"state": "done", "model": "cap-1", "error": None}


def test_a_failed_training_says_why(open_house: Callable[..., House]) -> None:
    """The reason of a failure is in the job, its log and the audit; the next job runs."""

    def play(listener: TrainingListener) -> str | None:
        if len(house.compute.tasks) == 1:
            raise TrainingFailed("there is only one good image")
        return "cap-1"

    house = open_house(play, start=False)
    first = house.service.start("cap", "cap", {}, ENGINEER)
    second = house.service.start("cap", "cap", {}, ENGINEER)
    house.runner.start()
    assert house.ended(first).error == "there is only one good image"
    assert house.ended(first).state is JobState.FAILED
    assert house.ended(second).state is JobState.DONE
    assert house.jobs.said[first.id] == ["failed: there is only one good image"]
    assert house.trained == ["cap"]


def test_one_at_a_time(open_house: Callable[..., House]) -> None:
    """Trainings do not run beside each other, and the oldest goes first."""
    running = threading.Semaphore(1)
    order = []

    def play(listener: TrainingListener) -> str | None:
        assert running.acquire(blocking=False), "two at a time"
        order.append(house.compute.tasks[-1].job.id)
        time.sleep(0.01)
        running.release()
        return "cap-1"

    house = open_house(play)
    jobs = [house.service.start("cap", "cap", {}, ENGINEER) for _ in range(4)]
    assert [house.ended(job).state for job in jobs] == [JobState.DONE] * 4
    assert order == [job.id for job in jobs]


def test_cancel(open_house: Callable[..., House]) -> None:
    """A running training is told at once that it is not wanted; a waiting one never begins."""
    begun = threading.Event()

    def play(listener: TrainingListener) -> str | None:
        begun.set()
        until_unwanted(listener)

    house = open_house(play)
    running = house.service.start("cap", "cap", {}, ENGINEER)
    waiting = house.service.start("cap", "cap", {}, ENGINEER)
    assert begun.wait(5)
    house.service.cancel(waiting.id, ENGINEER)
    asked = time.monotonic()
    house.service.cancel(running.id, ENGINEER)
    until = asked + 5
    while "training.finish" not in house.audit.actions:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert time.monotonic() - asked < 1
    assert house.jobs.get(running.id).state is JobState.CANCELLED
    assert len(house.compute.tasks) == 1
    assert house.audit.actions.count("training.cancel") == 2
    assert house.audit.entries[-1][3]["state"] == "cancelled"
    with pytest.raises(Conflict):
        house.service.cancel(running.id, ENGINEER)
    assert house.trained == []


def test_what_ran_when_the_service_ended_runs_again(open_house: Callable[..., House]) -> None:
    """After a restart the job is queued again and its attempts counted; its log says so."""
    begun = threading.Event()

    def play(listener: TrainingListener) -> str | None:
        begun.set()
        if len(house.compute.tasks) == 1:
            until_unwanted(listener)
            return None
        return "cap-1"

    house = open_house(play)
    job = house.service.start("cap", "cap", {}, ENGINEER)
    assert begun.wait(5)
    house.runner.close()
    assert house.jobs.get(job.id).state is JobState.RUNNING
    house.runner = house.new_runner()
    house.runner.start()
    assert house.ended(job).attempts == 2
    assert house.ended(job).model == "cap-1"
    assert "queued again" in house.jobs.said[job.id][0]


def test_no_more_than_three_attempts(open_house: Callable[..., House]) -> None:
    """A training during which the service died three times is given up, with the reason."""
    house = open_house(lambda listener: "cap-1", start=False)
    job = house.service.start("cap", "cap", {}, ENGINEER)
    house.jobs.add(replace(job, state=JobState.RUNNING, attempts=MOST_ATTEMPTS))
    house.runner.start()
    ended = house.ended(job)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "ended 3 times" in ended.error
    assert house.compute.tasks == []


def test_a_database_that_is_away_for_a_moment(
    open_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the training nor its result is lost while the database does not answer."""
    monkeypatch.setattr("okng.services.training_runner._RETRY_SECONDS", 0.02)

    def play(listener: TrainingListener) -> str | None:
        house.jobs.away = True
        listener.log("said meanwhile")
        house.runner.wake()
        assert listener.is_wanted()
        threading.Timer(0.1, lambda: setattr(house.jobs, "away", False)).start()
        return "cap-1"

    house = open_house(play)
    job = house.service.start("cap", "cap", {}, ENGINEER)
    assert house.ended(job).model == "cap-1"
    assert house.runner.is_alive


def test_a_folder_that_is_gone(open_house: Callable[..., House], tmp_path: Path) -> None:
    """A dataset whose files have vanished fails the job with a clear reason."""
    house = open_house(lambda listener: "cap-1")
    gone = str(tmp_path / "gone")
    house.datasets["cap"] = replace(house.datasets["cap"], folder=gone)
    ended = house.ended(house.service.start("cap", "cap", {}, ENGINEER))
    assert ended.error is not None
    assert "is not there any more" in ended.error


def test_who_may_and_what(open_house: Callable[..., House]) -> None:
    """Only who teaches may train; datasets of other products, deleted ones and unknown options
    are refused before anything is queued."""
    house = open_house(lambda listener: "cap-1", start=False)
    start = house.service.start
    with pytest.raises(Forbidden):
        start("cap", "cap", {}, REVIEWER)
    with pytest.raises(BadRequest, match="belongs to lid"):
        start("cap", "lid", {}, ENGINEER)
    with pytest.raises(NotFound):
        start("cap", "nothing", {}, ENGINEER)
    with pytest.raises(BadRequest, match="no option 'mask'"):
        start("cap", "cap", {"mask": "/etc/passwd"}, ENGINEER)
    house.datasets["cap"] = replace(house.datasets["cap"], deleted=NOW)
    with pytest.raises(NotFound, match="deleted"):
        start("cap", "cap", {}, ENGINEER)
    assert house.jobs.jobs == {}
    assert house.audit.entries == []
    with pytest.raises(Forbidden):
        house.service.cancel("job-1", REVIEWER)
    assert house.service.page(REVIEWER).items == ()
    with pytest.raises(NotFound):
        house.service.log("job-9", REVIEWER)


def test_endless_talk_is_cut(open_house: Callable[..., House]) -> None:
    """A training that says more than anybody reads fills no database."""

    def play(listener: TrainingListener) -> str | None:
        for number in range(6000):
            listener.log(f"{number} " + "x" * 5000)
        return "cap-1"

    house = open_house(play)
    job = house.ended(house.service.start("cap", "cap", {}, ENGINEER))
    said = house.jobs.said[job.id]
    assert len(said) == 5001
    assert max(map(len, said)) == 1000
    assert "not kept" in said[-1]
