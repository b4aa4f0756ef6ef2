"""Train again: which images become which samples, and how it is trained."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from okng.adapters.datasets import read_dataset
from okng.adapters.stores.written_dataset import write_dataset
from okng.algorithms.pictures import mask_picture, png
from okng.domain.errors import BadRequest, Conflict, Forbidden
from okng.domain.inspection import Inspection
from okng.domain.people import Principal, Role
from okng.domain.records import Context, DatasetRecord, InspectionRecord, Job, JobState, Page
from okng.domain.verdict import Verdict
from okng.domain.view import parse_preparations
from okng.services.labels import LabelledImage
from okng.services.train_again import TrainAgain
from okng.testing.images import write_folder

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENGINEER = Principal("eve", Role.ENGINEER.rights)


def labelled(content: bytes, said: Verdict, label: str, mask: bytes | None = None) -> LabelledImage:
    digest = sha256(content).hexdigest()
    inspection = Inspection("a", Verdict.NG, "part", "part-1", "0", 1, 0.5, 0.6, NOW.isoformat())
    record = InspectionRecord(
        digest[:8], NOW, "line", inspection, Context("P-1"), digest, reviewed=said
    )
    return LabelledImage(record, label, content, mask)


class House:
    """A service around a dataset of four good and two defective images; labels are set."""

    def __init__(self, home: Path) -> None:
        folder = write_folder(home / "parts", 4, 1, 2, 16)
        self.dataset = read_dataset(folder)
        self.labels: list[LabelledImage] = []
        self.jobs = [Job("j", "part", "d", {"seed": 7}, JobState.DONE, "eve", NOW, model="part-1")]
        self.started: tuple[object, ...] = ()
        self.record = DatasetRecord("d", "part", "first", str(folder), "", {}, NOW, "eve")
        self.manifested = SimpleNamespace(version=1)
        self.service = TrainAgain(
            SimpleNamespace(of=lambda product: iter(self.labels)),
            self, self,
            SimpleNamespace(manifest=lambda reference: self.manifested),
            SimpleNamespace(page=None),
            lambda dataset_id, samples: write_dataset(home, dataset_id, samples),
            lambda: "new", lambda: NOW,
        )  # fmt: skip

    def get(self, dataset_id, by):
        return self.record

    def read(self, record):
        return self.dataset

    def adopt(self, product, name, folder, by):
        self.written = read_dataset(folder)
        return DatasetRecord("n", product, name, str(folder), "", {}, NOW, by.name)

    def page(self, by, product=None, state=None, limit=50, cursor=None):
        return Page(tuple(self.jobs), None)

    def start(self, product, dataset_id, options, by):
        self.started = (product, dataset_id, dict(options))
        return self.jobs[0]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_labels_are_added(house: House) -> None:
    """Good ones are learned but for those held out; a review counts before the dataset."""
    shades = [png(np.full((16, 16, 3), shade, np.uint8)) for shade in range(40)]
    marked = np.zeros((16, 16), np.bool_)
    marked[2:5, 3:9] = True
    again = house.dataset.train_good[0].path.read_bytes()
    house.labels = [labelled(one, Verdict.OK, "good") for one in shades]
    house.labels.append(labelled(shades[0], Verdict.OK, "good"))
    house.labels.append(labelled(again, Verdict.NG, "crack", mask_picture(marked)))
    house.service.start("part", "d", ENGINEER)
    held = sum(int(sha256(one).hexdigest()[:8], 16) % 5 == 0 for one in shades)
    assert 0 < held < 20
    counts = {f"{s.value}/{label}": n for (s, label), n in house.written.counts().items()}
    assert counts["train/good"] == 3 + 40 - held
    assert counts["test/good"] == 1 + held
    assert counts["test/crack"] == 1
    (crack,) = (one for one in house.written.samples if one.label == "crack")
    assert (crack.group, len(crack.masks)) == ("P-1", 1)
    assert house.started == ("part", "n", {"seed": 7})


def test_files_are_linked(house: House) -> None:
    """The dataset's own images take no room a second time."""
    house.labels = [labelled(png(np.full((16, 16, 3), 9, np.uint8)), Verdict.OK, "good")]
    house.service.start("part", "d", ENGINEER)
    before = {one.path.stat().st_ino for one in house.dataset.samples}
    assert before <= {one.path.stat().st_ino for one in house.written.samples}


def test_as_the_champion_was_trained(house: House) -> None:
    """Without its job, by what its manifest says; a mask that only the manifest has is refused."""
    house.jobs = []
    house.labels = [labelled(png(np.full((16, 16, 3), 9, np.uint8)), Verdict.OK, "good")]
    steps = parse_preparations(["grey", "clahe"])
    view = SimpleNamespace(width=64, height=48, roi=None, mask_png=None, prepare=steps)
    house.manifested = SimpleNamespace(
        version=1, detector="memory", config={"bank_size": 9}, view=view
    )
    house.jobs.append(Job("x", "part", "d", {}, JobState.DONE, "eve", NOW, model="part-9"))
    house.service.start("part", "d", ENGINEER)
    options = {"detector": "memory", "config": {"bank_size": 9}, "size": [64, 48]}
    options["prepare"] = ["grey", "clahe=2"]
    assert house.started == ("part", "n", options)
    view.mask_png = "QQ=="
    with pytest.raises(Conflict, match="mask"):
        house.service.start("part", "d", ENGINEER)


def test_an_ensemble_is_not_trained_as_one(house: House) -> None:
    """Its members are, and that is said."""
    house.jobs = []
    house.labels = [labelled(png(np.full((16, 16, 3), 9, np.uint8)), Verdict.OK, "good")]
    house.manifested = SimpleNamespace(version=3, detector="ensemble")
    with pytest.raises(Conflict, match="part-3 is an ensemble"):
        house.service.start("part", "d", ENGINEER)


def test_what_is_refused(house: House) -> None:
    """Without the right, without labels, or with another product's dataset."""
    with pytest.raises(Conflict, match="review some first"):
        house.service.start("part", "d", ENGINEER)
    with pytest.raises(BadRequest, match="belongs to part"):
        house.service.start("other", "d", ENGINEER)
    with pytest.raises(Forbidden):
        house.service.start("part", "d", Principal("rob", Role.REVIEWER.rights))
