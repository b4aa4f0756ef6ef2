"""A folder of pictures of anything, which a detector may learn from beside its product."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import numpy as np

from okng.adapters.datasets.containment import is_below
from okng.adapters.datasets.listing import scan
from okng.algorithms.pixels import decode, read
from okng.algorithms.view import Preparer
from okng.detectors.temporary_files import append
from okng.domain.arrays import Pixels
from okng.domain.counting import counted
from okng.domain.errors import BadDataset, BadImage, BadSetting
from okng.domain.ports import Progress
from okng.domain.view import Box, View

MOST_PICTURES = 2000
"""Of a folder that are read; where it has more, so many of them, evenly spread over their names."""


class PictureFolder:
    """Images anywhere below a folder; a `okng.domain.ports.PictureSource`.

    Args:
        folder: where they lie.
        max_pixels: of each picture at most.
        within: no link of theirs may lead out of this folder; None: they may.

    Raises:
        BadSetting: there is no such folder.
    """

    def __init__(self, folder: Path, max_pixels: int, within: Path | None = None) -> None:
        if not folder.is_dir():
            raise BadSetting(
                f"{folder} is no folder: name one that holds pictures of anything but the product"
            )
        self._folder, self._max_pixels, self._within = folder, max_pixels, within

    @contextmanager
    def sized(self, height: int, width: int, progress: Progress) -> Iterator["KeptPictures"]:
        """Read them into a temporary file; see `okng.domain.ports.PictureSource`.

        The middle of each is taken, as large as the shape allows.
        """
        names = scan(self._folder).images
        taken = np.linspace(0, len(names) - 1, min(MOST_PICTURES, len(names))).round().astype(int)
        refused: list[str] = []
        with tempfile.TemporaryFile(prefix="okng-others-") as file:
            kept = KeptPictures(file, height, width)
            for done, place in enumerate(taken.tolist(), start=1):
                path = self._folder / names[place]
                try:
                    kept.append(self._picture(path, height, width))
                except BadImage as error:
                    refused.append(str(error))
                progress("read others", done, len(taken))
            if not len(kept):
                why = f"; the first of {len(refused)}: {refused[0]}" if refused else ""
                raise BadDataset(f"{self._folder} has no picture that can be read{why}")
            kept.notes = _notes(len(kept), len(names), refused)
            yield kept

    def _picture(self, path: Path, height: int, width: int) -> Pixels:
        if self._within is not None and not is_below(path, self._within):
            raise BadImage(f"{path}: this link leads out of {self._within}")
        try:
            pixels = decode(read(path, self._max_pixels), self._max_pixels)
        except BadImage as error:
            raise BadImage(f"{path.name}: {error}") from error
        return Preparer(View(width, height, _middle(pixels, height, width)))(pixels)


class KeptPictures:
    """Pictures of one size in a file; `okng.domain.ports.Pictures`."""

    def __init__(self, file: IO[bytes], height: int, width: int) -> None:
        self._file, self._shape = file, (height, width, 3)
        self._count, self._sum = 0, sha256()
        self.notes: tuple[str, ...] = ()

    def append(self, pixels: Pixels) -> None:
        """Keep one more, uint8 `[height, width, 3]`."""
        data = pixels.tobytes()
        append(self._file, data)
        self._sum.update(data)
        self._count += 1

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pixels:
        size = int(np.prod(self._shape))
        self._file.seek(range(self._count)[index] * size)
        return np.frombuffer(self._file.read(size), np.uint8).reshape(self._shape)


def _middle(pixels: Pixels, wanted_height: int, wanted_width: int) -> Box:
    """Return the largest box in the middle of a picture that has the wanted shape."""
    height, width = pixels.shape[:2]
    scale = min(height / wanted_height, width / wanted_width)
    rows = max(1, min(height, round(scale * wanted_height)))
    columns = max(1, min(width, round(scale * wanted_width)))
    return Box((width - columns) // 2, (height - rows) // 2, columns, rows)


def _notes(read: int, found: int, refused: list[str]) -> tuple[str, ...]:
    said = f"learned from {counted(read, 'unrelated picture')} besides"
    if found > read + len(refused):
        said += f", evenly taken from {found:,}"
    if refused:
        said += f"; {len(refused):,} cannot be read, the first: {refused[0]}"
    return (said,)
