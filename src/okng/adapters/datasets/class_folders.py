"""Folders named by class: `good/` and any defects, or pairs such as `ok_front/`, `def_front/`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from okng.adapters.datasets.class_names import Quality, good_among, quality_of
from okng.adapters.datasets.listing import Listing, loose_notes, scan
from okng.adapters.datasets.masks import MASK_FOLDERS, MaskIndex, mask_notes
from okng.adapters.datasets.parts import Grouping, split_by_name
from okng.domain.dataset import GOOD, Dataset, Sample, Split

_TRAIN = frozenset({"train", "training"})
_TEST = frozenset({"test", "testing"})
_VALIDATION = frozenset({"val", "valid", "validation"})
_SPLITS = _TRAIN | _TEST | _VALIDATION


@dataclass(frozen=True)
class Placed:
    """An image, relative to the root, with the folders that say its split and its class."""

    image: PurePath
    split: str
    folder: str


@dataclass(frozen=True)
class ClassFolders:
    """Reads class folders, with or without `train/`, `test/` or `val/` above them.

    Folders whose names say good (good, ok, normal, pass, io, ...) hold the good images; where
    there is one, every other folder is a kind of defect, by its own name. Images may lie deeper.
    Masks are looked for in `ground_truth/` or `masks/` beside.

    Without a good folder the set is read all the same, every folder a kind of defect: a
    classifier and a test of defects alone can use it, and whoever needs good images must say
    that there are none. But then it takes two folders, or one whose name says defective, and
    images directly in them, lest a shelf of datasets be taken for one.
    """

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "class folders"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if its folders are no classes."""
        listing = scan(root)
        tops = [top for top in listing.folders() if top and top.lower() not in MASK_FOLDERS]
        has_splits = bool(tops) and all(top.lower() in _SPLITS for top in tops)
        placed = list(_place(listing, has_splits))
        if not placed or not _are_classes(placed, listing, has_splits):
            return None
        return self._dataset(listing, placed, has_splits)

    def _dataset(self, listing: Listing, placed: list[Placed], has_splits: bool) -> Dataset:
        masks = MaskIndex(
            listing.root, [i for i in listing.images if i.parts[0].lower() in MASK_FOLDERS]
        )
        good = good_among({place.folder for place in placed})
        is_tested = any(place.split.lower() in _TEST for place in placed)
        stems = Counter(p.image.stem for p in placed if p.folder not in good)
        samples = []
        for place in placed:
            is_good = place.folder in good
            findable = not is_good and not (masks.is_flat and stems[place.image.stem] > 1)
            samples.append(
                Sample(
                    listing.root / place.image,
                    GOOD if is_good else place.folder,
                    _split(place.split, is_tested),
                    masks.of(place.folder, place.image.stem, place.split) if findable else (),
                    self.grouping.part_of(place.image),
                )
            )
        notes = listing.notes() + _notes(listing, placed, good) + mask_notes(samples, bool(masks))
        kept = tuple(samples)
        if not has_splits:
            kept, split_notes = split_by_name(samples)
            notes += split_notes
        name = listing.root.resolve().name
        return Dataset(name, listing.root, self.name, kept, tuple(notes))


def _place(listing: Listing, has_splits: bool) -> Iterator[Placed]:
    """Yield the images that lie in a class folder."""
    depth = 1 if has_splits else 0
    for image in listing.images:
        parts = image.parts
        if len(parts) > depth + 1 and not {part.lower() for part in parts[:-1]} & MASK_FOLDERS:
            yield Placed(image, parts[0] if has_splits else "", parts[depth])


def _are_classes(placed: list[Placed], listing: Listing, has_splits: bool) -> bool:
    folders = {place.folder for place in placed}
    if good_among(folders):
        return True
    depth = 3 if has_splits else 2
    loose = sum(i.parts[0].lower() not in MASK_FOLDERS for i in listing.images) - len(placed)
    if loose or any(len(place.image.parts) > depth for place in placed):
        return False
    return len(folders) > 1 or quality_of(*folders) is Quality.DEFECTIVE


def _split(folder: str, is_tested: bool) -> Split:
    """A validation set is the test where there is no test set besides."""
    name = folder.lower()
    if name in _VALIDATION:
        return Split.VALIDATION if is_tested else Split.TEST
    return Split.TEST if name in _TEST else Split.TRAIN


def _notes(listing: Listing, placed: list[Placed], good: set[str]) -> list[str]:
    notes = []
    if not good:
        notes.append(
            "no folder is called good (or ok, normal, pass, ...): every folder is taken for a kind "
            "of defect"
        )
    elif len(good) > 1:
        notes.append(f"several folders hold good images: {', '.join(sorted(good))}")
    in_masks = sum(image.parts[0].lower() in MASK_FOLDERS for image in listing.images)
    loose = len(listing.images) - in_masks - len(placed)
    return notes + loose_notes(loose)
