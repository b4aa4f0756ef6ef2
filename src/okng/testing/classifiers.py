"""What every classifier must do: a detector that learns from labelled images.

    from okng.testing.classifiers import check_classifier

    def test_my_classifier():
        check_classifier(lambda runtime: MyClassifier(MyClassifier.Config(), runtime), runtime)

Or one test for each of `CLASSIFIER_CHECKS`, which share the trainings of one `ClassifierTrial`. A
check raises AssertionError with what was expected. Pictures are those of `okng.testing.images`.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from okng.algorithms.class_scores import doubt, log_odds
from okng.domain.arrays import Floats, Mask, Pixels
from okng.domain.dataset import GOOD
from okng.domain.ports import Classifier, Progress, Runtime, Session, Trained, Truth, silent
from okng.graphs.signature import Signature, check_signature
from okng.testing.images import ArrayImages, defect_box, good_parts, with_defect, with_scratch

NAMES = (GOOD, "hole", "scratch")
OF_EACH = 9
FOLDS = (0, 1, 2) * OF_EACH
UNSEEN = 3
_SWAPPED = 4
"""Which image is replaced by another, to see which scores know of it."""


class ClassifierTrial:
    """Trainings of one classifier on pictures of one part, each made when first asked for.

    Args:
        make: builds the classifier, always with the same settings and seed.
        runtime: for the classifier, and to run what it makes.
        size: side of the pictures in pixels.
        seed: of the pictures.
    """

    def __init__(
        self, make: Callable[[Runtime], Classifier], runtime: Runtime, size: int = 96, seed: int = 0
    ) -> None:
        self._make = make
        self._runtime = runtime
        self.size = size
        self.pixels = _of_each(OF_EACH, size, seed, 0)
        self.labels = [k for k in range(len(NAMES)) for _ in range(OF_EACH)]
        self.unseen = _of_each(UNSEEN, size, seed, 3 * OF_EACH)
        self.of_unseen = [k for k in range(len(NAMES)) for _ in range(UNSEEN)]

    @property
    def cross_fits(self) -> bool:
        return self._make(self._runtime).cross_fits

    def train(
        self,
        pixels: Pixels,
        labels: Sequence[int],
        names: tuple[str, ...] = NAMES,
        folds: Sequence[int] | None = None,
        inspected: Mask | None = None,
        progress: Progress = silent,
    ) -> Trained:
        """Train a classifier that was made anew; every picture is a part of its own."""
        truth = Truth(names, labels, range(len(pixels)))
        images = ArrayImages(pixels, inspected)
        return self._make(self._runtime).train_labelled(images, truth, folds, progress)

    def load(self, trained: Trained) -> Session:
        return self._runtime.load(trained.graph)

    @cached_property
    def trained(self) -> Trained:
        """Trained on good parts and two kinds of defect; cross-fitted if it can be."""
        return self.train(self.pixels, self.labels, folds=FOLDS if self.cross_fits else None)

    @cached_property
    def session(self) -> Session:
        return self.load(self.trained)

    @cached_property
    def signature(self) -> Signature:
        return check_signature(self.trained.graph)


def check_classifier(
    make: Callable[[Runtime], Classifier], runtime: Runtime, size: int = 96, seed: int = 0
) -> None:
    """Check all that is asked of a classifier; see `ClassifierTrial` for the arguments.

    Raises:
        AssertionError: it is not as it should be; the message is one sentence.
        BadModel: its graph does not have the one signature.
    """
    trial = ClassifierTrial(make, runtime, size, seed)
    for check in CLASSIFIER_CHECKS:
        check(trial)


def has_the_signature(trial: ClassifierTrial) -> None:
    """The graph has the one signature with a column for each class, and a map of 2 x 2 at least."""
    found = trial.signature
    assert (found.height, found.width) == (trial.size, trial.size), (
        f"the graph must declare the images' size, {trial.size} x {trial.size}"
    )
    assert found.classes == len(NAMES), f"class_scores must have {len(NAMES)} columns"
    assert found.map_height is not None, "the graph must declare the map's height"
    assert found.map_width is not None, "the graph must declare the map's width"
    assert min(found.map_height, found.map_width) >= 2, "the map must say where, not only whether"


def is_deterministic(trial: ClassifierTrial) -> None:
    """The same images and the same seed give the same graph and scores, byte for byte."""
    again = trial.train(trial.pixels, trial.labels, folds=FOLDS if trial.cross_fits else None)
    assert again.graph == trial.trained.graph, "two trainings must give the same graph"
    if trial.cross_fits:
        assert np.array_equal(_class_scores(again), _class_scores(trial.trained)), (
            "two trainings must give the same cross-fitted class scores"
        )


def names_what_it_has_not_seen(trial: ClassifierTrial) -> None:
    """Parts that it has not seen get their class; defective ones score above good ones."""
    found = [_run(trial.session, pixels) for pixels in trial.unseen]
    for (_, _, class_scores), label in zip(found, trial.of_unseen, strict=True):
        named = int(class_scores.argmax())
        assert named == label, f"a part of the class {NAMES[label]} was named {NAMES[named]}"
    good = max(one[0] for one, k in zip(found, trial.of_unseen, strict=True) if k == 0)
    bad = min(one[0] for one, k in zip(found, trial.of_unseen, strict=True) if k > 0)
    assert bad > good, f"a defect scores {bad:g}, not more than the worst good part, {good:g}"


def score_is_the_log_odds(trial: ClassifierTrial) -> None:
    """Where a class is good the score is the log-odds of any defect, raw and never clamped."""
    scores = []
    for pixels in (*trial.unseen, 255 - trial.unseen[0]):
        score, _, class_scores = _run(trial.session, pixels)
        wanted = float(log_odds(class_scores[None])[0])
        allowed = 1e-4 * max(1.0, float(np.abs(class_scores).max()))
        assert abs(score - wanted) <= allowed, (
            f"the score is {score:g}, but the class scores' log-odds of a defect are {wanted:g}"
        )
        scores.append(score)
    assert len(set(scores)) == len(scores), "different parts must not share one score"


def score_is_the_doubt_without_good(trial: ClassifierTrial) -> None:
    """Where no class is good the score is 1 - the highest probability."""
    rows = [i for i, label in enumerate(trial.labels) if label > 0]
    labels = [trial.labels[i] - 1 for i in rows]
    session = trial.load(trial.train(trial.pixels[rows], labels, NAMES[1:]))
    for pixels in trial.unseen:
        score, anomaly_map, class_scores = _run(session, pixels)
        wanted = float(doubt(class_scores[None])[0])
        assert abs(score - wanted) <= 1e-4, (
            f"the score is {score:g}, but the doubt of the class scores is {wanted:g}"
        )
        _check_map(score, anomaly_map)


def map_is_in_units_of_score(trial: ClassifierTrial) -> None:
    """The map is finite, of the size declared, and the score lies between its ends."""
    found = trial.signature
    for pixels in trial.unseen:
        score, anomaly_map, _ = _run(trial.session, pixels)
        assert anomaly_map.shape == (found.map_height, found.map_width), (
            "the map must have the size that the graph declares"
        )
        _check_map(score, anomaly_map)


def shows_where_it_looked(trial: ClassifierTrial) -> None:
    """The map peaks where the hole is."""
    for pixels, label in zip(trial.unseen, trial.of_unseen, strict=True):
        if NAMES[label] != "hole":
            continue
        _, anomaly_map, _ = _run(trial.session, pixels)
        row, column = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        box, cell = defect_box(trial.size), trial.size / anomaly_map.shape[0]
        y, x = (row + 0.5) * cell, (column + 0.5) * cell
        inside = box.x - cell <= x <= box.x + box.width + cell
        inside &= box.y - cell <= y <= box.y + box.height + cell
        assert inside, f"the map peaks at ({x:g}, {y:g}), but the hole is at {box}"


def takes_batches(trial: ClassifierTrial) -> None:
    """Two images in one batch get what each gets alone."""
    pictures = trial.unseen[[0, -1]]
    both = trial.session.run({"image": pictures})
    for i, pixels in enumerate(pictures):
        alone = trial.session.run({"image": pixels[None]})
        for name in ("score", "anomaly_map", "class_scores"):
            allowed = 1e-4 * max(1.0, float(np.abs(alone[name]).max()))
            assert np.abs(both[name][i] - alone[name][0]).max() <= allowed, (
                f"an image must get the same {name} in a batch as alone"
            )


def cross_fits_without_the_fold(trial: ClassifierTrial) -> None:
    """With folds each image has scores by a graph that saw no image of its fold; without, none."""
    if not trial.cross_fits:
        return
    scores, class_scores = trial.trained.cross_fitted, _class_scores(trial.trained)
    assert scores is not None, "with folds there must be cross-fitted scores"
    assert class_scores.shape == (len(trial.pixels), len(NAMES)), (
        "with folds there must be class scores of each image"
    )
    assert np.isfinite(class_scores).all(), "cross-fitted class scores must be finite"
    assert np.allclose(scores, log_odds(class_scores), atol=1e-4), (
        "cross-fitted scores must be the log-odds of the cross-fitted class scores"
    )
    pixels = trial.pixels.copy()
    pixels[_SWAPPED] = 255 - pixels[_SWAPPED]
    other = _class_scores(trial.train(pixels, trial.labels, folds=FOLDS))
    same = [i for i in range(len(pixels)) if FOLDS[i] == FOLDS[_SWAPPED] and i != _SWAPPED]
    assert np.array_equal(class_scores[same], other[same]), (
        "cross-fitted scores may not depend on images of their own fold"
    )
    alone = trial.train(trial.pixels, trial.labels)
    assert alone.cross_fitted is None, "without folds there must be no cross-fitted scores"
    assert alone.class_scores is None, "without folds there must be no cross-fitted class scores"


def honours_the_mask(trial: ClassifierTrial) -> None:
    """Where the mask hides all of a cell the map never stands out, and elsewhere it works."""
    inspected = np.ones((trial.size, trial.size), np.bool_)
    inspected[:, trial.size // 2 :] = False
    rows = [i for i, label in enumerate(trial.labels) if NAMES[label] != "scratch"]
    labels = [trial.labels[i] for i in rows]
    trained = trial.train(trial.pixels[rows], labels, NAMES[:2], inspected=inspected)
    session = trial.load(trained)
    for pixels, label in zip(trial.unseen, trial.of_unseen, strict=True):
        if label > 1:
            continue
        shown = ArrayImages(pixels[None], inspected)[0]
        _, anomaly_map, class_scores = _run(session, shown)
        assert int(class_scores.argmax()) == label, "a hole beside a mask must be named"
        # The view greys out what is masked; the map must not stand out without its help, either.
        _, unmasked, _ = _run(session, 255 - pixels)
        for found in (anomaly_map, unmasked):
            middle = found.shape[1] // 2
            assert found[:, middle:].max() <= found[:, :middle].min(), (
                "where the mask hides a cell whole, the map must not be above any other cell"
            )


def tells_progress_and_facts(trial: ClassifierTrial) -> None:
    """Progress is told in order and to the end, and facts are plain values."""
    told: list[tuple[str, int, int]] = []
    trial.train(trial.pixels, trial.labels, progress=lambda *step: told.append(step))
    assert told, "progress must be told"
    for stage in {stage for stage, _, _ in told}:
        steps = [done for name, done, _ in told if name == stage]
        totals = {total for name, _, total in told if name == stage}
        assert steps == sorted(steps), f"progress of {stage!r} must not go back"
        assert steps[-1] in totals, f"progress of {stage!r} must come to its end"
        assert max(steps) <= min(totals), f"progress of {stage!r} must not pass its end"
    facts = dict(trial.trained.facts)
    assert json.loads(json.dumps(facts)) == facts, "facts must be plain numbers and texts"


CLASSIFIER_CHECKS: tuple[Callable[[ClassifierTrial], None], ...] = (
    has_the_signature,
    is_deterministic,
    names_what_it_has_not_seen,
    score_is_the_log_odds,
    score_is_the_doubt_without_good,
    map_is_in_units_of_score,
    shows_where_it_looked,
    takes_batches,
    cross_fits_without_the_fold,
    honours_the_mask,
    tells_progress_and_facts,
)


def _of_each(count: int, size: int, seed: int, start: int) -> Pixels:
    """Render `count` parts of each class, one class behind the other."""
    parts = good_parts(len(NAMES) * count, size, seed, start)
    spoiled = [with_defect(pixels) for pixels in parts[count : 2 * count]]
    scratched = [with_scratch(pixels) for pixels in parts[2 * count :]]
    return np.array([*parts[:count], *spoiled, *scratched])


def _check_map(score: float, anomaly_map: Floats) -> None:
    assert np.isfinite(anomaly_map).all(), "the map must be finite"
    slack = 1e-5 * max(1.0, float(np.abs(anomaly_map).max()))
    low, high = float(anomaly_map.min()) - slack, float(anomaly_map.max()) + slack
    assert low <= score <= high, (
        f"the score ({score:g}) must lie between the map's minimum and maximum "
        f"({low:g} and {high:g})"
    )


def _run(session: Session, pixels: Pixels) -> tuple[float, Floats, Floats]:
    """Return score, map float32 `[h, w]` and class scores float32 `[K]` of one image."""
    outputs = session.run({"image": pixels[None]})
    return float(outputs["score"][0]), outputs["anomaly_map"][0], outputs["class_scores"][0]


def _class_scores(trained: Trained) -> Floats:
    assert trained.class_scores is not None, "with folds there must be class scores of each image"
    return trained.class_scores
