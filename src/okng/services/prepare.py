"""Prepare: read every training image once, and keep what the view makes of it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from okng.algorithms.duplicates import THUMBNAIL, group_near_duplicates, thumbnail
from okng.algorithms.pixels import decode, read
from okng.algorithms.turned_duplicates import SKETCH, Turns, find_turned, sketch, unite
from okng.algorithms.view import Preparer, crop
from okng.detectors.temporary_files import append
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.dataset import Sample
from okng.domain.errors import BadImage
from okng.domain.ports import Progress, silent

Observe = Callable[[Sample, bytes, Pixels], None]
"""Is shown each image's sample, its file's bytes and its decoded pixels, before the view."""


@dataclass(frozen=True)
class Refused:
    """A training image that could not be used, and why."""

    path: Path
    reason: str


class PreparedImages:
    """The view's pixels of samples, in a temporary file; implements `okng.domain.ports.Images`.

    `groups` puts images together that show the same part in the same place, int64 `[n]`;
    `sketches` has what tells whether a part was turned.
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
        self.sketches = KeptSketches()
        try:
            self._take(samples, prepare, max_pixels, progress, thumbnails)
        except BaseException:
            self.close()
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
                roi = prepare.view.roi
                self.sketches.add(sketch(whole if roi is None else crop(whole, roi)))
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
        self.close()

    def close(self) -> None:
        """Let the files go."""
        self._file.close()
        self.sketches.close()

    def parts(self, seed: int = 0, progress: Progress = silent) -> Array:
        """Return the part that each image shows, int64 `[n]`: as the dataset says, or by likeness.

        A part that was turned, mirrored or moved is still the same; see `find_turned`.
        """
        names = [sample.group for sample in self.samples]
        groups = self.groups
        if not all(names):
            pairs = find_turned(Turns(self.sketches), groups, seed, progress)
            groups = unite(groups, pairs) if pairs else groups
        if not any(names):
            return groups
        said = {name: i for i, name in enumerate(dict.fromkeys(names))}
        known = zip(names, groups, strict=True)
        return np.array([said[name] if name else len(said) + group for name, group in known])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Pixels:
        self._file.seek(range(len(self))[index] * self._bytes)
        data = np.frombuffer(self._file.read(self._bytes), np.uint8)
        return data.reshape(self._height, self._width, 3)


class KeptSketches:
    """Sketches of images, uint8 `[SKETCH, SKETCH]`, in a temporary file, read back one by one."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="okng-sketches-")  # noqa: SIM115 - see `close`
        self._count = 0

    def add(self, one: Pixels) -> None:
        """Keep one more."""
        self._file.seek(0, SEEK_END)
        append(self._file, one.tobytes())
        self._count += 1

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Pixels:
        self._file.seek(range(self._count)[index] * SKETCH**2)
        data = np.frombuffer(self._file.read(SKETCH**2), np.uint8)
        return data.reshape(SKETCH, SKETCH)
