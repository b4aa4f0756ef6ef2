"""A dataset that okng writes itself: images, masks and the list that says what they are.

home/datasets/<id>/list.csv, images/000001.png, masks/000001.png
"""

import csv
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from okng.adapters.stores.durable_files import sync_folder, writing
from okng.domain.dataset import NewSample

_FOLDER = "datasets"
_LIST = "list.csv"


def write_dataset(home: Path, dataset_id: str, samples: Iterable[NewSample]) -> Path:
    """Write samples below the data folder; return their list. What is there already is linked.

    Raises:
        Unavailable: the disk is full, or cannot be written.
    """
    folder = home / _FOLDER / dataset_id
    with writing(folder):
        try:
            return _write(folder, samples)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _write(folder: Path, samples: Iterable[NewSample]) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, mode=0o700)
    with (folder / _LIST).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "mask", "split", "group"))
        for number, sample in enumerate(samples, start=1):
            image = f"images/{number:06d}{sample.suffix}"
            _put(sample.content, folder / image)
            mask = ""
            if sample.mask is not None:
                mask = f"masks/{number:06d}.png"
                (folder / mask).write_bytes(sample.mask)
            rows.writerow((image, sample.label, mask, sample.split.value, sample.group or ""))
        file.flush()
        os.fsync(file.fileno())
    for written in (folder / "images", folder / "masks", folder, folder.parent):
        sync_folder(written)
    return folder / _LIST


def _put(content: Path | bytes, place: Path) -> None:
    """Link a file, so that it takes no room a second time; copy it from another disk."""
    if isinstance(content, bytes):
        place.write_bytes(content)
        return
    try:
        os.link(content.resolve(), place)
    except OSError:
        shutil.copyfile(content, place)
