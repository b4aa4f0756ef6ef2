"""The layouts of folders: MVTec AD and its like, VisA, class folders, flat."""

from pathlib import Path

import pytest

from okng.adapters.datasets import read_dataset
from okng.adapters.datasets.class_folders import ClassFolders
from okng.adapters.datasets.flat import Flat
from okng.adapters.datasets.mvtec import Mvtec
from okng.adapters.datasets.visa import Visa
from okng.domain.dataset import GOOD, Dataset, Split
from okng.domain.ports import Layout


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def read(layout: Layout, root: Path) -> Dataset:
    dataset = layout.read(root)
    assert dataset is not None
    return dataset


def masks(dataset: Dataset) -> dict[str, list[str]]:
    """Return the masks' paths by the image's, both relative to the root."""
    return {
        s.path.relative_to(dataset.root).as_posix(): [
            m.relative_to(dataset.root).as_posix() for m in s.masks
        ]
        for s in dataset.samples
        if s.masks
    }


def sides(dataset: Dataset) -> dict[str, int]:
    return {f"{split.value}/{label}": count for (split, label), count in dataset.counts().items()}


def test_mvtec_with_both_names_of_masks(tmp_path: Path) -> None:
    """Masks named <stem>_mask and <stem> are both found, and missing ones are counted."""
    touch(tmp_path, "train/good/0.png", "train/good/1.png", "test/good/0.png")
    touch(tmp_path, "test/crack/0.png", "test/crack/1.JPG", "test/crack/2.png")
    touch(tmp_path, "ground_truth/crack/0_mask.png", "ground_truth/crack/1.png")
    dataset = read(Mvtec(), tmp_path)
    assert sides(dataset) == {"train/good": 2, "test/good": 1, "test/crack": 3}
    assert masks(dataset) == {
        "test/crack/0.png": ["ground_truth/crack/0_mask.png"],
        "test/crack/1.JPG": ["ground_truth/crack/1.png"],
    }
    assert dataset.notes == ("1 of 3 defective images without a mask",)
    assert dataset.name == tmp_path.name


def test_mvtec_loco(tmp_path: Path) -> None:
    """The validation images train, and an image's several masks are all its own."""
    touch(tmp_path, "train/good/0.png", "validation/good/0.png", "test/good/0.png")
    touch(tmp_path, "test/logical_anomalies/0.png", "test/structural_anomalies/0.png")
    touch(tmp_path, *(f"ground_truth/logical_anomalies/0/00{k}.png" for k in range(3)))
    touch(tmp_path, "ground_truth/structural_anomalies/0/000.png")
    dataset = read(Mvtec(), tmp_path)
    assert sides(dataset) == {
        "train/good": 2,
        "test/good": 1,
        "test/logical_anomalies": 1,
        "test/structural_anomalies": 1,
    }
    assert {image: len(found) for image, found in masks(dataset).items()} == {
        "test/logical_anomalies/0.png": 3,
        "test/structural_anomalies/0.png": 1,
    }


def test_good_images_have_no_masks(tmp_path: Path) -> None:
    """An empty mask of a good image, as some sets have, is not taken for a defect."""
    touch(tmp_path, "train/good/0.png", "test/good/0.png", "ground_truth/good/0_mask.png")
    assert masks(read(Mvtec(), tmp_path)) == {}


@pytest.mark.parametrize("beside", ["readme.png", "train/0.png", "test/0.png"])
def test_mvtec_passes_over_loose_images(tmp_path: Path, beside: str) -> None:
    """One picture beside the folders changes neither layout nor samples, and is told."""
    touch(tmp_path, "train/good/0.png", "validation/good/1.png", "test/crack/0.png", beside)
    touch(tmp_path, "test/good/0.png", "ground_truth/crack/0_mask.png")
    dataset = read_dataset(tmp_path)
    assert dataset.layout == "MVTec AD"
    assert sides(dataset) == {"train/good": 2, "test/good": 1, "test/crack": 1}
    assert "passed over 1 image in no class folder" in dataset.notes


@pytest.mark.parametrize("beside", ["train/bad/0.png", "other/0.png"])
def test_mvtec_is_strict(tmp_path: Path, beside: str) -> None:
    """Anything that MVTec AD has no place for is left to other layouts."""
    touch(tmp_path, "train/good/0.png", "test/crack/0.png", beside)
    assert Mvtec().read(tmp_path) is None


