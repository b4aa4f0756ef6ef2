"""Lists of labelling tools: COCO, Label Studio and Lookout for Vision."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import annotation_files, read_dataset
from okng.algorithms.masks import load_mask
from okng.domain.arrays import Mask
from okng.domain.dataset import Dataset, Sample
from okng.domain.errors import BadDataset

WIDTH, HEIGHT = 10, 8


def images(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {s.path.relative_to(dataset.root).as_posix(): s.label for s in dataset.samples}


def sides(dataset: Dataset) -> dict[str, str]:
    return {s.path.relative_to(dataset.root).as_posix(): s.split.value for s in dataset.samples}


def one(dataset: Dataset, name: str) -> Sample:
    return next(sample for sample in dataset.samples if sample.path.name == name)


def united(sample: Sample) -> Mask:
    return np.any([load_mask(mask) for mask in sample.masks], axis=0)


def box(top: int, bottom: int, left: int, right: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


# --- COCO


def coco(*names: str, **more: Any) -> dict[str, Any]:
    listed = [
        {"id": k, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for k, name in enumerate(names)
    ]
    kinds = [{"id": 1, "name": "scratch"}, {"id": 2, "name": "dent"}, {"id": 3, "name": "OK"}]
    return {"images": listed, "annotations": [], "categories": kinds, **more}


def annotation(image: int, category: int = 1, **shape: Any) -> dict[str, Any]:
    return {"id": image, "image_id": image, "category_id": category, **shape}


def compressed(counts: list[int]) -> str:
    """Encode runs as `maskApi.c` of cocoapi does."""
    text = ""
    for k, count in enumerate(counts):
        value = count - (counts[k - 2] if k > 2 else 0)
        while True:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            text += chr((bits | 32 if more else bits) + 48)
            if not more:
                break
    return text


def test_coco_boxes_and_segmentations(tmp_path: Path) -> None:
    """Each kind of area becomes a mask at the image's size, several kinds are combined."""
    images(tmp_path, *(f"images/{k}.png" for k in range(6)))
    runs = [11, 3, 5, 3, 58]
    write(
        tmp_path / "annotations.json",
        coco(
            *(f"{k}.png" for k in range(6)),
            annotations=[
                annotation(1, bbox=[2, 1, 3, 4]),
                annotation(2, segmentation=[[0, 0, 4, 0, 4, 2, 0, 2]], bbox=[0, 0, 9, 9]),
                annotation(2, 2, segmentation=[[5, 5, 8, 5, 8, 8, 5, 8]]),
                annotation(3, 2, segmentation={"size": [HEIGHT, WIDTH], "counts": runs}),
                annotation(4, segmentation={"size": [HEIGHT, WIDTH], "counts": compressed(runs)}),
                annotation(5, 3, bbox=[0, 0, 9, 7]),
            ],
        ),
    )
    dataset = read_dataset(tmp_path)
    assert dataset.layout == "COCO"
    assert [s.label for s in dataset.samples] == [
        "good", "scratch", "combined", "dent", "scratch", "good",
    ]  # fmt: skip
    np.testing.assert_array_equal(united(one(dataset, "1.png")), box(1, 5, 2, 5))
    both = box(0, 2, 0, 4) | box(5, 8, 5, 8)
    np.testing.assert_array_equal(united(one(dataset, "2.png")), both)
    by_columns = np.repeat([0, 1, 0, 1, 0], runs).reshape(WIDTH, HEIGHT).T > 0
    np.testing.assert_array_equal(united(one(dataset, "3.png")), by_columns)
    np.testing.assert_array_equal(united(one(dataset, "4.png")), by_columns)
    assert one(dataset, "5.png").masks == ()


