from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn import functional

from okng.domain.errors import BadSetting, TrainingFailed
from okng.domain.learning import Checkpoints, Interrupted
from okng.domain.ports import Progress, Resumable, Runtime, Trained, Truth, silent
from okng.graphs.builder import GraphBuilder
from okng.learning.classification import (
    ClassificationConfig,
    Classifying,
    Criterion,
    graph_of,
    parted_split,
)
from okng.learning.cnn import Cnn, CnnConfig, network_of
from okng.learning.layers import layers_of
from okng.learning.pictures import to_tensor
from okng.learning.to_onnx import write
from okng.testing.images import ArrayImages, good_parts, with_defect, with_scratch
from okng.testing.stores import MemoryCheckpoints

NAMES = ("good", "hole", "scratch")
SHORT = CnnConfig(epochs=3, steps=4, batch=4, depth=2, width=4)
SCORES = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.3, -0.2], [-3.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 2, 0])


def truth_of(labels: list[int], names: tuple[str, ...] = NAMES) -> Truth:
    return Truth(names, labels, range(len(labels)))


@pytest.fixture(scope="module")
def labelled() -> tuple[ArrayImages, Truth]:
    """Return four parts of each of three classes, 32 pixels wide."""
    parts = good_parts(12, 32)
    drawn = [*parts[:4], *map(with_defect, parts[4:8]), *map(with_scratch, parts[8:])]
    return ArrayImages(drawn), truth_of([0] * 4 + [1] * 4 + [2] * 4)


def train(
    labelled: tuple[ArrayImages, Truth],
    runtime: Runtime,
    config: CnnConfig = SHORT,
    checkpoints: Checkpoints | None = None,
    progress: Progress = silent,
) -> Trained:
    detector = Cnn(config, runtime)
    assert isinstance(detector, Resumable)
    resuming = detector.resuming(checkpoints or MemoryCheckpoints())
    return resuming.train_labelled(*labelled, None, progress)


