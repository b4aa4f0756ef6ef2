"""The only place that knows PyTorch: detectors that are learned step by step.

All of it is the extra `train`. What is learned becomes the one ONNX graph, which needs none of it.
"""

from importlib.util import find_spec

from okng.domain.errors import MissingExtra

if any(find_spec(name) is None for name in ("torch", "lightning_fabric", "kornia")):
    raise MissingExtra("PyTorch, Lightning or kornia, which learned detectors need,", "train")
