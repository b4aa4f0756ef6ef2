"""From a kind and a name to a class; nothing is imported until it is asked for.

What okng ships stands in a table. Others offer classes through the entry-point groups
`okng.detectors` and `okng.runtimes`; they are looked at only where the settings name them.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from okng.domain.errors import BadSetting

SHIPPED: dict[tuple[str, str], str] = {
    ("detector", "memory"): "okng.detectors.memory:Memory",
    ("detector", "gaussian"): "okng.detectors.gaussian:Gaussian",
    ("detector", "fusion"): "okng.detectors.fusion:Fusion",
    ("detector", "probe"): "okng.detectors.probe:Probe",
    ("detector", "cnn"): "okng.learning.cnn:Cnn",
    ("detector", "transfer"): "okng.learning.transfer:Transfer",
    ("detector", "autoencoder"): "okng.learning.autoencoder:Autoencoder",
    ("detector", "student"): "okng.learning.student:Student",
    ("runtime", "openvino"): "okng.adapters.runtimes.openvino:OpenVino",
    ("runtime", "onnxruntime"): "okng.adapters.runtimes.onnxruntime:OnnxRuntime",
}
"""(kind, name) -> module:class. Each class has a `Config` beside it, of pydantic."""


def names(kind: str, allowed: Sequence[str] = ()) -> list[str]:
    """Return what can be had of a kind, in the order of preference."""
    shipped = [name for of, name in SHIPPED if of == kind]
    return shipped + sorted(set(_offered(kind, allowed)) - set(shipped))


def load(kind: str, name: str, allowed: Sequence[str] = ()) -> Any:
    """Import a class.

    Args:
        kind: `detector` or `runtime`.
        name: as in `names`.
        allowed: third-party names that the settings allow.

    Raises:
        BadSetting: there is none of this name.
    """
    target = SHIPPED.get((kind, name))
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)
    offered = _offered(kind, allowed)
    if name in offered:
        return offered[name].load()
    choice = ", ".join(names(kind, allowed))
    raise BadSetting(f"there is no {kind} {name!r}: choose from {choice}")


def _offered(kind: str, allowed: Sequence[str]) -> dict[str, Any]:
    if not allowed:
        return {}
    found = entry_points(group=f"okng.{kind}s")
    return {point.name: point for point in found if point.name in allowed}
