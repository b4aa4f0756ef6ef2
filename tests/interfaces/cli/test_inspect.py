"""`okng inspect`."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Okng = Callable[..., Any]


def test_good_images_end_in_0(read: Okng, mixed: Path) -> None:
    """Where every image is OK, so is the exit code."""
    done = read("inspect", mixed / "good.png")
    assert done.code == 0
    assert "1 image:  1 OK" in done.out


def test_ng_ends_in_1_and_says_where(read: Okng, mixed: Path) -> None:
    """An NG line has score and threshold, p-value, time, name and the region's place."""
    done = read("inspect", mixed / "deep")
    assert done.code == 1
    line = next(line for line in done.out.splitlines() if "bad.png" in line)
    assert line.startswith("✘ NG ")
    for part in (" > ", "p 0.04", " ms ", " at ", " px, peak "):
        assert part in line


def test_review_ends_in_3(read: Okng, mixed: Path) -> None:
    """A doubt that nobody may settle ends in 3; --no-review makes it NG, 1."""
    doubtful = ["inspect", mixed / "deep", "--min-area-px", "1000000"]
    assert read(*doubtful).code == 3
    assert read(*doubtful, "--no-review").code == 1


def test_json_is_one_document(read: Okng, mixed: Path) -> None:
    """With --json every image is a record, in order, with a summary; a bad file among them."""
    done = read("inspect", mixed, "--json")
    answer = done.json
    assert done.code == 4
    assert [Path(one["image"]).name for one in answer["inspections"]] == [
        "broken.jpg", "good.png", "bad.png",
    ]  # fmt: skip
    assert answer["summary"]["verdicts"] == {"OK": 1, "REVIEW": 0, "NG": 1, "ERROR": 1}
    assert answer["model"] == "bolt-1"
    assert "truncated" in answer["inspections"][0]["error"]


def test_files_that_are_asked_for(read: Okng, mixed: Path, tmp_path: Path) -> None:
    """CSV, JSONL, overlays and maps have what the inspections have; inputs stay as they are."""
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in mixed.rglob("*.*")}
    out = tmp_path / "out"
    out.mkdir()
    done = read(
        "inspect", mixed, "--csv", out / "a.csv", "--jsonl", out / "a.jsonl",
        "--overlays", out / "overlays", "--maps", out / "maps",
    )  # fmt: skip
    assert done.code == 4
    with (out / "a.csv").open(newline="") as file:
        rows = {Path(row["image"]).name: row for row in csv.DictReader(file)}
    records = {
        Path(one["image"]).name: one
        for one in map(json.loads, (out / "a.jsonl").read_text().splitlines())
    }
    assert rows.keys() == records.keys() == {"good.png", "bad.png", "broken.jpg"}
    row, record = rows["bad.png"], records["bad.png"]
    assert float(row["score"]) == record["score"]
    assert int(row["regions"]) == len(record["regions"])
    assert int(row["region_x"]) == record["regions"][0]["box"]["x"]
    assert float(row["total_ms"]) == record["timing"]["total_ms"]
    assert "truncated" in rows["broken.jpg"]["error"]
    anomaly_map = np.load(out / "maps" / "deep" / "bad.png.npy")
    assert (anomaly_map.dtype, anomaly_map.ndim) == (np.float32, 2)
    with Image.open(out / "overlays" / "deep" / "bad.png.overlay.png") as shown:
        assert shown.size == (64, 64)
    assert len(list((out / "overlays").rglob("*.png"))) == 2
    assert before == {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in before}


def test_same_names_get_overlays_of_their_own(read: Okng, tmp_path: Path, draw: Okng) -> None:
    """Two inputs of one name, and two of one stem, never share an output."""
    inputs = [draw(tmp_path / where, 3) for where in ("a/x.png", "b/x.png", "b/x.jpg")]
    read("inspect", *inputs, "--overlays", tmp_path / "out")
    found = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    }
    assert found == {"a/x.png.overlay.png", "b/x.png.overlay.png", "b/x.jpg.overlay.jpg"}


def test_overlays_beside_the_images_are_not_inspected(read: Okng, mixed: Path) -> None:
    """A second run over the same folder does not take the first one's overlays for parts."""
    first = read("inspect", mixed, "--overlays", mixed, "--json").json
    second = read("inspect", mixed, "--overlays", mixed, "--json").json
    assert first["summary"]["images"] == second["summary"]["images"] == 3


