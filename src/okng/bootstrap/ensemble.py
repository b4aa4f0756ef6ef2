"""Join stored models to one."""

from collections.abc import Sequence
from pathlib import Path

from okng.adapters.datasets import read_dataset
from okng.bootstrap.building import installed_runtimes, store
from okng.domain.dataset import Sample
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.ports import Progress, silent
from okng.domain.product import product_name
from okng.reports.model_card import render_model_card
from okng.services.calibrate import Wish
from okng.services.ensemble import EnsemblePlan
from okng.services.ensemble import ensemble as join
from okng.services.train import Training
from okng.settings import Settings


def ensemble(
    references: Sequence[str],
    settings: Settings,
    *,
    product: str | None = None,
    calibrate_on: Path | None = None,
    wish: Wish | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Training:
    """Join models, as in `["bottle-1", "bottle-2"]`, to a new version of their product.

    `calibrate_on` is a folder of good images that no member knows; the members' own unseen scores
    calibrate unless it is given.

    Raises:
        NotFound: there is no such model.
        BadSetting: they cannot be joined, or are of several products and `product` says none.
        BadDataset: the folder holds no good images, or images that a member knows.
        ParityError: the runtimes disagree; nothing is stored.
    """
    models = store(settings)
    members = [models.load(reference) for reference in references]
    names = sorted({member.manifest.product for member in members})
    if product is None and len(names) > 1:
        raise BadSetting(
            f"these are models of several products ({', '.join(names)}): name the one that the "
            "ensemble is of with --product"
        )
    chosen = product_name(product or names[0])
    models.check_writable(chosen)
    pattern = members[0].manifest.data.group_pattern
    fresh = () if calibrate_on is None else _good(calibrate_on, pattern)
    plan = EnsemblePlan(chosen, wish or Wish(), fresh, seed, settings.max_pixels)
    return join(members, plan, installed_runtimes(settings), models, render_model_card, progress)


def _good(folder: Path, pattern: str | None) -> tuple[Sample, ...]:
    samples = tuple(s for s in read_dataset(folder, pattern).samples if s.is_good)
    if not samples:
        raise BadDataset(f"{folder} holds no good images to calibrate on")
    return samples