def visa(root: Path) -> Path:
    images = "candle/Data/Images"
    touch(root, *(f"{images}/Normal/{k:03}.JPG" for k in range(20)))
    touch(root, *(f"{images}/Anomaly/{k:03}.JPG" for k in range(3)))
    touch(root, *(f"candle/Data/Masks/Anomaly/{k:03}.png" for k in range(2)))
    (root / "candle/image_anno.csv").write_text(
        f"image,label,mask\n{images}/Normal/000.JPG,normal,\n"
        f"{images}/Anomaly/000.JPG,wax melted,{images}/x.png\n"
        f'{images}/Anomaly/001.JPG,"wax melted,chunk missing",\n'
    )
    return root / "candle"


def test_visa_as_published(tmp_path: Path) -> None:
    """Kinds come from its list, several at once are "combined", unnamed ones "anomaly"."""
    dataset = read(Visa(), visa(tmp_path))
    counts = sides(dataset)
    assert counts["test/wax melted"] == counts["test/combined"] == counts["test/anomaly"] == 1
    assert counts["train/good"] + counts["test/good"] == 20
    assert masks(dataset) == {
        f"Data/Images/Anomaly/00{k}.JPG": [f"Data/Masks/Anomaly/00{k}.png"] for k in range(2)
    }
    assert any("no split was given" in note for note in dataset.notes)


@pytest.mark.parametrize("inside", [True, False], ids=["in the product", "beside it"])
def test_visa_with_its_split(tmp_path: Path, inside: bool) -> None:
    """The published split is used, for this product alone."""
    root = visa(tmp_path)
    folder = (root if inside else tmp_path) / "split_csv"
    folder.mkdir()
    rows = [f"candle,test,normal,candle/Data/Images/Normal/{k:03}.JPG," for k in (4, 7)]
    rows += [f"candle,test,anomaly,candle/Data/Images/Anomaly/{k:03}.JPG,m" for k in range(3)]
    rows += ["candle,train,normal,candle/Data/Images/Normal/001.JPG,"]
    rows += ["pcb1,test,normal,pcb1/Data/Images/Normal/001.JPG,"]
    (folder / "1cls.csv").write_text("\n".join(["object,split,label,image,mask", *rows]))
    dataset = read(Visa(), root)
    good = [s.path.stem for s in dataset.of(Split.TEST) if s.is_good]
    assert good == ["004", "007"]
    assert len(dataset.of(Split.TEST)) == 5


@pytest.mark.parametrize(
    ("good", "bad"),
    [("good", "bad"), ("ok_front", "def_front"), ("OK", "NG"), ("pass", "fail"), ("iO", "niO")],
)
def test_pairs_of_class_folders(tmp_path: Path, good: str, bad: str) -> None:
    """The good folder's images are good, the other keeps its name; a split is made and said."""
    touch(tmp_path, *(f"{good}/{k}.png" for k in range(30)), f"{bad}/0.png", f"{bad}/1.png")
    dataset = read(ClassFolders(), tmp_path)
    counts = sides(dataset)
    assert counts["train/good"] + counts["test/good"] == 30
    assert counts["test/good"] > 0
    assert counts[f"test/{bad}"] == 2
    assert any("no split was given" in note for note in dataset.notes)


def test_beside_good_every_folder_is_a_defect(tmp_path: Path) -> None:
    """With a good folder, any other is a kind of defect; images may lie deeper; masks are found."""
    touch(tmp_path, "good/a/0.png", "scratch/0.png", "dent/b/0.png", "top.png", "notes.txt")
    touch(tmp_path, "masks/scratch/0.png", "masks/dent/0_mask.png")
    dataset = read(ClassFolders(), tmp_path)
    assert sides(dataset) == {"train/good": 1, "test/scratch": 1, "test/dent": 1}
    assert masks(dataset) == {
        "scratch/0.png": ["masks/scratch/0.png"],
        "dent/b/0.png": ["masks/dent/0_mask.png"],
    }
    assert "passed over 1 image in no class folder" in dataset.notes
    assert "passed over 1 file that is not an image (.txt 1)" in dataset.notes


def test_given_splits_are_kept(tmp_path: Path) -> None:
    """With train/ and test/ nothing moves: defective training images train, and no note speaks
    of a split."""
    touch(tmp_path, "Train/ok_front/0.png", "Train/def_front/0.png", "Train/def_front/1.png")
    touch(tmp_path, "Test/ok_front/0.png", "Test/def_front/0.png", "Val/ok_front/0.png")
    dataset = read(ClassFolders(), tmp_path)
    assert sides(dataset) == {
        "train/good": 1,
        "train/def_front": 2,
        "validation/good": 1,
        "test/good": 1,
        "test/def_front": 1,
    }
    assert dataset.notes == ()


