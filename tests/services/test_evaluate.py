import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from okng.algorithms.binomial import clopper_pearson
from okng.domain.arrays import Mask
from okng.domain.dataset import Sample, Split
from okng.domain.errors import BadDataset, BadImage
from okng.domain.evaluation import Evaluation, Shelf
from okng.domain.inspection import Inspection, Timing
from okng.domain.verdict import Policy, Prediction, Verdict, decide
from okng.domain.view import Box, View
from okng.services.evaluate import evaluate
from okng.testing.models import tiny_model

ROOT = Path("/data/part")
MANIFEST = tiny_model().manifest
CALIBRATION = MANIFEST.calibration  # review above 0.5, NG above 0.625


def _sample(name: str, label: str | None, *masks: str, group: str | None = None) -> Sample:
    return Sample(ROOT / name, label, Split.TEST, tuple(ROOT / m for m in masks), group)


def _inspection(sample: Sample, score: float | None, anomaly_map: np.ndarray) -> Inspection:
    base = {
        "image": str(sample.path),
        "product": "tiny",
        "model": "tiny-1",
        "graph_sha256": CALIBRATION.graph_sha256,
        "calibration": 1,
        "review_threshold": 0.5,
        "ng_threshold": 0.625,
        "time": "2024-05-01T12:00:00+00:00",
    }
    if score is None:
        return Inspection(verdict=Verdict.ERROR, error="truncated: copy it again", **base)
    prediction = Prediction(score, anomaly_map, ())
    return Inspection(
        verdict=decide(prediction, CALIBRATION, Policy()),
        score=score,
        p_value=CALIBRATION.p_value(score),
        image_width=64,
        image_height=32,
        timing=Timing(1.0, 1.0, 2.0, 1.0),
        prediction=prediction,
        **base,
    )


SCORES: dict[str, float | None] = {
    "a.png": 0.1,
    "b.png": 0.2,
    "c.png": 0.55,
    "d.png": 0.7,
    "broken.png": None,
    "s1.png": 0.3,
    "s2.png": 0.9,
    "h1.png": 0.6,
    "h2.png": 0.8,
}
SAMPLES = [
    *(_sample(name, "good") for name in ("a.png", "b.png", "c.png", "d.png", "broken.png")),
    *(_sample(name, "scratch") for name in ("s1.png", "s2.png")),
    *(_sample(name, "hole", f"mask_{name}") for name in ("h1.png", "h2.png")),
    _sample("unknown.png", None),
]


def _left_half(path: Path) -> Mask:
    mask = np.zeros((32, 64), np.bool_)
    mask[:, :32] = "empty" not in path.name
    return mask


def _run(
    samples: list[Sample], load_mask: object = _left_half, roi: Box | None = None
) -> Evaluation:
    hot_left = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)

    def inspect(sample: Sample) -> Inspection:
        heat = np.zeros((2, 2), np.float32) if sample.is_good else hot_left
        return _inspection(sample, SCORES.get(sample.path.name, 0.8), heat)

    manifest = MANIFEST
    if roi is not None:
        manifest = replace(MANIFEST, view=View(8, 8, roi))
    return evaluate(
        inspect,
        samples,
        manifest,
        CALIBRATION,
        load_mask,
        dataset="part",
        root=ROOT,
        runtime="fake",
    )


def _run_knowing(names: list[str], samples: list[Sample] = SAMPLES) -> Evaluation:
    """Evaluate a model that was made from the images of these names; a name is its digest."""
    data = replace(MANIFEST.data, digests=tuple(sorted(names)))
    return evaluate(
        lambda sample: _inspection(sample, SCORES.get(sample.path.name, 0.8), np.zeros((2, 2))),
        samples,
        replace(MANIFEST, data=data),
        CALIBRATION,
        _left_half,
        root=ROOT,
        digest=lambda path: None if path.name == "broken.png" else path.name,
    )


def test_images_the_model_was_made_from_are_left_out() -> None:
    """They count nowhere, are named, and the first note says how many; others stay."""
    found = _run_knowing(["a.png", "c.png"])
    assert found.left_out == ("a.png", "c.png")
    assert found.record()["left_out"] == ["a.png", "c.png"]
    assert {result.image for result in found.images}.isdisjoint(found.left_out)
    assert len(found.images) == 7
    assert found.notes[0].startswith("2 of 9 test images were left out")
    assert "a.png, c.png." in found.notes[0]
    assert "No good image" not in found.notes[0]
    assert any(note.startswith("1 unlabelled") for note in found.notes)


