"""`okng train`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from okng.bootstrap import Preview, TierTime
    from okng.domain.dataset import Dataset
    from okng.domain.learning import Layer
    from okng.services.train import Training


class Plan(StrEnum):
    """The choices of `okng.services.training_plan.CalibrationPlan`, without its imports."""

    AUTO = "auto"
    SPLIT = "split"
    CROSS_FIT = "cross-fit"


class Tier(StrEnum):
    """The names of `okng.bootstrap.TIERS`, without its imports."""

    FAST = "fast"
    BALANCED = "balanced"
    ACCURATE = "accurate"


def train(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Images of parts, or a list of them.")
    ],
    product: options.Product = None,
    detector: Annotated[
        str,
        typer.Option(
            "--detector",
            metavar="NAME",
            help="memory: the default. gaussian: faster, for parts that always lie the same. "
            "fusion: several in one. probe: names defects, learned from labelled ones. With the "
            "extra train: transfer and cnn, networks that name them, too; student, a light "
            "network; autoencoder.",
        ),
    ] = "memory",
    tier: Annotated[
        Tier | None,
        typer.Option(
            "--tier", help="fast, balanced or accurate: stands for a detector and its backbones."
        ),
    ] = None,
    budget_ms: Annotated[
        float | None,
        typer.Option(
            "--budget-ms",
            metavar="MS",
            min=0.001,
            help="Take the most accurate tier whose graph needs no longer for one image here.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A setting of the detector; may be repeated."
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="PX|WxH",
            help="Size at which parts are looked at; the backbone's own unless given.",
        ),
    ] = None,
    tile: Annotated[
        str | None,
        typer.Option(
            "--tile",
            metavar="PX[:PX]",
            help="Look through tiles of this size, which overlap by so much: for large images.",
        ),
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option(
            "--roi", metavar="X,Y,W,H", help="Inspect this region only, in pixels of the image."
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option("--mask", metavar="FILE", help="An image, black where nothing is inspected."),
    ] = None,
    prepare: options.Prepare = None,
    max_overkill: options.MaxOverkill = 0.01,
    confidence: options.Confidence = 0.95,
    margin: options.Margin = 0.25,
    calibration: Annotated[
        Plan,
        typer.Option("--calibration", help="split holds parts out; cross-fit is for few images."),
    ] = Plan.AUTO,
    group_pattern: options.GroupPattern = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")] = 0,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", help="Only show how images are prepared and changed; learn nothing."
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Learn a product from images of good parts; probe, transfer and cnn learn labelled defects.

    Understands good/ beside folders of defects, MVTec AD, AD 2 and LOCO, VisA, COCO, Label Studio,
    Lookout for Vision, a flat folder of good images, and a CSV of path,label[,mask]. Makes a new
    version of the product's model.
    """
    chosen = options.parse_settings(settings or [])
    tiles = options.parse_tile(tile)
    pixels = None if size is None else options.parse_size(size, tiles is not None)
    box = options.parse_roi(roi)
    from okng.adapters.datasets import read_dataset
    from okng.bootstrap import (
        TrainingOptions,
        draw_curves,
        measure_tiers,
        network_layers,
        preview_training,
        settled,
        train_dataset,
        training_advice,
    )
    from okng.services.first_look import first_look
    from okng.services.training_plan import CalibrationPlan
    from okng.settings import read_settings

    output = Output(as_json)
    wanted = TrainingOptions(
        detector=detector,
        tier=tier,
        budget_ms=budget_ms,
        config=chosen,
        size=pixels,
        tile=tiles,
        roi=box,
        mask=mask,
        prepare=prepare or (),
        wish=options.wish_of(max_overkill, confidence, margin),
        calibration=CalibrationPlan(calibration.value),
        group_pattern=group_pattern,
        seed=seed,
    )
    dataset = read_dataset(folder, group_pattern)
    wording.say_dataset(output, dataset)
    process, times = read_settings(), []
    seen = first_look(dataset, process.max_pixels)
    for text in seen:
        output.note(text)
    if tier or budget_ms:
        if tiles is None:
            with output.progress() as progress:
                times = measure_tiers(wanted, process, len(dataset.train_good), progress)
            _say_tiers(output, times)
        wanted = settled(wanted, times, process)
    layers = network_layers(dataset, wanted, process)
    _say_layers(output, layers)
    if advice := training_advice(dataset, wanted, process):
        output.note(advice)
    ahead = preview_training(dataset, product, wanted, process, preview)
    _say_preview(output, ahead)
    if preview:
        output.document({"dataset": wording.dataset_record(dataset), **vars(ahead)})
        return
    with output.progress() as progress:
        training = train_dataset(dataset, product, wanted, process, progress)
        curves = draw_curves(training.model, process)
    say_training(output, training, curves)
    output.next_commands(_next(folder, dataset, training, bool(seen)))
    document: dict[str, Any] = {"dataset": wording.dataset_record(dataset), "first_look": seen}
    document |= training_record(training)
    document |= {"layers": [vars(one) for one in layers]} if layers else {}
    document |= {"curves": curves} if curves else {}
    output.document(document | ({"tiers": [vars(one) for one in times]} if times else {}))


