"""Load a model, evaluate and calibrate it, write its report, measure it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from okng.adapters.datasets import read_dataset, read_defects
from okng.adapters.stores.durable_files import replace_file, writing
from okng.algorithms.masks import load_mask
from okng.algorithms.pixels import decode_file, read
from okng.bootstrap.building import backbones, build_config, installed_runtimes, runtime, store
from okng.bootstrap.training_options import TrainingOptions
from okng.detectors.frozen import StandsOnBackbones
from okng.domain.calibration import Calibration
from okng.domain.counting import counted
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset, BadImage, BadSetting, OkngError
from okng.domain.evaluation import Evaluation
from okng.domain.model import Manifest
from okng.domain.ports import Progress, silent
from okng.domain.verdict import Policy
from okng.graphs.features import backbones_alone
from okng.reports.evaluation import to_html, to_json
from okng.services.bench import Bench
from okng.services.bench import bench as measure
from okng.services.defects import DefectScores
from okng.services.defects import score_defects as score_samples
from okng.services.ensemble import DETECTOR as ENSEMBLE
from okng.services.evaluate import evaluate as evaluate_samples
from okng.services.inspect import Inspector
from okng.services.parity import check_parity
from okng.settings import Settings, read_settings


def load(
    reference: str,
    *,
    calibration: int | None = None,
    policy: Policy | None = None,
    settings: Settings | None = None,
) -> Inspector:
    """Load a model, ready to inspect.

    Args:
        reference: `bottle` (its champion, or the newest), `bottle-3`, `bottle@candidate`.
        calibration: its number; the newest unless given.
        policy: how doubt is handled.
        settings: of the process; from the environment unless given.

    Raises:
        NotFound: there is no such model or calibration.
        BadModel: it is damaged, or the runtime cannot run it.
        ParityError: the runtime is not the one that trained it, and gives other scores.
    """
    settings = settings or read_settings()
    models = store(settings)
    model = models.load(reference)
    active = models.calibration(model.name, calibration)
    chosen = runtime(settings)
    if chosen.label != model.manifest.trained_on:
        check_parity(model, [chosen], settings.max_pixels)
    session = chosen.load(model.graph)
    return Inspector(model, session, active, policy, settings.max_pixels)


def read_as_trained(
    folder: Path, manifest: Manifest, within: Path | None = None, *, defects: bool = False
) -> Dataset:
    """Read a dataset, its parts told apart by file name as in the model's training.

    `defects` says that there are defects in it, for `read_defects`.

    Where the training's pattern does not fit these names, it is read without, with a note.

    Raises:
        BadDataset: it cannot be understood.
    """
    pattern = manifest.data.group_pattern
    understand = read_defects if defects else read_dataset
    plain = understand(folder, None, within)
    if pattern is None:
        return plain
    try:
        return understand(folder, pattern, within)
    except BadDataset as error:
        note = f"each image counts as a part of its own unless a list says otherwise: {error}"
        return replace(plain, notes=(*plain.notes, note))


def evaluate(
    dataset: Dataset,
    samples: tuple[Sample, ...],
    inspector: Inspector,
    settings: Settings,
    progress: Progress = silent,
    beside: Sequence[str] | None = (),
) -> Evaluation:
    """Inspect labelled samples, but those the model was made from, and count what became of them.

    Args:
        dataset: that the samples are of.
        samples: labelled ones.
        inspector: the model.
        settings: of the process.
        progress: is told how far each model is.
        beside: other models, of any product, that judge the same samples. None: the newest one
            by the default detector where the model learned good images step by step, else none;
            where that one cannot judge them, a note says why.

    Raises:
        BadDataset: a model was made from all of them.
        BadModel: another model is damaged, or the runtime cannot run it.
        BadSetting: the model itself is among the others.
        NotFound: there is no such other model.
    """

    def judge(other: Inspector) -> Evaluation:
        return _evaluated(dataset, samples, other, settings, progress)

    name = inspector.model.name
    others = [load(one, policy=inspector.policy, settings=settings) for one in beside or ()]
    if any(other.model.name == name for other in others):
        raise BadSetting(f"{name} cannot be compared with itself: name another model beside it")
    found = judge(inspector)
    if beside is None:
        return _beside_usual(found, inspector, judge, settings)
    return _beside(found, [judge(other) for other in others])


def _beside(found: Evaluation, others: Sequence[Evaluation]) -> Evaluation:
    """Return an evaluation with the figures of others, and a note where the images differ."""
    alike = [other.left_out == found.left_out for other in others]
    pairs = tuple(zip(others, alike, strict=True))
    return replace(
        found,
        beside=tuple(replace(other.in_short, same_images=same) for other, same in pairs),
        notes=(*found.notes, *(_unlike(found, other) for other, same in pairs if not same)),
    )


def _unlike(found: Evaluation, other: Evaluation) -> str:
    counts = (counted(len(one.images), "image") for one in (other, found))
    return (
        "{} was judged on {}, this model on {}: each leaves out what it was made from, so their "
        "figures are not quite of the same images"
    ).format(other.model, *counts)


def _beside_usual(
    found: Evaluation,
    inspector: Inspector,
    judge: Callable[[Inspector], Evaluation],
    settings: Settings,
) -> Evaluation:
    """Return an evaluation as it is unless told otherwise; nothing it adds can end it."""
    manifest = found.manifest
    if not manifest.curves or manifest.classes:
        return found
    product, usual = manifest.product, TrainingOptions.detector
    models = store(settings)
    entries = map(models.entry, models.names(product))
    there = (one.name for one in entries if one.detector == usual and one.damage is None)
    name = next(there, None)
    if name is None:
        note = (
            f"{product} has no model of the detector {usual} to compare with: train one on the "
            f"same images with `okng train FOLDER --product {product} --detector {usual}`, and "
            "evaluate this one again"
        )
        return replace(found, notes=(*found.notes, note))
    try:
        other = judge(load(name, policy=inspector.policy, settings=settings))
    except OkngError as error:
        note = f"{name} could not be compared with: {error}"
        return replace(found, notes=(*found.notes, note))
    return _beside(found, [other])


def _evaluated(
    dataset: Dataset,
    samples: tuple[Sample, ...],
    inspector: Inspector,
    settings: Settings,
    progress: Progress,
) -> Evaluation:

    def digest(path: Path) -> str | None:
        try:
            return sha256(read(path, settings.max_pixels)).hexdigest()
        except BadImage:
            return None  # the inspection says why

    return evaluate_samples(
        lambda sample: inspector.inspect(sample.path),
        samples,
        inspector.model.manifest,
        inspector.calibration,
        lambda mask: load_mask(mask, settings.max_pixels),
        progress,
        dataset=dataset.name,
        root=dataset.root,
        runtime=runtime(settings).label,
        digest=digest,
    )


def calibrate(
    reference: str,
    make: Callable[[Calibration, int], Calibration],
    settings: Settings,
) -> Calibration:
    """Add a calibration to a model: `make` turns the active one into the next, given its number."""
    models = store(settings)
    name = models.load(reference).name
    active = models.calibration(name)
    return models.add_calibration(name, lambda version: make(active, version))


def score_defects(
    samples: tuple[Sample, ...],
    inspector: Inspector,
    settings: Settings,
    progress: Progress = silent,
) -> DefectScores:
    """Score defective samples, so that thresholds can be set by them.

    Raises:
        BadDataset: none of them can be used.
    """
    manifest = inspector.model.manifest
    return score_samples(
        samples,
        manifest.view,
        frozenset(manifest.data.digests),
        lambda sample: inspector.inspect(sample.path),
        settings.max_pixels,
        progress,
    )


def report_page(evaluation: Evaluation, settings: Settings) -> str:
    """Return an evaluation's report as one HTML page."""
    return to_html(
        evaluation,
        lambda image: decode_file(image, settings.max_pixels),
        lambda mask: load_mask(mask, settings.max_pixels),
    )


