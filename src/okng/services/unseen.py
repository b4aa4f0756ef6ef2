"""Unseen: what each of several models made of images that none of them had seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.calibration import deal_groups, worst_by_group
from okng.domain.arrays import Array, Scores
from okng.domain.errors import BadSetting
from okng.domain.model import Model
from okng.graphs.fusion import MapScale
from okng.services.survey import joined

FEWEST_PARTS = 5
"""Good ones that no member had seen, where they give the scale: fewer say nothing of that."""
_FOLDS = 5
_ELSE = "; or name a folder of good images that none of them knows (--calibrate-on FOLDER)"


@dataclass(frozen=True)
class KnownImages:
    """All images that some member was made from, `n` of them, by their SHA-256 in ascending order.

    `scores` is float64 `[members, n]`: raw, NaN where a member has no score from before it learned
    the image. `parts` is int64 `[n]`: images are of one part where any member says so.
    """

    digests: tuple[str, ...] = field(repr=False)
    scores: Array = field(repr=False)
    parts: Array = field(repr=False)
    is_good: NDArray[np.bool_] = field(repr=False)

    @classmethod
    def of(cls, members: Sequence[Model]) -> Self:
        """Put together what the members kept."""
        every = sorted({d for member in members for d in member.manifest.data.digests})
        place = {digest: i for i, digest in enumerate(every)}
        scores = np.full((len(members), len(every)), np.nan)
        parts, is_good = np.arange(len(every)), np.ones(len(every), np.bool_)
        for number, member in enumerate(members):
            if (unseen := member.manifest.unseen) is None:
                continue
            at = [place[digest] for digest in member.manifest.data.digests]
            scores[number, at] = [np.nan if s is None else s for s in unseen.scores]
            is_good[[at[i] for i in unseen.defective]] = False
            # What the member does not know is a part of its own, behind all that it knows.
            own = np.arange(len(every)) + max(unseen.parts, default=0) + 1
            own[at] = unseen.parts
            parts = joined(parts, own)
        return cls(tuple(every), scores, parts, is_good)

    def unseen(self, members: Sequence[Model], least: int = FEWEST_PARTS) -> Self:
        """Return those alone that every member scored before it learned them, if it did.

        Args:
            members: whose images these are.
            least: good parts that must be among them.

        Raises:
            BadSetting: a member did not keep its scores, or too few good parts are left.
        """
        for member in members:
            if member.manifest.unseen is None:
                raise BadSetting(
                    f"{member.name} did not keep what its images got before they were learned, as "
                    f"models of earlier versions did not: train it again{_ELSE}"
                )
        chosen = np.flatnonzero(np.isfinite(self.scores).all(axis=0))
        count = len(np.unique(self.parts[chosen][self.is_good[chosen]]))
        if count < least:
            names = " and ".join(member.name for member in members)
            raise BadSetting(
                f"thresholds stand on parts that no member has learned, and {names} have {count} "
                f"good ones of those in common; at least {least} must be: train all on "
                f"the same images, with the same --calibration and --seed{_ELSE}"
            )
        digests = tuple(self.digests[i] for i in chosen)
        return type(self)(digests, self.scores[:, chosen], self.parts[chosen], self.is_good[chosen])

    def scales(self, among: NDArray[np.bool_] | None = None) -> list[MapScale]:
        """Return each member's scale, by good parts alone; by some of these images, where given."""
        chosen = self.is_good if among is None else self.is_good & among
        return [MapScale.of(worst_by_group(row[chosen], self.parts[chosen])) for row in self.scores]

    def means(self, scales: Sequence[MapScale] | None, seed: int) -> Scores:
        """Return the mean of the members' scaled scores of each image, float64 `[n]`.

        Args:
            scales: of each member; None: they come from good parts of these images, and no part
                has a share in the scales that it is measured by.
            seed: deals the parts to folds.
        """
        if scales is not None:
            return mean_of(self.scores, scales)
        found = np.full(len(self.digests), np.nan)
        folds = deal_groups(self.parts, _FOLDS, np.random.default_rng(seed))
        for fold in range(_FOLDS):
            own = folds == fold
            # With all good parts in one fold nothing else is there to measure by.
            others = ~own if (self.is_good & ~own).any() else None
            found[own] = mean_of(self.scores[:, own], self.scales(others))
        return found


def mean_of(scores: Array, scales: Sequence[MapScale]) -> Scores:
    """Return the mean over members of `(score - centre) / spread`, `[members, n]` -> `[n]`."""
    pairs = zip(scores, scales, strict=True)
    mean: Scores = np.mean([(row - s.centre) / s.spread for row, s in pairs], axis=0)
    return mean
