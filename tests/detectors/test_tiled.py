from collections.abc import Callable, Sequence

import numpy as np
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.adapters.runtimes.openvino import OpenVino
from okng.algorithms.tiles import lay_tiles
from okng.algorithms.view import Preparer
from okng.detectors.fusion import Fusion, FusionConfig, GaussianMember, MemoryMember
from okng.detectors.gaussian import Gaussian
from okng.detectors.memory import Memory
from okng.detectors.tiled import Tiled, TiledConfig
from okng.domain.arrays import Floats, Mask
from okng.domain.errors import BadSetting
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, ignore_map, silent
from okng.domain.view import Box, View
from okng.graphs.camera import camera_graph
from okng.graphs.resize import Size
from okng.testing.detectors import (
    DETECTOR_CHECKS,
    DetectorTrial,
    MeanPart,
    MeanPartConfig,
    finds_the_defect,
    hands_over_cross_fitted_maps,
    has_the_signature,
)
from okng.testing.images import ArrayImages, good_part, good_parts, with_defect
from okng.testing.plugins import check_config

RUNTIME = OnnxRuntime(OnnxRuntime.Config())


def tiled_memory(on: Runtime, tile: int = 64, stride: int = 32, batch: int = 1) -> Tiled:
    config = TiledConfig(tile_px=tile, stride_px=stride, batch=batch)
    return Tiled(config, Memory(Memory.Config(bank_size=400, turns=1), on), on, 16)


def textures(count: int, height: int, width: int, start: int = 0) -> ArrayImages:
    """Return rough grey surfaces, alike everywhere: good images without a place of their own."""
    rng = [np.random.default_rng([7, start + i]) for i in range(count)]
    noise = [r.normal(128, 12, (height, width, 1)).repeat(3, axis=2) for r in rng]
    return ArrayImages([np.clip(n, 0, 255).astype(np.uint8) for n in noise])


@pytest.fixture(scope="module")
def trial() -> DetectorTrial:
    """Return a trial of `memory` behind nine tiles of 64 px, two a batch, over 120 px."""
    return DetectorTrial(lambda on: tiled_memory(on, batch=2), RUNTIME, size=120)


@pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=lambda check: check.__name__)
def test_a_detector_behind_tiles_conforms(
    trial: DetectorTrial, check: Callable[[DetectorTrial], None]
) -> None:
    """Behind tiles a detector does all that the conformance suite asks."""
    check(trial)


@pytest.mark.parametrize("name", ["gaussian", "fusion"])
def test_other_detectors_look_through_tiles(name: str) -> None:
    """Whatever the detector, the image has a map and a score, and each was cross-fitted."""
    config = TiledConfig(tile_px=64, stride_px=32)
    members = (MemoryMember(bank_size=100, turns=1), GaussianMember(channels=20))

    def make(on: Runtime) -> Tiled:
        if name == "fusion":
            return Tiled(config, Fusion(FusionConfig(members=members), on), on, 16)
        return Tiled(config, Gaussian(Gaussian.Config(), on), on, 16)

    trial = DetectorTrial(make, RUNTIME, size=96)
    for check in (has_the_signature, finds_the_defect, hands_over_cross_fitted_maps):
        check(trial)


def test_settings_are_described() -> None:
    """Each setting of the tiles has a default, a title and a description."""
    check_config(Tiled)


