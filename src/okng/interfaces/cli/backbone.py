"""`okng backbone`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.interfaces.cli import options
from okng.interfaces.cli.backbone_options import network_use, say_added
from okng.interfaces.cli.exit_codes import EPILOG
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.reporting import Command, Group

app = typer.Typer(
    cls=Group,
    help="List, pull, add and remove backbones.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in --set backbone=NAME.")]


@app.command("list", cls=Command)
def list_backbones(
    no_speed: Annotated[
        bool, typer.Option("--no-speed", help="Do not measure how fast they are here.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the backbones there are: licence, tier, size and speed on this machine."""
    from dataclasses import asdict

    from okng.bootstrap.backbones import entries
    from okng.settings import read_settings

    output = Output(as_json)
    with output.progress() as progress:
        found = entries(read_settings(), not no_speed, progress)
    output.table(
        ["backbone", "licence", "tier", "MB", "at px", "ms here", "where"],
        [
            [
                one.name,
                one.licence,
                one.tier or "-",
                f"{one.size_bytes / 1e6:.0f}" if one.size_bytes else "-",
                str(one.side_px),
                "-" if one.milliseconds is None else f"{one.milliseconds:.1f}",
                one.place,
            ]
            for one in found
        ],
        left=3,
    )
    output.document({"backbones": [asdict(one) for one in found]})


@app.command(cls=Command)
def add(
    name: Name,
    file: Annotated[
        Path,
        typer.Option(
            "--from", metavar="FILE", help="Weights (.safetensors, .pth) or a network (.onnx)."
        ),
    ],
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="TEXT", help="Under which it may be used."),
    ] = None,
    output_names: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="NAME", help="Take this value's features; repeatable."),
    ] = None,
    grid: Annotated[
        str | None,
        typer.Option("--grid", metavar="RxC", help="Outputs are tokens of so many rows, columns."),
    ] = None,
    prefix_tokens: Annotated[
        int | None,
        typer.Option("--prefix-tokens", metavar="N", min=0, help="Tokens before the grid's."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="Take images of this size alone."),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option("--mean", metavar="R,G,B", help="Subtracted; ImageNet's unless given."),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option("--std", metavar="R,G,B", help="Divided by; ImageNet's unless given."),
    ] = None,
    pixel_range: Annotated[
        float | None,
        typer.Option("--pixel-range", metavar="X", help="White before mean and std: 1 or 255."),
    ] = None,
    channels: Annotated[
        str | None, typer.Option("--channels", metavar="rgb|bgr", help="Their order; rgb.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", metavar="nchw|nhwc", help="Of the image; nchw.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a backbone from a file.

    It is built, run on every runtime that is installed, and kept in the data folder. Models that
    are trained with it hold it themselves. All options but --licence are for ONNX files.
    """
    from okng.bootstrap.backbones import add as add_from
    from okng.settings import read_settings

    output = Output(as_json)
    use = network_use(
        output_names, grid, prefix_tokens, size, mean, std, pixel_range, channels, layout
    )
    added = add_from(name, file, licence, read_settings(), use)
    say_added(output, added)


@app.command(cls=Command)
def pull(name: Name, as_json: options.Json = False) -> None:
    """Download a known backbone's published weights, and add it.

    A download that broke off goes on. Needs a network; a mirror or proxy can be set.
    """
    from okng.bootstrap.backbones import pull as pull_from
    from okng.settings import read_settings

    output = Output(as_json)
    with output.progress() as progress:
        added = pull_from(name, read_settings(), progress)
    say_added(output, added)


@app.command(cls=Command)
def remove(name: Name, as_json: options.Json = False) -> None:
    """Delete a backbone that was added. Models that were trained with it go on without it."""
    from okng.bootstrap.backbones import remove as delete
    from okng.settings import read_settings

    output = Output(as_json)
    delete(name, read_settings())
    output.line(f"{name} is removed; models that were trained with it hold it themselves")
    output.document({"removed": name})
