"""Pass images through a frozen backbone, fit a head on the features, and cross-fit it.

Every image, and every copy of one, passes the backbone once. To cross-fit, the features are kept
in a temporary file and read one image at a time, so memory does not grow with the number of images.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Protocol

import numpy as np
from onnx import ModelProto
from threadpoolctl import threadpool_limits

from okng.detectors.images import Copy, WithCopies
from okng.detectors.temporary_files import append
from okng.domain.arrays import Floats, Scores
from okng.domain.ports import Images, Progress, Runtime, Session
from okng.graphs.features import Features


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

    `scores` is float64 `[n]`, `maps` float32 `[n, h, w]`; both raw.
    """

    scores: Scores
    maps: Floats = field(repr=False)


def train_head(
    head: HeadTrainer,
    features: Features,
    runtime: Runtime,
    images: Images,
    folds: Sequence[int] | None,
    progress: Progress,
    copies: Sequence[Copy] = (),
) -> tuple[ModelProto, CrossFitted | None]:
    """Pass every image through the backbone once, fit the head, and cross-fit given folds.

    Copies are learned, in the fold of the image that they show, and never scored.

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
        return whole, _cross_fit(head, kept, runtime, folds, everything.origins, progress)


def _features_of(session: Session, images: Images, progress: Progress) -> Iterator[Floats]:
    for i in range(len(images)):
        yield session.run({"image": images[i][None]})["features"][0]
        progress("features", i + 1, len(images))


def _cross_fit(
    head: HeadTrainer,
    kept: "_KeptFeatures",
    runtime: Runtime,
    folds: Sequence[int],
    origins: Sequence[int],
    progress: Progress,
) -> CrossFitted:
    """Score each image with a head that was fitted without its fold."""
    scores = np.full(len(folds), np.nan)
    maps = np.empty((len(folds), *kept.shape[1:]), np.float32)
    done = 0
    for fold in sorted(set(folds)):
        rest = [i for i, origin in enumerate(origins) if folds[origin] != fold]
        own = [i for i, other in enumerate(folds) if other == fold]
        # A fold's fit counts as much as its scoring.
        fitting = _part_of(progress, done, len(own), 2 * len(folds))
        session = runtime.load(head.fit(kept.of(rest), len(rest), fitting).SerializeToString())
        done += len(own)
        for i in own:
            found = session.run({"features": kept[i][None]})
            scores[i], maps[i] = float(found["score"][0]), found["anomaly_map"][0]
            done += 1
            progress("cross-fit", done, 2 * len(folds))
    return CrossFitted(scores, maps)


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
