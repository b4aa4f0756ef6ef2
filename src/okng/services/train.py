"""Train: images in, a calibrated model in the store out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from math import isfinite
from time import perf_counter
from typing import Protocol

import numpy as np

from okng.algorithms.fingerprint import fingerprint
from okng.algorithms.pixels import read
from okng.algorithms.view import Preparer
from okng.domain.arrays import Array, Pixels, Scores
from okng.domain.calibration import Calibration, Evidence
from okng.domain.dataset import Dataset, Sample
from okng.domain.errors import BadDataset, TrainingFailed
from okng.domain.model import DataCard, Golden, Manifest, Model, Unseen
from okng.domain.ports import Classifier, ModelStore, Progress, Runtime, Session, silent
from okng.domain.view import View
from okng.services.calibrate import calibrate
from okng.services.fitting import Fitted, fit_good
from okng.services.fitting_labelled import fit_labelled
from okng.services.parity import Parity, check_parity
from okng.services.prepare import PreparedImages, Refused
from okng.services.training_plan import TrainingPlan
from okng.version import __version__

TOLERANCE = 1e-3
"""How far runtimes may differ, as a share of the median good score, or, where classes were learned,
of the range of all scores if that is more: log-odds have no zero of their own."""
GOLDEN_BYTES = 32 * 2**20
_GOLDEN_RANKS = (0.0, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Training:
    """What a training came to; `notes` are what its user should hear of it."""

    model: Model
    refused: tuple[Refused, ...]
    parity: tuple[Parity, ...]
    seconds: float
    notes: tuple[str, ...] = ()


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
    """Learn a product, calibrate, check parity and store the model.

    Args:
        dataset: its good training samples are used alone or, by a classifier, all labelled ones.
        plan: how.
        runtimes: all that are installed; the first one trains.
        store: where the model goes.
        report: makes the model's page.
        progress: is told how far each stage is.

    Raises:
        BadDataset: there is no good image that can be read, or the labels cannot be learned.
        ParityError: the runtimes disagree; nothing is stored.
        TrainingFailed: all images get the same score; nothing is stored.
    """
    start = perf_counter()
    samples = learned_samples(dataset, plan)
    prepare, pictures_seen = Preparer(plan.view), _PictureDigests()
    with PreparedImages(samples, prepare, plan.max_pixels, progress, pictures_seen) as images:
        groups = _groups(images, plan, progress)
        if isinstance(plan.detector, Classifier):
            digests = pictures_seen.digests
            fitted = fit_labelled(
                images, groups, digests, plan.detector, plan, runtimes[0], progress
            )
        else:
            fitted = fit_good(images, groups, plan.detector, plan, runtimes[0], progress)
        trained, evidence = fitted.trained, fitted.evidence
        calibration = _calibration(fitted, plan)
        session = runtimes[0].load(trained.graph)
        tolerance = TOLERANCE * max(_scale(fitted), 1e-3)
        clear = ClearOf(calibration, tolerance)
        golden, pictures = _golden(images, fitted.scores, session, clear, plan.max_pixels)
        if not golden:
            raise TrainingFailed(
                "all images get nearly the same score, within rounding of a threshold, so nothing "
                "could be told apart: take images that differ, or, for a network that learns, a "
                "lower learning rate or more epochs"
            )
        height, width = session.run({"image": _blank(plan.view)})["anomaly_map"].shape[1:]
        del session  # each runtime loads the graph again, and needs its room
        held_out = fitted.scored if evidence is Evidence.HELD_OUT else []
        data = _data_card(dataset, images, groups, held_out, plan.group_pattern)
        unseen = _unseen(fitted, images.digests, groups)

    def build(version: int) -> Model:
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
            classes=fitted.classes,
            layers=trained.layers,
            curves=trained.curves,
            unseen=unseen,
        )
        return Model(manifest, trained.graph, pictures)

    def reported(version: int) -> Model:
        model = build(version)
        return replace(model, report=report(model.manifest, pictures))

    progress("parity", 0, len(runtimes))
    parity = check_parity(build(0), runtimes, plan.max_pixels)
    progress("parity", len(runtimes), len(runtimes))
    model = store.add(plan.product, reported)
    seconds = perf_counter() - start
    return Training(model, tuple(images.refused), parity, seconds, trained.notes)


def learned_samples(dataset: Dataset, plan: TrainingPlan) -> tuple[Sample, ...]:
    """Return the samples that a training reads.

    Raises:
        BadDataset: there are none.
    """
    if isinstance(plan.detector, Classifier):
        if not dataset.train_labelled:
            raise BadDataset(
                f"{dataset.root} has no labelled images to train on: put them into train/good and "
                "train/<name of the defect>, or let okng doctor FOLDER --split FILE.csv split what "
                "there is, and train on that file"
            )
        return dataset.train_labelled
    if not dataset.train_good:
        raise BadDataset(
            f"{dataset.root} has no good images to train on; okng learns from good parts: put "
            "them into a folder named 'good'"
        )
    return dataset.train_good


class _PictureDigests:
    """Takes a digest of each picture's pixels as it passes."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []

    def __call__(self, _sample: Sample, _data: bytes, pixels: Pixels) -> None:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}".encode()
        digest = blake2b(pixels.tobytes(), digest_size=16, person=size)
        self.digests.append(digest.digest())


