"""What every detector must do; and a detector that needs no network.

    from okng.testing.detectors import check_detector

    def test_my_detector():
        check_detector(lambda runtime: MyDetector(MyDetector.Config(), runtime), runtime)

Or one test for each of `DETECTOR_CHECKS`, which share the trainings of one `DetectorTrial`. A
check raises AssertionError with what was expected. Pictures are those of `okng.testing.images`.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from okng.domain.arrays import Floats, Mask, Pixels, Scores
from okng.domain.ports import (
    Detector,
    Images,
    Progress,
    Runtime,
    Session,
    TakeMap,
    Trained,
    ignore_map,
    silent,
)
from okng.graphs.builder import GraphBuilder
from okng.graphs.signature import Signature, check_signature
from okng.testing.images import ArrayImages, defect_box, good_parts, with_defect

GOOD = 12
FOLDS = (0, 1, 2) * (GOOD // 3)
OUTLIER = 4
"""Which good image is replaced by a defective one, to see which scores know of it."""
UNSEEN = 4


class DetectorTrial:
    """Trainings of one detector on pictures of one part, each made when first asked for.

    Args:
        make: builds the detector, always with the same settings and seed.
        runtime: for the detector, and to run what it makes.
        size: side of the pictures in pixels.
        seed: of the pictures.
    """

    def __init__(
        self, make: Callable[[Runtime], Detector], runtime: Runtime, size: int = 128, seed: int = 0
    ) -> None:
        self._make = make
        self._runtime = runtime
        self.size = size
        self.good: Pixels = good_parts(GOOD, size, seed)
        self.unseen: Pixels = good_parts(UNSEEN, size, seed, start=GOOD)
        self.defective: Pixels = np.array([with_defect(pixels) for pixels in self.unseen])

    def train(
        self,
        pixels: Pixels,
        folds: Sequence[int] | None = FOLDS,
        inspected: Mask | None = None,
        progress: Progress = silent,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Train a detector that was made anew."""
        images = ArrayImages(pixels, inspected)
        return self._make(self._runtime).train(images, folds, progress, take_map)

    def load(self, trained: Trained) -> Session:
        return self._runtime.load(trained.graph)

    @cached_property
    def trained(self) -> Trained:
        """Trained on the good parts, cross-fitted."""
        return self.train(self.good)

    @cached_property
    def spoiled(self) -> Trained:
        """Trained on the same, but for one that is defective."""
        pixels = self.good.copy()
        pixels[OUTLIER] = with_defect(pixels[OUTLIER])
        return self.train(pixels)

    @cached_property
    def session(self) -> Session:
        return self.load(self.trained)

    @property
    def signature(self) -> Signature:
        return check_signature(self.trained.graph)


def check_detector(
    make: Callable[[Runtime], Detector], runtime: Runtime, size: int = 128, seed: int = 0
) -> None:
    """Check all that is asked of a detector; see `DetectorTrial` for the arguments.

    Raises:
        AssertionError: it is not as it should be; the message is one sentence.
        BadModel: its graph does not have the one signature.
    """
    trial = DetectorTrial(make, runtime, size, seed)
    for check in DETECTOR_CHECKS:
        check(trial)


def has_the_signature(trial: DetectorTrial) -> None:
    """The graph has the one signature, at the images' size, and a map of at least 2 x 2."""
    found = trial.signature
    assert (found.height, found.width) == (trial.size, trial.size), (
        f"the graph must declare the images' size, {trial.size} x {trial.size}"
    )
    assert found.map_height is not None, "the graph must declare the map's height"
    assert found.map_width is not None, "the graph must declare the map's width"
    assert min(found.map_height, found.map_width) >= 2, "the map must say where, not only whether"


def is_deterministic(trial: DetectorTrial) -> None:
    """The same images and the same seed give the same graph and scores, byte for byte."""
    again = trial.train(trial.good)
    assert again.graph == trial.trained.graph, "two trainings must give the same graph"
    assert np.array_equal(_cross_fitted(again), _cross_fitted(trial.trained)), (
        "two trainings must give the same cross-fitted scores"
    )


def scores_are_raw(trial: DetectorTrial) -> None:
    """Scores are finite, tell good parts apart and are not cut off where parts are worse."""
    scores = [_run(trial.session, pixels)[0] for pixels in trial.unseen]
    assert np.isfinite(scores).all(), "scores must be finite"
    assert len(set(scores)) == len(scores), "different good parts must not share one score"
    worse = _run(trial.session, trial.defective[0])[0]
    inverted = _run(trial.session, 255 - trial.defective[0])[0]
    assert np.isfinite(inverted), "scores must be finite, whatever the picture"
    assert inverted != worse, "scores must not be clamped at what is abnormal"