def test_a_validation_set_is_the_test_where_there_is_none(tmp_path: Path) -> None:
    """With train/ and val/ alone, val/ is what is tested."""
    touch(tmp_path, "train/good/0.png", "val/good/0.png", "val/crack/0.png")
    dataset = read(ClassFolders(), tmp_path)
    assert sides(dataset) == {"train/good": 1, "test/good": 1, "test/crack": 1}


def test_a_validation_set_beside_a_test_set_is_one(tmp_path: Path) -> None:
    """With train/, val/ and test/, val/ is neither learned by classifiers nor tested."""
    names = ("train/good/0.png", "train/crack/0.png", "val/good/0.png", "val/crack/0.png")
    touch(tmp_path, *names, "test/crack/0.png")
    dataset = read(ClassFolders(), tmp_path)
    assert sides(dataset)["validation/good"] == sides(dataset)["validation/crack"] == 1
    assert len(dataset.train_good) == 2


def test_flat_masks_are_used_only_where_a_stem_is_unique(tmp_path: Path) -> None:
    """Masks side by side never go to two images of one name."""
    touch(tmp_path, "good/9.png", "a/0.png", "b/0.png", "b/1.png", "masks/0.png", "masks/1.png")
    assert masks(read(ClassFolders(), tmp_path)) == {"b/1.png": ["masks/1.png"]}


def test_defects_without_good_are_read_and_said(tmp_path: Path) -> None:
    """Folders of images, none called good, are kinds of defects, with a note that says so."""
    touch(tmp_path, "crazing/0.png", "patches/0.png")
    dataset = read(ClassFolders(), tmp_path)
    assert sides(dataset) == {"test/crazing": 1, "test/patches": 1}
    assert any("no folder is called good" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "names",
    [
        ["images/0.png"],
        ["bottle/train/good/0.png", "cable/train/good/0.png"],
        ["a/0.png", "b/0.png", "top.png"],
        ["train/0.png", "test/0.png"],
    ],
    ids=["one folder", "a shelf of datasets", "images at the top", "splits without classes"],
)
def test_what_are_no_classes(tmp_path: Path, names: list[str]) -> None:
    """Folders that need not be classes are not taken for defects."""
    touch(tmp_path, *names)
    assert ClassFolders().read(tmp_path) is None


def test_flat_folder(tmp_path: Path) -> None:
    """Images without folders are all good and all train."""
    touch(tmp_path, "0.png", "1.png", "masks/0.png")
    dataset = read(Flat(), tmp_path)
    assert sides(dataset) == {"train/good": 2}
    assert dataset.samples[0].label == GOOD
    assert "every image is taken for good" in dataset.notes[0]


def test_flat_folder_doubts_defective_names(tmp_path: Path) -> None:
    """Names that say defective are pointed out, since all count as good."""
    touch(tmp_path / "set", "ok_1.png", "ng_2.png", "ng_3.png")
    touch(tmp_path / "defects", "1.png")
    assert any("2 file names say defective" in n for n in read(Flat(), tmp_path / "set").notes)
    assert any("says defective" in n for n in read(Flat(), tmp_path / "defects").notes)


def test_flat_folder_has_no_folders_of_images(tmp_path: Path) -> None:
    """Images that lie deeper, or no images, are not a flat folder."""
    assert Flat().read(tmp_path) is None
    touch(tmp_path, "0.png", "a/1.png")
    assert Flat().read(tmp_path) is None


def test_mvtec_ad_2(tmp_path: Path) -> None:
    """The public test has masks of its own; the private ones are unlabelled."""
    touch(tmp_path, "train/good/000_regular.png", "validation/good/000_regular.png")
    touch(tmp_path, "test_public/good/000_regular.png", "test_public/bad/000_shift_1.png")
    touch(tmp_path, "test_public/ground_truth/bad/000_shift_1_mask.png")
    touch(tmp_path, "test_private/000_regular.png", "test_private_mixed/000_mixed.png")
    dataset = read_dataset(tmp_path)
    assert dataset.layout == "MVTec AD"
    assert sides(dataset) == {
        "train/good": 2,
        "test/good": 1,
        "test/bad": 1,
        "test/unlabelled": 2,
    }
    assert masks(dataset) == {
        "test_public/bad/000_shift_1.png": ["test_public/ground_truth/bad/000_shift_1_mask.png"],
    }
    assert dataset.notes == ()
