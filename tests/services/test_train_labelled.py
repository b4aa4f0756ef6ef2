"""Trainings on labelled images, with the detector `probe`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import read_dataset
from okng.algorithms.class_scores import log_odds
from okng.detectors.probe import Probe
from okng.domain.calibration import Evidence, Subject
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset
from okng.domain.ports import Runtime
from okng.domain.verdict import Verdict
from okng.domain.view import View
from okng.services.calibrate import DefectWish, Wish, calibrate_on_defects, recalibrate
from okng.services.inspect import Inspector
from okng.services.parity import check_parity
from okng.services.train import Training, train
from okng.services.training_plan import CalibrationPlan, TrainingPlan
from okng.testing.images import good_parts, save, write_labelled_folder
from okng.testing.stores import MemoryStore

SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 14 good parts and 7 of each defect to train on, 3 of each to test; left as it is."""
    root = tmp_path_factory.mktemp("labelled") / "part"
    return write_labelled_folder(root, good=14, defective=7, test=3, size=SIZE)


def run(dataset: Dataset, runtime: Runtime, **changes: object) -> Training:
    plan = TrainingPlan(
        product="part",
        detector_name="probe",
        detector=Probe(Probe.Config(), runtime),
        config={},
        backbones=(),
        view=View(SIZE, SIZE),
    )
    return train(dataset, replace(plan, **changes), [runtime], MemoryStore(), lambda *_: "<p>")


@pytest.fixture(scope="module")
def training(folder: Path, runtime: Runtime) -> Training:
    return run(read_dataset(folder), runtime)


def inspector_of(training: Training, runtime: Runtime) -> Inspector:
    return Inspector(training.model, runtime.load(training.model.graph))


def kinds_alone(dataset: Dataset) -> Dataset:
    return replace(dataset, samples=tuple(s for s in dataset.samples if not s.is_good))


def test_defects_get_their_name(training: Training, folder: Path, runtime: Runtime) -> None:
    """Unseen defects are NG by name, regions included; good parts are not, and have none."""
    inspector = inspector_of(training, runtime)
    for sample in read_dataset(folder).of(Split.TEST):
        found = inspector.inspect(sample.path)
        assert found.prediction is not None
        assert found.prediction.named == sample.label
        assert sum(found.prediction.classes.values()) == pytest.approx(1)
        record = found.record()
        if sample.is_good:
            assert found.verdict in (Verdict.OK, Verdict.REVIEW)
            assert record["classes"]["good"] > 0.5
        else:
            assert found.verdict is Verdict.NG
            assert found.kind == record["kind"] == sample.label
            assert found.regions
            assert {region.kind for region in found.regions} == {sample.label}


def test_the_model_says_what_it_learned(training: Training) -> None:
    """Classes, their images, a temperature and promises for both sides are in the manifest."""
    manifest = training.model.manifest
    assert manifest.classes is not None
    assert manifest.classes.names == ("good", "hole", "scratch")
    assert manifest.classes.images == (14, 7, 7)
    assert manifest.classes.validated == 28
    assert 0.01 <= manifest.classes.temperature <= 100
    assert manifest.data.images == 28
    calibration = manifest.calibration
    assert calibration.evidence is Evidence.CROSS_FITTED
    assert calibration.subject is Subject.GOOD
    assert len(calibration.good_scores) == len(calibration.defect_scores) == 14
    assert [promise.of for promise in calibration.promises] == ["good", "defective"]
    assert calibration.ng_threshold >= 0
    assert max(calibration.good_scores) < min(calibration.defect_scores)


def test_golden_images_hold_class_scores(training: Training, runtime: Runtime) -> None:
    """Parity is of class scores too: a runtime that names otherwise is refused."""
    golden = training.model.manifest.golden
    for one in golden:
        assert one.score == pytest.approx(
            float(log_odds(np.array([one.class_scores]))[0]), abs=0.01
        )
    check_parity(training.model, [runtime])
    manifest = training.model.manifest
    skewed = tuple(replace(one, class_scores=one.class_scores[::-1]) for one in golden)
    model = replace(training.model, manifest=replace(manifest, golden=skewed))
    with pytest.raises(Exception, match="probabilities that are off"):
        check_parity(model, [runtime])


def test_held_out_parts_are_of_every_class(folder: Path, runtime: Runtime) -> None:
    """With `split` parts of each class are left out of the training and set the thresholds."""
    found = run(read_dataset(folder), runtime, calibration=CalibrationPlan.SPLIT)
    manifest = found.model.manifest
    assert manifest.calibration.evidence is Evidence.HELD_OUT
    assert manifest.classes is not None
    assert sum(manifest.classes.images) + manifest.data.held_out == manifest.data.images == 28
    assert all(1 <= left < whole for left, whole in zip(manifest.classes.images, (14, 7, 7),
                                                        strict=True))  # fmt: skip
    assert manifest.calibration.promises[0].exact


