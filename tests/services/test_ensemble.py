from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from okng.adapters.datasets import read_dataset
from okng.adapters.runtimes.openvino import OpenVino
from okng.algorithms.logistic import log_loss, softmax
from okng.algorithms.view import mask_png_from
from okng.detectors.probe import Probe
from okng.domain.calibration import Evidence, Subject
from okng.domain.dataset import GOOD, Dataset, Sample, Split
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.model import Model, Unseen
from okng.domain.ports import Runtime
from okng.domain.view import View, parse_preparations
from okng.services.ensemble import EnsemblePlan, ensemble
from okng.services.inspect import Inspector
from okng.services.train import Training, train
from okng.services.training_plan import CalibrationPlan, TrainingPlan
from okng.services.unseen import KnownImages
from okng.testing.images import good_parts, save, write_labelled_folder
from okng.testing.models import tiny_model
from okng.testing.stores import MemoryStore

COUNT = 40


def model(
    version: int,
    gain: float,
    seen: Sequence[int] = (),
    parts: Callable[[int], int] = lambda i: i,
    first: int = 0,
) -> Model:
    """Return a tiny model of 40 images that it scored unseen, but for those `seen`."""
    made = tiny_model("part", version, gain=gain)
    digests = sorted(sha256(bytes([first + i])).hexdigest() for i in range(COUNT))
    scores = gain * (0.5 + np.random.default_rng(7).normal(0, 0.05, (2, COUNT))[version % 2])
    unseen = Unseen(
        tuple(None if i in seen else float(s) for i, s in enumerate(scores)),
        tuple(parts(i) for i in range(COUNT)),
    )
    data = replace(made.manifest.data, digests=tuple(digests), images=COUNT)
    return replace(made, manifest=replace(made.manifest, data=data, unseen=unseen))


def join(members: Sequence[Model], runtime: Runtime, **changes: object) -> Training:
    plan = replace(EnsemblePlan("part"), **changes)
    runtimes = [runtime, OpenVino(OpenVino.Config())]
    return ensemble(members, plan, runtimes, MemoryStore(), lambda *_: "<p>")


def with_view(member: Model, **changes: object) -> Model:
    view = replace(member.manifest.view, **changes)
    return replace(member, manifest=replace(member.manifest, view=view))


def test_the_mean_of_scaled_scores(runtime: Runtime) -> None:
    """The model scores by its members' mean, each in units of what good parts get from it."""
    members = [model(1, 1.0), model(2, 3.0)]
    made = join(members, runtime).model
    known = KnownImages.of(members)
    image = good_parts(1, 8)
    outputs = runtime.load(made.graph).run({"image": image})
    wanted = [
        (float(runtime.load(one.graph).run({"image": image})["score"][0]) - scale.centre)
        / scale.spread
        for one, scale in zip(members, known.scales(), strict=True)
    ]
    assert float(outputs["score"][0]) == pytest.approx(np.mean(wanted), abs=1e-4)
    assert made.manifest.config == {"members": ["part-1", "part-2"]}
    assert made.manifest.facts["member_2"] == "part-2 (tiny)"
    assert made.manifest.golden


