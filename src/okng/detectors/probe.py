"""`probe`: a linear head on a frozen backbone, learned from labelled images.

The features of the backbone and their squares are averaged over the image and standardised; a
softmax regression with a ridge tells the classes apart (a "linear probe": Alain & Bengio 2016,
arXiv:1610.01644). How strong the ridge is, is chosen by cross-validation on the training images
alone, images of one part in one fold. After the pass through the backbone all of it takes seconds,
and the solver is our own (`okng.algorithms.logistic`), so that the base install stays small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from onnx import ModelProto
from pydantic import Field
from threadpoolctl import threadpool_limits

from okng.algorithms.class_scores import score_of
from okng.algorithms.logistic import Labels, Linear, class_weights, fit_logistic, log_loss
from okng.algorithms.splitting import stratified_folds
from okng.detectors.frozen import BackboneConfig, features_for, inspected_cells
from okng.domain.arrays import Array, Floats, Mask
from okng.domain.dataset import GOOD
from okng.domain.ports import Images, Progress, Runtime, Trained, Truth
from okng.graphs.backbone import SHIPPED, Backbones
from okng.graphs.class_head import class_head, pooled_graph
from okng.graphs.features import Features
from okng.graphs.heads import join

STRENGTHS = (1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Of the ridge, the strongest first: those that cross-validation chooses from."""
USUAL = 1e-2
"""Where there are too few parts to choose."""
INNER_FOLDS = 5
"""Of the cross-validation where the training asks for no folds."""
_EVEN = 1e-6
"""A feature that varies less than this share of its size is taken for constant."""


class ProbeConfig(BackboneConfig):
    """Settings of the `probe` detector."""

    l2: Annotated[
        float | None,
        Field(
            title="Ridge",
            description="Weight of the sum of squared weights beside the mean log loss; chosen by "
            "cross-validation unless given.",
            gt=0,
            le=1e6,
        ),
    ] = None
    weighting: Annotated[
        Literal["balanced", "none"],
        Field(
            title="Class weights",
            description="balanced: all classes count alike, however many images each has. none: "
            "every image counts alike, so that rare classes count little.",
        ),
    ] = "balanced"


