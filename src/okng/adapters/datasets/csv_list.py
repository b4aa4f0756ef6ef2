"""A CSV file that lists images: path,label[,mask][,split][,group]."""

import csv
import io
import os
from collections.abc import Sequence
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
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
}
_BETWEEN = "|"
_SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class CsvList:
    """Reads a list of images.

    The first line names the columns, in any order; columns of other names are passed over. Paths
    are relative to the file. `label` is good (or ok, normal, pass, ...), a defect's name, or empty
    where nobody has said. `mask` may name several files, with | between them. `split` is train,
    validation or test. `group` names the part.
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
            raise BadDataset(
                f"{where}: the split is {split!r}; it must be train, validation or test"
            )
        group = row.get("group") or None
        return Sample(
            path,
            _label(where, row["label"]),
            _SPLITS[split],
            tuple(self._existing(root, where, name) for name in _masks(root, mask)) if mask else (),
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


def write_list(samples: Sequence[Sample], folder: Path) -> bytes:
    """Return a list of samples that `CsvList` reads, to lie in `folder`; paths start there.

    Of masks it holds those that are pictures.

    Raises:
        BadDataset: a file's name cannot stand in a list.
    """
    file = io.StringIO(newline="")
    rows = csv.writer(file, lineterminator="\n")
    has_masks = any(sample.masks for sample in samples)
    rows.writerow(("path", "label", *(("mask",) if has_masks else ()), "split", "group"))
    for sample in samples:
        pictures = (path for path in sample.masks if isinstance(path, Path))
        mask = (_BETWEEN.join(_place(path, folder) for path in pictures),) if has_masks else ()
        label, place = _written(sample.label or ""), _place(sample.path, folder)
        rows.writerow((place, label, *mask, sample.split.value, sample.group or ""))
    return file.getvalue().encode()


def _place(path: Path, folder: Path) -> str:
    try:
        place = os.path.relpath(path, folder)
    except ValueError:  # on another drive
        place = str(path.absolute())
    try:
        place.encode()
    except UnicodeEncodeError:
        raise BadDataset(
            f"{path}: its name is no text, so no list can hold it: rename it"
        ) from None
    if place != place.strip() or "\0" in place:
        raise BadDataset(f"{path}: begins or ends with a blank, so no list can hold it: rename it")
    return place


def _written(label: str) -> str:
    """Return a label that `_label` takes as it is: a number alone would not say what it means."""
    return f"defect {label}" if label and _is_number(label) else label


def _masks(root: Path, text: str) -> list[str]:
    return [text] if (root.parent / text).is_file() else text.split(_BETWEEN)


def _is_number(label: str) -> bool:
    return label.lstrip("+-").replace(".", "", 1).isdigit()


def _label(where: str, label: str) -> str | None:
    if _is_number(label):
        raise BadDataset(
            f"{where}: the label is {label}, which does not say whether the part is good; write "
            "good, or the defect's name"
        )
    if is_plainly_good(label):
        return GOOD
    return label or None
