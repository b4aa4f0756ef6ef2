"""From what was typed to images: files, folders, globs and lists, one name at a time."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic, iglob
from pathlib import Path

import typer

from okng.adapters.datasets import LIST_SUFFIXES, read_dataset
from okng.adapters.datasets.listing import IMAGE_SUFFIXES
from okng.domain.counting import counted
from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset
from okng.domain.masks import picture_of

OVERLAY = ".overlay"
"""Marks the names of overlays, which are never taken for images to inspect."""

_FOLDER_LINK = "link to a folder"
_PLURALS = {
    _FOLDER_LINK: "links to folders",
    "file without suffix": "files without suffix",
    "image outside the layout": "images outside the layout",
}


@dataclass(frozen=True)
class Batch:
    """What one argument means: `count` paths. `paths` may be called again and again.

    `dataset` is there where a folder was recognised as one. `passed_over` says what else there
    is, by its kind. Hidden files and folders do not appear at all.
    """

    root: Path
    paths: Callable[[], Iterator[Path]]
    count: int = 1
    dataset: Dataset | None = None
    passed_over: Counter[str] = field(default_factory=Counter)


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
            is_list = path.suffix.lower() in LIST_SUFFIXES
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


def passed_over(found: Sequence[Batch]) -> "Counter[str]":
    """Return what is not inspected, by its kind."""
    return sum((batch.passed_over for batch in found), Counter[str]())


def listed(kinds: "Counter[str]") -> str:
    """Return `2 .gif files, 1 link to a folder`."""
    return ", ".join(counted(kinds[kind], kind, _PLURALS.get(kind, "")) for kind in sorted(kinds))


def check_targets(
    targets: Sequence[tuple[str, Path]], arguments: Sequence[str], found: Sequence[Batch]
) -> None:
    """Refuse to write one list over another, or over what is to be read.

    Raises:
        typer.BadParameter: names the option.
    """
    taken = {_identity(Path(argument)): argument for argument in arguments}
    for batch in found:
        for sample in batch.dataset.samples if batch.dataset else ():
            if not _is_image(sample.path):
                taken[_identity(sample.path)] = str(sample.path)
    for option, target in targets:
        for place in (target, draft_of(target)):
            other = taken.setdefault(_identity(place), option)
            if other is not option:
                raise typer.BadParameter(
                    f"{place} would be written over {other}: name another file", param_hint=option
                )


def draft_of(target: Path) -> Path:
    """Return the name that a list has until it is whole."""
    return target.with_name(f"{target.name}.partial")


def _identity(path: Path) -> object:
    """Return what is equal for two names of one file, whether it is there or not."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path)
    return status.st_dev, status.st_ino


def whole_path(path: Path | str) -> Path:
    """Return an absolute path without `..`; links stay, for they are names too."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _file(path: Path) -> Batch:
    return Batch(path.parent, lambda: iter([path]))


def _dataset(
    dataset: Dataset, broken: Sequence[Path] = (), passed_over: "Counter[str] | None" = None
) -> Batch:
    paths = tuple(dict.fromkeys([*(sample.path for sample in dataset.samples), *broken]))
    roots = {path.parent for path in paths}
    root = dataset.root if dataset.root.is_dir() else Path(os.path.commonpath(roots))
    return Batch(root, lambda: iter(paths), len(paths), dataset, passed_over or Counter())


def _folder(folder: Path) -> Batch:
    """Take a recognised dataset's images without its masks; else every image there is."""
    try:
        dataset = read_dataset(folder)
    except BadDataset:
        dataset = None
    if dataset is not None and not any(_is_overlay(s.path) for s in dataset.samples):
        return _dataset(dataset, *_left_out(folder, dataset))
    passed_over: Counter[str] = Counter()
    count = sum(1 for _ in _walk(folder, passed_over))
    if not count:
        others = f" but {listed(passed_over)}" if passed_over else ""
        raise BadDataset(
            f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))}){others}; name a folder "
            "or files that are images"
        )
    return Batch(folder, lambda: _walk(folder, Counter()), count, None, passed_over)


def _left_out(folder: Path, dataset: Dataset) -> "tuple[list[Path], Counter[str]]":
    """Find what a dataset's layout does not say: images that cannot be read, and what else is."""
    taken = {sample.path for sample in dataset.samples}
    mask_folders = {
        picture.parent
        for sample in dataset.samples
        for mask in sample.masks
        if (picture := picture_of(mask))
    }
    passed_over: Counter[str] = Counter()
    broken = []
    for path in _walk(folder, passed_over):
        if path in taken or path.parent in mask_folders:
            continue
        if os.path.isfile(path):  # noqa: PTH113 - pathlib's raises where it may not look
            passed_over["image outside the layout"] += 1
        else:
            broken.append(path)
    del passed_over[_FOLDER_LINK]  # the layouts follow them
    return broken, passed_over


def _walk(folder: Path, passed_over: "Counter[str]") -> Iterator[Path]:
    """Yield what is named like an image, by folder and name; count the rest in `passed_over`.

    What cannot be read is yielded all the same, folders too, for it must not go unnoticed. Links
    to folders are not followed.
    """
    waiting = [folder]
    while waiting:
        where = waiting.pop()
        try:
            with os.scandir(where) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield where
            continue
        below = []
        for entry in entries:
            path = where / entry.name
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if entry.is_symlink():
                    passed_over[_FOLDER_LINK] += 1
                else:
                    below.append(path)
            elif _is_image(path):
                yield path
            else:
                passed_over[_kind(path)] += 1
        waiting += reversed(below)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _glob(pattern: str) -> Batch:
    """Take what a pattern finds; `**` reaches into folders."""
    passed_over: Counter[str] = Counter()
    found = []
    for name in iglob(pattern, recursive=True):  # noqa: PTH207
        path = Path(name)
        if path.is_dir():
            if "**" not in pattern:
                passed_over["folder"] += 1
        elif _is_image(path):
            found.append(path)
        else:
            passed_over[_kind(path)] += 1
    if not found:
        others = f", but {listed(passed_over)}" if passed_over else ""
        raise typer.BadParameter(f"{pattern} matches no image{others}", param_hint="PATH")
    found.sort()
    fixed = Path(pattern).parts[:-1]
    magic = next((i for i, part in enumerate(fixed) if has_magic(part)), len(fixed))
    return Batch(Path(*fixed[:magic]), lambda: iter(found), len(found), None, passed_over)


def _kind(path: Path) -> str:
    if _is_overlay(path):
        return "overlay"
    return f"{path.suffix.lower()} file" if path.suffix else "file without suffix"


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not _is_overlay(path)


def _is_overlay(path: Path) -> bool:
    return Path(path.stem).suffix == OVERLAY
