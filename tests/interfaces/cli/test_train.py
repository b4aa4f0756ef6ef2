"""`okng train`."""

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from okng.adapters.stores.model_folder import FolderModelStore
from okng.bootstrap import train
from okng.domain.errors import BadSetting
from okng.settings import Settings
from okng.testing.images import good_part, good_parts, save, write_folder, write_labelled_folder

Okng = Callable[..., Any]
SMALL = ["--size", "64", "--set", "bank_size=32"]


def test_counts_come_first_and_the_promise_last(fresh: Okng, bolt: Path) -> None:
    """Training shows classes by split, then thresholds, promise, parity and the next commands."""
    done = fresh("train", bolt, *SMALL)
    assert done.code == 0
    text = " ".join(done.out.split())
    for part in (
        "bolt: 34 images, MVTec AD",
        "class train test good 24 5 spot - 5",
        "bolt-1 is ready",
        "REVIEW above",
        "approximately at most",
        "1.00% would need 275 more good parts",
        "Parity",
        f"okng evaluate {bolt} how good",
        "okng inspect IMAGE... --model bolt",
    ):
        assert part in text
    assert text.index("class train test") < text.index("bolt-1 is ready")
    assert all(line == line.rstrip() for line in done.out.splitlines())


def test_json_is_all_there_is(fresh: Okng, bolt: Path) -> None:
    """With --json, standard output is one document with data, thresholds and promise."""
    done = fresh("train", bolt, *SMALL, "--product", "Bolt M8", "--json")
    answer = done.json
    assert (answer["model"], answer["product"]) == ("bolt_m8-1", "bolt_m8")
    assert answer["dataset"]["counts"] == {"test": {"good": 5, "spot": 5}, "train": {"good": 24}}
    assert answer["data"]["images"] == 24
    assert answer["calibration"]["good_scores"] == 24
    assert answer["calibration"]["promises"][0]["missing"] == 275
    assert [one["difference"] <= answer["tolerance"] for one in answer["parity"]]


def test_refused_images_are_named_and_do_not_end_it(
    fresh: Okng, tmp_path: Path, draw: Okng
) -> None:
    """Broken training images are counted, the first few by name with the reason."""
    for i in range(6):
        draw(tmp_path / "nut" / f"{i}.png", i)
    for i in range(5):
        (tmp_path / "nut" / f"broken{i}.png").write_bytes(b"")
    done = fresh("train", tmp_path / "nut", *SMALL)
    assert done.code == 0
    assert "5 images could not be used" in done.out
    assert "broken0.png: empty file" in done.out
    assert "and 2 more" in done.out


def test_region_and_mask_reach_the_model(
    fresh: Okng, bolt: Path, draw: Okng, tmp_path: Path
) -> None:
    """--roi and --mask are part of the model, and `models show` says so."""
    mask = draw(tmp_path / "mask.png", 0)
    assert fresh("train", bolt, *SMALL, "--roi", "8,8,48,48", "--mask", mask).code == 0
    shown = fresh("models", "show", "bolt")
    assert "64 x 64 px of the region 48 x 48 at 8,8, masked" in shown.out


def test_preparation_reaches_the_model_and_its_page(
    fresh: Okng, bolt: Path, tmp_path: Path
) -> None:
    """--prepare is part of the model, in its order, and all that tells of the model says so."""
    steps = ["--prepare", "illumination", "--prepare", "clahe=3"]
    done = fresh("train", bolt, *SMALL, *steps)
    assert done.code == 0
    assert "64 x 64 px, illumination=0.2, clahe=3" in done.out
    assert "64 x 64 px, illumination=0.2, clahe=3; map" in fresh("models", "show", "bolt").out
    shown = json.loads(fresh("models", "show", "bolt", "--json").out)
    assert shown["manifest"]["view"]["prepare"] == ["illumination=0.2", "clahe=3"]
    refused = fresh("train", bolt, *SMALL, "--prepare", "sharpen")
    assert refused.code == 2
    assert "there is no 'sharpen'; there is grey, denoise" in refused.err
    exported = fresh("export", "bolt", "--input", "64x64", "--to", tmp_path / "bolt.onnx")
    assert exported.code == 2
    assert "illumination=0.2, which cannot be part of an ONNX graph" in exported.err
    assert not list(tmp_path.glob("bolt*.onnx"))


def test_a_preview_shows_what_will_be_learned(fresh: Okng, bolt: Path, tmp_path: Path) -> None:
    """--preview says what is done to images, draws a sheet of examples, and learns nothing."""
    said = ["--detector", "autoencoder", "--set", "augment=flip,rotate", "--prepare", "clahe"]
    done = fresh("train", bolt, *said, "--size", "64", "--preview")
    assert done.code == 0, done.err
    for part in ("64 x 64 px, clahe=2", "changed at random while it learns: flip, rotate=10"):
        assert part in " ".join(done.out.replace("Changed", "changed").split())
    sheet = tmp_path / "home" / "reports" / "bolt" / "preview.png"
    assert str(sheet) in done.out.replace("\n", "")
    assert cv2.imread(str(sheet)).std() > 10
    assert "no models yet" in fresh("models").out
    shown = fresh("train", bolt, *said, "--size", "64", "--preview", "--json").json
    assert shown["augmented"] == "flip, rotate=10"
    assert shown["sheet"] == str(sheet)
    wrong = ["--set", "augment=spin"]
    refused = fresh("train", bolt, "--detector", "autoencoder", *wrong, "--preview")
    assert refused.code == 2
    assert "there is no 'spin'" in refused.err


