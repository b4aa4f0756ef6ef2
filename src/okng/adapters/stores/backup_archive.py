"""A backup as one zip file: parts that stream, and a manifest with the SHA-256 of each."""

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from okng.adapters.stores.durable_files import sync_folder, writing
from okng.adapters.stores.safe_zip import SafeZip, ZipRules, open_zip, plain_entry
from okng.domain.backup import BACKUP_FORMAT, BackupManifest, PartCard, TableCard
from okng.domain.errors import BadBackup

MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 16 << 20
_NO_LIMIT = 1 << 60
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}(?:/[a-z][a-z0-9_]{0,60})?\.(?:tar|jsonl|json)")

# The ratio is none: rows of a database compress well. Each size is in the manifest, and reading
# stops there.
_RULES = ZipRules(
    kind="a backup of okng (a zip file)",
    most=200,
    refusal=BadBackup,
    archive_bytes=_NO_LIMIT,
    total_bytes=_NO_LIMIT,
    ratio=2000,
    zip64=True,
)


class BackupWriter:
    """Writes parts one after another."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.parts: dict[str, PartCard] = {}

    def add(self, name: str, pieces: Iterable[bytes], pack: bool) -> None:
        """Write a part as its pieces come; `pack` deflates it."""
        info = plain_entry(name)
        info.compress_type = zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED
        digest, size = sha256(), 0
        with self._archive.open(info, "w", force_zip64=True) as file:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        self.parts[name] = PartCard(digest.hexdigest(), size)

    def finish(self, manifest: BackupManifest) -> None:
        """Write the manifest, the last part."""
        data = json.dumps(_plain(manifest), indent=1, sort_keys=True).encode()
        self.add(MANIFEST, [data], pack=True)


class BackupReader:
    """Reads parts; each must be what the manifest says."""

    def __init__(self, archive: SafeZip, manifest: BackupManifest) -> None:
        self._archive = archive
        self._members = {info.orig_filename: info for info in archive.members}
        self.manifest = manifest

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a part's bytes; the last piece has come only once all of it is verified.

        Raises:
            BadBackup: it is damaged, or not what the manifest says.
        """
        card = self.manifest.parts[name]
        digest, size = sha256(), 0
        for piece in self._archive.read(self._members[name], card.bytes):
            digest.update(piece)
            size += len(piece)
            yield piece
        if size != card.bytes or digest.hexdigest() != card.sha256:
            raise BadBackup(
                f"{self._archive.where}: {name} is not what the manifest says (its SHA-256 "
                "differs): the backup was changed or damaged; take another one"
            )


class BackupArchives:
    """Writes and reads backups."""

    @contextmanager
    def writing(self, path: Path) -> Iterator[BackupWriter]:
        """Yield a writer; what it finished is at `path` once it is verified, else nowhere.

        Raises:
            BadSetting: it cannot be written (rights, a full disk, ...).
        """
        partial = path.with_name(f".{path.name}.partial")
        with writing(path.parent):
            try:
                handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(handle, "w+b") as file:
                    with zipfile.ZipFile(file, "w") as archive:
                        yield BackupWriter(archive)
                    file.flush()
                    os.fsync(file.fileno())
                self._verify(partial)
                partial.replace(path)
                sync_folder(path.parent)
            finally:
                with suppress(FileNotFoundError):
                    partial.unlink()

    @contextmanager
    def reading(self, path: Path) -> Iterator[BackupReader]:
        """Yield a reader once the directory and the manifest are sound.

        Raises:
            BadBackup: it is no backup, is damaged, unsafe or too new.
        """
        with open_zip(path, _RULES, lambda _: False) as archive:
            members = {info.orig_filename: info for info in archive.members}
            if MANIFEST not in members:
                raise BadBackup(f"{path.name} has no {MANIFEST}: it is not a backup of okng")
            data = b"".join(archive.read(members.pop(MANIFEST), _LARGEST_MANIFEST))
            manifest = _read_manifest(data, path.name)
            odd = sorted(set(manifest.parts) ^ set(members))
            if odd:
                where = "is missing" if odd[0] in manifest.parts else "is not in the manifest"
                raise BadBackup(f"{path.name}: {odd[0][:100]!r} {where}: take another backup")
            yield BackupReader(archive, manifest)

    def _verify(self, path: Path) -> None:
        """Read all of a backup again, from the disk as far as the system lets us."""
        with self.reading(path) as reader:
            for name in reader.manifest.parts:
                for _ in reader.pieces(name):
                    pass


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Part(_Strict):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0, le=_NO_LIMIT)


class _Table(_Strict):
    columns: list[str] = Field(max_length=200)
    rows: int = Field(ge=0)


class _Manifest(_Strict):
    format: int
    okng: str = Field(max_length=50)
    created: str = Field(max_length=50)
    revision: str = Field(max_length=50)
    tables: dict[str, _Table] = Field(max_length=100)
    parts: dict[str, _Part] = Field(max_length=200)
    settings: dict[str, object]
    notes: list[str] = Field(max_length=1000)


def _plain(manifest: BackupManifest) -> dict[str, object]:
    return {
        **vars(manifest),
        "tables": {
            name: {"columns": list(table.columns), "rows": table.rows}
            for name, table in manifest.tables.items()
        },
        "parts": {name: vars(card) for name, card in manifest.parts.items()},
        "settings": dict(manifest.settings),
        "notes": list(manifest.notes),
    }


def _read_manifest(data: bytes, where: str) -> BackupManifest:
    try:
        found = json.loads(data)
        if isinstance(found, dict) and found.get("format") != BACKUP_FORMAT:
            raise BadBackup(
                f"{where}: a backup of format {str(found.get('format'))[:20]}, this okng reads "
                f"{BACKUP_FORMAT}: use the okng that made it ({str(found.get('okng'))[:20]})"
            )
        read = _Manifest.model_validate_json(data)
    except (ValueError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise BadBackup(f"{where}: its manifest is damaged ({reason})") from error
    for name in read.parts:
        if not _NAME.fullmatch(name):
            raise BadBackup(f"{where}: the manifest names {name[:100]!r}, which no backup has")
    return BackupManifest(
        okng=read.okng,
        created=read.created,
        revision=read.revision,
        tables={n: TableCard(tuple(t.columns), t.rows) for n, t in read.tables.items()},
        parts={n: PartCard(p.sha256, p.bytes) for n, p in read.parts.items()},
        settings=read.settings,
        notes=tuple(read.notes),
    )
