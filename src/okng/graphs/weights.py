"""Read a network's weights from a file: numbers alone, nothing that could run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from okng.domain.errors import BadBackbone
from okng.graphs.torch_file import read_tensors

Weights = Mapping[str, NDArray[np.float32]]

LARGEST_FILE = 2 << 30
MOST_TENSORS = 4096

_FLOATS = {"F16", "F32", "F64"}

_TORCH = frozenset({".pth", ".pt", ".bin"})
WEIGHT_SUFFIXES = frozenset({".safetensors"}) | _TORCH


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return all tensors of a safetensors or PyTorch file by name, as float32.

    Raises:
        BadBackbone: it is missing, too large, no such file, or holds other than finite numbers.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise BadBackbone(f"{path} has {size} bytes; weights have {LARGEST_FILE} at most")
        is_torch = path.suffix.lower() in _TORCH
        found = read_tensors(path) if is_torch else _read_safetensors(path)
    except OSError as error:
        raise BadBackbone(f"{path} cannot be read: {error.strerror or error}") from error
    if not 0 < len(found) <= MOST_TENSORS:
        raise BadBackbone(f"{path} holds {len(found)} tensors; there must be 1 to {MOST_TENSORS}")
    weights = {}
    for name, values in found.items():
        weights[name] = np.asarray(values, np.float32)
        if not np.isfinite(weights[name]).all():
            raise BadBackbone(f"{path}: {name[:100]} holds values that are no finite numbers")
    return weights


def _read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            for name in names:
                kind = file.get_slice(name).get_dtype()
                if kind not in _FLOATS:
                    raise BadBackbone(
                        f"{path}: {name[:100]} is of the type {kind}; save the weights as float16 "
                        "or float32"
                    )
            return {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError, OverflowError) as error:
        raise BadBackbone(
            f"{path} is no safetensors file, or damaged ({error}): load it again from where it "
            "came from"
        ) from error
