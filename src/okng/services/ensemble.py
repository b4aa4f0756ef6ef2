"""Ensemble: several models of one product become one, whose score is the mean of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter

import numpy as np

from okng.algorithms.calibration import best_by_group, worst_by_group
from okng.algorithms.class_scores import fit_temperature
from okng.algorithms.fingerprint import fingerprint
from okng.algorithms.pixels import MAX_PIXELS, decode
from okng.algorithms.view import Preparer
from okng.detectors.frozen import Grid, inspected_cells
from okng.domain.calibration import Calibration, Evidence
from okng.domain.counting import counted
from okng.domain.dataset import GOOD, Sample
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.model import ClassCard, DataCard, Golden, Manifest, Model, Unseen
from okng.domain.ports import ModelStore, Progress, Runtime, Session, silent
from okng.graphs.ensemble import Member, ensemble_graph
from okng.graphs.fusion import MapScale
from okng.services.calibrate import Wish, calibrate
from okng.services.ensemble_members import (
    check_members,
    kinds_alone,
    probable_scales,
    shared_classes,
)
from okng.services.parity import check_parity
from okng.services.prepare import PreparedImages, Refused
from okng.services.train import GOLDEN_BYTES, ClearOf, Report, Training
from okng.services.unseen import FEWEST_PARTS, KnownImages
from okng.version import __version__

DETECTOR = "ensemble"
_MOST_GOLDEN = 4


@dataclass(frozen=True)
class EnsemblePlan:
    """How an ensemble is made.

    `fresh` are good images that no member knows, to calibrate on. Where there are none, that is
    done by the scores that the members gave to images which they had not seen.
    """

    product: str
    wish: Wish = field(default_factory=Wish)
    fresh: tuple[Sample, ...] = ()
    seed: int = 0
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class _Calibrated:
    """What the thresholds came to, and on which images; `temperature` of two classes, where found.

    `validated` is how many images it was found on.
    """

    calibration: Calibration
    data: DataCard
    unseen: Unseen | None = None
    temperature: float = 1.0
    validated: int = 0
    refused: tuple[Refused, ...] = ()


def ensemble(
    members: Sequence[Model],
    plan: EnsemblePlan,
    runtimes: Sequence[Runtime],
    store: ModelStore,
    report: Report,
    progress: Progress = silent,
) -> Training:
    """Join models, calibrate what they make, check parity and store it.

    Raises:
        BadSetting: they cannot be joined, or nothing is there to calibrate on.
        BadDataset: fresh images are known to a member, or none can be read.
        ParityError: the runtimes disagree; nothing is stored.
    """
    start = perf_counter()
    check_members(members)
    known = KnownImages.of(members)
    probable = probable_scales(members)
    if plan.fresh:
        scales = probable or [
            MapScale.of(np.array(one.manifest.calibration.good_scores)) for one in members
        ]
    else:
        scales = probable or known.unseen(members).scales()
    rows, columns = _finest(members)
    graph = _graph(members, scales, rows, columns)
    session = runtimes[0].load(graph)
    if plan.fresh:
        found = _by_fresh(members, known, plan, session, graph, progress)
    else:
        found = _by_unseen(members, known, probable, plan, graph)
    pairs = zip(members, scales, strict=True)
    tolerance = float(np.mean([one.manifest.tolerance / scale.spread for one, scale in pairs]))
    golden, pictures = _golden(members, session, ClearOf(found.calibration, tolerance), plan)

    def build(version: int) -> Model:
        manifest = Manifest(
            product=plan.product,
            version=version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            okng=__version__,
            detector=DETECTOR,
            config={"members": [member.name for member in members]},
            backbones=tuple(dict.fromkeys(b for m in members for b in m.manifest.backbones)),
            view=members[0].manifest.view,
            map_height=rows,
            map_width=columns,
            data=found.data,
            calibration=found.calibration,
            golden=golden,
            tolerance=tolerance,
            trained_on=runtimes[0].label,
            facts=_facts(members, scales),
            classes=_class_card(members, found),
            unseen=found.unseen,
        )
        return Model(manifest, graph, pictures)

    def reported(version: int) -> Model:
        model = build(version)
        return replace(model, report=report(model.manifest, pictures))

    progress("parity", 0, len(runtimes))
    parity = check_parity(build(0), runtimes, plan.max_pixels)
    progress("parity", len(runtimes), len(runtimes))
    model = store.add(plan.product, reported)
    return Training(model, found.refused, parity, perf_counter() - start)


def _finest(members: Sequence[Model]) -> tuple[int, int]:
    """Return rows and columns of the members' finest map."""
    sizes = [(m.manifest.map_height, m.manifest.map_width) for m in members]
    return max(sizes, key=lambda size: size[0] * size[1])


