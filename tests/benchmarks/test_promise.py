from pathlib import Path

import numpy as np
import pytest
from benchmarks.kept import Kept
from benchmarks.parts import GoodParts
from benchmarks.promise import Bench, Population
from benchmarks.promise_report import beyond, most_allowed, report

from okng.bootstrap.building import build_detector, build_runtime
from okng.domain.dataset import Sample, Split
from okng.domain.ports import silent
from okng.settings import Settings
from okng.testing.images import ArrayImages, good_parts, save


def test_shared_front_gives_the_graph_and_the_scores_of_a_plain_runtime(tmp_path: Path) -> None:
    """A training through the cut graph is the training, to the byte, and so are its scores."""
    pictures = good_parts(6, 64)
    bench = Bench(32)
    samples = [Sample(path, "good", Split.TRAIN) for path in save(tmp_path / "good", pictures)]
    model = bench.train(samples, tmp_path)
    bench.check(model, samples)

    settings = Settings(runtime="onnxruntime")
    plain = build_runtime("onnxruntime", settings, "CPU", "f32")
    detector = build_detector("memory", dict(model.manifest.config), plain, settings).detector
    seen = np.stack([bench.prepare(picture) for picture in pictures])
    assert detector.train(ArrayImages(seen), None, silent).graph == model.graph
    whole = [plain.load(model.graph).run({"image": one[None]})["score"][0] for one in seen]
    cut = bench.scores(model, np.stack(list(bench.features(samples))))
    assert cut == pytest.approx(np.array(whole, np.float64), rel=1e-4)


def test_a_front_of_another_size_is_refused() -> None:
    """Features of one size are never taken for those of another."""
    bench, other = Bench(32), Bench(48)
    with pytest.raises(ValueError, match="another front"):
        other.built.detector.train(ArrayImages(good_parts(2, 32)), None, silent)
    assert bench.shape[1:] == (2, 2)


def test_most_allowed_is_what_experiments_show() -> None:
    """Of simulated experiments in which the promise holds, 95 in 100 exceed no more often."""
    trainings, n, fresh, rate = 50, 29, 400, 1 - 0.05 ** (1 / 29)
    rng = np.random.default_rng(1)
    counts = []
    for _ in range(600):
        judged = np.sort(rng.random(fresh))
        thresholds = rng.random((trainings, n)).max(axis=1)
        above = fresh - np.searchsorted(judged, thresholds, side="right")
        counts.append(int((above / fresh > rate).sum()))
    most = most_allowed(trainings, n, fresh, rate)
    assert np.mean(np.array(counts) <= most) >= 0.93
    assert np.mean(np.array(counts) <= most - 2) <= 0.95


def test_report_counts_trainings_beyond_their_promise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept survives the process, and the table and the picture are made of it."""
    monkeypatch.setenv("OKNG_PICTURES", str(tmp_path / "pictures"))
    file = tmp_path / "kept.jsonl"
    base = {"n": 299, "exact": True, "promised": 0.01, "fresh": 1000, "ng": 0}
    for i, not_ok in enumerate((0, 10, 11, 40)):
        Kept(file).add(f"600/{i}", base | {"not_ok": not_ok})
    with file.open("a") as lines:
        lines.write('{"key": "600/9", "n":')
    kept = Kept(file)
    assert beyond(kept.under("600/")) == 2
    report(kept, Kept(tmp_path / "none.jsonl"), 32)
    assert "| 2 (50.0%) |" in capsys.readouterr().out
    assert "theory" in (tmp_path / "pictures" / "promise.svg").read_text("utf-8")


def test_trainings_share_no_part_until_the_blocks_are_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block for each training, then second halves of blocks, then draws, always the same."""
    monkeypatch.setattr("benchmarks.promise.PARTS", 4)
    population = Population(GoodParts(tmp_path, 16), blocks=2)
    own = [population.take(number, 4) for number in (0, 1)]
    halves = [population.take(number, 2) for number in (2, 3)]
    assert not any(drawn for _, drawn in (*own, *halves))
    assert [bytes(pictures) for pictures, _ in halves] == [bytes(p[2:]) for p, _ in own]
    everyone = np.concatenate([pictures for pictures, _ in own])
    assert len(np.unique(everyone.reshape(8, -1), axis=0)) == 8
    pictures, drawn = population.take(2, 4)
    assert drawn
    assert (pictures == population.take(2, 4)[0]).all()
    assert len(np.unique(pictures.reshape(4, -1), axis=0)) == 4
