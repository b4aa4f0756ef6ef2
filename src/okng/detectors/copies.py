"""Learn more than the good images show, where these show that it helps.

Turned copies are for parts that lie at any angle, mildly altered ones for few images. Whether they
help is asked of good images alone: where a part that was not learned looks more normal once copies
of the others are learned, they do; where it does not, copies would only blur what is normal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from okng.algorithms.alteration import Alteration, is_unmoved, mild_alterations
from okng.detectors.images import Chosen, Copy, WithCopies
from okng.domain.arrays import Array, Floats, Mask
from okng.domain.ports import Images, Progress, Runtime, Session
from okng.graphs.features import Features

TURN_GAINS = {2: 0.04, 4: 0.05, 8: 0.07}
"""How much lower held-out good scores must get, as a share, to learn at so many angles.

Above what a larger bank alone gains on parts that always lie the same: 1 to 3 %.
"""
MOST_COPIES = 1024
"""Beside the images; each costs as much time as an image does."""
FEW_IMAGES, ALTERED, ALTERED_GAIN = 16, 4, 0.05
"""Up to so many images it is asked whether so many altered copies of each gain so much."""
_ASKED = 12
"""Images that are learned in the trial, and as many that are scored."""


def turned_copies(count: int, turns: int, most: int = MOST_COPIES) -> tuple[Copy, ...]:
    """Return copies that show each of `count` images at `turns` angles, evenly spread.

    Where that would be more than `most`, each image is shown at some of the angles.
    """
    others = turns - 1
    places = range(min(count * others, most))
    angles = (1 + (place % count + place // count) % max(others, 1) for place in places)
    return tuple(
        Copy(place % count, Alteration(360 * turn / turns))
        for place, turn in zip(places, angles, strict=True)
    )


def altered_copies(count: int, each: int, seed: int) -> tuple[Copy, ...]:
    """Return `each` mildly altered copies of each of `count` images, at most `MOST_COPIES`."""
    each = min(each, MOST_COPIES // count)
    drawn = mild_alterations(count * each, np.random.default_rng(seed))
    return tuple(Copy(place % count, alteration) for place, alteration in enumerate(drawn))


@dataclass(frozen=True)
class CopyPlan:
    """At how many angles each image is learned, and in how many altered copies; or `auto`.

    `most_turned` bounds the turned copies.
    """

    turns: int | Literal["auto"]
    altered: int | Literal["auto"]
    most_turned: int = MOST_COPIES

    def copies(self, count: int, seed: int) -> tuple[Copy, ...]:
        """Return the copies of `count` images; `auto` counts as none."""
        turns = 1 if self.turns == "auto" else self.turns
        altered = 0 if self.altered == "auto" else self.altered
        turned = turned_copies(count, turns, self.most_turned)
        return turned + altered_copies(count, altered, seed)


def choose_copies(
    plan: CopyPlan,
    features: Features,
    runtime: Runtime,
    images: Images,
    cells: Mask,
    share: float,
    room: int,
    seed: int,
    progress: Progress,
) -> CopyPlan:
    """Return the plan with what the good images show to help where it says `auto`.

    Turns are then 1, 2, 4 or 8, altered copies 0 or `ALTERED`. There are no more turned copies than
    there is room for, and none where it is for less than one of each image: they would crowd out
    the images themselves.

    Args:
        plan: what is wanted.
        features: what the images are seen through.
        runtime: runs it.
        images: all of them good.
        cells: bool `[rows, columns]`, those that are inspected.
        share: of the cells, the highest, whose mean is the score.
        room: for so many copies beside the images.
        seed: chooses the images that are asked.
        progress: is told how far it is, as the stage `copies`.
    """
    asks = plan.turns == "auto" and len(images) > 1 and room >= len(images)
    allowed = _allowed(images.inspected) if asks else 1
    alter = plan.altered == "auto" and 1 < len(images) <= FEW_IMAGES
    turns = 1 if plan.turns == "auto" else plan.turns
    most = min(room, MOST_COPIES) if plan.turns == "auto" else plan.most_turned
    if allowed == 1 and not alter:
        return CopyPlan(turns, 0 if plan.altered == "auto" else plan.altered, most)
    trial = _Trial(features, runtime, images, cells, share, seed)
    steps = max(allowed, turns) + (ALTERED if alter else 0)
    with threadpool_limits(1, user_api="blas"):
        progress("copies", 0, steps)
        turns = _choose_turns(trial, allowed) if plan.turns == "auto" else turns
        progress("copies", max(allowed, turns), steps)
        altered = 0 if plan.altered == "auto" else plan.altered
        if alter:
            shown = [*_angles(turns), *mild_alterations(ALTERED, np.random.default_rng(seed))]
            gained = trial.score(shown) <= (1 - ALTERED_GAIN) * trial.score(_angles(turns))
            altered = ALTERED if gained else 0
    progress("copies", steps, steps)
    return CopyPlan(turns, altered, most)


def _choose_turns(trial: "_Trial", allowed: int) -> int:
    chosen, alone = 1, trial.score(_angles(1))
    for turns, gain in TURN_GAINS.items():
        # Eighths are dear, and parts that come at any angle come at quarters, too.
        if turns <= allowed and (turns < 8 or chosen == 4):
            chosen = turns if trial.score(_angles(turns)) <= (1 - gain) * alone else chosen
    return chosen


def _angles(turns: int) -> list[Alteration]:
    return [Alteration(360 * turn / turns) for turn in range(turns)]


def _allowed(inspected: Mask) -> int:
    """Return the most angles that the shape and the mask allow."""
    height, width = inspected.shape
    for turns in (8, 4, 2):
        fits = height == width or turns == 2
        if fits and is_unmoved(inspected, 360 / turns):
            return turns
    return 1


class _Trial:
    """Scores good images against altered copies of others; features are worked out once."""

    def __init__(
        self,
        features: Features,
        runtime: Runtime,
        images: Images,
        cells: Mask,
        share: float,
        seed: int,
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(images))[: 2 * _ASKED]
        halves = order[::2], order[1::2]
        # With few images each half is scored against the other; with many, one way says enough.
        self._ways = [halves] if len(order) == 2 * _ASKED else [halves, halves[::-1]]
        self._session = runtime.load(features.graph.SerializeToString())
        self._images, self._cells = images, cells
        self._count = max(1, round(share * int(cells.sum())))
        self._seen = [self._of(asked, Alteration()) for _, asked in self._ways]
        self._nearest: dict[Alteration, list[Array]] = {}

    def score(self, alterations: Sequence[Alteration]) -> float:
        """Return the mean score of the images that are asked, others learned in these ways."""
        for alteration in alterations:
            if alteration not in self._nearest:
                self._nearest[alteration] = self._squares_at(alteration)
        scores: list[float] = []
        for way in range(len(self._ways)):
            squares = np.min([self._nearest[one][way] for one in alterations], axis=0)
            highest = np.sort(np.sqrt(squares), axis=1)[:, -self._count :]
            scores.extend(highest.mean(axis=1))
        return float(np.mean(scores))

    def _squares_at(self, alteration: Alteration) -> list[Array]:
        """Return, for each way, squared distances to what is learned, `[images, cells]`."""
        found = []
        for (learned, _), seen in zip(self._ways, self._seen, strict=True):
            bank = self._of(learned, alteration).reshape(-1, seen.shape[2])
            found.append(np.stack([_nearest_squares(image, bank) for image in seen]))
        return found

    def _of(self, indices: Array, alteration: Alteration) -> Floats:
        """Return the features of inspected cells of altered images, float32 `[n, cells, C]`."""
        chosen = Chosen(self._images, [int(i) for i in indices])
        copies = WithCopies(chosen, [Copy(i, alteration) for i in range(len(chosen))])
        shown = Chosen(copies, range(len(chosen), len(copies)))
        return np.stack(list(_features(self._session, shown, self._cells)))


def _features(session: Session, images: Images, cells: Mask) -> Iterator[Floats]:
    for i in range(len(images)):
        yield session.run({"image": images[i][None]})["features"][0][:, cells].T


def _nearest_squares(points: Floats, bank: Floats) -> Array:
    """Return the squared distance of each point to its nearest in the bank; never negative."""
    products = points @ bank.T
    squares = np.einsum("ij,ij->i", bank, bank) - 2 * products
    own = np.einsum("ij,ij->i", points, points)
    nearest: Array = np.maximum(squares.min(axis=1) + own, 0)
    return nearest