def test_examples_are_shown_before_a_training_that_changes_images(
    fresh: Okng, bolt: Path, tmp_path: Path
) -> None:
    """Where images are prepared the sheet is there before the training; else there is none."""
    sheet = tmp_path / "home" / "reports" / "bolt" / "preview.png"
    assert fresh("train", bolt, *SMALL).code == 0
    assert not sheet.exists()
    out = fresh("train", bolt, *SMALL, "--prepare", "grey").out
    assert out.index("preview.png") < out.index("is ready")
    assert sheet.exists()


def test_mask_of_another_size_is_refused(fresh: Okng, bolt: Path, tmp_path: Path) -> None:
    """A mask that was not drawn for these images would hide another place than it was meant to."""
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), np.full((40, 64), 255, np.uint8))
    done = fresh("train", bolt, *SMALL, "--mask", mask)
    assert done.code == 2
    assert "the mask is 64 x 40, but " in done.err
    assert " is 64 x 64: draw it on an image" in done.err


def test_large_images_are_pointed_out(fresh: Okng, tmp_path: Path) -> None:
    """Images that would be shrunk beyond small defects are named with size and remedy."""
    save(tmp_path / "big", [good_part(i, 70).repeat(20, 0).repeat(20, 1) for i in range(3)])
    done = fresh("train", tmp_path / "big", "--set", "bank_size=32")
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "images are 1400x1400 and will be shrunk 5 times, to 256x256" in said
    assert "--tile 512" in said


def test_tiles_reach_the_model(fresh: Okng, tmp_path: Path) -> None:
    """--tile looks at images in their own size, and model, terminal and verdicts know of it."""
    folder = write_folder(tmp_path / "disc", good=8, test_good=1, defective=1, size=160)
    done = fresh("train", folder, "--set", "bank_size=200", "--tile", "64:16")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert "at 160 x 160 px, in 3 x 3 tiles of 64 px" in text
    assert "shrunk" not in text
    shown = fresh("models", "show", "disc", "--json").json["manifest"]
    assert shown["config"]["tile"] == {
        "tile_px": 64, "stride_px": 48, "batch": 1, "score_share": 0.005,
    }  # fmt: skip
    assert (shown["view"]["width"], shown["map_width"]) == (160, 10)
    judged = fresh("inspect", folder / "test", "--model", "disc", "--json").json["inspections"]
    good, bad = sorted(judged, key=lambda one: "hole" in one["image"])
    assert bad["score"] > 1.5 * good["score"]
    box = bad["regions"][0]["box"]
    assert abs(box["x"] + box["width"] / 2 - 46) < 24
    assert "looks through tiles" in " ".join(fresh("bench", "--runs", "1").out.split())


def test_one_image_promises_nothing(fresh: Okng, tmp_path: Path, draw: Okng) -> None:
    """A folder with one image is learned, and what that is worth is said."""
    draw(tmp_path / "one" / "a.png", 1)
    done = fresh("train", tmp_path / "one", *SMALL)
    assert done.code == 0
    assert "nothing is promised" in " ".join(done.out.split())
    shown = fresh("models", "show", "one")
    assert "nothing is promised" in " ".join(shown.out.split())


