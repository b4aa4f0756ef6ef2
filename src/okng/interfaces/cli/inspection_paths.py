"""From what was typed to images: files, folders, globs and CSV lists, one name at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path

import typer

from okng.adapters.datasets import read_dataset
from okng.adapters.datasets.listing import IMAGE_SUFFIXES
from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset

OVERLAY = ".overlay"
"""Marks the names of overlays, which are never taken for images to inspect."""


@dataclass(frozen=True)
class Batch:
    """What one argument means. `paths` may be called again and again; it keeps nothing.

    `dataset` is there where a folder was recognised as one.
    """

    root: Path
    paths: Callable[[], Iterator[Path]]
    dataset: Dataset | None = None


def batches(arguments: Sequence[str]) -> list[Batch]:
    """Understand every argument before anything is inspected.

    Raises:
        BadDataset: a folder has no images, or a list cannot be read.
        typer.BadParameter: there is no such file or folder.
    """
    found = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found.append(_folder(path))
        elif os.path.lexists(path):
            is_list = path.suffix.lower() == ".csv"
            found.append(_dataset(read_dataset(path)) if is_list else _file(path))
        elif has_magic(argument):
            found.append(_glob(argument))
        else:
            raise typer.BadParameter(f"there is no file or folder {argument}", param_hint="PATH")
    return found


def common_root(found: Sequence[Batch]) -> Path:
    """Return the deepest folder that holds every image."""
    try:
        return Path(os.path.commonpath([whole_path(batch.root) for batch in found]))
    except ValueError:  # several drives
        return Path()


def whole_path(path: Path | str) -> Path:
    """Return an absolute path without `..`; links stay, for they are names too."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _file(path: Path) -> Batch:
    return Batch(path.parent, lambda: iter([path]))


def _dataset(dataset: Dataset) -> Batch:
    paths = tuple(dict.fromkeys(sample.path for sample in dataset.samples))
    roots = {path.parent for path in paths}
    root = dataset.root if dataset.root.is_dir() else Path(os.path.commonpath(roots))
    return Batch(root, lambda: iter(paths), dataset)


def _folder(folder: Path) -> Batch:
    """Take a recognised dataset's images without its masks; else every image there is."""
    try:
        dataset = read_dataset(folder)
    except BadDataset:
        dataset = None
    if dataset is not None and not any(_is_overlay(s.path) for s in dataset.samples):
        return _dataset(dataset)
    if next(_walk(folder), None) is None:
        raise BadDataset(
            f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))}); name a folder or "
            "files that are images"
        )
    return Batch(folder, lambda: _walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder in order of name; links to folders are not followed.

    Raises:
        OSError: a folder cannot be read.
    """
    for where, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(where, name)
            if _is_image(path) and not name.startswith("."):
                yield path


def _glob(pattern: str) -> Batch:
    """Take what a pattern finds; `**` reaches into folders."""

    def paths() -> Iterator[Path]:
        found = (Path(name) for name in iglob(pattern, recursive=True))  # noqa: PTH207
        return (path for path in found if path.is_file() and _is_image(path))

    if next(paths(), None) is None:
        raise typer.BadParameter(f"{pattern} matches no image", param_hint="PATH")
    fixed = Path(pattern).parts[:-1]
    magic = next((i for i, part in enumerate(fixed) if has_magic(part)), len(fixed))
    return Batch(Path(*fixed[:magic]), lambda: iter(sorted(paths())))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_overlay(path)


def _is_overlay(path: Path) -> bool:
    return Path(path.stem).suffix == OVERLAY


def _raise(error: OSError) -> None:
    raise error
