import io

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from okng.testing.models import tiny_model


def test_golden_scores_are_right() -> None:
    """The tiny model's graph gives its golden images the scores that its manifest states."""
    model = tiny_model(gain=3.0, height=6, width=9)
    session = onnxruntime.InferenceSession(model.graph, providers=["CPUExecutionProvider"])
    for golden in model.manifest.golden:
        pixels = np.asarray(Image.open(io.BytesIO(model.golden[golden.file])))
        score, anomaly_map = session.run(["score", "anomaly_map"], {"image": pixels[None]})
        assert score == pytest.approx(golden.score, abs=model.manifest.tolerance)
        assert anomaly_map.shape == (1, 6, 9)
