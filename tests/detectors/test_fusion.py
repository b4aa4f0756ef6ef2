import numpy as np
import onnx
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.adapters.runtimes.openvino import OpenVino
from okng.detectors.fusion import Fusion, FusionConfig, GaussianMember, MemoryMember
from okng.detectors.gaussian import Gaussian
from okng.detectors.memory import Memory
from okng.domain.errors import BadSetting
from okng.domain.ports import silent
from okng.testing.detectors import check_detector
from okng.testing.images import ArrayImages, good_part, good_parts, with_defect

RUNTIME = OnnxRuntime(OnnxRuntime.Config())
SIZE = 96
FOLDS = [0, 1, 2, 0, 1, 2]
PLAIN = MemoryMember(turns=1, altered=0)
MEMORY = PLAIN.model_copy(update={"bank_size": 60})
CONFIG = FusionConfig(members=(MEMORY, GaussianMember()))


def run(graph: bytes, pixels: np.ndarray) -> dict[str, np.ndarray]:
    return dict(RUNTIME.load(graph).run({"image": pixels[None]}))


def test_the_map_is_the_mean_of_the_members_normalised_maps() -> None:
    """Each member is what it is alone, normalised by its cross-fitted maps of good parts."""
    images = ArrayImages(good_parts(6, SIZE))
    fused = Fusion(CONFIG, RUNTIME).train(images, FOLDS, silent)
    new = with_defect(good_part(50, SIZE))
    expected = 0.0
    for detector in (Memory(MEMORY, RUNTIME), Gaussian(GaussianMember(), RUNTIME)):
        learned = detector.learn(images, FOLDS, silent)
        assert learned.fitted is not None
        alone = run(learned.trained().graph, new)["anomaly_map"][0]
        maps = learned.fitted.maps
        centre, high = np.quantile(maps, [0.5, 0.99])
        expected = expected + (alone - centre) / (high - centre) / 2
    found = run(fused.graph, new)
    assert found["anomaly_map"][0] == pytest.approx(expected, rel=1e-3, abs=1e-3)
    highest = np.sort(found["anomaly_map"][0].ravel())[-1:]
    assert found["score"][0] == pytest.approx(highest.mean(), rel=1e-5)


def test_no_image_has_a_share_in_its_own_cross_fitted_score() -> None:
    """The scores of a fold are those of a fusion of all the others, but for the whole's scale."""
    pictures = good_parts(6, SIZE)
    scores = Fusion(CONFIG, RUNTIME).train(ArrayImages(pictures), FOLDS, silent).cross_fitted
    assert scores is not None
    # Another picture in its place changes nothing for the others of its fold.
    pictures[0] = with_defect(pictures[0])
    again = Fusion(CONFIG, RUNTIME).train(ArrayImages(pictures), FOLDS, silent).cross_fitted
    assert again is not None
    assert again[3] == pytest.approx(scores[3], rel=1e-6)
    assert again[0] > scores[0] + 0.5


def test_grids_of_different_sizes_meet_on_the_finest() -> None:
    """A member with coarse cells is brought to the cells of the other."""
    members = (
        MemoryMember(turns=1, altered=0, cell_px=16),
        MemoryMember(turns=1, altered=0, cell_px=8),
    )
    trained = Fusion(FusionConfig(members=members), RUNTIME).train(
        ArrayImages(good_parts(6, SIZE)), FOLDS, silent
    )
    found = run(trained.graph, with_defect(good_part(50, SIZE)))
    assert found["anomaly_map"].shape == (1, SIZE // 8, SIZE // 8)
    y, x = np.unravel_index(found["anomaly_map"][0].argmax(), found["anomaly_map"].shape[1:])
    assert (y, x) == pytest.approx((3.5, 3), abs=1.5)


def test_equal_fronts_are_there_once() -> None:
    """Two detectors on the same features share the backbone's nodes and weights."""
    images = ArrayImages(good_parts(4, SIZE))
    alone = Memory(MEMORY, RUNTIME).train(images, None, silent).graph
    fused = Fusion(CONFIG, RUNTIME).train(images, None, silent).graph
    convolutions = [
        sum(node.op_type == "Conv" for node in onnx.load_model_from_string(graph).graph.node)
        for graph in (alone, fused)
    ]
    assert convolutions[1] <= convolutions[0] + 2  # the members' blurs


def test_without_folds_it_normalises_by_folds_of_its_own() -> None:
    """A training that holds parts out gets scales that are near those of a cross-fitted one."""
    images = ArrayImages(good_parts(9, SIZE))
    new = with_defect(good_part(50, SIZE))
    trained = [
        Fusion(CONFIG, RUNTIME).train(images, folds, silent) for folds in (None, [0, 1, 2] * 3)
    ]
    assert trained[0].cross_fitted is None
    one, other = (float(run(each.graph, new)["score"][0]) for each in trained)
    assert one == pytest.approx(other, rel=0.2)


def test_masked_cells_take_no_part() -> None:
    """What the mask hides is 0 in the map, and what it hides next to an edge does not bleed."""
    inspected = np.ones((SIZE, SIZE), bool)
    inspected[:, : SIZE // 2] = False
    images = ArrayImages(good_parts(6, SIZE), inspected)
    trained = Fusion(CONFIG, RUNTIME).train(images, FOLDS, silent)
    found = run(trained.graph, ArrayImages([good_part(9, SIZE)], inspected)[0])["anomaly_map"][0]
    assert (found[:, : SIZE // 32] == 0).all()
    assert found[:, SIZE // 32 :].any()


def test_it_conforms_with_a_mask_of_members() -> None:
    """Three members, two of them on other cells, pass the conformance suite."""
    members = (
        MEMORY,
        GaussianMember(),
        PLAIN.model_copy(update={"stages": ("stride4",), "cell_px": 8}),
    )
    check_detector(lambda on: Fusion(FusionConfig(members=members), on), RUNTIME, size=SIZE)


def test_runtimes_agree() -> None:
    """OpenVINO gives the scores that ONNX Runtime gives."""
    trained = Fusion(CONFIG, RUNTIME).train(ArrayImages(good_parts(6, SIZE)), None, silent)
    image = {"image": with_defect(good_part(7, SIZE))[None]}
    one, other = (
        runtime.load(trained.graph).run(image)["score"][0]
        for runtime in (RUNTIME, OpenVino(OpenVino.Config()))
    )
    assert one == pytest.approx(other, rel=1e-3)


def test_one_image_is_refused_with_a_way_out() -> None:
    """There is nothing to normalise by."""
    with pytest.raises(BadSetting, match="two good images"):
        Fusion(CONFIG, RUNTIME).train(ArrayImages(good_parts(1, SIZE)), None, silent)


def test_the_facts_tell_members_apart() -> None:
    """Every member's figures are kept under its number."""
    facts = Fusion(CONFIG, RUNTIME).train(ArrayImages(good_parts(4, SIZE)), None, silent).facts
    assert facts["bank_1"] == 60
    assert facts["channels_2"] == 100


@pytest.mark.parametrize("members", [(), (MemoryMember(),), (MemoryMember(),) * 5])
def test_two_to_four_members(members: tuple[MemoryMember, ...]) -> None:
    """Fewer are no fusion, more are refused."""
    with pytest.raises(ValueError, match="members"):
        FusionConfig(members=members)