class Probe:
    """A linear head on pooled features; see `ProbeConfig`. A `Classifier`."""

    Config: ClassVar = ProbeConfig
    cross_fits = True

    def __init__(
        self, config: ProbeConfig, runtime: Runtime, backbones: Backbones = SHIPPED
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._backbones = backbones

    def train_labelled(
        self, images: Images, truth: Truth, folds: Sequence[int] | None, progress: Progress
    ) -> Trained:
        """Fit the head; see `okng.domain.ports.Classifier`."""
        features = features_for(self._config, self._backbones, images.inspected)
        cells = inspected_cells(images.inspected, features)
        pooled = self._pooled(features, cells, images, progress)
        labels = np.asarray(truth.labels, np.int64)
        dealt = stratified_folds(truth.parts, labels, INNER_FOLDS, self._config.seed)
        used = dealt if folds is None else np.asarray(folds, np.int64)
        # One thread: sums would differ with the number of cores, and so would the graph's bytes.
        with threadpool_limits(1, user_api="blas"):
            choice = _Choice(self._config, pooled, labels, len(truth.names), used, progress)
            head = choice.whole()
            class_scores = None if folds is None else choice.cross_fitted()
        knows_good = truth.names[0] == GOOD
        graph = join(features, head.graph(cells, knows_good))
        return Trained(
            bytes(graph.SerializeToString(deterministic=True)),
            None if class_scores is None else score_of(class_scores, knows_good),
            {"features": pooled.shape[1], **choice.facts},
            class_scores,
        )

    def _pooled(self, features: Features, cells: Mask, images: Images, progress: Progress) -> Array:
        """Pass every image through the backbone; float64 `[n, 2 C]`."""
        session = self._runtime.load(pooled_graph(features, cells).SerializeToString())
        pooled = np.empty((len(images), 2 * features.channels))
        for i in range(len(images)):
            pooled[i] = session.run({"image": images[i][None]})["pooled"][0]
            progress("features", i + 1, len(images))
        return pooled


@dataclass(frozen=True)
class _Head:
    """A linear head on standardised features; `centre` and `spread` float64 `[D]`."""

    linear: Linear
    centre: Array
    spread: Array

    def __call__(self, pooled: Array) -> Array:
        return self.linear((pooled - self.centre) / self.spread)

    def graph(self, cells: Mask, knows_good: bool) -> ModelProto:
        """Build the head's graph, the standardising within its weights."""
        weights = self.linear.weights / self.spread[:, None]
        return class_head(weights, self.linear.bias - self.centre @ weights, cells, knows_good)


class _Choice:
    """Chooses the ridge by leaving folds out, and fits heads with it.

    A head that leaves out two folds judges each of them for a model that leaves out the other, so
    every image's cross-fitted score comes from a head, its ridge included, that knows nothing of
    its fold.
    """

    def __init__(
        self,
        config: ProbeConfig,
        pooled: Array,
        labels: Labels,
        classes: int,
        folds: Labels,
        progress: Progress,
    ) -> None:
        self._strengths = STRENGTHS if config.l2 is None else (config.l2,)
        self._balanced = config.weighting == "balanced"
        self._pooled = pooled
        self._labels = labels
        self._classes = classes
        self._folds = folds
        self._names = [int(name) for name in np.unique(folds)]
        self._progress = progress
        self.facts: dict[str, float | int | str] = {}

    def whole(self) -> _Head:
        """Fit on all images, with the ridge that does best on images left out."""
        losses = np.zeros(len(self._strengths))
        right = np.zeros(len(self._strengths))
        for done, fold in enumerate(self._names if len(self._names) > 1 else ()):
            own = self._folds == fold
            for i, head in enumerate(self._path(~own)):
                scores = head(self._pooled[own])
                losses[i] += own.sum() * log_loss(scores, self._labels[own])
                right[i] += (scores.argmax(axis=1) == self._labels[own]).sum()
            self._progress("choose", done + 1, len(self._names))
        best = self._best(losses)
        strength = self._strengths[best]
        self.facts["l2"] = strength
        if losses.any():
            self.facts["cross_validated_accuracy"] = round(float(right[best]) / len(self._folds), 6)
        return list(self._path(np.ones(len(self._folds), np.bool_), best))[-1]

    def cross_fitted(self) -> Floats:
        """Return class scores float32 `[n, K]`, each by a head that knows nothing of its fold."""
        losses = np.zeros((len(self._names), len(self._strengths)))
        for a, b in self._pairs():
            both = np.isin(self._folds, (self._names[a], self._names[b]))
            for i, head in enumerate(self._path(~both)):
                for judge, judged in ((a, b), (b, a)):
                    own = self._folds == self._names[judged]
                    losses[judge, i] += own.sum() * log_loss(
                        head(self._pooled[own]), self._labels[own]
                    )
        scores = np.empty((len(self._folds), self._classes), np.float32)
        for a, fold in enumerate(self._names):
            own = self._folds == fold
            head = list(self._path(~own, self._best(losses[a])))[-1]
            scores[own] = head(self._pooled[own])
            self._progress("cross-fit", a + 1, len(self._names))
        return scores

    def _pairs(self) -> list[tuple[int, int]]:
        """Return the pairs of folds without which every class is still there."""
        count = len(self._names)
        pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
        return [pair for pair in pairs if self._has_all_without(pair)]

    def _has_all_without(self, pair: tuple[int, int]) -> bool:
        left = ~np.isin(self._folds, [self._names[i] for i in pair])
        return len(np.unique(self._labels[left])) == self._classes

    def _best(self, losses: Array) -> int:
        """Return the strength of least loss; the usual one where nothing tells them apart."""
        if losses.any():
            return int(losses.argmin())
        return min(len(self._strengths) - 1, STRENGTHS.index(USUAL))

    def _path(self, learned: Array, last: int | None = None) -> Iterator[_Head]:
        """Yield heads fitted on some images, a ridge after the other, up to the number `last`."""
        x = self._pooled[learned]
        centre, spread = x.mean(axis=0), x.std(axis=0)
        spread = np.where(spread > _EVEN * np.abs(centre), spread, np.inf)
        x = (x - centre) / spread
        labels = self._labels[learned]
        weights = class_weights(labels, self._classes) if self._balanced else None
        linear: Linear | None = None
        strengths = self._strengths if last is None else self._strengths[: last + 1]
        for strength in strengths:
            linear = fit_logistic(x, labels, self._classes, strength, weights, linear)
            yield _Head(linear, centre, spread)