def _graph(members: Sequence[Model], scales: Sequence[MapScale], rows: int, columns: int) -> bytes:
    view, names = members[0].manifest.view, shared_classes(members)
    joining = []
    for model, scale in zip(members, scales, strict=True):
        manifest = model.manifest
        hot = manifest.classes.temperature if manifest.classes and names else None
        size = manifest.map_height, manifest.map_width
        joining.append(Member(model.name, model.graph, scale, *size, hot))
    mask = Preparer(view).mask
    inspected = np.ones((view.height, view.width), bool) if mask is None else mask
    cells = inspected_cells(inspected, Grid(rows, columns))
    return ensemble_graph(joining, (view.width, view.height), cells)


def _by_unseen(
    members: Sequence[Model],
    known: KnownImages,
    probable: Sequence[MapScale] | None,
    plan: EnsemblePlan,
    graph: bytes,
) -> _Calibrated:
    """Calibrate by what members made of images that none had seen.

    The graphs of a cross-fitting scored them, and where distances were brought to one scale these
    images have a share in it, so what is promised is approximate in any case.
    """
    shared = known.unseen(members, FEWEST_PARTS if probable is None else 1)
    scores, good = shared.means(probable, plan.seed), shared.is_good
    # Only log-odds say of themselves from where on a part is more probably defective.
    bad = ~good if probable is not None else np.zeros_like(good)
    calibration = calibrate(
        worst_by_group(scores[good], shared.parts[good]),
        plan.wish,
        Evidence.CROSS_FITTED,
        sha256(graph).hexdigest(),
        subject=members[0].manifest.calibration.subject,
        defects=best_by_group(scores[bad], shared.parts[bad]) if bad.any() else None,
    )
    images = counted(len(scores), "image")
    note = f"scores are from what each member made of {images} before it learned them"
    if len(scores) < len(known.digests):
        note += f", of {len(known.digests):,} that some member knows"
    note = "; ".join(filter(None, (calibration.note, note)))
    data = _data(members, known.digests, len(np.unique(known.parts)), 0)
    place = dict(zip(shared.digests, scores.tolist(), strict=True))
    unseen = Unseen(
        tuple(place.get(digest) for digest in known.digests),
        tuple(known.parts.tolist()),
        tuple(np.flatnonzero(~known.is_good).tolist()),
    )
    calibrated = _Calibrated(replace(calibration, note=note), data, unseen)
    names = shared_classes(members)
    if names is None or len(names) > 2 or GOOD not in names:
        return calibrated  # scores alone do not say what class scores were
    odds = np.stack([np.zeros_like(scores), scores], axis=1)
    temperature = fit_temperature(odds, (~good).astype(np.int64))
    return replace(calibrated, temperature=temperature, validated=len(scores))


