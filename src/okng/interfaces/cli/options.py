"""Options that several commands have, and how their values are written."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from okng.domain.verdict import Policy
    from okng.domain.view import Box
    from okng.services.calibrate import Wish
    from okng.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")]

MaxOverkill = Annotated[
    float,
    typer.Option(
        "--max-overkill", metavar="SHARE", help="Good parts that may not be called OK, at most."
    ),
]
Confidence = Annotated[
    float, typer.Option("--confidence", metavar="SHARE", help="Confidence of the promise.")
]
Margin = Annotated[
    float,
    typer.Option(
        "--margin",
        metavar="FACTOR",
        help="NG begins this much further from the median than the highest good score.",
    ),
]
Product = Annotated[
    str | None,
    typer.Option("--product", metavar="NAME", help="The product; the folder's name unless given."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="REF",
        help="A model: bottle (its champion, or the newest), bottle-3, bottle@candidate.",
    ),
]
CalibrationNumber = Annotated[
    int | None,
    typer.Option(
        "--calibration", metavar="N", min=1, help="A calibration's number; the newest unless given."
    ),
]
GroupPattern = Annotated[
    str | None,
    typer.Option(
        "--group-pattern",
        metavar="REGEX",
        help="Finds the physical part in a file's name: its first group is the part's id.",
    ),
]
Prepare = Annotated[
    list[str] | None,
    typer.Option(
        "--prepare",
        metavar="STEP[=N]",
        help="Prepare all images: grey, clahe, denoise, illumination, normalise; may be repeated.",
    ),
]
MinAreaPx = Annotated[
    int,
    typer.Option(
        "--min-area-px", min=0, metavar="PX", help="NG needs a region this large; else REVIEW."
    ),
]
NoReview = Annotated[
    bool, typer.Option("--no-review", help="Nobody is there to look: REVIEW becomes NG.")
]


def parse_size(text: str, tiled: bool = False) -> tuple[int, int]:
    """Read `256` or `320x256` (width x height), in pixels."""
    from okng.domain.view import LONGEST_SIDE_PX, LONGEST_TILED_SIDE_PX

    match = re.fullmatch(r"(\d{1,5})(?:\s*[xX×]\s*(\d{1,5}))?", text.strip())
    if match is None or not (size := (int(match[1]), int(match[2] or match[1])))[0] * size[1]:
        raise typer.BadParameter(
            f"{text!r} is no size: write 256, or 320x256 for width x height in pixels",
            param_hint="--size",
        )
    longest = LONGEST_TILED_SIDE_PX if tiled else LONGEST_SIDE_PX
    if max(size) > longest:
        raise typer.BadParameter(
            f"{text} is too large: a side has {longest} pixels at most; look "
            f"{'' if tiled else 'through tiles with --tile, '}at a region of the image with --roi, "
            "or at several with a model each",
            param_hint="--size",
        )
    return size


def parse_tile(text: str | None) -> "dict[str, object] | None":
    """Read `512` or `512:64`, a tile's side and by how much tiles overlap, in pixels."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,5})\s*(?::\s*(\d{1,5})\s*)?", text)
    if match is None or not int(match[1]):
        raise typer.BadParameter(
            f"{text!r} is no tile: write 512, or 512:64 for tiles that overlap by 64 pixels",
            param_hint="--tile",
        )
    side = int(match[1])
    if match[2] is None:
        return {"tile_px": side}
    if int(match[2]) >= side:
        raise typer.BadParameter(
            f"tiles of {side} pixels cannot overlap by {match[2]}: take less", param_hint="--tile"
        )
    return {"tile_px": side, "stride_px": side - int(match[2])}


def parse_input(text: str) -> tuple[int, int]:
    """Read `1280x1024`, the width and height of a camera's images."""
    match = re.fullmatch(r"(\d{1,5})\s*[xX×]\s*(\d{1,5})", text.strip())
    if match is None or not int(match[1]) * int(match[2]):
        raise typer.BadParameter(
            f"{text!r} is no size: write 1280x1024 for width x height in pixels",
            param_hint="--input",
        )
    return int(match[1]), int(match[2])


def parse_roi(text: str | None) -> "Box | None":
    """Read `x,y,width,height` in pixels of the original image."""
    from okng.domain.view import Box

    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*", text)
    if match is None or not int(match[3]) * int(match[4]):
        raise typer.BadParameter(
            f"{text!r} is no region: write x,y,width,height in pixels of the original image, as in "
            "100,50,640,480",
            param_hint="--roi",
        )
    return Box(*(int(number) for number in match.groups()))


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """Read `name=value` pairs; a value is JSON where it can be, else text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(
                f"{pair!r} is no setting: write name=value, as in bank_size=4096",
                param_hint="--set",
            )
        try:
            settings[name.strip()] = json.loads(value)
        except ValueError:
            settings[name.strip()] = value
    return settings


def wish_of(max_overkill: float, confidence: float, margin: float) -> "Wish":
    from okng.services.calibrate import Wish

    return Wish(max_overkill=max_overkill, confidence=confidence, margin=margin)


def policy_of(min_area_px: int, no_review: bool) -> "Policy":
    from okng.domain.verdict import Policy

    return Policy(min_area_px=min_area_px, review=not no_review)


def is_given(context: typer.Context, parameter: str) -> bool:
    """Say whether a parameter, by its name in Python, was typed."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def check_one_of(model: str | None, product: str | None) -> None:
    """Refuse --model together with --product."""
    if model is not None and product is not None:
        raise typer.BadParameter("give --model or --product, not both")


def only_product(settings: "Settings") -> str:
    """Return the product where there is one alone.

    Raises:
        NotFound: there is none.
        typer.BadParameter: there are several.
    """
    from okng.bootstrap import store
    from okng.domain.errors import NotFound

    products = store(settings).products()
    if not products:
        raise NotFound("there are no models yet: make one with `okng train FOLDER`")
    if len(products) > 1:
        raise typer.BadParameter(f"which product is it? There is a choice of {', '.join(products)}")
    return products[0]


def check_target(path: Path | None, option: str) -> None:
    """Refuse to write a list over what looks like a picture."""
    from okng.adapters.datasets.listing import IMAGE_SUFFIXES

    if path is not None and path.suffix.lower() in IMAGE_SUFFIXES:
        raise typer.BadParameter(f"{path} is named like an image", param_hint=option)
