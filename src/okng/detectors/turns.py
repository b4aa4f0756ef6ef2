"""Learn parts at more angles than the good images show, where these show that it helps.

Whether it does is asked of good images alone: where a part that was not learned looks more normal
once turned copies of the others are learned, parts come turned; where it does not, copies would
only blur what is normal.
"""

from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from okng.algorithms.turning import is_unmoved
from okng.detectors.images import Chosen, Copy, WithCopies
from okng.domain.arrays import Array, Floats, Mask
from okng.domain.ports import Images, Progress, Runtime, Session
from okng.graphs.features import Features

GAINS = {2: 0.04, 4: 0.05, 8: 0.07}
"""How much lower held-out good scores must get, as a share, to learn at so many angles.

Above what a larger bank alone gains on parts that always lie the same: 1 to 3 %.
"""
MOST_COPIES = 1024
"""Beside the images; each costs as much time as an image does."""
_ASKED = 12
"""Images that are learned in the trial, and as many that are scored."""


def turned_copies(count: int, turns: int) -> tuple[Copy, ...]:
    """Return copies that show each of `count` images at `turns` angles, evenly spread.

    Where that would be more than `MOST_COPIES`, each image is shown at some of the angles.
    """
    others = turns - 1
    places = range(min(count * others, MOST_COPIES))
    angles = (1 + (place + place // count) % max(others, 1) for place in places)
    return tuple(
        Copy(place % count, 360 * turn / turns) for place, turn in zip(places, angles, strict=True)
    )


def choose_turns(
    features: Features,
    runtime: Runtime,
    images: Images,
    cells: Mask,
    share: float,
    seed: int,
    progress: Progress,
) -> int:
    """Return at how many angles to learn each part: 1, 2, 4 or 8.

    Args:
        features: what the images are seen through.
        runtime: runs it.
        images: all of them good.
        cells: bool `[rows, columns]`, those that are inspected.
        share: of the cells, the highest, whose mean is the score.
        seed: chooses the images that are asked.
        progress: is told how far it is, as the stage `turns`.
    """
    allowed = _allowed(images.inspected)
    if len(images) < 2 or allowed == 1:
        return 1
    trial = _Trial(features, runtime, images, cells, share, seed, progress)
    chosen = 1
    with threadpool_limits(1, user_api="blas"):
        alone = trial.score(1)
        for turns, gain in GAINS.items():
            # Eighths are dear, and parts that come at any angle come at quarters, too.
            if turns <= allowed and (turns < 8 or chosen == 4):
                chosen = turns if trial.score(turns) <= (1 - gain) * alone else chosen
    progress("turns", max(GAINS), max(GAINS))
    return chosen


def _allowed(inspected: Mask) -> int:
    """Return the most angles that the shape and the mask allow."""
    height, width = inspected.shape
    for turns in (8, 4, 2):
        fits = height == width or turns == 2
        if fits and is_unmoved(inspected, 360 / turns):
            return turns
    return 1


class _Trial:
    """Scores good images against turned copies of others; features are worked out once."""

    def __init__(
        self,
        features: Features,
        runtime: Runtime,
        images: Images,
        cells: Mask,
        share: float,
        seed: int,
        progress: Progress,
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(images))[: 2 * _ASKED]
        halves = order[::2], order[1::2]
        # With few images each half is scored against the other; with many, one way says enough.
        self._ways = [halves] if len(order) == 2 * _ASKED else [halves, halves[::-1]]
        self._session = runtime.load(features.graph.SerializeToString())
        self._images, self._cells = images, cells
        self._count = max(1, round(share * int(cells.sum())))
        self._progress = progress
        self._seen = [self._of(asked, 0.0) for _, asked in self._ways]
        self._nearest: dict[float, list[Array]] = {}

    def score(self, turns: int) -> float:
        """Return the mean score of the images that are asked, others learned at `turns` angles."""
        angles = [360 * turn / turns for turn in range(turns)]
        for angle in angles:
            if angle not in self._nearest:
                self._nearest[angle] = self._squares_at(angle)
                self._progress("turns", len(self._nearest), max(GAINS))
        scores: list[float] = []
        for way in range(len(self._ways)):
            squares = np.min([self._nearest[angle][way] for angle in angles], axis=0)
            highest = np.sort(np.sqrt(squares), axis=1)[:, -self._count :]
            scores.extend(highest.mean(axis=1))
        return float(np.mean(scores))

    def _squares_at(self, angle: float) -> list[Array]:
        """Return, for each way, squared distances to what is learned, `[images, cells]`."""
        found = []
        for (learned, _), seen in zip(self._ways, self._seen, strict=True):
            bank = self._of(learned, angle).reshape(-1, seen.shape[2])
            found.append(np.stack([_nearest_squares(image, bank) for image in seen]))
        return found

    def _of(self, indices: Array, angle: float) -> Floats:
        """Return the features of inspected cells, float32 `[n, cells, C]`."""
        chosen = Chosen(self._images, [int(i) for i in indices])
        if angle:
            copies = [Copy(i, angle) for i in range(len(chosen))]
            everything = WithCopies(chosen, copies)
            chosen = Chosen(everything, range(len(chosen), len(everything)))
        return np.stack(list(_features(self._session, chosen, self._cells)))


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
