"""Read a zip file that a stranger made; write one whose bytes depend on its content alone."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from okng.domain.errors import BadModel, OkngError

LARGEST_ARCHIVE = 3 << 29
"""Bytes, both of a model's archive and of its files together."""

LARGEST_RATIO = 100
"""How many times its own size (and 1 MiB besides) an archive may unpack to."""

_CHUNK = 1 << 20
_END = struct.Struct("<4s4H2LH")  # APPNOTE.TXT 4.3.16, end of central directory record
_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15, zip64 end of central directory locator
_END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14, zip64 end of central directory record
_DRIVE = re.compile(r"[A-Za-z]:")
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True)
class ZipRules:
    """What an honest archive of one kind is like; everything beyond is refused.

    `kind` stands in messages, `refusal` is the error they come in. `most` is the number of files,
    `total_bytes` what they may have together, unpacked. `zip64` allows archives that are larger,
    or of more files, than plain zip can say.
    """

    kind: str
    most: int
    refusal: type[OkngError] = BadModel
    archive_bytes: int = LARGEST_ARCHIVE
    total_bytes: int = LARGEST_ARCHIVE
    directory_bytes: int = 1 << 20
    ratio: int = LARGEST_RATIO
    zip64: bool = False


@dataclass
class SafeZip:
    """An archive whose directory has passed the rules. No size that it states is trusted."""

    where: str
    members: tuple[zipfile.ZipInfo, ...]
    _rules: ZipRules
    _archive: zipfile.ZipFile = field(repr=False)
    _left: int

    def read(self, member: zipfile.ZipInfo, limit: int) -> Iterator[bytes]:
        """Yield a file's bytes in pieces; reading stops where the limits are.

        Raises:
            OkngError: the rules' refusal: it is damaged, has more than `limit` bytes, or the
                archive unpacks to more than it may.
        """
        seen = 0
        with (
            _refusing(self.where, self._rules.refusal),
            self._archive.open(member) as file,
        ):
            while chunk := file.read(_CHUNK):
                seen += len(chunk)
                self._left -= len(chunk)
                if seen > limit:
                    raise self._rules.refusal(
                        f"{self.where}: {member.orig_filename[:200]} has more than {limit} bytes"
                    )
                if self._left < 0:
                    raise self._rules.refusal(
                        f"{self.where} unpacks to more than {self._rules.ratio} times its size or "
                        f"{self._rules.total_bytes} bytes, as only archives made to do harm do; "
                        "do not use it"
                    )
                yield chunk


def write_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of `files`: sorted, one fixed time, stored.

    Not deflated, because what zlib writes differs from build to build.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            archive.writestr(plain_entry(name), files[name])
    return buffer.getvalue()


