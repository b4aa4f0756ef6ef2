"""Train: good images in, a calibrated model in the store out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from time import perf_counter
from typing import Protocol

import numpy as np

from okng.algorithms.calibration import deal_groups, hold_out, worst_by_group
from okng.algorithms.fingerprint import fingerprint
from okng.algorithms.pixels import MAX_PIXELS, Preparer, read
from okng.detectors.images import Chosen
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
        BadDataset: there are not at least two different good images that can be read.
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
        groups = _groups(images, plan.group_pattern)
        trained, scores, evidence, scored = _fit(images, groups, plan, runtimes[0], progress)
        parts = worst_by_group(scores[scored], groups[scored])
        graph_hash = sha256(trained.graph).hexdigest()
        calibration = calibrate(parts, plan.wish, evidence, graph_hash)
        session = runtimes[0].load(trained.graph)
        tolerance = TOLERANCE * max(abs(float(np.median(parts))), 1e-3)
        clear = _ClearOf(calibration, tolerance)
        golden, pictures = _golden(images, scores, scored, session, clear, plan.max_pixels)
        held_out = scored if evidence is Evidence.HELD_OUT else []
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


def _groups(images: PreparedImages, group_pattern: str | None) -> Array:
    """Return the part that each image shows, int64 `[n]`.

    Raises:
        BadDataset: no image can be read, or there are fewer than two parts.
    """
    if not len(images):
        first = images.refused[0]
        raise BadDataset(
            f"none of the {len(images.refused)} good images can be read; the first: {first.reason}"
        )
    groups = images.parts
    parts = len(np.unique(groups))
    if parts < 2:
        count, name = len(images), images.samples[0].group
        if count > 1 and name:
            by = "the list" if group_pattern is None else f"the group pattern {group_pattern!r}"
            what = f"{by} puts all {count} good images into one part, {name!r}"
        else:
            alone = "there is only one good image"
            what = alone if count == 1 else f"all {count} good images are alike"
        raise BadDataset(
            f"{what}; a threshold needs good images of at least two different parts, better 30 "
            "or more"
        )
    return groups


def _fit(
    images: PreparedImages, groups: Array, plan: TrainingPlan, runtime: Runtime, progress: Progress
) -> tuple[Trained, Scores, Evidence, list[int]]:
    """Train, and score images that the scoring graph has not seen.

    Returns:
        What was trained, raw scores `[n]`, what they are, and the indices that have one.
    """
    rng = np.random.default_rng(plan.seed)
    parts = len(np.unique(groups))
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
        return trained, trained.cross_fitted, Evidence.CROSS_FITTED, everyone
    held = hold_out(groups, min(max(wanted, round(HELD_OUT_SHARE * parts)), parts // 2), rng)
    kept, out = [i for i in everyone if not held[i]], [i for i in everyone if held[i]]
    trained = plan.detector.train(Chosen(images, kept), None, progress)
    session = runtime.load(trained.graph)
    scores = np.full(len(images), np.nan)
    for done, i in enumerate(out, start=1):
        scores[i] = float(session.run({"image": images[i][None]})["score"][0])
        progress("calibrate", done, len(out))
    return trained, scores, Evidence.HELD_OUT, out


def _golden(
    images: PreparedImages,
    scores: Scores,
    scored: Sequence[int],
    session: Session,
    clear: "_ClearOf",
    max_pixels: int,
) -> tuple[tuple[Golden, ...], dict[str, bytes]]:
    """Choose good images across the range of scores, with the scores that the graph gives them.

    An image at the very threshold would get its verdict from rounding, so the next one is taken.
    """
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
