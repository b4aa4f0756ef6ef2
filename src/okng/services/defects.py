"""Score labelled defects, so that thresholds can be set by them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from okng.algorithms.calibration import best_by_group
from okng.algorithms.view import Preparer
from okng.domain.arrays import Scores
from okng.domain.counting import counted
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset
from okng.domain.inspection import Inspection
from okng.domain.ports import Progress, silent
from okng.domain.view import View
from okng.services.prepare import PreparedImages, Refused


@dataclass(frozen=True)
class DefectScores:
    """What a model makes of labelled defects.

    `lowest` is float64 `[m]`, ascending: the lowest raw score of each part, for a part escapes by
    its least conspicuous image. `images` is how many images these parts were seen in.
    """

    lowest: Scores = field(repr=False)
    images: int
    refused: tuple[Refused, ...] = ()

    @property
    def note(self) -> str:
        """Say what the number of parts does not; empty where there is nothing to say."""
        notes = []
        if self.images > len(self.lowest):
            notes.append(
                f"{self.images} defective images show {counted(len(self.lowest), 'part')}; each "
                "part counts once, by its lowest score"
            )
        if self.refused:
            notes.append(f"{counted(len(self.refused), 'defective image')} could not be used")
        return "; ".join(notes)


def chosen_defects(dataset: Dataset) -> tuple[tuple[Sample, ...], bool]:
    """Return the defects that are there to train on, else all; and whether these are of the test.

    Raises:
        BadDataset: there are none.
    """
    every = tuple(sample for sample in dataset.samples if sample.is_defective)
    if not every:
        raise BadDataset(
            f"{dataset.name} has no labelled defects: name a folder of defective parts, or put "
            "them into folders by name, beside good/"
        )
    train = tuple(sample for sample in every if sample.split is not Split.TEST)
    return (train, False) if train else (every, True)


def score_defects(
    samples: Sequence[Sample],
    view: View,
    learned: frozenset[str],
    inspect: Callable[[Sample], Inspection],
    max_pixels: int,
    progress: Progress = silent,
) -> DefectScores:
    """Score defective images, those of one part together, told apart as in a training.

    Args:
        samples: all of them defective; those that cannot be used are told, not counted.
        view: the model's; near-duplicates are found in what it shows.
        learned: SHA-256, hexadecimal, of the files that the model learned as good.
        inspect: with the model.
        max_pixels: limit on an image's width x height.
        progress: is told how far the work is.

    Raises:
        BadDataset: none of them can be used, or the model learned some as good.
    """
    with PreparedImages(samples, Preparer(view), max_pixels, progress) as images:
        parts, readable, refused = (
            images.parts(progress=progress),
            images.samples,
            list(images.refused),
        )
        digests = [digest.hex() for digest in images.digests]
    _refuse_learned([s for s, d in zip(readable, digests, strict=True) if d in learned])
    scores = np.full(len(readable), np.nan)
    for i, sample in enumerate(readable):
        inspection = inspect(sample)
        if inspection.score is None:
            refused.append(Refused(sample.path, inspection.error or "it got no score"))
        else:
            scores[i] = inspection.score
        progress("score defects", i + 1, len(readable))
    scored = np.isfinite(scores)
    if not scored.any():
        why = f"; the first: {refused[0].reason}" if refused else ""
        raise BadDataset(f"none of the {len(refused)} defective images can be used{why}")
    lowest = best_by_group(scores[scored], parts[scored])
    return DefectScores(lowest, int(scored.sum()), tuple(refused))


def _refuse_learned(samples: Sequence[Sample]) -> None:
    """Stop where a good part's image is taken for a defect: it would pull the threshold down."""
    if samples:
        raise BadDataset(
            f"{counted(len(samples), 'image')} among these defects, such as {samples[0].path}, "
            "taught the model: name a folder of defective parts that it has not seen, or train "
            "again without them. A model that learned from labelled defects keeps the scores that "
            "they got before it knew them: leave the folder out"
        )