def _calibration(fitted: Fitted, plan: TrainingPlan) -> Calibration:
    calibration = calibrate(
        fitted.parts,
        plan.wish,
        fitted.evidence,
        sha256(fitted.trained.graph).hexdigest(),
        subject=fitted.subject,
        defects=fitted.defects,
    )
    note = "; ".join(filter(None, (calibration.note, fitted.note)))
    return replace(calibration, note=note)


def _scale(fitted: Fitted) -> float:
    """Return what a score's rounding is measured by; see `TOLERANCE`."""
    median = abs(float(np.median(fitted.parts)))
    if fitted.classes is None:
        return median
    return max(median, float(np.nanmax(fitted.scores) - np.nanmin(fitted.scores)))


def _groups(images: PreparedImages, plan: TrainingPlan, progress: Progress) -> Array:
    """Return the part that each image shows, int64 `[n]`.

    Raises:
        BadDataset: no image can be read, or what named the parts puts all into one.
    """
    what = "images" if isinstance(plan.detector, Classifier) else "good images"
    if not len(images):
        first = images.refused[0]
        raise BadDataset(
            f"none of the {len(images.refused)} {what} can be read; the first: {first.reason}"
        )
    groups = images.parts(plan.seed, progress)
    parts = len(np.unique(groups))
    count, name = len(images), images.samples[0].group
    if parts < 2 < len(np.unique(images.groups)) and name:
        pattern = plan.group_pattern
        by = "the list" if pattern is None else f"the group pattern {pattern!r}"
        raise BadDataset(
            f"{by} puts all {count} {what} into one part, {name!r}, but they differ: mend it, "
            "or leave it out"
        )
    return groups


def _golden(
    images: PreparedImages,
    scores: Scores,
    session: Session,
    clear: "ClearOf",
    max_pixels: int,
) -> tuple[tuple[Golden, ...], dict[str, bytes]]:
    """Choose images across the range of scores, with the scores that the graph gives them.

    An image at the very threshold would get its verdict from rounding, so the next one is taken.
    """
    scored = np.flatnonzero(np.isfinite(scores)).tolist()
    ranked = sorted(scored, key=lambda i: float(scores[i]))
    wanted = dict.fromkeys(int(rank * len(ranked)) for rank in _GOLDEN_RANKS)
    others = sorted(set(range(len(images))) - set(scored))
    chosen: dict[int, Golden] = {}
    for place in wanted:
        for i in (*ranked[place::-1], *ranked[place + 1 :], *others):
            if i not in chosen:
                outputs = session.run({"image": images[i][None]})
                score = float(outputs["score"][0])
                if clear(score):
                    classes = outputs.get("class_scores", np.empty((1, 0)))[0].tolist()
                    chosen[i] = Golden("", score, tuple(classes))
                    break
    golden: list[Golden] = []
    pictures: dict[str, bytes] = {}
    for i, found in chosen.items():
        data = read(images.samples[i].path, max_pixels)
        if golden and sum(map(len, pictures.values())) + len(data) > GOLDEN_BYTES:
            continue
        suffix = images.samples[i].path.suffix.lower()
        name = f"{len(golden) + 1}{suffix if suffix.isascii() and suffix[1:].isalnum() else ''}"
        pictures[name] = data
        golden.append(replace(found, file=name))
    return tuple(golden), pictures


@dataclass(frozen=True)
class ClearOf:
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


def _unseen(fitted: Fitted, digests: Sequence[bytes], groups: Array) -> Unseen:
    """Return what each image got unseen, in the order of their digests."""
    order = sorted(range(len(digests)), key=lambda i: digests[i])
    scores = [float(fitted.scores[i]) for i in order]
    bad = fitted.is_defective
    return Unseen(
        tuple(score if isfinite(score) else None for score in scores),
        tuple(int(groups[i]) for i in order),
        () if bad is None else tuple(place for place, i in enumerate(order) if bad[i]),
    )


def _blank(view: View) -> Array:
    return np.zeros((1, view.height, view.width, 3), np.uint8)
