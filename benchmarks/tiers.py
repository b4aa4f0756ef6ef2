"""The tiers that are compared, and a trained model of each."""

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kept import FOLDER
from okng.bootstrap import TrainingOptions, load, train_dataset
from okng.bootstrap.backbones import add
from okng.bootstrap.building import backbones
from okng.domain.dataset import Dataset
from okng.domain.errors import NotFound
from okng.domain.ports import silent
from okng.graphs.backbone import SHIPPED
from okng.services.inspect import Inspector
from okng.settings import Settings

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "backbones"


@dataclass(frozen=True)
class Tier:
    """A detector with its settings; `weights` is what the file of its backbone begins with."""

    detector: str
    config: dict[str, object]
    weights: str | None = None


TIERS = {
    "fast": Tier("memory", {}),
    "balanced": Tier("memory", {"backbone": "dinov2-small"}, "dinov2"),
}


def home() -> Settings:
    """Return settings whose models and backbones lie among the benchmarks' results."""
    return Settings(home=FOLDER / "home")


def options(name: str, **others: object) -> TrainingOptions:
    """Return how a tier is trained; adds its backbone if it is not there yet.

    Raises:
        SystemExit: there is no such tier, or no weights.
    """
    if name not in TIERS:
        raise SystemExit(f"there is no tier {name!r}: choose from {', '.join(TIERS)}")
    tier = TIERS[name]
    backbone = str(tier.config.get("backbone", SHIPPED.names()[0]))
    if tier.weights and backbone not in backbones(home()).names():
        folder = Path(os.environ.get("OKNG_BACKBONES") or _BESIDE)
        files = sorted(folder.glob(f"{tier.weights}*.safetensors"))
        if not files:
            raise SystemExit(
                f"no weights {tier.weights}*.safetensors in {folder}: set OKNG_BACKBONES"
            )
        add(backbone, files[0], None, home())
    return TrainingOptions(detector=tier.detector, config={**tier.config, **others})


def trained(dataset: Dataset, tier: str) -> Inspector:
    """Load the tier's model of a dataset; train it first if there is none."""
    product = f"{dataset.name}-{tier}"
    try:
        return load(product, settings=home())
    except NotFound:
        train_dataset(dataset, product, options(tier), home(), silent)
    return load(product, settings=home())
