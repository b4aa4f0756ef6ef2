"""What `okng backbone add` is told of a network, and what it says of a backbone."""

import re
from typing import TYPE_CHECKING

import typer

from okng.interfaces.cli.options import parse_size
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.graphs.foreign_network import Use
    from okng.services.add_backbone import Added

_CHANNELS = {"rgb": False, "bgr": True}
_LAYOUTS = {"nchw": False, "nhwc": True}


def network_use(
    outputs: list[str] | None,
    grid: str | None,
    prefix_tokens: int | None,
    size: str | None,
    mean: str | None,
    std: str | None,
    pixel_range: float | None,
    channels: str | None,
    layout: str | None,
) -> "Use | None":
    """Return how a network is used; None where nothing was said of it.

    Raises:
        typer.BadParameter: a value cannot be read; names the option.
    """
    from okng.graphs.foreign_network import Use

    given = (outputs, grid, prefix_tokens, size, mean, std, pixel_range, channels, layout)
    if not any(value is not None for value in given):
        return None
    if prefix_tokens is not None and grid is None:
        raise typer.BadParameter("it goes with --grid", param_hint="--prefix-tokens")
    if pixel_range is not None and not 0 < pixel_range <= 65_535:
        raise typer.BadParameter(
            "write 1 or 255, or another number above 0", param_hint="--pixel-range"
        )
    across = parse_size(size) if size else None
    return Use(
        outputs=tuple(outputs or ()),
        grid=_pair(grid, "--grid", "rows x columns, as in 16x16"),
        prefix_tokens=prefix_tokens,
        size=(across[1], across[0]) if across else None,
        mean=_numbers(mean, "--mean"),
        deviation=_numbers(std, "--std"),
        pixel_range=pixel_range or 1.0,
        is_bgr=_choice(channels or "rgb", _CHANNELS, "--channels"),
        channels_last=_choice(layout or "nchw", _LAYOUTS, "--layout"),
    )


def say_added(output: Output, added: "Added") -> None:
    """Say what a new backbone is, and how it is used."""
    from dataclasses import asdict

    output.line(f"{added.name} is ready", style="bold green")
    output.line()
    stages = [f"{s.name}: {s.channels} channels, every {s.stride} px" for s in added.stages]
    defaults = added.defaults
    takes = []
    if added.fixed_size is not None:
        height, width = added.fixed_size
        takes = [("Image", f"{width} x {height} px alone; others are resized in the graph")]
    output.card(
        [
            ("Licence", added.licence),
            ("Stages", stages),
            *takes,
            ("Default", f"{' + '.join(defaults.stages)} at {defaults.side_px} px"),
            ("File", f"{added.path} ({added.size_bytes / 1e6:.0f} MB)"),
        ]
    )
    output.next_commands([(f"okng train FOLDER --set backbone={added.name}", "use it")])
    output.document(asdict(added))


def _pair(text: str | None, option: str, form: str) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,4})\s*[x×]\s*(\d{1,4})\s*", text)
    if match is None or not int(match[1]) or not int(match[2]):
        raise typer.BadParameter(f"{text!r} is not {form}", param_hint=option)
    return int(match[1]), int(match[2])


def _numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 3) or not all(abs(value) < 1e6 for value in values):
        raise typer.BadParameter(
            f"{text!r} is neither one number nor three, as in 0.485,0.456,0.406", param_hint=option
        )
    return values


def _choice(text: str, known: dict[str, bool], option: str) -> bool:
    try:
        return known[text.lower()]
    except KeyError:
        raise typer.BadParameter(
            f"{text!r} is none of {', '.join(known)}", param_hint=option
        ) from None
