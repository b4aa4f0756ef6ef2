"""Render the demo's product."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from okng.adapters.sources.machined_part import MachinedPartConfig, write_dataset
from okng.adapters.stores.durable_files import writing
from okng.domain.errors import BadDataset
from okng.domain.people import CONSOLE
from okng.domain.ports import Progress, silent
from okng.settings import Settings

if TYPE_CHECKING:
    from okng.bootstrap.service import Service  # needs the extra serve

DEMO_TEST_GOOD = 60
DEMO_PER_DEFECT = 25
DEMO_DATASET = "demo"
DEMO_EDITION = 1
"""Rises when the demo's parts look different, so that old images are not taken for new ones."""


def show_demo(service: "Service", place: Path, product: str) -> None:
    """Let a service know the demo's images, so that its pages show them.

    Raises:
        OkngError: they cannot be taken as a dataset.
    """
    if place.resolve().is_relative_to(service.settings.home.resolve()):
        service.datasets.adopt(product, DEMO_DATASET, place, CONSOLE)
    elif all(one.name != DEMO_DATASET for one in service.datasets.list(product, CONSOLE)):
        service.datasets.register(product, DEMO_DATASET, str(place), CONSOLE)


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
    wanted = {
        "okng": DEMO_EDITION,
        **config.model_dump(mode="json", exclude={"defect_scale"}),
        **counts,
    }
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
