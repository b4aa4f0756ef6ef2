from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from okng.algorithms.pixels import MAX_PIXELS, decode_file
from okng.algorithms.view import Preparer, mask_png_from
from okng.detectors.images import Chosen
from okng.domain.dataset import GOOD, Sample, Split
from okng.domain.ports import silent
from okng.domain.view import MASKED, Box, View
from okng.services.prepare import PreparedImages
from okng.testing.images import good_parts, save


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


def test_turned_copies_are_one_part(tmp_path: Path) -> None:
    """A part that is there turned, mirrored or moved counts once; what names parts goes before."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 12, (6, 96, 96, 1))
    parts = np.clip(good_parts(6, 96) + grain, 0, 255).astype(np.uint8)
    turned = [np.rot90(parts[0]), parts[2][:, ::-1]]
    files = save(tmp_path, [*parts, *turned])
    with prepared(files) as images:
        assert images.groups.tolist() == list(range(8))
        assert images.parts().tolist() == [0, 1, 2, 3, 4, 5, 0, 2]
        assert images.samples[0].group is None
    named = [Sample(path, GOOD, Split.TRAIN, group=str(i)) for i, path in enumerate(files)]
    with PreparedImages(named, Preparer(View(64, 64)), MAX_PIXELS, silent) as images:
        assert images.parts().tolist() == list(range(8))


def test_the_region_is_what_is_compared(tmp_path: Path) -> None:
    """What lies outside the region of interest makes no parts alike, and hides no turned ones."""
    rng = np.random.default_rng(1)
    around = np.clip(rng.normal(128, 40, (200, 300, 3)), 0, 255).astype(np.uint8)
    parts = np.clip(good_parts(5, 96) + rng.normal(0, 12, (5, 96, 96, 1)), 0, 255)
    pictures = []
    for part in [*parts, np.rot90(parts[1])]:
        picture = around.copy()
        picture[30:126, 150:246] = part
        pictures.append(picture)
    files = save(tmp_path, pictures)
    with prepared(files, View(64, 64, Box(150, 30, 96, 96))) as images:
        assert images.parts().tolist() == [0, 1, 2, 3, 4, 1]


def test_the_file_goes_with_it(good_files: list[Path]) -> None:
    """After its context the images are gone."""
    with prepared(good_files[:1]) as images:
        pass
    with pytest.raises(ValueError, match="closed"):
        images[0]
    with pytest.raises(ValueError, match="closed"):
        images.sketches[0]
