"""A backbone that takes no download, for tests of what stands on one."""

from importlib.resources import files
from pathlib import Path

_SHIPPED = "efficientnet_lite0"


def stand_in_backbone(folder: Path, name: str) -> None:
    """Put okng's own backbone into a folder of added ones, under another name."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".onnx", ".json"):
        shipped = files("okng").joinpath("backbones", _SHIPPED + suffix)
        (folder / (name + suffix)).write_bytes(shipped.read_bytes())