def test_compressed_runs_of_every_size(tmp_path: Path) -> None:
    """Differences that are negative, zero or of several characters are decoded."""
    counts = [0, 1, 40_000, 3, 2, 39_000, 5, 5, 5, 984]
    images(tmp_path, "0.png")
    shape = {"size": [8, 10_000 + 1], "counts": ""}
    shape["size"], shape["counts"] = [5, sum(counts) // 5], compressed(counts)
    write(tmp_path / "a.json", coco("0.png", annotations=[annotation(0, segmentation=shape)]))
    (mask,) = read_dataset(tmp_path).samples[0].masks
    assert mask.areas[0].lengths == tuple(counts)


def test_coco_with_a_list_for_each_split(tmp_path: Path) -> None:
    """Lists say their split by folder or name; a validation set is the test where there is none."""
    for split in ("train", "valid", "test"):
        images(tmp_path / "a", f"{split}/0.png")
        write(tmp_path / "a" / split / "_annotations.coco.json", coco("0.png"))
    assert sides(read_dataset(tmp_path / "a")) == {
        "train/0.png": "train", "valid/0.png": "validation", "test/0.png": "test",
    }  # fmt: skip
    images(tmp_path / "b", "train2017/0.png", "val2017/1.png")
    write(tmp_path / "b/annotations/instances_train2017.json", coco("0.png"))
    write(tmp_path / "b/annotations/instances_val2017.json", coco("1.png"))
    wanted = {"train2017/0.png": "train", "val2017/1.png": "test"}
    assert sides(read_dataset(tmp_path / "b")) == wanted
    named = read_dataset(tmp_path / "b/annotations/instances_val2017.json")
    assert sides(named) == {"val2017/1.png": "test"}
    assert (named.name, named.root) == ("instances_val2017", tmp_path / "b")


def test_a_list_without_a_split_is_split_by_name(tmp_path: Path) -> None:
    """Good images are kept for the test, as for folders."""
    names = [f"{k}.png" for k in range(20)]
    images(tmp_path, *names)
    write(tmp_path / "a.json", coco(*names, annotations=[annotation(3, bbox=[1, 1, 2, 2])]))
    dataset = read_dataset(tmp_path)
    counts = {f"{split}/{label}": n for (split, label), n in dataset.counts().items()}
    assert counts["test/scratch"] == 1
    assert counts["train/good"] + counts["test/good"] == 19
    assert 0 < counts["test/good"] < 10


BAD_COCO: dict[str, tuple[dict[str, Any], str]] = {
    "image": (coco("gone.png"), "image 0: there is no image gone.png in .*put it there"),
    "escape": (coco("../../etc/passwd.png"), "there is no image ../../etc/passwd.png"),
    "twice": (coco("0.png", "./0.png"), "image 1: 0.png is there already, in .*image 0"),
    "ids": (coco("0.png") | {"images": [{"id": 1, "file_name": "0.png"}] * 2}, "the same id"),
    "no name": (coco("0.png") | {"images": [{"id": 1}]}, "images.0.file_name: Field required"),
    "none": (coco(), "names no images"),
    "side": (
        coco("0.png") | {"images": [{"id": 1, "file_name": "0.png", "width": 0}]},
        "images.0.width: .*greater than or equal to 1",
    ),
    "no image": (coco("0.png", annotations=[annotation(7, bbox=[1, 1, 1, 1])]), "the image 7"),
    "no kind": (coco("0.png", annotations=[annotation(0, 9, bbox=[1, 1, 1, 1])]), "category 9"),
    "box": (coco("0.png", annotations=[annotation(0, bbox=[1, 1])]), "annotations.0.bbox"),
    "far": (coco("0.png", annotations=[annotation(0, bbox=[1e300, 1, 1, 1])]), "less than or eq"),
    "corners": (coco("0.png", annotations=[annotation(0, segmentation=[[1, 2, 3, 4]])]), "corners"),
    "runs": (
        coco("0.png", annotations=[annotation(0, segmentation={"size": [8, 10], "counts": [3]})]),
        "cover 3 pixels of 10 x 8",
    ),
    "characters": (
        coco("0.png", annotations=[annotation(0, segmentation={"size": [8, 10], "counts": "Ö"})]),
        "damaged",
    ),
    "no size": (
        coco("0.png", annotations=[annotation(0, bbox=[1, 1, 1, 1])])
        | {"images": [{"id": 0, "file_name": "0.png"}]},
        "width and height are missing",
    ),
}


@pytest.mark.parametrize("case", BAD_COCO)
def test_bad_coco_is_refused(tmp_path: Path, case: str) -> None:
    """Each says which entry is wrong and what is."""
    content, message = BAD_COCO[case]
    images(tmp_path, "0.png")
    write(tmp_path / "a.json", content)
    with pytest.raises(BadDataset, match=f"(?s)a.json.*{message}|{message}"):
        read_dataset(tmp_path)


# --- files and names


def test_images_are_found_by_the_end_of_their_path(tmp_path: Path) -> None:
    """The longest common end decides, then the list's own folder; masks are no images."""
    images(tmp_path, "normal/1.png", "anomaly/1.png", "anomaly/2.png", "masks/2.png")
    write(tmp_path / "a.json", coco("s3://bucket/x/anomaly/1.png", "C:\\data\\2.png"))
    assert list(labels(read_dataset(tmp_path))) == ["anomaly/1.png", "anomaly/2.png"]


def test_names_that_fit_several_images_are_refused(tmp_path: Path) -> None:
    """Nothing is guessed."""
    images(tmp_path, "a/1.png", "b/1.png")
    write(tmp_path / "a.json", coco("1.png"))
    with pytest.raises(BadDataset, match=r"1.png may be a/1.png or b/1.png; name more"):
        read_dataset(tmp_path)


def test_unlisted_images_are_told(tmp_path: Path) -> None:
    """Images that no list names are left out, with a note."""
    images(tmp_path, "1.png", "2.png", "3.png")
    write(tmp_path / "a.json", coco("1.png"))
    assert "passed over 2 images that are in no list" in read_dataset(tmp_path).notes


def test_other_json_is_passed_over(tmp_path: Path) -> None:
    """A JSON file of another kind, or one for each image, does not stand in the way."""
    images(tmp_path, "good/1.png", "bad/1.png")
    write(tmp_path / "settings.json", {"a": [1]})
    for k in range(annotation_files.MAX_LISTS + 1):
        write(tmp_path / "labels" / f"{k}.json", coco(f"{k}.png"))
    assert read_dataset(tmp_path).layout == "class folders"


def test_damaged_and_huge_lists_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken JSON, JSON that nests without end and files beyond the limit are one error each."""
    images(tmp_path, "1.png")
    file = tmp_path / "a.json"
    for text, message in (
        ("{", "a.json: not JSON .*export the list again"),
        ("[" * 100_000, "a.json: not JSON .*recursion limit"),
        ('{"images": [NaN]}', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
    ):
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(BadDataset, match=message):
            read_dataset(tmp_path)
    monkeypatch.setattr(annotation_files, "MAX_BYTES", 10)
    file.write_text(" " * 11)
    with pytest.raises(BadDataset, match="larger than 10 bytes"):
        read_dataset(tmp_path)


def test_lists_of_two_kinds_are_refused(tmp_path: Path) -> None:
    """Which of them counts is for their user to say; naming one does."""
    images(tmp_path, "1.png")
    write(tmp_path / "a.json", coco("1.png"))
    write(tmp_path / "b.json", [task("1.png")])
    with pytest.raises(BadDataset, match="several lists"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path / "b.json").layout == "Label Studio"


def test_links_may_not_lead_out(tmp_path: Path) -> None:
    """Where a folder is given that nothing may leave, a link out of it is refused."""
    images(tmp_path, "secret/1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/1.png").symlink_to(tmp_path / "secret/1.png")
    write(tmp_path / "set/a.json", coco("1.png"))
    with pytest.raises(BadDataset, match="leads out"):
        read_dataset(tmp_path / "set", None, tmp_path / "set")


# --- Label Studio


def task(image: str, *results: dict[str, Any], **more: Any) -> dict[str, Any]:
    annotated = {"id": 1, "was_cancelled": False, "result": list(results)}
    return {"id": 7, "data": {"image": image}, "annotations": [annotated], **more}


def region(kind: str, *names: str, **value: Any) -> dict[str, Any]:
    return {
        "id": "r",
        "type": kind,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "value": {**value, kind: list(names)},
    }


def choice(*names: str) -> dict[str, Any]:
    return {"type": "choices", "value": {"choices": list(names)}}


def brush(mask: Mask, literal: bool = False) -> list[int]:
    """Encode a mask as `@thi.ng/rle-pack` does, in runs or value by value."""
    values = np.repeat(mask.ravel(), 4) * 255
    bits = f"{values.size:032b}" + f"{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    start = 0
    while start < len(values):
        end = start + 1
        while not literal and end < len(values) and values[end] == values[start]:
            end += 1
        bits += ("0" if literal else "1") + "10" + f"{end - start - 1:08b}" + f"{values[start]:08b}"
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def studio(root: Path, *tasks: dict[str, Any]) -> Dataset:
    write(root / "project-1.json", list(tasks))
    return read_dataset(root)


def test_label_studio_regions(tmp_path: Path) -> None:
    """Percent become pixels; rectangles may be turned; a region of what is good is no defect."""
    images(tmp_path, *(f"{k}.png" for k in range(6)))
    rectangle = {"x": 20, "y": 25, "width": 30, "height": 50, "rotation": 0}
    dataset = studio(
        tmp_path,
        task("/data/upload/1/0.png", region("rectanglelabels", "scratch", **rectangle)),
        task(
            "/data/local-files/?d=line%201/1.png",
            region("polygonlabels", "dent", points=[[0, 0], [40, 0], [40, 25], [0, 25]]),
        ),
        task("s3://b/2.png", region("rectanglelabels", "ok", **rectangle), choice("OK")),
        task(
            "3.png",
            region("rectanglelabels", "scratch", **rectangle | {"x": 80, "y": 0, "rotation": 90}),
        ),
        task(
            "4.png",
            region("ellipselabels", "hole", x=50, y=50, radiusX=40, radiusY=25, rotation=0),
            region("keypointlabels", "spot", x=1, y=1, width=0.5),
        ),
        task("5.png", choice("stain")),
    )
    assert dataset.layout == "Label Studio"
    assert list(labels(dataset).values()) == [
        "scratch", "dent", "good", "scratch", "combined", "stain",
    ]  # fmt: skip
    np.testing.assert_array_equal(united(one(dataset, "0.png")), box(2, 6, 2, 5))
    np.testing.assert_array_equal(united(one(dataset, "1.png")), box(0, 2, 0, 4))
    # Turned clockwise by 90 degrees about its upper left corner, 3 x 4 px become 4 x 3 to the left.
    np.testing.assert_array_equal(united(one(dataset, "3.png")), box(0, 3, 4, 8))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    ellipse = ((x - 5) / 4) ** 2 + ((y - 4) / 2) ** 2
    found = united(one(dataset, "4.png"))
    assert found[ellipse < 0.95].all()
    assert not found[ellipse > 1].any()
    assert one(dataset, "5.png").masks == one(dataset, "2.png").masks == ()


@pytest.mark.parametrize("literal", [False, True])
def test_label_studio_brush(tmp_path: Path, literal: bool) -> None:
    """A brush's run lengths become its pixels, whichever way they are packed."""
    images(tmp_path, "0.png")
    drawn = np.random.default_rng(0).random((HEIGHT, WIDTH)) > 0.6
    stroke = region("brushlabels", "stain", format="rle", rle=brush(drawn, literal))
    dataset = studio(tmp_path, task("0.png", stroke))
    np.testing.assert_array_equal(united(dataset.samples[0]), drawn)


def test_label_studio_labels_beside_shapes(tmp_path: Path) -> None:
    """A shape whose label is a result of its own is taken once."""
    images(tmp_path, "0.png")
    shape = {"x": 10, "y": 25, "width": 20, "height": 25}
    bare = region("rectangle", **shape)
    del bare["value"]["rectangle"]
    dataset = studio(tmp_path, task("0.png", bare, region("labels", "dent", **shape)))
    assert labels(dataset) == {"0.png": "dent"}
    np.testing.assert_array_equal(united(dataset.samples[0]), box(2, 4, 1, 3))


def test_label_studio_uploads_and_annotators(tmp_path: Path) -> None:
    """Uploads are found under either name; the ground truth counts, then the last annotation."""
    images(tmp_path, "a.png", "1a2b3c4d-b.png", "c.png")
    several = task("/data/upload/3/0123abcd-a.png", choice("dent"))
    several["annotations"] = [
        {"result": [choice("scratch")], "ground_truth": True},
        {"result": [choice("dent")]},
        {"result": [choice("hole")], "was_cancelled": True},
    ]
    last = task("/data/upload/3/1a2b3c4d-b.png")
    last["annotations"] = [{"result": [choice("scratch")]}, {"result": [choice("OK")]}]
    nobody = {"data": {"image": "c.png"}, "annotations": []}
    dataset = studio(tmp_path, several, last, nobody)
    assert labels(dataset) == {"a.png": "scratch", "1a2b3c4d-b.png": "good", "c.png": None}


BAD_STUDIO: dict[str, tuple[dict[str, Any], str]] = {
    "contradiction": (
        task(
            "0.png", choice("good"), region("rectanglelabels", "dent", x=1, y=1, width=5, height=5)
        ),
        "the choice is 'good', but 'dent' is marked",
    ),
    "damaged": (task("0.png", region("brushlabels", "a", rle=[0, 0])), "run lengths are damaged"),
    "not bytes": (task("0.png", region("brushlabels", "a", rle=[300] * 9)), "damaged"),
    "other image": (
        task("0.png", region("brushlabels", "a", rle=brush(np.ones((2, 2), np.bool_)))),
        "they are of 4 pixels, the image has 80",
    ),
    "coordinate": (
        task("0.png", region("rectanglelabels", "a", x="left", y=1, width=5, height=5)),
        "task 7: x: Input should be a valid number",
    ),
    "no size": (
        task("0.png", {"type": "polygonlabels", "value": {"points": [], "polygonlabels": ["a"]}}),
        "lacks original_width",
    ),
    "no image": ({"data": {"text": "x"}, "annotations": []}, "no image"),
    "two": ({"data": {"a": "0.png", "b": "1.png"}, "annotations": []}, "several images"),
    "min": ({"image": "0.png", "annotation_id": 1, "annotator": 1}, "JSON-MIN"),
}


@pytest.mark.parametrize("case", BAD_STUDIO)
def test_bad_label_studio_is_refused(tmp_path: Path, case: str) -> None:
    """Each says which task is wrong and what is."""
    entry, message = BAD_STUDIO[case]
    with pytest.raises(BadDataset, match=message):
        studio(images(tmp_path, "0.png"), entry)


# --- Lookout for Vision


def line(source: str, kind: str | None = None, mask: str = "", **colours: str) -> dict[str, Any]:
    values: dict[str, Any] = {"source-ref": source}
    if kind:
        values["anomaly-label"] = int(kind != "normal")
        about = {"class-name": kind, "type": "groundtruth/image-classification", "confidence": 1}
        values["anomaly-label-metadata"] = about
    if mask:
        shown = [{"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.0}]
        shown += [{"class-name": name, "hex-color": code} for name, code in colours.items()]
        values["anomaly-mask-ref"] = mask
        values["anomaly-mask-ref-metadata"] = {
            "internal-color-map": {str(k): one for k, one in enumerate(shown)},
            "type": "groundtruth/semantic-segmentation",
        }
    return values


def manifest(path: Path, *lines: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(values) for values in lines) + "\n")
    return path


def coloured(path: Path, *colours: tuple[int, int, int]) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for k, colour in enumerate(colours):
        picture[k, 2:5] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def test_lookout_classification(tmp_path: Path) -> None:
    """The class says what an image is; what has none is unlabelled; manifests name their split."""
    images(tmp_path, "train/normal/1.jpg", "train/anomaly/1.jpg", "test/1.jpg")
    bucket = "s3://bucket/a"
    manifest(
        tmp_path / "manifests/train.manifest",
        line(f"{bucket}/train/normal/1.jpg", "normal"),
        line(f"{bucket}/train/anomaly/1.jpg", "anomaly"),
    )
    manifest(tmp_path / "manifests/test.manifest", line(f"{bucket}/test/1.jpg"))
    dataset = read_dataset(tmp_path)
    assert dataset.layout == "Lookout for Vision"
    assert labels(dataset) == {
        "test/1.jpg": None, "train/normal/1.jpg": "good", "train/anomaly/1.jpg": "anomaly",
    }  # fmt: skip
    assert sides(dataset)["test/1.jpg"] == "test"
    assert sides(dataset)["train/normal/1.jpg"] == "train"


def test_lookout_segmentation(tmp_path: Path) -> None:
    """A mask's colours say the kinds that are there; white is no defect."""
    green, blue = (44, 160, 44), (31, 119, 180)
    kinds = {"scratch": "#2ca02c", "dent": "#1f77b4"}
    images(tmp_path, *(f"{k}.png" for k in range(5)))
    for name, shown in {"1": [green], "2": [blue], "3": [green, blue], "4": []}.items():
        coloured(tmp_path / f"masks/{name}.png", *shown)
    manifest(
        tmp_path / "a.manifest",
        line("0.png", "normal"),
        line("1.png", "anomaly", "s3://b/m/1.png", scratch=kinds["scratch"]),
        line("2.png", "anomaly", "s3://b/m/2.png", **kinds),
        line("3.png", None, "s3://b/m/3.png", **kinds),
        line("4.png", None, "s3://b/m/4.png", **kinds),
    )
    dataset = read_dataset(tmp_path)
    assert list(labels(dataset).values()) == ["good", "scratch", "dent", "combined", "good"]
    np.testing.assert_array_equal(united(one(dataset, "1.png")), box(0, 1, 2, 5))
    np.testing.assert_array_equal(united(one(dataset, "3.png")), box(0, 2, 2, 5))
    assert not any("no list" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line("0.png"), {"x": 1}], "a.manifest, line 2: source-ref: Field required"),
        ([line("0.png"), line("gone.png")], "line 2: there is no image gone.png"),
        ([line("0.png", "anomaly", "gone.png", a="#000000")], "line 1: there is no image gone.png"),
        ([line("0.png", None, "0.png", a="#000000")], "the mask cannot be used.*empty"),
        ([line("0.png", "anomaly", "0.png", a="red")], "hex-color"),
    ],
)
def test_bad_lookout_is_refused(tmp_path: Path, lines: list[dict[str, Any]], message: str) -> None:
    """Each says which line is wrong and what is."""
    images(tmp_path, "0.png")
    with pytest.raises(BadDataset, match=message):
        read_dataset(manifest(tmp_path / "a.manifest", *lines))


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    """The error says which line."""
    images(tmp_path, "0.png")
    file = manifest(tmp_path / "a.manifest", line("0.png"))
    file.write_text(file.read_text() + "\n{oops\n")
    with pytest.raises(BadDataset, match="line 3: not JSON"):
        read_dataset(file)
