"""Find images that show the same part again, so that a part counts once in a promise.

Two images are the same part's where what sets each apart from the rest of the set is the same in
both. Comparing plain pixels would not do: good industrial parts all look alike, and parts of a
smooth material may differ by less than a grey level while they are still different parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import cv2
import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Floats, Pixels

Thumbnails = NDArray[np.float16] | Floats
"""`[n, t, t]`, grey levels. float16 is half the memory and finds the same groups; uint8 is not
fine enough: on smooth material its rounding hides repetitions."""

THUMBNAIL = 64
"""Side of a thumbnail."""

MAX_DISTANCE = 2.5
"""RMS in grey levels. JPEG at quality 50 and noise of sigma 5 were seen to stay below 1.5, second
photographs of a part that had not moved lie around 2, the nearest different parts above 3."""

MAX_RATIO = 0.25
"""Distance over the distance that unrelated images of the set have: a correlation above 0.94."""

_COARSE = 4  # thumbnails are first compared at this fraction of their side
_ROWS = 512  # compared at a time, with as many others: no memory grows with their product


def thumbnail(pixels: Pixels) -> Floats:
    """Reduce `[H, W, 3]` to float32 `[THUMBNAIL, THUMBNAIL]`, grey levels 0 to 255.

    The aspect ratio is not kept.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def group_near_duplicates(thumbnails: Thumbnails) -> NDArray[np.int64]:
    """Give images that show the same part again the same id; returns int64 `[n]`.

    `thumbnails` is float16 or float32 `[n, t, t]`, grey levels. Ids count from 0 in order of first
    appearance. Identical thumbnails always belong together. Others do where, after brightness,
    contrast and the mean of the set are taken out, they differ by less than MAX_DISTANCE and by
    less than MAX_RATIO of what unrelated images of the set differ by. Groups are transitive.
    Beside the thumbnails it takes about 1 kB for each, and a constant.

    Nothing tells a set that shows one single part again and again from a set of parts that differ
    by nothing but the camera's noise; both are taken for different parts. Two images alone are
    grouped only if they are identical.
    """
    first: dict[bytes, int] = {}
    digests = (blake2b(image.tobytes(), digest_size=32).digest() for image in thumbnails)
    same = [first.setdefault(digest, i) for i, digest in enumerate(digests)]
    distinct, inverse = np.unique(np.array(same, np.int64), return_inverse=True)
    labels = np.arange(len(distinct))
    groups = len(labels) + 1
    while 1 < len(parts := np.unique(labels)) < groups:
        # Again, with each part once in the mean: one that is repeated often would else pass for
        # what is typical, and its repetitions for noise.
        groups = len(parts)
        _link(labels, _Residuals(thumbnails, distinct, _mean(thumbnails, distinct[parts])))
    return np.unique(labels[inverse], return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class _Residuals:
    """What sets each image apart from the `typical` one, worked out for a few at a time.

    Each image's own mean, and the multiple of the typical image that fits it best, are taken out,
    so that drifting light neither hides a repetition nor feigns one. `distinct` are the indices of
    the thumbnails that take part.
    """

    thumbnails: Thumbnails
    distinct: NDArray[np.int64]
    typical: Floats

    def __len__(self) -> int:
        return len(self.distinct)

    @property
    def step(self) -> int:
        """Pixels that make one coarse pixel, along a side."""
        return _COARSE if self.thumbnails.shape[1] % _COARSE == 0 else 1

    def of(self, rows: NDArray[np.int64]) -> Floats:
        """Return float32 `[k, t * t]`."""
        images = self.thumbnails[self.distinct[rows]].reshape(len(rows), -1).astype(np.float32)
        images -= images.mean(axis=1, keepdims=True)
        typical = (self.typical - self.typical.mean()).ravel()
        power = float(np.square(typical).sum())
        if power > 0:
            gains = images @ typical / np.float32(power)
            for image, gain in zip(images, gains, strict=True):
                image -= gain * typical
        return images


def _blocks(n: int) -> Iterator[NDArray[np.int64]]:
    """Yield the indices 0 to n - 1, a few at a time."""
    for start in range(0, n, _ROWS):
        yield np.arange(start, min(start + _ROWS, n))


def _mean(thumbnails: Thumbnails, chosen: NDArray[np.int64]) -> Floats:
    """Return the mean of the chosen thumbnails, float32 `[t, t]`."""
    total = np.zeros(thumbnails.shape[1:], np.float64)
    for rows in _blocks(len(chosen)):
        total += thumbnails[chosen[rows]].sum(axis=0, dtype=np.float64)
    return (total / len(chosen)).astype(np.float32)


def _link(labels: NDArray[np.int64], residuals: _Residuals) -> None:
    """Unite, in `labels`, each i with each j > i that shows the same part."""
    n, step = len(residuals), residuals.step
    coarse = np.empty((n, (residuals.thumbnails.shape[1] // step) ** 2), np.float32)
    power = np.empty(n, np.float32)
    for rows in _blocks(n):
        block = residuals.of(rows)
        coarse[rows], power[rows] = _shrink(block, step), _power(block)
    coarse_power = _power(coarse)
    for left in _blocks(n):
        fine: Floats | None = None
        for right in _blocks(n):
            if right[-1] <= left[0]:
                continue
            # Means of blocks never differ by more than their pixels do (Jensen), so this screen,
            # at a sixteenth of the cost, loses no pair.
            screen = _squares(coarse[left], coarse[right], coarse_power[left], coarse_power[right])
            near = (screen < MAX_DISTANCE**2 + 0.01) & (left[:, None] < right)  # 0.01: rounding
            i, j = left[near.any(axis=1)], right[near.any(axis=0)]
            if not i.size:
                continue
            fine = residuals.of(left) if fine is None else fine
            squares = _squares(fine[i - left[0]], residuals.of(j), power[i], power[j])
            limit = np.minimum(MAX_DISTANCE**2, MAX_RATIO**2 * (power[i][:, None] + power[j]))
            _unite(labels, i, j, (squares < limit) & (i[:, None] < j))


def _unite(
    labels: NDArray[np.int64],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    alike: NDArray[np.bool_],
) -> None:
    """Give i and j one label where they are alike, bool `[len(i), len(j)]`."""
    for index, row in zip(i, alike, strict=True):
        if row.any():
            united = np.unique(labels[[index, *j[row]]])
            labels[np.isin(labels, united)] = united[0]


def _shrink(images: Floats, step: int) -> Floats:
    """Average blocks of `step` x `step`: `[n, t * t]` to `[n, (t / step) ** 2]`."""
    n, side = len(images), round(images.shape[1] ** 0.5)
    blocks = images.reshape(n, side // step, step, side // step, step)
    means: Floats = blocks.mean(axis=(2, 4)).reshape(n, -1)
    return means


def _power(vectors: Floats) -> Floats:
    """Return the mean square of each row."""
    power: Floats = np.einsum("ij,ij->i", vectors, vectors) / np.float32(vectors.shape[1])
    return power


def _squares(a: Floats, b: Floats, power_a: Floats, power_b: Floats) -> Floats:
    """Return the mean squared differences `[len(a), len(b)]`."""
    products: Floats = a @ b.T
    products *= np.float32(-2 / a.shape[1])
    products += power_a[:, None]
    products += power_b
    return products
