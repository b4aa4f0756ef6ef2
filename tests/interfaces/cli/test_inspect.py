"""`okng inspect`."""

import csv
import errno
import hashlib
import json
import os
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


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_list_that_is_read_is_never_written_over(
    read: Okng, mixed: Path, tmp_path: Path, option: str
) -> None:
    """A target that is an input is refused, by another name of it too, and the input stays."""
    text = "path,label\ngood.png,good\n"
    (mixed / "list.csv").write_text(text)
    (tmp_path / "link.csv").symlink_to(mixed / "list.csv")
    for target in (mixed / "list.csv", mixed / "deep" / ".." / "list.csv", tmp_path / "link.csv"):
        done = read("inspect", mixed / "list.csv", option, target)
        assert (done.code, (mixed / "list.csv").read_text()) == (2, text)
        assert "name another file" in done.err


def test_two_lists_need_two_files(read: Okng, mixed: Path, tmp_path: Path) -> None:
    """One file cannot be table and records, nor one the draft of the other."""
    for second in ("x", "x.partial"):
        done = read(
            "inspect", mixed / "good.png", "--csv", tmp_path / "x", "--jsonl", tmp_path / second
        )
        assert done.code == 2
    assert list(tmp_path.glob("x*")) == []


def test_lists_appear_when_they_are_whole(read: Okng, mixed: Path, tmp_path: Path) -> None:
    """A run replaces an older list at its end and leaves no draft; a link stays a link."""
    (tmp_path / "old.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "old.csv")
    read("inspect", mixed / "good.png", "--csv", tmp_path / "link.csv")
    assert (tmp_path / "old.csv").read_text().startswith("image,verdict")
    assert (tmp_path / "link.csv").is_symlink()
    assert list(tmp_path.glob("*.partial")) == []


def test_long_names_are_shortened(read: Okng, tmp_path: Path, draw: Okng) -> None:
    """Names too long for an ending more are cut, never to the same, and marked as overlays."""
    names = [f"{'n' * 240}{last}.png" for last in "ab"]
    for name in names:
        draw(tmp_path / "in" / name, 3)
    done = read("inspect", tmp_path / "in", "--overlays", tmp_path / "out", "--maps", tmp_path)
    assert done.code == 0
    written = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(written) == 2
    assert all(len(os.fsencode(name)) == 255 for name in written)
    assert all(name.endswith(".overlay.png") for name in written)


def test_picture_that_cannot_be_written_is_no_end(read: Okng, mixed: Path, tmp_path: Path) -> None:
    """It is reported and counted, every image is judged, and the run ends in 5."""
    (tmp_path / "out" / "good.png.overlay.png").mkdir(parents=True)
    done = read("inspect", mixed, "--overlays", tmp_path / "out", "--json")
    assert done.code == 5
    assert done.json["summary"]["images"] == 3
    assert done.json["summary"]["unwritten"] == 1
    assert "good.png.overlay.png" in done.err
    assert (tmp_path / "out" / "deep" / "bad.png.overlay.png").is_file()


def test_full_disk_names_the_place_and_the_remedy(
    read: Okng, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an overlay finds no room, the message says where and what to do."""

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    done = read("inspect", mixed / "good.png", "--overlays", tmp_path / "out")
    assert done.code == 5
    assert f"{tmp_path / 'out' / 'good.png.overlay.png'}: No space left" in done.err
    assert "make room there" in done.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_under_a_list_is_named(read: Okng, mixed: Path) -> None:
    """A table that finds no room ends the run in 5, in one valid document that names it."""
    done = read("inspect", mixed / "good.png", "--csv", "/dev/full", "--json")
    assert done.code == 5
    assert done.json["error"]["message"].startswith("/dev/full: No space left")


def test_error_in_mid_run_leaves_json_whole(read: Okng, tmp_path: Path, draw: Okng) -> None:
    """Where a run is refused half-way, the document has the images so far and the error."""
    first = draw(tmp_path / "x.png", 3)
    second = draw(tmp_path / "x.png.overlay.png", 4)
    good = draw(tmp_path / "a.png", 3)
    done = read("inspect", good, first, second, "--overlays", tmp_path, "--json")
    assert done.code == 2
    assert [Path(one["image"]).name for one in done.json["inspections"]] == ["a.png"]
    assert done.json["error"]["code"] == "bad-setting"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFO, and links need rights")
@pytest.mark.parametrize("flat", [True, False])
def test_nothing_in_a_folder_goes_unnoticed(
    read: Okng, tmp_path: Path, draw: Okng, flat: bool
) -> None:
    """Broken images of any sort are ERRORs; what is no image is counted by its kind."""
    folder = tmp_path / "in"
    draw(folder / "good.png", 3)
    if not flat:
        draw(folder / "good.png.overlay.png", 3)
    (folder / "nowhere.png").symlink_to("gone.png")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "moving.gif").write_bytes(b"GIF89a")
    (folder / ".hidden.png").write_bytes(b"")
    done = read("inspect", folder, "--json")
    verdicts = {Path(one["image"]).name: one["verdict"] for one in done.json["inspections"]}
    broken = dict.fromkeys(("nowhere.png", "loop.png", "pipe.png"), "ERROR")
    assert (done.code, verdicts) == (4, {"good.png": "OK"} | broken)
    assert done.json["passed_over"] == {".gif file": 1} | ({} if flat else {"overlay": 1})
    assert "passed over 1 .gif file" in read("inspect", folder).out


def test_unreadable_folder_is_an_error_and_the_rest_is_judged(
    read: Okng, mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subfolder that may not be listed is an ERROR of its own, and no end."""
    real = os.scandir

    def guarded(path: Any) -> Any:
        if Path(path) == mixed / "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    done = read("inspect", mixed, "--json")
    verdicts = {Path(one["image"]).name: one["verdict"] for one in done.json["inspections"]}
    assert (done.code, verdicts) == (4, {"broken.jpg": "ERROR", "good.png": "OK", "deep": "ERROR"})


def test_ok_overlay_has_no_outlines(
    read: Okng, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outlines mean a fault: only images that are not OK have them."""
    from okng.interfaces.cli import inspection_files

    drawn: list[float] = []

    def noted(pixels: Any, anomaly_map: Any, threshold: float, **_: Any) -> Any:
        drawn.append(threshold)
        return pixels

    monkeypatch.setattr(inspection_files, "outline", noted)
    read("inspect", mixed / "good.png", "--overlays", tmp_path / "out")
    assert drawn == []
    read("inspect", mixed / "deep", "--overlays", tmp_path / "out")
    assert len(drawn) == 1
