"""What a backup holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BACKUP_FORMAT = 1


@dataclass(frozen=True)
class PartCard:
    """A part of a backup: its SHA-256 in hexadecimal, and its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class TableCard:
    """A table's columns, in the order of each row's values, and how many rows there are."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class BackupManifest:
    """What is in a backup, and that it is whole.

    `revision` names the tables' form. `settings` are told for people: those of the process that
    made the backup, without secrets; they are not restored. `notes` say what was damaged or
    missing when the backup was made.
    """

    okng: str
    created: str
    revision: str
    tables: Mapping[str, TableCard]
    parts: Mapping[str, PartCard]
    settings: Mapping[str, object]
    notes: tuple[str, ...] = field(default=())
    format: int = BACKUP_FORMAT

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts.values())
