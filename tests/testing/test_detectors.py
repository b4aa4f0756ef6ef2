from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.domain.arrays import Floats
from okng.domain.errors import BadModel
from okng.domain.ports import Images, Progress, TakeMap, Trained, ignore_map
from okng.graphs.builder import GraphBuilder
from okng.testing.detectors import (
    DetectorTrial,
    MeanPart,
    MeanPartConfig,
    check_detector,
    cross_fits_every_image,
    cross_fits_without_the_fold,
    finds_the_defect,
    hands_over_cross_fitted_maps,
    has_the_signature,
    honours_the_mask,
    is_deterministic,
    map_is_in_units_of_score,
    scores_are_raw,
    tells_progress_and_facts,
)
from okng.testing.images import ArrayImages
from okng.testing.models import tiny_graph


class Leaky(MeanPart):
    """Scores each image with the graph that saw all of them."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        trained = super().train(images, None, progress)
        if folds is None:
            return trained
        session = self._runtime.load(trained.graph)
        scores = [session.run({"image": images[i][None]})["score"][0] for i in range(len(images))]
        return replace(trained, cross_fitted=np.array(scores, float))


class Restless(MeanPart):
    """Learns from a random half of the images, with a seed of its own each time."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        half = np.random.default_rng().permutation(len(images))[: len(images) // 2]
        some = ArrayImages([images[int(i)] for i in half], images.inspected)
        trained = super().train(some, None, progress)
        return replace(
            trained, cross_fitted=super().train(images, folds, progress, take_map).cross_fitted
        )


class Blind(MeanPart):
    """Looks behind the mask."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        everywhere = ArrayImages([images[i] for i in range(len(images))])
        return super().train(everywhere, folds, progress, take_map)


class Forgetful(MeanPart):
    """Has no score for the last image."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        trained = super().train(images, folds, progress, take_map)
        scores = trained.cross_fitted
        return trained if scores is None else replace(trained, cross_fitted=scores[:-1])


class Secretive(MeanPart):
    """Keeps the last image's map to itself."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        def take(index: int, anomaly_map: Floats) -> None:
            if index < len(images) - 1:
                take_map(index, anomaly_map)

        return super().train(images, folds, progress, take)


class Mute(MeanPart):
    """Tells no progress."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        return super().train(images, folds, lambda stage, done, total: None, take_map)


class Talkative(MeanPart):
    """States facts that are not plain."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        return replace(super().train(images, folds, progress, take_map), facts={"shape": (1, 2)})


class Rewritten(MeanPart):
    """Changes what the graph puts out; see `change`."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        import onnx

        trained = super().train(images, folds, progress, take_map)
        graph = GraphBuilder("rewritten")
        height, width = images.inspected.shape
        image = graph.input("image", "uint8", ("N", height, width, 3))
        inner = graph.splice(onnx.load_model_from_string(trained.graph), {"image": image})
        score, anomaly_map = self.change(graph, inner["score"], inner["anomaly_map"])
        cell = self._config.cell_px
        graph.output(score, "score", ("N",))
        graph.output(anomaly_map, "anomaly_map", ("N", height // cell, width // cell))
        return replace(trained, graph=graph.build().SerializeToString())

    def change(self, graph: GraphBuilder, score: str, anomaly_map: str) -> tuple[str, str]:
        raise NotImplementedError


class Clamped(Rewritten):
    def change(self, graph: GraphBuilder, score: str, anomaly_map: str) -> tuple[str, str]:
        return graph.node("Clip", score, "", graph.constant(np.float32(60))), anomaly_map


class OtherUnits(Rewritten):
    def change(self, graph: GraphBuilder, score: str, anomaly_map: str) -> tuple[str, str]:
        return graph.node("Mul", score, graph.constant(np.float32(2))), anomaly_map


class UpsideDown(Rewritten):
    def change(self, graph: GraphBuilder, score: str, anomaly_map: str) -> tuple[str, str]:
        turned = graph.node(
            "Slice",
            anomaly_map,
            graph.ints(-1),
            graph.ints(-(2**31)),
            graph.ints(1),
            graph.ints(-1),
        )
        return score, turned


def trial_of(detector: type[MeanPart], runtime: OnnxRuntime) -> DetectorTrial:
    return DetectorTrial(lambda on: detector(MeanPartConfig(), on), runtime, size=64)


def test_an_honest_detector_passes(runtime: OnnxRuntime) -> None:
    """The plainest detector that keeps every rule passes the whole suite."""
    check_detector(lambda on: MeanPart(MeanPartConfig(), on), runtime, size=64)


@pytest.mark.parametrize(
    ("detector", "check", "reason"),
    [
        (Leaky, cross_fits_without_the_fold, "may not depend on images of their own fold"),
        (Restless, is_deterministic, "two trainings must give the same graph"),
        (Blind, honours_the_mask, "must be 0 where the mask hides"),
        (Forgetful, cross_fits_every_image, "12 cross-fitted scores"),
        (Secretive, hands_over_cross_fitted_maps, "every image's cross-fitted map"),
        (Mute, tells_progress_and_facts, "progress must be told"),
        (Talkative, tells_progress_and_facts, "plain numbers and texts"),
        (Clamped, scores_are_raw, "clamped"),
        (OtherUnits, map_is_in_units_of_score, "between the map's minimum and maximum"),
        (UpsideDown, finds_the_defect, "the map peaks at"),
    ],
)
def test_a_detector_that_breaks_a_rule_fails(
    runtime: OnnxRuntime,
    detector: type[MeanPart],
    check: Callable[[DetectorTrial], None],
    reason: str,
) -> None:
    """Each check fails on a detector that breaks its rule, and says which."""
    with pytest.raises(AssertionError, match=reason):
        check(trial_of(detector, runtime))


class Foreign(MeanPart):
    """Makes a graph of its own taste."""

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        graph = tiny_graph(64, 64).replace(b"anomaly_map", b"anomaly_mop")
        return replace(super().train(images, folds, progress, take_map), graph=graph)


def test_a_graph_of_another_signature_is_refused(runtime: OnnxRuntime) -> None:
    """A graph with other outputs does not pass."""
    with pytest.raises(BadModel, match="anomaly_mop"):
        has_the_signature(trial_of(Foreign, runtime))