def test_empty_folder_says_what_is_expected(fresh: Okng, tmp_path: Path) -> None:
    """An empty folder is refused with the layouts that are understood."""
    done = fresh("train", tmp_path)
    assert done.code == 5
    assert "MVTec AD" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--roi", "1,2,3"], "'1,2,3' is no region"),
        (["--roi", "1,2,0,5"], "is no region"),
        (["--size", "big"], "'big' is no size"),
        (["--size", "20"], "at least 32 px"),
        (["--size", "16384"], "4096 pixels at most"),
        (["--size", "256x4112"], "4096 pixels at most"),
        (["--size", "16385", "--tile", "512"], "16384 pixels at most"),
        (["--tile", "big"], "'big' is no tile: write 512, or 512:64"),
        (["--tile", "64:64"], "cannot overlap by 64"),
        (["--tile", "8"], "tile_px"),
        (["--tile", "64", "--budget-ms", "5"], "a budget cannot be kept through tiles"),
        (["--tile", "512"], "larger than what is looked at, 64 x 64 px"),
        (["--set", "bank_size"], "is no setting: write name=value"),
        (["--set", "bank_sise=3"], "bank_size"),
        (["--set", "bank_size=-1"], "bank_size"),
        (["--detector", "memroy"], "choose from memory, gaussian"),
        (["--max-overkill", "2"], "must lie between 0 and 1"),
        (["--product", "a/b"], "may not contain"),
        (["--calibration", "never"], "'never'"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_mistakes_are_usage(fresh: Okng, bolt: Path, arguments: list[str], message: str) -> None:
    """What was mistyped ends in 2, with a message that names it and how it is written."""
    done = fresh("train", bolt, *arguments)
    assert done.code == 2
    assert message in done.err


def test_gaussian_trains(fresh: Okng, bolt: Path) -> None:
    """The other detector is one option away."""
    done = fresh("train", bolt, "--size", "64", "--detector", "gaussian", "--json")
    assert (done.code, done.json["detector"]) == (0, "gaussian")


def test_unwritable_data_folder_is_found_before_the_work(bolt: Path, tmp_path: Path) -> None:
    """Where the model could not be stored no image is read, and the error names folder and
    setting."""
    (tmp_path / "file").touch()
    stages: list[str] = []
    settings = Settings(home=tmp_path / "file" / "home", runtime="onnxruntime")
    with pytest.raises(BadSetting, match=r"file/home/models .*OKNG_HOME"):
        train(bolt, settings=settings, progress=lambda stage, done, total: stages.append(stage))
    assert stages == []


def test_a_first_training_that_fails_leaves_no_product(fresh: Okng, bolt: Path) -> None:
    """A pattern that puts all images into one part is named, and no folder of a product stays."""
    done = fresh("train", bolt, *SMALL, "--group-pattern", "(png)")
    assert done.code == 5
    assert "the group pattern '(png)' puts all 24 good images into one part, 'png'" in done.err
    assert fresh("models", "--json").json == {"models": []}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_temporary_folder_is_named(
    fresh: Okng, bolt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a training's temporary files find no room, folder and remedy are named."""
    full = partial(Path("/dev/full").open, "wb", buffering=0)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full())
    done = fresh("train", bolt, *SMALL)
    assert done.code == 5
    assert done.err.startswith(f"Error: {tempfile.gettempdir()}: No space left on device")
    assert "TMPDIR" in done.err


def test_student_learns_from_unrelated_pictures_too(
    fresh: Okng, bolt: Path, tmp_path: Path
) -> None:
    """Where a folder of others is given they are counted, and the model is another one."""
    short = ["epochs=1", "steps=1", "strange=8", "teacher_epochs=1", "width=4"]
    chosen = [word for one in short for word in ("--set", one)]
    command = ["train", bolt, "--detector", "student", "--size", "64", *chosen]
    save(tmp_path / "others", good_parts(4, 50, seed=9))
    beside = fresh(*command, "--set", f"unrelated={tmp_path / 'others'}")
    assert beside.code == 0
    assert "learned from 4 unrelated pictures besides" in " ".join(beside.out.split())
    alone = fresh(*command)
    assert "unrelated" not in alone.out
    models = FolderModelStore(tmp_path / "home/models")
    assert models.load("bolt-1").graph != models.load("bolt-2").graph
    missing = fresh(*command, "--set", "unrelated=nowhere")
    assert (missing.code, "nowhere is no folder" in missing.err) == (2, True)


def test_a_network_is_shown_before_it_learns(fresh: Okng, tmp_path: Path) -> None:
    """`cnn` lists its layers with their sums before the training, learns, names, and evaluates."""
    root = write_labelled_folder(tmp_path / "casing", good=10, defective=6, test=2, size=64)
    short = ["epochs=2", "steps=6", "depth=2", "width=4", "learning_rate=0.02"]
    chosen = [word for one in short for word in ("--set", one)]
    done = fresh("train", root, "--detector", "cnn", "--size", "64", *chosen)
    assert done.code == 0
    text = " ".join(done.out.split())
    assert "convolution 3 x 3 4 x 64 x 64 108 442,368" in text
    assert text.index("all ") < text.index("casing-1 is ready")
    assert "scratch by cnn" in text
    (picture,) = (Path(word) for word in text.split() if word.endswith("learning.png"))
    with Image.open(picture) as opened:
        assert opened.size[0] > 1000
    judged = fresh("evaluate", root, "--json").json
    assert judged["naming"]["names"] == ["good", "hole", "scratch"]
    assert "How it learned" in Path(judged["report"]).read_text("utf-8")


def test_a_network_that_tells_nothing_apart_is_refused(fresh: Okng, tmp_path: Path) -> None:
    """A learning rate at which all images end at one score is named, and no model is kept."""
    root = write_labelled_folder(tmp_path / "casing", good=10, defective=6, test=2, size=64)
    wild = ["epochs=3", "depth=2", "width=4", "optimizer=sgd", "learning_rate=10"]
    chosen = [word for one in [*wild, "batch_norm=false"] for word in ("--set", one)]
    done = fresh("train", root, "--detector", "cnn", "--size", "64", *chosen)
    assert done.code == 5
    assert "nearly the same score" in done.err
    assert "a lower learning rate" in done.err
    assert fresh("models", "list", "--json").json["models"] == []
