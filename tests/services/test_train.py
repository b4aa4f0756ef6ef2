import io
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.adapters.runtimes.openvino import OpenVino
from okng.algorithms.pixels import decode_file
from okng.algorithms.view import mask_png_from
from okng.detectors.memory import Memory
from okng.domain.calibration import Evidence, Method
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset, BadModel, BadSetting, ParityError
from okng.domain.model import Manifest
from okng.domain.ports import Images, Progress, Runtime, Session, Trained, silent
from okng.domain.view import Box, View
from okng.services.calibrate import (
    DefectWish,
    Wish,
    calibrate_on_defects,
    recalibrate,
    set_thresholds,
)
from okng.services.fitting import ONE_PART_COPIES
from okng.services.train import Training, train
from okng.services.training_plan import CalibrationPlan, TrainingPlan
from okng.testing.detectors import MeanPart, MeanPartConfig
from okng.testing.images import ArrayImages, good_parts, save, with_defect
from okng.testing.runtimes import SkewedRuntime
from okng.testing.stores import MemoryStore

Make = Callable[..., Dataset]
LOOSE = Wish(max_overkill=0.3, confidence=0.8)  # 5 parts needed
VIEW = View(64, 64)


def no_report(manifest: Manifest, golden: Mapping[str, bytes]) -> str:
    return f"<p>{manifest.product}-{manifest.version}: {', '.join(golden)}"


def plan_of(runtime: Runtime, **changes: object) -> TrainingPlan:
    plan = TrainingPlan(
        product="part",
        detector_name="mean_part",
        detector=MeanPart(MeanPartConfig(), runtime),
        config={"cell_px": 8},
        backbones=(),
        view=VIEW,
    )
    return replace(plan, **changes)


def run(
    dataset: Dataset,
    runtime: Runtime,
    store: MemoryStore | None = None,
    others: tuple[Runtime, ...] = (),
    progress: Progress = silent,
    **changes: object,
) -> Training:
    plan = plan_of(runtime, **changes)
    return train(dataset, plan, [runtime, *others], store or MemoryStore(), no_report, progress)


def graph_scores(training: Training, runtime: Runtime, files: list[Path]) -> dict[Path, float]:
    session = runtime.load(training.model.graph)
    return {
        path: float(session.run({"image": decode_file(path)[None]})["score"][0]) for path in files
    }