def map_is_in_units_of_score(trial: DetectorTrial) -> None:
    """The map is finite, of the size declared, and the score lies between its ends."""
    found = trial.signature
    for pixels in (*trial.unseen, *trial.defective):
        score, anomaly_map = _run(trial.session, pixels)
        assert anomaly_map.shape == (found.map_height, found.map_width), (
            "the map must have the size that the graph declares"
        )
        assert np.isfinite(anomaly_map).all(), "the map must be finite"
        slack = 1e-5 * float(np.abs(anomaly_map).max())
        low, high = float(anomaly_map.min()) - slack, float(anomaly_map.max()) + slack
        assert low <= score <= high, (
            f"the score ({score:g}) must lie between the map's minimum and maximum "
            f"({low:g} and {high:g})"
        )


def takes_batches(trial: DetectorTrial) -> None:
    """Two images in one batch get what each gets alone."""
    pictures = np.stack([trial.unseen[0], trial.defective[1]])
    both = trial.session.run({"image": pictures})
    for i, pixels in enumerate(pictures):
        alone = trial.session.run({"image": pixels[None]})
        for name in ("score", "anomaly_map"):
            allowed = 1e-4 * float(np.abs(alone[name]).max())
            assert np.abs(both[name][i] - alone[name][0]).max() <= allowed, (
                f"an image must get the same {name} in a batch as alone"
            )


def finds_the_defect(trial: DetectorTrial) -> None:
    """A planted defect scores higher than every good part, and the map peaks where it is."""
    good = max(_run(trial.session, pixels)[0] for pixels in trial.unseen)
    for pixels in trial.defective:
        score, anomaly_map = _run(trial.session, pixels)
        assert score > good, f"a hole scores {score:g}, not more than the worst good part, {good:g}"
        row, column = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        box, cell = defect_box(trial.size), trial.size / anomaly_map.shape[0]
        y, x = (row + 0.5) * cell, (column + 0.5) * cell
        inside = box.x - cell <= x <= box.x + box.width + cell
        inside &= box.y - cell <= y <= box.y + box.height + cell
        assert inside, f"the map peaks at ({x:g}, {y:g}), but the hole is at {box}"


def cross_fits_every_image(trial: DetectorTrial) -> None:
    """With folds each image has a finite score of its own; without, there are none."""
    scores = _cross_fitted(trial.trained)
    assert scores.shape == (GOOD,), f"there must be {GOOD} cross-fitted scores, one for each image"
    assert np.isfinite(scores).all(), "cross-fitted scores must be finite"
    assert trial.train(trial.good[:4], folds=None).cross_fitted is None, (
        "without folds there must be no cross-fitted scores"
    )


def hands_over_cross_fitted_maps(trial: DetectorTrial) -> None:
    """Each image's cross-fitted map is handed over once, and is what its score is made of."""
    maps: dict[int, Floats] = {}

    def take(index: int, anomaly_map: Floats) -> None:
        assert index not in maps, "an image's map must be handed over once"
        maps[index] = anomaly_map.copy()

    scores = _cross_fitted(trial.train(trial.good, take_map=take))
    assert sorted(maps) == list(range(GOOD)), "every image's cross-fitted map must be handed over"
    found = trial.signature
    for i, anomaly_map in maps.items():
        assert anomaly_map.shape == (found.map_height, found.map_width), (
            "a cross-fitted map must have the size that the graph declares"
        )
        slack = 1e-5 * float(np.abs(anomaly_map).max())
        low, high = float(anomaly_map.min()) - slack, float(anomaly_map.max()) + slack
        assert low <= scores[i] <= high, (
            "a cross-fitted score must lie between the minimum and maximum of its map"
        )
    assert len({m.tobytes() for m in maps.values()}) == GOOD, (
        "different images must not share one cross-fitted map"
    )


def cross_fits_without_the_fold(trial: DetectorTrial) -> None:
    """No image is scored by a graph that saw its own fold.

    One image is replaced by a defective one. Scores of the others in its fold may not know of it;
    its own must be what a graph says that never saw it: the highest of its fold, and higher than
    the full graph's, which did.
    """
    before, after = _cross_fitted(trial.trained), _cross_fitted(trial.spoiled)
    fold = FOLDS[OUTLIER]
    others = [i for i in range(GOOD) if FOLDS[i] == fold and i != OUTLIER]
    assert np.array_equal(before[others], after[others]), (
        "cross-fitted scores may not depend on images of their own fold"
    )
    assert after[OUTLIER] > after[others].max(), (
        "a defective image must stand out among the cross-fitted scores of its fold"
    )
    seen, _ = _run(trial.load(trial.spoiled), with_defect(trial.good[OUTLIER]))
    assert after[OUTLIER] > seen, (
        f"the cross-fitted score of a defective image ({after[OUTLIER]:g}) must be higher than the "
        f"one by the graph that saw it in training ({seen:g})"
    )


