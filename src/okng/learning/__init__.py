"""The only place that knows PyTorch: detectors that are learned step by step.

All of it is the extra `train`. What is learned becomes the one ONNX graph, which needs none of it.
"""

from importlib.util import find_spec

from okng.domain.errors import MissingExtra

if find_spec("torch") is None or find_spec("kornia") is None:
    raise MissingExtra("PyTorch or kornia, which learned detectors need,", "train")
