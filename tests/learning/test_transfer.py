from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import onnx
import pytest
import torch
from pydantic import Field
from torch import nn

from okng import plugins
from okng.bootstrap.building import build_detector
from okng.domain.errors import BadSetting
from okng.domain.learning import Checkpoints, Interrupted
from okng.domain.ports import Progress, Runtime, Trained, Truth, silent
from okng.graphs.backbone import SHIPPED, Backbone, StageInfo
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import feature_graph
from okng.learning.from_onnx import Trunk, trunk_of
from okng.learning.optimizers import build_optimizer
from okng.learning.pictures import to_tensor
from okng.learning.settings import LearningConfig
from okng.learning.transfer import Halves, Transfer, TransferConfig
from okng.settings import Settings
from okng.testing.images import ArrayImages, good_parts, with_defect
from okng.testing.stores import MemoryCheckpoints

NAMES = ("good", "hole")
SHORT = TransferConfig(
    epochs=2, frozen_epochs=2, steps=2, batch=4, learning_rate=0.003, from_stage="stride16"
)


class TinyConfig(TransferConfig):
    """Settings of a network of somebody's own: it stands on no backbone."""

    backbone: Annotated[str, Field(title="Backbone", description="None.")] = ""


class TinyTransfer(Transfer):
    """A network of somebody's own: two levels of convolutions."""

    Config: ClassVar = TinyConfig

    def trunk(self) -> Trunk:
        torch.manual_seed(7)
        fine = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
        coarse = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.SiLU())
        return Trunk({"fine": fine, "coarse": coarse}, channels=8, stride=4, multiple=4)


@pytest.fixture(scope="module")
def labelled() -> tuple[ArrayImages, Truth]:
    """Return five good parts and five with a hole, 48 pixels wide."""
    parts = good_parts(10, 48)
    drawn = [*parts[:5], *map(with_defect, parts[5:])]
    return ArrayImages(drawn), Truth(NAMES, [0] * 5 + [1] * 5, range(10))


def train(
    labelled: tuple[ArrayImages, Truth],
    runtime: Runtime,
    config: TransferConfig = SHORT,
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
    kind: type[Transfer] = Transfer,
) -> Trained:
    detector = kind(config, runtime).resuming(checkpoints or MemoryCheckpoints())
    return detector.train_labelled(*labelled, None, progress)


def chain(*, activation: str = "Relu", skip: bool = False) -> Backbone:
    """Build a backbone of one convolution and an activation, or of a skip with two branches."""
    graph = GraphBuilder("made")
    x = graph.input("image", "float32", ("n", 3, "height", "width"))
    kernel = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    y = graph.node("Conv", x, graph.constant(kernel), kernel_shape=[3, 3], pads=[1] * 4)
    if skip:
        other = graph.node("Conv", x, graph.constant(kernel), kernel_shape=[3, 3], pads=[1] * 4)
        y = graph.node("Add", y, other)
    graph.output(graph.node(activation, y), "only", ("n", 4, "height", "width"))
    shipped = SHIPPED.load("efficientnet_lite0")
    stages = (StageInfo("only", 1, 4),)
    made = graph.build().SerializeToString()
    return replace(shipped, name="made", onnx=made, stages=stages, border_px=0, multiple=1)


