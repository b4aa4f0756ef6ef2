"""Train: good images in, a calibrated model in the store out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from time import perf_counter
from typing import Protocol, Self

import numpy as np

from okng.algorithms.alteration import mild_alterations
from okng.algorithms.calibration import deal_groups, hold_out, worst_by_group
from okng.algorithms.fingerprint import fingerprint
from okng.algorithms.pixels import MAX_PIXELS, Preparer, read
from okng.detectors.images import Chosen, Copy, WithCopies
from okng.domain.arrays import Array, Scores
from okng.domain.calibration import Calibration, Evidence
from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.model import BackboneCard, DataCard, Golden, Manifest, Model
from okng.domain.ports import Detector, ModelStore, Progress, Runtime, Session, Trained, silent
from okng.domain.view import View
from okng.services.calibrate import Wish, calibrate
from okng.services.parity import Parity, check_parity
from okng.services.prepare import PreparedImages, Refused
from okng.version import __version__

FOLDS, FEW_FOLDS = 5, 3
"""Folds of a cross-fitting; fewer from `MANY_PARTS` on, where two thirds teach nearly as much."""
MANY_PARTS = 300
ONE_PART_COPIES = 16
"""Altered copies that are scored where there is one part alone."""
ENOUGH_HELD_OUT = Wish().parts_needed
"""Parts that are held out at least, whatever the wish: another may come later."""
HELD_OUT_SHARE = 0.3
"""Of the parts that are held out where that is more."""
TOLERANCE = 1e-3
"""How far runtimes may differ, as a share of the median good score."""
GOLDEN_BYTES = 32 * 2**20
_GOLDEN_RANKS = (0.0, 0.25, 0.5, 0.75)


class CalibrationPlan(StrEnum):
    """Where the good scores of the calibration come from.

    `split` holds parts out, `cross-fit` uses every part, `auto` splits where at least as many
    parts remain to train on as the wished promise, and the default one, need held out.
    """

    AUTO = "auto"
    SPLIT = "split"
    CROSS_FIT = "cross-fit"


@dataclass(frozen=True)
class TrainingPlan:
    """All that is chosen before a training.

    `config` is the detector's configuration as plain values, for the manifest; `group_pattern` is
    what gave the samples their groups, where a pattern did.
    """

    product: str
    detector_name: str
    detector: Detector
    config: Mapping[str, object]
    backbones: tuple[BackboneCard, ...]
    view: View
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    seed: int = 0
    max_pixels: int = MAX_PIXELS
    group_pattern: str | None = None


@dataclass(frozen=True)
class Training:
    """What a training came to."""

    model: Model
    refused: tuple[Refused, ...]
    parity: tuple[Parity, ...]
    seconds: float


class Report(Protocol):
    """Makes the HTML page that travels with a model."""

    def __call__(self, manifest: Manifest, golden: Mapping[str, bytes]) -> str: ...


def train(
    dataset: Dataset,
    plan: TrainingPlan,
    runtimes: Sequence[Runtime],
    store: ModelStore,
    report: Report,
    progress: Progress = silent,
) -> Training:
    """Learn a product from its good images, calibrate, check parity and store the model.

    Args:
        dataset: only its good training samples are used.
        plan: how.
        runtimes: all that are installed; the first one trains.
        store: where the model goes.
        report: makes the model's page.
        progress: is told how far each stage is.

    Raises:
        BadDataset: there is no good image that can be read.
        ParityError: the runtimes disagree; nothing is stored.
    """
    start = perf_counter()
    samples = dataset.train_good
    if not samples:
        raise BadDataset(
            f"{dataset.root} has no good images to train on; okng learns from good parts: put "
            "them into a folder named 'good'"
        )
    prepare = Preparer(plan.view)
    with PreparedImages(samples, prepare, plan.max_pixels, progress) as images:
        groups = _groups(images, plan, progress)
        fitted = _fit(images, groups, plan, runtimes[0], progress)
        trained, parts, evidence = fitted.trained, fitted.parts, fitted.evidence
        graph_hash = sha256(trained.graph).hexdigest()
        calibration = calibrate(parts, plan.wish, evidence, graph_hash)
        session = runtimes[0].load(trained.graph)
        tolerance = TOLERANCE * max(abs(float(np.median(parts))), 1e-3)
        clear = _ClearOf(calibration, tolerance)
        golden, pictures = _golden(images, fitted.scores, session, clear, plan.max_pixels)
        held_out = fitted.scored if evidence is Evidence.HELD_OUT else []
        data = _data_card(dataset, images, groups, held_out, plan.group_pattern)

    def build(version: int) -> Model:
        height, width = session.run({"image": _blank(plan.view)})["anomaly_map"].shape[1:]
        manifest = Manifest(
            product=plan.product,
            version=version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            okng=__version__,
            detector=plan.detector_name,
            config=plan.config,
            backbones=plan.backbones,
            view=plan.view,
            map_height=height,
            map_width=width,
            data=data,
            calibration=calibration,
            golden=golden,
            tolerance=tolerance,
            trained_on=runtimes[0].label,
            facts=trained.facts,
        )
        return Model(manifest, trained.graph, pictures)

    def reported(version: int) -> Model:
        model = build(version)
        return replace(model, report=report(model.manifest, pictures))

    progress("parity", 0, len(runtimes))
    parity = check_parity(build(0), runtimes, plan.max_pixels)
    progress("parity", len(runtimes), len(runtimes))
    model = store.add(plan.product, reported)
    return Training(model, tuple(images.refused), parity, perf_counter() - start)


def _groups(images: PreparedImages, plan: TrainingPlan, progress: Progress) -> Array:
    """Return the part that each image shows, int64 `[n]`.

    Raises:
        BadDataset: no image can be read, or what named the parts puts all into one.
    """
    if not len(images):
        first = images.refused[0]
        raise BadDataset(
            f"none of the {len(images.refused)} good images can be read; the first: {first.reason}"
        )
    groups = images.parts(plan.seed, progress)
    parts = len(np.unique(groups))
    count, name = len(images), images.samples[0].group
    if parts < 2 < len(np.unique(images.groups)) and name:
        pattern = plan.group_pattern
        by = "the list" if pattern is None else f"the group pattern {pattern!r}"
        raise BadDataset(
            f"{by} puts all {count} good images into one part, {name!r}, but they differ: mend it, "
            "or leave it out"
        )
    return groups


@dataclass(frozen=True)
class _Fitted:
    """What was trained, and what it made of images that the scoring graph had not seen.

    `parts` has a raw score for each part, ascending; `scores` one for each image, float64 `[n]`,
    NaN where an image has none.
    """

    trained: Trained
    parts: Scores
    scores: Scores
    evidence: Evidence

    @classmethod
    def of(cls, trained: Trained, scores: Scores, groups: Array, evidence: Evidence) -> Self:
        has_one = np.isfinite(scores)
        return cls(trained, worst_by_group(scores[has_one], groups[has_one]), scores, evidence)

    @property
    def scored(self) -> list[int]:
        """Return the indices of the images that have a score."""
        return [int(i) for i in np.flatnonzero(np.isfinite(self.scores))]


def _fit(
    images: PreparedImages, groups: Array, plan: TrainingPlan, runtime: Runtime, progress: Progress
) -> _Fitted:
    """Train, and score images that the scoring graph has not seen."""
    rng = np.random.default_rng(plan.seed)
    parts = len(np.unique(groups))
    if parts == 1:
        return _fit_one_part(images, plan, rng, progress)
    wanted = max(plan.wish.parts_needed, ENOUGH_HELD_OUT)
    everyone = list(range(len(images)))
    split = plan.calibration is CalibrationPlan.SPLIT or (
        plan.calibration is CalibrationPlan.AUTO and parts >= 2 * wanted
    )
    if not split:
        folds = deal_groups(groups, min(FOLDS if parts < MANY_PARTS else FEW_FOLDS, parts), rng)
        chosen = Chosen(images, everyone)
        trained = plan.detector.train(chosen, [int(fold) for fold in folds], progress)
        if trained.cross_fitted is None:
            raise BadSetting(
                f"{plan.detector_name} cannot be cross-fitted: take --calibration split"
            )
        return _Fitted.of(trained, trained.cross_fitted, groups, Evidence.CROSS_FITTED)
    held = hold_out(groups, min(max(wanted, round(HELD_OUT_SHARE * parts)), parts // 2), rng)
    kept, out = [i for i in everyone if not held[i]], [i for i in everyone if held[i]]
    trained = plan.detector.train(Chosen(images, kept), None, progress)
    session = runtime.load(trained.graph)
    scores = np.full(len(images), np.nan)
    for done, i in enumerate(out, start=1):
        scores[i] = float(session.run({"image": images[i][None]})["score"][0])
        progress("calibrate", done, len(out))
    return _Fitted.of(trained, scores, groups, Evidence.HELD_OUT)


def _fit_one_part(
    images: PreparedImages, plan: TrainingPlan, rng: np.random.Generator, progress: Progress
) -> _Fitted:
    """Train on the images of one single part and on altered copies of them, and score these.

    A graph that has seen the images alone scores the copies; nothing better can be had.
    """
    count = len(images)
    alterations = mild_alterations(max(ONE_PART_COPIES, count), rng)
    copies = [Copy(place % count, one) for place, one in enumerate(alterations)]
    folds = [0] * count + [1] * len(copies)
    trained = plan.detector.train(WithCopies(images, copies), folds, progress)
    if trained.cross_fitted is None:
        raise BadSetting(f"{plan.detector_name} cannot learn from one single part: take memory")
    copied = np.sort(trained.cross_fitted[count:])
    return _Fitted(trained, copied, np.full(count, np.nan), Evidence.ALTERED)


def _golden(
    images: PreparedImages,
    scores: Scores,
    session: Session,
    clear: "_ClearOf",
    max_pixels: int,
) -> tuple[tuple[Golden, ...], dict[str, bytes]]:
    """Choose good images across the range of scores, with the scores that the graph gives them.

    An image at the very threshold would get its verdict from rounding, so the next one is taken.
    """
    scored = np.flatnonzero(np.isfinite(scores)).tolist()
    ranked = sorted(scored, key=lambda i: float(scores[i]))
    wanted = dict.fromkeys(int(rank * len(ranked)) for rank in _GOLDEN_RANKS)
    others = sorted(set(range(len(images))) - set(scored))
    chosen: dict[int, float] = {}
    for place in wanted:
        for i in (*ranked[place::-1], *ranked[place + 1 :], *others):
            if i not in chosen:
                score = float(session.run({"image": images[i][None]})["score"][0])
                if clear(score):
                    chosen[i] = score
                    break
    golden: list[Golden] = []
    pictures: dict[str, bytes] = {}
    for i, score in chosen.items():
        data = read(images.samples[i].path, max_pixels)
        if golden and sum(map(len, pictures.values())) + len(data) > GOLDEN_BYTES:
            continue
        suffix = images.samples[i].path.suffix.lower()
        name = f"{len(golden) + 1}{suffix if suffix.isascii() and suffix[1:].isalnum() else ''}"
        pictures[name] = data
        golden.append(Golden(name, score))
    return tuple(golden), pictures


@dataclass(frozen=True)
class _ClearOf:
    """Tells whether a score is further from both thresholds than the tolerance."""

    calibration: Calibration
    tolerance: float

    def __call__(self, score: float) -> bool:
        thresholds = (self.calibration.review_threshold, self.calibration.ng_threshold)
        return all(abs(score - threshold) > 2 * self.tolerance for threshold in thresholds)


def _data_card(
    dataset: Dataset,
    images: PreparedImages,
    groups: Array,
    held_out: Sequence[int],
    group_pattern: str | None,
) -> DataCard:
    return DataCard(
        name=dataset.name,
        layout=dataset.layout,
        fingerprint=fingerprint(images.digests),
        images=len(images),
        parts=len(np.unique(groups)),
        held_out=len(held_out),
        digests=tuple(sorted(digest.hex() for digest in images.digests)),
        group_pattern=group_pattern,
    )


def _blank(view: View) -> Array:
    return np.zeros((1, view.height, view.width, 3), np.uint8)