def test_a_slow_detector_holds_out_a_third_unasked(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """What takes minutes to train is trained once: some parts are held out, and the promise, exact,
    is what these few allow; asked to, it is cross-fitted."""
    training = run(dataset(good_files), runtime, is_slow=True)
    data, calibration = training.model.manifest.data, training.model.manifest.calibration
    assert calibration.evidence is Evidence.HELD_OUT
    assert data.held_out == round(0.3 * data.parts)
    assert calibration.promises[0].exact
    assert calibration.promises[0].n == data.held_out
    asked = run(dataset(good_files), runtime, is_slow=True, calibration=CalibrationPlan.CROSS_FIT)
    assert asked.model.manifest.calibration.evidence is Evidence.CROSS_FITTED


def test_few_images_are_cross_fitted(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """With too few parts to hold any out, scores are cross-fitted and the promise approximate."""
    store = MemoryStore()
    training = run(dataset(good_files), runtime, store)
    manifest = training.model.manifest
    calibration = manifest.calibration
    (promise,) = calibration.promises
    assert store.load("part") == training.model
    assert calibration.evidence is Evidence.CROSS_FITTED
    assert calibration.method is Method.CROSS_FITTED
    assert (promise.n, promise.exact, promise.missing) == (14, False, 299 - 14)
    assert calibration.graph_sha256 == sha256(training.model.graph).hexdigest()
    assert calibration.review_threshold == max(calibration.good_scores)
    assert calibration.ng_threshold > calibration.review_threshold
    assert (manifest.data.images, manifest.data.parts, manifest.data.held_out) == (14, 14, 0)
    assert (manifest.map_height, manifest.map_width) == (8, 8)
    assert training.model.report.startswith("<p>part-1: 1.png")
    assert training.seconds > 0


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `auto` hold out as few parts as a loose wish needs."""
    monkeypatch.setattr("okng.services.fitting.ENOUGH_HELD_OUT", 1)


@pytest.mark.usefixtures("few_are_enough")
def test_enough_images_are_split(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """With twice the parts that the promise needs, that many are held out, and it is exact."""
    training = run(dataset(good_files), runtime, wish=LOOSE)
    manifest = training.model.manifest
    (promise,) = manifest.calibration.promises
    assert manifest.calibration.evidence is Evidence.HELD_OUT
    assert (promise.n, promise.exact, promise.missing) == (5, True, 0)
    assert promise.rate <= 0.3
    assert (manifest.data.images, manifest.data.held_out) == (14, 5)


def test_a_loose_wish_does_not_split_few_parts(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Few parts are cross-fitted however little is wished: a stricter wish may come later."""
    training = run(dataset(good_files), runtime, wish=LOOSE)
    assert training.model.manifest.calibration.evidence is Evidence.CROSS_FITTED
    assert len(training.model.manifest.calibration.good_scores) == len(good_files)


@pytest.mark.usefixtures("few_are_enough")
def test_held_out_images_had_no_share_in_the_graph(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """The scores are the graph's own, and the graph is that of the other images alone."""
    training = run(dataset(good_files), runtime, wish=LOOSE)
    good = set(training.model.manifest.calibration.good_scores)
    scores = graph_scores(training, runtime, good_files)
    held_out = [path for path, score in scores.items() if score in good]
    assert len(held_out) == len(good) == 5
    rest = ArrayImages([decode_file(path) for path in good_files if path not in held_out])
    alone = MeanPart(MeanPartConfig(), runtime).train(rest, None, silent)
    assert alone.graph == training.model.graph


def test_a_split_can_be_had_with_few_images(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Asked to split, half of the parts are held out and the promise says what is missing."""
    training = run(dataset(good_files), runtime, calibration=CalibrationPlan.SPLIT)
    (promise,) = training.model.manifest.calibration.promises
    assert (promise.n, promise.exact, promise.missing) == (7, True, 299 - 7)


def test_cross_fitting_can_be_had_with_many_images(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Asked to cross-fit, every part is used, however loose the wish."""
    training = run(dataset(good_files), runtime, wish=LOOSE, calibration=CalibrationPlan.CROSS_FIT)
    (promise,) = training.model.manifest.calibration.promises
    assert (promise.n, promise.exact) == (14, False)


@pytest.mark.parametrize("plan", [CalibrationPlan.SPLIT, CalibrationPlan.CROSS_FIT])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_very_few_images_are_enough_on_two_runtimes(
    dataset: Make, good_files: list[Path], runtime: Runtime, plan: CalibrationPlan, count: int
) -> None:
    """A golden image at the very threshold does not make a hair's difference between runtimes an
    error."""
    hair = SkewedRuntime(runtime, 1e-5)
    training = run(dataset(good_files[:count]), runtime, others=(hair,), calibration=plan)
    manifest = training.model.manifest
    calibration = manifest.calibration
    for golden in manifest.golden:
        for threshold in (calibration.review_threshold, calibration.ng_threshold):
            assert abs(golden.score - threshold) > manifest.tolerance


def test_copies_count_once(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """Copies of an image, also brightened or as JPEG, raise no n."""
    copies = [tmp_path / name for name in ("same.png", "again.jpg", "brighter.png")]
    pixels = decode_file(good_files[0])
    copies[0].write_bytes(good_files[0].read_bytes())
    Image.fromarray(pixels).save(copies[1], quality=90)
    Image.fromarray((pixels * 1.05).clip(0, 255).astype(np.uint8)).save(copies[2])
    training = run(dataset(good_files + copies), runtime)
    manifest = training.model.manifest
    assert (manifest.data.images, manifest.data.parts) == (17, 14)
    assert manifest.calibration.promises[0].n == 14
    assert len(manifest.calibration.good_scores) == 14


def test_images_of_one_part_count_once(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Where the dataset names the part, its images count once, with the worst score."""
    groups = {path: f"part {i // 2}" for i, path in enumerate(good_files[:10])}
    training = run(dataset(good_files, groups=groups), runtime)
    assert training.model.manifest.data.parts == 5 + 4
    assert training.model.manifest.calibration.promises[0].n == 9


def test_images_of_one_part_are_held_out_together(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """A part is held out with all its images or not at all."""
    groups = {path: f"part {i // 2}" for i, path in enumerate(good_files)}
    training = run(dataset(good_files, groups=groups), runtime, calibration=CalibrationPlan.SPLIT)
    data = training.model.manifest.data
    assert (data.parts, data.held_out) == (7, 6)
    assert training.model.manifest.calibration.promises[0].n == 3


def test_images_for_testing_never_take_part(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """Whatever lies in the test split changes neither graph nor scores nor fingerprint."""
    defective = [with_defect(pixels) for pixels in good_parts(3, 64, start=50)]
    for_test = tuple(
        Sample(path, label, Split.TEST)
        for path, label in zip(save(tmp_path / "t", defective), ("hole", "good", None), strict=True)
    )
    without = run(dataset(good_files), runtime).model
    beside = run(dataset(good_files, for_test), runtime).model
    assert beside.graph == without.graph
    assert beside.golden == without.golden
    assert beside.manifest.data == without.manifest.data
    assert beside.manifest.calibration.good_scores == without.manifest.calibration.good_scores


def test_defective_images_for_training_are_left_alone(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Only good images are learned, even where defective ones are in the training split."""
    bad = Sample(good_files[0], "hole", Split.TRAIN)
    training = run(dataset(good_files[1:], (bad,)), runtime)
    assert training.model.manifest.data.images == 13


def test_one_bad_file_among_good_ones(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """A broken file is reported, with the reason, and training goes on without it."""
    broken, empty = tmp_path / "broken.png", tmp_path / "empty.png"
    broken.write_bytes(good_files[0].read_bytes()[:300])
    empty.write_bytes(b"")
    training = run(dataset([broken, *good_files, empty, tmp_path / "gone.png"]), runtime)
    assert [refused.path.name for refused in training.refused] == [
        "broken.png",
        "empty.png",
        "gone.png",
    ]
    reasons = " | ".join(refused.reason for refused in training.refused)
    for word in ("truncated", "empty file", "no such file"):
        assert word in reasons
    assert training.model.manifest.data.images == 14


def test_no_good_images(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """Without good images the error says what is needed."""
    bad = Sample(good_files[0], "hole", Split.TRAIN)
    with pytest.raises(BadDataset, match=r"no good images.*'good'"):
        run(dataset([], (bad,)), runtime)


def test_one_image_is_learned_and_nothing_is_promised(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Thresholds come from altered copies of it; the calibration says so, and what would do."""
    training = run(dataset(good_files[:1]), runtime)
    manifest = training.model.manifest
    calibration = manifest.calibration
    assert (calibration.promises, calibration.evidence) == ((), Evidence.ALTERED)
    assert re.search(r"nothing is promised.*one single part.*30", calibration.note)
    assert len(calibration.good_scores) == ONE_PART_COPIES
    assert calibration.review_threshold == calibration.good_scores[-1]
    assert (manifest.data.images, manifest.data.parts, manifest.data.held_out) == (1, 1, 0)
    assert len(manifest.golden) == 1


def test_one_image_finds_a_hole(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """A part with a large hole scores beyond every altered copy, and beyond another good part."""
    training = run(dataset(good_files[:1]), runtime)
    session = runtime.load(training.model.graph)
    good = decode_file(good_files[1])
    scores = [
        float(session.run({"image": pixels[None]})["score"][0])
        for pixels in (good, with_defect(good))
    ]
    assert scores[1] > scores[0]
    assert scores[1] > training.model.manifest.calibration.review_threshold


def test_images_that_are_all_alike_are_one_part(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """Many copies of one image promise no more than one."""
    copies = save(tmp_path / "copies", [decode_file(good_files[0])] * 6)
    manifest = run(dataset(copies), runtime).model.manifest
    assert (manifest.data.images, manifest.data.parts) == (6, 1)
    assert manifest.calibration.evidence is Evidence.ALTERED


def test_other_thresholds_of_one_part_promise_nothing_either(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Whoever moves them, by hand or by a wish, is told the same; defects still speak."""
    old = run(dataset(good_files[:1]), runtime).model.manifest.calibration
    high = old.good_scores[-1] * 2
    by_hand = set_thresholds(old, high, None, Wish(), 2)
    by_wish = recalibrate(old, Wish(max_overkill=0.1), 3)
    for moved in (by_hand, by_wish):
        assert moved.promises == ()
        assert "nothing is promised" in moved.note
    defects = np.full(60, high)
    bounded = calibrate_on_defects(old, defects, DefectWish(max_escapes=0.1), Wish(), 4)
    assert [promise.of for promise in bounded.promises] == ["defective"]
    assert "nothing is promised" in bounded.note


def test_one_group_of_all_images_names_its_cause(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Where a pattern puts different images into one part, the error names pattern and part."""
    groups = dict.fromkeys(good_files, "jpg")
    with pytest.raises(BadDataset, match=r"'\(jpg\)' puts all 14 good images into .*part, 'jpg'"):
        run(dataset(good_files, groups=groups), runtime, group_pattern="(jpg)")
    with pytest.raises(BadDataset, match="the list puts all 14 good images into one part"):
        run(dataset(good_files, groups=groups), runtime)


def test_the_model_says_what_it_was_made_from(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """The card holds every image's SHA-256, ascending, held-out ones too, and the pattern."""
    training = run(
        dataset(good_files), runtime, calibration=CalibrationPlan.SPLIT, group_pattern="(x)"
    )
    data = training.model.manifest.data
    assert (data.images, data.held_out) == (14, 7)
    assert data.digests == tuple(sorted(sha256(p.read_bytes()).hexdigest() for p in good_files))
    assert data.group_pattern == "(x)"
    assert data.digests[0] not in repr(data) + repr(data.record())


def test_no_image_that_can_be_read(dataset: Make, runtime: Runtime, tmp_path: Path) -> None:
    """Where no file can be read the error says how many and why the first cannot."""
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in files:
        path.write_bytes(b"no image")
    with pytest.raises(BadDataset, match=r"none of the 2 good images.*not a .*JPEG"):
        run(dataset(files), runtime)


def test_a_runtime_that_is_off_stores_nothing(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Where another runtime disagrees the error names it, and no model is kept."""
    store = MemoryStore()
    off = SkewedRuntime(runtime, 0.5, name="off")
    with pytest.raises(ParityError, match=r"off .*gives 1\.png the score"):
        run(dataset(good_files), runtime, store, (off,))
    assert store.models == {}


def test_a_runtime_that_is_nearly_right_is_told(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Differences within the tolerance pass and are reported by runtime."""
    near = SkewedRuntime(runtime, 1e-3, name="near")
    own, other = run(dataset(good_files), runtime, others=(near,)).parity
    assert (own.runtime, own.difference) == (runtime.label, 0)
    assert other.runtime == near.label
    assert other.difference == pytest.approx(1e-3, rel=0.1)


class Narrow:
    """A runtime that can run nothing."""

    name = "narrow"
    label = "narrow 0.1"

    def load(self, graph: bytes) -> Session:
        raise BadModel("an operator is missing")


def test_a_runtime_that_cannot_run_the_graph_stores_nothing(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """A graph that an installed runtime cannot run is not released."""
    store = MemoryStore()
    with pytest.raises(ParityError, match=r"narrow 0\.1 cannot run .*an operator is missing"):
        run(dataset(good_files), runtime, store, (Narrow(),))
    assert store.models == {}


def test_training_is_deterministic(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """Two trainings give the same graph, scores, thresholds and golden images."""
    first, second = (run(dataset(good_files), runtime).model for _ in range(2))
    assert first.graph == second.graph
    assert first.golden == second.golden
    assert first.manifest.golden == second.manifest.golden
    undated = replace(second.manifest.calibration, created=first.manifest.calibration.created)
    assert undated == first.manifest.calibration


def test_the_seed_deals_the_folds(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """Another seed deals other folds, and so other scores."""
    first, other = (run(dataset(good_files), runtime, seed=seed).model for seed in (0, 1))
    scores = (first.manifest.calibration.good_scores, other.manifest.calibration.good_scores)
    assert scores[0] != scores[1]


def test_golden_images_travel_as_they_are(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """Golden images are the original files, with the scores that the graph gives them."""
    training = run(dataset(good_files), runtime)
    model = training.model
    originals = {path.read_bytes(): path for path in good_files}
    scores = graph_scores(training, runtime, good_files)
    assert len(model.golden) == 4
    for golden in model.manifest.golden:
        path = originals[model.golden[golden.file]]
        assert golden.score == pytest.approx(scores[path])
        assert golden.file.endswith(".png")


def test_training_through_a_view(dataset: Make, runtime: Runtime, tmp_path: Path) -> None:
    """Region of interest and mask are applied in training and declared in the manifest."""
    roi = Box(16, 8, 96, 112)
    mask = np.ones((128, 128), bool)
    mask[:, 64:] = False
    view = View(64, 64, roi, mask_png_from(mask, 64, 64, roi))
    files = save(tmp_path / "large", good_parts(6, 128))
    training = run(dataset(files), runtime, view=view)
    assert training.model.manifest.view == view
    session = runtime.load(training.model.graph)
    noise = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype(np.uint8)
    anomaly_map = session.run({"image": noise})["anomaly_map"][0]
    assert anomaly_map[:, :4].all()
    assert not anomaly_map[:, 4:].any()


def test_images_smaller_than_the_region_are_refused(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """An image that does not contain the region of interest is reported like a broken one."""
    small = save(tmp_path / "small", good_parts(1, 32, start=90))
    view = View(64, 64, Box(0, 0, 64, 64))
    training = run(dataset(good_files + small), runtime, view=view)
    (refused,) = training.refused
    assert refused.path == small[0]
    assert "region of interest" in refused.reason


class OneGraph(MeanPart):
    """A detector that cannot be cross-fitted."""

    def train(
        self, images: Images, folds: object, progress: Progress, take_map: object = None
    ) -> Trained:
        return super().train(images, None, progress)


def test_a_detector_that_cannot_be_cross_fitted(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """It is refused where scores would have to be cross-fitted, with the way out; a split works."""
    detector = OneGraph(MeanPartConfig(), runtime)
    with pytest.raises(BadSetting, match="calibration split"):
        run(dataset(good_files), runtime, detector=detector)
    run(dataset(good_files), runtime, detector=detector, calibration=CalibrationPlan.SPLIT)


@pytest.mark.usefixtures("few_are_enough")
def test_progress_is_told(dataset: Make, good_files: list[Path], runtime: Runtime) -> None:
    """Each stage is told up to its end."""
    told: dict[str, tuple[int, int]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        told[stage] = (done, total)

    run(dataset(good_files), runtime, progress=progress, wish=LOOSE)
    assert told["read"] == (14, 14)
    assert told["calibrate"] == (5, 5)
    assert all(done == total for done, total in told.values())


def test_default_detector_on_both_runtimes(
    dataset: Make, good_files: list[Path], runtime: Runtime
) -> None:
    """The memory detector trains on OpenVINO, agrees with ONNX Runtime, and finds the hole."""
    openvino = OpenVino(OpenVino.Config())
    config = Memory.Config(bank_size=64)
    training = run(
        dataset(good_files), openvino, others=(runtime,), detector=Memory(config, openvino)
    )
    assert [parity.runtime for parity in training.parity] == [openvino.label, runtime.label]
    calibration = training.model.manifest.calibration
    session = runtime.load(training.model.graph)
    bad = np.array([with_defect(pixels) for pixels in good_parts(4, 64, start=70)])
    assert (session.run({"image": bad})["score"] > calibration.review_threshold).all()


def test_pictures_beyond_the_pixel_limit(
    dataset: Make, good_files: list[Path], runtime: Runtime, tmp_path: Path
) -> None:
    """The limit that is asked for holds for reading: larger pictures are refused by name."""
    large = save(tmp_path / "large", good_parts(1, 128, start=40))
    training = run(dataset(good_files + large), runtime, max_pixels=64 * 64)
    (refused,) = training.refused
    assert refused.path == large[0]
    assert "4,096 pixels" in refused.reason


def test_files_of_other_formats_keep_their_suffix(
    dataset: Make, runtime: Runtime, tmp_path: Path
) -> None:
    """Golden images keep the suffix of their format."""
    files = []
    for i, pixels in enumerate(good_parts(6, 64)):
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "BMP")
        files.append(tmp_path / f"{i}.BMP")
        files[-1].write_bytes(data.getvalue())
    training = run(dataset(files), runtime)
    assert set(training.model.golden) == {"1.bmp", "2.bmp", "3.bmp", "4.bmp"}
