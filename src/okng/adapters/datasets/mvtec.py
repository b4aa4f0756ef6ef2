"""The layout of MVTec AD, and of what is laid out like it: MVTec LOCO, converted VisA."""

from dataclasses import dataclass, field
from pathlib import Path

from okng.adapters.datasets.listing import loose_notes, scan
from okng.adapters.datasets.masks import MASK_FOLDERS, MaskIndex, mask_notes
from okng.adapters.datasets.parts import Grouping
from okng.domain.dataset import GOOD, Dataset, Sample, Split

_SPLITS = {"train": Split.TRAIN, "validation": Split.TRAIN, "test": Split.TEST}


@dataclass(frozen=True)
class Mvtec:
    """Reads `train/good`, `test/<kind>` and `ground_truth/<kind>/<stem>_mask.png`.

    Masks may also bear the image's stem alone (VisA), or lie in a folder of that name, several
    for one image (MVTec LOCO), whose `validation/good` trains.
    """

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "MVTec AD"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if `train/` holds other folders than `good/`, or there are others.

        Images that lie in no folder of a kind (a picture beside a readme) are passed over.
        """
        listing = scan(root)
        masks = [i for i in listing.images if i.parts[0].lower() in MASK_FOLDERS]
        index = MaskIndex(root, masks)
        samples, loose = [], 0
        for image in listing.images:
            top, *folders = [part.lower() for part in image.parts[:-1]] or [""]
            if top in MASK_FOLDERS:
                continue
            if not top or (top in _SPLITS and not folders):
                loose += 1
                continue
            if top not in _SPLITS or (top != "test" and folders[0] != GOOD):
                return None
            kind = GOOD if folders[0] == GOOD else image.parts[1]
            found = () if kind == GOOD else index.of(kind, image.stem)
            part = self.grouping.part_of(image)
            samples.append(Sample(root / image, kind, _SPLITS[top], found, part))
        if not any(sample.split is Split.TRAIN for sample in samples):
            return None
        notes = listing.notes() + loose_notes(loose) + mask_notes(samples, bool(masks))
        return Dataset(root.resolve().name, root, self.name, tuple(samples), tuple(notes))
