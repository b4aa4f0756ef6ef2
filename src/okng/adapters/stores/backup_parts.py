"""The folders of a backup, each as one tar: contents, models, datasets."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from okng.adapters.stores.aliases import ALIASES, HISTORY
from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.dataset_archive import checked_path
from okng.adapters.stores.durable_files import writing
from okng.adapters.stores.model_files import largest
from okng.adapters.stores.plain_tar import TarFile, read_tar, tar_end, tar_header, tar_padding
from okng.adapters.stores.version_folders import changing
from okng.domain.errors import BadBackup, BadDataset, Conflict, DamagedContent, NotFound
from okng.domain.product import is_product_name

CONTENTS = "images"
LARGEST_CONTENT = 1 << 30

_PIECE = 1 << 20
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}|\.[1-9][0-9]{0,8}\.aside")
_USED = re.compile(r"\.[1-9][0-9]{0,8}\.deleted")


class ContentPart:
    """Contents by their digests."""

    name = "images.tar"

    def pieces(self, home: Path, digests: Iterable[str], notes: list[str]) -> Iterator[bytes]:
        """Yield these contents; what is missing or damaged is left out, and noted."""
        contents = ContentFolder(home / CONTENTS)
        for digest in digests:
            try:
                data = contents.get(digest)
            except (NotFound, DamagedContent) as error:
                notes.append(str(error))
                continue
            yield tar_header(digest, len(data))
            yield data
            yield tar_padding(len(data))
        yield tar_end()

    def restore(self, pieces: Iterable[bytes], home: Path) -> int:
        """Put contents into the data folder `home`; return their number. The caller syncs.

        Raises:
            BadBackup: one is not what its name says.
        """
        contents = ContentFolder(home / CONTENTS, durable=False)
        count = 0
        for file in read_tar(pieces):
            if file.size > LARGEST_CONTENT:
                raise BadBackup(f"a content of the backup has {file.size} bytes: do not use it")
            if contents.put(b"".join(file.pieces())) != file.name:
                raise BadBackup(
                    f"the content {file.name[:80]!r} of the backup is something else: take "
                    "another backup"
                )
            count += 1
        return count


@dataclass(frozen=True)
class FolderPart:
    """Plain files below a folder of the data folder.

    `files` yields the paths to keep, below that folder; `is_known` tells whether okng writes such
    a path, relative and with `/`.
    """

    name: str
    folder: str
    files: Callable[[Path], Iterator[Path]]
    is_known: Callable[[str], bool]

    def pieces(self, home: Path, _digests: Iterable[str], notes: list[str]) -> Iterator[bytes]:
        """Yield the files; what has no name of okng's is left out, and noted."""
        root = home / self.folder
        for path in self.files(root):
            name = path.relative_to(root).as_posix()
            if not self.is_known(name):
                notes.append(f"{self.folder}/{name[:200]!r} is not okng's: it is not in the backup")
            elif path.is_dir():
                yield tar_header(name, 0)
            else:
                yield from _file_pieces(path, name)
        yield tar_end()

    def restore(self, pieces: Iterable[bytes], home: Path) -> int:
        """Write the files into the data folder `home`; return their number. The caller syncs.

        Raises:
            BadBackup: a path is none that okng writes, or occurs twice.
        """
        root = home / self.folder
        count = 0
        for file in read_tar(pieces):
            if not self.is_known(file.name):
                raise BadBackup(
                    f"the backup has a file {file.name[:100]!r} among its {self.folder}, which "
                    "okng does not write: do not use it"
                )
            with writing(root):
                _write(file, root / file.name)
            count += 1
        return count


def parts() -> tuple[ContentPart | FolderPart, ...]:
    """Return what a backup holds beside the database."""
    return (
        ContentPart(),
        FolderPart("models.tar", "models", _model_files, _is_model_file),
        FolderPart("datasets.tar", "datasets", _dataset_files, _is_dataset_file),
    )


def _model_files(root: Path) -> Iterator[Path]:
    """Yield every product's files, and the empty folders that say which numbers are used.

    No model of a product changes while its files are read.
    """
    for product in _below(root):
        if is_product_name(product.name) and product.is_dir():
            with changing(product):
                yield from sorted(p for p in product.iterdir() if _USED.fullmatch(p.name))
                for path in _walk(product):
                    top = path.relative_to(product).parts[0]
                    if _VERSION.fullmatch(top) or not top.startswith("."):
                        yield path


def _is_model_file(name: str) -> bool:
    product, _, rest = name.partition("/")
    version, _, file = rest.partition("/")
    if not is_product_name(product):
        return False
    if rest in (ALIASES, HISTORY) or _USED.fullmatch(rest):
        return True
    return bool(_VERSION.fullmatch(version)) and largest(file) is not None


def _dataset_files(root: Path) -> Iterator[Path]:
    for dataset in _below(root):
        if _UUID.fullmatch(dataset.name):
            yield from _walk(dataset)


def _is_dataset_file(name: str) -> bool:
    dataset, _, rest = name.partition("/")
    try:
        checked = checked_path(rest, "the backup").as_posix()
    except BadDataset:
        return False
    return bool(_UUID.fullmatch(dataset)) and checked == rest


def _below(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the plain files below a folder; no link is followed."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _file_pieces(path: Path, name: str) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = left = os.fstat(file.fileno()).st_size
        yield tar_header(name, size)
        while left and (piece := file.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
    if left:
        raise Conflict(f"{path} changed while it was read: make the backup again")
    yield tar_padding(size)


def _write(file: TarFile, path: Path) -> None:
    if _USED.fullmatch(path.name):  # a number that was used: an empty folder
        if file.size:
            raise BadBackup(f"{file.name!r} in the backup is not empty: do not use it")
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as target:
            for piece in file.pieces():
                target.write(piece)
    except (FileExistsError, IsADirectoryError) as error:
        raise BadBackup(f"{file.name[:100]!r} occurs twice in the backup") from error
