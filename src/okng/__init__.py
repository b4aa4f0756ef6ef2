"""Visual quality inspection: OK or NG, where, and how sure.

The names below are the Python interface; everything else may move. They are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from okng.version import __version__

if TYPE_CHECKING:
    from okng.bootstrap import TrainingOptions, load, train
    from okng.client import Client
    from okng.domain.errors import OkngError
    from okng.domain.inspection import Inspection
    from okng.domain.model import Model
    from okng.domain.verdict import Policy, Region, Verdict
    from okng.domain.view import Box
    from okng.services.calibrate import Wish
    from okng.services.inspect import Inspector

__all__ = [
    "Box",
    "Client",
    "Inspection",
    "Inspector",
    "Model",
    "OkngError",
    "Policy",
    "Region",
    "TrainingOptions",
    "Verdict",
    "Wish",
    "__version__",
    "load",
    "train",
]

_HOMES = {
    "Box": "okng.domain.view",
    "Client": "okng.client",
    "Inspection": "okng.domain.inspection",
    "Inspector": "okng.services.inspect",
    "Model": "okng.domain.model",
    "OkngError": "okng.domain.errors",
    "Policy": "okng.domain.verdict",
    "Region": "okng.domain.verdict",
    "TrainingOptions": "okng.bootstrap",
    "Verdict": "okng.domain.verdict",
    "Wish": "okng.services.calibrate",
    "load": "okng.bootstrap",
    "train": "okng.bootstrap",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'okng' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