def _say_tiers(output: Output, times: "Sequence[TierTime]") -> None:
    """Say what one image costs in each tier, here."""
    rows = [
        [one.tier, f"{one.milliseconds:.1f}" if one.milliseconds else "-", _missing(one.missing)]
        for one in times
    ]
    output.table(["tier", "ms an image, here", ""], rows, left=1)
    output.line()


def _say_preview(output: Output, ahead: "Preview") -> None:
    """Say what will be done to the images, and where examples of it are."""
    if ahead.sheet is None:
        return
    output.card(
        [
            ("Each image", ahead.view),
            *([("Changed", f"at random while it learns: {ahead.augmented}")] if ahead.augmented
              else []),
            ("Examples", str(ahead.sheet)),
        ]
    )  # fmt: skip
    output.line()


def _say_layers(output: Output, layers: "Sequence[Layer]") -> None:
    """Say what the network is made of that will be learned."""
    if not layers:
        return
    rows = [
        [one.name, " x ".join(map(str, one.shape)), f"{one.parameters:,}", f"{one.multiply_adds:,}"]
        for one in layers
    ]
    parameters = sum(one.parameters for one in layers)
    multiply_adds = sum(one.multiply_adds for one in layers)
    output.line()
    heads = ["layer", "gives", "parameters", "multiply-adds"]
    output.table(heads, [*rows, ["all", "", f"{parameters:,}", f"{multiply_adds:,}"]])
    output.line()


def _missing(backbone: str | None) -> str:
    return f"needs okng backbone pull {backbone}" if backbone else ""


def say_training(output: Output, training: "Training", curves: Path | None = None) -> None:
    """Say what a training came to; `curves` is a picture of how the learning went."""
    model = training.model
    data = model.manifest.data
    output.line(f"{model.name} is ready after {training.seconds:.1f} s", style="bold green")
    output.line()
    output.card(
        [
            ("Learned", _learned(training)),
            *wording.calibration_rows(model.manifest.calibration),
            *wording.refused_rows(training.refused),
            (
                "Parity",
                [
                    f"{found.runtime}: differs by {found.difference:.1g}, allowed "
                    f"{model.manifest.tolerance:.1g}"
                    for found in training.parity
                ],
            ),
            *([] if curves is None else [("Curves", str(curves))]),
        ]
    )
    for said in training.notes:
        output.line()
        output.note(said)
    if data.parts < data.images:
        output.line()
        output.note(
            f"{data.images} images show {data.parts} different parts: images of one part, and near "
            "duplicates, count once"
        )


def training_record(training: "Training") -> dict[str, Any]:
    """Return the same for JSON."""
    from dataclasses import asdict

    manifest = training.model.manifest
    return {
        "model": training.model.name,
        "product": manifest.product,
        "version": manifest.version,
        "detector": manifest.detector,
        "data": manifest.data.record(),
        "calibration": wording.calibration_record(manifest.calibration),
        "refused": wording.refused_record(training.refused),
        "parity": [asdict(found) for found in training.parity],
        "tolerance": manifest.tolerance,
        "facts": dict(manifest.facts),
        "notes": list(training.notes),
        "seconds": training.seconds,
    }


def _learned(training: "Training") -> str:
    manifest = training.model.manifest
    data = manifest.data
    good = counted(data.images - data.held_out, "good image")
    what = good if manifest.classes is None else manifest.classes.counts
    text = f"{what} by {manifest.detector}"
    if data.held_out:
        text += f"; {data.held_out} more held out to calibrate"
    text += f", at {manifest.view}"
    facts = manifest.facts
    if "tiles" in facts:
        text += f", in {facts['tiles']} tiles of {facts['tile_px']} px"
    return text


def _next(
    folder: Path, dataset: "Dataset", training: "Training", in_doubt: bool
) -> list[tuple[str, str]]:
    """Choose what to type next: an evaluation where there is something to evaluate on, a check-up
    where the first look found something."""
    from okng.domain.dataset import Split
    from okng.domain.product import product_name

    product = training.model.manifest.product
    named = "" if product_name(dataset.name) == product else f" --product {product}"
    evaluation = f"okng evaluate {wording.quoted(folder)}{named}"
    commands = [(f"okng inspect IMAGE... --model {product}", "judge new parts")]
    if dataset.of(Split.TEST):
        commands.insert(0, (evaluation, "how good it is on the test images, with a report"))
    if in_doubt:
        doctor = f"okng doctor {wording.quoted(folder)}"
        commands.insert(0, (doctor, "what is wrong with these images, with pictures"))
    return commands
