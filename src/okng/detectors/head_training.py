"""Pass images through a frozen backbone, fit a head on the features, and cross-fit it.

Every image, and every copy of one, passes the backbone once. To cross-fit, the features are kept
in a temporary file and read one image at a time, so memory does not grow with the number of images.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Protocol

import numpy as np
from onnx import ModelProto
from threadpoolctl import threadpool_limits

from okng.detectors.images import Copy, WithCopies
from okng.detectors.temporary_files import append
from okng.domain.arrays import Floats, Mask, Scores
from okng.domain.ports import (
    Images,
    Progress,
    Runtime,
    Session,
    TakeMap,
    Trained,
    ignore_map,
    silent,
)
from okng.graphs.features import Features
from okng.graphs.heads import join

_APART = 32
"""Images that a scale is taken from: each has hundreds of cells."""


class HeadTrainer(Protocol):
    """Makes a head from the features of good images."""

    def fit(self, features: Iterator[Floats], count: int, progress: Progress) -> ModelProto:
        """Build a head; the same features give the same bytes.

        Args:
            features: float32 `[C, h, w]` for each image, to be taken once.
            count: how many there will be.
            progress: is told how far it is, as the stage `fit`.
        """
        ...


@dataclass(frozen=True)
class CrossFitted:
    """What heads that were fitted without an image's fold make of it.

    `scores` is float64 `[n]`, `maps` float32 `[n, h, w]`; both raw. `apart` has for each fold maps
    that know nothing of it, `[k, h, w]`: of a few images of another fold, by a head that was fitted
    without either. It is there where it was asked for and there are three folds.
    """

    scores: Scores
    maps: Floats = field(repr=False)
    apart: Mapping[int, Floats] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Learned:
    """A front and a head that was fitted to it.

    `cells` is bool `[rows, columns]`, those that are inspected; `fitted` what cross-fitting found,
    where it was asked for; `facts` are plain figures for the model card.
    """

    features: Features
    head: ModelProto
    cells: Mask
    fitted: CrossFitted | None
    facts: Mapping[str, float | int | str]

    def trained(self, take_map: TakeMap = ignore_map) -> Trained:
        """Return the whole model; cross-fitted maps are handed to `take_map`."""
        graph = join(self.features, self.head).SerializeToString(deterministic=True)
        for index, anomaly_map in enumerate(() if self.fitted is None else self.fitted.maps):
            take_map(index, anomaly_map)
        return Trained(
            bytes(graph), None if self.fitted is None else self.fitted.scores, self.facts
        )


def train_head(
    head: HeadTrainer,
    features: Features,
    runtime: Runtime,
    images: Images,
    folds: Sequence[int] | None,
    progress: Progress,
    copies: Sequence[Copy] = (),
    apart: bool = False,
) -> tuple[ModelProto, CrossFitted | None]:
    """Pass every image through the backbone once, fit the head, and cross-fit given folds.

    Copies are learned, in the fold of the image that they show, and never scored. `apart` asks for
    maps that know nothing of each fold; see `CrossFitted`.

    Returns:
        The head, and what cross-fitting found of the images, or None.
    """
    everything = WithCopies(images, copies)
    session = runtime.load(features.graph.SerializeToString())
    stream = _features_of(session, everything, progress)
    # One thread: sums would differ with the number of cores, and so would the graph's bytes.
    with (
        threadpool_limits(1, user_api="blas"),
        tempfile.TemporaryFile(prefix="okng-features-") as file,
    ):
        if folds is None:
            return head.fit(stream, len(everything), progress), None
        kept = _KeptFeatures(file, (features.channels, features.rows, features.columns))
        for item in stream:
            kept.append(item)
        whole = head.fit(kept.of(range(len(everything))), len(everything), progress)
        fitting = _CrossFitting(head, kept, runtime, folds, everything.origins)
        return whole, fitting.run(apart, progress)


def _features_of(session: Session, images: Images, progress: Progress) -> Iterator[Floats]:
    for i in range(len(images)):
        yield session.run({"image": images[i][None]})["features"][0]
        progress("features", i + 1, len(images))


@dataclass(frozen=True)
class _CrossFitting:
    """Fits heads without a fold, and runs them on it; `origins` as in `WithCopies`."""

    head: HeadTrainer
    kept: "_KeptFeatures"
    runtime: Runtime
    folds: Sequence[int]
    origins: Sequence[int]

    def run(self, apart: bool, progress: Progress) -> CrossFitted:
        """Score each image with a head that was fitted without its fold."""
        count, numbers = len(self.folds), sorted(set(self.folds))
        scores = np.full(count, np.nan)
        maps = np.empty((count, *self.kept.shape[1:]), np.float32)
        others: dict[int, Floats] = {}
        done = 0
        for fold, other in zip(numbers, numbers[1:] + numbers[:1], strict=True):
            own = self._images_of(fold)
            # A fold's fit counts as much as its scoring.
            session = self._fit(fold, told=_part_of(progress, done, len(own), 2 * count))
            done += len(own)
            for i in own:
                found = session.run({"features": self.kept[i][None]})
                scores[i], maps[i] = float(found["score"][0]), found["anomaly_map"][0]
                done += 1
                progress("cross-fit", done, 2 * count)
            del session  # the next fit needs its room
            if apart and len(numbers) > 2:
                others[fold] = self._maps_apart(fold, other)
        return CrossFitted(scores, maps, others)

    def _maps_apart(self, fold: int, other: int) -> Floats:
        """Return maps of a few images of the other fold that know nothing of either."""
        session = self._fit(fold, other, told=silent)
        asked = self._images_of(other)[:_APART]
        runs = (session.run({"features": self.kept[i][None]}) for i in asked)
        return np.concatenate([found["anomaly_map"] for found in runs])

    def _images_of(self, fold: int) -> list[int]:
        return [i for i, other in enumerate(self.folds) if other == fold]

    def _fit(self, *left_out: int, told: Progress) -> Session:
        """Fit a head without these folds and load it."""
        rest = [i for i, of in enumerate(self.origins) if self.folds[of] not in left_out]
        head = self.head.fit(self.kept.of(rest), len(rest), told)
        return self.runtime.load(head.SerializeToString())


def _part_of(progress: Progress, start: int, share: int, whole: int) -> Progress:
    """Return a progress whose whole is `share` of the cross-fitting's `whole`."""

    def told(stage: str, done: int, total: int) -> None:  # noqa: ARG001 - the port's name
        progress("cross-fit", start + share * done // max(total, 1), whole)

    return told


class _KeptFeatures:
    """Feature maps in a file, read back one at a time."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int, int]) -> None:
        self._file = file
        self.shape = shape
        self._bytes = int(np.prod(shape)) * 4

    def append(self, features: Floats) -> None:
        append(self._file, np.ascontiguousarray(features, np.float32).tobytes())

    def __getitem__(self, index: int) -> Floats:
        self._file.seek(index * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float32).reshape(self.shape)

    def of(self, indices: Sequence[int]) -> Iterator[Floats]:
        return (self[i] for i in indices)
