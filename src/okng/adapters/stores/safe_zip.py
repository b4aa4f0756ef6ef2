"""Read a zip file that a stranger made; write one whose bytes depend on its content alone."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from okng.domain.errors import BadModel

LARGEST_ARCHIVE = 3 << 29
"""Bytes, both of the archive and of its files together."""

LARGEST_RATIO = 100
"""How many times its own size (and 1 MiB besides) an archive may unpack to."""

_LARGEST_DIRECTORY = 1 << 20
_CHUNK = 1 << 20
_END = struct.Struct("<4s4H2LH")  # APPNOTE.TXT 4.3.16, end of central directory record
_ZIP64_LOCATOR_SIZE = 20
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


def write_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of `files`: sorted, one fixed time, stored.

    Not deflated, because what zlib writes differs from build to build.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def read_zip(path: Path, largest: Callable[[str], int | None], most: int) -> dict[str, bytes]:
    """Return the files of a zip by name; nothing is written to the disk.

    `largest` tells how many bytes the file of a name may have, None where there may be none.
    No size that the archive states is trusted: reading stops where the limits are.

    Raises:
        BadModel: it is no zip, is damaged, or holds what no honest archive holds.
    """
    where = path.name
    try:
        size = _check_ends(path)
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not _is_known_folder(info, largest)]
            _check_members(members, largest, most, where)
            return _read_members(archive, members, largest, size, where)
    except _UNREADABLE as error:
        raise BadModel(f"{where} is not a sound archive ({error}): fetch it again") from error


def _check_ends(path: Path) -> int:
    """Return the archive's size once it starts and ends as a plain zip with a short directory."""
    with path.open("rb") as file:
        start = file.read(4)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END.size - _ZIP64_LOCATOR_SIZE))
        tail = file.read()
    if start != b"PK\x03\x04":
        raise BadModel(f"{path.name} is not an okng archive (a zip file ending in .okng)")
    if size > LARGEST_ARCHIVE:
        raise BadModel(f"{path.name} has {size} bytes; at most {LARGEST_ARCHIVE} are accepted")
    if len(tail) < _END.size:
        raise BadModel(f"{path.name} is cut off: fetch it again")
    end = _END.unpack(tail[-_END.size :])
    if end[0] != b"PK\x05\x06" or end[7] != 0:
        raise BadModel(f"{path.name} is cut off, or something follows its end: fetch it again")
    if end[5] > _LARGEST_DIRECTORY or tail.startswith(b"PK\x06\x07"):
        raise BadModel(f"{path.name} has too many files for an okng archive")
    return size


def _is_known_folder(info: zipfile.ZipInfo, largest: Callable[[str], int | None]) -> bool:
    """Tell whether it is the entry that zip programs write for a folder that models have."""
    name = info.orig_filename
    empty = info.file_size == 0 and info.compress_size <= 2
    plain = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFDIR)
    probes = (f"{name}1", f"{name}1.json")
    return name.endswith("/") and empty and plain and any(largest(p) is not None for p in probes)


def _check_members(
    members: list[zipfile.ZipInfo], largest: Callable[[str], int | None], most: int, where: str
) -> None:
    if len(members) > most:
        raise BadModel(f"{where} has {len(members)} files; at most {most} are accepted")
    seen: set[str] = set()
    for info in members:
        name = info.orig_filename
        shown = f"{where}: the file {name[:100]!r}"
        if ".." in name.split("/") or name.startswith("/") or "\\" in name or _DRIVE.match(name):
            raise BadModel(f"{shown} has an unsafe path; the archive is not okng's: do not use it")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise BadModel(f"{shown} is a link or no plain file; do not use this archive")
        if name.casefold() in seen:
            raise BadModel(f"{shown} occurs twice; do not use this archive")
        if info.flag_bits & 0x41:  # APPNOTE.TXT 4.4.4: bit 0 encrypted, bit 6 strongly so
            raise BadModel(f"{shown} is encrypted: export the model again without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadModel(
                f"{shown} is packed in a way okng does not read: use plain zip (deflate)"
            )
        if largest(name) is None:
            raise BadModel(f"{shown} is unknown: no okng archive has such a file")
        seen.add(name.casefold())


def _read_members(
    archive: zipfile.ZipFile,
    members: list[zipfile.ZipInfo],
    largest: Callable[[str], int | None],
    size: int,
    where: str,
) -> dict[str, bytes]:
    left = min(LARGEST_ARCHIVE, LARGEST_RATIO * size + (1 << 20))
    files: dict[str, bytes] = {}
    for info in members:
        limit = largest(info.orig_filename) or 0
        data = bytearray()
        with archive.open(info) as file:
            while chunk := file.read(_CHUNK):
                data += chunk
                if len(data) > limit:
                    raise BadModel(f"{where}: {info.orig_filename} has more than {limit} bytes")
                if len(data) > left:
                    raise BadModel(
                        f"{where} unpacks to more than {LARGEST_RATIO} times its size, as only "
                        "archives made to do harm do; do not use it"
                    )
        left -= len(data)
        files[info.orig_filename] = bytes(data)
    return files
