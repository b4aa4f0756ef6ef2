"""Listing a folder's images."""

from pathlib import Path

import pytest

from okng.adapters.datasets.listing import scan
from okng.domain.errors import BadDataset


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(root: Path) -> list[str]:
    return [image.as_posix() for image in scan(root).images]


def test_images_are_found_by_suffix_in_any_case(tmp_path: Path) -> None:
    """All image suffixes count, upper case too, sorted by path."""
    touch(tmp_path, "b/2.JPG", "a.jpeg", "b/1.Png", "c.BMP", "d.tif", "e.TIFF", "f.webp")
    assert names(tmp_path) == ["a.jpeg", "b/1.Png", "b/2.JPG", "c.BMP", "d.tif", "e.TIFF", "f.webp"]


def test_other_files_are_counted_and_hidden_ones_are_not(tmp_path: Path) -> None:
    """Files that are no images are noted; hidden ones and systems' leavings do not appear."""
    touch(tmp_path, "a.png", "b.txt", "c.TXT", "README", "d.gif")
    touch(tmp_path, ".x.png", ".git/y.png", "__MACOSX/a.png", "Thumbs.db", "good/thumbs.DB")
    listing = scan(tmp_path)
    assert [image.name for image in listing.images] == ["a.png"]
    assert listing.notes() == [
        "passed over 4 files that are not images (.gif 1, .txt 2, without suffix 1)"
    ]


def test_links_do_not_loop_and_do_not_repeat(tmp_path: Path) -> None:
    """A folder that links reach again, even its own parent, is read once, at its own place."""
    touch(tmp_path, "z/a.png")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "alias").symlink_to(tmp_path / "z")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert names(tmp_path) == ["z/a.png"]


def test_a_linked_folder_from_elsewhere_is_read(tmp_path: Path) -> None:
    """A link to images that lie elsewhere is followed."""
    touch(tmp_path, "far/a.png", "set/b.png")
    (tmp_path / "set" / "good").symlink_to(tmp_path / "far")
    assert names(tmp_path / "set") == ["b.png", "good/a.png"]


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """A folder beyond the limit ends with an error instead of a long wait."""
    touch(tmp_path, *(f"{k}.png" for k in range(6)))
    assert len(scan(tmp_path, max_files=6).images) == 6
    with pytest.raises(BadDataset, match="more than 5 files"):
        scan(tmp_path, max_files=5)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing folder is an error that names it."""
    with pytest.raises(BadDataset, match=r"gone: cannot be read \(No such file"):
        scan(tmp_path / "gone")
