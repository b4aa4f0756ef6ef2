"""The tiers that are compared, and a trained model of each."""

import os
from pathlib import Path

from benchmarks.kept import FOLDER
from okng.bootstrap import TIERS, TrainingOptions, load, train_dataset
from okng.bootstrap.backbones import add
from okng.bootstrap.building import backbones
from okng.bootstrap.tiers import in_tier
from okng.domain.dataset import Dataset
from okng.domain.errors import NotFound
from okng.domain.ports import silent
from okng.services.inspect import Inspector
from okng.settings import Settings

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "backbones"


def home() -> Settings:
    """Return settings whose models and backbones lie among the benchmarks' results."""
    return Settings(home=FOLDER / "home")


def options(name: str, **others: object) -> TrainingOptions:
    """Return how a tier is trained; adds its backbones if they are not there yet.

    Raises:
        SystemExit: there is no such tier, or no weights.
    """
    if name not in TIERS:
        raise SystemExit(f"there is no tier {name!r}: choose from {', '.join(TIERS)}")
    for backbone in TIERS[name].backbones:
        added(backbone)
    return in_tier(TrainingOptions(config=others), name)


def added(backbone: str) -> None:
    """Add a backbone from the folder of weights if it is not there yet.

    Raises:
        SystemExit: there are no weights.
    """
    if backbone not in backbones(home()).names():
        add(backbone, _weights(backbone), None, home())


def _weights(backbone: str) -> Path:
    """Return the file that holds a backbone's weights: `dinov2*.safetensors` for dinov2-small."""
    folder = Path(os.environ.get("OKNG_BACKBONES") or _BESIDE)
    pattern = f"{backbone.partition('-')[0]}*.safetensors"
    files = sorted(folder.glob(pattern))
    if not files:
        raise SystemExit(f"no weights {pattern} in {folder}: set OKNG_BACKBONES")
    return files[0]


def trained(dataset: Dataset, tier: str) -> Inspector:
    """Load the tier's model of a dataset; train it first if there is none."""
    product = f"{dataset.name}-{tier}"
    try:
        return load(product, settings=home())
    except NotFound:
        train_dataset(dataset, product, options(tier), home(), silent)
    return load(product, settings=home())
