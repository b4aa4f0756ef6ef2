from pathlib import Path

import numpy as np

from okng.adapters.runtimes.openvino import OpenVino
from okng.algorithms.metrics import auroc
from okng.detectors.memory import Memory
from okng.domain.dataset import GOOD, Dataset, Sample, Split
from okng.domain.view import View
from okng.services.inspect import Inspector
from okng.services.train import train
from okng.services.training_plan import TrainingPlan
from okng.testing.stores import MemoryStore


def test_thirty_bottles_are_enough_to_tell_broken_ones(okng_data: Path) -> None:
    """Trained on 30 images, the default detector ranks a third of the test images at over .97."""
    root = okng_data / "bottle"
    good = sorted((root / "train" / "good").iterdir())[:30]
    tested = sorted(path for path in (root / "test").rglob("*.*") if path.is_file())[::3]
    runtime = OpenVino(OpenVino.Config())
    config = Memory.Config()
    plan = TrainingPlan(
        product="bottle",
        detector_name="memory",
        detector=Memory(config, runtime),
        config=config.model_dump(mode="json"),
        backbones=(),
        view=View(256, 256),
    )
    samples = tuple(Sample(path, GOOD, Split.TRAIN) for path in good)
    dataset = Dataset("bottle", root, "by hand", samples)
    training = train(dataset, plan, [runtime], MemoryStore(), lambda *_: "")
    inspector = Inspector(training.model, runtime.load(training.model.graph))
    scores = np.array([inspector.inspect(path).score for path in tested])
    defective = np.array([path.parent.name != "good" for path in tested])
    assert 3 < defective.sum() < len(tested) - 3
    assert auroc(scores, defective) > 0.97
