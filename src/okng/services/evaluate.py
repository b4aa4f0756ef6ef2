"""Evaluate: inspect samples whose truth is known and count what became of them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from os.path import commonpath
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.binomial import clopper_pearson
from okng.algorithms.metrics import (
    auroc,
    average_precision,
    f1_max,
    precision_recall_points,
    roc_points,
)
from okng.domain.arrays import Floats, Mask, Scores
from okng.domain.calibration import Calibration
from okng.domain.counting import chosen, counted
from okng.domain.dataset import GOOD, Sample, defect_names
from okng.domain.errors import BadDataset
from okng.domain.evaluation import (
    Confusion,
    Evaluation,
    Exhibit,
    ImageResult,
    KindResult,
    Latency,
    PixelResult,
    Shelf,
)
from okng.domain.inspection import Inspection, Timing
from okng.domain.masks import MaskSource
from okng.domain.model import Manifest
from okng.domain.ports import Progress, silent
from okng.domain.rates import Rate
from okng.domain.verdict import Verdict
from okng.services.evaluate_naming import Named, misnamed, naming, stranger_note
from okng.services.evaluate_pixels import LONGEST_SIDE_PX, PixelJudge

DEFECTIVE = "defective"
SHELF_SIZE = 6
SHELF_LEAST = 4
"""How many misses, and how many false calls, are shown; near ones make up the least number."""
_NAMED = 3


@dataclass(frozen=True)
class _Seen:
    """One labelled sample after its inspection; no map where there was no verdict."""

    sample: Sample
    result: ImageResult
    anomaly_map: Floats | None
    timing: Timing | None
    classes: Mapping[str, float]

    @property
    def named(self) -> Named:
        return Named(self.result.label, self.classes)


def evaluate(
    inspect: Callable[[Sample], Inspection],
    samples: Sequence[Sample],
    manifest: Manifest,
    calibration: Calibration,
    load_mask: Callable[[MaskSource], Mask],
    progress: Progress = silent,
    *,
    dataset: str = "",
    root: Path | None = None,
    runtime: str = "",
    digest: Callable[[Path], str | None] | None = None,
) -> Evaluation:
    """Inspect every labelled sample and report what the model is worth on them.

    An image that fails is counted as `ERROR` and does not end the run; unlabelled samples are
    passed over. Images that the model was made from are left out, wherever they lie now: `digest`
    gives a file's SHA-256 in hexadecimal, or None where it cannot be read. Pictures are never
    kept: only maps and, in bounded number, pixel scores. Names of images are given below `root`.

    Raises:
        BadDataset: the model was made from all of the images.
    """
    labelled = [sample for sample in samples if sample.label is not None]
    base = root or _common_root(labelled)
    labelled, known = _unseen(labelled, manifest, digest)
    # A map of more cells, as of a large image in tiles, is judged cell by cell.
    finest = max(LONGEST_SIDE_PX, manifest.map_height, manifest.map_width)
    pixels = PixelJudge(labelled, manifest.view.roi, load_mask, finest)
    seen = []
    for done, sample in enumerate(labelled, start=1):
        inspection = inspect(sample)
        result = _result(sample, inspection, base)
        prediction = None if result.verdict is Verdict.ERROR else inspection.prediction
        anomaly_map = prediction.anomaly_map if prediction else None
        timing = inspection.timing if prediction else None
        classes = prediction.classes if prediction else {}
        seen.append(_Seen(sample, result, anomaly_map, timing, classes))
        if anomaly_map is not None:
            pixels.add(sample, result.image, inspection, anomaly_map)
        progress("evaluate", done, len(labelled))
    unlabelled = sum(sample.label is None for sample in samples)
    notes = _notes(unlabelled, seen) + pixels.notes
    if known:
        notes.insert(0, _left_out_note(known, labelled, base))
    elif digest is not None and not manifest.data.digests:
        notes.append(
            "This model does not say which images it was made from, so nothing tells whether some "
            "of them are among these: train it again."
        )
    if manifest.classes and (strangers := stranger_note(_names(seen), manifest.classes)):
        notes.append(strangers)
    found = _summary(seen, manifest, calibration, pixels.result(), notes, dataset, runtime)
    return replace(found, left_out=tuple(_name(sample, base) for sample in known))


def rate(count: int, total: int) -> Rate:
    """Return a share with its two-sided 95 % interval."""
    return Rate(count, total, *clopper_pearson(count, total))


def _unseen(
    labelled: Sequence[Sample], manifest: Manifest, digest: Callable[[Path], str | None] | None
) -> tuple[list[Sample], list[Sample]]:
    """Return the samples that had no share in the model, and those that had.

    Raises:
        BadDataset: all of them had.
    """
    made_from = frozenset(manifest.data.digests)
    if digest is None or not made_from:
        return list(labelled), []
    fresh: list[Sample] = []
    known: list[Sample] = []
    for sample in labelled:
        (known if digest(sample.path) in made_from else fresh).append(sample)
    if known and not fresh:
        raise BadDataset(
            f"{manifest.product}-{manifest.version} was made from all of these {len(known)} test "
            "images, so they cannot tell what it is worth: put images that were not trained on "
            "into test/good and test/<name of the defect>"
        )
    return fresh, known


def _left_out_note(known: Sequence[Sample], fresh: Sequence[Sample], base: Path) -> str:
    """Say that images the model was made from were not used, and what that leaves."""
    total = len(known) + len(fresh)
    names = ", ".join(_name(sample, base) for sample in known[:_NAMED])
    text = (
        f"{len(known)} of {counted(total, 'test image')} {chosen(len(known), 'was', 'were')} left "
        f"out, since the model was made from {chosen(len(known), 'this', 'these')} very "
        f"{chosen(len(known), 'image', 'images')}: {names}{', ...' if len(known) > _NAMED else ''}."
    )
    defective = sum(sample.is_defective for sample in known)
    if defective:
        are, were = chosen(defective, "is", "are"), chosen(defective, "was", "were")
        text += f" {defective} of them {are} labelled defective here, but {were} trained on as "
        text += "good."
    if not any(sample.is_good for sample in fresh):
        text += (
            " No good image remains, so overkill and AUROC are unknown: put good parts that were "
            "not trained on into test/good."
        )
    return text


def _result(sample: Sample, inspection: Inspection, base: Path) -> ImageResult:
    """Return the outcome; a score that is no finite number is an error."""
    name = _name(sample, base)
    label = sample.label or ""
    prediction = inspection.prediction
    numbers = [inspection.score] if inspection.score is not None else []
    finite = all(map(isfinite, numbers)) and (
        prediction is None or bool(np.isfinite(prediction.anomaly_map).all())
    )
    if inspection.verdict is not Verdict.ERROR and numbers and finite:
        classes = prediction.classes if prediction else {}
        called = prediction.named if prediction else None
        return ImageResult(
            name,
            label,
            inspection.verdict,
            inspection.score,
            inspection.p_value,
            named=called,
            share=classes[called] if called else None,
        )
    why = inspection.error or "The model's answer is not a finite number: inspect the image alone."
    return ImageResult(name, label, Verdict.ERROR, None, None, why)


def _name(sample: Sample, base: Path) -> str:
    path = sample.path
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def _summary(
    seen: Sequence[_Seen],
    manifest: Manifest,
    calibration: Calibration,
    pixels: PixelResult | None,
    notes: Sequence[str],
    dataset: str,
    runtime: str,
) -> Evaluation:
    """Count everything."""
    confusion = _confusion(seen)
    good, bad = confusion[GOOD], confusion[DEFECTIVE]
    judged_good, judged_bad = _judged(good), _judged(bad)
    scores, defective = _scores([s for s in seen if s.result.score is not None])
    curve = roc_points(scores, defective)
    purity = precision_recall_points(scores, defective)
    f1 = f1_max(scores, defective)
    return Evaluation(
        dataset=dataset,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        manifest=manifest,
        calibration=calibration,
        runtime=runtime,
        images=tuple(s.result for s in seen),
        parts=len({s.sample.group or s.sample.path for s in seen}),
        image_auroc=auroc(scores, defective),
        average_precision=average_precision(scores, defective),
        f1_max=f1[0] if f1 else None,
        f1_threshold=f1[1] if f1 else None,
        roc=tuple(zip(*(axis.tolist() for axis in curve), strict=True)) if curve else (),
        precision_recall=tuple(zip(*(a.tolist() for a in purity), strict=True)) if purity else (),
        pixels=pixels,
        confusion=confusion,
        overkill=rate(good[Verdict.NG], judged_good),
        good_reviewed=rate(good[Verdict.REVIEW], judged_good),
        escapes=rate(bad[Verdict.OK], judged_bad),
        kinds=_kinds(seen),
        total_latency=_latency([s.timing.total_ms for s in seen if s.timing]),
        graph_latency=_latency([s.timing.graph_ms for s in seen if s.timing]),
        notes=tuple(notes),
        exhibits=_exhibits(seen),
        naming=naming(_names(seen), manifest.classes) if manifest.classes else None,
    )


def _names(seen: Sequence[_Seen]) -> list[Named]:
    """Return what the images that got a verdict were called."""
    return [one.named for one in seen if one.result.score is not None]


def _confusion(seen: Sequence[_Seen]) -> Confusion:
    rows = {truth: dict.fromkeys(Verdict, 0) for truth in (GOOD, DEFECTIVE)}
    for one in seen:
        rows[GOOD if one.sample.is_good else DEFECTIVE][one.result.verdict] += 1
    return rows


def _judged(row: Mapping[Verdict, int]) -> int:
    return sum(row.values()) - row[Verdict.ERROR]


def _scores(seen: Sequence[_Seen]) -> tuple[Scores, NDArray[np.bool_]]:
    """Return the scores, float64 `[n]`, and what is defective, bool `[n]`."""
    scores = np.array([one.result.score for one in seen], np.float64)
    return scores, np.array([not one.sample.is_good for one in seen], np.bool_)


def _kinds(seen: Sequence[_Seen]) -> tuple[KindResult, ...]:
    """Return the results by kind of defect, each against all good images."""
    judged = [one for one in seen if one.result.score is not None]
    good = [one for one in judged if one.sample.is_good]
    kinds = []
    for name in defect_names([one.sample for one in seen]):
        own = [one for one in judged if one.sample.label == name]
        verdicts = Counter(one.result.verdict for one in own)
        kinds.append(
            KindResult(
                name,
                rate(len(own) - verdicts[Verdict.OK], len(own)),
                rate(verdicts[Verdict.NG], len(own)),
                auroc(*_scores(good + own)),
            )
        )
    return tuple(kinds)


def _latency(milliseconds: Sequence[float]) -> Latency | None:
    if not milliseconds:
        return None
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Latency(float(p50), float(p99))


def _exhibits(seen: Sequence[_Seen]) -> tuple[Exhibit, ...]:
    """Choose a typical catch by kind, the lowest scored defects and the highest scored good."""
    ranked = sorted(
        (one for one in seen if one.anomaly_map is not None), key=lambda s: s.result.score or 0.0
    )
    bad = [one for one in ranked if one.sample.is_defective]
    good = [one for one in reversed(ranked) if one.sample.is_good]
    misses = bad[: _shelf_size(sum(s.result.verdict is Verdict.OK for s in bad))]
    false_calls = good[: _shelf_size(sum(s.result.verdict is not Verdict.OK for s in good))]
    caught = [s for s in bad[len(misses) :] if s.result.verdict is not Verdict.OK]
    catches = []
    for name in defect_names([one.sample for one in caught]):
        own = [one for one in caught if one.sample.label == name]
        catches.append(own[len(own) // 2])
    return (
        *(_exhibit(Shelf.CATCH, one) for one in catches),
        *(_exhibit(Shelf.MISS, one) for one in misses),
        *(_exhibit(Shelf.FALSE_CALL, one) for one in false_calls),
        *(_exhibit(Shelf.MISNAMED, ranked[i]) for i in misnamed([one.named for one in ranked])),
    )


def _shelf_size(wrong: int) -> int:
    return min(SHELF_SIZE, max(SHELF_LEAST, wrong))


def _exhibit(shelf: Shelf, one: _Seen) -> Exhibit:
    assert one.anomaly_map is not None
    return Exhibit(shelf, one.result, one.sample.path, one.sample.masks, one.anomaly_map)


def _notes(unlabelled: int, seen: Sequence[_Seen]) -> list[str]:
    """Say in words what a reader must know of the sample itself."""
    notes = []
    if unlabelled:
        images, were = counted(unlabelled, "unlabelled image"), chosen(unlabelled, "was", "were")
        notes.append(f"{images} {were} passed over.")
    parts = len({s.sample.group or s.sample.path for s in seen})
    if parts < len(seen):
        notes.append(
            f"The {len(seen)} images show {counted(parts, 'part')}. Rates and intervals count "
            "images as if they were independent, so the intervals are narrower than the evidence "
            "allows."
        )
    return notes


def _common_root(samples: Sequence[Sample]) -> Path:
    return Path(commonpath([s.path.absolute().parent for s in samples])) if samples else Path()
