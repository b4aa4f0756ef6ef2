"""A CSV file that lists images: path,label[,mask][,split][,group]."""

from dataclasses import dataclass, field
from pathlib import Path

from okng.adapters.datasets.class_names import is_plainly_good
from okng.adapters.datasets.containment import is_below
from okng.adapters.datasets.masks import mask_notes
from okng.adapters.datasets.parts import Grouping, split_by_name
from okng.adapters.datasets.tables import rows_of
from okng.domain.dataset import GOOD, Dataset, Sample, Split
from okng.domain.errors import BadDataset

EXPECTED = "path,label[,mask][,split][,group]"

_SPLITS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.TRAIN,
    "validation": Split.TRAIN,
    "test": Split.TEST,
    "testing": Split.TEST,
}
_SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class CsvList:
    """Reads a list of images.

    The first line names the columns, in any order; columns of other names are passed over. Paths
    are relative to the file. `label` is good (or ok, normal, pass, ...), a defect's name, or empty
    where nobody has said. `split` is train or test (validation trains). `group` names the part.
    Files outside of the folder `within` are refused, whether they exist or not.
    """

    grouping: Grouping = field(default_factory=Grouping)
    within: Path | None = None

    @property
    def name(self) -> str:
        return "CSV list"

    def read(self, root: Path) -> Dataset | None:
        """Read the file `root`; None if it is no file, or not named like a list.

        Raises:
            BadDataset: it is not such a list; names the line.
        """
        if not root.is_file() or root.suffix.lower() not in _SUFFIXES:
            return None
        samples: list[Sample] = []
        lines: dict[Path, int] = {}
        has_splits = has_masks = False
        for line, row in rows_of(root):
            if not {"path", "label"} <= row.keys():
                raise BadDataset(
                    f"{root}, line 1: the columns are {', '.join(row)}; expected {EXPECTED}"
                )
            has_splits, has_masks = "split" in row, "mask" in row
            sample = self._sample(root, line, row)
            first = lines.setdefault(sample.path, line)
            if first != line:
                raise BadDataset(
                    f"{root}, line {line}: {row['path']} is there already, on line {first}"
                )
            samples.append(sample)
        if not samples:
            raise BadDataset(f"{root}: no rows below a header; expected {EXPECTED}")
        notes = mask_notes(samples, has_masks)
        kept = tuple(samples)
        if not has_splits:
            kept, split_notes = split_by_name(samples)
            notes += split_notes
        return Dataset(root.stem, root.parent, self.name, kept, tuple(notes))

    def _sample(self, root: Path, line: int, row: dict[str, str]) -> Sample:
        where = f"{root}, line {line}"
        path = self._existing(root, where, row["path"])
        mask = row.get("mask", "")
        split = row.get("split", "train").lower()
        if split not in _SPLITS:
            raise BadDataset(f"{where}: the split is {split!r}; it must be train or test")
        group = row.get("group") or None
        return Sample(
            path,
            _label(where, row["label"]),
            _SPLITS[split],
            (self._existing(root, where, mask),) if mask else (),
            group if self.grouping.pattern is None else self.grouping.part_of(path),
        )

    def _existing(self, root: Path, where: str, text: str) -> Path:
        if not text:
            raise BadDataset(f"{where}: the path is empty")
        # A list written on Windows is read elsewhere too.
        for name in (text, text.replace("\\", "/")):
            path = root.parent / name
            if self.within is not None and not is_below(path, self.within):
                raise BadDataset(f"{where}: {text} leads out of the dataset; name files in it")
            if path.is_file():
                return path
        raise BadDataset(f"{where}: there is no file {root.parent / text}; paths start at the list")


def _label(where: str, label: str) -> str | None:
    if label.lstrip("+-").replace(".", "", 1).isdigit():
        raise BadDataset(
            f"{where}: the label is {label}, which does not say whether the part is good; write "
            "good, or the defect's name"
        )
    if is_plainly_good(label):
        return GOOD
    return label or None
