"""`okng doctor`."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from okng.testing.images import good_parts, save, with_defect, write_folder

Okng = Callable[..., Any]


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with one of everything that a check-up looks for."""
    root = write_folder(tmp_path_factory.mktemp("data") / "flange", good=14, test_good=4, size=96)
    train, test = root / "train" / "good", root / "test"
    shutil.copy(train / "003.png", test / "good" / "copy.png")
    turned = np.asarray(Image.open(train / "005.png").transpose(Image.Transpose.ROTATE_90))
    Image.fromarray(turned).save(test / "good" / "turned.png")
    shutil.copy(test / "hole" / "000.png", train / "contradiction.png")
    (train / "broken.png").write_bytes((train / "000.png").read_bytes()[:900])
    Image.open(train / "001.png").convert("L").resize((80, 96)).save(train / "grey.png")
    return root


def run(okng: Okng, *arguments: object) -> Any:
    done = okng("doctor", *arguments, "--json")
    assert done.code in (0, 1, 3), done.err
    return done


def checks(document: Any) -> dict[str, Any]:
    return {finding["check"]: finding for finding in document["findings"]}


def test_a_sick_dataset_is_diagnosed(fresh: Okng, sick: Path) -> None:
    """Leaks, contradictions, damage and odd images are named, and the exit code says: to fix."""
    done = run(fresh, sick)
    assert done.code == 1
    said = checks(done.json)
    leaked = {case["images"][0]["image"]: case for case in said["leaks"]["cases"]}
    assert leaked.keys() == {
        "test/good/copy.png",
        "test/good/turned.png",
        "test/hole/000.png",
    }
    assert leaked["test/good/copy.png"]["images"][1]["image"] == "train/good/003.png"
    assert leaked["test/good/copy.png"]["text"] == "the same file"
    assert leaked["test/good/turned.png"]["images"][1]["image"] == "train/good/005.png"
    assert "turned by 90" in leaked["test/good/turned.png"]["text"]
    (contradiction,) = said["contradictions"]["cases"]
    assert {image["label"] for image in contradiction["images"]} == {"good", "hole"}
    assert said["unreadable"]["cases"][0]["images"][0]["image"] == "train/good/broken.png"
    assert "truncated" in said["unreadable"]["cases"][0]["text"]
    for check in ("sizes", "modes"):
        assert said[check]["cases"][0]["images"][0]["image"] == "train/good/grey.png"
    assert done.json["urgency"] == "fix"
    report = Path(done.json["report"])
    assert report.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads(report.with_suffix(".json").read_text())["findings"] == done.json["findings"]


def test_a_split_keeps_parts_together_and_just_works(
    fresh: Okng, sick: Path, tmp_path: Path
) -> None:
    """`--split` writes a list that train and evaluate take, and that has no leak any more."""
    split = tmp_path / "lists" / "split.csv"
    done = run(fresh, sick, "--split", split, "--test-share", "0.3")
    rows = list(csv.DictReader(split.read_text().splitlines()))
    assert len(rows) == done.json["images"] == sum(done.json["split"]["counts"].values())
    place = {"/".join(Path(row["path"]).parts[-3:]): row for row in rows}
    for a, b in (("test/good/copy.png", "train/good/003.png"),
                 ("test/good/turned.png", "train/good/005.png")):  # fmt: skip
        assert place[a]["split"] == place[b]["split"]
        assert place[a]["group"] == place[b]["group"] != ""
    assert "leaks" not in checks(run(fresh, split).json)
    small = ("--size", "64", "--set", "bank_size=48", "--product", "flange")
    assert fresh("train", split, *small).code == 0
    assert fresh("evaluate", split, "--product", "flange").code == 0


def test_a_healthy_dataset_ends_with_0(fresh: Okng, tmp_path: Path) -> None:
    """Where nothing is to fix or to look at, the code is 0 and what can be promised is said."""
    root = write_folder(tmp_path / "healthy", good=12, test_good=3, defective=3, size=96)
    done = run(fresh, root)
    assert {f["urgency"] for f in done.json["findings"]} == {"know"}, done.json["findings"]
    assert done.code == 0
    few = checks(done.json)["too-few"]["headline"]
    assert "12 different good parts" in few
    assert "287 more parts" in few


def test_a_mislabelled_part_is_the_first_suspect(fresh: Okng, tmp_path: Path) -> None:
    """A defective part among the good ones stands first among those that look unlike them."""
    parts = list(good_parts(20, 96))
    parts[7] = with_defect(parts[7])
    save(tmp_path / "mixed", parts)
    done = run(fresh, tmp_path / "mixed")
    suspects = checks(done.json)["suspects"]["cases"]
    assert suspects[0]["images"][0]["image"] == "007.png"
    assert done.code == 3


def test_people_read_it_worst_first(fresh: Okng, sick: Path) -> None:
    """The text names what to fix before what to look at, how to mend it, and the report."""
    done = fresh("doctor", sick)
    assert done.out.index("To fix") < done.out.index("To look at") < done.out.index("To know")
    assert "okng doctor FOLDER --split split.csv" in done.out
    assert "Report: " in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "x.txt"), "should end in .html"),
        (("--split", "x.txt"), "should end in .csv"),
        (("--test-share", "1"), "no share between 0 and 1"),
    ],
)
def test_bad_options_are_refused(
    fresh: Okng, sick: Path, arguments: tuple[str, ...], said: str
) -> None:
    """An option that cannot work ends with 2 and says why, before anything is read."""
    done = fresh("doctor", sick, *arguments)
    assert done.code == 2
    assert said in done.err


def test_the_list_examined_is_not_replaced(fresh: Okng, tmp_path: Path) -> None:
    """A split never overwrites the list that it is made of."""
    (tmp_path / "all.csv").write_text("path,label\n")
    done = fresh("doctor", tmp_path / "all.csv", "--split", tmp_path / "all.csv")
    assert done.code == 2
    assert "name another" in done.err


def test_a_training_begins_with_a_first_look(fresh: Okng, sick: Path) -> None:
    """`okng train` tells of copies in the test and of two labels, and offers the check-up."""
    small = ("--size", "64", "--set", "bank_size=48")
    done = fresh("train", sick, *small)
    assert done.code == 0, done.err
    assert "copies of training images, byte by byte" in done.out
    assert "one picture has two labels, good and hole" in done.out
    assert f"okng doctor {sick}" in done.out


def test_nothing_readable_is_an_error(fresh: Okng, tmp_path: Path) -> None:
    """A dataset of which no image can be read is refused, with the first reason."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "a.png").write_bytes(b"no image")
    done = fresh("doctor", tmp_path)
    assert done.code == 5
    assert "none of the 1 images can be read" in done.err
