"""Prepare: read every training image once, and keep what the view makes of it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from okng.algorithms.duplicates import group_near_duplicates, thumbnail
from okng.algorithms.pixels import Preparer, decode, read
from okng.domain.arrays import Array, Floats, Mask, Pixels
from okng.domain.dataset import Sample
from okng.domain.errors import BadImage
from okng.domain.ports import Progress


@dataclass(frozen=True)
class Refused:
    """A training image that could not be used, and why."""

    path: Path
    reason: str


class PreparedImages:
    """The view's pixels of samples, in a temporary file; implements `okng.domain.ports.Images`.

    `groups` numbers the parts that the images show, near-duplicates together; int64 `[n]`.
    Only one image is in memory, and each is decoded once however often it is used. A context
    manager: the file goes with it.
    """

    def __init__(
        self, samples: Sequence[Sample], prepare: Preparer, max_pixels: int, progress: Progress
    ) -> None:
        self._height, self._width = prepare.view.height, prepare.view.width
        self._bytes = self._height * self._width * 3
        mask = prepare.mask
        self.inspected: Mask = np.ones((self._height, self._width), bool) if mask is None else mask
        self.samples: list[Sample] = []
        self.refused: list[Refused] = []
        self.digests: list[bytes] = []
        thumbnails: list[Floats] = []  # let go after grouping: they grow with the images
        self._file = tempfile.TemporaryFile(prefix="okng-images-")  # noqa: SIM115 - closed in __exit__
        for done, sample in enumerate(samples, start=1):
            try:
                data = read(sample.path, max_pixels)
                pixels = prepare(decode(data, max_pixels))
            except BadImage as error:
                self.refused.append(Refused(sample.path, str(error)))
            else:
                self._file.write(pixels.tobytes())
                self.samples.append(sample)
                self.digests.append(sha256(data).digest())
                thumbnails.append(thumbnail(pixels))
            progress("read", done, len(samples))
        self.groups: Array = (
            group_near_duplicates(np.array(thumbnails, np.float32)) if thumbnails else np.empty(0)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Pixels:
        self._file.seek(range(len(self))[index] * self._bytes)
        data = np.frombuffer(self._file.read(self._bytes), np.uint8)
        return data.reshape(self._height, self._width, 3)


class Chosen:
    """Some of the images, by index."""

    def __init__(self, images: PreparedImages, indices: Sequence[int]) -> None:
        self._images = images
        self._indices = indices
        self.inspected = images.inspected

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Pixels:
        return self._images[self._indices[index]]
