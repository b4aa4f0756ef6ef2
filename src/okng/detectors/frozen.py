"""Train a head on the features of a frozen backbone: what `memory` and `gaussian` share.

Every image passes the backbone once. To cross-fit, the features are kept in a temporary file and
read one image at a time, so memory does not grow with the number of images.
"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Annotated, Literal, Protocol, Self

import numpy as np
from onnx import ModelProto
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from okng.domain.arrays import Array, Floats, Mask, Scores
from okng.domain.ports import Images, Progress, Runtime, Session
from okng.graphs.backbone import Backbone, Backbones
from okng.graphs.features import Features, feature_graph
from okng.graphs.heads import MapScoring, join


class FrozenConfig(BaseModel):
    """Settings of every detector that stands on a frozen backbone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Annotated[str, Field(title="Backbone", description="The frozen network.")] = (
        "efficientnet_lite0"
    )
    stages: Annotated[
        tuple[str, ...] | None,
        Field(
            title="Stages",
            description="Outputs of the backbone that are concatenated; its own default unless "
            "given.",
            min_length=1,
            max_length=8,
        ),
    ] = None
    cell_px: Annotated[
        int | None,
        Field(
            title="Cell",
            description="Side of a map cell in pixels of what the backbone sees; smaller cells "
            "show finer defects and cost more. The backbone's own default unless given.",
            ge=1,
            le=256,
        ),
    ] = None
    neighbourhood: Annotated[
        Literal[1, 3] | None,
        Field(
            title="Neighbourhood",
            description="Features are averaged over a square of this side; 1 leaves them as they "
            "are. The backbone's own default unless given.",
        ),
    ] = None
    score_share: Annotated[
        float,
        Field(
            title="Score share",
            description="The score is the mean of this share of the map, its highest cells; "
            "0 is the maximum.",
            ge=0,
            le=1,
        ),
    ] = 0.03
    blur_cells: Annotated[
        float,
        Field(title="Blur", description="Sigma of the map's smoothing, in cells.", ge=0, le=4),
    ] = 0.4
    seed: Annotated[int, Field(title="Seed", description="Of every random choice.", ge=0)] = 0

    def completed(self, backbone: Backbone) -> Self:
        """Return the same with the backbone's defaults where nothing was chosen."""
        defaults = backbone.defaults
        chosen = {
            "stages": self.stages or defaults.stages,
            "cell_px": self.cell_px or defaults.cell_px,
            "neighbourhood": self.neighbourhood or defaults.neighbourhood,
        }
        return self.model_copy(update=chosen)

    def scoring(self, inspected: Mask) -> MapScoring:
        return MapScoring(self.score_share, self.blur_cells, inspected)


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


def train_head(
    head: HeadTrainer,
    features: Features,
    runtime: Runtime,
    images: Images,
    folds: Sequence[int] | None,
    progress: Progress,
) -> tuple[ModelProto, Scores | None]:
    """Pass every image through the backbone once, fit the head, and cross-fit given folds.

    Returns:
        The head, and the cross-fitted raw scores, float64 `[n]`, or None.
    """
    session = runtime.load(features.graph.SerializeToString())
    stream = _features_of(session, images, progress)
    shape = (features.channels, features.rows, features.columns)
    # One thread: sums would differ with the number of cores, and so would the graph's bytes.
    with (
        threadpool_limits(1, user_api="blas"),
        tempfile.TemporaryFile(prefix="okng-features-") as file,
    ):
        if folds is None:
            return head.fit(stream, len(images), progress), None
        kept = _KeptFeatures(file, shape)
        for item in stream:
            kept.append(item)
        whole = head.fit(kept.of(range(len(images))), len(images), progress)
        return whole, _cross_fit(head, kept, runtime, folds, progress)


def inspected_cells(inspected: Mask, features: Features) -> Mask:
    """Return bool `[rows, columns]`: the cells of which at least one pixel is inspected."""
    height, width = inspected.shape
    count = np.zeros((height + 1, width + 1), np.int64)
    count[1:, 1:] = inspected.cumsum(axis=0).cumsum(axis=1)
    top, bottom = _edges(height, features.rows)
    left, right = _edges(width, features.columns)
    corners = (count[np.ix_(ys, xs)] for ys in (bottom, top) for xs in (right, left))
    low_right, low_left, high_right, high_left = corners
    return np.asarray(low_right - low_left - high_right + high_left > 0)


def _edges(length: int, cells: int) -> tuple[Array, Array]:
    """Return where each cell begins, and the first pixel after it; borders belong to both."""
    numbers = np.arange(cells)
    return numbers * length // cells, -(-(numbers + 1) * length // cells)


def features_for(config: FrozenConfig, backbones: Backbones, images: Images) -> Features:
    """Build the front of the graph for these images."""
    height, width = images.inspected.shape
    backbone = backbones.load(config.backbone)
    chosen = config.completed(backbone)
    assert chosen.stages is not None
    assert chosen.cell_px is not None
    return feature_graph(
        backbone, chosen.stages, chosen.cell_px, height, width, chosen.neighbourhood or 1
    )


def whole_graph(features: Features, head: ModelProto) -> bytes:
    return bytes(join(features, head).SerializeToString(deterministic=True))


def _features_of(session: Session, images: Images, progress: Progress) -> Iterator[Floats]:
    for i in range(len(images)):
        yield session.run({"image": images[i][None]})["features"][0]
        progress("features", i + 1, len(images))


def _cross_fit(
    head: HeadTrainer,
    kept: "_KeptFeatures",
    runtime: Runtime,
    folds: Sequence[int],
    progress: Progress,
) -> Scores:
    """Score each image with a head that was fitted without its fold."""
    scores = np.full(len(folds), np.nan)
    done = 0
    for fold in sorted(set(folds)):
        rest = [i for i, other in enumerate(folds) if other != fold]
        own = [i for i, other in enumerate(folds) if other == fold]
        # A fold's fit counts as much as its scoring.
        fitting = _part_of(progress, done, len(own), 2 * len(folds))
        session = runtime.load(head.fit(kept.of(rest), len(rest), fitting).SerializeToString())
        done += len(own)
        for i in own:
            scores[i] = float(session.run({"features": kept[i][None]})["score"][0])
            done += 1
            progress("cross-fit", done, 2 * len(folds))
    return scores


def _part_of(progress: Progress, start: int, share: int, whole: int) -> Progress:
    """Return a progress whose whole is `share` of the cross-fitting's `whole`."""

    def told(stage: str, done: int, total: int) -> None:  # noqa: ARG001 - the port's name
        progress("cross-fit", start + share * done // max(total, 1), whole)

    return told


class _KeptFeatures:
    """Feature maps in a file, read back one at a time."""

    def __init__(self, file: IO[bytes], shape: tuple[int, int, int]) -> None:
        self._file = file
        self._shape = shape
        self._bytes = int(np.prod(shape)) * 4

    def append(self, features: Floats) -> None:
        self._file.write(np.ascontiguousarray(features, np.float32).tobytes())

    def __getitem__(self, index: int) -> Floats:
        self._file.seek(index * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float32).reshape(self._shape)

    def of(self, indices: Sequence[int]) -> Iterator[Floats]:
        return (self[i] for i in indices)
