"""What lies in a folder."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePath

from okng.domain.counting import chosen, counted
from okng.domain.errors import BadDataset

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MAX_FILES = 200_000

_IGNORED = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Listing:
    """The images below `root`, as sorted relative paths, and how many other files there are.

    Hidden files and what systems leave behind (Thumbs.db, __MACOSX) do not appear at all.
    """

    root: Path
    images: tuple[PurePath, ...]
    others: Counter[str]

    def folders(self) -> dict[str, list[PurePath]]:
        """Return the images by top folder, those at the top under the empty name."""
        folders: dict[str, list[PurePath]] = {}
        for image in self.images:
            top = image.parts[0] if len(image.parts) > 1 else ""
            folders.setdefault(top, []).append(image)
        return folders

    def notes(self) -> list[str]:
        """Say what was passed over."""
        if not self.others:
            return []
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.others.items()))
        total = self.others.total()
        are = chosen(total, "is not an image", "are not images")
        return [f"passed over {counted(total, 'file')} that {are} ({kinds})"]


def loose_notes(count: int) -> list[str]:
    """Say how many images lie where no layout expects any."""
    return [f"passed over {counted(count, 'image')} in no class folder"] if count else []


def scan(root: Path, max_files: int = MAX_FILES) -> Listing:
    """List the files below `root`; links are followed, but no folder is entered twice.

    Raises:
        BadDataset: a folder cannot be read, or there are more than `max_files` files.
    """
    images: list[PurePath] = []
    others: Counter[str] = Counter()
    entered: set[tuple[int, int]] = set()
    waiting = [PurePath()]
    while waiting:
        folder = waiting.pop()
        try:
            status = (root / folder).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            raise BadDataset(f"{root / folder}: cannot be read ({error.strerror})") from error
        # Links come last, so that a folder is found at its own place.
        for entry in sorted(entries, key=lambda entry: not entry.is_symlink()):
            if entry.name.startswith(".") or entry.name.lower() in _IGNORED:
                continue
            path = folder / entry.name
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads to itself
                is_folder = is_file = False
            if is_folder:
                waiting.insert(0 if entry.is_symlink() else len(waiting), path)
            elif is_file and path.suffix.lower() in IMAGE_SUFFIXES:
                images.append(path)
            else:
                others[path.suffix.lower() or "without suffix"] += 1
        if len(images) + others.total() > max_files:
            raise BadDataset(
                f"{root}: more than {max_files:,} files; name the folder of one product"
            )
    return Listing(root, tuple(sorted(images)), others)