def _by_fresh(
    members: Sequence[Model],
    known: KnownImages,
    plan: EnsemblePlan,
    session: Session,
    graph: bytes,
    progress: Progress,
) -> _Calibrated:
    """Calibrate by good images that no member knows.

    Raises:
        BadSetting: the members know no good part.
        BadDataset: a member knows some of the images, or none can be read.
    """
    if kinds_alone(members[0]) is not None:
        raise BadSetting(
            "models that know kinds of defect alone cannot be calibrated on good images: leave "
            "them out"
        )
    prepare = Preparer(members[0].manifest.view)
    with PreparedImages(plan.fresh, prepare, plan.max_pixels, progress) as images:
        if not len(images):
            raise BadDataset(f"none of the images can be read: {images.refused[0].reason}")
        digests = [digest.hex() for digest in images.digests]
        _refuse_known(images.samples, digests, set(known.digests))
        parts = images.parts(plan.seed, progress)
        scores = np.empty(len(images))
        for i in range(len(images)):
            scores[i] = float(session.run({"image": images[i][None]})["score"][0])
            progress("calibrate", i + 1, len(images))
    calibration = calibrate(
        worst_by_group(scores, parts), plan.wish, Evidence.HELD_OUT, sha256(graph).hexdigest()
    )
    own = len(np.unique(known.parts))
    if any(member.manifest.unseen is None for member in members):
        own = max(member.manifest.data.parts for member in members)
    every = tuple(sorted({*known.digests, *digests}))
    data = _data(members, every, own + len(np.unique(parts)), len(set(digests)))
    return _Calibrated(calibration, data, refused=tuple(images.refused))


def _refuse_known(samples: Sequence[Sample], digests: Sequence[str], known: set[str]) -> None:
    found = [s for s, digest in zip(samples, digests, strict=True) if digest in known]
    if found:
        raise BadDataset(
            f"{counted(len(found), 'image')} of {len(samples):,}, such as {found[0].path}, were "
            "there when a member was trained, so they cannot show what it makes of new ones: name "
            "a folder of good images that no member knows"
        )


def _data(members: Sequence[Model], digests: tuple[str, ...], parts: int, held: int) -> DataCard:
    first = members[0].manifest.data
    print_of_all = fingerprint(bytes.fromhex(digest) for digest in digests)
    return DataCard(
        name=first.name,
        layout=first.layout,
        fingerprint=print_of_all,
        images=len(digests),
        parts=parts,
        held_out=held,
        digests=digests,
        group_pattern=first.group_pattern,
    )


def _class_card(members: Sequence[Model], found: _Calibrated) -> ClassCard | None:
    """Return what the graph's class scores mean: logarithms of tempered probabilities."""
    if (names := shared_classes(members)) is None:
        return None
    cards = [m.manifest.classes for m in members if m.manifest.classes is not None]
    most = tuple(max(counts) for counts in zip(*(card.images for card in cards), strict=True))
    validated = found.validated or min(card.validated for card in cards)
    return ClassCard(names, most, found.temperature, validated)


def _facts(members: Sequence[Model], scales: Sequence[MapScale]) -> dict[str, float | int | str]:
    facts: dict[str, float | int | str] = {}
    for number, (model, scale) in enumerate(zip(members, scales, strict=True), 1):
        facts[f"member_{number}"] = f"{model.name} ({model.manifest.detector})"
        facts[f"graph_{number}"] = model.manifest.calibration.graph_sha256
        facts[f"centre_{number}"], facts[f"spread_{number}"] = scale.centre, scale.spread
    return facts


def _golden(
    members: Sequence[Model], session: Session, clear: ClearOf, plan: EnsemblePlan
) -> tuple[tuple[Golden, ...], dict[str, bytes]]:
    """Take the members' golden images, with what the ensemble makes of them.

    One at a threshold would get its verdict from rounding, so it is left out.
    """
    prepare = Preparer(members[0].manifest.view)
    given = {
        member.golden[one.file]: one.file for member in members for one in member.manifest.golden
    }
    golden: list[Golden] = []
    pictures: dict[str, bytes] = {}
    for data, file in given.items():
        if len(golden) == _MOST_GOLDEN:
            break
        if golden and sum(map(len, pictures.values())) + len(data) > GOLDEN_BYTES:
            continue
        outputs = session.run({"image": prepare(decode(data, plan.max_pixels))[None]})
        score = float(outputs["score"][0])
        if clear(score):
            _, dot, suffix = file.rpartition(".")
            name = f"{len(golden) + 1}{dot}{suffix if dot else ''}"
            classes = outputs.get("class_scores", np.empty((1, 0)))[0].tolist()
            pictures[name] = data
            golden.append(Golden(name, score, tuple(classes)))
    return tuple(golden), pictures
