"""A folder that holds defects and nothing else, because whoever names it says so."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath

from okng.adapters.datasets.class_names import Quality, quality_of
from okng.adapters.datasets.listing import scan
from okng.adapters.datasets.masks import MASK_FOLDERS
from okng.adapters.datasets.parts import Grouping
from okng.domain.dataset import Dataset, Sample, Split


@dataclass(frozen=True)
class DefectsAlone:
    """Reads images of defects: those in a folder are of the kind it is called, all others of the
    root's. All train: they were put here to be learned from.

    Only where the user has said that these are defects; elsewhere a flat folder is good images.
    """

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "defects alone"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if it, or a folder of images in it, is called good."""
        listing, name = scan(root), root.resolve().name
        images = [i for i in listing.images if i.parts[0].lower() not in MASK_FOLDERS]
        kinds = {image: _kind(image, name) for image in images}
        if not kinds or any(quality_of(kind) is Quality.GOOD for kind in kinds.values()):
            return None
        samples = tuple(
            Sample(root / image, kind, Split.TRAIN, (), self.grouping.part_of(image))
            for image, kind in kinds.items()
        )
        return Dataset(name, root, self.name, samples, tuple(listing.notes()))


def _kind(image: PurePath, root_name: str) -> str:
    return image.parts[0] if len(image.parts) > 1 else root_name