def test_where_no_good_image_remains_it_still_evaluates() -> None:
    """Defects alone are evaluated, and the note says what is missing."""
    found = _run_knowing(["a.png", "b.png", "c.png", "d.png", "s1.png"], SAMPLES[:4] + SAMPLES[5:])
    assert (found.image_auroc, found.overkill.value) == (None, None)
    assert found.escapes.total == 3
    assert "No good image remains" in found.notes[0]
    assert "1 of them is labelled defective here, but was trained on as good" in found.notes[0]
    assert "a.png, b.png, c.png, ..." in found.notes[0]


def test_nothing_but_known_images_is_refused() -> None:
    """Where the model was made from all of them there is nothing to say."""
    with pytest.raises(BadDataset, match="made from all of these 2 test images"):
        _run_knowing(["a.png", "b.png"], SAMPLES[:2])


def test_a_model_that_keeps_no_digests_is_told() -> None:
    """Where nothing can be checked the notes say so."""
    assert any("does not say which images" in note for note in _run_knowing([]).notes)
    assert not any("does not say" in note for note in _run(SAMPLES).notes)


def test_counts_by_truth_and_verdict() -> None:
    """Every labelled image is counted once, under its truth and its verdict."""
    confusion = _run(SAMPLES).confusion
    assert {v.value: n for v, n in confusion["good"].items()} == {
        "OK": 2,
        "REVIEW": 1,
        "NG": 1,
        "ERROR": 1,
    }
    assert {v.value: n for v, n in confusion["defective"].items()} == {
        "OK": 1,
        "REVIEW": 1,
        "NG": 2,
        "ERROR": 0,
    }


def test_rates_are_over_images_with_a_verdict() -> None:
    """Overkill, review and escapes leave failed images out and carry their exact intervals."""
    found = _run(SAMPLES)
    assert (found.overkill.count, found.overkill.total) == (1, 4)
    assert (found.good_reviewed.count, found.good_reviewed.total) == (1, 4)
    assert (found.escapes.count, found.escapes.total) == (1, 4)
    assert (found.escapes.low, found.escapes.high) == clopper_pearson(1, 4)


def test_image_figures() -> None:
    """AUROC counts the pairs in order: 12 of 16 here, and the failed image takes no part."""
    found = _run(SAMPLES)
    ordered = sum(bad > good for bad in (0.3, 0.9, 0.6, 0.8) for good in (0.1, 0.2, 0.55, 0.7))
    assert found.image_auroc == pytest.approx(ordered / 16)
    assert found.roc[0] == (0.0, 0.0)
    assert found.roc[-1] == (1.0, 1.0)


def test_kinds_are_counted_apart() -> None:
    """Each kind has its own recall, as stopped and as NG, and its own AUROC."""
    hole, scratch = _run(SAMPLES).kinds
    assert (hole.kind, scratch.kind) == ("hole", "scratch")
    assert (hole.stopped.count, hole.called_ng.count, hole.stopped.total) == (2, 1, 2)
    assert (scratch.stopped.count, scratch.called_ng.count) == (1, 1)
    assert hole.auroc == pytest.approx(7 / 8)


def test_one_failure_is_reported_and_ends_nothing() -> None:
    """The broken image is named with its reason; all others are there."""
    found = _run(SAMPLES)
    assert [(e.image, e.error) for e in found.errors] == [
        ("broken.png", "truncated: copy it again")
    ]
    assert len(found.images) == 9
    assert any("1 unlabelled" in note for note in found.notes)


def test_a_score_that_is_no_number_is_an_error() -> None:
    """A model that answers NaN does not get into the figures."""
    sample = _sample("a.png", "good")
    answer = _inspection(sample, float("nan"), np.zeros((2, 2), np.float32))
    found = evaluate(lambda _: answer, [sample], MANIFEST, CALIBRATION, _left_half)
    assert found.images[0].verdict is Verdict.ERROR
    json.dumps(found.record(), allow_nan=False)


def test_pixels_are_judged_on_the_masks() -> None:
    """Maps that are hot exactly where the masks are get the full figures, good images included."""
    pixels = _run(SAMPLES).pixels
    assert pixels is not None
    assert pixels.auroc == pytest.approx(1.0, abs=0.01)
    assert pixels.aupro == pytest.approx(1.0, abs=0.01)
    assert (pixels.images, pixels.components) == (6, 2)
    assert pixels.without_mask == 2