def test_efficientnets_layers_compute_what_its_graph_does(runtime: Runtime) -> None:
    """The frozen network gives the same features as PyTorch layers as it does as a backbone."""
    backbone = SHIPPED.load("efficientnet_lite0")
    halves = Halves.of(trunk_of(backbone), SHORT, 2)
    pixels = good_parts(2, 70)
    seen = halves.seen(70, 70)
    with torch.no_grad():
        x = to_tensor(pixels, seen, torch.device("cpu"))
        found = halves.tuned(halves.frozen(x)).numpy()
    graph = feature_graph(backbone, ["stride16"], 16, 70, 70, 1).graph
    expected = runtime.load(graph.SerializeToString()).run({"image": pixels})["features"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_stages_before_the_chosen_one_do_not_change(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """From the chosen stage on weights move; those before it stay as they came."""
    trained = train(labelled, runtime)
    tensors = {
        one.name: one for one in onnx.load_model_from_string(trained.graph).graph.initializer
    }
    moved = {onnx.numpy_helper.to_array(one).tobytes() for one in tensors.values()}
    trunk = Transfer(SHORT, runtime).trunk()
    kept = {
        name: [p.detach().numpy().tobytes() in moved for p in stage.parameters() if p.ndim == 4]
        for name, stage in trunk.stages.items()
    }
    assert all(kept["stride4"])
    assert all(kept["stride8"])
    assert not any(kept["stride16"])


@pytest.mark.parametrize(("stage", "step"), [("head", 3), ("fine-tune", 3)])
def test_resumed_training_makes_the_same_model(
    stage: str, step: int, labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """Broken off in either stage and begun again, it ends at the same graph and curves."""

    def broken(name: str, done: int, total: int) -> None:
        if (name, done) == (stage, step):
            raise KeyboardInterrupt

    whole, checkpoints = train(labelled, runtime), MemoryCheckpoints()
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        train(labelled, runtime, SHORT, checkpoints, broken)
    resumed = train(labelled, runtime, SHORT, checkpoints)
    assert (resumed.graph, resumed.curves) == (whole.graph, whole.curves)
    assert not checkpoints.states


def test_augmentation_reaches_the_frozen_stage(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """With augmentation nothing of learned pictures is remembered, and the model differs."""
    config = SHORT.model_copy(update={"augment": "flip,brightness=0.5"})
    assert train(labelled, runtime, config).graph != train(labelled, runtime).graph


def test_without_frozen_epochs_all_learns_at_once(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """Then there are curves of the fine-tuning alone."""
    curves = train(labelled, runtime, SHORT.model_copy(update={"frozen_epochs": 0})).curves
    assert {curve.name.partition(": ")[0] for curve in curves} == {"fine-tuned"}


def test_fine_tuning_that_makes_it_worse_is_let_go(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """Where the head alone did better its model is taken, and a note says so."""
    wild = SHORT.model_copy(update={"learning_rate": 0.3, "fine_rate": 1.0, "epochs": 1})
    trained = train(labelled, runtime, wild)
    assert "fine-tuning made nothing better: the head is as it learned alone" in trained.notes
    head = {curve.name: curve.points for curve in trained.curves}["head: validation loss"]
    assert trained.facts["validation_loss"] == min(loss for _, loss in head)


def test_parts_of_a_network_learn_at_their_own_rates() -> None:
    """Each group of the optimizer has its share of the learning rate."""
    config = LearningConfig(learning_rate=0.5)
    groups = [(nn.Linear(1, 1), 1.0), (nn.Linear(2, 1), 0.25)]
    rates = [group["lr"] for group in build_optimizer(config, groups).param_groups]
    assert rates == [0.5, 0.125]


@pytest.mark.parametrize(
    ("stage", "stages"), [("fine", ["fine", "coarse"]), ("coarse", ["coarse"])]
)
def test_a_network_of_ones_own(
    stage: str, stages: Sequence[str], labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """A subclass brings its own PyTorch layers; they learn from the stage that is named, and its
    graph names classes."""
    config = SHORT.model_copy(update={"from_stage": stage})
    detector = TinyTransfer(config, runtime)
    halves = Halves.of(detector.trunk(), config, 2)
    titles = [f"stage {name}" for name in stages]
    assert [getattr(part, "title", "") for part in halves.tuned] == titles
    trained = train(labelled, runtime, config, kind=TinyTransfer)
    found = runtime.load(trained.graph).run({"image": labelled[0][0][None]})
    assert found["class_scores"].shape == (1, 2)
    assert found["anomaly_map"].shape == (1, 12, 12)


def test_a_network_of_ones_own_is_trained_by_its_name(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, tmp_path: Path
) -> None:
    """Offered as an entry point and allowed, it is built like any detector, without a backbone."""
    point = EntryPoint("tiny", f"{__name__}:TinyTransfer", "okng.detectors")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    monkeypatch.setattr(EntryPoint, "load", lambda _: TinyTransfer)
    settings = Settings(home=tmp_path, plugins=("tiny",))
    built = build_detector("tiny", {"epochs": 1}, runtime, settings)
    assert (built.backbones, built.is_slow) == ((), True)
    assert isinstance(built.detector, TinyTransfer)
    assert built.detector.layers(16, 16, 2)[-1].shape == (2, 4, 4)


def test_a_stage_that_is_not_there(runtime: Runtime) -> None:
    """It is refused with those that are."""
    detector = Transfer(SHORT.model_copy(update={"from_stage": "stride32"}), runtime)
    with pytest.raises(BadSetting, match="no stage 'stride32'; choose from stride4, stride8, stri"):
        detector.layers(64, 64, 2)


def test_too_small_a_size_is_refused(runtime: Runtime) -> None:
    """A size whose border cannot be reflected is refused with the least that is taken."""
    with pytest.raises(BadSetting, match="both sides must have at least 32 px"):
        Transfer(SHORT, runtime).layers(16, 64, 2)


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        (chain(activation="Softplus"), r"no chain of convolutions \(the first .* is Softplus"),
        (chain(skip=True), "no chain of convolutions .* is Conv"),
    ],
)
def test_a_network_of_another_kind_is_refused(backbone: Backbone, reason: str) -> None:
    """What cannot be turned into layers is refused with the node, and with what to take."""
    assert list(trunk_of(chain()).stages) == ["only"]
    with pytest.raises(BadSetting, match=reason):
        trunk_of(backbone)
