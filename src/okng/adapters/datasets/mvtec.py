"""The layout of MVTec AD, and of what is laid out like it: MVTec LOCO and AD 2, converted VisA."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath

from okng.adapters.datasets.listing import Listing, loose_notes, scan
from okng.adapters.datasets.masks import MASK_FOLDERS, MaskIndex, mask_notes
from okng.adapters.datasets.parts import Grouping
from okng.domain.dataset import GOOD, Dataset, Sample, Split

_TRAIN = frozenset({"train", "validation"})
_TEST = frozenset({"test", "test_public"})
_UNLABELLED = frozenset({"test_private", "test_private_mixed"})


@dataclass(frozen=True)
class Mvtec:
    """Reads `train/good`, `test/<kind>` and `ground_truth/<kind>/<stem>_mask.png`.

    Masks may also bear the image's stem alone (VisA), or lie in a folder of that name, several
    for one image (MVTec LOCO), whose `validation/good` trains. MVTec AD 2 has `test_public/` with
    a `ground_truth/` of its own; its private test images are unlabelled.
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
        masks = _masks(listing)
        samples, loose = [], 0
        for image in listing.images:
            top, *folders = [part.lower() for part in image.parts[:-1]] or [""]
            if top in MASK_FOLDERS or (top in _TEST and folders and folders[0] in MASK_FOLDERS):
                continue
            part = self.grouping.part_of(image)
            if top in _UNLABELLED:
                samples.append(Sample(root / image, None, Split.TEST, (), part))
                continue
            if not top or (top in _TRAIN | _TEST and not folders):
                loose += 1
                continue
            if top not in _TRAIN | _TEST or (top in _TRAIN and folders[0] != GOOD):
                return None
            kind = GOOD if folders[0] == GOOD else image.parts[1]
            found = () if kind == GOOD else masks.of(kind, image.stem)
            split = Split.TRAIN if top in _TRAIN else Split.TEST
            samples.append(Sample(root / image, kind, split, found, part))
        if not any(sample.split is Split.TRAIN for sample in samples):
            return None
        notes = listing.notes() + loose_notes(loose) + mask_notes(samples, bool(masks))
        return Dataset(root.resolve().name, root, self.name, tuple(samples), tuple(notes))


def _masks(listing: Listing) -> MaskIndex:
    """Index the ground truth, at the top or, as in MVTec AD 2, in the test's own folder."""
    found = {
        depth: [
            image
            for image in listing.images
            if len(image.parts) > depth + 1 and image.parts[depth].lower() in MASK_FOLDERS
        ]
        for depth in (0, 1)
    }
    within = [image for image in found[1] if image.parts[0].lower() in _TEST]
    if found[0] or not within:
        return MaskIndex(listing.root, found[0])
    return MaskIndex(listing.root / within[0].parts[0], [PurePath(*i.parts[1:]) for i in within])
