"""Write a model as one ONNX file for the camera's own size, with what an integrator needs."""

import io
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from okng.adapters.stores.durable_files import replace_file, writing
from okng.adapters.stores.triton_repository import write_repository
from okng.algorithms.view import Preparer
from okng.bootstrap.building import installed_runtimes, store
from okng.domain.calibration import Calibration
from okng.domain.errors import BadSetting
from okng.domain.model import Model
from okng.domain.view import Box
from okng.graphs.camera import Channels, camera_graph
from okng.graphs.resize import Size
from okng.graphs.signature import check_signature
from okng.services.export import Agreement, Checked, check_export
from okng.settings import Settings

CARD_FORMAT = 1
RULE = "NG where score > ng_threshold, else REVIEW where score > review_threshold, else OK"


@dataclass(frozen=True)
class CameraExport:
    """What was written, and what was found.

    `card` is JSON, `golden` a folder of PNG files at the camera's size; `triton` is the model's
    folder in a repository. `notes` are what its user should know.
    """

    model: str
    file: Path
    card: Path
    golden: Path
    triton: Path | None
    calibration: Calibration
    checked: tuple[Checked, ...]
    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...]


def export_for_camera(
    reference: str,
    size: Size,
    to: Path | None,
    settings: Settings,
    *,
    channels: Channels = "rgb",
    calibration: int | None = None,
    triton: Path | None = None,
    force: bool = False,
) -> CameraExport:
    """Export a model for images of `size`, verified on every installed runtime before it is there.

    `to` is the ONNX file, `bottle-3-1280x1024.onnx` here unless given. Beside it lie a card, JSON
    of the same name, and a folder of golden images with their scores in the card.

    Raises:
        BadSetting: a file is there and `force` is False, the size does not fit, or it cannot be
            written.
        ParityError: a runtime scores a golden image otherwise; nothing is written.
    """
    if size.width * size.height > settings.max_pixels:
        raise BadSetting(
            f"{size.width} x {size.height} is more than {settings.max_pixels:,} pixels: name a "
            "smaller input, or raise OKNG_MAX_PIXELS"
        )
    models = store(settings)
    model = models.load(reference)
    active = models.calibration(model.name, calibration)
    file = to or Path(f"{model.name}-{size.width}x{size.height}.onnx")
    card, golden = file.with_suffix(".json"), file.with_name(f"{file.stem}-golden")
    for path in (file, card, golden):
        if path.exists() and not force:
            raise BadSetting(f"{path} is there already: name another file, or use --force")
    view = model.manifest.view
    facts = _facts(model, active, size, channels)
    labels = {f"okng.{key}": str(value) for key, value in facts.items()}
    mask = Preparer(view).mask
    exported = camera_graph(model.graph, view, mask, size, channels, labels)
    runtimes = installed_runtimes(settings)
    checked, agreements = check_export(
        model, exported, size, channels, runtimes, settings.max_pixels
    )
    notes = _notes(model, checked, size)
    content = _card(model, active, size, facts, file, exported, checked, agreements, notes)
    folder = None
    if triton is not None:
        sizes = check_signature(exported)
        manifest = model.manifest
        folder = write_repository(
            triton, manifest.product, manifest.version, exported, sizes, force
        )
    with writing(file.parent):
        golden.mkdir(parents=True, exist_ok=True)
        for one in checked:
            replace_file(golden / _png_name(one), _png(one))
        replace_file(card, (json.dumps(content, indent=2) + "\n").encode())
        replace_file(file, exported)
    return CameraExport(model.name, file, card, golden, folder, active, checked, agreements, notes)


def _facts(
    model: Model, calibration: Calibration, size: Size, channels: Channels
) -> dict[str, str | int | float]:
    """Return what the file says of itself in its metadata, and the card too."""
    manifest = model.manifest
    return {
        "product": manifest.product,
        "version": manifest.version,
        "model_sha256": calibration.graph_sha256,
        "calibration": calibration.version,
        "review_threshold": calibration.review_threshold,
        "ng_threshold": calibration.ng_threshold,
        "input_width": size.width,
        "input_height": size.height,
        "channels": channels,
    }


def _card(
    model: Model,
    calibration: Calibration,
    size: Size,
    facts: dict[str, str | int | float],
    file: Path,
    exported: bytes,
    checked: tuple[Checked, ...],
    agreements: tuple[Agreement, ...],
    notes: tuple[str, ...],
) -> dict[str, object]:
    manifest = model.manifest
    roi = manifest.view.roi or Box(0, 0, size.width, size.height)
    return {
        "format": CARD_FORMAT,
        "file": file.name,
        "sha256": sha256(exported).hexdigest(),
        **facts,
        "rule": RULE,
        "promises": [str(promise) for promise in calibration.promises],
        "input": {"name": "image", "type": "uint8", "shape": ["N", size.height, size.width, 3]},
        "outputs": {
            "score": {"type": "float32", "shape": ["N"]},
            "anomaly_map": {
                "type": "float32",
                "shape": ["N", manifest.map_height, manifest.map_width],
                "covers": vars(roi),
            },
        },
        "tolerance": manifest.tolerance,
        "golden": [
            {"file": f"{file.stem}-golden/{_png_name(one)}", "score": one.score}
            | {"resized": not one.is_original}
            for one in checked
        ],
        "verified": [vars(one) for one in agreements],
        "notes": list(notes),
    }


def _notes(model: Model, checked: tuple[Checked, ...], size: Size) -> tuple[str, ...]:
    """Say where the camera's images differ from those that the model knows."""
    if all(one.is_original for one in checked):
        return ()
    notes = [
        f"golden images of another size were resized to {size.width} x {size.height}: this shows "
        "that the graph computes as the model does, not that the camera sees what the model "
        "learned from; if it is another camera, train on its images"
    ]
    if model.manifest.view.roi is not None:
        notes.append(
            "the region of interest is in pixels of the images that were trained on; in an image "
            "of another size it shows another part"
        )
    return tuple(notes)


def _png_name(one: Checked) -> str:
    return f"{Path(one.file).stem}.png"


def _png(one: Checked) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(one.pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