def test_one_tile_is_the_detector_itself() -> None:
    """A grid of one tile gives the inner detector's map, number for number."""
    images = ArrayImages(good_parts(6, 96))
    inner = Memory(Memory.Config(bank_size=100, turns=1), RUNTIME).train(images, None, silent)
    detector = Tiled(
        TiledConfig(tile_px=96, stride_px=96, score_share=Memory.Config().score_share),
        Memory(Memory.Config(bank_size=100, turns=1), RUNTIME),
        RUNTIME,
        16,
    )
    trained = detector.train(images, None, silent)
    picture = {"image": with_defect(good_part(20, 96))[None]}
    whole, tiled = (RUNTIME.load(graph).run(picture) for graph in (inner.graph, trained.graph))
    assert tiled["anomaly_map"] == pytest.approx(whole["anomaly_map"], rel=1e-5)
    assert tiled["score"] == pytest.approx(whole["score"], rel=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_graph_is_its_tiles_maps_blended(batch: int) -> None:
    """The map is what cutting, the inner graph and blending give outside, also off the grid."""
    size = (130, 170)
    images = textures(4, *size)
    inner = Memory(Memory.Config(bank_size=100, turns=1), RUNTIME)
    kept: list[Trained] = []

    class Spy:
        def train(
            self,
            images: Images,
            folds: Sequence[int] | None,
            progress: Progress,
            take_map: TakeMap = ignore_map,
        ) -> Trained:
            kept.append(inner.train(images, folds, progress, take_map))
            return kept[-1]

    config = TiledConfig(tile_px=64, stride_px=48, batch=batch)
    trained = Tiled(config, Spy(), RUNTIME, 16).train(images, None, silent)
    picture = textures(1, *size, start=9)[0]
    outputs = RUNTIME.load(trained.graph).run({"image": picture[None]})
    grid = lay_tiles(images.inspected, 64, 48, 16)
    session = RUNTIME.load(kept[0].graph)
    total = np.zeros((9, 11))
    for number in range(len(grid.kept)):
        row, column = divmod(grid.kept[number], len(grid.across.starts))
        tile = session.run({"image": grid.cut(picture, number)[None]})["anomaly_map"][0]
        down = grid.down.blending()[:, row * 4 : row * 4 + 4]
        across = grid.across.blending()[:, column * 4 : column * 4 + 4]
        total += down @ tile @ across.T
    assert outputs["anomaly_map"][0] == pytest.approx(total, rel=1e-4)
    windows = [
        np.sort(total[np.ix_(rows, columns)].ravel())[-1:].mean()
        for rows in grid.down.windows()
        for columns in grid.across.windows()
    ]
    assert outputs["score"][0] == pytest.approx(max(windows), rel=1e-4)


def test_runtimes_agree() -> None:
    """OpenVINO and ONNX Runtime give one map and one score, to a thousandth."""
    trained = tiled_memory(RUNTIME, batch=3).train(textures(4, 130, 170), None, silent)
    picture = {"image": textures(2, 130, 170, start=5)[1][None]}
    one, other = (
        runtime.load(trained.graph).run(picture)
        for runtime in (RUNTIME, OpenVino(OpenVino.Config()))
    )
    for name in ("score", "anomaly_map"):
        assert one[name] == pytest.approx(other[name], rel=1e-3)


def test_the_cameras_own_size_goes_before_the_tiles() -> None:
    """Crop and resize are put before the loop as before any graph, on either runtime."""
    trained = tiled_memory(RUNTIME).train(textures(3, 96, 128), None, silent)
    view = View(128, 96, Box(10, 6, 256, 192))
    exported = camera_graph(trained.graph, view, None, Size(220, 300))
    taken = np.random.default_rng(0).integers(0, 256, (220, 300, 3)).astype(np.uint8)
    prepared = {"image": Preparer(view)(taken)[None]}
    expected = RUNTIME.load(trained.graph).run(prepared)
    for runtime in (RUNTIME, OpenVino(OpenVino.Config())):
        found = runtime.load(exported).run({"image": taken[None]})
        for name in ("score", "anomaly_map"):
            assert found[name] == pytest.approx(expected[name], rel=1e-3)


def test_seams_cannot_be_seen() -> None:
    """On good surfaces the map steps no more where a tile begins than elsewhere."""
    trained = tiled_memory(RUNTIME, 96, 64).train(textures(6, 288, 288), None, silent)
    session = RUNTIME.load(trained.graph)
    starts = lay_tiles(np.ones((288, 288), bool), 96, 64, 16).down.starts
    maps = [
        session.run({"image": textures(1, 288, 288, start=50 + i)[0][None]})["anomaly_map"][0]
        for i in range(12)
    ]
    steps = np.abs(np.diff(np.array(maps), axis=1)).mean(axis=(0, 2))
    seams = np.array(starts[1:]) - 1
    elsewhere = np.delete(steps, [0, *seams, len(steps) - 1])  # the image's own border is apart
    # Tiles that are cut hard step 1.4 times as far.
    assert steps[seams].mean() <= 1.15 * elsewhere.mean()


def test_the_image_counts_not_its_tiles() -> None:
    """Cross-fitting gives a score for each image: that of a graph that saw none of its tiles."""
    images, folds = textures(6, 128, 128), [0, 1, 2, 0, 1, 2]
    maps: dict[int, Floats] = {}
    trained = tiled_memory(RUNTIME).train(images, folds, silent, maps.__setitem__)
    assert trained.cross_fitted is not None
    assert trained.cross_fitted.shape == (6,)
    rest = ArrayImages([images[i] for i in range(6) if folds[i] != 1])
    apart = RUNTIME.load(tiled_memory(RUNTIME).train(rest, None, silent).graph)
    for i in (1, 4):
        outputs = apart.run({"image": images[i][None]})
        assert trained.cross_fitted[i] == pytest.approx(float(outputs["score"][0]), rel=1e-4)
        assert maps[i] == pytest.approx(outputs["anomaly_map"][0], rel=1e-4)


def test_a_small_defect_weighs_the_same_in_a_larger_image() -> None:
    """A spot of a few pixels raises the score by as much, however much good surface is around."""
    gains = []
    for size in (96, 192):
        graph = tiled_memory(RUNTIME).train(textures(4, size, size), None, silent).graph
        session = RUNTIME.load(graph)
        good = textures(1, size, size, start=30)[0]
        bad = good.copy()
        bad[50:58, 50:58] = 20
        scores = [float(session.run({"image": x[None]})["score"][0]) for x in (good, bad)]
        gains.append(scores[1] - scores[0])
    assert min(gains) > 0
    assert gains[1] > 0.5 * gains[0]


def test_masked_tiles_are_not_computed() -> None:
    """Tiles that show nothing inspected are left out of training and graph, and their map is 0."""
    inspected: Mask = np.zeros((256, 256), bool)
    inspected[:60, :60] = True
    images = ArrayImages([textures(1, 256, 256, start=i)[0] for i in range(3)], inspected)
    trained = tiled_memory(RUNTIME, 64, 64).train(images, None, silent)
    assert trained.facts["tiles"] == "4 x 4"
    assert trained.facts["tiles_inspected"] == 1
    shown = textures(1, 256, 256, start=9)[0]
    anomaly_map = RUNTIME.load(trained.graph).run({"image": shown[None]})["anomaly_map"][0]
    assert (anomaly_map[:4, :4] > 0).all()
    assert not anomaly_map[4:].any()
    assert not anomaly_map[:, 4:].any()


def test_tiles_are_fitted_to_the_detector() -> None:
    """Tile and stride become the nearest that the detector takes; the default is three quarters."""
    assert TiledConfig(tile_px=512).fitted(16, 16).stride_px == 384
    fitted = TiledConfig(tile_px=512, stride_px=450).fitted(14, 14)
    assert (fitted.tile_px, fitted.stride_px) == (518, 448)
    with pytest.raises(BadSetting, match="leave gaps"):
        TiledConfig(tile_px=64, stride_px=128).fitted(16, 16)


def test_a_detector_with_other_cells_is_refused() -> None:
    """Where the map's cells are not those that were said the tiles cannot be joined."""
    inner = MeanPart(MeanPartConfig(cell_px=8), RUNTIME)
    detector = Tiled(TiledConfig(tile_px=64, stride_px=32), inner, RUNTIME, 16)
    with pytest.raises(BadSetting, match="8 x 8 cells, not 4 x 4 of 16 px"):
        detector.train(textures(3, 128, 128), None, silent)


def test_a_detector_that_hands_over_no_maps_cannot_be_cross_fitted() -> None:
    """Without cross-fitted maps there are no scores, so that the training can say so."""

    class Silent(MeanPart):
        def train(
            self,
            images: Images,
            folds: Sequence[int] | None,
            progress: Progress,
            take_map: TakeMap = ignore_map,
        ) -> Trained:
            return super().train(images, folds, progress)

    inner = Silent(MeanPartConfig(cell_px=16), RUNTIME)
    detector = Tiled(TiledConfig(tile_px=64, stride_px=32), inner, RUNTIME, 16)
    trained = detector.train(textures(3, 128, 128), [0, 1, 2], silent)
    assert trained.cross_fitted is None
