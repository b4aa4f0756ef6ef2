"""Backup and restore of a service with data in it, on both databases and between them."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from okng.adapters.stores import backup_parts
from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.sql import people_schema, schema  # noqa: F401
from okng.adapters.stores.sql.audit import SqlAuditLog
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.people import SqlPeople
from okng.adapters.stores.sql.products import SqlProducts
from okng.adapters.stores.sql.reviews import SqlReviews
from okng.adapters.stores.sql.schema_root import Table
from okng.adapters.stores.sql.stored_values import SqlStoredValues
from okng.adapters.stores.sql.uploads import SqlUploads
from okng.bootstrap.backup import backup, restore
from okng.domain.errors import BadBackup, BadSetting, Conflict, NotFound
from okng.domain.inspection import Inspection, Timing
from okng.domain.people import Person, Role
from okng.domain.records import (
    Context,
    DatasetRecord,
    InspectionRecord,
    ProductRecord,
    Review,
    Upload,
    UploadState,
)
from okng.domain.verdict import Verdict
from okng.settings import Settings
from okng.testing.models import tiny_model

START = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
LEFT_OUT = {"sessions", "sign_in_attempts"}


def inspection(number: int, image: str | None) -> InspectionRecord:
    verdict = list(Verdict)[number % 4]
    score = None if verdict is Verdict.ERROR else 0.1 * number
    return InspectionRecord(
        id=new_id(),
        at=START + timedelta(seconds=number),
        actor="anna",
        inspection=Inspection(
            image=f"Teil ö {number}.png",
            verdict=verdict,
            product="tiny",
            model="tiny-1",
            graph_sha256="0" * 64,
            calibration=1,
            review_threshold=0.5,
            ng_threshold=0.7,
            time=START.isoformat(),
            score=score,
            timing=Timing(1.0, 2.0, 3.0, 4.0),
            error="broken" if score is None else None,
        ),
        context=Context(part_id=f"p{number // 2}", lot="7"),
        image=image,
        thumbnail=None,
        key=f"key-{number}",
    )


def fill(database: Database, home: Path) -> None:
    """Make what a service would have after some days."""
    contents = ContentFolder(home / backup_parts.CONTENTS)
    models = FolderModelStore(home / "models")
    for _ in range(3):
        models.add("tiny", lambda number: tiny_model("tiny", number))
    models.promote("tiny-2")
    models.promote("tiny-1")
    models.delete("tiny-3")
    SqlProducts(database).add(ProductRecord("tiny", "Tiny <part>", START))
    store = SqlInspections(database)
    records = [
        inspection(number, contents.put(f"image {number % 5}".encode()) if number % 3 else None)
        for number in range(40)
    ]
    store.add_many(records)
    SqlReviews(database).add_review(
        Review(new_id(), records[0].id, START, "rita", Verdict.NG, "scratch", "tief\nlang")
    )
    dataset = new_id()
    folder = home / "datasets" / dataset / "good"
    folder.mkdir(parents=True)
    for name in ("1.png", "ü" * 90 + ".png"):
        (folder / name).write_bytes(name.encode() * 1000)
    SqlUploads(database).add(
        Upload(dataset, "tiny", "first", 100, 0, UploadState.OPEN, START, "anna")
    )
    SqlDatasets(database).add(
        DatasetRecord(
            dataset, "tiny", "first", f"datasets/{dataset}", "flat", {"train/good": 2}, START, "a"
        )
    )
    SqlUploads(database).finish(dataset, UploadState.DONE, dataset_id=dataset)
    SqlPeople(database).add(Person("anna", Role.ENGINEER, True, False, START), "$argon2id$x")
    SqlStoredValues(database).set_value("rules", {"days": [1, 2.5, None]})
    audit = SqlAuditLog(database)
    for number in range(5):
        audit.append("anna", "threshold.set", "tiny-1", {"to": number / 3})


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables that a backup holds."""
    with database.reading() as session:
        return {
            table.name: [
                tuple(row)
                for row in session.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in Table.metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


def files(home: Path) -> dict[str, bytes]:
    """Return all of a data folder but its locks and its database."""
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith((".", "okng.db"))
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def make(database: Database, database_url: str, home: Path, tmp_path: Path) -> Callable[[], Path]:
    """Fill the service and return what backs it up."""
    fill(database, home)
    to = tmp_path / "backup.zip"
    return lambda: backup(to, Settings(home=home), database_url)[0]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """The data folder of a filled service on SQLite."""
    home = tmp_path_factory.mktemp("backup") / "first"
    home.mkdir()
    (home / "okng.db").write_bytes(sqlite_template.read_bytes())
    database = Database(home / "okng.db")
    fill(database, home)
    database.close()
    return home


@pytest.fixture(scope="module")
def made(first: Path) -> Path:
    """A backup of it."""
    return backup(first.with_name("made.zip"), Settings(home=first))[0]


def test_everything_comes_back(
    make: Callable[[], Path], database: Database, home: Path, tmp_path: Path
) -> None:
    """A backup restored into an empty folder has every row and every file, and nothing else."""
    archive = make()
    restored = restore(archive, tmp_path / "again")
    again = Database(tmp_path / "again" / "okng.db")
    kept = rows(again)
    again.close()
    assert kept["inspections"]
    expected = rows(database)
    newest = expected["audit_entries"].pop()  # of the backup itself, so it is not in it
    assert newest[3] == "backup.create"
    assert kept == expected
    there = files(tmp_path / "again")
    assert there == files(home)
    assert restored.manifest.notes == ()
    assert {name.partition("/")[0] for name in there} == {"images", "models", "datasets"}
    assert restored.audit.sound
    assert restored.audit.entries == 5


def test_models_work_after_a_restore(made: Path, tmp_path: Path) -> None:
    """The registry loads what was restored, its champion too, and uses no number twice."""
    restore(made, tmp_path / "again")
    models = FolderModelStore(tmp_path / "again" / "models")
    assert models.load("tiny").name == "tiny-1"
    assert models.add("tiny", lambda number: tiny_model("tiny", number)).name == "tiny-4"


def test_a_backup_moves_between_databases(
    made: Path, first: Path, empty_url: str, tmp_path: Path
) -> None:
    """What SQLite held is the same in another database, PostgreSQL too."""
    restore(made, tmp_path / "again", empty_url)
    old, new = Database(first / "okng.db"), Database(empty_url)
    expected, found = rows(old), rows(new)
    old.close()
    new.close()
    del expected["audit_entries"][5:]  # of backups
    assert found == expected


def test_a_backup_is_of_one_moment(
    make: Callable[[], Path],
    database: Database,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is inspected while a backup is made is in it whole or not at all."""
    store, contents = SqlInspections(database), ContentFolder(home / backup_parts.CONTENTS)
    original = backup_parts.ContentPart.pieces

    def pieces(self: Any, *arguments: Any) -> Iterator[bytes]:
        late = inspection(99, contents.put(b"late"))
        store.add(replace(late, key="late"))
        return original(self, *arguments)

    monkeypatch.setattr(backup_parts.ContentPart, "pieces", pieces)
    restore(make(), tmp_path / "again")
    again = Database(tmp_path / "again" / "okng.db")
    assert len(rows(again)["inspections"]) == 40
    again.close()
    assert len(rows(database)["inspections"]) == 41
    assert b"late" not in files(tmp_path / "again").values()


def test_missing_and_damaged_images_are_noted(
    make: Callable[[], Path], home: Path, tmp_path: Path
) -> None:
    """A backup of a damaged service is made all the same, and says what is not in it."""
    images = sorted(p for p in (home / backup_parts.CONTENTS).rglob("*") if p.is_file())
    images[0].unlink()
    images[1].write_bytes(b"rotten")
    restored = restore(make(), tmp_path / "again")
    assert len(restored.manifest.notes) == 2
    assert images[0].name in str(restored.manifest.notes)
    assert len(files(tmp_path / "again")) == len(files(home)) - 1


def test_only_its_owner_reads_a_backup(made: Path) -> None:
    """A backup holds hashed passwords, so nobody else may read it."""
    assert made.stat().st_mode & 0o077 == 0


def test_a_backup_tells_no_password(tmp_path: Path, sqlite_template: Path) -> None:
    """The database's password does not reach the backup."""
    from okng.bootstrap.backup import _told

    settings = Settings(home=tmp_path, database="postgresql://okng:geheim@db/okng")
    assert "geheim" not in json.dumps(_told(settings))


def test_a_backup_replaces_nothing(made: Path, first: Path) -> None:
    """A file that is there stays as it is."""
    with pytest.raises(BadSetting, match="is there already"):
        backup(made, Settings(home=first))


def test_nothing_to_back_up_is_said(tmp_path: Path) -> None:
    """Without a service there is no backup, and no database is made by asking."""
    with pytest.raises(NotFound, match="no database"):
        backup(tmp_path / "x.zip", Settings(home=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_restore_needs_an_empty_folder(made: Path, tmp_path: Path) -> None:
    """What is in a folder is never mixed with a backup."""
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        restore(made, tmp_path / "again")
    assert (tmp_path / "again" / "mine.txt").read_text() == "mine"


def test_restore_needs_an_empty_database(made: Path, database_url: str, tmp_path: Path) -> None:
    """Rows of another service are never mixed with a backup."""
    database = Database(database_url)
    SqlProducts(database).add(ProductRecord("other", "Other", START))
    database.close()
    with pytest.raises(Conflict, match="not empty"):
        restore(made, tmp_path / "again", database_url)
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / ".again.partial").exists()


def test_an_interrupted_restore_leaves_nothing(
    made: Path, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither folder nor rows remain of a restore that was cut off, and the next one works."""
    from okng.adapters.stores.sql.dump import SqlLoading

    original = SqlLoading.load

    def load(self: SqlLoading, table: str, lines: Iterator[bytes]) -> int:
        if table == "reviews":
            raise KeyboardInterrupt
        return original(self, table, lines)

    monkeypatch.setattr(SqlLoading, "load", load)
    with pytest.raises(KeyboardInterrupt):
        restore(made, tmp_path / "again", empty_url)
    assert not (tmp_path / "again").exists()
    database = Database(empty_url)
    assert not any(rows(database).values())
    database.close()
    monkeypatch.undo()
    assert restore(made, tmp_path / "again", empty_url).rows


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, parts: dict[str, bytes], mend: bool = True) -> Path:
    """Write a backup of these parts; `mend` makes the manifest fit them."""
    manifest = json.loads(parts["manifest.json"])
    if mend:
        for name, data in parts.items():
            if name in manifest["parts"]:
                manifest["parts"][name] = {
                    "sha256": sha256(data).hexdigest(),
                    "bytes": len(data),
                }
                table = name.removeprefix("database/").removesuffix(".jsonl")
                if table in manifest["tables"]:
                    manifest["tables"][table]["rows"] = data.count(b"\n")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, json.dumps(manifest) if name == "manifest.json" else data)
    return path


def tar_of(name: str, data: bytes = b"x", kind: bytes = b"0") -> bytes:
    """Return a tar of one entry."""
    import tarfile

    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    block = info.tobuf(tarfile.PAX_FORMAT)
    return block + data + bytes(-len(data) % 512) + bytes(1024)


def changed_row(parts: dict[str, bytes], table: str, column: str, value: object) -> None:
    columns = json.loads(parts["manifest.json"])["tables"][table]["columns"]
    lines = parts[f"database/{table}.jsonl"].splitlines()
    row = json.loads(lines[0])
    row[columns.index(column)] = value
    lines[0] = json.dumps(row).encode()
    parts[f"database/{table}.jsonl"] = b"".join(line + b"\n" for line in lines)


def manifest_with(parts: dict[str, bytes], /, **changes: object) -> None:
    parts["manifest.json"] = json.dumps(json.loads(parts["manifest.json"]) | changes).encode()


Parts = dict[str, bytes]
HOSTILE: dict[str, tuple[Callable[[Parts], object], str]] = {
    "an audit entry changed": (
        lambda parts: changed_row(parts, "audit_entries", "details", '{"to":9}'),
        "audit log is not as it was written",
    ),
    "an audit entry removed": (
        lambda parts: parts.update(
            {
                "database/audit_entries.jsonl": parts["database/audit_entries.jsonl"].split(
                    b"\n", 1
                )[1]
            }
        ),
        "audit log is not as it was written",
    ),
    "a model outside": (
        lambda parts: parts.update({"models.tar": tar_of("../../evil")}),
        "does not write",
    ),
    "an absolute model": (
        lambda parts: parts.update({"models.tar": tar_of("/etc/evil")}),
        "does not write",
    ),
    "a dataset outside": (
        lambda parts: parts.update({"datasets.tar": tar_of(f"{new_id()}/../../x.png")}),
        "does not write",
    ),
    "a link among models": (
        lambda parts: parts.update({"models.tar": tar_of("tiny/1/model.onnx", b"", b"2")}),
        "is a link or no plain file",
    ),
    "a device among datasets": (
        lambda parts: parts.update({"datasets.tar": tar_of("x", b"", b"3")}),
        "is a link or no plain file",
    ),
    "an image under another name": (
        lambda parts: parts.update({"images.tar": tar_of("0" * 64, b"something else")}),
        "is something else",
    ),
    "an image by a path": (
        lambda parts: parts.update({"images.tar": tar_of("../x", b"y")}),
        "is something else",
    ),
    "a file twice": (
        lambda parts: parts.update(
            {"models.tar": tar_of("tiny/1/model.onnx")[:-1024] + tar_of("tiny/1/model.onnx")}
        ),
        "occurs twice",
    ),
    "a tar cut off": (
        lambda parts: parts.update({"images.tar": parts["images.tar"][:700]}),
        "cut off",
    ),
    "text for a number": (
        lambda parts: changed_row(parts, "parts", "inspections", "many"),
        "wrong value for inspections",
    ),
    "a number for text": (
        lambda parts: changed_row(parts, "products", "title", 7),
        "wrong value for title",
    ),
    "an unknown kind of value": (
        lambda parts: changed_row(parts, "products", "title", {"pickle": "x"}),
        "line 1 of products is wrong",
    ),
    "a time without zone": (
        lambda parts: changed_row(parts, "products", "created", {"time": "2026-01-01T00:00:00"}),
        "no database keeps",
    ),
    "NUL in a text": (
        lambda parts: changed_row(parts, "products", "title", "a\0b"),
        "no database keeps",
    ),
    "a review of nothing": (
        lambda parts: changed_row(parts, "reviews", "inspection_id", "nowhere"),
        "contradict each other",
    ),
    "no row but text": (
        lambda parts: parts.update({"database/products.jsonl": b"hello\n"}),
        "line 1 of products is wrong",
    ),
    "a row cut off": (
        lambda parts: parts.update(
            {"database/products.jsonl": parts["database/products.jsonl"].rstrip(b"\n")}
        ),
        "cut off",
    ),
    "other tables": (
        lambda parts: manifest_with(parts, revision="0999"),
        "tables of another form",
    ),
    "a newer format": (lambda parts: manifest_with(parts, format=2), "backup of format 2"),
    "an unknown field": (lambda parts: manifest_with(parts, run="rm"), "manifest is damaged"),
    "a part by a path": (
        lambda parts: (
            parts.update({"../evil.tar": b""}),
            manifest_with(parts, parts={"../evil.tar": {"sha256": "0" * 64, "bytes": 0}}),
        ),
        "unsafe path",
    ),
    "a part more": (lambda parts: parts.update({"more.tar": b""}), "not in the manifest"),
    "a part less": (lambda parts: parts.pop("images.tar"), "is missing"),
    "no manifest of JSON": (
        lambda parts: parts.update({"manifest.json": b"{}"}),
        "format None",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_backups_are_refused(case: str, made: Path, tmp_path: Path) -> None:
    """A backup that okng did not write gives one clear error, and nothing of it stays."""
    change, reason = HOSTILE[case]
    parts = parts_of(made)
    change(parts)
    mend = parts["manifest.json"] != b"{}" and "parts" in json.loads(parts["manifest.json"])
    path = packed(tmp_path / "hostile.zip", parts, mend)
    with pytest.raises(BadBackup, match=reason):
        restore(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / ".again.partial").exists()
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("part", ["images.tar", "models.tar", "database/inspections.jsonl"])
def test_a_damaged_backup_is_refused(part: str, made: Path, tmp_path: Path) -> None:
    """One changed bit anywhere is found, and nothing is restored."""
    parts = parts_of(made)
    data = bytearray(parts[part])
    data[len(data) // 3] ^= 1
    path = packed(tmp_path / "damaged.zip", parts | {part: bytes(data)}, mend=False)
    with pytest.raises(BadBackup):
        restore(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("cut", [0, 10, 1000, -30])
def test_a_cut_off_backup_is_refused(cut: int, made: Path, tmp_path: Path) -> None:
    """A file that ends early is no backup."""
    path = tmp_path / "cut.zip"
    path.write_bytes(made.read_bytes()[:cut])
    with pytest.raises(BadBackup):
        restore(path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_failed_backup_leaves_nothing(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where writing ends early there is no file that could be taken for a backup."""

    def pieces(*_: Any) -> Iterator[bytes]:
        yield b"x"
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(backup_parts.ContentPart, "pieces", pieces)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(BadSetting, match="No space left"):
        backup(folder, Settings(home=first))
    assert list(folder.iterdir()) == []


def test_a_backup_goes_into_a_folder_by_its_time(first: Path, tmp_path: Path) -> None:
    """A folder gets a file that is named by the time."""
    path, _ = backup(tmp_path, Settings(home=first))
    assert path.parent == tmp_path
    assert path.name.startswith("okng-20")


def test_a_model_that_was_set_aside_comes_back(first: Path, tmp_path: Path) -> None:
    """What can be restored in the registry can be restored after a backup too."""
    home = tmp_path / "home"
    shutil.copytree(first, home)
    (home / "models" / "tiny" / "2").rename(home / "models" / "tiny" / ".2.aside")
    path, manifest = backup(tmp_path / "b.zip", Settings(home=home))
    restore(path, tmp_path / "again")
    assert manifest.notes == ()
    aside = {p.name for p in (tmp_path / "again" / "models" / "tiny" / ".2.aside").iterdir()}
    assert {"model.onnx", "manifest.json"} <= aside