def break_at(step: int) -> Progress:
    def progress(stage: str, done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


def test_two_classes_are_the_binary_cross_entropy_of_the_log_odds() -> None:
    """For good against defective the loss is that of the difference of both scores."""
    scores, labels = SCORES[:, :2], torch.tensor([0, 1, 1, 0])
    config = ClassificationConfig(weighting="none")
    found = Criterion(truth_of([0, 1, 1, 0], NAMES[:2]), config)(scores, labels)
    odds = scores[:, 1] - scores[:, 0]
    expected = functional.binary_cross_entropy_with_logits(odds, labels.float())
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighting", ["none", "balanced"])
def test_cross_entropy_is_pytorchs(weighting: str, smoothing: float) -> None:
    """With class weights and label smoothing the loss is what PyTorch computes image by image."""
    config = ClassificationConfig(weighting=weighting, label_smoothing=smoothing)
    found = Criterion(truth_of(LABELS.tolist()), config)(SCORES, LABELS)
    each = functional.cross_entropy(SCORES, LABELS, label_smoothing=smoothing, reduction="none")
    weights = {"none": [1, 1, 1, 1], "balanced": [2 / 3, 4 / 3, 4 / 3, 2 / 3]}[weighting]
    assert float(found) == pytest.approx(float((each * torch.tensor(weights)).mean()), rel=1e-6)


def test_focal_loss_by_hand() -> None:
    """Each image's cross entropy is multiplied by (1 - p) to the power that was chosen."""
    config = ClassificationConfig(weighting="none", focal=2)
    found = Criterion(truth_of(LABELS.tolist()), config)(SCORES, LABELS)
    p = functional.softmax(SCORES, 1)[torch.arange(4), LABELS]
    assert float(found) == pytest.approx(float((-((1 - p) ** 2) * p.log()).mean()), rel=1e-5)


def test_images_of_a_part_stay_together_in_the_validation() -> None:
    """No part is on both sides, each class of two parts is, and one of a single part is learned."""
    labels = [0] * 12 + [1] * 6 + [2]
    parts = [i // 3 for i in range(18)] + [99]
    learned, held = parted_split(Truth(NAMES, labels, parts), 0.2, 0)
    assert sorted(learned + held) == list(range(19))
    assert not {parts[i] for i in learned} & {parts[i] for i in held}
    assert set(Counter(labels[i] for i in held)) == {0, 1}
    assert 18 in learned


def test_a_single_part_of_each_class_is_learned_and_shown() -> None:
    """Where no class can be on both sides, all images are."""
    assert parted_split(truth_of([0, 1]), 0.1, 0) == ([0, 1], [0, 1])


def test_a_class_with_one_image_is_learned_and_said(runtime: Runtime) -> None:
    """It trains, and a note says that nothing shows how well this class is learned."""
    drawn = [*good_parts(4, 32), with_defect(good_parts(1, 32, start=4)[0])]
    truth = truth_of([0, 0, 0, 0, 1], NAMES[:2])
    (note,) = train((ArrayImages(drawn), truth), runtime).notes
    assert note.startswith("no image was left to show how well hole is learned")


def test_resumed_training_makes_the_same_model(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """Broken off and begun again, a training ends at the same graph and curves, and says so."""
    whole, checkpoints = train(labelled, runtime), MemoryCheckpoints()
    with pytest.raises(Interrupted, match="the same command goes on from there"):
        train(labelled, runtime, SHORT, checkpoints, break_at(6))
    resumed = train(labelled, runtime, SHORT, checkpoints)
    assert (resumed.graph, resumed.curves) == (whole.graph, whole.curves)
    assert "went on after epoch 1 of 3" in resumed.notes[0]
    assert not checkpoints.states


def test_other_labels_are_another_training(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """What was kept of the same images under other labels is not taken."""
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Interrupted):
        train(labelled, runtime, SHORT, checkpoints, break_at(6))
    swapped = truth_of(list(labelled[1].labels)[::-1])
    assert train((labelled[0], swapped), runtime, SHORT, checkpoints).notes == ()


def test_loss_that_is_no_number_is_said(
    labelled: tuple[ArrayImages, Truth], runtime: Runtime
) -> None:
    """A learning rate that bursts the weights ends in one error with the mend."""
    config = SHORT.model_copy(update={"learning_rate": 10.0, "optimizer": "sgd", "l1": 1.0})
    config = config.model_copy(update={"batch_norm": False, "epochs": 60})
    with pytest.raises(TrainingFailed, match="take a lower learning rate than 10"):
        train(labelled, runtime, config)


def test_what_is_learned_is_augmented_and_what_is_validated_is_not(
    labelled: tuple[ArrayImages, Truth],
) -> None:
    """With augmentation the loss of a batch depends on what is drawn, the validation's does not."""
    config = SHORT.model_copy(update={"augment": "flip,brightness=0.5", "dropout": 0.0})
    network = network_of(config, 3)
    task = Classifying(network, *labelled, (32, 32), config)
    chosen = np.arange(4)
    losses = {float(task.loss(chosen, np.random.default_rng(seed)).detach()) for seed in (0, 1)}
    assert len(losses) == 2
    with torch.no_grad():
        assert task.validate()["validation loss"] == task.validate()["validation loss"]


def test_curves_and_facts(labelled: tuple[ArrayImages, Truth], runtime: Runtime) -> None:
    """Loss and accuracy, of what is learned and what is not, have a point for each epoch."""
    trained = train(labelled, runtime)
    names = ["loss", "validation loss", "accuracy", "validation accuracy"]
    assert [curve.name for curve in trained.curves] == names
    assert {len(curve.points) for curve in trained.curves} == {3}
    shares = [y for curve in trained.curves[2:] for _, y in curve.points]
    assert all(0 <= share <= 1 for share in shares)
    assert trained.facts["parameters"] == sum(layer.parameters for layer in trained.layers)


VARIANTS = {
    "separable": {"convolution": "separable", "activation": "gelu"},
    "dilated": {"convolution": "dilated", "pooling": "average", "activation": "silu"},
    "hidden": {"hidden": 6, "batch_norm": False, "depth": 1},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_graph_computes_what_was_learned(
    name: str, runtime: Runtime, labelled: tuple[ArrayImages, Truth]
) -> None:
    """Whatever the network is built of, the graph's class scores are PyTorch's, and the mean of the
    map of a model without good is its score: the map's parts add up."""
    config = CnnConfig(**{"depth": 2, "width": 4, **VARIANTS[name]})
    torch.manual_seed(1)
    images, kinds = labelled[0], NAMES[1:]
    network = network_of(config, len(kinds))
    task = Classifying(network, images, truth_of([0, 1] * 6, kinds), (32, 32), config)
    graph = graph_of(network, (32, 32), images.inspected, task.cells, kinds)
    pixels = np.stack([images[0], images[4]])
    with torch.no_grad():
        planes = network(to_tensor(pixels, (32, 32), torch.device("cpu")))
    found = runtime.load(graph).run({"image": pixels})
    np.testing.assert_allclose(found["class_scores"], planes.mean((2, 3)), rtol=1e-3, atol=1e-5)
    means = found["anomaly_map"].mean(axis=(1, 2))
    np.testing.assert_allclose(means, found["score"], rtol=1e-3, atol=1e-5)


def test_settings_build_what_they_say() -> None:
    """Each choice of the settings is in the network's summary."""
    config = CnnConfig(
        depth=2, width=4, convolution="separable", pooling="average", activation="gelu", hidden=8,
        dropout=0.5,
    )  # fmt: skip
    names = [layer.name for layer in layers_of(network_of(config, 3), (32, 48))]
    assert names[:8] == [
        "convolution 3 x 3", "batch norm", "GELU", "average pool 2 x 2",
        "depthwise convolution 3 x 3", "convolution 1 x 1", "batch norm", "GELU",
    ]  # fmt: skip
    assert names.count("dropout 0.5") == 2
    dilated = CnnConfig(convolution="dilated", batch_norm=False, pooling="max")
    names = [layer.name for layer in layers_of(network_of(dilated, 3), (64, 64))]
    assert names[:3] == ["convolution 3 x 3, dilated 2", "ReLU", "max pool 2 x 2"]


def test_summary_by_hand(runtime: Runtime) -> None:
    """Shapes, parameters and multiply-adds of a small network are what a pencil gives."""
    config = CnnConfig(depth=1, width=4, batch_norm=False, dropout=0)
    layers = Cnn(config, runtime).layers(height=8, width=16, classes=2)
    found = [(one.shape, one.parameters, one.multiply_adds) for one in layers]
    assert found == [
        ((4, 8, 16), 3 * 9 * 4 + 4, 8 * 16 * 4 * 27),
        ((4, 8, 16), 0, 0),
        ((4, 4, 8), 0, 0),
        ((4, 4, 8), 4 * 9 * 4 + 4, 4 * 8 * 4 * 36),
        ((4, 4, 8), 0, 0),
        ((4, 4, 8), 0, 0),
        ((2, 4, 8), 4 * 2 + 2, 4 * 8 * 2 * 4),
    ]


@pytest.mark.parametrize(("convolution", "least"), [("ordinary", 32), ("dilated", 48)])
def test_too_small_a_size_is_refused(convolution: str, least: int, runtime: Runtime) -> None:
    """A size of which too few cells would be left is refused with the least that is taken."""
    detector = Cnn(CnnConfig(convolution=convolution), runtime)
    assert detector.layers(least, least, 2)
    with pytest.raises(BadSetting, match=f"both sides must have at least {least} px"):
        detector.layers(least - 16, 64, 2)


def test_another_padding_is_not_written() -> None:
    """A padding that the graph has no node for is refused by its name."""
    layer = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    with pytest.raises(TypeError, match="a padding 'circular' cannot be written"):
        write(GraphBuilder("written"), "x", layer)
