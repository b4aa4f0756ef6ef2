"""Take models in and out."""

from collections.abc import Callable
from pathlib import Path

from okng.adapters.stores.model_archive import SUFFIX, Imported, export_archive, import_archive
from okng.bootstrap.building import runtime, store
from okng.domain.errors import BadSetting
from okng.domain.model import Model
from okng.services.parity import check_parity
from okng.settings import Settings


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