def test_the_promise_is_approximate_and_counts_parts_once(runtime: Runtime) -> None:
    """Thresholds stand on one score of each part, from graphs that had not seen it; the promise
    says that it is approximate, and on how many."""
    members = [model(1, 1.0, parts=lambda i: i // 2), model(2, 3.0)]
    calibration = join(members, runtime).model.manifest.calibration
    assert calibration.evidence is Evidence.CROSS_FITTED
    assert len(calibration.good_scores) == COUNT // 2
    (promise,) = calibration.promises
    assert (promise.exact, promise.n) == (False, COUNT // 2)
    assert (
        "scores are from what each member made of 40 images before it learned them"
        in calibration.note
    )


def test_only_what_no_member_had_seen_counts(runtime: Runtime) -> None:
    """An image that one member learned alone has no share in the thresholds, though another
    member scored it; evaluations may not use it all the same."""
    members = [model(1, 1.0, seen=range(10)), model(2, 3.0, seen=range(5, 20))]
    manifest = join(members, runtime).model.manifest
    assert len(manifest.calibration.good_scores) == COUNT - 20
    assert len(manifest.data.digests) == COUNT
    assert manifest.unseen is not None
    assert [score is None for score in manifest.unseen.scores] == [i < 20 for i in range(COUNT)]
    assert "of 20 images before it learned them, of 40 that" in manifest.calibration.note


def test_no_part_has_a_share_in_the_scale_that_measures_it() -> None:
    """A part's own score changes what others get, never its own scale: made extreme, it is as far
    out as its score says."""
    known = KnownImages.of([model(1, 1.0), model(2, 1.0)])
    before = known.means(None, seed=0)
    changed = known.scores.copy()
    changed[:, 3] += 1e6
    after = replace(known, scores=changed).means(None, seed=0)
    spread = np.diff([before[3], after[3]])[0] / 1e6
    assert spread == pytest.approx(np.mean([1 / s.spread for s in known.scales()]), rel=0.5)
    moved = np.abs(after - before) > 1e-9
    assert 1 < moved.sum() < COUNT


def test_parts_are_joined_where_any_member_says_so() -> None:
    """Two images are of one part if one of the members knows that they are."""
    pairs, threes = model(1, 1.0, parts=lambda i: i // 2), model(2, 1.0, parts=lambda i: i // 3)
    parts = KnownImages.of([pairs, threes]).parts
    assert len(set(parts[:6])) == 1
    assert len(np.unique(parts)) == -(-COUNT // 6)


def test_images_of_one_member_alone_are_known_but_shared_by_none() -> None:
    """Members of different images keep theirs apart, and there is nothing to calibrate on."""
    members = [model(1, 1.0), model(2, 1.0, first=COUNT)]
    known = KnownImages.of(members)
    assert len(known.digests) == 2 * COUNT
    assert len(np.unique(known.parts)) == 2 * COUNT
    with pytest.raises(BadSetting, match=r"part-1 and part-2 have 0 good ones .*--calibrate-on"):
        known.unseen(members)


def test_fresh_images_make_the_promise_exact(runtime: Runtime, tmp_path: Path) -> None:
    """Good images that no member knows calibrate as held-out parts do, and are known from then
    on; members need not have kept anything."""
    fresh = tuple(Sample(p, GOOD, Split.TRAIN) for p in save(tmp_path, good_parts(12, 8)))
    older = [replace(one, manifest=replace(one.manifest, unseen=None))
             for one in (model(1, 1.0), model(2, 3.0))]  # fmt: skip
    manifest = join(older, runtime, fresh=fresh).model.manifest
    assert manifest.calibration.evidence is Evidence.HELD_OUT
    assert manifest.calibration.promises[0].exact
    assert manifest.data.held_out == 12
    assert manifest.data.images == COUNT + 12
    taught = sha256(fresh[3].path.read_bytes()).hexdigest()
    assert taught in manifest.data.digests


def test_fresh_images_that_a_member_knows_are_refused(runtime: Runtime, tmp_path: Path) -> None:
    """What was there at a member's training is not fresh, and the first such file is named."""
    paths = save(tmp_path, good_parts(6, 8))
    knows = model(1, 1.0)
    digest = sha256(paths[2].read_bytes()).hexdigest()
    digests = tuple(sorted([*knows.manifest.data.digests[1:], digest]))
    data = replace(knows.manifest.data, digests=digests)
    knows = replace(knows, manifest=replace(knows.manifest, data=data))
    fresh = tuple(Sample(path, GOOD, Split.TRAIN) for path in paths)
    with pytest.raises(BadDataset, match=r"1 image of 6, such as .*002\.png, were there when"):
        join([knows, model(2, 3.0)], runtime, fresh=fresh)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([model(1, 1.0)], "2 to 8 members, not 1"),
        ([model(1, 1.0), model(2, 1.0)], "part-1 and part-2 are the same graph"),
        (
            [model(1, 1.0), with_view(model(2, 3.0), prepare=parse_preparations(["grey"]))],
            r"part-1: 8 x 8 px; part-2: 8 x 8 px, grey\): train them with the same --size",
        ),
        (
            [
                with_view(model(i, i), mask_png=mask_png_from(np.eye(8, k=i, dtype=bool), 8, 8))
                for i in (1, 2)
            ],
            "the masks of part-1 and part-2 differ",
        ),
        (
            [
                model(1, 1.0),
                replace(model(2, 3.0), manifest=replace(model(2, 3.0).manifest, unseen=None)),
            ],
            r"part-2 did not keep what its images got .*\(--calibrate-on FOLDER\)",
        ),
        (
            [
                model(1, 1.0, seen=range(0, COUNT, 2)),
                model(2, 3.0, seen=range(1, COUNT, 2)),
            ],
            "have 0 good ones of those in common; at least 5 must be",
        ),
    ],
    ids=["one", "twice", "preparation", "masks", "older", "nothing in common"],
)
def test_what_cannot_be_joined(members: list[Model], said: str, runtime: Runtime) -> None:
    """Each refusal says what is wrong and how to mend it."""
    with pytest.raises(BadSetting, match=said):
        join(members, runtime)


def test_a_model_of_one_part_is_refused(runtime: Runtime) -> None:
    """Scores of altered copies promise nothing, and an ensemble would hide that."""
    alone = model(2, 3.0)
    calibration = replace(alone.manifest.calibration, evidence=Evidence.ALTERED)
    alone = replace(alone, manifest=replace(alone.manifest, calibration=calibration))
    with pytest.raises(BadSetting, match="part-2 learned one single part"):
        join([model(1, 1.0), alone], runtime)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Fourteen good parts and seven of each defect to train on."""
    root = tmp_path_factory.mktemp("labelled") / "part"
    return read_dataset(write_labelled_folder(root, good=14, defective=7, test=3, size=64))


def probe(
    dataset: Dataset,
    runtime: Runtime,
    version: int,
    plan: CalibrationPlan = CalibrationPlan.AUTO,
    **settings: object,
) -> Model:
    detector, view = Probe(Probe.Config(**settings), runtime), View(64, 64)
    wanted = TrainingPlan("part", "probe", detector, {}, (), view, calibration=plan)
    trained = train(dataset, wanted, [runtime], MemoryStore(), lambda *_: "<p>").model
    return replace(trained, manifest=replace(trained.manifest, version=version))


def test_members_that_name_classes(labelled: Dataset, runtime: Runtime) -> None:
    """Their log-odds are tempered and averaged; probabilities are the members' geometric mean,
    and thresholds say what they promise of escapes."""
    members = [probe(labelled, runtime, 1, l2=0.01), probe(labelled, runtime, 2, l2=1.0)]
    made = join(members, runtime).model
    manifest = made.manifest
    assert manifest.classes is not None
    assert manifest.classes.names == members[0].manifest.classes.names  # type: ignore[union-attr]
    assert manifest.classes.temperature == 1
    assert {promise.of for promise in manifest.calibration.promises} == {"good", "defective"}
    assert len(manifest.calibration.defect_scores) == 14
    path = next(s.path for s in labelled.samples if s.label == "hole")
    said = [Inspector(one, runtime.load(one.graph)).inspect(path) for one in [*members, made]]
    assert all(one.prediction is not None for one in said)
    shares = [np.array(list(one.prediction.classes.values())) for one in said if one.prediction]
    product = np.sqrt(shares[0] * shares[1])
    assert shares[2] == pytest.approx(product / product.sum(), abs=1e-4)
    hot = [one.manifest.classes.temperature for one in members if one.manifest.classes]
    odds = np.mean([one.score / t for one, t in zip(said[:2], hot, strict=True) if one.score])
    assert said[2].score == pytest.approx(odds, abs=1e-3)
    assert softmax(np.array([manifest.golden[0].class_scores])).sum() == pytest.approx(1)


def test_two_classes_are_tempered_together(labelled: Dataset, runtime: Runtime) -> None:
    """The mean of members that are each as sure as they are right is not: of two classes, what
    they made of images before these were learned says how sure it may be."""
    one_kind = [
        replace(s, label=s.label if s.is_good else "bad") for s in labelled.samples if s.label
    ]
    two = replace(labelled, samples=tuple(one_kind))
    members = [probe(two, runtime, 1, l2=0.01), probe(two, runtime, 2, l2=1.0)]
    manifest = join(members, runtime).model.manifest
    assert manifest.classes is not None
    assert manifest.unseen is not None
    scores = np.array(manifest.unseen.scores, float)
    labels = np.zeros(len(scores), np.int64)
    labels[list(manifest.unseen.defective)] = 1
    odds = np.stack([0 * scores, scores], axis=1)
    hot = manifest.classes.temperature
    assert hot != 1
    assert manifest.classes.validated == len(scores)
    losses = [log_loss(odds / t, labels) for t in (hot, 4 * hot)]
    assert losses[0] < losses[1]


def test_few_parts_are_enough_where_scores_are_probable(
    labelled: Dataset, runtime: Runtime
) -> None:
    """Log-odds need no scale from good parts, so as few calibrate an ensemble as a member; how few
    is said."""
    members = [
        probe(labelled, runtime, i, CalibrationPlan.SPLIT, l2=l2) for i, l2 in ((1, 0.01), (2, 1.0))
    ]
    calibration = join(members, runtime).model.manifest.calibration
    assert len(calibration.good_scores) == len(members[0].manifest.calibration.good_scores) == 4
    assert calibration.promises[0].n == 4


def test_members_that_know_kinds_alone(labelled: Dataset, runtime: Runtime) -> None:
    """Without a good class the mean doubt is calibrated; a model that knows good parts is no
    member, and good images do not calibrate it."""
    kinds = replace(labelled, samples=tuple(s for s in labelled.samples if not s.is_good))
    members = [probe(kinds, runtime, 1, l2=0.01), probe(kinds, runtime, 2, l2=1.0)]
    made = join(members, runtime).model
    assert made.manifest.calibration.subject is Subject.KIND
    assert made.manifest.calibration.ng_threshold >= 1
    with pytest.raises(BadSetting, match="goes with others of the same kinds only"):
        join([members[0], probe(labelled, runtime, 2)], runtime)
    fresh = tuple(s for s in labelled.samples if s.is_good)
    with pytest.raises(BadSetting, match="cannot be calibrated on good images"):
        join(members, runtime, fresh=fresh)


def test_a_training_keeps_what_an_ensemble_needs(labelled: Dataset, runtime: Runtime) -> None:
    """Cross-fitted, every image has an unseen score, defects are marked, and the calibration's
    scores are the highest of each part; held out, the rest have none."""
    crossed = probe(labelled, runtime, 1).manifest
    split = probe(labelled, runtime, 2, CalibrationPlan.SPLIT).manifest
    assert crossed.unseen is not None
    assert split.unseen is not None
    assert None not in crossed.unseen.scores
    assert len(crossed.unseen.defective) == 14
    held = sum(score is not None for score in split.unseen.scores)
    assert held == split.data.held_out < split.data.images
    good = set(range(crossed.data.images)) - set(crossed.unseen.defective)
    highest: dict[int, float] = {}
    for i in good:
        part, score = crossed.unseen.parts[i], crossed.unseen.scores[i]
        assert score is not None
        highest[part] = max(score, highest.get(part, score))
    assert sorted(highest.values()) == list(crossed.calibration.good_scores)