def honours_the_mask(trial: DetectorTrial) -> None:
    """Where the view's mask hides all of a cell the map is 0, and elsewhere it works."""
    inspected = np.ones((trial.size, trial.size), np.bool_)
    inspected[:, trial.size // 2 :] = False
    session = trial.load(trial.train(trial.good, None, inspected))
    box = defect_box(trial.size)
    assert inspected[:, : box.x + box.width].all()
    good, bad = ArrayImages(trial.unseen, inspected), ArrayImages(trial.defective, inspected)
    worst = max(_run(session, good[i])[0] for i in range(len(good)))
    for i in range(len(bad)):
        score, anomaly_map = _run(session, bad[i])
        assert score > worst, "a hole in what is inspected must be found beside a mask"
        # The view greys out what is masked; the map must be 0 there without its help, too.
        _, unmasked = _run(session, 255 - trial.defective[i])
        for found in (anomaly_map, unmasked):
            hidden = found[:, found.shape[1] // 2 :]
            assert not hidden.any(), "the map must be 0 where the mask hides a cell whole"


def tells_progress_and_facts(trial: DetectorTrial) -> None:
    """Progress is told in order and to the end, and facts are plain values."""
    told: list[tuple[str, int, int]] = []
    trial.train(trial.good, progress=lambda *step: told.append(step))
    assert told, "progress must be told"
    for stage in {stage for stage, _, _ in told}:
        steps = [done for name, done, _ in told if name == stage]
        assert steps == sorted(steps), f"progress of {stage!r} must not go back"
        totals = {total for name, _, total in told if name == stage}
        assert steps[-1] in totals, f"progress of {stage!r} must come to its end"
        assert max(steps) <= min(totals), f"progress of {stage!r} must not pass its end"
    facts = dict(trial.trained.facts)
    assert json.loads(json.dumps(facts)) == facts, "facts must be plain numbers and texts"


DETECTOR_CHECKS: tuple[Callable[[DetectorTrial], None], ...] = (
    has_the_signature,
    is_deterministic,
    scores_are_raw,
    map_is_in_units_of_score,
    takes_batches,
    finds_the_defect,
    cross_fits_every_image,
    hands_over_cross_fitted_maps,
    cross_fits_without_the_fold,
    honours_the_mask,
    tells_progress_and_facts,
)


class MeanPartConfig(BaseModel):
    """Settings of the `MeanPart` detector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell_px: Annotated[
        int, Field(title="Cell", description="Side of a map cell in pixels.", ge=1, le=64)
    ] = 8
    seed: Annotated[int, Field(title="Seed", description="Nothing is random.", ge=0)] = 0


class MeanPart:
    """The plainest detector that keeps every rule: the distance to the mean of the good images.

    anomaly_map = mean over each cell of |image - mean image|, score = its maximum. It trains in
    milliseconds, so it stands in for real ones in tests.
    """

    Config: ClassVar = MeanPartConfig

    def __init__(self, config: MeanPartConfig, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Average the images; see `okng.domain.ports.Detector`."""
        everyone = range(len(images))
        progress("average", 0, len(images))
        graph = self._graph(images, everyone)
        progress("average", len(images), len(images))
        facts = {"cell_px": self._config.cell_px}
        if folds is None:
            return Trained(graph, None, facts)
        scores = np.full(len(images), np.nan)
        for fold in sorted(set(folds)):
            rest = [i for i in everyone if folds[i] != fold]
            session = self._runtime.load(self._graph(images, rest))
            for i in (i for i in everyone if folds[i] == fold):
                outputs = session.run({"image": images[i][None]})
                scores[i] = float(outputs["score"][0])
                take_map(i, outputs["anomaly_map"][0])
        return Trained(graph, scores, facts)

    def _graph(self, images: Images, chosen: Sequence[int]) -> bytes:
        total = np.zeros((*images.inspected.shape, 3))
        for i in chosen:
            total += images[i]
        return self._write((total / len(chosen)).astype(np.float32), images.inspected)

    def _write(self, mean: Floats, inspected: Mask) -> bytes:
        cell = self._config.cell_px
        height, width = inspected.shape
        rows, columns = height // cell, width // cell
        keep = inspected.reshape(rows, cell, columns, cell).any(axis=(1, 3)).astype(np.float32)
        graph = GraphBuilder("mean_part")
        x = graph.node("Cast", graph.input("image", "uint8", ("N", height, width, 3)), to=1)
        off = graph.node("Abs", graph.node("Sub", x, graph.constant(mean)))
        plane = graph.node("ReduceMean", off, graph.ints(3), keepdims=0)
        plane = graph.node("Reshape", plane, graph.ints(-1, 1, height, width))
        cells = graph.node("AveragePool", plane, kernel_shape=[cell, cell], strides=[cell, cell])
        anomaly_map = graph.node("Reshape", cells, graph.ints(-1, rows, columns))
        anomaly_map = graph.node("Mul", anomaly_map, graph.constant(keep))
        score = graph.node("ReduceMax", anomaly_map, graph.ints(1, 2), keepdims=0)
        graph.output(score, "score", ("N",))
        graph.output(anomaly_map, "anomaly_map", ("N", rows, columns))
        return bytes(graph.build().SerializeToString(deterministic=True))


def _run(session: Session, pixels: Pixels) -> tuple[float, Floats]:
    """Return score and map, float32 `[h, w]`, of one image."""
    outputs = session.run({"image": pixels[None]})
    return float(outputs["score"][0]), outputs["anomaly_map"][0]


def _cross_fitted(trained: Trained) -> Scores:
    assert trained.cross_fitted is not None, "with folds there must be cross-fitted scores"
    return trained.cross_fitted
