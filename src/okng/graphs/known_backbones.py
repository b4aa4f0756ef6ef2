"""What okng knows of backbones that it does not bring: where they come from, how to use them."""

from dataclasses import dataclass

from okng.graphs.backbone import BackboneDefaults


@dataclass(frozen=True)
class Published:
    """A file of weights on the network, pinned: `path` below a host, its size and its SHA-256."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class KnownBackbone:
    """A backbone that its user adds by this name."""

    name: str
    licence: str
    source: str
    defaults: BackboneDefaults
    tier: str | None = None
    published: Published | None = None


_LITE = BackboneDefaults(("stride8", "stride16"), cell_px=16, side_px=256, neighbourhood=3)

KNOWN = (
    KnownBackbone(
        name="dinov2-small",
        licence="Apache-2.0",
        source="https://github.com/facebookresearch/dinov2 (ViT-S/14, without registers)",
        defaults=BackboneDefaults(("block9", "block12"), 14, 252, 1),
        tier="balanced",
        # The file, its size and its hash at that revision, as many who pinned it state them.
        published=Published(
            path="facebook/dinov2-small/resolve/ed25f3a31f01632728cabb09d1542f84ab7b0056/"
            "model.safetensors",
            size_bytes=88_249_960,
            sha256="ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
        ),
    ),
    KnownBackbone("efficientnet-lite1", "Apache-2.0", "EfficientNet-Lite1, ImageNet", _LITE),
    KnownBackbone("efficientnet-lite2", "Apache-2.0", "EfficientNet-Lite2, ImageNet", _LITE),
)


def known(name: str) -> KnownBackbone | None:
    """Return what is known of the backbone of this name."""
    return next((one for one in KNOWN if one.name == name), None)
