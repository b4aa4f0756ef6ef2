"""Keep a dataset within the folder that somebody has allowed, wherever links lead."""

from functools import cache
from pathlib import Path

from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset
from okng.domain.masks import picture_of


def is_below(path: Path, folder: Path) -> bool:
    """Tell whether `path`, with every link followed, lies in `folder`."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, a link that leads to itself
        return False


def check_contained(dataset: Dataset, folder: Path) -> None:
    """Refuse a dataset whose images or masks lie outside of `folder`.

    Raises:
        BadDataset: one does; names it.
    """

    @cache
    def is_inside(parent: Path) -> bool:
        return is_below(parent, folder)

    for sample in dataset.samples:
        pictures = [path for mask in sample.masks if (path := picture_of(mask))]
        for path in (sample.path, *pictures):
            if not is_inside(path.parent) or (path.is_symlink() and not is_below(path, folder)):
                raise BadDataset(f"{path}: this link leads out of {folder}; copy the files there")