def labelled_tests(place: Path, dataset: Dataset) -> tuple[Sample, ...]:
    """Return the labelled test samples of a dataset.

    Raises:
        BadDataset: there are none.
    """
    samples = tuple(sample for sample in dataset.of(Split.TEST) if sample.label is not None)
    if not samples:
        raise BadDataset(
            f"{place} has no test images, so there is nothing to evaluate on: put images that "
            "were not trained on into test/good and test/<name of the defect>, or name another "
            "folder, with --product NAME where it is called differently"
        )
    return samples


def write_report(evaluation: Evaluation, to: Path | None, settings: Settings) -> Path:
    """Write an evaluation as HTML and, beside it, as JSON; return the HTML file.

    `to` is the data folder's `reports/<model>/evaluation.html` unless given.

    Raises:
        BadSetting: it cannot be written.
    """
    path = to or settings.home / "reports" / evaluation.model / "evaluation.html"
    html = report_page(evaluation, settings)
    # Both or neither: a page beside older figures would be believed.
    files = {path: html.encode(), path.with_suffix(".json"): to_json(evaluation).encode()}
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            replace_file(file, data)
    return path.absolute()


def bench(
    reference: str,
    image: Path | None,
    runs: int,
    settings: Settings,
    progress: Progress = silent,
) -> tuple[str, str, tuple[Bench, ...]]:
    """Measure a model's latency on every installed runtime.

    `image` is the model's first golden image unless given.

    Returns:
        The model's name, the image's name, and a result for each runtime.

    Raises:
        BadImage: the image cannot be inspected.
    """
    model = store(settings).load(reference)
    manifest = model.manifest
    if image is None and not model.golden:
        raise BadSetting(f"{model.name} has no image of its own: name one with --image")
    name = str(image) if image is not None else manifest.golden[0].file
    data = read(image, settings.max_pixels) if image is not None else model.golden[name]
    alone = _backbones_of(manifest, settings)
    runtimes = installed_runtimes(settings)
    found = measure(model, runtimes, alone, data, runs, settings.max_pixels, progress)
    return model.name, name, found


def _backbones_of(manifest: Manifest, settings: Settings) -> bytes | None:
    """Return a model's backbones as a graph of their own; None where one is not there any more."""
    if "tile" in manifest.config:  # the whole of a large image at once would take all memory
        return None
    if manifest.detector == ENSEMBLE:  # its members may have any
        return None
    shelf, used = backbones(settings), {}
    for card in manifest.backbones:
        if card.name not in shelf.names():
            return None
        used[card.name] = shelf.load(card.name)
        if used[card.name].sha256 != card.sha256:
            return None
    config = build_config(manifest.detector, manifest.config, settings)
    if not used or not isinstance(config, StandsOnBackbones):
        return None
    networks = config.completed(shelf).networks
    parts = [(used[network.backbone], network.stages or ()) for network in networks]
    return backbones_alone(parts, manifest.view)
