"""The array types that cross functions, by name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""uint8 `[H, W, 3]`, RGB."""

Floats = NDArray[np.float32]
"""float32 of the shape that the docstring names."""

Scores = NDArray[np.float64]
"""float64 `[n]`, raw scores."""

Mask = NDArray[np.bool_]
"""bool `[H, W]`."""

Array = NDArray[Any]
