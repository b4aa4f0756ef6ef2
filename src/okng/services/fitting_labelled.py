"""Fit a classifier: check the labels, hold parts of every class out or cross-fit; score them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.calibration import best_by_group, worst_by_group
from okng.algorithms.class_scores import fit_temperature
from okng.algorithms.splitting import grouped_split, stratified_folds
from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Floats, Scores
from okng.domain.calibration import Evidence, Subject
from okng.domain.counting import counted
from okng.domain.dataset import GOOD, Sample, Split, class_names
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.model import MOST_CLASSES, ClassCard
from okng.domain.ports import Classifier, Progress, Runtime, Trained, Truth
from okng.services.fitting import (
    ENOUGH_HELD_OUT,
    FEW_FOLDS,
    FOLDS,
    HELD_OUT_SHARE,
    MANY_PARTS,
    Fitted,
)
from okng.services.prepare import PreparedImages
from okng.services.training_plan import CalibrationPlan, TrainingPlan

LEAST_PARTS = 2
"""Of each class: one to learn from, and one that was not learned."""


def fit_labelled(
    images: PreparedImages,
    groups: Array,
    pictures: Sequence[bytes],
    detector: Classifier,
    plan: TrainingPlan,
    runtime: Runtime,
    progress: Progress,
) -> Fitted:
    """Train on labelled images, and score some that the scoring graph has not seen.

    Validation samples, where the dataset has them, are those; else parts of every class are held
    out, or all are cross-fitted.

    Args:
        images: the labelled training and validation samples.
        groups: int64 `[n]`, the part that each shows.
        pictures: a digest of each one's pixels.
        detector: what is trained.
        plan: how.
        runtime: scores what was held out.
        progress: is told how far the work is.

    Raises:
        BadDataset: the labels contradict, there is one class alone, or one of a class's parts.
    """
    samples = images.samples
    _refuse_contradictions(samples, pictures)
    given = np.array([sample.split is Split.VALIDATION for sample in samples], np.bool_)
    learned = [sample for sample, is_given in zip(samples, given, strict=True) if not is_given]
    names = class_names(learned)
    labels = np.array([_index(names, sample) for sample in samples], np.int64)
    known = _Known(names, labels, groups)
    known.check(~given, bool(given.any()))
    held = given if given.any() else _held_out(known, detector, plan)
    if held is None:
        return _cross_fitted(images, known, detector, plan, progress)
    kept, out = (np.flatnonzero(side).tolist() for side in (~held, held))
    trained = detector.train_labelled(Chosen(images, kept), known.truth(kept), None, progress)
    session = runtime.load(trained.graph)
    scores = np.full(len(images), np.nan)
    class_scores = np.full((len(images), len(names)), np.nan, np.float32)
    for done, i in enumerate(out, start=1):
        found = session.run({"image": images[i][None]})
        scores[i], class_scores[i] = float(found["score"][0]), found["class_scores"][0]
        progress("calibrate", done, len(out))
    return _fitted(trained, known, scores, class_scores, ~held, Evidence.HELD_OUT)


@dataclass(frozen=True)
class _Known:
    """The classes, and of each image its class and its part; a class of -1 was not learned."""

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: Array

    @property
    def knows_good(self) -> bool:
        return self.names[:1] == (GOOD,)

    def truth(self, chosen: Sequence[int]) -> Truth:
        return Truth(
            self.names,
            [int(self.labels[i]) for i in chosen],
            [int(self.groups[i]) for i in chosen],
        )

    def parts(self, label: int, among: NDArray[np.bool_]) -> int:
        """Return how many parts of a class there are."""
        return len(np.unique(self.groups[(self.labels == label) & among]))

    def check(self, learned: NDArray[np.bool_], is_validated: bool) -> None:
        """Refuse classes that cannot be learned or not be checked.

        Raises:
            BadDataset: there is one class alone, or a class has too few parts.
        """
        if len(self.names) < 2:
            only = self.names[0] if self.names else "nothing"
            raise BadDataset(
                f"a classifier learns to tell classes apart, but the training images hold only "
                f"{only!r}: put labelled defects into train/<name of the defect>, let okng doctor "
                "FOLDER --split FILE.csv split what there is, or take --detector memory, which "
                "learns from good images alone"
            )
        if len(self.names) > MOST_CLASSES:
            raise BadDataset(
                f"the training images have {len(self.names):,} labels; {MOST_CLASSES:,} classes at "
                "most can be told apart: are the folders named by class?"
            )
        least = 1 if is_validated else LEAST_PARTS
        for label, name in enumerate(self.names):
            parts = self.parts(label, learned)
            images = int(((self.labels == label) & learned).sum())
            if parts < least:
                of = f"{counted(images, 'image')} of {counted(parts, 'part')}"
                raise BadDataset(
                    f"the class {name!r} has {of} to train on, but needs images of "
                    f"{least} parts that differ: one to learn from and one to check it with; add "
                    "some, or leave the class out"
                )


def _index(names: tuple[str, ...], sample: Sample) -> int:
    return names.index(sample.label) if sample.label in names else -1


def _refuse_contradictions(samples: Sequence[Sample], pictures: Sequence[bytes]) -> None:
    """Refuse a picture that has two labels.

    Raises:
        BadDataset: with the names of both files.
    """
    order = sorted(range(len(samples)), key=lambda i: pictures[i])
    twins = [(a, b) for a, b in pairwise(order) if pictures[a] == pictures[b]]
    wrong = [(a, b) for a, b in twins if samples[a].label != samples[b].label]
    if wrong:
        first, second = (samples[i] for i in sorted(wrong[0]))
        more = f", and {len(wrong) - 1} more such pairs" if len(wrong) > 1 else ""
        raise BadDataset(
            f"labels contradict: {first.path} is {first.label!r} and {second.path} is "
            f"{second.label!r}, but they are the same picture{more}; remove the wrong one (okng "
            "doctor lists them all)"
        )


def _held_out(known: _Known, detector: Classifier, plan: TrainingPlan) -> NDArray[np.bool_] | None:
    """Choose whole parts of every class to be held out; None: all are cross-fitted."""
    everyone = np.ones(len(known.labels), np.bool_)
    good = known.parts(0, everyone) if known.knows_good else len(np.unique(known.groups))
    wanted = max(plan.wish.parts_needed, ENOUGH_HELD_OUT)
    may_fit = detector.cross_fits and not plan.is_slow
    if plan.calibration is CalibrationPlan.CROSS_FIT and not detector.cross_fits:
        raise BadSetting(f"{plan.detector_name} cannot be cross-fitted: take --calibration split")
    if plan.calibration is CalibrationPlan.CROSS_FIT:
        return None
    if plan.calibration is CalibrationPlan.AUTO and may_fit and good < 2 * wanted:
        return None
    share = min(max(wanted / good, HELD_OUT_SHARE), 0.5)
    if good < 2 * wanted:
        share = HELD_OUT_SHARE
    return grouped_split(known.groups, known.labels.tolist(), share, plan.seed)


def _cross_fitted(
    images: PreparedImages,
    known: _Known,
    detector: Classifier,
    plan: TrainingPlan,
    progress: Progress,
) -> Fitted:
    """Train on all, and score each by a graph that has not seen its fold."""
    hands = FOLDS if len(np.unique(known.groups)) < MANY_PARTS else FEW_FOLDS
    folds = stratified_folds(known.groups, known.labels, hands, plan.seed).tolist()
    everyone = list(range(len(images)))
    trained = detector.train_labelled(
        Chosen(images, everyone), known.truth(everyone), folds, progress
    )
    if trained.cross_fitted is None or trained.class_scores is None:
        raise BadSetting(f"{plan.detector_name} cannot be cross-fitted: take --calibration split")
    everything = np.ones(len(images), np.bool_)
    return _fitted(
        trained,
        known,
        trained.cross_fitted,
        trained.class_scores,
        everything,
        Evidence.CROSS_FITTED,
    )


def _fitted(
    trained: Trained,
    known: _Known,
    scores: Scores,
    class_scores: Floats,
    learned: NDArray[np.bool_],
    evidence: Evidence,
) -> Fitted:
    """Sum up by parts, and find the temperature."""
    scored = np.isfinite(scores)
    judged = scored & (known.labels == 0) if known.knows_good else scored & (known.labels >= 0)
    defective = scored & ~judged if known.knows_good else np.zeros(len(scores), np.bool_)
    if not judged.any():
        raise BadDataset(
            "the validation images hold no good one, so no threshold can be set: add some, or "
            "leave the validation set out, so that okng holds parts out by itself"
        )
    named = scored & (known.labels >= 0)
    counts = tuple(int(((known.labels == k) & learned).sum()) for k in range(len(known.names)))
    temperature = fit_temperature(class_scores[named], known.labels[named])
    card = ClassCard(known.names, counts, temperature, int(named.sum()))
    return Fitted(
        trained,
        worst_by_group(scores[judged], known.groups[judged]),
        scores,
        evidence,
        best_by_group(scores[defective], known.groups[defective])
        if defective.any()
        else np.empty(0),
        card,
        Subject.GOOD if known.knows_good else Subject.KIND,
        _note(known, scored),
        defective,
    )


def _note(known: _Known, scored: NDArray[np.bool_]) -> str:
    """Say which classes were not checked, and what was validated that nothing was learned of."""
    notes = []
    absent = [n for k, n in enumerate(known.names) if not (scored & (known.labels == k)).any()]
    if absent:
        notes.append(
            f"no validation image shows {', '.join(absent)}: how well it is told from the others, "
            "and how sure the model may be of it, was not checked"
        )
    strangers = int((scored & (known.labels < 0)).sum())
    if strangers:
        notes.append(
            f"{counted(strangers, 'validation image')} of kinds that were not learned counted as "
            "defective alone"
        )
    return "; ".join(notes)
