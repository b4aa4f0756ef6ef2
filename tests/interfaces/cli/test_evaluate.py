"""`okng evaluate`."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Okng = Callable[..., Any]


def test_evaluates_after_training(okng: Okng, bolt: Path) -> None:
    """The folder's product is found, key figures are shown, HTML and JSON are where it says."""
    done = okng("evaluate", bolt)
    assert done.code == 0
    text = " ".join(done.out.split())
    assert "bolt-1, calibration 1: 5 of 5 defective parts were stopped." in text
    assert "spot 5 5" in text
    assert "Overkill" in text
    report = Path(done.out.split("Report: ")[1].strip())
    assert report.read_text("utf-8").lower().startswith("<!doctype html>")
    assert json.loads(report.with_suffix(".json").read_text("utf-8"))["model"] == "bolt-1"


def test_json_is_the_report(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """--json prints what the JSON report has, and --report says where it goes."""
    answer = okng("evaluate", bolt, "--report", tmp_path / "new" / "r.html", "--json").json
    assert Path(answer.pop("report")) == tmp_path / "new" / "r.html"
    assert answer == json.loads((tmp_path / "new" / "r.json").read_text("utf-8"))


def test_without_test_images_it_says_what_to_do(okng: Okng, bolt: Path) -> None:
    """A folder to train on alone cannot be evaluated; the message says what is missing."""
    done = okng("evaluate", bolt / "train" / "good", "--product", "bolt")
    assert done.code == 5
    assert "has no test images" in done.err


def test_report_must_be_html(read: Okng, bolt: Path) -> None:
    """A report with another ending is refused before any work."""
    assert read("evaluate", bolt, "--report", "r.pdf").code == 2


def test_unknown_product_is_named(read: Okng, bolt: Path) -> None:
    """A folder whose name is no product ends in a message with the products there are."""
    done = read("evaluate", bolt / "test", "--model", "nut")
    assert done.code == 5
    assert "there are bolt" in done.err


def test_training_images_are_left_out(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """Training images that turn up in the test, under other names, are left out with a warning."""
    folder = tmp_path / "bolt"
    shutil.copytree(bolt / "test", folder / "test")
    for name in ("00.png", "01.png"):
        shutil.copy(bolt / "train" / "good" / name, folder / "test" / "good" / f"again_{name}")
    shutil.copytree(bolt / "train", folder / "train")
    done = okng("evaluate", folder, "--json")
    assert done.code == 0
    assert "Warning: 2 of 12 test images were left out" in done.err
    assert done.json["left_out"] == ["test/good/again_00.png", "test/good/again_01.png"]
    assert done.json["counts"]["good"] == 5
    assert "Warning: 2 of 12" in okng("evaluate", folder).err


def test_training_images_alone_are_refused(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """A test of nothing but training images ends in an error."""
    shutil.copytree(bolt / "train", tmp_path / "bolt" / "test")
    shutil.copytree(bolt / "train", tmp_path / "bolt" / "train")
    done = okng("evaluate", tmp_path / "bolt")
    assert done.code == 5
    assert "made from all of these 24 test images" in done.err


def test_a_folder_that_gained_defects(fresh: Okng, bolt: Path, tmp_path: Path) -> None:
    """Trained on all good images before there were defects, the split made later tests none."""
    folder = tmp_path / "bolt"
    shutil.copytree(bolt / "train" / "good", folder / "good")
    assert fresh("train", folder, "--size", "64", "--set", "bank_size=48").code == 0
    shutil.copytree(bolt / "test" / "spot", folder / "spot")
    done = fresh("evaluate", folder, "--json")
    assert done.code == 0
    assert "No good image remains" in done.err
    assert done.json["counts"]["good"] == 0
    assert done.json["counts"]["defective"] == 5


def test_the_models_own_pattern_is_used(fresh: Okng, bolt: Path, tmp_path: Path) -> None:
    """Evaluation tells parts apart as the training did, unless another pattern is given, so that
    the split is the same again."""
    folder = tmp_path / "bolt"
    for i, image in enumerate(sorted((bolt / "train" / "good").iterdir())):
        (folder / "good").mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder / "good" / f"p{i // 2:02}_{i % 2}.png")
    shutil.copytree(bolt / "test" / "spot", folder / "spot")
    pattern = r"^(p\d+)_"
    wanted = ["--size", "64", "--set", "bank_size=48", "--group-pattern", pattern, "--json"]
    trained = fresh("train", folder, *wanted).json
    assert trained["data"]["group_pattern"] == pattern
    assert "digests" not in trained["data"]
    own = fresh("evaluate", folder, "--json")
    assert own.json["left_out"] == []
    assert own.json["counts"]["good"] == 24 - trained["data"]["images"] > 0
    assert own.json["counts"]["parts"] == own.json["counts"]["good"] // 2 + 5
    other = fresh("evaluate", folder, "--group-pattern", r"_(\d)\.", "--json").json
    assert len(other["left_out"]) + other["counts"]["good"] == 12
    elsewhere = fresh("evaluate", bolt, "--json")
    assert elsewhere.code == 0
    shown = fresh("models", "show", "bolt", "--json").json["manifest"]["data"]
    assert shown["group_pattern"] == pattern
    assert "digests" not in shown


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has names that are no text")
def test_names_that_are_no_text(read: Okng, tmp_path: Path, bolt: Path) -> None:
    """A file's name may be any bytes: JSON and HTML hold it, in escapes."""
    folder = tmp_path / "bolt"
    shutil.copytree(bolt, folder)
    good = folder / "test" / "good"
    try:
        (good / "00.png").rename(good / os.fsdecode(b"\xff\xfe.png"))
    except OSError:
        pytest.skip("this file system takes text alone")
    report = tmp_path / "r.html"
    done = read("evaluate", folder, "--report", report)
    assert done.code == 0, done.err
    names = [one["image"] for one in json.loads(report.with_suffix(".json").read_text())["images"]]
    assert any(os.fsencode(name).endswith(b"\xff\xfe.png") for name in names)
    assert report.read_text("utf-8").startswith("<!doctype html>")


def test_report_is_written_whole_or_not_at_all(
    read: Okng, tmp_path: Path, bolt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the JSON cannot be made, there is no new page beside older figures."""
    import okng.bootstrap.judging

    def broken(_: object) -> str:
        raise OSError("no JSON today")

    monkeypatch.setattr(okng.bootstrap.judging, "to_json", broken)
    assert read("evaluate", bolt, "--report", tmp_path / "r.html").code == 5
    assert not (tmp_path / "r.html").exists()


def test_another_model_judges_the_same_images(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """--beside: both models' figures, in the terminal, the report and its JSON."""
    assert okng("train", bolt, "--detector", "gaussian").code == 0
    page = tmp_path / "r.html"
    done = okng("evaluate", bolt, "--model", "bolt-2", "--beside", "bolt-1", "--report", page)
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "bolt-2 gaussian" in said
    assert "bolt-1 memory" in said
    assert "bolt-2 (gaussian) tells good from defective as well as bolt-1 (memory)" in said
    assert "\\u" not in said
    (other,) = json.loads(page.with_suffix(".json").read_text("utf-8"))["beside"]
    alone = okng("evaluate", bolt, "--model", "bolt-1", "--json").json
    assert other["model"] == "bolt-1"
    for figure in ("image_auroc", "overkill", "good_reviewed", "escapes"):
        assert other[figure] == alone[figure]
    assert other["aupro"] == alone["pixels"]["aupro"]
    assert alone["beside"] == []
    assert "Beside other models" in page.read_text("utf-8")


def test_what_is_learned_stands_beside_the_memory(okng: Okng, bolt: Path) -> None:
    """A model learned step by step is compared with the product's newest memory unless alone."""
    learning = ("--detector", "autoencoder", "--set", "epochs=1", "--set", "steps=1")
    assert okng("train", bolt, *learning, "--size", "64").code == 0
    asked = ("evaluate", bolt, "--model", "bolt-2", "--json")
    assert [other["model"] for other in okng(*asked).json["beside"]] == ["bolt-1"]
    assert okng(*asked, "--alone").json["beside"] == []
    assert okng("models", "delete", "bolt-1").code == 0
    left = okng(*asked).json
    assert left["beside"] == []
    assert "okng train FOLDER --product bolt --detector memory" in left["notes"][-1]


def test_a_comparison_that_nobody_asked_for_ends_nothing(
    okng: Okng, bolt: Path, tmp_path: Path
) -> None:
    """Where the newest memory was made from these very images, a note says so; asked for by name
    it is an error."""
    learning = ("--detector", "autoencoder", "--set", "epochs=1", "--set", "steps=1")
    assert okng("train", bolt, *learning, "--size", "64").code == 0
    every = tmp_path / "every"
    for kind in ("good", "spot"):
        for image in (bolt / "test" / kind).iterdir():
            (every / "train" / "good").mkdir(parents=True, exist_ok=True)
            shutil.copy(image, every / "train" / "good" / f"{kind}_{image.name}")
    own = ("--product", "bolt", "--size", "64", "--set", "bank_size=48")
    assert okng("train", every, *own).code == 0
    done = okng("evaluate", bolt, "--model", "bolt-2", "--json")
    assert done.code == 0
    assert done.json["beside"] == []
    assert "bolt-3 could not be compared with: bolt-3 was made from all" in done.json["notes"][-1]
    asked = okng("evaluate", bolt, "--model", "bolt-2", "--beside", "bolt-3")
    assert asked.code == 5
    assert "bolt-3 was made from all of these 10 test images" in " ".join(asked.err.split())


def test_models_of_different_images_are_told_apart(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """A model of another product may stand beside; what it was made from it does not judge, and
    the comparison says that the images are not all the same."""
    folder = tmp_path / "nut"
    shutil.copytree(bolt / "train", folder / "train")
    for name in ("00.png", "01.png"):
        shutil.copy(bolt / "test" / "good" / name, folder / "train" / "good" / f"t{name}")
    assert okng("train", folder, "--size", "64", "--set", "bank_size=48").code == 0
    done = okng("evaluate", bolt, "--beside", "nut", "--json")
    (other,) = done.json["beside"]
    assert (other["model"], other["same_images"]) == ("nut-1", False)
    assert other["overkill"]["total"] == 3
    assert done.json["counts"]["good"] == 5
    assert "nut-1 was judged on 8 images, this model on 10 images" in done.json["notes"][-1]
    said = " ".join(okng("evaluate", bolt, "--beside", "nut").out.split())
    assert "nut-1 (memory) on images that are not all the same" in said


@pytest.mark.parametrize(
    ("beside", "words", "code"),
    [
        (("--beside", "bolt-1"), "bolt-1 cannot be compared with itself", 2),
        (("--beside", "bolt-7"), "bolt-7", 5),
        (("--beside", "bolt-1", "--alone"), "nothing beside a model alone", 2),
    ],
)
def test_what_cannot_be_compared_is_refused(
    read: Okng, bolt: Path, beside: tuple[str, ...], words: str, code: int
) -> None:
    """A model with itself, with one that is not there, or with none and one."""
    done = read("evaluate", bolt, *beside)
    assert done.code == code
    assert words in " ".join(done.err.split())
