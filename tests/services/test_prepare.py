from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from okng.algorithms.pixels import MAX_PIXELS, Preparer, decode_file, mask_png_from
from okng.detectors.images import Chosen
from okng.domain.dataset import GOOD, Sample, Split
from okng.domain.ports import silent
from okng.domain.view import MASKED, Box, View
from okng.services.prepare import PreparedImages


def prepared(
    files: list[Path], view: View | None = None, max_pixels: int = MAX_PIXELS
) -> PreparedImages:
    samples = [Sample(path, GOOD, Split.TRAIN) for path in files]
    return PreparedImages(samples, Preparer(view or View(64, 64)), max_pixels, silent)


def test_images_come_as_the_view_shows_them(good_files: list[Path]) -> None:
    """Each image is what the preparer makes of its file, in any order and again and again."""
    view = View(32, 48, Box(4, 2, 40, 60))
    with prepared(good_files[:5], view) as images:
        assert len(images) == 5
        for i in (4, 0, 3, 0, 2, 1):
            expected = Preparer(view)(decode_file(good_files[i]))
            assert np.array_equal(images[i], expected)
            assert images[i].dtype == np.uint8
        assert np.array_equal(images[-1], images[4])


def test_beyond_the_end(good_files: list[Path]) -> None:
    """An index that is not there is an IndexError, so that iteration ends."""
    with prepared(good_files[:2]) as images:
        with pytest.raises(IndexError):
            images[2]
        assert len(list(images)) == 2


def test_mask_says_what_is_inspected(good_files: list[Path]) -> None:
    """`inspected` is the view's mask, and what it hides is grey."""
    mask = np.ones((64, 64), bool)
    mask[40:] = False
    with prepared(good_files[:2], View(64, 64, None, mask_png_from(mask, 64, 64))) as images:
        assert np.array_equal(images.inspected, mask)
        assert (images[0][40:] == MASKED).all()
    with prepared(good_files[:2]) as images:
        assert images.inspected.all()


def test_refused_images_leave_no_gap(good_files: list[Path], tmp_path: Path) -> None:
    """Files that cannot be used are told with the reason; the others keep together."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nand nothing more")
    with prepared([good_files[0], broken, good_files[1]]) as images:
        assert len(images) == 2
        assert [sample.path for sample in images.samples] == good_files[:2]
        assert np.array_equal(images[1], decode_file(good_files[1]))
        assert images.groups.shape == (2,)
        (refused,) = images.refused
    assert refused.path == broken
    assert refused.reason


def test_digests_are_of_the_files(good_files: list[Path]) -> None:
    """Digests are the SHA-256 of each file's bytes."""
    with prepared(good_files[:3]) as images:
        assert images.digests == [sha256(p.read_bytes()).digest() for p in good_files[:3]]


def test_chosen_images(good_files: list[Path]) -> None:
    """A choice of images is images itself, in the order of the choice."""
    with prepared(good_files[:5]) as images:
        some = Chosen(images, [3, 1])
        assert len(some) == 2
        assert np.array_equal(some[0], images[3])
        assert np.array_equal(some[1], images[1])
        assert some.inspected is images.inspected


def test_the_file_goes_with_it(good_files: list[Path]) -> None:
    """After its context the images are gone."""
    with prepared(good_files[:1]) as images:
        pass
    with pytest.raises(ValueError, match="closed"):
        images[0]
