"""Unpack a dataset that a stranger sent: images, masks and lists, nothing else."""

import os
import shutil
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from okng.adapters.stores.durable_files import sync_folder, writing
from okng.adapters.stores.safe_zip import SafeZip, ZipRules, open_zip
from okng.algorithms.pixels import MAX_PIXELS, check_header
from okng.domain.counting import counted
from okng.domain.errors import BadDataset, BadImage, TooLarge
from okng.domain.product import is_reserved

_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_LISTS = frozenset({".csv", ".json", ".jsonl", ".manifest"})
_LEFT_BY_SYSTEMS = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_FORBIDDEN = frozenset('<>:"|?*')
_LONGEST_NAME = 200
_LONGEST_PATH = 600
_DEEPEST = 12
_SHOWN = 3


@dataclass(frozen=True)
class DatasetRules:
    """How much a dataset's archive may hold; sizes in bytes, all of them unpacked but the first.

    `reserve_bytes` must stay free on the disk.
    """

    archive_bytes: int = 8 << 30
    total_bytes: int = 16 << 30
    member_bytes: int = 256 << 20
    list_bytes: int = 64 << 20
    files: int = 100_000
    pixels: int = MAX_PIXELS
    reserve_bytes: int = 1 << 30

    def zip_rules(self) -> ZipRules:
        return ZipRules(
            kind="a zip file of images",
            most=self.files,
            refusal=BadDataset,
            archive_bytes=self.archive_bytes,
            total_bytes=self.total_bytes,
            directory_bytes=self.files * 512,
            zip64=True,
        )


@dataclass
class LeftOut:
    """What an archive held beside images and lists, to be told to whoever sent it."""

    kinds: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    bad: int = 0

    def refuse(self, name: str, reason: str) -> None:
        self.bad += 1
        if len(self.reasons) < _SHOWN:
            self.reasons.append(f"{name}: {reason}")

    def notes(self) -> tuple[str, ...]:
        """Say in one line each what was left out."""
        notes = []
        if self.kinds:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
            total = self.kinds.total()
            files = counted(total, "file")
            notes.append(f"left out {files}, neither images nor lists ({kinds})")
        if self.bad:
            more = f"; and {self.bad - _SHOWN} more" if self.bad > _SHOWN else ""
            notes.append(
                f"left out {counted(self.bad, 'bad file')}: {'; '.join(self.reasons)}{more}"
            )
        return tuple(notes)


