"""Split: choose which images are trained on and which are tested, a part always as a whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.splitting import grouped_split
from okng.domain.dataset import Sample, Split


def split_samples(
    samples: Sequence[Sample],
    parts: NDArray[np.int64],
    test_share: float,
    seed: int,
    validation_share: float = 0.0,
) -> tuple[Sample, ...]:
    """Return the samples with a new split, and with the name of the part that each shows.

    Every label gives about the same share to the test, and to the validation where a share is
    given; `parts` is int64 `[n]`. A part that images show once alone needs no name.
    """
    labels = [sample.label for sample in samples]
    test = grouped_split(parts, labels, test_share, seed)
    splits = [Split.TEST if is_test else Split.TRAIN for is_test in test]
    if validation_share and not test.all():
        rest = np.flatnonzero(~test)
        share = min(validation_share / (1 - test_share), 0.5)
        chosen = grouped_split(parts[rest], [labels[i] for i in rest], share, seed)
        for i in rest[chosen]:
            splits[i] = Split.VALIDATION
    _, where, sizes = np.unique(parts, return_inverse=True, return_counts=True)
    width = len(str(int(parts.max(initial=0))))
    return tuple(
        replace(
            sample,
            split=splits[i],
            group=sample.group or (f"part-{parts[i]:0{width}}" if sizes[where[i]] > 1 else None),
        )
        for i, sample in enumerate(samples)
    )
