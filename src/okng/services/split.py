"""Split: choose which images are trained on and which are tested, a part always as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.splitting import grouped_split
from okng.domain.dataset import Sample, Split


def split_samples(
    samples: Sequence[Sample], parts: NDArray[np.int64], test_share: float, seed: int
) -> tuple[Sample, ...]:
    """Return the samples with a new split, and with the name of the part that each shows.

    Every label gives about the same share to the test; `parts` is int64 `[n]`. A part that images
    show once alone needs no name.
    """
    test = grouped_split(parts, [sample.label for sample in samples], test_share, seed)
    _, where, sizes = np.unique(parts, return_inverse=True, return_counts=True)
    width = len(str(int(parts.max(initial=0))))
    return tuple(
        replace(
            sample,
            split=Split.TEST if test[i] else Split.TRAIN,
            group=sample.group or (f"part-{parts[i]:0{width}}" if sizes[where[i]] > 1 else None),
        )
        for i, sample in enumerate(samples)
    )
