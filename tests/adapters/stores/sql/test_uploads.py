"""Datasets that arrive in parts, or lie in a folder, with the real stores on both databases."""

import io
import json
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import read_dataset
from okng.adapters.stores.dataset_archive import DatasetRules
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.products import SqlProducts
from okng.adapters.stores.sql.uploads import SqlUploads
from okng.adapters.stores.upload_folder import UploadFolder
from okng.domain.errors import (
    BadDataset,
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    TooLarge,
    TooMany,
)
from okng.domain.people import Principal, Role
from okng.domain.records import ProductRecord, UploadState
from okng.services.dataset_trash import DatasetTrash
from okng.services.datasets import Datasets
from okng.services.uploads import UploadLimits, Uploads

TEACHER = Principal("emil", Role.ENGINEER.rights)
REVIEWER = Principal("rita", Role.REVIEWER.rights)
NOW = datetime.now(UTC)
OLD_ID = "018f0000-0000-7000-8000-000000000000"
"""Of the spring of 2024."""


def png(seed: int = 0) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


SOUND = zipped({"good/1.png": png(), "good/2.png": png(1), "dent/1.png": png(2)})
COUNTS = {"test/dent": 1, "train/good": 2}


@dataclass
class Intake:
    """The services of intake on one database and folder; `now` can be moved."""

    database: Database
    home: Path
    roots: tuple[Path, ...] = ()
    limits: UploadLimits = field(default_factory=lambda: UploadLimits(part_bytes=200))
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.store = SqlUploads(self.database)
        self.known = SqlDatasets(self.database)
        self.files = UploadFolder(self.home, DatasetRules(reserve_bytes=0))
        self.audit = SqlAuditLog(self.database)
        products = SqlProducts(self.database)
        session = self.database.session
        self.uploads = Uploads(
            self.store,
            self.known,
            products,
            self.files,
            session,
            self.audit,
            read_dataset,
            self.home,
            new_id,
            lambda: self.now,
            self.limits,
        )
        self.datasets = Datasets(
            self.known,
            products,
            session,
            self.audit,
            read_dataset,
            self.home,
            self.roots,
            new_id,
            lambda: self.now,
        )
        self.trash = DatasetTrash(
            self.known, self.store, self.files, session, self.audit, lambda: self.now
        )

    def actions(self) -> list[str]:
        return [entry.action for entry in self.audit.entries()]

    def send(self, data: bytes = SOUND, name: str = "first") -> str:
        """Announce and send a zip in parts; return the upload's id."""
        upload = self.uploads.begin("bottle", name, len(data), TEACHER)
        for start in range(0, len(data), 200):
            self.uploads.append(upload.id, start, data[start : start + 200], TEACHER)
        return upload.id


def intake_on(database: Database, folder: Path) -> Intake:
    SqlProducts(database).add(ProductRecord("bottle", "Bottle", NOW))
    (folder / "home").mkdir()
    (folder / "allowed").mkdir()
    return Intake(database, folder / "home", (folder / "allowed",))


@pytest.fixture
def intake(sqlite_template: Path, tmp_path: Path) -> Iterator[Intake]:
    """Intake where its rules are looked at: on SQLite, which is made quickly."""
    shutil.copy(sqlite_template, tmp_path / "okng.db")
    database = Database(tmp_path / "okng.db")
    yield intake_on(database, tmp_path)
    database.close()


@pytest.fixture
def intake_on_each(database: Database, tmp_path: Path) -> Intake:
    """Intake where it leans on the database: on SQLite and PostgreSQL."""
    return intake_on(database, tmp_path)


