"""Look ahead: a few images of each class, as they are, prepared, and changed at random."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from okng.algorithms.pixels import MAX_PIXELS, decode_file
from okng.algorithms.view import Preparer
from okng.domain.arrays import Pixels
from okng.domain.dataset import Sample, class_names
from okng.domain.errors import BadImage
from okng.domain.ports import Augmenting
from okng.domain.view import View

VERSIONS = 6
"""Augmented ones of each image."""
_MOST_ROWS, _FEWEST_OF_A_CLASS = 12, 2


@dataclass(frozen=True)
class Example:
    """One image in several versions, each uint8 `[h, w, 3]` of one size, with what each is."""

    label: str
    versions: tuple[tuple[str, Pixels], ...] = field(repr=False)


def look_ahead(
    samples: Sequence[Sample],
    view: View,
    augmenting: Augmenting | None,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Example, ...]:
    """Prepare examples of each class as training does; images that cannot be read are passed over.

    Args:
        samples: what is learned from.
        view: how images are prepared.
        augmenting: what changes them while it learns; None: nothing does.
        seed: of the changes.
        max_pixels: the largest image.
    """
    prepare = Preparer(view)
    plain = Preparer(replace(view, prepare=(), mask_png=None))
    shows_prepared = bool(view.prepare or view.mask_png)
    examples: list[Example] = []
    for sample, pixels in _chosen(samples, plain, max_pixels):
        versions = [("as it is", plain(pixels))]
        seen = prepare(pixels)
        if shows_prepared:
            versions.append(("prepared", seen))
        if augmenting is not None:
            hides = np.ones(seen.shape[:2], bool) if prepare.mask is None else prepare.mask
            changed = augmenting.augmented(seen, hides, VERSIONS, seed + len(examples))
            versions += [(f"changed {i}", one) for i, one in enumerate(changed, 1)]
        examples.append(Example(sample.label or "", tuple(versions)))
    return tuple(examples)


def _chosen(
    samples: Sequence[Sample], plain: Preparer, max_pixels: int
) -> Iterator[tuple[Sample, Pixels]]:
    """Yield images of each class, from all over it."""
    names = class_names(samples)
    wanted = max(_FEWEST_OF_A_CLASS, _MOST_ROWS // (2 * max(1, len(names))))
    for name in names[:_MOST_ROWS]:
        own = [sample for sample in samples if sample.label == name]
        step, found = max(1, len(own) // wanted), 0
        for sample in (*own[::step], *own):
            try:
                pixels = decode_file(sample.path, max_pixels)
                plain(pixels)
            except BadImage:
                continue
            yield sample, pixels
            found += 1
            if found == min(wanted, len(own)):
                break