def unpack_dataset(archive: Path, to: Path, rules: DatasetRules) -> tuple[str, ...]:
    """Unpack a zip's images and lists into the folder `to`, which appears whole or not at all.

    Files are judged by their content: what is not an image that can be decoded within the pixel
    limit, or a list of text, is left out, as is what is neither by its name.

    Returns:
        What was left out, in words.

    Raises:
        BadDataset: the archive is damaged, unsafe or beyond the limits, or nothing in it is of use.
        TooLarge: there is not enough room on the disk.
        BadSetting: the folder cannot be written.
    """
    partial = to.with_name(f".{to.name}.partial")
    with writing(to.parent):
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    try:
        with open_zip(archive, rules.zip_rules(), lambda _: True) as opened:
            left_out = LeftOut()
            wanted = list(_wanted(opened, rules, left_out))
            check_room(to.parent, sum(info.file_size for info, _ in wanted), rules.reserve_bytes)
            kept = 0
            for info, path in wanted:
                kept += _unpack_one(opened, info, path, partial, rules, left_out)
        if not kept:
            seen = "; ".join(left_out.notes()) or "it holds no files"
            raise BadDataset(f"there are no images in {archive.name}: {seen}")
        with writing(to.parent):
            _remove_empty_folders(partial)
            partial.rename(to)
            sync_folder(to.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return left_out.notes()


def check_room(folder: Path, needed: int, reserve: int) -> None:
    """Refuse what would fill the disk under `folder`.

    Raises:
        TooLarge: less than `reserve` bytes would stay free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free - reserve:
        raise TooLarge(
            f"it needs {needed:,} bytes, but {max(0, free - reserve):,} are left of the disk "
            f"({reserve:,} are kept free): make room, or send less"
        )


def _wanted(
    opened: SafeZip, rules: DatasetRules, left_out: LeftOut
) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield what is an image or a list by its name, with the path that it gets."""
    paths = _Paths()
    for info in opened.members:
        path = checked_path(info.orig_filename, opened.where)
        if any(part.startswith(".") or part.lower() in _LEFT_BY_SYSTEMS for part in path.parts):
            left_out.kinds["hidden"] += 1
            continue
        paths.add(path, opened.where)
        suffix = path.suffix.lower()
        if suffix not in _IMAGES | _LISTS:
            left_out.kinds[suffix if suffix.isascii() and suffix else "others"] += 1
            continue
        if info.file_size > _limit(path, rules):
            raise BadDataset(
                f"{opened.where}: {path} has {info.file_size:,} bytes; at most "
                f"{_limit(path, rules):,} are accepted"
            )
        yield info, path


def checked_path(name: str, where: str) -> PurePosixPath:
    """Return a member's path in the one spelling (NFC) that all systems share.

    Raises:
        BadDataset: not every disk could hold it, or it is made to mislead.
    """
    shown = f"{where}: the file {name[:100]!r}"
    path = unicodedata.normalize("NFC", name)
    parts = path.split("/")
    if any(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in path):
        raise BadDataset(f"{shown} has control or invisible characters in its name: rename it")
    if any(c in _FORBIDDEN for c in path):
        raise BadDataset(f'{shown} has one of < > : " | ? * in its name: rename it')
    alike = unicodedata.normalize("NFKC", path)
    if alike.count("/") != path.count("/") or "\\" in alike or ".." in alike.split("/"):
        raise BadDataset(f"{shown} has characters that look like a path's own: rename it")
    if any(part != part.strip() or part.endswith(".") or not part for part in parts):
        raise BadDataset(
            f"{shown} has a name that is empty, or begins or ends with a space or a dot: rename it"
        )
    if any(is_reserved(part) for part in parts):
        raise BadDataset(f"{shown} has a name that Windows reserves for a device: rename it")
    too_long = any(len(part.encode()) > _LONGEST_NAME for part in parts)
    if too_long or len(path.encode()) > _LONGEST_PATH or len(parts) > _DEEPEST:
        raise BadDataset(
            f"{shown} is too long or too deep: at most {_LONGEST_NAME} bytes a name, "
            f"{_LONGEST_PATH} in all, {_DEEPEST} folders"
        )
    return PurePosixPath(path)


@dataclass
class _Paths:
    """The paths so far: how each was written, by what disks that ignore case make of it."""

    written: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def add(self, path: PurePosixPath, where: str) -> None:
        """Take in a file's path.

        Raises:
            BadDataset: it and an earlier one are the same, on some systems at least.
        """
        for folder in list(path.parents)[:-1]:
            folded = self._folded(folder, where)
            if folded in self.files:
                raise BadDataset(
                    f"{where}: {str(folder)[:100]!r} is a file and a folder; pack it anew"
                )
            self.folders.add(folded)
        folded = self._folded(path, where)
        if folded in self.files or folded in self.folders:
            raise BadDataset(f"{where}: {str(path)[:100]!r} occurs twice; pack the archive anew")
        self.files.add(folded)

    def _folded(self, path: PurePosixPath, where: str) -> str:
        folded = unicodedata.normalize("NFC", str(path).casefold())
        first = self.written.setdefault(folded, str(path))
        if first != str(path):
            raise BadDataset(
                f"{where}: {str(path)[:100]!r} and {first[:100]!r} differ by case alone, which not "
                "every disk can tell apart: rename one"
            )
        return folded


def _limit(path: PurePosixPath, rules: DatasetRules) -> int:
    return rules.list_bytes if path.suffix.lower() in _LISTS else rules.member_bytes


def _unpack_one(
    opened: SafeZip,
    info: zipfile.ZipInfo,
    path: PurePosixPath,
    folder: Path,
    rules: DatasetRules,
    left_out: LeftOut,
) -> bool:
    """Write one file and look into it; tell whether it is an image that stays."""
    target = folder / path
    with writing(folder.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in opened.read(info, _limit(path, rules)):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    is_list = path.suffix.lower() in _LISTS
    reason = _list_fault(target) if is_list else _image_fault(target, rules)
    if reason is not None:
        left_out.refuse(str(path), reason)
        target.unlink()
    return reason is None and not is_list


def _image_fault(path: Path, rules: DatasetRules) -> str | None:
    try:
        with path.open("rb") as file:
            check_header(file, rules.pixels)
    except BadImage as error:
        return str(error)
    return None


def _list_fault(path: Path) -> str | None:
    """Say why a file cannot be a list; its rows are read later."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            if any("\0" in line for line in iter(lambda: file.read(1 << 16), "")):
                return "not text, so no list of images"
    except UnicodeDecodeError:
        return "not text in UTF-8; save it as UTF-8"
    return None


def _remove_empty_folders(root: Path) -> None:
    for parent, _, _ in os.walk(root, topdown=False):
        if Path(parent) != root and not any(Path(parent).iterdir()):
            Path(parent).rmdir()