def images_in(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """Write a sound dataset into a folder."""
    for name, data in (files or {"good/1.png": png(), "dent/1.png": png(1)}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_zip_in_parts_becomes_a_dataset(intake_on_each: Intake) -> None:
    """All parts sent, finishing unpacks them, counts the samples and takes note in the log."""
    received = intake_on_each.uploads.finish(intake_on_each.send(), TEACHER)
    assert received.dataset.counts == COUNTS
    assert received.upload.state is UploadState.DONE
    assert intake_on_each.known.get(received.dataset.id) == received.dataset
    dataset = intake_on_each.datasets.read(received.dataset)
    assert all(
        sample.path.is_relative_to(intake_on_each.home / "datasets") for sample in dataset.samples
    )
    assert intake_on_each.actions() == ["dataset.upload"]
    assert list((intake_on_each.home / "uploads").iterdir()) == []


def test_a_zip_in_one_request_becomes_a_dataset(intake: Intake) -> None:
    """Pieces of any size do."""
    pieces = [SOUND[:3], SOUND[3:400], SOUND[400:]]
    received = intake.uploads.receive("bottle", "one", len(SOUND), pieces, TEACHER)
    assert received.dataset.counts == COUNTS


@pytest.mark.parametrize("size", [len(SOUND) - 1, len(SOUND) + 1])
def test_one_request_of_another_size_leaves_nothing(size: int, intake: Intake) -> None:
    """Less or more than was announced is refused, and nothing of it stays."""
    with pytest.raises((Conflict, TooLarge)):
        intake.uploads.receive("bottle", "one", size, [SOUND], TEACHER)
    assert intake.store.all() == ()
    assert list((intake.home / "uploads").iterdir()) == []


def test_a_part_at_another_place_is_told_where_to_go_on(intake: Intake) -> None:
    """A part that is too early, late or sent twice changes nothing, and the answer says where."""
    upload = intake.uploads.begin("bottle", "first", len(SOUND), TEACHER)
    intake.uploads.append(upload.id, 0, SOUND[:200], TEACHER)
    for start in (0, 100, 201, 400):
        with pytest.raises(Conflict, match="continues at 200"):
            intake.uploads.append(upload.id, start, b"x", TEACHER)
    assert intake.uploads.get(upload.id, TEACHER).received == 200


def test_an_upload_survives_a_restart(intake_on_each: Intake) -> None:
    """A service that starts anew goes on where the other was, also after a write cut off."""
    upload = intake_on_each.uploads.begin("bottle", "first", len(SOUND), TEACHER)
    intake_on_each.uploads.append(upload.id, 0, SOUND[:200], TEACHER)
    with (intake_on_each.home / "uploads" / f"{upload.id}.zip").open("ab") as file:
        file.write(b"part" * 1000)  # killed between the file and the database
    again = Intake(intake_on_each.database, intake_on_each.home)
    for start in range(200, len(SOUND), 200):
        again.uploads.append(upload.id, start, SOUND[start : start + 200], TEACHER)
    assert again.uploads.finish(upload.id, TEACHER).dataset.counts == COUNTS


def test_finishing_again_changes_nothing(intake: Intake) -> None:
    """A client that lost the answer asks again and gets the same dataset."""
    upload_id = intake.send()
    first = intake.uploads.finish(upload_id, TEACHER)
    assert intake.uploads.finish(upload_id, TEACHER).dataset == first.dataset
    assert intake.actions() == ["dataset.upload"]


def test_finishing_that_was_killed_can_be_repeated(intake: Intake) -> None:
    """A folder that was unpacked, and half of another, do not stop the next attempt."""
    upload_id = intake.send()
    intake.files.unpack(upload_id)
    (intake.home / "datasets" / f".{upload_id}.partial").mkdir()
    assert intake.uploads.finish(upload_id, TEACHER).dataset.counts == COUNTS
    assert [path.name for path in (intake.home / "datasets").iterdir()] == [upload_id]


def test_finishing_too_early_says_where_to_go_on(intake: Intake) -> None:
    """Without all parts nothing is unpacked."""
    upload = intake.uploads.begin("bottle", "first", len(SOUND), TEACHER)
    with pytest.raises(Conflict, match="continues at 0"):
        intake.uploads.finish(upload.id, TEACHER)


def test_a_bad_archive_fails_for_good(intake: Intake) -> None:
    """The reason is kept with the upload and told again; bytes and folders are gone."""
    upload_id = intake.send(zipped({"../evil.png": png()}))
    for _ in range(2):
        with pytest.raises(BadDataset, match=r"first: the file .* unsafe path"):
            intake.uploads.finish(upload_id, TEACHER)
    assert intake.uploads.get(upload_id, TEACHER).state is UploadState.FAILED
    assert list((intake.home / "uploads").iterdir()) == []
    assert list((intake.home / "datasets").iterdir()) == []
    assert intake.actions() == ["dataset.refuse"]
    with pytest.raises(Conflict, match="is failed"):
        intake.uploads.append(upload_id, 0, b"x", TEACHER)


def test_a_layout_that_is_unknown_is_told_without_the_servers_folders(intake: Intake) -> None:
    """The answer speaks of what was sent, not of where the service keeps it."""
    upload_id = intake.send(zipped({f"{name}/x/1.png": png() for name in "abc"}))
    with pytest.raises(BadDataset) as caught:
        intake.uploads.finish(upload_id, TEACHER)
    assert str(intake.home) not in str(caught.value)
    assert str(caught.value).startswith("first")
    assert list((intake.home / "datasets").iterdir()) == []


def test_what_was_left_out_is_told(intake: Intake) -> None:
    """Files that are no images are counted in the answer."""
    data = zipped({"good/1.png": png(), "dent/1.png": png(1), "run.py": b"x"})
    assert "neither images nor lists (.py 1)" in str(
        intake.uploads.finish(intake.send(data), TEACHER).notes
    )


def test_a_single_folder_is_entered(intake: Intake) -> None:
    """A folder that was packed as a whole is understood as if its content had been."""
    data = zipped({"parts/bottle/good/1.png": png(), "parts/bottle/dent/1.png": png(1)})
    record = intake.uploads.finish(intake.send(data), TEACHER).dataset
    assert record.folder.endswith("parts/bottle")
    assert not Path(record.folder).is_absolute()
    assert intake.datasets.read(record).samples


def test_a_list_says_what_the_images_are(intake: Intake) -> None:
    """A CSV at the top labels images that lie flat."""
    rows = "path,label\na.png,good\nb.png,dent\n"
    data = zipped({"list.csv": rows.encode(), "a.png": png(), "b.png": png(1)})
    record = intake.uploads.finish(intake.send(data), TEACHER).dataset
    assert record.folder.endswith("list.csv")
    assert {name.partition("/")[2] for name in record.counts} == {"good", "dent"}
    assert len(intake.datasets.read(record).samples) == 2


def test_a_list_beside_folders_that_say_all_is_passed_over(intake: Intake) -> None:
    """A CSV that is no list of images does not stop folders that are understood."""
    data = zipped({"notes.csv": b"who,when\n", "good/1.png": png(), "dent/1.png": png(1)})
    assert intake.uploads.finish(intake.send(data), TEACHER).dataset.layout == "class folders"


@pytest.mark.parametrize("path", ["/etc/hostname", "../../okng.db", "../nowhere.png"])
def test_a_list_cannot_lead_out(path: str, intake: Intake) -> None:
    """A list that names a file of the server is refused, whether that is there or not."""
    (intake.home / "okng.db").write_bytes(b"secret")
    data = zipped({"list.csv": f"path,label\n{path},good\n".encode(), "a.png": png()})
    with pytest.raises(BadDataset, match="leads out of the dataset"):
        intake.uploads.finish(intake.send(data), TEACHER)


def test_limits_are_told(intake: Intake) -> None:
    """Sizes, names and parts beyond the limits are refused before anything is kept."""
    begin = intake.uploads.begin
    for size in (0, -1):
        with pytest.raises(BadRequest, match="at least 1 byte"):
            begin("bottle", "x", size, TEACHER)
    with pytest.raises(TooLarge, match="divide it"):
        begin("bottle", "x", intake.limits.upload_bytes + 1, TEACHER)
    for name in ("", "   ", "a\nb", "\x1b[1m", "n" * 101):
        with pytest.raises(BadRequest, match="name"):
            begin("bottle", name, 5, TEACHER)
    with pytest.raises(NotFound):
        begin("can", "x", 5, TEACHER)
    upload = begin("bottle", "x", 5, TEACHER)
    with pytest.raises(TooLarge, match="smaller parts"):
        intake.uploads.append(upload.id, 0, bytes(201), TEACHER)
    with pytest.raises(TooLarge, match="announced with 5"):
        intake.uploads.append(upload.id, 0, b"123456", TEACHER)
    with pytest.raises(BadRequest, match="at least 1 byte"):
        intake.uploads.append(upload.id, 0, b"", TEACHER)
    assert intake.files.size(upload.id) == 0


def test_open_uploads_are_few(intake: Intake) -> None:
    """Nobody can announce without end."""
    intake.uploads.limits = UploadLimits(most_open=2)
    for name in ("a", "b"):
        intake.uploads.begin("bottle", name, 5, TEACHER)
    with pytest.raises(TooMany, match="2 uploads are open"):
        intake.uploads.begin("bottle", "c", 5, TEACHER)


def test_what_the_disk_cannot_take_is_refused(intake: Intake) -> None:
    """The announced sizes of all open uploads count."""
    intake.uploads.limits = replace(intake.limits, upload_bytes=1 << 62)
    with pytest.raises(TooLarge, match="make room"):
        intake.uploads.begin("bottle", "x", 1 << 61, TEACHER)


def test_a_name_is_taken_once(intake_on_each: Intake) -> None:
    """A second dataset of a name is refused at the start, or at the end where both were open."""
    first, second = intake_on_each.send(name="same"), intake_on_each.send(name="same")
    intake_on_each.uploads.finish(first, TEACHER)
    with pytest.raises(Conflict, match="same"):
        intake_on_each.uploads.finish(second, TEACHER)
    assert intake_on_each.uploads.get(second, TEACHER).state is UploadState.FAILED
    with pytest.raises(Conflict, match="choose another name"):
        intake_on_each.uploads.begin("bottle", "same", 5, TEACHER)
    assert [path.name for path in (intake_on_each.home / "datasets").iterdir()] == [first]


def test_abandoned_uploads_go_after_a_day(intake: Intake) -> None:
    """One that nobody continued for a day is removed, one with a young part stays."""
    old, young = intake.send(name="old"), intake.send(name="young")
    aged = (NOW - timedelta(days=2)).timestamp()
    path = intake.home / "uploads" / f"{old}.zip"
    intake.now = NOW + timedelta(hours=25)
    recent = (intake.now - timedelta(hours=1)).timestamp()
    os.utime(path, (aged, aged))
    os.utime(intake.home / "uploads" / f"{young}.zip", (recent, recent))
    assert intake.uploads.expire() == 1
    assert [upload.id for upload in intake.store.all()] == [young]
    assert [file.name for file in (intake.home / "uploads").iterdir()] == [f"{young}.zip"]


def test_what_a_crash_left_goes_too(intake: Intake) -> None:
    """Bytes and folders that no record speaks of are removed; datasets stay."""
    record = intake.uploads.finish(intake.send(), TEACHER).dataset
    stray, other, young = OLD_ID, OLD_ID.replace("7000", "7001"), new_id()
    for left in (stray, record.id):
        (intake.home / "uploads" / f"{left}.zip").write_bytes(b"x")
    (intake.home / "datasets" / stray).mkdir()
    (intake.home / "datasets" / f".{other}.partial").mkdir()
    (intake.home / "datasets" / young).mkdir()  # it may be being written
    intake.uploads.expire()
    assert list((intake.home / "uploads").iterdir()) == []
    kept = {path.name for path in (intake.home / "datasets").iterdir()}
    assert kept == {record.id, young}


def test_a_dataset_that_okng_wrote_stays(intake: Intake) -> None:
    """Its folder has a name of its own, which the tidying up knows by the record."""
    record = intake.uploads.finish(intake.send(), TEACHER).dataset
    written = intake.home / "datasets" / OLD_ID
    shutil.copytree(intake.home / "datasets" / record.id, written)
    other = replace(record, id=new_id(), name="written", folder=f"datasets/{OLD_ID}/list.csv")
    intake.known.add(other)
    intake.uploads.expire()
    assert written.is_dir()


def test_lost_bytes_fail_an_upload(intake: Intake) -> None:
    """Where a restore brought back the record but not the bytes, the upload must start anew."""
    upload = intake.uploads.begin("bottle", "first", len(SOUND), TEACHER)
    intake.uploads.append(upload.id, 0, SOUND[:200], TEACHER)
    intake.files.remove_bytes(upload.id)
    with pytest.raises(BadDataset, match="upload it anew"):
        intake.uploads.append(upload.id, 200, SOUND[200:400], TEACHER)
    assert intake.uploads.get(upload.id, TEACHER).state is UploadState.FAILED


def test_removing_an_upload(intake: Intake) -> None:
    """One that is not done can be taken back; one that is done is a dataset."""
    upload_id = intake.send()
    intake.uploads.remove(upload_id, TEACHER)
    with pytest.raises(NotFound):
        intake.uploads.get(upload_id, TEACHER)
    done = intake.send()
    intake.uploads.finish(done, TEACHER)
    with pytest.raises(Conflict, match="delete its dataset"):
        intake.uploads.remove(done, TEACHER)


def test_two_requests_for_one_upload(intake_on_each: Intake) -> None:
    """Of parts that are sent at the same time one is taken, and nothing is mixed."""
    upload = intake_on_each.uploads.begin("bottle", "first", 400, TEACHER)
    errors: list[Exception] = []

    def send(byte: bytes) -> None:
        try:
            intake_on_each.uploads.append(upload.id, 0, byte * 200, TEACHER)
        except Conflict as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(bytes([n]),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 5
    stored = (intake_on_each.home / "uploads" / f"{upload.id}.zip").read_bytes()
    assert len(stored) == 200
    assert len(set(stored)) == 1


Act = Callable[[Intake], object]
TEACHING: dict[str, Act] = {
    "begin": lambda i: i.uploads.begin("bottle", "x", 5, REVIEWER),
    "append": lambda i: i.uploads.append("x", 0, b"x", REVIEWER),
    "finish": lambda i: i.uploads.finish("x", REVIEWER),
    "remove": lambda i: i.uploads.remove("x", REVIEWER),
    "register": lambda i: i.datasets.register("bottle", "x", "/", REVIEWER),
    "delete": lambda i: i.datasets.delete("x", REVIEWER),
    "restore": lambda i: i.datasets.restore("x", REVIEWER),
    "recount": lambda i: i.datasets.recount("x", REVIEWER),
}


@pytest.mark.parametrize("act", TEACHING)
def test_only_engineers_take_in_datasets(act: str, intake: Intake) -> None:
    """A reviewer may see datasets, and change nothing."""
    with pytest.raises(Forbidden):
        TEACHING[act](intake)
    assert intake.datasets.list("bottle", REVIEWER) == ()


def test_a_folder_is_registered_in_place(intake: Intake) -> None:
    """A folder below an allowed root is read where it lies, and noted in the log."""
    folder = images_in(intake.roots[0] / "bottle")
    record = intake.datasets.register("bottle", "shelf", str(folder), TEACHER)
    assert record.folder == str(folder.resolve())
    assert intake.datasets.list("bottle", REVIEWER) == (record,)
    assert len(intake.datasets.read(record).samples) == 2
    assert intake.actions() == ["dataset.register"]


def test_folders_elsewhere_are_refused_alike(intake: Intake, tmp_path: Path) -> None:
    """Whether a folder outside exists cannot be found out."""
    images_in(tmp_path / "private")
    (intake.roots[0] / "link").symlink_to(tmp_path / "private")
    images_in(tmp_path / "allowed2")
    answers = set()
    for folder in (
        tmp_path / "private",
        tmp_path / "nowhere",
        intake.roots[0] / "link",
        intake.roots[0] / ".." / "private",
        tmp_path / "allowed2",
        Path("allowed"),
        Path("/"),
        tmp_path / "a\0b",
    ):
        with pytest.raises(Forbidden) as caught:
            intake.datasets.register("bottle", "x", str(folder), TEACHER)
        answers.add(str(caught.value).partition("does not lie")[2])
    assert len(answers) == 1


def test_links_inside_a_folder_cannot_lead_out(intake: Intake, tmp_path: Path) -> None:
    """A link below an allowed root that leads elsewhere is refused with its name."""
    folder = images_in(intake.roots[0] / "bottle")
    images_in(tmp_path / "private")
    (folder / "good" / "2.png").symlink_to(tmp_path / "private" / "good" / "1.png")
    with pytest.raises(BadDataset, match=r"2\.png: this link leads out"):
        intake.datasets.register("bottle", "x", str(folder), TEACHER)
    (folder / "good" / "2.png").unlink()
    (folder / "scratch").symlink_to(tmp_path / "private" / "good")
    with pytest.raises(BadDataset, match="this link leads out"):
        intake.datasets.register("bottle", "x", str(folder), TEACHER)


def test_the_data_folder_is_no_dataset(intake: Intake) -> None:
    """Even where an allowed root lies above it."""
    images_in(intake.home / "images")
    wide = Intake(intake.database, intake.home, (intake.home.parent,))
    with pytest.raises(Forbidden):
        wide.datasets.register("bottle", "x", str(intake.home / "images"), TEACHER)


def test_a_root_that_is_no_longer_allowed_is_no_longer_read(intake: Intake) -> None:
    """What an administrator takes back holds for datasets that were registered before."""
    folder = images_in(intake.roots[0] / "bottle")
    record = intake.datasets.register("bottle", "x", str(folder), TEACHER)
    with pytest.raises(Forbidden):
        Intake(intake.database, intake.home).datasets.read(record)


def test_a_folder_is_counted_anew(intake: Intake) -> None:
    """Images that were added to a registered folder count after a recount."""
    folder = images_in(intake.roots[0] / "bottle")
    record = intake.datasets.register("bottle", "x", str(folder), TEACHER)
    images_in(folder, {"dent/2.png": png(7)})
    assert intake.datasets.recount(record.id, TEACHER).counts["test/dent"] == 2
    assert intake.actions()[-1] == "dataset.recount"


def test_deleting_can_be_undone(intake: Intake) -> None:
    """A deleted dataset is hidden and cannot be trained on, until it is restored."""
    record = intake.uploads.finish(intake.send(), TEACHER).dataset
    deleted = intake.datasets.delete(record.id, TEACHER)
    assert intake.datasets.list("bottle", TEACHER) == ()
    assert intake.datasets.list("bottle", TEACHER, deleted=True) == (deleted,)
    with pytest.raises(NotFound, match="restore it first"):
        intake.datasets.read(deleted)
    with pytest.raises(Conflict, match="deleted already"):
        intake.datasets.delete(record.id, TEACHER)
    assert intake.datasets.restore(record.id, TEACHER) == record
    assert intake.datasets.read(record).samples
    with pytest.raises(Conflict, match="is not deleted"):
        intake.datasets.restore(record.id, TEACHER)
    assert intake.actions()[-2:] == ["dataset.delete", "dataset.restore"]


def test_the_trash_is_emptied_late(intake: Intake) -> None:
    """What was deleted long ago goes with its files; what was not, or lately, stays."""
    kept, late, old = (
        intake.uploads.finish(intake.send(name=name), TEACHER).dataset
        for name in ("kept", "late", "old")
    )
    intake.datasets.delete(old.id, TEACHER)
    intake.now = NOW + timedelta(days=20)
    intake.datasets.delete(late.id, TEACHER)
    assert intake.trash.empty() == 0
    intake.now = NOW + timedelta(days=31)
    assert intake.trash.empty() == 1
    folders = {path.name for path in (intake.home / "datasets").iterdir()}
    assert folders == {kept.id, late.id}
    with pytest.raises(NotFound):
        intake.known.get(old.id)
    assert intake.actions()[-1] == "dataset.purge"


def test_what_a_training_used_stays_in_the_trash(intake_on_each: Intake) -> None:
    """A dataset that a job refers to keeps its record and its files."""
    from okng.adapters.stores.sql.job_queue import SqlJobQueue
    from okng.domain.records import Job, JobState

    record = intake_on_each.uploads.finish(intake_on_each.send(), TEACHER).dataset
    SqlJobQueue(intake_on_each.database).add(
        Job(new_id(), "bottle", record.id, {}, JobState.QUEUED, "emil", NOW)
    )
    intake_on_each.datasets.delete(record.id, TEACHER)
    intake_on_each.now = NOW + timedelta(days=100)
    assert intake_on_each.trash.empty() == 0
    assert (intake_on_each.home / "datasets" / record.id).is_dir()
    assert intake_on_each.store.get(record.id).state is UploadState.DONE
    assert intake_on_each.datasets.restore(record.id, TEACHER).deleted is None


def test_a_deleted_product_takes_no_datasets(intake: Intake) -> None:
    """What is hidden cannot grow."""
    SqlProducts(intake.database).change(ProductRecord("bottle", "Bottle", NOW, deleted=NOW))
    with pytest.raises(NotFound, match="is deleted"):
        intake.uploads.begin("bottle", "x", 5, TEACHER)


def test_audit_entries_say_what_arrived(intake: Intake) -> None:
    """The log has product, name and size."""
    record = intake.uploads.finish(intake.send(), TEACHER).dataset
    entry = next(iter(intake.audit.entries()))
    assert (entry.actor, entry.subject) == ("emil", record.id)
    assert json.loads(entry.details) == {"bytes": len(SOUND), "name": "first", "product": "bottle"}
