"""A model repository of the Triton Inference Server: a folder per product, a folder per version."""

from pathlib import Path

from okng.adapters.stores.durable_files import replace_file, writing
from okng.domain.errors import BadSetting
from okng.graphs.signature import Signature

MAX_BATCH = 8
"""Images that Triton may put together."""


def write_repository(
    folder: Path, product: str, version: int, graph: bytes, sizes: Signature, force: bool = False
) -> Path:
    """Write `product/version/model.onnx` and `product/config.pbtxt` below `folder`.

    Returns:
        The product's folder.

    Raises:
        BadSetting: that version, or a configuration for other sizes, is there and `force` is
            False; or it cannot be written.
    """
    place = folder / product
    config, file = place / "config.pbtxt", place / str(version) / "model.onnx"
    text = config_of(product, sizes)
    with writing(folder):
        if not force:
            if config.exists() and config.read_bytes() != text.encode():
                raise BadSetting(
                    f"{config} is there already and says something else, and all versions of a "
                    "Triton model share it: name another folder, or replace it with --force"
                )
            if file.exists():
                raise BadSetting(
                    f"{file} is there already: name another folder, or replace it with --force"
                )
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, graph)
        replace_file(config, text.encode())
    return place


def config_of(product: str, sizes: Signature) -> str:
    """Return `config.pbtxt`, protobuf text of Triton's ModelConfig.

    The score of an image is a number without dimensions, which Triton cannot answer: it becomes
    `[1]` by `reshape`. A graph for one image at a time has no batch dimension of Triton's.
    """
    outputs = [("score", []), ("anomaly_map", [sizes.map_height, sizes.map_width])]
    if sizes.classes is not None:
        outputs.append(("class_scores", [sizes.classes]))
    batch = [] if sizes.is_batched else [1]
    lines = [
        f'name: "{product}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH if sizes.is_batched else 0}",
        "input [",
        _tensor("image", "TYPE_UINT8", [*batch, sizes.height, sizes.width, 3]),
        "]",
        "output [",
        ",\n".join(_tensor(name, "TYPE_FP32", [*batch, *dims]) for name, dims in outputs),
        "]",
    ]
    return "\n".join(lines) + "\n"


def _tensor(name: str, kind: str, dims: list[int | None]) -> str:
    shown = ", ".join(str(-1 if dim is None else dim) for dim in dims)
    reshape = "" if dims else "\n    reshape { shape: [ ] }"
    return f"""  {{
    name: "{name}"
    data_type: {kind}
    dims: [ {shown or 1} ]{reshape}
  }}"""
