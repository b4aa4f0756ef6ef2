from pathlib import Path

import numpy as np

from okng.algorithms.duplicates import group_near_duplicates, thumbnail
from okng.algorithms.pixels import decode_file
from okng.domain.view import MASKED
from okng.testing.images import (
    ArrayImages,
    defect_box,
    good_part,
    good_parts,
    with_defect,
    write_folder,
)


def test_parts_are_repeatable_and_different() -> None:
    """The same number gives the same part, and no two numbers the same part to our eyes."""
    assert np.array_equal(good_part(3, 64), good_part(3, 64))
    assert not np.array_equal(good_part(3, 64), good_part(3, 64, seed=1))
    thumbnails = np.array([thumbnail(pixels) for pixels in good_parts(40, 64)])
    assert len(set(group_near_duplicates(thumbnails).tolist())) == 40


def test_a_defect_stays_in_its_box() -> None:
    """A defect changes its box, plainly, and nothing else."""
    good = good_part(0, 96)
    changed = (with_defect(good) != good).any(axis=2)
    box = defect_box(96)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 0.5 * box.width * box.height
    assert box.y - 1 <= rows.min() <= rows.max() <= box.y + box.height + 1
    assert box.x - 1 <= columns.min() <= columns.max() <= box.x + box.width + 1


def test_array_images_hide_what_is_masked() -> None:
    """Masked pixels become `MASKED`, as behind a view, and the array given stays as it is."""
    pixels = good_parts(2, 64)
    before = pixels.copy()
    inspected = np.ones((64, 64), bool)
    inspected[:10] = False
    images = ArrayImages(pixels, inspected)
    assert (images[1][:10] == MASKED).all()
    assert np.array_equal(images[1][10:], pixels[1][10:])
    assert np.array_equal(pixels, before)
    assert len(images) == 2


def test_folder_holds_what_was_asked_for(tmp_path: Path) -> None:
    """The folder has the layout of MVTec AD and no picture twice."""
    root = write_folder(tmp_path / "part", good=3, test_good=2, defective=1, size=64)
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*.png"))
    assert found == [
        "test/good/000.png",
        "test/good/001.png",
        "test/hole/000.png",
        "train/good/000.png",
        "train/good/001.png",
        "train/good/002.png",
    ]
    assert len({path.read_bytes() for path in root.rglob("*.png")}) == 6
    assert np.array_equal(decode_file(root / "train/good/002.png"), good_part(2, 64))
