"""The one place that builds adapters and hands them to services; also okng's Python interface.

import okng

okng.train("parts/bottle")
inspector = okng.load("bottle")
inspection = inspector.inspect("new.png")
print(inspection.verdict, inspection.score, inspection.regions)
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from okng import plugins
from okng.adapters.datasets import read_dataset
from okng.adapters.sources.machined_part import MachinedPartConfig, write_dataset
from okng.adapters.stores.durable_files import replace_file, writing
from okng.adapters.stores.model_archive import SUFFIX, Imported, export_archive, import_archive
from okng.adapters.stores.model_folder import FolderModelStore
from okng.algorithms.pixels import decode_file, decode_mask, mask_png_from, read
from okng.domain.calibration import Calibration
from okng.domain.dataset import Dataset, Sample
from okng.domain.errors import BadDataset, BadImage, BadSetting, MissingExtra
from okng.domain.evaluation import Evaluation
from okng.domain.model import Manifest, Model
from okng.domain.ports import Progress, Runtime, silent
from okng.domain.product import product_name
from okng.domain.verdict import Policy
from okng.domain.view import LONGEST_SIDE_PX, Box, View
from okng.graphs.backbone import load_backbone
from okng.graphs.features import backbone_alone
from okng.reports.evaluation import to_html, to_json
from okng.reports.model_card import render_model_card
from okng.services.bench import Bench
from okng.services.bench import bench as measure
from okng.services.calibrate import Wish
from okng.services.defects import DefectScores
from okng.services.defects import score_defects as score_samples
from okng.services.evaluate import evaluate as evaluate_samples
from okng.services.inspect import Inspector
from okng.services.parity import check_parity
from okng.services.train import CalibrationPlan, Training, TrainingPlan
from okng.services.train import train as train_detector
from okng.settings import Settings, read_settings

DEFAULT_SIZE = (256, 256)
DEMO_TEST_GOOD = 60
DEMO_PER_DEFECT = 25
DEMO_EDITION = 1
"""Rises when the demo's parts look different, so that old images are not taken for new ones."""


@dataclass(frozen=True)
class TrainingOptions:
    """What may be chosen before a training; everything has a default.

    `size` is (width, height) of the graph's input in pixels; `roi` is in pixels of the original
    image; `mask` is an image file, black where nothing is inspected. `config` holds settings of
    the detector by name.
    """

    detector: str = "memory"
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] = DEFAULT_SIZE
    roi: Box | None = None
    mask: Path | None = None
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0


def store(settings: Settings) -> FolderModelStore:
    return FolderModelStore(settings.home / "models")


def runtime(settings: Settings) -> Runtime:
    """Build the runtime that the settings name; `auto` is OpenVINO where it is installed.

    Raises:
        BadSetting: it does not know the device or precision.
        MissingExtra: it is not installed.
    """
    name = settings.runtime
    if name == "auto":
        name = "openvino" if find_spec("openvino") else "onnxruntime"
    return _build_runtime(name, settings, settings.device, settings.precision)


def installed_runtimes(settings: Settings) -> list[Runtime]:
    """Return the chosen runtime first, then every other one that is installed, on the CPU."""
    chosen = runtime(settings)
    others = []
    for name in plugins.names("runtime", settings.plugins):
        if name != chosen.name:
            try:
                others.append(_build_runtime(name, settings, "CPU", "f32"))
            except MissingExtra:
                continue
    return [chosen, *others]


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


