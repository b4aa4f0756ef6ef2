"""Back up everything while the service runs, and restore it into an empty folder."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from okng.domain.backup import BackupManifest, PartCard, TableCard
from okng.domain.errors import BadBackup, BadSetting, Conflict, NotFound, TooLarge
from okng.domain.people import AuditCheck
from okng.domain.ports import Progress, silent

MOST_NOTES = 100
_LARGEST_LINE = 64 << 20
_RESERVE = 64 << 20


class Snapshot(Protocol):
    """A database at one moment."""

    @property
    def revision(self) -> str: ...

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]: ...

    def count(self, table: str) -> int: ...

    def lines(self, table: str) -> Iterator[bytes]: ...

    def digests(self) -> Iterator[str]:
        """Yield the contents that inspections refer to."""
        ...


class Loading(Protocol):
    """An empty database that is being filled."""

    @property
    def revision(self) -> str: ...

    @property
    def tables(self) -> Mapping[str, tuple[str, ...]]: ...

    def load(self, table: str, lines: Iterable[bytes]) -> int: ...

    def check_audit(self) -> AuditCheck: ...


class Part(Protocol):
    """A folder of the data folder, as a stream."""

    @property
    def name(self) -> str: ...

    def pieces(self, home: Path, digests: Iterable[str], notes: list[str]) -> Iterator[bytes]: ...

    def restore(self, pieces: Iterable[bytes], home: Path) -> int: ...


class Writer(Protocol):
    @property
    def parts(self) -> Mapping[str, PartCard]: ...

    def add(self, name: str, pieces: Iterable[bytes], pack: bool) -> None: ...

    def finish(self, manifest: BackupManifest) -> None: ...


class Reader(Protocol):
    @property
    def manifest(self) -> BackupManifest: ...

    def pieces(self, name: str) -> Iterator[bytes]: ...


class Archives(Protocol):
    """Writes and reads backups as files."""

    def writing(self, path: Path) -> AbstractContextManager[Writer]: ...

    def reading(self, path: Path) -> AbstractContextManager[Reader]: ...


@dataclass(frozen=True)
class Source:
    """What is backed up. `settings` are told in the backup, without secrets."""

    home: Path
    snapshot: Callable[[], AbstractContextManager[Snapshot]]
    settings: Mapping[str, object]
    version: str


@dataclass(frozen=True)
class Target:
    """An empty database that is filled: all of it, or nothing; `close` ends its connections."""

    loading: Callable[[], AbstractContextManager[Loading]]
    close: Callable[[], None]


@dataclass(frozen=True)
class Restored:
    """What a restore brought back."""

    manifest: BackupManifest
    rows: int
    files: int
    audit: AuditCheck


def back_up(
    to: Path,
    source: Source,
    parts: Sequence[Part],
    archives: Archives,
    now: datetime,
    progress: Progress = silent,
) -> tuple[Path, BackupManifest]:
    """Write everything to the file `to`, or into the folder `to` under a name with the time.

    The database is read as it is at one moment, then the files that it speaks of; others may
    write meanwhile, but nothing may remove contents. The backup is verified after writing.

    Returns:
        The file, and what is in it; `notes` tell what was damaged or missing already.

    Raises:
        BadSetting: it is there already, or cannot be written.
        Unavailable: the database does not answer.
    """
    path = to / f"okng-{now:%Y%m%d-%H%M%S}.zip" if to.is_dir() else to
    if path.exists():
        raise BadSetting(f"{path} is there already: name another file")
    if path.absolute().is_relative_to(source.home.absolute() / "datasets"):
        raise BadSetting(f"{path} lies among the datasets: name a file elsewhere")
    notes: list[str] = []
    with archives.writing(path) as writer, source.snapshot() as snapshot:
        tables: dict[str, TableCard] = {}
        for table, columns in snapshot.tables.items():
            rows = snapshot.count(table)
            lines = _counting(snapshot.lines(table), rows, table, progress)
            writer.add(_table_part(table), lines, pack=True)
            tables[table] = TableCard(columns, rows)
        for number, part in enumerate(parts, start=1):
            writer.add(part.name, part.pieces(source.home, snapshot.digests(), notes), pack=False)
            progress("back up files", number, len(parts))
        manifest = BackupManifest(
            okng=source.version,
            created=now.isoformat(),
            revision=snapshot.revision,
            tables=tables,
            parts=dict(writer.parts),
            settings=source.settings,
            notes=_shortened(notes),
        )
        writer.finish(manifest)
        progress("verify", 0, 1)
    progress("verify", 1, 1)
    return path, manifest


def restore(
    archive: Path,
    into: Path,
    open_target: Callable[[Path], Target],
    parts: Sequence[Part],
    archives: Archives,
    progress: Progress = silent,
) -> Restored:
    """Make a data folder and a database of a backup; both appear whole or not at all.

    Everything is written beside `into` and verified, the chain of the audit log too, before it
    takes that name.

    Raises:
        NotFound: there is no such file.
        BadBackup: it is damaged, unsafe, incomplete or of another version.
        Conflict: the folder or the database is not empty.
        TooLarge: the disk cannot take it.
    """
    if not archive.is_file():
        raise NotFound(f"there is no backup {archive}")
    into = into.absolute()
    _check_empty(into)
    partial = into.with_name(f".{into.name}.partial")
    with archives.reading(archive) as reader:
        manifest = reader.manifest
        expected = {part.name for part in parts} | {_table_part(t) for t in manifest.tables}
        if set(manifest.parts) != expected:
            odd = sorted(set(manifest.parts) ^ expected)[0]
            raise BadBackup(f"{archive.name}: {odd} is missing or unknown: take another backup")
        _prepare(partial, manifest)
        try:
            target = open_target(partial)
            try:
                with target.loading() as loading:
                    _check_tables(loading, manifest)
                    files = 0
                    for number, part in enumerate(parts, start=1):
                        files += part.restore(reader.pieces(part.name), partial)
                        progress("restore files", number, len(parts))
                    rows, audit = _load(loading, reader, progress)
                    _sync()
            finally:
                target.close()
            _appear(partial, into)
            _sync()
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Restored(manifest, rows, files, audit)


def _check_tables(loading: Loading, manifest: BackupManifest) -> None:
    if manifest.revision != loading.revision:
        raise BadBackup(
            f"the backup was made by okng {manifest.okng[:20]} with tables of another form "
            f"({manifest.revision[:50]}, here {loading.revision}): restore it with that okng, "
            "then upgrade"
        )
    columns = {name: table.columns for name, table in manifest.tables.items()}
    if columns != dict(loading.tables):
        raise BadBackup("the backup's tables are not those of this okng: take another backup")


def _load(loading: Loading, reader: Reader, progress: Progress) -> tuple[int, AuditCheck]:
    """Fill the database in the order that its tables need, and verify what can be."""
    manifest = reader.manifest
    total = 0
    for table in loading.tables:
        rows = manifest.tables[table].rows
        lines = _lines(reader.pieces(_table_part(table)), table)
        loaded = loading.load(table, _counting(lines, rows, table, progress))
        if loaded != rows:
            raise BadBackup(f"the backup has {loaded} rows of {table}, its manifest says {rows}")
        total += loaded
    audit = loading.check_audit()
    if audit.faults:
        fault = audit.faults[0]
        raise BadBackup(
            f"the backup's audit log is not as it was written: entry {fault.number} "
            f"{fault.reason}; take another backup"
        )
    return total, audit


def _table_part(table: str) -> str:
    return f"database/{table}.jsonl"


def _counting(
    lines: Iterable[bytes], total: int, table: str, progress: Progress
) -> Iterator[bytes]:
    for done, line in enumerate(lines, start=1):
        yield line
        if done % 1000 == 0:
            progress(table, done, max(total, done))


def _lines(pieces: Iterable[bytes], table: str) -> Iterator[bytes]:
    """Cut a stream into its lines."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > _LARGEST_LINE:
            raise BadBackup(f"the backup has a row of {table} that never ends: do not use it")
        yield from whole
    if rest:
        raise BadBackup(f"the backup's last row of {table} is cut off: take another one")


def _shortened(notes: list[str]) -> tuple[str, ...]:
    if len(notes) <= MOST_NOTES:
        return tuple(notes)
    return (*notes[:MOST_NOTES], f"and {len(notes) - MOST_NOTES} more")


def _check_empty(into: Path) -> None:
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise Conflict(f"{into} is not empty: restore into a new folder")


def _prepare(partial: Path, manifest: BackupManifest) -> None:
    """Make the folder that becomes the data folder, where the disk has room."""
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
    except OSError as error:
        raise BadSetting(f"cannot write in {partial.parent} ({error.strerror})") from error
    free = shutil.disk_usage(partial).free
    if manifest.bytes > free - _RESERVE:
        partial.rmdir()
        raise TooLarge(
            f"the backup needs {manifest.bytes:,} bytes, {free:,} are free in {partial.parent}: "
            "make room"
        )


def _sync() -> None:
    """Let what was written survive a power cut, before the database says that it is there."""
    if hasattr(os, "sync"):
        os.sync()


def _appear(partial: Path, into: Path) -> None:
    try:
        with suppress(FileNotFoundError):
            into.rmdir()
        partial.rename(into)
    except OSError as error:
        raise BadSetting(f"cannot write {into} ({error.strerror}): name another folder") from error
