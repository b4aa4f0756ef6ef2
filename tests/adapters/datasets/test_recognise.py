"""Recognising layouts, and saying what was seen where none fits."""

from pathlib import Path

import pytest

from okng.adapters.datasets import read_dataset
from okng.domain.errors import BadDataset


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (["train/good/0.png", "test/good/0.png", "test/crack/0.png"], "MVTec AD"),
        (["train/good/0.png", "train/bad/0.png", "test/good/0.png"], "class folders"),
        (["good/0.png", "crack/0.png"], "class folders"),
        (["Data/Images/Normal/0.JPG", "Data/Images/Anomaly/0.JPG"], "VisA"),
        (["0.png", "1.JPG", "readme.txt"], "flat folder"),
    ],
)
def test_each_layout_is_recognised(tmp_path: Path, names: list[str], layout: str) -> None:
    """A folder is read in the strictest layout that fits it."""
    assert read_dataset(touch(tmp_path, *names)).layout == layout


def test_a_list_is_read_by_its_own_name(tmp_path: Path) -> None:
    """A CSV file is a dataset, its folder is read as a folder."""
    touch(tmp_path, "0.png")
    (tmp_path / "a.csv").write_text("path,label\n0.png,good\n")
    assert read_dataset(tmp_path / "a.csv").layout == "CSV list"
    assert read_dataset(tmp_path).layout == "flat folder"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], ": empty"),
        (["a.txt", "b/c.mp4"], "no images, but 2 other files"),
        (["a.csv"], "name the file itself"),
        (["a/0.png", "b/0.png", "b/1.png", "0.png"], r"a \(1 image\), b \(2 images\); 1 image "),
        (["images/0.png"], r"1 folder: images \(1 image\).*if these are all good, name .*images"),
        (["x/train/good/0.png", "y/train/good/0.png"], "x looks like a dataset"),
    ],
)
def test_what_fits_nothing_is_described(tmp_path: Path, names: list[str], message: str) -> None:
    """The error says what was seen and which layouts are expected."""
    with pytest.raises(BadDataset, match=f"(?s){message}.*expected one of"):
        read_dataset(touch(tmp_path, *names))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "no such folder"),
        ("a.png", "one image"),
        ("a.md", "neither folder nor list"),
        ("a.json", "no list that okng"),
    ],
)
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """A missing path, a single image and a foreign file are each said to be what they are."""
    touch(tmp_path, "a.png", "a.md")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(BadDataset, match=message):
        read_dataset(tmp_path / name)


def test_group_pattern(tmp_path: Path) -> None:
    """Parts are named by the pattern, and names that it does not match are counted."""
    touch(tmp_path, "good/p1_a.png", "good/p1_b.png", "good/x.png", "crack/p2_a.png")
    dataset = read_dataset(tmp_path, r"(p\d)_")
    assert [s.group for s in dataset.samples] == ["p2", "p1", "p1", None]
    assert any("does not match 1 of 4 file names" in note for note in dataset.notes)


def test_group_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    """A pattern without effect is a mistake."""
    with pytest.raises(BadDataset, match=r"matches none of 1 file name, such as 0\.png"):
        read_dataset(touch(tmp_path, "0.png"), "part(x)")


@pytest.mark.parametrize(
    ("name", "layout", "train_good", "samples", "with_masks"),
    [
        ("bottle", "MVTec AD", 209, 292, 63),
        ("magnetic_tile", "MVTec AD", 763, 1344, 392),
        ("cookie", "MVTec AD", 31, 85, 32),
        ("casting", "class folders", 1100, 3215, 0),
        ("neu", "class folders", 0, 1800, 0),
    ],
)
def test_public_sets(
    okng_data: Path, name: str, layout: str, train_good: int, samples: int, with_masks: int
) -> None:
    """Real sets are read whole, with every mask they have."""
    dataset = read_dataset(okng_data / name)
    assert dataset.layout == layout
    assert len(dataset.train_good) == train_good
    assert len(dataset.samples) == samples
    assert sum(bool(sample.masks) for sample in dataset.samples) == with_masks