def train(
    folder: Path | str,
    product: str | None = None,
    *,
    options: TrainingOptions | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Training:
    """Train on the good images of a folder, calibrate, and keep the model.

    Args:
        folder: a dataset in any layout that okng knows.
        product: the folder's name unless given.
        options: what may be chosen before.
        settings: of the process; from the environment unless given.
        progress: is told how far the work is.

    Raises:
        OkngError: BadDataset, BadSetting or ParityError, with the reason.
    """
    settings, options = settings or read_settings(), options or TrainingOptions()
    return train_dataset(
        read_dataset(Path(folder), options.group_pattern), product, options, settings, progress
    )


def train_dataset(
    dataset: Dataset,
    product: str | None,
    options: TrainingOptions,
    settings: Settings,
    progress: Progress,
) -> Training:
    """Train on a dataset that has been read already; see `train`."""
    product = product_name(product or dataset.name)
    models = store(settings)
    models.check_writable(product)
    runtimes = installed_runtimes(settings)
    detector_class = plugins.load("detector", options.detector, settings.plugins)
    config = _configure(detector_class, {"seed": options.seed, **options.config})
    backbone = getattr(config, "backbone", None)
    plan = TrainingPlan(
        product=product,
        detector_name=options.detector,
        detector=detector_class(config, runtimes[0]),
        config=config.model_dump(mode="json"),
        backbone=None if backbone is None else load_backbone(backbone).card,
        view=make_view(options, settings),
        wish=options.wish,
        calibration=options.calibration,
        seed=options.seed,
        max_pixels=settings.max_pixels,
        group_pattern=options.group_pattern,
    )
    return train_detector(dataset, plan, runtimes, models, render_model_card, progress)


def read_as_trained(folder: Path, manifest: Manifest, within: Path | None = None) -> Dataset:
    """Read a dataset, its parts told apart by file name as in the model's training.

    Where the training's pattern does not fit these names, it is read without, with a note.

    Raises:
        BadDataset: it cannot be understood.
    """
    pattern = manifest.data.group_pattern
    plain = read_dataset(folder, None, within)
    if pattern is None:
        return plain
    try:
        return read_dataset(folder, pattern, within)
    except BadDataset as error:
        note = f"each image counts as a part of its own unless a list says otherwise: {error}"
        return replace(plain, notes=(*plain.notes, note))


def make_view(options: TrainingOptions, settings: Settings) -> View:
    """Build the view of a training; reads the mask.

    Raises:
        BadImage: the mask cannot be read, or is smaller than the region of interest.
        BadSetting: the size is none.
    """
    width, height = options.size
    if not (1 <= width <= LONGEST_SIDE_PX and 1 <= height <= LONGEST_SIDE_PX):
        raise BadSetting(
            f"{width} x {height} cannot be a size: sides have 1 to {LONGEST_SIDE_PX} pixels"
        )
    mask_png = None
    if options.mask is not None:
        mask = decode_mask(read(options.mask, settings.max_pixels), settings.max_pixels)
        mask_png = mask_png_from(mask, width, height, options.roi)
    return View(width, height, options.roi, mask_png)


def evaluate(
    dataset: Dataset,
    samples: tuple[Sample, ...],
    inspector: Inspector,
    settings: Settings,
    progress: Progress = silent,
) -> Evaluation:
    """Inspect labelled samples, but those the model was made from, and count what became of them.

    Raises:
        BadDataset: the model was made from all of them.
    """

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
        lambda path: decode_mask(read(path, settings.max_pixels), settings.max_pixels),
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
    return score_samples(
        samples,
        inspector.model.manifest.view,
        lambda sample: inspector.inspect(sample.path),
        settings.max_pixels,
        progress,
    )


def write_report(evaluation: Evaluation, to: Path | None, settings: Settings) -> Path:
    """Write an evaluation as HTML and, beside it, as JSON; return the HTML file.

    `to` is the data folder's `reports/<model>/evaluation.html` unless given.

    Raises:
        BadSetting: it cannot be written.
    """
    path = to or settings.home / "reports" / evaluation.model / "evaluation.html"
    html = to_html(
        evaluation,
        lambda image: decode_file(image, settings.max_pixels),
        lambda mask: decode_mask(read(mask, settings.max_pixels), settings.max_pixels),
    )
    # Both or neither: a page beside older figures would be believed.
    files = {path: html.encode(), path.with_suffix(".json"): to_json(evaluation).encode()}
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            replace_file(file, data)
    return path.absolute()


def export_model(reference: str, to: Path, force: bool, settings: Settings) -> Path:
    """Write a model with its calibrations to the file `to`, or into the folder `to`.

    Raises:
        BadSetting: the file is there and `force` is False, or it cannot be written.
    """
    models = store(settings)
    model = models.load(reference)
    path = to / f"{model.name}{SUFFIX}" if to.is_dir() else to
    if path.exists() and not force:
        raise BadSetting(f"{path} is there already: name another file, or replace it with --force")
    return export_archive(model, models.calibrations(model.name)[1:], path)


def import_model(file: Path, product: str | None, settings: Settings) -> Imported:
    """Take in an exported model, under its own product or `product`.

    Raises:
        ParityError: the runtime gives its golden images other scores; it is not taken in.
    """
    return import_archive(file, store(settings), product, approve=approval(settings))


def approval(settings: Settings) -> Callable[[Model], object]:
    """Return what makes sure that a model from elsewhere scores here as it did there."""
    chosen = runtime(settings)
    return lambda model: check_parity(model, [chosen], settings.max_pixels)


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
    stages = manifest.config.get("stages")
    alone = None
    if manifest.backbone is not None and isinstance(stages, list | tuple):
        alone = backbone_alone(load_backbone(manifest.backbone.name), stages, manifest.view)
    runtimes = installed_runtimes(settings)
    found = measure(model, runtimes, alone, data, runs, settings.max_pixels, progress)
    return model.name, name, found


def render_demo(
    folder: Path | None, good: int, seed: int, settings: Settings, progress: Progress = silent
) -> tuple[Path, bool]:
    """Render the demo's product unless it is there already; return where, and if it was rendered.

    The folder appears when it is whole.

    Raises:
        BadDataset: the folder holds something else.
    """
    place = (folder or settings.home / "demo" / "flange").absolute()
    config = MachinedPartConfig(seed=seed)
    counts = {"good": good, "test_good": DEMO_TEST_GOOD, "per_defect": DEMO_PER_DEFECT}
    wanted = {"okng": DEMO_EDITION, **config.model_dump(mode="json"), **counts}
    made = place / ".okng-demo.json"
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        if made.is_file() and made.read_text("utf-8") == json.dumps(wanted):
            return place, False
        raise BadDataset(
            f"{place} holds something else, or a demo with other settings: delete it, or name "
            "another folder with --folder"
        )
    with writing(place.parent):
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=".okng-demo-") as partial:
            whole = Path(partial) / place.name
            write_dataset(whole, config, progress=progress, **counts)
            (whole / made.name).write_text(json.dumps(wanted), "utf-8")
            if place.is_dir():
                place.rmdir()
            whole.rename(place)
    return place, True


def _build_runtime(name: str, settings: Settings, device: str, precision: str) -> Runtime:
    runtime_class = plugins.load("runtime", name, settings.plugins)
    values = {"device": device, "precision": precision, "threads": settings.threads}
    built: Runtime = runtime_class(_configure(runtime_class, values))
    return built


def _configure(of: Any, values: Mapping[str, object]) -> Any:
    """Validate settings of a plug-in; unknown names are refused with those there are."""
    try:
        return of.Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(of.Config.model_fields)
        raise BadSetting(f"{where}: {first['msg']} (settings of {of.__name__}: {known})") from error
