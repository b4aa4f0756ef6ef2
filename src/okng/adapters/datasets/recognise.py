"""Understand a dataset by looking at it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from okng.adapters.datasets.annotated import Annotated
from okng.adapters.datasets.annotation_files import SUFFIXES as ANNOTATION_SUFFIXES
from okng.adapters.datasets.class_folders import ClassFolders
from okng.adapters.datasets.containment import check_contained
from okng.adapters.datasets.csv_list import CsvList
from okng.adapters.datasets.defects_alone import DefectsAlone
from okng.adapters.datasets.flat import Flat
from okng.adapters.datasets.listing import IMAGE_SUFFIXES, Listing, scan
from okng.adapters.datasets.mvtec import Mvtec
from okng.adapters.datasets.parts import Grouping, grouping_from
from okng.adapters.datasets.visa import Visa
from okng.domain.counting import counted
from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset
from okng.domain.ports import Layout

EXPECTED = """expected one of
  - good/ and, beside it, folders named by defect (also ok/ng, pass/fail, normal/anomaly, ...)
  - the same below train/ and test/
  - MVTec AD: train/good, test/good, test/<defect>, ground_truth/<defect>
  - VisA: Data/Images/Normal, Data/Images/Anomaly
  - annotations of COCO, Label Studio (JSON) or Lookout for Vision (.manifest) beside the images
  - images and no folders: all good
  - a CSV file: path,label[,mask][,split][,group]"""

LIST_SUFFIXES = frozenset({".csv"}) | ANNOTATION_SUFFIXES
"""What a file is called that may be a dataset by itself."""

_SHOWN = 8


def layouts(grouping: Grouping, within: Path | None = None) -> tuple[Layout, ...]:
    """Return the layouts that okng knows, the strictest first; for `within` see `CsvList`."""
    return (
        CsvList(grouping, within),
        Visa(grouping),
        Mvtec(grouping),
        Annotated(grouping),
        ClassFolders(grouping),
        Flat(grouping),
    )


def read_dataset(
    root: Path, group_pattern: str | None = None, within: Path | None = None
) -> Dataset:
    """Read a folder, a CSV file or a list of annotations in the first layout that fits it.

    `group_pattern` is a regular expression whose first group, in a file's name, is the part's id;
    it takes precedence over a list's column `group`. Where `within` is given, neither a list nor a
    link may lead out of that folder.

    Raises:
        BadDataset: nothing fits, or the pattern does not; says what was seen and expected.
    """
    known = layouts(grouping_from(group_pattern), within)
    return _read(root, known, group_pattern, within)


def read_defects(
    root: Path, group_pattern: str | None = None, within: Path | None = None
) -> Dataset:
    """Read a dataset of which the user says that it holds defects.

    As `read_dataset`, but defects may also lie there alone, without good/ beside them.
    """
    grouping = grouping_from(group_pattern)
    *strict, flat = layouts(grouping, within)
    return _read(root, (*strict, DefectsAlone(grouping), flat), group_pattern, within)


def _read(
    root: Path, known: Sequence[Layout], group_pattern: str | None, within: Path | None
) -> Dataset:
    try:
        root.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadDataset(f"{root}: there is no such folder or file ({reason})") from error
    if root.is_dir():
        listing = scan(root)
        if not listing.images:
            raise BadDataset(f"{_seen(listing)}\n{EXPECTED}")
    for layout in known:
        if root.is_file() and not isinstance(layout, CsvList | Annotated):
            continue
        dataset = layout.read(root)
        if dataset is not None:
            if within is not None:
                check_contained(dataset, within)
            return dataset if group_pattern is None else _checked(dataset, group_pattern)
    if not root.is_dir():
        raise BadDataset(f"{root}: {_kind(root)}; name a folder of images\n{EXPECTED}")
    raise BadDataset(f"{_seen(listing)}\n{EXPECTED}")


def _kind(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "one image"
    return "no list that okng knows" if suffix in LIST_SUFFIXES else "neither folder nor list"


def _checked(dataset: Dataset, group_pattern: str) -> Dataset:
    """Note which file names the pattern does not match."""
    total = len(dataset.samples)
    missing = sum(sample.group is None for sample in dataset.samples)
    if missing == total:
        raise BadDataset(
            f"the group pattern {group_pattern!r} matches none of "
            f"{counted(total, 'file name')}, such as "
            f"{dataset.samples[0].path.name}"
        )
    if not missing:
        return dataset
    note = (
        f"the group pattern does not match {missing} of {total} file names; each of these counts "
        "as a part of its own"
    )
    return replace(dataset, notes=(*dataset.notes, note))


def _seen(listing: Listing) -> str:
    """Describe a folder that fits nothing."""
    folders = listing.folders()
    top = len(folders.pop("", []))
    if not folders and not top:
        others = listing.others.total()
        what = f"no images, but {counted(others, 'other file')}" if others else "empty"
        tables = "; to use a CSV file, name the file itself" if listing.others[".csv"] else ""
        return f"{listing.root}: {what}{tables}"
    first = list(folders.items())[:_SHOWN]
    shown = [f"{name} ({counted(len(images), 'image')})" for name, images in first]
    if len(folders) > _SHOWN:
        shown.append(f"{len(folders) - _SHOWN} more")
    text = (
        f"{listing.root}: cannot tell what is good and what is not: "
        f"{counted(len(folders), 'folder')}: {', '.join(shown)}; {counted(top, 'image')} at the top"
    )
    for name, images in folders.items():
        below = {image.parts[1].lower() for image in images if len(image.parts) > 2}
        if below & {"train", "test", "good", "ok", "data"}:
            return f"{text}\n{listing.root / name} looks like a dataset: name it instead"
    if len(folders) == 1 and not top:
        return f"{text}\nif these are all good, name {listing.root / next(iter(folders))} instead"
    return text
