"""Examine a dataset, and write what was found and a split that mends it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from okng.adapters.datasets.csv_list import write_list
from okng.adapters.stores.durable_files import replace_file, writing
from okng.algorithms.masks import load_mask
from okng.algorithms.pictures import png
from okng.algorithms.pixels import decode_file
from okng.bootstrap.building import build_detector, installed_runtimes
from okng.domain.dataset import Dataset, Sample
from okng.domain.doctor import Diagnosis
from okng.domain.masks import MaskSource
from okng.domain.ports import Classifier, Progress, silent
from okng.domain.product import product_name
from okng.domain.view import View
from okng.reports.doctor import to_html, to_json
from okng.services.calibrate import Wish
from okng.services.doctor import Checkup, CheckupPlan, examine
from okng.services.split import split_samples
from okng.settings import Settings

DETECTOR = "memory"
_QUICK = {"turns": 1, "smallest_bank": 2048, "bank_size": 4096, "sample_size": 50_000}


def examine_dataset(
    dataset: Dataset,
    wish: Wish,
    settings: Settings,
    seed: int = 0,
    progress: Progress = silent,
) -> Checkup:
    """Look at every image of a dataset; see `okng.services.doctor`.

    Raises:
        BadDataset: it has no images that can be read.
    """
    chosen = installed_runtimes(settings)[0]
    built = build_detector(DETECTOR, {"seed": seed, **_QUICK}, chosen, settings)
    assert not isinstance(built.detector, Classifier)
    plan = CheckupPlan(View(*built.size), built.detector, wish, seed, settings.max_pixels)
    return examine(dataset, plan, progress)


def write_diagnosis(diagnosis: Diagnosis, to: Path | None, settings: Settings) -> Path:
    """Write a diagnosis as HTML and, beside it, as JSON; return the HTML file.

    `to` is the data folder's `reports/<dataset>/doctor.html` unless given.

    Raises:
        BadSetting: it cannot be written.
    """
    path = to or settings.home / "reports" / product_name(diagnosis.dataset) / "doctor.html"
    html = to_html(diagnosis, lambda image: decode_file(image, settings.max_pixels))
    files = {path: html.encode(), path.with_suffix(".json"): to_json(diagnosis).encode()}
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, data in files.items():
            replace_file(file, data)
    return path.absolute()


def write_split(
    checkup: Checkup,
    to: Path,
    test_share: float,
    seed: int,
    settings: Settings,
    validation_share: float = 0.0,
) -> dict[str, int]:
    """Write a list with a split that keeps a part's images together.

    Masks that were drawn become pictures, in a folder called like the list.

    Returns:
        The number of images by `split/label`.

    Raises:
        BadSetting: it cannot be written.
        BadDataset: a file's name cannot stand in a list.
        BadImage: a mask that was drawn does not fit its image.
    """
    samples = split_samples(checkup.samples, checkup.parts, test_share, seed, validation_share)
    masks = to.with_name(f"{to.stem}-masks")
    with writing(to.parent):
        to.parent.mkdir(parents=True, exist_ok=True)
        kept = [_with_pictures(s, masks, i, settings) for i, s in enumerate(samples)]
        replace_file(to, write_list(kept, to.parent))
    counts: dict[str, int] = {}
    for sample in samples:
        name = f"{sample.split.value}/{sample.label or 'unlabelled'}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _with_pictures(sample: Sample, folder: Path, number: int, settings: Settings) -> Sample:
    """Return the sample with plain pictures for masks; what is none yet is drawn into `folder`."""
    if all(isinstance(mask, Path) for mask in sample.masks):
        return sample
    pictures: list[MaskSource] = []
    for mask in sample.masks:
        if not isinstance(mask, Path):
            drawn = load_mask(mask, settings.max_pixels)
            folder.mkdir(exist_ok=True)
            mask = folder / f"{number:06}-{len(pictures)}.png"
            replace_file(mask, png(np.repeat(np.uint8(255) * drawn[..., None], 3, axis=2)))
        pictures.append(mask)
    return replace(sample, masks=tuple(pictures))
