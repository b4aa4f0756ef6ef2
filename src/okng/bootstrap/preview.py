"""Show how images will look to what learns from them, before it does."""

from dataclasses import dataclass
from pathlib import Path

from okng.adapters.stores.durable_files import replace_file, writing
from okng.algorithms.pictures import png
from okng.bootstrap.building import runtime
from okng.bootstrap.training import plan_training
from okng.bootstrap.training_options import TrainingOptions
from okng.domain.dataset import Dataset
from okng.domain.ports import Augmenting, Classifier
from okng.reports.contact_sheet import contact_sheet
from okng.services.preview import look_ahead
from okng.services.train import learned_samples
from okng.settings import Settings


@dataclass(frozen=True)
class Preview:
    """What will be done to all images, in words, and to each anew while it is learned.

    `sheet` is a PNG of examples, where there is something to see.
    """

    view: str
    augmented: str
    sheet: Path | None

    def __str__(self) -> str:
        text = f"every image: {self.view}"
        if self.augmented:
            text += f"; changed at random while it learns: {self.augmented}"
        return text if self.sheet is None else f"{text}; examples: {self.sheet}"


def sheet_file(settings: Settings, product: str) -> Path:
    """Return where the examples of a product's newest training are."""
    return (settings.home / "reports" / product / "preview.png").absolute()


def newest_sheet(settings: Settings, product: str) -> bytes | None:
    """Return these, a PNG; None where no training has drawn any."""
    try:
        return sheet_file(settings, product).read_bytes()
    except FileNotFoundError:
        return None


def preview_training(
    dataset: Dataset,
    product: str | None,
    options: TrainingOptions,
    settings: Settings,
    anyway: bool = False,
) -> Preview:
    """Draw a contact sheet of examples of each class; the tier is settled.

    It is the data folder's `reports/<product>/preview.png`. Where images are seen as they are, by
    what does not tell classes apart and is no network that learns, there is none, unless `anyway`.

    Raises:
        BadDataset: there is no image to learn from.
        BadSetting: an option cannot be, or the sheet cannot be written.
    """
    plan = plan_training(dataset, product, options, settings, runtime(settings))
    augmented = str(plan.config.get("augment", ""))
    detector, view = plan.detector, plan.view
    if not (anyway or view.prepare or augmented or isinstance(detector, Augmenting | Classifier)):
        return Preview(str(view), augmented, None)
    augmenting = detector if augmented and isinstance(detector, Augmenting) else None
    samples = learned_samples(dataset, plan)
    rows = look_ahead(samples, view, augmenting, plan.seed, plan.max_pixels)
    path = sheet_file(settings, plan.product)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, png(contact_sheet(rows)))
    return Preview(str(view), augmented.replace(",", ", "), path)
