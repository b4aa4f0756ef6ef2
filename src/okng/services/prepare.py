"""Prepare: read every training image once, and keep what the view makes of it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from okng.algorithms.duplicates import THUMBNAIL, group_near_duplicates, thumbnail
from okng.algorithms.pixels import Preparer, decode, read
from okng.detectors.temporary_files import append
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.dataset import Sample
from okng.domain.errors import BadImage
from okng.domain.ports import Progress

Observe = Callable[[Sample, bytes, Pixels], None]
"""Is shown each image's sample, its file's bytes and its decoded pixels, before the view."""


@dataclass(frozen=True)
class Refused:
    """A training image that could not be used, and why."""

    path: Path
    reason: str


class PreparedImages:
    """The view's pixels of samples, in a temporary file; implements `okng.domain.ports.Images`.

    `groups` numbers the parts that the images show, near-duplicates together; int64 `[n]`.
    Only one image is in memory, and each is decoded once however often it is used: `observe` sees
    it as it passes. A context manager: the file goes with it.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        prepare: Preparer,
        max_pixels: int,
        progress: Progress,
        observe: Observe | None = None,
    ) -> None:
        self._height, self._width = prepare.view.height, prepare.view.width
        self._bytes = self._height * self._width * 3
        mask = prepare.mask
        self.inspected: Mask = np.ones((self._height, self._width), bool) if mask is None else mask
        self.samples: list[Sample] = []
        self.refused: list[Refused] = []
        self.digests: list[bytes] = []
        # Let go after grouping: they grow with the images.
        thumbnails = np.empty((len(samples), THUMBNAIL, THUMBNAIL), np.float16)
        self._observe = observe
        self._file = tempfile.TemporaryFile(prefix="okng-images-")  # noqa: SIM115 - closed in __exit__
        try:
            self._take(samples, prepare, max_pixels, progress, thumbnails)
        except BaseException:
            self._file.close()
            raise
        self.groups: Array = group_near_duplicates(thumbnails[: len(self.samples)])

    def _take(
        self,
        samples: Sequence[Sample],
        prepare: Preparer,
        max_pixels: int,
        progress: Progress,
        thumbnails: Array,
    ) -> None:
        """Decode every image into the file; `thumbnails` gets `[n, THUMBNAIL, THUMBNAIL]`."""
        for done, sample in enumerate(samples, start=1):
            try:
                data = read(sample.path, max_pixels)
                whole = decode(data, max_pixels)
                pixels = prepare(whole)
            except BadImage as error:
                self.refused.append(Refused(sample.path, str(error)))
            else:
                append(self._file, pixels.tobytes())
                thumbnails[len(self.samples)] = thumbnail(pixels)
                self.samples.append(sample)
                self.digests.append(sha256(data).digest())
                if self._observe is not None:
                    self._observe(sample, data, whole)
            progress("read", done, len(samples))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def parts(self) -> Array:
        """The part that each image shows, int64 `[n]`: as the dataset says, or by likeness."""
        names = [sample.group for sample in self.samples]
        if not any(names):
            return self.groups
        said = {name: i for i, name in enumerate(dict.fromkeys(names))}
        known = zip(names, self.groups, strict=True)
        return np.array([said[name] if name else len(said) + group for name, group in known])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Pixels:
        self._file.seek(range(len(self))[index] * self._bytes)
        data = np.frombuffer(self._file.read(self._bytes), np.uint8)
        return data.reshape(self._height, self._width, 3)
