"""A flat folder of good images."""

from dataclasses import dataclass, field
from pathlib import Path

from okng.adapters.datasets.class_names import Quality, quality_of
from okng.adapters.datasets.listing import scan
from okng.adapters.datasets.masks import MASK_FOLDERS
from okng.adapters.datasets.parts import Grouping
from okng.domain.counting import chosen, counted
from okng.domain.dataset import GOOD, Dataset, Sample, Split


@dataclass(frozen=True)
class Flat:
    """Reads a folder with images and no folders of images: all are good, all train."""

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "flat folder"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if images lie deeper, or there are none."""
        listing = scan(root)
        folders = listing.folders()
        if not folders.pop("", None) or any(top.lower() not in MASK_FOLDERS for top in folders):
            return None
        samples = tuple(
            Sample(root / image, GOOD, Split.TRAIN, (), self.grouping.part_of(image))
            for image in listing.images
            if len(image.parts) == 1
        )
        notes = [*listing.notes(), "a flat folder: every image is taken for good, and all train"]
        name = root.resolve().name
        doubtful = sum(quality_of(s.path.stem) is Quality.DEFECTIVE for s in samples)
        if quality_of(name) is Quality.DEFECTIVE:
            notes.append(f"the folder's name, {name}, says defective, but its images count as good")
        elif doubtful:
            notes.append(
                f"{counted(doubtful, 'file name')} {chosen(doubtful, 'says', 'say')} defective, "
                "but all images count as good; put defective "
                "ones in a folder of their own beside good/"
            )
        return Dataset(name, root, self.name, samples, tuple(notes))
