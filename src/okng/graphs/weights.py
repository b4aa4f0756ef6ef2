"""Read a network's weights from a safetensors file: numbers alone, nothing that could run."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from okng.domain.errors import BadBackbone

Weights = Mapping[str, NDArray[np.float32]]

LARGEST_FILE = 2 << 30
MOST_TENSORS = 4096

_FLOATS = {"F16", "F32", "F64"}


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return all tensors of a file by name, as float32.

    Raises:
        BadBackbone: it is missing, too large, no safetensors file, or holds other than finite
            numbers.
    """
    from safetensors import SafetensorError, safe_open

    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise BadBackbone(f"{path} has {size} bytes; weights have {LARGEST_FILE} at most")
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            if not 0 < len(names) <= MOST_TENSORS:
                raise BadBackbone(
                    f"{path} holds {len(names)} tensors; there must be 1 to {MOST_TENSORS}"
                )
            for name in names:
                kind = file.get_slice(name).get_dtype()
                if kind not in _FLOATS:
                    raise BadBackbone(
                        f"{path}: {name[:100]} is of the type {kind}; save the weights as float16 "
                        "or float32"
                    )
            found = {name: np.asarray(file.get_tensor(name), np.float32) for name in names}
    except OSError as error:
        raise BadBackbone(f"{path} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, OverflowError) as error:
        raise BadBackbone(
            f"{path} is no safetensors file, or damaged ({error}): load it again from where it "
            "came from"
        ) from error
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise BadBackbone(f"{path}: {name[:100]} holds values that are no finite numbers")
    return found
