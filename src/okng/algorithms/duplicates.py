"""Find images that show the same part again, so that a part counts once in a promise.

Two images are the same part's where what sets each apart from the rest of the set is the same in
both. Comparing plain pixels would not do: good industrial parts all look alike, and parts of a
smooth material may differ by less than a grey level while they are still different parts.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Floats, Pixels

THUMBNAIL = 64
"""Side of a thumbnail."""

MAX_DISTANCE = 2.5
"""RMS in grey levels. JPEG at quality 50 and noise of sigma 5 were seen to stay below 1.5, second
photographs of a part that had not moved lie around 2, the nearest different parts above 3."""

MAX_RATIO = 0.25
"""Distance over the distance that unrelated images of the set have: a correlation above 0.94."""

_COARSE = 4  # thumbnails are first compared at this fraction of their side
_ROWS = 512  # compared at a time, against all


def thumbnail(pixels: Pixels) -> Floats:
    """Reduce `[H, W, 3]` to float32 `[THUMBNAIL, THUMBNAIL]`, grey levels 0 to 255.

    The aspect ratio is not kept.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def group_near_duplicates(thumbnails: Floats) -> NDArray[np.int64]:
    """Give images that show the same part again the same id; returns int64 `[n]`.

    `thumbnails` is float32 `[n, t, t]`, grey levels. Ids count from 0 in order of first
    appearance. Identical thumbnails always belong together. Others do where, after brightness,
    contrast and the mean of the set are taken out, they differ by less than MAX_DISTANCE and by
    less than MAX_RATIO of what unrelated images of the set differ by. Groups are transitive.

    Nothing tells a set that shows one single part again and again from a set of parts that differ
    by nothing but the camera's noise; both are taken for different parts. Two images alone are
    grouped only if they are identical.
    """
    first: dict[bytes, int] = {}
    same = [first.setdefault(image.tobytes(), i) for i, image in enumerate(thumbnails)]
    distinct, inverse = np.unique(np.array(same, np.int64), return_inverse=True)
    images = thumbnails[distinct]
    labels = np.arange(len(distinct))
    groups = len(labels) + 1
    while 1 < len(parts := np.unique(labels)) < groups:
        # Again, with each part once in the mean: one that is repeated often would else pass for
        # what is typical, and its repetitions for noise.
        groups = len(parts)
        residuals = _residuals(images, images[parts].mean(axis=0))
        _link(labels, residuals, residuals)
    return np.unique(labels[inverse], return_inverse=True)[1].astype(np.int64)


def _residuals(thumbnails: Floats, typical: Floats) -> Floats:
    """Keep what sets each image apart from the `typical` one: float32 `[n, t, t]`.

    Each image's own mean, and the multiple of the typical image that fits it best, are taken out,
    so that drifting light neither hides a repetition nor feigns one.
    """
    centred: Floats = thumbnails - thumbnails.mean(axis=(1, 2), keepdims=True)
    typical = typical - typical.mean()
    power = float(np.square(typical).sum())
    if power > 0:
        gains = np.tensordot(centred, typical, 2) / power
        for image, gain in zip(centred, gains, strict=True):  # in place: the set may be large
            image -= gain * typical
    return centred


def _link(labels: NDArray[np.int64], left: Floats, right: Floats) -> None:
    """Unite, in `labels`, each i of `left` with each j > i of `right` that shows the same part.

    Both are residuals `[n, t, t]` of the same images; `right` may be a flipped or turned copy.
    """
    n, side = left.shape[:2]
    a, b = left.reshape(n, -1), right.reshape(n, -1)
    step = _COARSE if side % _COARSE == 0 else 1
    coarse_a, coarse_b = _shrink(left, step), _shrink(right, step)
    power_a, power_b = _power(a), _power(b)
    coarse_power_a, coarse_power_b = _power(coarse_a), _power(coarse_b)
    for start in range(0, n, _ROWS):
        rows = slice(start, start + _ROWS)
        # Means of blocks never differ by more than their pixels do (Jensen), so this screen, at a
        # sixteenth of the cost, loses no pair.
        screen = _squares(
            coarse_a[rows], coarse_b[start:], coarse_power_a[rows], coarse_power_b[start:]
        )
        near = np.triu(screen < MAX_DISTANCE**2 + 0.01, 1)  # 0.01: rounding
        i = start + np.flatnonzero(near.any(axis=1))
        j = start + np.flatnonzero(near.any(axis=0))
        if not i.size:
            continue
        squares = _squares(a[i], b[j], power_a[i], power_b[j])
        limit = np.minimum(MAX_DISTANCE**2, MAX_RATIO**2 * (power_a[i][:, None] + power_b[j]))
        alike = (squares < limit) & (i[:, None] < j)
        for index, row in zip(i, alike, strict=True):
            if row.any():
                united = np.unique(labels[[index, *j[row]]])
                labels[np.isin(labels, united)] = united[0]


def _shrink(images: Floats, step: int) -> Floats:
    """Average blocks of `step` x `step`: `[n, t, t]` to `[n, (t / step) ** 2]`."""
    n, side = images.shape[:2]
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
