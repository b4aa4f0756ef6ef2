"""One product of VisA as it is published: `Data/Images/Normal`, `Data/Images/Anomaly`."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath

from okng.adapters.datasets.class_names import SEVERAL
from okng.adapters.datasets.listing import scan
from okng.adapters.datasets.masks import MaskIndex, mask_notes
from okng.adapters.datasets.parts import Grouping, split_by_name
from okng.adapters.datasets.tables import rows_of
from okng.domain.dataset import GOOD, Dataset, Sample, Split

_LABELS = {"normal": GOOD, "anomaly": "anomaly"}


@dataclass(frozen=True)
class Visa:
    """Reads `Data/Images/{Normal,Anomaly}` and `Data/Masks/Anomaly`.

    Defects get their names from `image_anno.csv`, those of several kinds at once "combined"; the
    split is that of `split_csv/1cls.csv`, beside the product's folder or in it, where it is there.
    """

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "VisA"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if it has no `Data/Images/Normal`.

        Raises:
            BadDataset: one of its CSV files is damaged.
        """
        if not (root / "Data" / "Images" / "Normal").is_dir():
            return None
        listing = scan(root / "Data")
        masks = [i for i in listing.images if i.parts[0].lower() == "masks"]
        index = MaskIndex(listing.root, masks)
        kinds, splits = _kinds(root), _splits(root)
        samples = []
        for image in listing.images:
            folders = tuple(part.lower() for part in image.parts[:-1])
            if len(folders) != 2 or folders[0] != "images" or folders[1] not in _LABELS:
                continue
            key = (folders[1], image.name.lower())
            label = _LABELS[folders[1]]
            if label != GOOD:
                label = kinds.get(key, label)
            samples.append(
                Sample(
                    listing.root / image,
                    label,
                    splits.get(key, Split.TRAIN),
                    () if label == GOOD else index.of("anomaly", image.stem),
                    self.grouping.part_of(image),
                )
            )
        if not samples:
            return None
        kept, notes = tuple(samples), listing.notes() + mask_notes(samples, bool(masks))
        if not splits:
            kept, split_notes = split_by_name(samples)
            notes += split_notes
        return Dataset(root.resolve().name, root, self.name, kept, tuple(notes))


def _kinds(root: Path) -> dict[tuple[str, str], str]:
    """Return the defects' names by folder and file, as `image_anno.csv` has them."""
    table = root / "image_anno.csv"
    if not table.is_file():
        return {}
    return {
        _key(row["image"]): SEVERAL if "," in row["label"] else row["label"]
        for _, row in rows_of(table)
        if row.get("image") and row.get("label")
    }


def _splits(root: Path) -> dict[tuple[str, str], Split]:
    """Return the split by folder and file for this product, empty where none is published."""
    name = root.resolve().name.lower()
    for folder in (root, root.resolve().parent):
        table = folder / "split_csv" / "1cls.csv"
        if table.is_file():
            return {
                _key(row["image"]): Split.TEST if row["split"].lower() == "test" else Split.TRAIN
                for _, row in rows_of(table)
                if row.get("object", "").lower() == name and row.get("image") and row.get("split")
            }
    return {}


def _key(image: str) -> tuple[str, str]:
    path = PurePath(image.lower())
    return path.parent.name, path.name