def test_a_slow_classifier_is_cross_fitted_only_when_asked(folder: Path, runtime: Runtime) -> None:
    """What takes minutes holds parts out by itself, and is cross-fitted on demand."""
    by_itself = run(read_dataset(folder), runtime, is_slow=True).model.manifest
    asked = run(
        read_dataset(folder), runtime, is_slow=True, calibration=CalibrationPlan.CROSS_FIT
    ).model.manifest
    assert by_itself.calibration.evidence is Evidence.HELD_OUT
    assert asked.calibration.evidence is Evidence.CROSS_FITTED


def test_a_given_validation_set_sets_the_thresholds(folder: Path, runtime: Runtime) -> None:
    """Validation images are not learned; a class that they lack is said, not refused."""
    dataset = read_dataset(folder)
    given = tuple(
        replace(s, split=Split.VALIDATION) if s.split is Split.TEST and s.label != "scratch" else s
        for s in dataset.samples
    )
    found = run(replace(dataset, samples=given), runtime)
    manifest = found.model.manifest
    assert manifest.calibration.evidence is Evidence.HELD_OUT
    assert len(manifest.calibration.good_scores) == 3
    assert manifest.classes is not None
    assert manifest.classes.images == (14, 7, 7)
    assert "no validation image shows scratch" in manifest.calibration.note


def test_validation_without_good_is_refused(folder: Path, runtime: Runtime) -> None:
    """Thresholds need good validation images."""
    dataset = read_dataset(folder)
    given = tuple(
        replace(s, split=Split.VALIDATION) if s.split is Split.TEST and not s.is_good else s
        for s in dataset.samples
    )
    with pytest.raises(BadDataset, match="hold no good one"):
        run(replace(dataset, samples=given), runtime)


def test_kinds_alone_are_never_ok(folder: Path, runtime: Runtime) -> None:
    """Without a good class the score is doubt: what is sure is NG by name, doubt is REVIEW."""
    dataset = kinds_alone(read_dataset(folder))
    found = run(dataset, runtime)
    calibration = found.model.manifest.calibration
    assert calibration.subject is Subject.KIND
    assert calibration.promises[0].of == "known"
    assert all(0 <= score < 1 for score in calibration.good_scores)
    inspector = inspector_of(found, runtime)
    for sample in dataset.of(Split.TEST):
        sure = inspector.inspect(sample.path)
        assert (sure.verdict, sure.kind) == (Verdict.NG, sample.label)
    strict = replace(calibration, review_threshold=-1.0)
    doubtful = Inspector(found.model, runtime.load(found.model.graph), strict)
    assert doubtful.inspect(dataset.samples[0].path).verdict is Verdict.REVIEW


def test_thresholds_move_by_the_defects_of_the_training(training: Training) -> None:
    """A bound on escapes needs no other folder: the model keeps the scores of its defects."""
    old = training.model.manifest.calibration
    defects = np.array(old.defect_scores)
    wish = DefectWish(max_escapes=0.3)
    moved = calibrate_on_defects(old, defects, wish, Wish(), 2)
    assert moved.promises[0].rate <= 0.3
    assert moved.defect_scores == old.defect_scores
    again = recalibrate(moved, Wish(), 3)
    assert (again.review_threshold, again.promises) == (old.review_threshold, old.promises)


def test_one_class_is_refused(tmp_path: Path, runtime: Runtime) -> None:
    """Good images alone teach no classifier; the message says what to do."""
    paths = save(tmp_path / "good", good_parts(4, SIZE))
    samples = tuple(Sample(path, "good", Split.TRAIN) for path in paths)
    with pytest.raises(BadDataset, match=r"tell classes apart.*memory"):
        run(Dataset("part", tmp_path, "by hand", samples), runtime)


def test_a_class_of_one_part_is_refused(folder: Path, tmp_path: Path, runtime: Runtime) -> None:
    """One image cannot both teach a class and check it."""
    (path,) = save(tmp_path / "dent", [255 - good_parts(1, SIZE, start=90)[0]])
    dataset = read_dataset(folder)
    more = (*dataset.samples, Sample(path, "dent", Split.TRAIN))
    with pytest.raises(BadDataset, match="'dent' has 1 image of 1 part"):
        run(replace(dataset, samples=more), runtime)


def test_the_same_picture_with_two_labels_is_refused(
    folder: Path, tmp_path: Path, runtime: Runtime
) -> None:
    """Also where the files differ: both are named."""
    dataset = read_dataset(folder)
    first = next(s for s in dataset.samples if s.label == "hole" and s.split is Split.TRAIN)
    copy = tmp_path / "copy.bmp"
    Image.open(first.path).save(copy)
    more = (*dataset.samples, Sample(copy, "good", Split.TRAIN))
    with pytest.raises(BadDataset, match=r"is 'hole' and .*copy.bmp is 'good', but"):
        run(replace(dataset, samples=more), runtime)


def test_the_same_seed_gives_the_same_model(
    folder: Path, runtime: Runtime, training: Training
) -> None:
    """Training twice gives the same graph and calibration."""
    again = run(read_dataset(folder), runtime).model
    assert again.graph == training.model.graph
    old, new = training.model.manifest.calibration, again.manifest.calibration
    assert replace(new, created=old.created) == old
