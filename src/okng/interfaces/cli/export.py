"""`okng export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.output import Output


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="bottle (its champion), bottle-3.")],
    size: Annotated[
        str, typer.Option("--input", metavar="WxH", help="The camera's own size: 1280x1024.")
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE.onnx", help="bottle-3-1280x1024.onnx unless given."),
    ] = None,
    channels: Annotated[
        Literal["rgb", "bgr"],
        typer.Option("--channels", help="Their order in the camera's images; OpenCV has bgr."),
    ] = "rgb",
    triton: Annotated[
        Path | None,
        typer.Option("--triton", metavar="DIR", help="Also into a Triton model repository."),
    ] = None,
    calibration: options.CalibrationNumber = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write one ONNX file that takes the camera's own pixels.

    For programs without okng (C++, C#, Triton): cropping and resizing are in the graph. It is
    verified on the model's golden images first. To move a model to another okng, take
    `okng models export`.
    """
    from okng.bootstrap import export_for_camera
    from okng.graphs.resize import Size
    from okng.settings import read_settings

    width, height = options.parse_input(size)
    if to is not None and to.suffix.lower() != ".onnx":
        raise typer.BadParameter(f"{to} must end with .onnx", param_hint="--to")
    output = Output(as_json)
    done = export_for_camera(
        model,
        Size(height, width),
        to,
        read_settings(),
        channels=channels,
        calibration=calibration,
        triton=triton,
        force=force,
    )
    output.line(f"{done.model}: images of {width} x {height}, uint8, {channels.upper()}")
    output.line()
    images = counted(len(done.checked), "golden image")
    output.card(
        [
            ("Graph", str(done.file)),
            ("Card", str(done.card)),
            ("Golden", f"{done.golden}, {counted(len(done.checked), 'image')}"),
            *([("Triton", str(done.triton))] if done.triton else []),
            *wording.calibration_rows(done.calibration),
            (
                "Verified",
                [
                    f"{one.runtime}: {images}, scores within {one.score_difference:.2g}"
                    for one in done.agreements
                ],
            ),
        ]
    )
    for note in done.notes:
        output.note(note)
    output.document(
        {
            "model": done.model,
            "file": done.file,
            "card": done.card,
            "golden": done.golden,
            "triton": done.triton,
            "calibration": wording.calibration_record(done.calibration),
            "images": [
                {"file": one.file, "score": one.score, "resized": not one.is_original}
                for one in done.checked
            ],
            "verified": [vars(one) for one in done.agreements],
            "notes": done.notes,
        }
    )