def test_overlay_never_replaces_an_input(read: Okng, tmp_path: Path, draw: Okng) -> None:
    """Where an input has the very name that an overlay would get, the run is refused."""
    first = draw(tmp_path / "x.png", 3)
    second = draw(tmp_path / "x.png.overlay.png", 4)
    kept = second.read_bytes()
    done = read("inspect", first, second, "--overlays", tmp_path)
    assert (done.code, second.read_bytes()) == (2, kept)


@pytest.mark.parametrize("name", ["=1+1.png", "+x.png", "-x.png", "@x.png"])
def test_spreadsheets_compute_no_file_names(
    read: Okng, tmp_path: Path, draw: Okng, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A cell that would begin like a formula gets an apostrophe; a negative number stays one."""
    from okng.interfaces.cli.inspection_files import cell

    draw(tmp_path / name, 3)
    monkeypatch.chdir(tmp_path)
    read("inspect", "--csv", "t.csv", "--", name)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["image"] == f"'{name}"
    assert cell(-1.5) == -1.5


def test_terminals_obey_no_file_names(read: Okng, tmp_path: Path, draw: Okng) -> None:
    """Control signs and markup in a file's name are shown, never acted upon."""
    draw(tmp_path / "[red]\x1b[2J.png", 3)
    done = read("inspect", tmp_path)
    assert "\x1b" not in done.out
    assert "[red]\\x1b[2J.png" in done.out


@pytest.mark.parametrize("pattern", ["*.png", "**/*.png", "[dg]*/*.png"])
def test_patterns(read: Okng, mixed: Path, pattern: str) -> None:
    """A quoted pattern finds what the shell would find."""
    expected = {str(path) for path in mixed.glob(pattern)}
    done = read("inspect", mixed / pattern, "--json")
    assert {one["image"] for one in done.json["inspections"]} == expected


def test_dataset_goes_without_its_masks(read: Okng, bolt: Path) -> None:
    """Of a recognised dataset the images are inspected, the masks are not, counts come first."""
    done = read("inspect", bolt)
    assert "34 images:" in done.out
    assert "ground_truth" not in done.out
    assert "MVTec AD" in done.out.splitlines()[0]


def test_list_of_images(read: Okng, mixed: Path) -> None:
    """A CSV names images, beside itself."""
    (mixed / "list.csv").write_text("path,label\ngood.png,good\ndeep/bad.png,spot\n")
    assert read("inspect", mixed / "list.csv", "--json").json["summary"]["images"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.png"], 2, "no file or folder nowhere.png"),
        (["nowhere/*.png"], 2, "matches no image"),
        (["EMPTY"], 5, "no images"),
        (["IMAGE", "--model", "bold"], 5, "did you mean bolt?"),
        (["IMAGE", "--model", "bolt-9"], 5, "there is no bolt-9"),
        (["IMAGE", "--calibration", "9"], 5, "no calibration 9"),
        (["IMAGE", "--model", "bolt", "--product", "bolt"], 2, "not both"),
        (["IMAGE", "--csv", "IMAGE"], 2, "named like an image"),
        ([], 2, "PATH"),
    ],
)
def test_mistakes(
    read: Okng, mixed: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """What cannot be inspected is said before anything is."""
    (tmp_path / "empty").mkdir()
    places = {"IMAGE": str(mixed / "good.png"), "EMPTY": str(tmp_path / "empty")}
    done = read("inspect", *(places.get(one, one) for one in arguments))
    assert done.code == code
    assert message in done.err


def test_without_models_the_way_is_shown(fresh: Okng, mixed: Path) -> None:
    """With an empty data folder the message says how a model is made."""
    done = fresh("inspect", mixed)
    assert done.code == 5
    assert "okng train FOLDER" in done.err


def test_product_follows_the_folder(okng: Okng, tmp_path: Path, mixed: Path, draw: Okng) -> None:
    """With several products the one called like a folder of the images is taken, else none."""
    archive = tmp_path / "bolt-1.okng"
    okng("models", "export", "bolt", archive)
    okng("models", "import", archive, "--product", "screw")
    image = draw(tmp_path / "Screw" / "monday" / "1.png", 3)
    assert okng("inspect", image, "--json").json["model"] == "screw-1"
    assert okng("inspect", image, "--product", "bolt", "--json").json["model"] == "bolt-1"
    lost = okng("inspect", mixed)
    assert lost.code == 2
    assert "bolt, screw" in lost.err