def plain_entry(name: str) -> zipfile.ZipInfo:
    """Return the entry of a plain file that is the same wherever and whenever it is made."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # Unix, wherever this runs
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def read_zip(path: Path, rules: ZipRules, largest: Callable[[str], int | None]) -> dict[str, bytes]:
    """Return the files of a zip by name; nothing is written to the disk.

    `largest` tells how many bytes the file of a name may have, None where there may be none.

    Raises:
        OkngError: the rules' refusal: it is no zip, is damaged, or holds what no honest archive
            holds.
    """
    with open_zip(path, rules, lambda name: _is_folder_of(name, largest)) as archive:
        for info in archive.members:
            if largest(info.orig_filename) is None:
                raise rules.refusal(
                    f"{archive.where}: the file {info.orig_filename[:100]!r} is unknown: "
                    f"no {_noun(rules).removeprefix('an ').removeprefix('a ')} has such a file"
                )
        return {
            info.orig_filename: b"".join(archive.read(info, largest(info.orig_filename) or 0))
            for info in archive.members
        }


@contextmanager
def open_zip(path: Path, rules: ZipRules, is_folder: Callable[[str], bool]) -> Iterator[SafeZip]:
    """Open a zip for streaming once its directory has passed the rules.

    Entries for folders whose name `is_folder` accepts are passed over, others are refused.

    Raises:
        OkngError: the rules' refusal: it is no zip, is damaged, or holds what no honest archive
            holds.
    """
    where = path.name
    with _refusing(where, rules.refusal):
        size = _check_ends(path, rules)
        archive = zipfile.ZipFile(path)
    with archive:
        files = []
        for info in archive.infolist():
            _check_path(info, rules, where)
            if not (_is_folder_entry(info) and is_folder(info.orig_filename)):
                files.append(info)
        _check_members(files, rules, where)
        left = min(rules.total_bytes, rules.ratio * size + _CHUNK)
        yield SafeZip(where, tuple(files), rules, archive, left)


@contextmanager
def _refusing(where: str, refusal: type[OkngError]) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise refusal(f"{where} is not a sound archive ({error}): fetch it again") from error


def _check_ends(path: Path, rules: ZipRules) -> int:
    """Return the archive's size once it starts and ends as a zip with a short directory."""
    with path.open("rb") as file:
        start = file.read(4)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END.size - _LOCATOR.size))
        tail = file.read()
        if start not in (b"PK\x03\x04", b"PK\x05\x06"):
            raise rules.refusal(f"{path.name} is not {rules.kind}")
        if size > rules.archive_bytes:
            raise rules.refusal(
                f"{path.name} has {size} bytes; at most {rules.archive_bytes} are accepted"
            )
        if len(tail) < _END.size:
            raise rules.refusal(f"{path.name} is cut off: fetch it again")
        end = _END.unpack(tail[-_END.size :])
        if end[0] != b"PK\x05\x06" or end[7] != 0:
            raise rules.refusal(
                f"{path.name} is cut off, or something follows its end: fetch it again"
            )
        directory = end[5]
        if tail.startswith(b"PK\x06\x07"):
            if not rules.zip64:
                raise rules.refusal(f"{path.name} has too many files for {_noun(rules)}")
            file.seek(min(_LOCATOR.unpack(tail[: _LOCATOR.size])[2], size))
            directory = _END_64.unpack(file.read(_END_64.size))[8]
    if directory > rules.directory_bytes:
        raise rules.refusal(f"{path.name} has too many files for {_noun(rules)}")
    if not directory:
        raise rules.refusal(f"{path.name} is empty: it is not {rules.kind}")
    return size


def _noun(rules: ZipRules) -> str:
    """Return the kind without what explains it."""
    return rules.kind.partition(" (")[0]


def _is_folder_entry(info: zipfile.ZipInfo) -> bool:
    """Tell whether it is the entry that zip programs write for a folder."""
    empty = info.file_size == 0 and info.compress_size <= 2
    plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFDIR)
    return info.orig_filename.endswith("/") and empty and plain


def _is_folder_of(name: str, largest: Callable[[str], int | None]) -> bool:
    return any(largest(probe) is not None for probe in (f"{name}1", f"{name}1.json"))


def _check_path(info: zipfile.ZipInfo, rules: ZipRules, where: str) -> None:
    name = info.orig_filename
    if ".." in name.split("/") or name.startswith("/") or "\\" in name or _DRIVE.match(name):
        raise rules.refusal(
            f"{where}: the file {name[:100]!r} has an unsafe path; no honest program writes such "
            "an archive: do not use it"
        )


def _check_members(members: list[zipfile.ZipInfo], rules: ZipRules, where: str) -> None:
    if len(members) > rules.most:
        raise rules.refusal(f"{where} has {len(members)} files; at most {rules.most} are accepted")
    seen: set[str] = set()
    for info in members:
        name = info.orig_filename
        shown = f"{where}: the file {name[:100]!r}"
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise rules.refusal(f"{shown} is a link or no plain file; do not use this archive")
        if name.casefold() in seen:
            raise rules.refusal(f"{shown} occurs twice; do not use this archive")
        if info.flag_bits & 0x41:  # APPNOTE.TXT 4.4.4: bit 0 encrypted, bit 6 strongly so
            raise rules.refusal(f"{shown} is encrypted: make the archive without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise rules.refusal(
                f"{shown} is packed in a way okng does not read: use plain zip (deflate)"
            )
        seen.add(name.casefold())