def test_mask_is_cut_to_the_region_of_interest() -> None:
    """A mask that is empty inside the region of interest counts as empty."""
    pixels = _run(SAMPLES, roi=Box(40, 0, 24, 32)).pixels
    assert pixels is not None
    assert (pixels.empty_mask, pixels.components, pixels.auroc) == (2, 0, None)


def test_empty_masks_are_left_out_and_counted() -> None:
    """A defective image with an empty mask tells nothing of pixels."""
    samples = [*SAMPLES, _sample("h3.png", "hole", "empty.png")]
    pixels = _run(samples).pixels
    assert pixels is not None
    assert (pixels.empty_mask, pixels.images) == (1, 6)


def test_defects_of_a_few_pixels_count() -> None:
    """In a large image a defect between the pixels of the grid is judged where it lies."""
    manifest = replace(MANIFEST, map_height=300, map_width=300)
    samples = [_sample("a.png", "good"), _sample("h1.png", "hole", "m1.png")]

    def mask(path: object) -> np.ndarray:
        marked = np.zeros((4000, 4000), np.bool_)
        marked[2001:2004, 1001:1004] = True
        return marked

    def inspect(sample: Sample) -> Inspection:
        hot = np.zeros((300, 300), np.float32)
        if sample.label == "hole":
            hot[149:152, 74:77] = 1
        found = _inspection(sample, 0.9, hot)
        return replace(found, image_width=4000, image_height=4000)

    pixels = evaluate(inspect, samples, manifest, CALIBRATION, mask).pixels
    assert pixels is not None
    assert (pixels.empty_mask, pixels.components, pixels.longest_side_px) == (0, 1, 300)
    assert pixels.auroc == pytest.approx(1, abs=1e-3)


def test_no_masks_no_pixel_figures() -> None:
    """Without any mask there are no pixel figures at all."""
    assert _run([s for s in SAMPLES if not s.masks]).pixels is None


def test_an_unreadable_mask_is_noted() -> None:
    """A mask that cannot be read leaves its image out of the pixels, and says so."""

    def refuse(path: Path) -> Mask:
        raise BadImage("not an image: replace it")

    found = _run(SAMPLES, refuse)
    assert found.pixels is not None
    assert found.pixels.without_mask == 4
    assert sum("not an image: replace it" in note for note in found.notes) == 2


def test_the_worst_are_shown_first() -> None:
    """Misses start with the lowest defect, false calls with the highest good part."""
    exhibits = _run(SAMPLES).exhibits
    names = {shelf: [e.result.image for e in exhibits if e.shelf is shelf] for shelf in Shelf}
    assert names[Shelf.MISS] == ["s1.png", "h1.png", "h2.png", "s2.png"]
    assert names[Shelf.FALSE_CALL] == ["d.png", "c.png", "b.png", "a.png"]


def test_images_of_one_part_are_said_to_be_so() -> None:
    """Several images of one part are counted as one part, with a warning on the intervals."""
    samples = [_sample(f"{i}.png", "good", group=f"part{i // 2}") for i in range(4)]
    found = _run(samples)
    assert found.parts == 2
    assert any("2 parts" in note for note in found.notes)


@pytest.mark.parametrize("label", ["good", "scratch"])
def test_one_class_alone(label: str) -> None:
    """With one class alone the figures that need both are None, not invented."""
    found = _run([s for s in SAMPLES if s.label == label])
    assert found.image_auroc is None
    assert found.average_precision is None
    assert found.f1_max is None
    assert found.roc == ()
    json.dumps(found.record(), allow_nan=False)


def test_nothing_to_evaluate() -> None:
    """No labelled sample gives an empty result, not a crash."""
    found = _run([_sample("unknown.png", None)])
    assert found.images == ()
    assert found.total_latency is None
    assert found.escapes.value is None


def test_latency_percentiles() -> None:
    """Latency covers the images that got a verdict."""
    found = _run(SAMPLES)
    assert found.total_latency is not None
    assert found.total_latency.p50_ms == pytest.approx(5.0)
    assert found.graph_latency is not None
    assert found.graph_latency.p99_ms == pytest.approx(2.0)


def test_progress_counts_every_image() -> None:
    """Progress is told after each labelled image."""
    told: list[tuple[int, int]] = []
    evaluate(
        lambda s: _inspection(s, 0.1, np.zeros((2, 2), np.float32)),
        SAMPLES,
        MANIFEST,
        CALIBRATION,
        _left_half,
        lambda stage, done, total: told.append((done, total)),
    )
    assert told == [(i, 9) for i in range(1, 10)]
